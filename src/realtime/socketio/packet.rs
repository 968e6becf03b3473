//! Packets as text: Engine.IO's envelope around each, and Socket.IO's packet in a message. Read here, and written where
//! they are made; what an event's data means is the affair of `wire`.

use serde::de::IgnoredAny;

/// Between the packets of one polling payload.
pub(super) const SEPARATOR: char = '\u{1e}';
pub(super) const CLOSE: &str = "1";
pub(super) const PING: &str = "2";
pub(super) const NOOP: &str = "6";
/// A WebSocket that is to take a session over asks so, and is answered so.
pub(super) const PROBE: &str = "2probe";
pub(super) const PROBED: &str = "3probe";
/// The session is its own now.
pub(super) const UPGRADE: &str = "5";
/// The client leaves, or is asked to leave and not to come back by itself.
pub(super) const DISCONNECT: &str = "41";

/// What a client's packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// It closes the session.
    Close,
    /// A sign of life.
    Pong,
    Noop,
    /// It connects to the default namespace, with this JSON object, if any.
    Connect(Option<&'a str>),
    /// It connects to a namespace that is not there.
    ConnectElsewhere(&'a str),
    Disconnect,
    /// A JSON array, and the id under which an ack is wanted.
    Event {
        id: Option<u64>,
        payload: &'a str,
    },
    /// The answer to an event of ours. None asks for one.
    Ack,
    /// Something that binary attachments follow.
    Binary,
}

/// No packet, or none that a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadPacket;

/// Reads one packet of Engine.IO.
pub(super) fn read(text: &str) -> Result<Packet<'_>, BadPacket> {
    match text.as_bytes() {
        [b'1'] => Ok(Packet::Close),
        [b'3', ..] => Ok(Packet::Pong),
        [b'4', ..] => message(&text[1..]),
        [b'6', ..] => Ok(Packet::Noop),
        // Binary in the base64 of polling.
        [b'b', ..] => Ok(Packet::Binary),
        // Open, ping (that is the server's), upgrade (that belongs on a WebSocket that was probed).
        _ => Err(BadPacket),
    }
}

/// Reads one packet of Socket.IO.
fn message(text: &str) -> Result<Packet<'_>, BadPacket> {
    let kind = text.chars().next().ok_or(BadPacket)?;
    if matches!(kind, '5' | '6') {
        return Ok(Packet::Binary);
    }
    let (namespace, rest) = namespace(&text[kind.len_utf8()..]);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (id, payload) = rest.split_at(digits);
    let id = if id.is_empty() { None } else { Some(id.parse().map_err(|_| BadPacket)?) };
    match (kind, namespace) {
        ('0', None) if id.is_none() && payload.is_empty() => Ok(Packet::Connect(None)),
        ('0', None) if id.is_none() && payload.starts_with('{') => Ok(Packet::Connect(Some(payload))),
        ('0', Some(name)) if id.is_none() => Ok(Packet::ConnectElsewhere(name)),
        ('1', None) if id.is_none() && payload.is_empty() => Ok(Packet::Disconnect),
        ('2', None) if payload.starts_with('[') => Ok(Packet::Event { id, payload }),
        ('3', None) if id.is_some() && is_array(payload) => Ok(Packet::Ack),
        // Of a namespace that was never connected to, of an unknown kind, or malformed.
        _ => Err(BadPacket),
    }
}

/// The namespace, if it is another than the default one, and what follows it.
fn namespace(text: &str) -> (Option<&str>, &str) {
    if !text.starts_with('/') {
        return (None, text);
    }
    let (name, rest) = text.split_once(',').unwrap_or((text, ""));
    (Some(name).filter(|name| *name != "/"), rest)
}

fn is_array(payload: &str) -> bool {
    serde_json::from_str::<Vec<IgnoredAny>>(payload).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_are_read_as_the_protocol_writes_them() {
        let event = |id, payload| Packet::Event { id, payload };
        let good = [
            ("1", Packet::Close),
            ("3", Packet::Pong),
            ("6", Packet::Noop),
            ("40", Packet::Connect(None)),
            (r#"40{"token":"t"}"#, Packet::Connect(Some(r#"{"token":"t"}"#))),
            ("40/,", Packet::Connect(None)),
            ("40/admin,", Packet::ConnectElsewhere("/admin")),
            ("40/admin", Packet::ConnectElsewhere("/admin")),
            (r#"40/admin?a=1,{"token":1}"#, Packet::ConnectElsewhere("/admin?a=1")),
            ("41", Packet::Disconnect),
            (r#"42["a"]"#, event(None, r#"["a"]"#)),
            (r#"4212["a",{}]"#, event(Some(12), r#"["a",{}]"#)),
            ("437[]", Packet::Ack),
            (r#"451-["a",{"_placeholder":true,"num":0}]"#, Packet::Binary),
            (r#"461-7[{"_placeholder":true,"num":0}]"#, Packet::Binary),
            ("bAQIDBA==", Packet::Binary),
        ];
        for (text, packet) in good {
            assert_eq!(read(text), Ok(packet), "{text}");
        }
    }

    #[test]
    fn what_is_no_packet_of_a_clients_is_refused() {
        let bad = [
            "",
            "0",
            "2",
            "2probe",
            "5",
            "7",
            "x",
            "11",
            "4",
            "49",
            "4x",
            "47[]",
            "40[]",
            "40null",
            "405",
            "411",
            "41{}",
            "42",
            "42{}",
            "421",
            r#"42"a""#,
            r#"42/admin,["a"]"#,
            "41/admin,",
            "43[]",
            "431",
            "431{}",
            "431[",
            "4299999999999999999999[]",
            "44{}",
            "é",
            "4é",
            "42é",
        ];
        for text in bad {
            assert_eq!(read(text), Err(BadPacket), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_the_reader_panic(text in "\\PC*") {
            let _ = read(&text);
            let _ = read(&format!("4{text}"));
            let _ = read(&format!("42{text}"));
        }

        #[test]
        fn an_event_comes_back_whole(id in proptest::option::of(any::<u64>()), text in "\\PC*") {
            let payload = serde_json::to_string(&[&text]).unwrap();
            let packet = format!("42{}{payload}", id.map(|id| id.to_string()).unwrap_or_default());
            prop_assert_eq!(read(&packet), Ok(Packet::Event { id, payload: &payload }));
            prop_assert!(!packet.contains(SEPARATOR), "JSON escapes it");
        }
    }
}
