//! Changes as they are seen: by sockets that subscribed, by conversations that are under way, by other nodes.

use serde_json::{Value, json};

use super::{change, delete, id, make};
use crate::support::app::TestApp;
use crate::support::socket::Socket;

/// The update to this version. The news that the character was made may come behind the subscription.
async fn update_to(socket: &mut Socket, version: i64) -> Value {
    loop {
        let update = socket.event("character:update").await;
        if update["character"]["version"].as_i64() >= Some(version) {
            return update;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_subscribed_sees_each_change_and_the_end() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let made = id(&make(&app, &admin, json!({ "name": "Mira", "tagline": "before" })).await);
    let (mut socket, mut other) = (app.socket(&user).await, app.socket(&user).await);
    let ack = socket.ask("character:subscribe", json!({ "characterId": made })).await;
    assert_eq!((&ack["success"], &ack["character"]["tagline"]), (&json!(true), &json!("before")), "{ack}");
    assert_eq!(other.ask("character:subscribe", json!({ "characterId": made })).await["success"], true);
    for (tagline, version) in [("one", 2), ("two", 3)] {
        assert_eq!(change(&app, &admin, &made, json!({ "tagline": tagline })).await.0, 200);
        let update = update_to(&mut socket, version).await;
        assert_eq!(update["character"]["tagline"], tagline, "{update}");
    }
    update_to(&mut other, 3).await;
    assert_eq!(other.ask("character:unsubscribe", json!({ "characterId": made })).await["success"], true);
    assert_eq!(change(&app, &admin, &made, json!({ "tagline": "three" })).await.0, 200);
    assert_eq!(socket.event("character:update").await["character"]["version"], 4);
    assert_eq!(delete(&app, &admin, &made).await, 204);
    assert_eq!(socket.event("character:update").await, json!({ "characterId": made, "deleted": true }));
    // The one that unsubscribed got none of these: the next frame is its own ack.
    other.tell("ping", json!({})).await;
    let frame = other.next().await.unwrap();
    assert_eq!(frame["event"], "ack", "{frame}");
    let refused = socket.ask("character:subscribe", json!({ "characterId": made })).await;
    assert_eq!(refused["code"], "not_found", "{refused}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_told_of_a_hundred_characters_at_most() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let mut socket = app.socket(&user).await;
    assert_eq!(socket.ask("character:subscribe", json!({})).await["code"], "bad_request");
    assert_eq!(socket.ask("character:subscribe", json!({ "characterId": "x" })).await["code"], "bad_request");
    let mut last = Value::Null;
    for number in 0..101 {
        let made = id(&make(&app, &admin, json!({ "name": format!("No {number}") })).await);
        last = socket.ask("character:subscribe", json!({ "characterId": made })).await;
        assert_eq!(last["success"], number < 100, "{number}: {last}");
    }
    assert_eq!(last["code"], "conflict", "{last}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_subscribes_without_signing_in() {
    let app = TestApp::start().await;
    let id = app.character().await;
    let mut socket = Socket::open(app.address).await;
    let refused = socket.ask("character:subscribe", json!({ "characterId": id })).await;
    assert_eq!(refused["code"], "unauthenticated", "{refused}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_gives_the_new_form_and_tells_its_sockets() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let made = id(&make(&app, &admin, json!({ "name": "Mira" })).await);
    let path = format!("/api/characters/{made}");
    assert_eq!(app.get(&path, None).await.1["name"], "Mira");
    let mut socket = app.socket(&user).await;
    socket.ask("character:subscribe", json!({ "characterId": made })).await;
    // The other node has the same database, and nothing else of this one.
    let other = greenroom::characters::Characters::new(app.database.pool());
    let caller = greenroom::http::Caller {
        user: admin.id.parse().unwrap(),
        role: greenroom::accounts::Role::Admin,
        session: greenroom_actors::domain::SessionId::new(),
    };
    let origin = greenroom::accounts::Origin::default();
    other.change(&caller, &made, None, |draft| draft.name = "Bertha".to_owned(), &origin).await.unwrap();
    assert_eq!(socket.event("character:update").await["character"]["name"], "Bertha");
    assert_eq!(app.get(&path, None).await.1["name"], "Bertha", "what was told is also what is given");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_conversation_speaks_with_the_changed_character() {
    let app = TestApp::start_with(|config| config.ai.offline_word_delay_ms = 0).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let only = |fact: &str| json!({ "settings": { "knowledge": [fact] } });
    let mut body = only("The old harbour is where I keep my boat.");
    body["name"] = json!("Mira");
    let made = id(&make(&app, &admin, body).await);
    let mut socket = app.socket(&user).await;
    let mut ask = async || {
        let sent = socket
            .ask("message:send", json!({ "characterId": made, "content": "Where do you keep your boat?" }))
            .await;
        let room = sent["message"]["conversationId"].clone();
        let reply = sent["replies"][0]["messageId"].clone();
        socket.ask("conversation:join", json!({ "conversationId": room })).await;
        let path = format!("/api/conversations/{}/messages", room.as_str().unwrap());
        let mut said = String::new();
        crate::support::app::eventually("the reply stands", async || {
            let (_, messages) = app.get(&path, Some(&user.token)).await;
            let items = messages["items"].as_array().unwrap();
            let found = items.iter().find(|message| message["id"] == reply);
            said = found.map(|message| message["content"].as_str().unwrap().to_owned()).unwrap_or_default();
            found.is_some()
        })
        .await;
        said
    };
    assert!(ask().await.contains("old harbour"));
    assert_eq!(change(&app, &admin, &made, only("The new marina is where I keep my boat.")).await.0, 200);
    let said = ask().await;
    assert!(said.contains("new marina") && !said.contains("old harbour"), "{said}");
    app.stop().await;
}
