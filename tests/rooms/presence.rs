//! Who is there, who was, and who types, on a whole server: told to those who share a room, kept over a restart.

use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, eventually};
use crate::support::socket::Socket;

async fn shared(app: &TestApp, owner: &TestUser, member: &TestUser) -> String {
    let body = json!({ "characterId": app.character().await, "memberIds": [member.id] });
    let (status, made) = app.post("/api/conversations", Some(&owner.token), body).await;
    assert_eq!(status, 201, "{made}");
    made["conversation"]["id"].as_str().expect("an id").to_owned()
}

async fn join(socket: &mut Socket, room: &str) -> Value {
    let ack = socket.ask("conversation:join", json!({ "conversationId": room })).await;
    assert_eq!(ack["success"], true, "{ack}");
    ack
}

/// What a join tells of one member.
fn of<'a>(joined: &'a Value, user: &TestUser) -> &'a Value {
    let presence = joined["presence"].as_array().expect("a list");
    presence.iter().find(|one| one["userId"] == user.id.as_str()).unwrap_or(&Value::Null)
}

#[tokio::test(flavor = "multi_thread")]
async fn when_somebody_was_last_seen_is_told_to_those_in_the_room_also_after_a_restart() {
    let mut app = TestApp::start_with(|config| {
        config.realtime.offline_grace_ms = 50;
        config.realtime.tick_ms = 20;
    })
    .await;
    let (mira, bram, stranger) = (app.user().await, app.user().await, app.user().await);
    let room = shared(&app, &mira, &bram).await;
    let mut watcher = app.socket(&mira).await;
    let never = join(&mut watcher, &room).await;
    assert_eq!(of(&never, &bram), &json!({ "userId": bram.id, "status": "offline" }), "never seen");
    let mut elsewhere = app.socket(&stranger).await;
    let mut friend = app.socket(&bram).await;
    join(&mut friend, &room).await;
    drop(friend);
    let is_gone = |frame: &Value| {
        frame["event"] == "user:status"
            && frame["data"]["userId"] == bram.id.as_str()
            && frame["data"]["status"] == "offline"
    };
    let gone = watcher.find(is_gone).await.expect("it is told");
    let last_seen = gone["data"]["lastSeen"].clone();
    assert!(last_seen.is_string(), "{gone}");
    let joined = join(&mut watcher, &room).await;
    assert_eq!(of(&joined, &bram)["lastSeen"], last_seen, "known before it is written");

    // Whoever shares no room hears nothing and may not ask.
    let refused = elsewhere.ask("conversation:join", json!({ "conversationId": room })).await;
    assert_eq!(refused["code"], "not_found");
    elsewhere.raw(r#"{"event":"nonsense"}"#.to_owned()).await;
    assert_eq!(elsewhere.next().await.expect("a frame")["event"], "error");

    drop((watcher, elsewhere));
    app.restart().await;
    let mut watcher = app.socket(&mira).await;
    let joined = join(&mut watcher, &room).await;
    assert_eq!(of(&joined, &bram), &json!({ "userId": bram.id, "status": "offline", "lastSeen": last_seen }));
    assert_eq!(of(&joined, &mira)["status"], "online");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_seen_is_written_now_and_then_and_never_set_back() {
    let app = TestApp::start_with(|config| config.realtime.last_seen_write_ms = 50).await;
    let user = app.user().await;
    let seen = async || -> Option<jiff::Timestamp> {
        let client = app.database.pool().get().await.expect("a connection");
        let sql = format!("select seen_at from last_seen where user_id = '{}'", user.id);
        client.query_opt(&sql, &[]).await.expect("an answer").map(|row| row.get(0))
    };
    assert_eq!(seen().await, None);
    let socket = app.socket(&user).await;
    eventually("written", async || seen().await.is_some()).await;
    let first = seen().await.expect("written");
    eventually("again", async || seen().await.is_some_and(|later| later > first)).await;
    drop(socket);
    eventually("gone", async || app.app().hub().counts().signed_in == 0).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typist_who_falls_silent_types_no_more() {
    let app = TestApp::start_with(|config| config.engine.typing_ttl_ms = 300).await;
    let (mira, bram) = (app.user().await, app.user().await);
    let room = shared(&app, &mira, &bram).await;
    let (mut watcher, mut friend) = (app.socket(&mira).await, app.socket(&bram).await);
    join(&mut watcher, &room).await;
    let of_room = json!({ "conversationId": room });
    let typist = json!({ "conversationId": room, "userId": bram.id });
    for _ in 0..2 {
        assert_eq!(friend.ask("typing:start", of_room.clone()).await["success"], true);
        assert_eq!(watcher.event("typing:start").await, typist);
        assert_eq!(watcher.event("typing:stop").await, typist, "by itself");
    }
    // Who has stopped is not told to stop again.
    friend.ask("typing:start", of_room.clone()).await;
    friend.ask("typing:stop", of_room.clone()).await;
    friend.ask("typing:stop", of_room).await;
    watcher.event("typing:start").await;
    watcher.event("typing:stop").await;
    let message = json!({ "conversationId": room, "content": "here", "reply": "none" });
    assert_eq!(friend.ask("message:send", message).await["success"], true);
    loop {
        let frame = watcher.next().await.expect("a frame");
        assert_ne!(frame["event"], "typing:stop");
        if frame["event"] == "message:receive" {
            break;
        }
    }
    app.stop().await;
}
