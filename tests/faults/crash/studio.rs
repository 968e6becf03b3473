//! Pictures and videos that are made while the server is killed in each step: paid once, there once, nothing left lying.

use serde_json::{Value, json};
use uuid::Uuid;

use super::house::{House, Person};
use crate::support::app::eventually;

async fn asked(house: &House, who: &Person, kind: &str, body: Value) -> Uuid {
    let (status, answer) = house.post(&format!("/api/content/generate/{kind}"), who, body).await;
    assert_eq!(status, 202, "{answer}");
    answer["content"]["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

/// As its row says: also when no server runs.
async fn state(house: &House, id: Uuid) -> String {
    let client = house.connection().await;
    client.query_one("select state from content where id = $1", &[&id]).await.expect("a row").get(0)
}

async fn until(house: &House, id: Uuid, wanted: &str) {
    eventually(wanted, async || state(house, id).await == wanted).await;
}

/// Whoever takes in a file of theirs waits until this is dropped.
macro_rules! files_locked {
    ($client:ident, $who:expr) => {{
        let transaction = $client.transaction().await.expect("a transaction");
        let lock = "select pg_advisory_xact_lock(hashtextextended('media of ' || $1::uuid, 0))";
        transaction.execute(lock, &[&$who.id]).await.expect("the lock");
        transaction
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_survive_kill_9_in_each_step_and_are_paid_once() {
    let mut house = House::open(&[("GREENROOM__CONTENT__RUNNING_PER_USER", "1")]).await;
    let user = house.person(30).await;
    // While the prompt of one is made better, and another waits for its turn.
    house.provider(&json!({ "endpoints": { "chat": "hang" } }));
    let first = asked(&house, &user, "image", json!({ "prompt": "a fox" })).await;
    let second = asked(&house, &user, "image", json!({ "prompt": "a heron", "optimize": false })).await;
    house.called("chat", 1).await;
    assert_eq!(
        (state(&house, first).await, state(&house, second).await),
        ("optimizing".into(), "queued".into())
    );
    house.kill().await;
    assert_eq!(house.credits(&user).await, (20, 10));
    // While one is painted.
    house.provider(&json!({ "endpoints": { "images": "hang" } }));
    house.start().await;
    house.called("images", 1).await;
    assert_eq!(
        (state(&house, first).await, state(&house, second).await),
        ("generating".into(), "queued".into())
    );
    house.kill().await;
    // When it came, and its bytes lie in the store, and no row names them yet.
    let mut client = house.connection().await;
    let locked = files_locked!(client, user);
    house.provider(&json!({ "endpoints": {} }));
    house.start().await;
    house.waits("advisory").await;
    assert_eq!(state(&house, first).await, "generating");
    assert!(house.stored().keys().any(|key| key.starts_with("temp/")), "{:?}", house.stored());
    house.kill().await;
    locked.rollback().await.expect("the lock is free");
    drop(client);
    // When their files are to be processed.
    house.pause("media-processing").await;
    house.start().await;
    until(&house, first, "storing").await;
    until(&house, second, "storing").await;
    house.kill().await;
    assert_eq!(house.credits(&user).await, (20, 10), "what is not there is not paid");
    // While they are.
    house.resume("media-processing").await;
    house.start().await;
    house
        .until("it is taken", "select count(*) from jobs where kind = 'media.process' and attempts > 0")
        .await;
    house.kill().await;
    house.start().await;
    until(&house, first, "done").await;
    until(&house, second, "done").await;
    assert_eq!(house.credits(&user).await, (20, 0), "each is paid once");
    assert_eq!(house.count("select count(*) from content where state = 'done' and tries = 1").await, 2);
    house.nothing_is_left().await;
    assert_eq!(house.files(&user).await.len(), 2);
    assert_eq!(house.count("select count(*) from media_files").await, 2, "none was taken in twice");
    house.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_survives_kill_9_in_each_step_and_is_begun_once_when_its_ticket_is_kept() {
    let mut house = House::open(&[]).await;
    let user = house.person(40).await;
    house.provider(&json!({ "videoMs": 3_600_000.0, "endpoints": { "videos": "hang" } }));
    // The provider has begun, and its answer never comes: no ticket tells of that video, and another one is begun, at the
    // house's cost. No provider of these takes a name of ours for it, so this cannot be told apart from one that was not begun.
    let id = asked(&house, &user, "video", json!({ "prompt": "waves", "optimize": false })).await;
    house.called("videos", 1).await;
    house.kill().await;
    house.provider(&json!({ "endpoints": {} }));
    house.start().await;
    house.until("its ticket is kept", "select count(*) from content where ticket is not null").await;
    house.kill().await;
    let begun = house.calls("videos");
    // While it is looked at.
    house.start().await;
    house.called("videoJobs", house.calls("videoJobs") + 2).await;
    house.kill().await;
    // While it is fetched.
    house.provider(&json!({ "videoMs": 0.0, "endpoints": { "videoContents": "hang" } }));
    house.start().await;
    house.called("videoContents", 1).await;
    assert_eq!(state(&house, id).await, "generating");
    house.kill().await;
    // When it was fetched, and no row names it yet.
    let mut client = house.connection().await;
    let locked = files_locked!(client, user);
    house.provider(&json!({ "endpoints": {} }));
    house.start().await;
    house.waits("advisory").await;
    house.kill().await;
    locked.rollback().await.expect("the lock is free");
    drop(client);
    assert_eq!((state(&house, id).await, house.credits(&user).await), ("generating".into(), (25, 15)));
    // When its file is to be processed.
    house.pause("media-processing").await;
    house.start().await;
    until(&house, id, "storing").await;
    house.kill().await;
    house.resume("media-processing").await;
    house.start().await;
    until(&house, id, "done").await;
    assert_eq!(house.calls("videos"), begun, "it was not begun again");
    assert_eq!(house.credits(&user).await, (25, 0), "it is paid once");
    house.nothing_is_left().await;
    let files = house.files(&user).await;
    assert_eq!((files.len(), &files[0]["kind"]), (1, &json!("video")));
    house.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cancelled_before_kill_9_is_given_back_and_ended_upstream() {
    let mut house = House::open(&[]).await;
    let user = house.person(40).await;
    house.provider(&json!({ "videoMs": 3_600_000.0, "endpoints": { "images": "hang" } }));
    let picture = asked(&house, &user, "image", json!({ "prompt": "a fox", "optimize": false })).await;
    let video = asked(&house, &user, "video", json!({ "prompt": "waves", "optimize": false })).await;
    house.called("images", 1).await;
    house.called("videoJobs", 1).await;
    let client = house.connection().await;
    let ticket = client.query_one("select ticket ->> 'id' from content where id = $1", &[&video]).await;
    let ticket: String = ticket.expect("a row").get(0);
    drop(client);
    assert_eq!((house.film_status(&ticket), house.credits(&user).await), (200, (20, 20)));
    // What is to be tidied is not, before the server dies.
    house.pause("ai-responses").await;
    for id in [picture, video] {
        let (status, answer) = house.post(&format!("/api/content/{id}/cancel"), &user, json!({})).await;
        assert_eq!((status, &answer["content"]["state"]), (200, &json!("canceled")), "{answer}");
    }
    house.kill().await;
    assert_eq!(house.credits(&user).await, (40, 0), "all is back");
    house.resume("ai-responses").await;
    house.start().await;
    eventually("it is ended upstream", async || house.film_status(&ticket) == 404).await;
    house.nothing_is_left().await;
    for id in [picture, video] {
        assert_eq!(state(&house, id).await, "canceled");
    }
    assert_eq!((house.credits(&user).await, house.files(&user).await.len()), ((40, 0), 0));
    assert_eq!(house.stored().len(), 0, "{:?}", house.stored());
    house.kill().await;
}
