//! Avatars that are written while the server is killed: written once, paid once, with one picture.

use serde_json::{Value, json};
use uuid::Uuid;

use super::house::House;
use crate::support::app::eventually;

fn profile() -> Value {
    json!({
        "tagline": "Tea above the clouds", "description": "She flew.", "personality": "Calm.", "scenario": "A hill.",
        "greeting": "Sit down.", "tone": "dry", "traits": ["dry"], "tags": ["tea"], "appearance": "Grey hair.",
    })
}

const PICTURES: &str = "select count(*) from media_files where purpose = 'avatar'";
const READY: &str = "select count(*) from media_files where purpose = 'avatar' and state = 'ready'";

#[tokio::test(flavor = "multi_thread")]
async fn an_avatar_survives_kill_9_in_each_step_with_one_picture_and_is_paid_once() {
    let mut house = House::open(&[]).await;
    let user = house.person(25).await;
    // While it is written.
    house.provider(&json!({ "endpoints": { "chat": "hang" } }));
    let wish = json!({ "name": "Nadia", "description": "A dry retired pilot who grows tea." });
    let (status, made) = house.post("/api/avatars", &user, wish).await;
    assert_eq!(status, 201, "{made}");
    let avatar: Uuid = made["avatar"]["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    house.called("chat", 1).await;
    house.kill().await;
    assert_eq!(house.credits(&user).await, (15, 10), "it is held for");
    // When it is written and its picture is to be taken in: whoever does that waits for the first lock, and whoever notes that
    // it is done for the second one.
    house.provider(&json!({ "endpoints": {}, "insert": { "position": 1, "text": profile().to_string() } }));
    let (mut one, mut other) = (house.connection().await, house.connection().await);
    let files = one.transaction().await.expect("a transaction");
    let lock = "select pg_advisory_xact_lock(hashtextextended('media of ' || $1::uuid, 0))";
    files.execute(lock, &[&user.id]).await.expect("the lock");
    house.start().await;
    house.until("it is written", "select count(*) from avatar_writings where state = 'done'").await;
    house.waits("advisory").await;
    house.kill().await;
    assert_eq!(house.credits(&user).await, (15, 0), "it is paid");
    let asked = house.calls("chat");
    // When it was taken in, and it is not noted that its job is done.
    house.start().await;
    house.waits("advisory").await;
    let jobs = other.transaction().await.expect("a transaction");
    let lock = "select id from jobs where kind = 'avatar.thumbnail' and state = 1 for update";
    assert_eq!(jobs.execute(lock, &[]).await.expect("the lock"), 1);
    files.rollback().await.expect("the lock is free");
    house.until("it is taken in", PICTURES).await;
    house.waits("transactionid").await;
    house.dies().await;
    jobs.rollback().await.expect("the lock is free");
    drop((one, other));
    house.time_passes().await;
    assert_eq!(
        house.count("select count(*) from jobs where kind = 'avatar.thumbnail' and state < 2").await,
        1
    );
    house.start().await;
    house.until("its picture is ready", READY).await;
    let done = "select count(*) from jobs where kind = 'avatar.thumbnail' and state = 2";
    house.until("its job is done", done).await;
    assert_eq!(house.count(PICTURES).await, 1, "one job makes one picture");
    assert_eq!(house.calls("chat"), asked, "it was not written again");

    // Another picture; when it is ready, and the one before is to be taken away.
    let mut one = house.connection().await;
    let before = one.transaction().await.expect("a transaction");
    before.execute("select id from media_files where purpose = 'avatar' for update", &[]).await.expect("it");
    let path = format!("/api/avatars/{avatar}/regenerate-thumbnail");
    assert_eq!(house.post(&path, &user, json!({})).await.0, 202);
    eventually("both are there", async || house.count(READY).await == 2).await;
    house.waits("transactionid").await;
    house.kill().await;
    before.rollback().await.expect("the lock is free");
    drop(one);
    house.start().await;
    house.execute("update media_files set created_at = created_at - interval '2 minutes'").await;
    house.nothing_is_left().await;
    let avatar = house.get(&format!("/api/avatars/{avatar}"), &user).await;
    assert_eq!(
        (&avatar["state"], &avatar["appearance"]),
        (&json!("ready"), &json!("Grey hair.")),
        "{avatar}"
    );
    let files = house.files(&user).await;
    assert_eq!((files.len(), &files[0]["id"]), (1, &avatar["thumbnail"]["id"]), "{files:?}");
    assert_eq!(house.credits(&user).await, (15, 0));
    house.kill().await;
}
