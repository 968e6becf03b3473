//! Real sockets against the real hub, shards and sessions: opening, signing in, limits, and how a socket ends.

mod realtime_support;

use std::time::Duration;

use futures_util::future::join_all;
use greenroom::realtime::Settings;
use greenroom_actors::domain::{CharacterId, RoomId, Sender, UserId};
use greenroom_actors::protocol::{Notification, NotificationLevel, Presence};
use greenroom_actors::session::{CloseCode, SessionSettings};
use realtime_support::Server;
use realtime_support::client::Client;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

fn server() -> Server {
    Server::start(Settings::default())
}

fn with_session(session: SessionSettings) -> Settings {
    Settings { session: session.into(), ..Settings::default() }
}

#[actix_web::test]
async fn a_socket_is_greeted_before_it_signs_in() {
    let server = server();
    let client = Client::open(server.address).await;
    let hello = &client.hello["data"];
    assert_eq!((&hello["protocol"], &hello["maxFrameBytes"]), (&json!(1), &json!(65_536)));
    assert_eq!((&hello["heartbeatIntervalMs"], &hello["authTimeoutMs"]), (&json!(25_000), &json!(10_000)));
    assert_eq!(hello["epoch"], json!(server.stage.epoch));
    server.stop().await;
}

#[actix_web::test]
async fn a_user_signs_in_by_frame_by_header_or_by_subprotocol() {
    let server = server();
    let user = server.stage.user("mira");
    let mut by_frame = Client::open(server.address).await;
    let ack = by_frame.ask("auth", json!({ "token": "mira" })).await;
    assert_eq!(
        ack["user"],
        json!({"id": user.uuid(), "username": "mira", "displayName": "MIRA", "role": "user"})
    );
    assert_eq!(ack["expiresAt"], "2026-01-01T12:15:00Z");

    let header = [("authorization", "Bearer mira".to_owned())];
    let mut by_header = Client::open_with(server.address, &header).await.unwrap();
    assert_eq!(by_header.event("ready").await["user"], ack["user"]);

    let protocols = [("sec-websocket-protocol", "greenroom.v1, greenroom.bearer.mira".to_owned())];
    let mut by_protocol = Client::open_with(server.address, &protocols).await.unwrap();
    assert_eq!(by_protocol.protocol.as_deref(), Some("greenroom.v1"));
    let ready = by_protocol.event("ready").await;
    assert_eq!(ready["user"], ack["user"]);
    assert_ne!(ready["sessionId"], ack["sessionId"]);
    server.stop().await;
}

#[actix_web::test]
async fn a_bad_token_closes_the_socket_and_a_bad_newer_one_does_not() {
    let server = server();
    server.stage.user("mira");
    let mut stranger = Client::open(server.address).await;
    let ack = stranger.ask("auth", json!({ "token": "nobody" })).await;
    assert_eq!((&ack["success"], &ack["code"]), (&json!(false), &json!("unauthenticated")));
    assert_eq!(stranger.closed().await, Some(4001));

    let header = [("authorization", "Bearer nobody".to_owned())];
    let mut by_header = Client::open_with(server.address, &header).await.unwrap();
    assert_eq!(by_header.closed().await, Some(4001));

    let mut mira = Client::signed_in(server.address, "mira").await;
    assert_eq!(mira.ask("auth", json!({ "token": "nobody" })).await["code"], "unauthenticated");
    assert_eq!(mira.ask("ping", json!({})).await["success"], true);
    server.stop().await;
}

#[actix_web::test]
async fn a_blocked_user_is_let_go() {
    let server = server();
    let user = server.stage.user("mira");
    server.stage.block(user);
    let mut client = Client::open(server.address).await;
    assert_eq!(client.ask("auth", json!({ "token": "mira" })).await["code"], "forbidden");
    assert_eq!(client.closed().await, Some(4001));
    server.until("forgotten", |counts| counts.sockets == 0 && counts.signed_in == 0).await;
    server.stop().await;
}

#[actix_web::test]
async fn without_a_sign_in_only_the_opening_is_answered_and_not_for_long() {
    let server = server();
    let mut client = Client::open(server.address).await;
    assert_eq!(client.ask("ping", json!({})).await["success"], true);
    let refused = client.ask("conversation:list", json!({})).await;
    assert_eq!(refused["code"], "unauthenticated");
    server.clock.advance(Duration::from_secs(10));
    assert_eq!(client.closed().await, Some(4000));
    server.stop().await;
}

#[actix_web::test]
async fn a_token_is_renewed_on_the_open_connection_and_its_end_is_told_and_kept() {
    // No heartbeat in between: the clock leaps.
    let day = Duration::from_secs(86_400);
    let server = Server::start(with_session(SessionSettings {
        heartbeat_interval: day,
        ..SessionSettings::default()
    }));
    let user = server.stage.user("mira");
    server.stage.user("other");
    let mut client = Client::signed_in(server.address, "mira").await;
    server.clock.advance(Duration::from_secs(850));
    let notice = client.event("system:notification").await;
    assert_eq!((&notice["kind"], &notice["level"]), (&json!("token_expiring"), &json!("warning")));
    assert_eq!(client.ask("auth", json!({ "token": "other" })).await["code"], "forbidden");
    server.stage.token("newer", user, Duration::from_secs(900), false);
    assert_eq!(client.ask("auth", json!({ "token": "newer" })).await["success"], true);
    server.clock.advance(Duration::from_secs(100));
    assert_eq!(client.ask("ping", json!({})).await["success"], true);
    server.clock.advance(Duration::from_secs(800));
    assert_eq!(client.closed().await, Some(4001));
    server.stop().await;
}

#[actix_web::test]
async fn a_peer_that_answers_no_ping_is_closed_and_one_that_does_is_kept() {
    let server = server();
    server.stage.user("mira");
    let mut silent = Client::signed_in(server.address, "mira").await;
    let mut lively = Client::signed_in(server.address, "mira").await;
    server.clock.advance(Duration::from_secs(26));
    assert_eq!(lively.ask("ping", json!({})).await["success"], true);
    server.clock.advance(Duration::from_secs(25));
    // It reads, and so answers pings, only after that.
    server.until("one gone", |counts| counts.signed_in == 1).await;
    assert_eq!(silent.closed().await, Some(4008));
    assert_eq!(lively.ask("ping", json!({})).await["success"], true);
    server.stop().await;
}

#[actix_web::test]
async fn what_is_not_the_protocol_is_closed() {
    let server = server();
    server.stage.user("mira");
    for message in [
        Message::binary(vec![1, 2, 3]),
        Message::text("hello"),
        Message::text("[]"),
        Message::text(r#"{"id":"1"}"#),
        Message::text(r#"{"event":7}"#),
    ] {
        let mut client = Client::signed_in(server.address, "mira").await;
        client.send(message.clone()).await;
        assert_eq!(client.closed().await, Some(4003), "{message:?}");
    }
    let mut large = Client::signed_in(server.address, "mira").await;
    large.raw(&"x".repeat(65_537)).await;
    assert_eq!(large.closed().await, Some(1009));
    server.until("all gone", |counts| counts.sockets == 0).await;
    server.stop().await;
}

#[actix_web::test]
async fn a_score_of_bad_commands_is_answered_and_then_closed() {
    let server = server();
    server.stage.user("mira");
    let mut client = Client::signed_in(server.address, "mira").await;
    for _ in 0..19 {
        assert_eq!(client.ask("nonsense", json!({})).await["code"], "unknown_command");
    }
    client.raw(r#"{"event":"message:read","data":{"conversationId":"x","offset":1}}"#).await;
    let error = client.event("error").await;
    assert_eq!(error["error"], "conversationId: takes an id (a UUID)");
    assert_eq!((&error["code"], &error["command"]), (&json!("bad_request"), &json!("message:read")));
    assert_eq!(client.closed().await, Some(4003));
    server.stop().await;
}

#[actix_web::test]
async fn a_command_in_pieces_is_put_together_within_the_bound() {
    let server = server();
    server.stage.user("mira");
    let mut client = Client::signed_in(server.address, "mira").await;
    client.pieces(&[r#"{"event":"pi"#, r#"ng","id":7"#, "}"]).await;
    let ack = client.next().await.unwrap();
    assert_eq!((&ack["id"], &ack["data"]["success"]), (&json!(7), &json!(true)));
    let piece = "x".repeat(40_000);
    client.pieces(&[&piece, &piece, "}"]).await;
    assert_eq!(client.closed().await, Some(1009));
    server.stop().await;
}

#[actix_web::test]
async fn an_id_comes_back_as_it_was_and_without_one_nothing_comes() {
    let server = server();
    server.stage.user("mira");
    let mut client = Client::signed_in(server.address, "mira").await;
    client.raw(r#"{"event":"ping"}"#).await;
    for id in [json!("a"), json!(0), json!(-3), json!(u64::MAX)] {
        client.raw(&json!({ "event": "ping", "id": id }).to_string()).await;
        assert_eq!(client.next().await.unwrap()["id"], id);
    }
    server.stop().await;
}

#[actix_web::test]
async fn messages_are_limited_by_plan_and_a_flood_is_closed() {
    let frames_per_minute = 60;
    let server =
        Server::start(with_session(SessionSettings { frames_per_minute, ..SessionSettings::default() }));
    let user = server.stage.user("mira");
    let room = server.stage.room(&[user]);
    let mut client = Client::signed_in(server.address, "mira").await;
    let message = json!({ "conversationId": room.to_string(), "content": "hi", "reply": "none" });
    for _ in 0..10 {
        assert_eq!(client.ask("message:send", message.clone()).await["success"], true);
    }
    let refused = client.ask("message:send", message.clone()).await;
    assert_eq!((&refused["code"], &refused["retryAfterMs"]), (&json!("rate_limited"), &json!(6_000)));
    server.stage.token("paid", user, Duration::from_secs(900), true);
    assert_eq!(client.ask("auth", json!({ "token": "paid" })).await["success"], true);
    for _ in 0..20 {
        assert_eq!(client.ask("message:send", message.clone()).await["success"], true);
    }
    for _ in 0..60 {
        client.raw(r#"{"event":"ping"}"#).await;
    }
    assert_eq!(client.closed().await, Some(4013));
    server.stop().await;
}

#[actix_web::test]
async fn a_user_has_so_many_sockets_and_no_more() {
    let server = Server::start(Settings { sockets_per_user_max: 2, ..Settings::default() });
    server.stage.user("mira");
    server.stage.user("bram");
    let first = Client::signed_in(server.address, "mira").await;
    let _second = Client::signed_in(server.address, "mira").await;
    let mut third = Client::open(server.address).await;
    third.tell("auth", json!({ "token": "mira" })).await;
    assert_eq!(third.closed().await, Some(4010));
    Client::signed_in(server.address, "bram").await;
    drop(first);
    server.until("one gone", |counts| counts.signed_in == 1).await;
    Client::signed_in(server.address, "mira").await;
    server.stop().await;
}

#[actix_web::test]
async fn a_command_whose_room_crashed_is_answered_and_unanswered_ones_are_bounded() {
    let server = Server::start(Settings { engine_calls_max: 3, ..Settings::default() });
    let user = server.stage.user("mira");
    let room = server.stage.room(&[user]);
    server.stage.set_silent(true);
    let mut client = Client::signed_in(server.address, "mira").await;
    let message = json!({ "conversationId": room.to_string(), "content": "hi" });
    let ids = [
        client.tell("message:send", message.clone()).await,
        client.tell("message:send", message.clone()).await,
        client.tell("message:send", message.clone()).await,
    ];
    assert_eq!(client.ask("message:send", message.clone()).await["code"], "overloaded");
    server.stage.drop_unanswered();
    for id in ids {
        let ack = client.ack(&id).await.unwrap();
        assert_eq!((&ack["code"], &ack["retryAfterMs"]), (&json!("outcome_unknown"), &json!(1_000)));
    }
    server.stage.set_silent(false);
    assert_eq!(client.ask("message:send", message).await["success"], true);
    server.stop().await;
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
            assert_eq!(status["lastSeen"], "2026-01-01T12:00:03Z");
            break;
        }
    }
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

#[actix_web::test]
async fn a_draining_server_closes_its_sockets_and_takes_no_new_ones() {
    let server = server();
    server.stage.user("mira");
    let clients = join_all((0..8).map(|_| Client::signed_in(server.address, "mira"))).await;
    server.hub.close_all(CloseCode::Draining);
    for mut client in clients {
        assert_eq!(client.closed().await, Some(1001));
    }
    let (status, body) = Client::open_with(server.address, &[]).await.err().unwrap();
    assert_eq!((status, &body["error"]), (503, &json!("draining")));
    server.until("all gone", |counts| counts.sockets == 0).await;
    server.stop().await;
}

#[actix_web::test]
async fn a_client_that_closes_is_answered_and_forgotten() {
    let server = server();
    let mira = server.stage.user("mira");
    let room = server.stage.room(&[mira]);
    let mut client = Client::signed_in(server.address, "mira").await;
    client.join(room, None).await;
    client.send(Message::Close(None)).await;
    assert_eq!(client.closed().await, None);
    server.until("forgotten", |counts| counts.sockets + counts.signed_in + counts.rooms == 0).await;
    // Nobody is there to hear it.
    server.stage.say(room, Sender::User(UserId::new()), "hello?");
    server.stop().await;
}
