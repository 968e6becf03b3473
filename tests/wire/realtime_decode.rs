//! Every command that a client may send, against the schema; and what a bad one is told.

use greenroom::realtime::wire::{self, CommandId, DecodeError};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::schema;

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
        json!({"event": "message:send", "data": {"conversationId": ID, "type": "media", "content": "Look",
            "attachment": {"url": "https://example.com/a.webp", "type": "image", "width": 4, "height": 3}}}),
        json!({"event": "message:send", "data": {"conversationId": ID, "type": "audio",
            "attachment": {"url": "/media/a.ogg", "type": "audio", "mime": "audio/ogg", "durationMs": 900}}}),
        json!({"event": "message:edit", "data": {"conversationId": ID, "messageId": ID, "content": "hi"}}),
        json!({"event": "message:edit", "data": {"conversationId": ID, "messageId": ID, "content": "hi",
            "resend": true}}),
        json!({"event": "message:delete", "data": {"conversationId": ID, "messageId": ID}}),
        json!({"event": "message:react", "data": {"conversationId": ID, "messageId": ID, "emoji": "👍"}}),
        json!({"event": "message:react", "data": {"conversationId": ID, "messageId": ID, "emoji": "👍",
            "remove": true}}),
        json!({"event": "reply:request", "data": {"conversationId": ID}}),
        json!({"event": "reply:request", "data": {"conversationId": ID, "characterId": ID}}),
        json!({"event": "reply:regenerate", "data": {"conversationId": ID, "messageId": ID}}),
        json!({"event": "reply:continue", "data": {"conversationId": ID, "messageId": ID}}),
        json!({"event": "reply:select", "data": {"conversationId": ID, "messageId": ID, "variant": 0}}),
        json!({"event": "conversation:update", "data": {"conversationId": ID, "title": "Tea", "visibility": "public",
            "slug": "tea-at-five", "category": null, "tags": ["tea"], "replyMode": "by_hand"}}),
        json!({"event": "member:add", "data": {"conversationId": ID, "userId": ID}}),
        json!({"event": "member:add", "data": {"conversationId": ID, "username": "mira"}}),
        json!({"event": "member:remove", "data": {"conversationId": ID, "userId": ID}}),
        json!({"event": "member:update", "data": {"conversationId": ID, "userId": ID, "role": "owner"}}),
        json!({"event": "character:add", "data": {"conversationId": ID, "characterId": ID}}),
        json!({"event": "character:remove", "data": {"conversationId": ID, "characterId": ID}}),
        json!({"event": "character:subscribe", "data": {"characterId": ID}}),
        json!({"event": "character:unsubscribe", "data": {"characterId": ID}}),
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
        (
            "message:send",
            of_room(json!({"content": "a", "type": "song"})),
            "bad_request",
            "type: takes text, audio or media",
        ),
        (
            "message:send",
            of_room(json!({"content": "a", "type": "audio"})),
            "bad_request",
            "attachment: is missing",
        ),
        (
            "message:send",
            of_room(
                json!({"type": "media", "attachment": {"url": "/media/a", "type": "audio", "durationMs": 1}}),
            ),
            "bad_request",
            "attachment: takes type image or video in a media message",
        ),
        (
            "message:send",
            of_room(json!({"type": "audio", "attachment": {"url": "/media/a", "type": "audio"}})),
            "bad_request",
            "attachment.durationMs: is missing: audio has a duration",
        ),
        (
            "message:send",
            of_room(json!({"content": "a", "type": "media", "attachment": "/media/a"})),
            "bad_request",
            "attachment: takes an object",
        ),
        (
            "message:send",
            of_room(json!({"type": "media", "attachment": {"type": "image"}})),
            "bad_request",
            "attachment.url: is missing",
        ),
        ("message:edit", of_room(json!({"content": "a"})), "bad_request", "messageId: is missing"),
        (
            "message:edit",
            of_room(json!({"messageId": ID, "content": " "})),
            "content_empty",
            "the message is empty",
        ),
        (
            "message:edit",
            of_room(json!({"messageId": ID, "content": "a", "resend": "yes"})),
            "bad_request",
            "resend: takes true or false",
        ),
        (
            "message:delete",
            of_room(json!({"messageId": 7})),
            "bad_request",
            "messageId: takes an id (a UUID)",
        ),
        ("message:react", of_room(json!({"messageId": ID})), "bad_request", "emoji: is missing"),
        (
            "message:react",
            of_room(json!({"messageId": ID, "emoji": ""})),
            "bad_request",
            "emoji: takes one emoji",
        ),
        ("reply:select", of_room(json!({"messageId": ID})), "bad_request", "variant: is missing"),
        (
            "reply:select",
            of_room(json!({"messageId": ID, "variant": 65_536})),
            "bad_request",
            "variant: takes the index of a variant",
        ),
        ("reply:regenerate", of_room(json!({})), "bad_request", "messageId: is missing"),
        ("conversation:update", of_room(json!({})), "bad_request", "title: is missing: nothing is to change"),
        (
            "conversation:update",
            of_room(json!({"tags": "tea"})),
            "bad_request",
            "tags: takes a list of strings",
        ),
        (
            "conversation:update",
            of_room(json!({"visibility": "secret"})),
            "bad_request",
            "visibility: takes private, unlisted or public",
        ),
        ("member:add", of_room(json!({})), "bad_request", "userId: is missing"),
        (
            "member:add",
            of_room(json!({"userId": ID, "username": "mira"})),
            "bad_request",
            "userId: does not go together with username",
        ),
        (
            "member:update",
            of_room(json!({"userId": ID, "role": "member"})),
            "bad_request",
            "role: takes owner: it is handed over",
        ),
        ("character:add", of_room(json!({})), "bad_request", "characterId: is missing"),
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
            Just("message:edit"), Just("message:react"), Just("conversation:update"), Just("member:add"),
        ],
        name in prop_oneof![
            Just("token"), Just("characterIds"), Just("limit"), Just("conversationId"), Just("offset"), Just("content"),
            Just("clientId"), Just("reply"), Just("messageId"), Just("members"),
            Just("attachment"), Just("resend"), Just("emoji"), Just("tags"), Just("category"), Just("userId"),
        ],
        value in prop_oneof![
            Just(json!(null)), Just(json!(true)), any::<i64>().prop_map(|n| json!(n)), any::<u64>().prop_map(|n| json!(n)),
            any::<f64>().prop_map(|n| json!(n)), ".{0,20}".prop_map(|s| json!(s)), Just(json!([ID, 1, [], {}])),
            Just(json!({"a": {"b": []}})), Just(json!({"url": {"url": []}, "type": "image", "width": true})),
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
