//! Every frame that the server sends, against the schema.

mod fixture;

use std::sync::Arc;
use std::time::Duration;

use greenroom::accounts::Role;
use greenroom::conversations::Snapshot;
use greenroom::conversations::view::{MessageView, ReadView};
use greenroom::media::files::State;
use greenroom::realtime::Profile;
use greenroom::realtime::wire::{self, CommandId};
use greenroom::studio::content::State as ContentState;
use greenroom_actors::domain::{
    CharacterId, FailureCode, Into, MessageId, ReplyState, RoomId, SessionId, UserId,
};
use greenroom_actors::protocol::{
    Asked, Notification, NotificationLevel, Presence, Refusal, RefusalCode, RoomEvent, Sent, Typing, Typist,
    UserEvent,
};
use greenroom_actors::session::{Mark, Pacing};
use serde_json::{Value, json};

use fixture::*;

use crate::support::schema;

#[test]
fn every_event_of_a_room_is_as_the_schema_says() {
    let (user, character) = (UserId::new(), CharacterId::new());
    let reply = open_reply();
    let delta = RoomEvent::Delta {
        message: reply.message,
        character,
        in_reply_to: reply.in_reply_to,
        into: Into::Variant(MessageId::new()),
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
        ("message:receive", RoomEvent::Received(Arc::new(spoken()))),
        ("message:update", RoomEvent::Updated { message: Arc::new(tombstone()), reply: None }),
        (
            "message:update",
            RoomEvent::Updated { message: Arc::new(message()), reply: Some(MessageId::new()) },
        ),
        ("member:add", RoomEvent::MemberAdded { offset: 12, member: member(user), by: UserId::new() }),
        ("member:remove", RoomEvent::MemberRemoved { offset: 12, user, by: user }),
        ("conversation:update", changed()),
    ];
    for (name, event) in events {
        let frame = wire::room_event(RoomId::new(), &event);
        let value = json(&frame.body);
        schema::assert_valid("serverFrame", &value);
        assert_eq!(value["event"], name);
        // What a client keeps as its place is what the session counts with.
        let counted = match frame.mark {
            Mark::Logged { offset, .. } | Mark::Removed { offset, .. } | Mark::Deleted { offset } => {
                Some(offset)
            }
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
        ("usage", wire::user_event(&warned())),
        ("system:notification", wire::user_event(&UserEvent::Notification(Arc::new(notification)))),
        ("conversation:create", wire::conversation_created(&conversation())),
        ("character:update", wire::character_changed(&character())),
        ("character:update", wire::character_deleted(CharacterId::new())),
        ("media:update", wire::media_updated(&file(State::Processing))),
        ("media:update", wire::media_updated(&file(State::Ready))),
        ("media:update", wire::media_updated(&file(State::Failed("it is broken".to_owned())))),
        ("media:update", wire::media_updated(&file(State::Deleted))),
        ("content:delete", wire::content_deleted(uuid::Uuid::now_v7())),
    ]
    .into_iter()
    .chain(ContentState::ALL.iter().map(|state| ("content:update", wire::content_updated(&content(*state)))))
    {
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
    let profile = Profile {
        username: "mira".to_owned(),
        display_name: "Mira".to_owned(),
        role: Role::Admin,
        plan: "free".into(),
        pacing: Pacing::Paced,
    };
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
    let presence = [
        (UserId::new(), Presence::Online, None),
        (UserId::new(), Presence::Offline, Some(time())),
        (UserId::new(), Presence::Offline, None),
    ];
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
        ("message:edit", wire::amended(&id, &spoken())),
        ("message:edit", wire::asked(&id, &asked(Some(message())))),
        ("message:delete", wire::amended(&id, &tombstone())),
        ("message:react", wire::amended(&id, &spoken())),
        ("reply:select", wire::amended(&id, &spoken())),
        ("reply:request", wire::asked(&id, &asked(None))),
        ("reply:regenerate", wire::asked(&id, &Asked { usage: None, ..asked(None) })),
        ("reply:continue", wire::asked(&id, &asked(None))),
        ("conversation:update", wire::ack(&id, &wire::OffsetAck { offset: 4 })),
        ("member:add", wire::ack(&id, &wire::OffsetAck { offset: 4 })),
        ("member:remove", wire::ack(&id, &wire::OffsetAck { offset: 4 })),
        ("member:update", wire::ack(&id, &wire::OffsetAck { offset: 4 })),
        ("character:add", wire::ack(&id, &wire::OffsetAck { offset: 4 })),
        ("character:remove", wire::ack(&id, &wire::OffsetAck { offset: 4 })),
        ("character:subscribe", wire::ack(&id, &wire::CharacterAck { character: &character() })),
        ("character:unsubscribe", wire::ack(&id, &wire::Nothing {})),
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

#[test]
fn a_repair_goes_on_where_the_client_stands_in_utf16() {
    let reply = open_reply();
    for (from, text) in [(0, "So 😀 far"), (3, "😀 far"), (5, " far"), (9, ""), (99, "")] {
        let delta = json(&wire::repair(RoomId::new(), &reply, from));
        schema::assert_valid("serverFrame", &delta);
        assert_eq!((&delta["data"]["text"], &delta["data"]["position"]), (&json!(text), &json!(from)));
    }
}
