use reqwest::Method;
use serde_json::json;

use super::stage::{execute, id, number, room, say, show, titles};
use crate::support::app::{TestApp, TestUser};

async fn delete(app: &TestApp, owner: &TestUser, room: &str) {
    let path = format!("/api/conversations/{room}");
    assert_eq!(app.call(Method::DELETE, &path, Some(&owner.token), None).await.0, 204);
}

async fn restore(app: &TestApp, user: &TestUser, room: &str) -> u16 {
    app.post(&format!("/api/conversations/{room}/restore"), Some(&user.token), json!({})).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn its_owner_brings_a_deleted_conversation_back_and_its_members_hear_of_it() {
    let app = TestApp::start().await;
    let (owner, member, stranger) = (app.user().await, app.user().await, app.user().await);
    let body = json!({ "characterId": app.character().await, "title": "Lost", "memberIds": [member.id] });
    let (_, made) = app.post("/api/conversations", Some(&owner.token), body).await;
    let room = made["conversation"]["id"].as_str().unwrap().to_owned();
    say(&app, &member, &room, "before").await;
    assert_eq!(restore(&app, &owner, &room).await, 404, "nothing was deleted");
    delete(&app, &owner, &room).await;
    let (_, deleted) = app.get("/api/conversations?scope=deleted", Some(&owner.token)).await;
    assert_eq!(titles(&deleted), ["Lost"]);
    assert!(deleted["items"][0]["restorableUntil"].is_string(), "{deleted}");
    let (_, theirs) = app.get("/api/conversations?scope=deleted", Some(&member.token)).await;
    assert_eq!(titles(&theirs).len(), 0, "for its owner alone");
    assert_eq!(restore(&app, &member, &room).await, 403);
    assert_eq!(restore(&app, &stranger, &room).await, 404);
    let mut socket = app.socket(&member).await;
    assert_eq!(restore(&app, &owner, &room).await, 200);
    let told = socket.event("conversation:create").await;
    assert_eq!(told["conversation"]["id"], room.as_str(), "{told}");
    assert_eq!(restore(&app, &owner, &room).await, 404, "it is there");
    say(&app, &member, &room, "after").await;
    let (_, page) = app.get(&format!("/api/conversations/{room}/messages"), Some(&owner.token)).await;
    let said: Vec<&str> =
        page["items"].as_array().unwrap().iter().map(|item| item["content"].as_str().unwrap()).collect();
    assert_eq!(said[said.len() - 2..], ["before", "after"]);
    let (_, deleted) = app.get("/api/conversations?scope=deleted", Some(&owner.token)).await;
    assert_eq!(titles(&deleted).len(), 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_days_a_deleted_conversation_is_gone_for_good_with_all_that_hung_on_it() {
    let app = TestApp::start_with(|config| config.conversations.restore_days = 2).await;
    let owner = app.user().await;
    let (late, kept) = (room(&app, &owner, "Late").await, room(&app, &owner, "Kept").await);
    for room in [&late, &kept] {
        show(&app, room, "public", None, &[]).await;
        let (message, _) = say(&app, &owner, room, "words").await;
        for sql in [
            r#"insert into variants (message_id, "index", room_id, content, created_at) values ($1, 0, $2, 'v', now())"#,
            "insert into reactions (message_id, emoji, user_id, room_id, created_at) values ($1, 'x', $1, $2, now())",
            "insert into room_slugs (slug, room_id) values ('old-' || $1::uuid::text, $2)",
        ] {
            execute(&app, sql, &[&id(&message), &id(room)]).await;
        }
        app.get(&format!("/api/conversations/{room}"), None).await;
        delete(&app, &owner, room).await;
    }
    execute(&app, "update rooms set deleted_at = now() - interval '49 hours' where id = $1", &[&id(&late)])
        .await;
    assert_eq!(restore(&app, &owner, &late).await, 404, "its days are over");
    let (_, deleted) = app.get("/api/conversations?scope=deleted", Some(&owner.token)).await;
    assert_eq!(titles(&deleted), ["Kept"]);
    assert_eq!(app.app().conversations().erase_deleted().await.unwrap(), 1);
    for table in ["messages", "heads", "variants", "reactions", "room_changes", "room_slugs", "room_members"]
    {
        let left = format!("select count(*) from {table} where room_id = $1");
        assert_eq!(number(&app, &left, &[&id(&late)]).await, 0, "{table}");
    }
    assert_eq!(app.app().conversations().erase_deleted().await.unwrap(), 0);
    assert_eq!(restore(&app, &owner, &kept).await, 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_conversation_that_was_replaced_comes_back_as_one_among_others() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let character = app.character().await;
    let mut socket = app.socket(&owner).await;
    let mut default_room = async || {
        let sent = socket
            .ask("message:send", json!({ "characterId": character, "content": "hello", "reply": "none" }))
            .await;
        sent["message"]["conversationId"].as_str().unwrap_or_else(|| panic!("{sent}")).to_owned()
    };
    let first = default_room().await;
    delete(&app, &owner, &first).await;
    let second = default_room().await;
    assert_ne!(first, second);
    assert_eq!(restore(&app, &owner, &first).await, 200);
    let defaults = "select count(*) from rooms where owner_id = $1 and default_character_id is not null
        and deleted_at is null";
    assert_eq!(number(&app, defaults, &[&id(&owner.id)]).await, 1);
    assert_eq!(default_room().await, second);
    // Alone again, it would have stayed the default one.
    delete(&app, &owner, &second).await;
    assert_eq!(restore(&app, &owner, &second).await, 200);
    assert_eq!(default_room().await, second);
    app.stop().await;
}
