//! Several people in one conversation: who is brought in hears of it, who is removed hears no more, and each has their own
//! count of what they have not read.

use reqwest::Method;
use serde_json::{Value, json};

use super::device::{Device, fresh};
use super::{room_of, server};
use crate::support::app::{TestApp, TestUser};

async fn unread(app: &TestApp, user: &TestUser) -> Value {
    let (_, list) = app.get("/api/conversations", Some(&user.token)).await;
    list["items"][0]["unreadCount"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_brought_in_hears_of_it_and_who_is_removed_hears_no_more() {
    let app = server().await;
    let (owner, guest) = (app.user().await, app.user().await);
    let room = room_of(&app, &owner, &[]).await;
    let mut host = Device::joined(&app, &owner, &room).await;
    let mut devices = [Device::open(&app, &guest, &room).await, Device::open(&app, &guest, &room).await];
    host.done("message:send", json!({"content": "Before", "reply": "none"})).await;
    let added = host.done("member:add", json!({"userId": guest.id})).await;
    let told = host.event("member:add").await;
    assert_eq!((&told["offset"], &told["by"]), (&added["offset"], &json!(owner.id)));
    let role = json!({"id": guest.id, "username": guest.username, "displayName": "Mira", "role": "member"});
    assert_eq!(told["member"], role);
    for device in &mut devices {
        let made = device.event("conversation:create").await["conversation"].clone();
        assert_eq!((&made["id"], &made["lastMessage"]["content"]), (&json!(room), &json!("Before")));
        assert!(device.resume().await);
    }
    host.done("message:send", json!({"content": "Welcome", "reply": "none"})).await;
    for device in &mut devices {
        assert_eq!(device.event("message:receive").await["message"]["content"], "Welcome");
    }

    devices[0].done("message:read", json!({"offset": 2})).await;
    let removed = host.done("member:remove", json!({"userId": guest.id})).await;
    for device in &mut devices {
        let last = device.event("member:remove").await;
        assert_eq!((&last["offset"], &last["userId"]), (&removed["offset"], &json!(guest.id)));
    }
    for n in 0..20 {
        let said = host.done("message:send", json!({"content": format!("{n}"), "reply": "none"})).await;
        host.done("message:react", json!({"messageId": said["message"]["id"], "emoji": "👍"})).await;
        host.done("typing:start", json!({})).await;
    }
    let (_, now) = app.get(&format!("/api/conversations/{room}"), Some(&owner.token)).await;
    host.until(now["conversation"]["lastOffset"].as_i64().unwrap()).await;
    for device in &mut devices {
        // Whatever were on its way would come before these answers, and the device would not stand for it.
        for (event, data) in [
            ("message:send", json!({"content": "Still here?"})),
            ("conversation:messages", json!({})),
            ("typing:start", json!({})),
            ("conversation:join", json!({})),
        ] {
            assert_eq!(device.refused(event, data).await, "not_found", "{event}");
        }
        device.done("ping", json!({})).await;
        assert!(device.held.gone);
    }
    // Brought in again, they hold what they missed.
    host.done("member:add", json!({"username": guest.username})).await;
    for device in &mut devices {
        device.event("conversation:create").await;
        assert!(device.resume().await);
        let fresh = fresh(&app, &owner, &room).await;
        device.until(fresh.at).await;
        device.held.assert_agrees(&fresh);
    }
    drop((host, devices));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_leaves_and_the_owner_hands_over_first() {
    let app = server().await;
    let (owner, guest) = (app.user().await, app.user().await);
    let room = room_of(&app, &owner, &[&guest]).await;
    let mut host = Device::joined(&app, &owner, &room).await;
    let mut other = Device::joined(&app, &guest, &room).await;
    assert_eq!(host.refused("member:remove", json!({"userId": owner.id})).await, "conflict");
    host.done("member:update", json!({"userId": guest.id, "role": "owner"})).await;
    assert_eq!(other.event("conversation:update").await["ownerId"], json!(guest.id));
    assert_eq!(host.refused("conversation:update", json!({"title": "Mine"})).await, "forbidden");
    host.done("member:remove", json!({"userId": owner.id})).await;
    assert_eq!(host.event("member:remove").await["by"], json!(owner.id));
    assert_eq!(other.event("member:remove").await["userId"], json!(owner.id));
    other.done("conversation:update", json!({"title": "Mine now"})).await;
    let fresh = fresh(&app, &guest, &room).await;
    other.until(fresh.at).await;
    other.held.assert_agrees(&fresh);
    assert_eq!(fresh.conversation["memberIds"], json!([guest.id]));
    drop((host, other));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_brought_in_whose_account_is_blocked_or_gone() {
    let app = server().await;
    let (owner, gone, blocked) = (app.user().await, app.user().await, app.user().await);
    let admin = app.admin().await;
    let room = room_of(&app, &owner, &[]).await;
    let block = json!({"blocked": true, "reason": "spam"});
    let path = format!("/api/admin/users/{}", blocked.id);
    assert_eq!(app.call(Method::PUT, &path, Some(&admin.token), Some(block)).await.0, 200);
    let client = app.database.pool().get().await.unwrap();
    let id: uuid::Uuid = gone.id.parse().unwrap();
    client.execute("update users set deactivated_at = now() where id = $1", &[&id]).await.unwrap();
    drop(client);
    let members = format!("/api/conversations/{room}/members");
    for who in [&gone, &blocked] {
        for body in [json!({"userId": who.id}), json!({"username": who.username})] {
            let (status, answer) = app.post(&members, Some(&owner.token), body).await;
            assert_eq!((status, &answer["error"]), (404, &json!("not_found")), "{answer}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn characters_come_and_go_and_one_stays() {
    let app = server().await;
    let owner = app.user().await;
    let room = room_of(&app, &owner, &[]).await;
    let mut host = Device::joined(&app, &owner, &room).await;
    let (_, list) = app.get("/api/characters?limit=9", None).await;
    let ids: Vec<Value> =
        list["items"].as_array().unwrap().iter().map(|character| character["id"].clone()).collect();
    for id in &ids[1..8] {
        host.done("character:add", json!({"characterId": id})).await;
    }
    assert_eq!(host.refused("character:add", json!({"characterId": ids[8]})).await, "conflict");
    let asked = host.done("message:send", json!({"content": "Hello", "reply": ids[7]})).await;
    let answer = host.reply(&asked["replies"][0]["messageId"]).await;
    assert_eq!(answer["sender"], json!({"kind": "character", "id": ids[7]}));
    for id in &ids[1..8] {
        host.done("character:remove", json!({"characterId": id})).await;
    }
    assert_eq!(host.refused("character:remove", json!({"characterId": ids[0]})).await, "conflict");
    assert_eq!(host.refused("reply:request", json!({"characterId": ids[7]})).await, "not_found");
    let fresh = fresh(&app, &owner, &room).await;
    host.until(fresh.at).await;
    host.held.assert_agrees(&fresh);
    assert_eq!(fresh.conversation["characters"].as_array().unwrap().len(), 1);
    drop(host);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_said_is_unread_until_it_is_read() {
    let app = server().await;
    let (owner, guest) = (app.user().await, app.user().await);
    let room = room_of(&app, &owner, &[&guest]).await;
    let mut host = Device::joined(&app, &owner, &room).await;
    let mut other = Device::joined(&app, &guest, &room).await;
    assert_eq!(
        (unread(&app, &owner).await, unread(&app, &guest).await),
        (json!(1), json!(1)),
        "the greeting"
    );
    let mut last = 0;
    for n in 0..3 {
        let said = host.done("message:send", json!({"content": format!("{n}"), "reply": "none"})).await;
        last = said["message"]["offset"].as_i64().unwrap();
    }
    assert_eq!(
        (unread(&app, &owner).await, unread(&app, &guest).await),
        (json!(1), json!(4)),
        "not one's own"
    );
    assert_eq!(other.done("message:read", json!({"offset": last - 1})).await["offset"], last - 1);
    let read = host.event("message:read").await;
    assert_eq!((&read["userId"], &read["readOffset"]), (&json!(guest.id), &json!(last - 1)));
    assert_eq!((unread(&app, &owner).await, unread(&app, &guest).await), (json!(1), json!(1)));
    other.done("message:read", json!({"offset": last})).await;
    assert_eq!(host.event("message:read").await["readOffset"], last);
    assert_eq!(unread(&app, &guest).await, 0);
    other.done("message:send", json!({"content": "Read", "reply": "none"})).await;
    assert_eq!((unread(&app, &owner).await, unread(&app, &guest).await), (json!(2), json!(0)));
    drop((host, other));
    app.stop().await;
}
