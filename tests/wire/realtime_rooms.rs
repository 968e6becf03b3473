//! Real sockets in rooms: commands to features and the engine, who is online, and what admins and devices see.

use std::time::Duration;

use greenroom::realtime::Settings;
use greenroom_actors::domain::{CharacterId, RoomId};
use greenroom_actors::protocol::{Notification, NotificationLevel, Presence};
use serde_json::{Value, json};

use crate::realtime_support::Server;
use crate::realtime_support::client::Client;

fn server() -> Server {
    Server::start(Settings::default())
}

/// The next that this client hears is what all are told now: nothing else was on its way.
async fn heard_all(server: &Server, client: &mut Client) {
    server.hub.broadcast(&Notification {
        kind: "last".to_owned(),
        title: "Last".to_owned(),
        body: "Nothing before this.".to_owned(),
        level: NotificationLevel::Info,
    });
    assert_eq!(client.next().await.unwrap()["event"], "system:notification");
}

#[actix_web::test]
async fn all_devices_of_a_user_but_the_sending_one_hear_of_its_usage() {
    let server = server();
    let user = server.stage.user("mira");
    server.stage.user("bram");
    let room = server.stage.room(&[user]);
    let mut phone = Client::signed_in(server.address, "mira").await;
    let mut desk = Client::signed_in(server.address, "mira").await;
    let mut other = Client::signed_in(server.address, "bram").await;
    let message = json!({ "conversationId": room.to_string(), "content": "hi" });
    assert_eq!(phone.ask("message:send", message).await["usage"]["plan"], "free");
    assert_eq!(desk.event("usage").await["plan"], "free");
    // Whatever were on its way would come before the answer to a ping.
    phone.ask("ping", json!({})).await;
    other.ask("ping", json!({})).await;
    server.hub.broadcast(&Notification {
        kind: "maintenance".to_owned(),
        title: "Soon".to_owned(),
        body: "We restart at noon.".to_owned(),
        level: NotificationLevel::Info,
    });
    for client in [&mut phone, &mut other, &mut desk] {
        assert_eq!(client.next().await.unwrap()["event"], "system:notification");
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_new_conversation_is_told_to_its_members_and_can_be_listed_read_and_deleted() {
    let server = server();
    server.stage.user("mira");
    let bram = server.stage.user("bram");
    let mut mira = Client::signed_in(server.address, "mira").await;
    let mut friend = Client::signed_in(server.address, "bram").await;
    let new = json!({ "characterId": CharacterId::new().to_string(), "members": [bram.to_string()] });
    let made = mira.ask("conversation:create", new).await["conversation"].clone();
    assert_eq!(friend.event("conversation:create").await["conversation"]["id"], made["id"]);
    let of_room = json!({ "conversationId": made["id"] });
    assert_eq!(friend.ask("conversation:list", json!({})).await["items"][0]["id"], made["id"]);
    friend.join(made["id"].as_str().unwrap(), None).await;
    for event in ["typing:start", "typing:stop"] {
        mira.ask(event, of_room.clone()).await;
        assert!(friend.event(event).await["userId"].is_string());
    }
    mira.ask("message:send", json!({ "conversationId": made["id"], "content": "Tea?" })).await;
    assert_eq!(friend.event("message:receive").await["message"]["content"], "Tea?");
    mira.ask("message:read", json!({ "conversationId": made["id"], "offset": 1 })).await;
    assert_eq!(friend.event("message:read").await["readOffset"], 1);
    let page = mira.ask("conversation:messages", of_room.clone()).await;
    assert_eq!((&page["items"][0]["content"], &page["hasMore"]), (&json!("Tea?"), &json!(false)));
    assert_eq!(mira.ask("reply:stop", of_room.clone()).await["stopped"], 0);
    assert_eq!(mira.ask("conversation:delete", of_room.clone()).await["success"], true);
    assert_eq!(friend.event("conversation:delete").await["offset"], 3);
    assert_eq!(mira.ask("conversation:messages", of_room).await["code"], "not_found");
    server.until("nobody is in a room", |counts| counts.rooms == 0).await;
    server.stop().await;
}

#[actix_web::test]
async fn a_message_to_a_character_finds_or_makes_its_room() {
    let server = server();
    server.stage.user("mira");
    let mut client = Client::signed_in(server.address, "mira").await;
    let message = json!({ "characterId": CharacterId::new().to_string(), "content": "Good evening" });
    let first = client.ask("message:send", message.clone()).await;
    let second = client.ask("message:send", message).await;
    assert_eq!(first["message"]["conversationId"], second["message"]["conversationId"]);
    assert_eq!(second["message"]["offset"], 2);
    server.stop().await;
}

#[actix_web::test]
async fn messages_replies_and_members_change_by_command_and_a_removed_members_sockets_leave() {
    let server = server();
    let (mira, bram) = (server.stage.user("mira"), server.stage.user("bram"));
    let room = server.stage.room(&[mira]);
    let mut client = Client::signed_in(server.address, "mira").await;
    let mut friend = Client::signed_in(server.address, "bram").await;
    client.join(room, None).await;
    let of_room = |more: Value| {
        let mut data = json!({ "conversationId": room.to_string() });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    let said =
        client.ask("message:send", of_room(json!({ "content": "Tae?" }))).await["message"]["id"].clone();
    assert_eq!(client.ask("member:add", of_room(json!({ "userId": bram.uuid() }))).await["offset"], 2);
    friend.join(room, None).await;
    let edit = of_room(json!({ "messageId": said, "content": "Tea?" }));
    assert_eq!(client.ask("message:edit", edit).await["message"]["content"], "Tea?");
    assert_eq!(friend.event("message:update").await["message"]["content"], "Tea?");
    let react = of_room(json!({ "messageId": said, "emoji": "👍" }));
    friend.ask("message:react", react).await;
    let reactions = client.event("message:update").await["message"]["reactions"].clone();
    assert_eq!(
        (&reactions, client.event("message:update").await["message"]["reactions"][0]["emoji"].clone()),
        (&json!([]), json!("👍"))
    );
    let select = of_room(json!({ "messageId": said, "variant": 0 }));
    assert_eq!(client.ask("reply:select", select).await["code"], "not_found");
    let asked = client.ask("reply:regenerate", of_room(json!({ "messageId": said }))).await;
    assert_eq!(asked["replies"][0]["state"], "queued");
    client.ask("conversation:update", of_room(json!({ "title": "Tea" }))).await;
    friend.event("conversation:update").await;

    client.ask("member:remove", of_room(json!({ "userId": bram.uuid() }))).await;
    assert_eq!(friend.event("member:remove").await["userId"], json!(bram.uuid()));
    server.stage.say(room, greenroom_actors::domain::Sender::User(mira), "We are alone");
    client.event("message:receive").await;
    friend.ask("ping", json!({})).await;
    // Whatever were on its way would have come before that answer.
    heard_all(&server, &mut friend).await;
    server.stop().await;
}

#[actix_web::test]
async fn a_strangers_room_does_not_exist() {
    let server = server();
    let mira = server.stage.user("mira");
    server.stage.user("bram");
    let room = server.stage.room(&[mira]);
    let mut client = Client::signed_in(server.address, "bram").await;
    let of_room = json!({ "conversationId": room.to_string() });
    assert_eq!(client.ask("conversation:join", of_room).await["code"], "not_found");
    server.until("not in the room", |counts| counts.rooms == 0).await;
    let message = json!({ "conversationId": RoomId::new().to_string(), "content": "hi" });
    assert_eq!(client.ask("message:send", message).await["code"], "not_found");
    server.stop().await;
}

#[actix_web::test]
async fn those_who_share_a_room_see_one_another_come_step_away_and_go() {
    let server = Server::start(Settings { presence_members_max: 3, ..Settings::default() });
    let (mira, bram) = (server.stage.user("mira"), server.stage.user("bram"));
    let room = server.stage.room(&[mira, bram]);
    let mut watcher = Client::signed_in(server.address, "mira").await;
    watcher.join(room, None).await;
    let mut friend = Client::signed_in(server.address, "bram").await;
    let snapshot = friend.join(room, None).await;
    let mut present: Vec<&Value> =
        snapshot["presence"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    present.dedup();
    assert_eq!((snapshot["presence"].as_array().unwrap().len(), present), (2, vec![&json!("online")]));
    let of_friend = async |watcher: &mut Client| {
        loop {
            let status = watcher.event("user:status").await;
            if status["userId"] == json!(bram.uuid()) {
                return status;
            }
        }
    };
    assert_eq!(of_friend(&mut watcher).await["status"], "online");
    server.clock.advance(Duration::from_secs(2));
    friend.ask("user:status", json!({ "status": "away" })).await;
    assert_eq!(of_friend(&mut watcher).await["status"], "away");
    assert_eq!(server.hub.online(bram), Presence::Away);
    // A second device that is online counts for both.
    let second = Client::signed_in(server.address, "bram").await;
    server.until("both devices", |counts| counts.signed_in == 3).await;
    friend.ask("user:status", json!({ "status": "online" })).await;
    drop((friend, second));
    server.until("both gone", |counts| counts.signed_in == 1).await;
    // A moment's absence is not told.
    server.clock.advance(Duration::from_secs(3));
    loop {
        let status = of_friend(&mut watcher).await;
        if status["status"] == "offline" {
            assert_eq!(status["lastSeen"], "2026-01-01T12:00:02Z");
            break;
        }
    }
    server.stop().await;
}

#[actix_web::test]
async fn one_whose_status_or_connection_flaps_is_told_of_once_a_span() {
    let server = server();
    let (mira, bram) = (server.stage.user("mira"), server.stage.user("bram"));
    server.stage.user("stranger");
    let room = server.stage.room(&[mira, bram]);
    let mut watcher = Client::signed_in(server.address, "mira").await;
    watcher.join(room, None).await;
    let mut stranger = Client::signed_in(server.address, "stranger").await;
    let mut friend = Client::signed_in(server.address, "bram").await;
    friend.join(room, None).await;
    let of_friend = async |watcher: &mut Client| {
        loop {
            let status = watcher.event("user:status").await;
            if status["userId"] == json!(bram.uuid()) {
                return status;
            }
        }
    };
    assert_eq!(of_friend(&mut watcher).await["status"], "online");
    for _ in 0..10 {
        friend.ask("user:status", json!({ "status": "away" })).await;
        friend.ask("user:status", json!({ "status": "online" })).await;
    }
    friend.ask("user:status", json!({ "status": "away" })).await;
    for _ in 0..5 {
        // A device that comes and goes.
        let other = Client::signed_in(server.address, "bram").await;
        drop(other);
        server.until("gone", |counts| counts.signed_in == 3).await;
    }
    server.clock.advance(Duration::from_secs(2));
    assert_eq!(
        of_friend(&mut watcher).await["status"],
        "away",
        "the last of all that is the one that is told"
    );
    // The whole user comes and goes, faster than the grace: nobody hears of it.
    for _ in 0..5 {
        drop(friend);
        server.until("gone", |counts| counts.signed_in == 2).await;
        server.clock.advance(Duration::from_millis(2_900));
        friend = Client::signed_in(server.address, "bram").await;
        friend.ask("user:status", json!({ "status": "away" })).await;
    }
    server.stage.say(room, greenroom_actors::domain::Sender::User(mira), "still here?");
    let mut statuses = Vec::new();
    loop {
        let frame = watcher.next().await.unwrap();
        if frame["event"] == "message:receive" {
            break;
        }
        statuses.push(frame);
    }
    assert!(statuses.len() <= 5, "at most one for each span: {statuses:?}");
    assert!(statuses.iter().all(|frame| frame["data"]["status"] != "offline"), "{statuses:?}");
    // Who shares no room hears nothing: what there were would come before the answer to a ping.
    assert_eq!(stranger.ask("ping", json!({})).await["success"], true);
    heard_all(&server, &mut stranger).await;
    server.stop().await;
}

#[actix_web::test]
async fn a_typist_whose_socket_goes_or_leaves_types_no_more() {
    let server = server();
    let (mira, bram) = (server.stage.user("mira"), server.stage.user("bram"));
    let room = server.stage.room(&[mira, bram]);
    let of_room = json!({ "conversationId": room.to_string() });
    let mut watcher = Client::signed_in(server.address, "mira").await;
    watcher.join(room, None).await;
    let mut friend = Client::signed_in(server.address, "bram").await;
    friend.join(room, None).await;
    friend.ask("typing:start", of_room.clone()).await;
    assert_eq!(watcher.event("typing:start").await["userId"], json!(bram.uuid()));
    friend.ask("conversation:leave", of_room.clone()).await;
    assert_eq!(watcher.event("typing:stop").await["userId"], json!(bram.uuid()));
    friend.ask("typing:start", of_room).await;
    watcher.event("typing:start").await;
    drop(friend);
    assert_eq!(watcher.event("typing:stop").await["userId"], json!(bram.uuid()));
    server.stop().await;
}

#[actix_web::test]
async fn an_admin_sees_the_sessions_and_ends_one() {
    let server = server();
    server.stage.user("mira");
    let mut one = Client::signed_in(server.address, "mira").await;
    let mut two = Client::signed_in(server.address, "mira").await;
    two.ask("ping", json!({})).await;
    let sessions = server.hub.sessions(10, None);
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].username.as_deref(), Some("mira"));
    assert_eq!(server.hub.sessions(10, Some(sessions[0].id))[0].id, sessions[1].id);
    assert!(server.hub.kick(sessions[0].id));
    assert_eq!(one.closed().await, Some(4004));
    server.until("one gone", |counts| counts.signed_in == 1).await;
    assert!(!server.hub.kick(sessions[0].id));
    server.hub.end_sign_ins(sessions[1].user, Some(sessions[1].sign_in));
    assert_eq!(two.closed().await, Some(4001));
    server.stop().await;
}
