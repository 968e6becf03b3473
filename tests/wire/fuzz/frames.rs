//! What is sent: commands that make sense, the same broken in all ways, and texts that were never meant well.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// What exists on the server, so that some of it is hit.
pub struct World {
    pub token: String,
    pub ids: Vec<String>,
}

/// Which of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Native,
    SocketIo,
}

const COMMANDS: &[&str] = &[
    "auth",
    "ping",
    "conversation:create",
    "conversation:list",
    "conversation:join",
    "conversation:leave",
    "conversation:messages",
    "conversation:delete",
    "conversation:update",
    "message:send",
    "message:read",
    "message:edit",
    "message:delete",
    "message:react",
    "member:add",
    "member:remove",
    "typing:start",
    "typing:stop",
    "reply:stop",
    "reply:request",
    "reply:regenerate",
    "reply:continue",
    "reply:select",
    "character:subscribe",
    "user:status",
    "ack",
    "error",
    "connect",
    "disconnect",
    "",
    "\u{0}",
    "message:send\u{1e}",
];
const FIELDS: &[&str] = &[
    "token",
    "characterId",
    "characterIds",
    "title",
    "members",
    "limit",
    "cursor",
    "conversationId",
    "epoch",
    "offset",
    "before",
    "after",
    "content",
    "type",
    "clientId",
    "replyTo",
    "reply",
    "messageId",
    "status",
    "emoji",
    "__proto__",
    "event",
];
const WORDS: &[&str] = &[
    "auto",
    "none",
    "text",
    "audio",
    "media",
    "online",
    "away",
    "offline",
    "0",
    "-1",
    "1e999",
    "null",
    "é",
    "😀",
    "\u{1e}",
    "\u{0}",
    "\u{feff}",
    "\\",
    "\"",
    "../..",
    "<script>",
    "%00",
    "{{char}}",
    "' or 1=1 --",
];

/// The text of one message, well formed or not.
pub fn text(rng: &mut Rng, world: &World, dialect: Dialect) -> Vec<u8> {
    let mut text = match rng.u8(..100) {
        0..60 => command(rng, world, dialect).into_bytes(),
        60..85 => {
            let mut text = command(rng, world, dialect).into_bytes();
            mutate(rng, &mut text);
            text
        }
        _ => hostile(rng, world, dialect).into_bytes(),
    };
    if rng.u8(..50) == 0 {
        mutate(rng, &mut text);
    }
    text
}

/// A command that is near to what a client sends.
fn command(rng: &mut Rng, world: &World, dialect: Dialect) -> String {
    let name = COMMANDS[rng.usize(..COMMANDS.len())];
    let data = match name {
        // Without a reply, mostly: what replies do is not this test's affair.
        "message:send" if rng.u8(..10) < 8 => json!({
            "conversationId": world.ids[0], "content": string(rng), "reply": "none", "type": "text",
        }),
        // Few of those that stay.
        "conversation:create" if rng.u8(..20) > 0 => json!({ "characterIds": value(rng, world, 0) }),
        "auth" if rng.bool() => json!({ "token": world.token }),
        _ => object(rng, world, 0),
    };
    match dialect {
        Dialect::Native => {
            let mut frame = json!({ "event": name, "data": data });
            match rng.u8(..4) {
                0 => {}
                1 => frame["id"] = value(rng, world, 0),
                _ => frame["id"] = json!(rng.u32(..).to_string()),
            }
            frame.to_string()
        }
        Dialect::SocketIo => {
            let id = if rng.bool() { rng.u32(..).to_string() } else { String::new() };
            let mut list = vec![json!(name), data];
            if rng.u8(..10) == 0 {
                list.push(value(rng, world, 0));
            }
            list.truncate(rng.usize(1..=3));
            format!("42{id}{}", Value::Array(list))
        }
    }
}

fn object(rng: &mut Rng, world: &World, depth: usize) -> Value {
    let mut object = Map::new();
    for _ in 0..rng.usize(..6) {
        let name = FIELDS[rng.usize(..FIELDS.len())];
        object.insert(name.to_owned(), value(rng, world, depth));
    }
    Value::Object(object)
}

fn value(rng: &mut Rng, world: &World, depth: usize) -> Value {
    match rng.u8(..if depth > 3 { 9 } else { 12 }) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.i64(-2..120)),
        3 => {
            [json!(i64::MIN), json!(u64::MAX), json!(1.5), json!(-0.0), json!(1e308)][rng.usize(..5)].clone()
        }
        4..=6 => json!(world.ids[rng.usize(..world.ids.len())]),
        7 => json!(format!("0197f000-0000-7000-8000-{:012x}", rng.u64(..1 << 40))),
        8 => json!(string(rng)),
        9 => (0..rng.usize(..12)).map(|_| value(rng, world, depth + 1)).collect(),
        _ => object(rng, world, depth + 1),
    }
}

fn string(rng: &mut Rng) -> String {
    match rng.u8(..10) {
        0..4 => WORDS[rng.usize(..WORDS.len())].to_owned(),
        4..8 => (0..rng.usize(..40)).map(|_| rng.char(..)).collect(),
        8 => WORDS[rng.usize(..WORDS.len())].repeat(rng.usize(..400)),
        _ => "x".repeat(rng.usize(4_990..5_010)),
    }
}

/// Some bytes changed, taken out, doubled or put in.
fn mutate(rng: &mut Rng, text: &mut Vec<u8>) {
    for _ in 0..rng.usize(1..6) {
        if text.is_empty() {
            return text.push(rng.u8(..));
        }
        let at = rng.usize(..text.len());
        match rng.u8(..5) {
            0 => text[at] = rng.u8(..),
            1 => drop(text.remove(at)),
            2 => text.insert(at, b"{}[]\",:0123456789\\\x1e\x00-/b"[rng.usize(..23)]),
            3 => text.truncate(at),
            _ => {
                let end = (at + rng.usize(..32)).min(text.len());
                let part = text[at..end].to_vec();
                text.splice(at..at, part);
            }
        }
    }
}

/// Never meant well.
fn hostile(rng: &mut Rng, world: &World, dialect: Dialect) -> String {
    let long = rng.usize(..30_000);
    let shared = match rng.u8(..7) {
        0 => "[".repeat(long),
        1 => "{\"a\":".repeat(long / 5),
        2 => format!("{}{}", "[".repeat(long / 2), "]".repeat(long / 2)),
        3 => format!("{{\"event\":\"ping\",\"id\":{}}}", "9".repeat(rng.usize(1..400))),
        4 => format!("{{{}\"event\":\"ping\"}}", "\"event\":\"auth\",".repeat(rng.usize(..500))),
        5 => (0..rng.usize(..60)).map(|_| rng.char(..)).collect(),
        _ => "x".repeat(rng.usize(..80_000)),
    };
    if dialect == Dialect::Native {
        return shared;
    }
    let digits = "9".repeat(rng.usize(..40));
    match rng.u8(..19) {
        0 => format!("42{shared}"),
        1 => format!("42{digits}[\"ping\"]"),
        2 => format!("45{digits}-[\"message:send\",{{\"_placeholder\":true,\"num\":0}}]"),
        3 => format!("46{digits}-1[]"),
        4 => format!("40/{},", rng.u32(..)),
        5 => format!("40{}", json!({ "token": world.token, "characterId": world.ids[rng.usize(..4)] })),
        6 => format!("40{shared}"),
        7 => format!("43{digits}[{}]", value(rng, world, 0)),
        8 => format!("42/{},[\"ping\"]", rng.u32(..)),
        9 => "41".to_owned(),
        10 => ["1", "2probe", "3probe", "5", "6", "0", "2", "3", "4", "7"][rng.usize(..10)].to_owned(),
        11 => format!("b{digits}"),
        12 => format!("44{shared}"),
        14 => ["", "4", "40", "41", "42", "43", "45"][rng.usize(..7)].to_owned() + &rng.char(..).to_string(),
        13 => format!("4{}{}", rng.u8(..), value(rng, world, 0)),
        _ => shared,
    }
}
