//! Real sockets against the real hub, shards and sessions: opening, signing in, limits, and how a socket ends.

use std::time::Duration;

use futures_util::future::join_all;
use greenroom::realtime::Settings;
use greenroom_actors::domain::{Sender, UserId};
use greenroom_actors::session::{CloseCode, SessionSettings};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::realtime_support::Server;
use crate::realtime_support::client::Client;

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
