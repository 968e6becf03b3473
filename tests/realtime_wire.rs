//! Every frame of the protocol, both ways, against its schema; and what a bad one is told.

#[path = "realtime_support/schema.rs"]
mod schema;

use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use greenroom::accounts::Role;
use greenroom::conversations::Snapshot;
use greenroom::conversations::view::{
    ConversationCharacterView, ConversationView, MessageView, ReadView, Visibility,
};
use greenroom::realtime::Profile;
use greenroom::realtime::wire::{self, CommandId, DecodeError};
use greenroom_actors::domain::{
    CharacterId, ClientId, Content, FailureCode, Finish, Message, MessageId, MessageKind, Reply, ReplyState,
    RoomId, Scope, Sender, SessionId, Usage, UsageLine, UserId, Window,
};
use greenroom_actors::protocol::{
    Notification, NotificationLevel, OpenReply, Presence, Refusal, RefusalCode, RoomEvent, Sent, Typing,
    Typist, UserEvent,
};
use greenroom_actors::session::Mark;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn json(text: &ByteString) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn time() -> Timestamp {
    "2026-01-01T00:00:00.5Z".parse().unwrap()
}

fn message() -> Message {
    Message {
        id: MessageId::new(),
        room: RoomId::new(),
        offset: 11,
        revision: 12,
        sender: Sender::User(UserId::new()),
        client_id: ClientId::parse("a1b2").unwrap(),
        kind: MessageKind::Text,
        content: Content::trusted("Good \"evening\"\n😀"),
        reply_to: Some(MessageId::new()),
        finish: Finish::Complete,
        replies: vec![Reply {
            character: CharacterId::new(),
            message: MessageId::new(),
            state: ReplyState::Failed,
            code: Some(FailureCode::ProviderTimeout),
        }],
        created_at: time(),
    }
}

fn open_reply() -> OpenReply {
    OpenReply {
        message: MessageId::new(),
        character: CharacterId::new(),
        in_reply_to: MessageId::new(),
        attempt: 2,
        state: ReplyState::Streaming,
        text: "So 😀 far".to_owned(),
    }
}

fn conversation() -> ConversationView {
    let owner = UserId::new().uuid();
    ConversationView {
        id: RoomId::new().uuid(),
        slug: "tea".to_owned(),
        title: "Tea".to_owned(),
        owner_id: owner,
        visibility: Visibility::Private,
        characters: vec![ConversationCharacterView {
            id: CharacterId::new().uuid(),
            slug: "mira".to_owned(),
            name: "Mira".to_owned(),
            tagline: "Keeps the kettle on".to_owned(),
            avatar_url: None,
        }],
        member_ids: vec![owner],
        last_offset: 12,
        read_offset: 3,
        last_message: Some(MessageView::from(&message())),
        created_at: time(),
        updated_at: time(),
    }
}

fn usage() -> Usage {
    let line = |scope, window, resets_at| UsageLine { scope, window, used: 3, limit: 30, resets_at };
    Usage {
        plan: "free".into(),
        lines: vec![
            line(Scope::Character(CharacterId::new(), MessageKind::Text), Window::Lifetime, None),
            line(Scope::Daily, Window::Day, Some(time())),
        ],
    }
}

fn status(state: ReplyState, code: Option<FailureCode>, offset: Option<i64>) -> RoomEvent {
    RoomEvent::Status {
        message: MessageId::new(),
        character: CharacterId::new(),
        in_reply_to: MessageId::new(),
        attempt: 1,
        state,
        code,
        offset,
    }
}

#[test]
fn every_event_of_a_room_is_as_the_schema_says() {
    let (user, character) = (UserId::new(), CharacterId::new());
    let reply = open_reply();
    let delta = RoomEvent::Delta {
        message: reply.message,
        character,
        in_reply_to: reply.in_reply_to,
        attempt: 1,
        position: 7,
        text: "a😀".to_owned(),
    };
    let events = [
        ("message:receive", RoomEvent::Received(Arc::new(message()))),
        ("message:delta", delta),
        ("message:status", status(ReplyState::Queued, None, None)),
        ("message:status", status(ReplyState::Thinking, None, None)),
        ("message:status", status(ReplyState::Failed, Some(FailureCode::ProviderUnavailable), Some(12))),
        ("message:read", RoomEvent::Read { offset: 12, user, read_offset: 11 }),
        ("typing:start", RoomEvent::Typing { who: Typist::User(user), active: Typing::Started }),
        ("typing:stop", RoomEvent::Typing { who: Typist::Character(character), active: Typing::Stopped }),
        ("user:status", RoomEvent::Presence { user, presence: Presence::Away, last_seen: None }),
        ("user:status", RoomEvent::Presence { user, presence: Presence::Offline, last_seen: Some(time()) }),
        ("conversation:delete", RoomEvent::Deleted { offset: 12 }),
    ];
    for (name, event) in events {
        let frame = wire::room_event(RoomId::new(), &event);
        let value = json(&frame.body);
        schema::assert_valid("serverFrame", &value);
        assert_eq!(value["event"], name);
        // What a client keeps as its place is what the session counts with.
        let counted = match frame.mark {
            Mark::Logged { offset, .. } | Mark::Deleted { offset } => Some(offset),
            _ => None,
        };
        assert_eq!(value["data"].get("offset").and_then(Value::as_i64), counted, "{name}");
        if let Mark::Delta { position, end, .. } = frame.mark {
            assert_eq!((position, end), (7, 10));
        }
    }
}

#[test]
fn every_event_of_a_user_is_as_the_schema_says() {
    let notification = Notification {
        kind: "maintenance".to_owned(),
        title: "Soon".to_owned(),
        body: "At noon".to_owned(),
        level: NotificationLevel::Critical,
    };
    for (name, text) in [
        ("usage", wire::user_event(&UserEvent::Usage(Arc::new(usage())))),
        ("system:notification", wire::user_event(&UserEvent::Notification(Arc::new(notification)))),
        ("conversation:create", wire::conversation_created(&conversation())),
    ] {
        let value = json(&text);
        schema::assert_valid("serverFrame", &value);
        assert_eq!(value["event"], name);
    }
}

#[test]
fn the_opening_and_every_ack_are_as_the_schema_says() {
    let hello = wire::Hello {
        protocol: 1,
        server: "greenroom/0.1.0",
        epoch: SessionId::new().uuid(),
        heartbeat_interval_ms: 25_000,
        auth_timeout_ms: 10_000,
        max_frame_bytes: 65_536,
    };
    schema::assert_valid("serverFrame", &json(&wire::hello(&hello)));
    let profile = Profile { username: "mira".to_owned(), display_name: "Mira".to_owned(), role: Role::Admin };
    let signed_in = wire::SignedIn::new(UserId::new(), &profile, SessionId::new(), time());
    schema::assert_valid("serverFrame", &json(&wire::ready(&signed_in)));

    let id = CommandId::Text("7".into());
    let snapshot = Snapshot {
        conversation: conversation(),
        epoch: hello.epoch,
        offset: 57,
        recovered: true,
        more: false,
        messages: vec![MessageView::from(&message())],
        reads: vec![ReadView { user_id: UserId::new().uuid(), offset: 55 }],
    };
    let presence = [(UserId::new(), Presence::Online)];
    let join = wire::JoinAck { snapshot: &snapshot, replies: vec![open_reply()], presence: &presence };
    let sent = Sent {
        message: Arc::new(message()),
        replies: message().replies,
        usage: Some(Arc::new(usage())),
        duplicate: true,
    };
    let messages = vec![MessageView::from(&message())];
    let acks = [
        ("auth", wire::ack(&id, &signed_in)),
        ("ping", wire::ack(&id, &wire::TimeAck { time: time() })),
        ("conversation:create", wire::ack(&id, &wire::ConversationAck { conversation: conversation() })),
        (
            "conversation:list",
            wire::ack(&id, &wire::ListAck { items: vec![conversation()], next_cursor: None }),
        ),
        ("conversation:join", join.encode(&id)),
        ("conversation:leave", wire::ack(&id, &wire::Nothing {})),
        ("conversation:messages", wire::ack(&id, &wire::MessagesAck { items: messages, has_more: true })),
        ("conversation:delete", wire::ack(&id, &wire::Nothing {})),
        ("message:send", wire::sent(&id, &sent)),
        ("message:send", wire::sent(&id, &Sent { usage: None, ..sent })),
        ("message:read", wire::ack(&id, &wire::OffsetAck { offset: 4 })),
        ("typing:start", wire::ack(&id, &wire::Nothing {})),
        ("typing:stop", wire::ack(&id, &wire::Nothing {})),
        ("reply:stop", wire::ack(&id, &wire::StoppedAck { stopped: 2 })),
        ("user:status", wire::ack(&id, &wire::Nothing {})),
    ];
    for (command, text) in acks {
        let value = json(&text);
        schema::assert_valid("serverFrame", &value);
        schema::assert_valid(&format!("acks/{command}"), &value["data"]);
        assert_eq!((&value["event"], &value["id"]), (&json!("ack"), &json!("7")));
    }
}

#[test]
fn a_refusal_has_its_code_and_tells_how_long_to_wait_rounded_up() {
    use RefusalCode::*;
    for code in [
        BadRequest,
        UnknownCommand,
        Unauthenticated,
        Forbidden,
        NotFound,
        Conflict,
        ContentEmpty,
        ContentTooLong,
        ContentInvalid,
        ContentRefused,
        QuotaExceeded,
        RateLimited,
        RoomBusy,
        Overloaded,
        DependencyDown,
        OutcomeUnknown,
        Draining,
        Internal,
    ] {
        let refusal = Refusal::temporary(code, "not now", Duration::from_micros(1_001));
        let ack = json(&wire::refused(&CommandId::Integer(-7), &refusal));
        schema::assert_valid("serverFrame", &ack);
        assert_eq!(
            ack,
            json!({"event": "ack", "id": -7,
                "data": {"success": false, "error": "not now", "code": code.as_str(), "retryAfterMs": 2}})
        );
        let event = json(&wire::refused_silently("message:send", &Refusal::new(code, "no")));
        schema::assert_valid("serverFrame", &event);
        assert_eq!(event["data"], json!({"error": "no", "code": code.as_str(), "command": "message:send"}));
    }
}

const ID: &str = "01980000-0000-7000-8000-000000000001";

#[test]
fn every_command_that_the_schema_allows_is_read() {
    let commands = [
        json!({"event": "auth", "data": {"token": "x.y.z"}}),
        json!({"event": "ping"}),
        json!({"event": "ping", "id": 3, "data": null}),
        json!({"event": "conversation:create", "data": {"characterId": ID}}),
        json!({"event": "conversation:create", "data": {"characterIds": [ID], "title": "Tea", "members": [ID]}}),
        json!({"event": "conversation:list"}),
        json!({"event": "conversation:list", "data": {"limit": 100, "cursor": "abc"}}),
        json!({"event": "conversation:join", "data": {"conversationId": ID}}),
        json!({"event": "conversation:join", "data": {"conversationId": ID, "epoch": ID, "offset": 0}}),
        json!({"event": "conversation:leave", "data": {"conversationId": ID}}),
        json!({"event": "conversation:messages", "data": {"conversationId": ID}}),
        json!({"event": "conversation:messages", "data": {"conversationId": ID, "limit": 1, "before": 9}}),
        json!({"event": "conversation:messages", "data": {"conversationId": ID, "after": 0}}),
        json!({"event": "conversation:delete", "data": {"conversationId": ID}}),
        json!({"event": "message:send", "id": "a", "data": {"conversationId": ID, "content": "hi"}}),
        json!({"event": "message:send", "data": {"characterId": ID, "content": "hi", "type": "text", "clientId": "a",
            "replyTo": ID, "reply": "none"}}),
        json!({"event": "message:send", "data": {"conversationId": ID, "content": "hi", "reply": ID}}),
        json!({"event": "message:read", "data": {"conversationId": ID, "offset": 4}}),
        json!({"event": "typing:start", "data": {"conversationId": ID}}),
        json!({"event": "typing:stop", "data": {"conversationId": ID}}),
        json!({"event": "reply:stop", "data": {"conversationId": ID}}),
        json!({"event": "reply:stop", "data": {"conversationId": ID, "messageId": ID}}),
        json!({"event": "user:status", "data": {"status": "away"}}),
    ];
    for command in commands {
        schema::assert_valid("clientFrame", &command);
        let request =
            wire::decode(&command.to_string(), 5_000).unwrap_or_else(|error| panic!("{command}: {error:?}"));
        assert_eq!(request.command.name(), command["event"], "{command}");
        assert_eq!(serde_json::to_value(&request.id).unwrap(), command["id"]);
        // Fields of another version are ignored.
        let mut later = command;
        later["extra"] = json!({"a": [1, 2.5, true]});
        if later["data"].is_object() {
            later["data"]["extra"] = json!([{}, null]);
        }
        wire::decode(&later.to_string(), 5_000).unwrap();
    }
}

#[test]
fn a_bad_field_is_named() {
    let of_room = |more: Value| {
        let mut data = json!({"conversationId": ID});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    let cases = [
        ("message:send", json!({"content": "hi"}), "bad_request", "conversationId: is missing"),
        (
            "message:send",
            json!({"conversationId": 5, "content": "hi"}),
            "bad_request",
            "conversationId: takes an id (a UUID)",
        ),
        ("message:send", of_room(json!({})), "bad_request", "content: is missing"),
        ("message:send", of_room(json!({"content": 5})), "bad_request", "content: takes a string"),
        ("message:send", of_room(json!({"content": null})), "bad_request", "content: is missing"),
        ("message:send", of_room(json!({"content": " \n"})), "content_empty", "the message is empty"),
        (
            "message:send",
            of_room(json!({"content": "a\u{0}b"})),
            "content_invalid",
            "the message holds a NUL character",
        ),
        (
            "message:send",
            of_room(json!({"content": "12345678901"})),
            "content_too_long",
            "the message is longer than 10 characters",
        ),
        (
            "message:send",
            of_room(json!({"content": "a", "type": "audio"})),
            "bad_request",
            "type: takes text",
        ),
        (
            "message:send",
            of_room(json!({"content": "a", "clientId": ""})),
            "bad_request",
            "clientId takes 1 to 64 characters, none of them a control character",
        ),
        (
            "message:send",
            of_room(json!({"content": "a", "reply": "maybe"})),
            "bad_request",
            "reply: takes auto, none or a character's id",
        ),
        (
            "message:read",
            of_room(json!({"offset": -1})),
            "bad_request",
            "offset: takes a whole number of 0 or more",
        ),
        (
            "message:read",
            of_room(json!({"offset": 1.5})),
            "bad_request",
            "offset: takes a whole number of 0 or more",
        ),
        (
            "message:read",
            of_room(json!({"offset": u64::MAX})),
            "bad_request",
            "offset: takes a whole number of 0 or more",
        ),
        ("conversation:join", of_room(json!({"offset": 1})), "bad_request", "epoch: goes with offset"),
        (
            "conversation:messages",
            of_room(json!({"before": 1, "after": 1})),
            "bad_request",
            "before: does not go together with after",
        ),
        ("conversation:messages", of_room(json!({"limit": 101})), "bad_request", "limit: takes 1 to 100"),
        ("conversation:list", json!({"limit": 101}), "bad_request", "limit: takes 1 to 100"),
        ("conversation:create", json!({}), "bad_request", "characterId: is missing"),
        (
            "conversation:create",
            json!({"characterIds": []}),
            "bad_request",
            "characterIds: takes 1 to 8 characters",
        ),
        (
            "conversation:create",
            json!({"characterIds": vec![ID; 200]}),
            "bad_request",
            "characterIds: takes at most 8 ids",
        ),
        (
            "conversation:create",
            json!({"characterId": ID, "characterIds": [ID]}),
            "bad_request",
            "characterId: does not go together with characterIds",
        ),
        (
            "conversation:create",
            json!({"characterId": ID, "members": ["x"]}),
            "bad_request",
            "members: takes an id (a UUID)",
        ),
        ("user:status", json!({"status": "offline"}), "bad_request", "status: takes online or away"),
        ("typing:start", json!([]), "bad_request", "data: takes an object"),
        ("auth", json!({}), "bad_request", "token: is missing"),
        ("message:dance", json!({}), "unknown_command", "there is no such command"),
    ];
    for (event, data, code, text) in cases {
        let frame = json!({"event": event, "id": 1, "data": data});
        assert!(
            code.starts_with("content") || !schema::errors("clientFrame", &frame).is_empty(),
            "the schema allows what is refused: {frame}"
        );
        match wire::decode(&frame.to_string(), 10) {
            Err(DecodeError::Refused { id, command, refusal }) => {
                assert_eq!((refusal.code.as_str(), refusal.message.as_str()), (code, text), "{frame}");
                assert_eq!((id, command.as_str()), (Some(CommandId::Integer(1)), event));
            }
            other => panic!("{frame}: {other:?}"),
        }
    }
}

#[test]
fn an_id_that_cannot_come_back_is_refused_without_one() {
    for id in [json!(""), json!("x".repeat(65)), json!(1.5), json!(true), json!([1]), json!({})] {
        let frame = json!({"event": "ping", "id": id}).to_string();
        match wire::decode(&frame, 10) {
            Err(DecodeError::Refused { id: None, refusal, .. }) => {
                assert_eq!(refusal.message, "id: takes a string of 1 to 64 characters or an integer");
            }
            other => panic!("{frame}: {other:?}"),
        }
    }
    assert!(wire::decode(&json!({"event": "ping", "id": "x".repeat(64)}).to_string(), 10).is_ok());
}

#[test]
fn what_is_not_the_protocol_is_told_from_a_bad_command() {
    for text in [
        "",
        "x",
        "7",
        "null",
        "[]",
        "\"event\"",
        "{}",
        r#"{"event":null}"#,
        r#"{"event":["ping"]}"#,
        r#"{"event":"ping""#,
    ] {
        assert_eq!(wire::decode(text, 10).unwrap_err(), DecodeError::NotProtocol, "{text}");
    }
    // Nesting has a bound of its own.
    let deep = format!(r#"{{"event":"ping","x":{}}}"#, "[".repeat(60_000));
    assert_eq!(wire::decode(&deep, 10).unwrap_err(), DecodeError::NotProtocol);
    // Of a field that stands twice the last counts, as for JSON.parse.
    let twice = r#"{"event":"user:status","event":"ping","data":7,"data":{}}"#;
    assert_eq!(wire::decode(twice, 10).unwrap().command.name(), "ping");
}

#[test]
fn a_repair_goes_on_where_the_client_stands_in_utf16() {
    let reply = open_reply();
    for (from, text) in [(0, "So 😀 far"), (3, "😀 far"), (5, " far"), (9, ""), (99, "")] {
        let delta = json(&wire::repair(RoomId::new(), &reply, from));
        schema::assert_valid("serverFrame", &delta);
        assert_eq!((&delta["data"]["text"], &delta["data"]["position"]), (&json!(text), &json!(from)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_is_read_or_refused(text in ".{0,200}") {
        let _ = wire::decode(&text, 10);
    }

    #[test]
    fn whatever_stands_in_a_field_is_read_or_refused(
        event in prop_oneof![
            Just("auth"), Just("conversation:create"), Just("conversation:list"), Just("conversation:join"),
            Just("conversation:messages"), Just("message:send"), Just("message:read"), Just("reply:stop"),
        ],
        name in prop_oneof![
            Just("token"), Just("characterIds"), Just("limit"), Just("conversationId"), Just("offset"), Just("content"),
            Just("clientId"), Just("reply"), Just("messageId"), Just("members"),
        ],
        value in prop_oneof![
            Just(json!(null)), Just(json!(true)), any::<i64>().prop_map(|n| json!(n)), any::<u64>().prop_map(|n| json!(n)),
            any::<f64>().prop_map(|n| json!(n)), ".{0,20}".prop_map(|s| json!(s)), Just(json!([ID, 1, [], {}])),
            Just(json!({"a": {"b": []}})),
        ],
    ) {
        let frame = json!({"event": event, "id": "1", "data": {"conversationId": ID, "content": "x", name: value}});
        match wire::decode(&frame.to_string(), 10) {
            Ok(request) => prop_assert_eq!(request.command.name(), event),
            Err(DecodeError::Refused { id, .. }) => prop_assert!(id.is_some()),
            Err(DecodeError::NotProtocol) => prop_assert!(false, "{frame} is the protocol"),
        }
    }
}
