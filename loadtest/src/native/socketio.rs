//! Socket.IO over a WebSocket, as this crate speaks it: commands become packets on the way out, packets become frames of
//! the native protocol on the way in, so that scenarios need not know which of both it is.

use std::borrow::Cow;

use super::scan;

pub const PATH: &str = "/socket.io/?EIO=4&transport=websocket";
pub const PONG: &str = "3";
/// The number by which a join is acked; commands of scenarios have smaller ones.
const JOIN: &str = "4000000000";

/// What a packet of the server's is.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The session is open: connect to the namespace.
    Open,
    Ping,
    /// It is what the native protocol would have sent so.
    Native(Cow<'a, [u8]>),
    /// Nothing that a scenario wants to know.
    Other,
    /// The connection was refused, or this is no packet.
    Refused,
}

/// The packet that connects to the namespace.
pub fn connect(token: &str) -> String {
    format!(r#"40{{"token":"{token}"}}"#)
}

/// A command of the native protocol as an event packet.
pub fn event(command: &str) -> Option<String> {
    let json = command.as_bytes();
    let name = std::str::from_utf8(scan::string(json, &["event"])?).ok()?;
    let id = std::str::from_utf8(scan::string(json, &["id"]).unwrap_or_default()).ok()?;
    let data = std::str::from_utf8(scan::find(json, &["data"]).unwrap_or(b"{}")).ok()?;
    let id = if id == "join" { JOIN } else { id };
    Some(format!(r#"42{id}["{name}",{data}]"#))
}

pub fn read(packet: &[u8]) -> Packet<'_> {
    match packet {
        [b'0', ..] => Packet::Open,
        b"2" => Packet::Ping,
        [b'4', b'0', ..] => Packet::Other,
        [b'4', b'2', rest @ ..] => parts(rest).map_or(Packet::Refused, |(name, data)| {
            Packet::Native(Cow::Owned([br#"{"event":"#, name, br#","data":"#, data, b"}"].concat()))
        }),
        [b'4', b'3', rest @ ..] => ack(rest).unwrap_or(Packet::Refused),
        _ => Packet::Refused,
    }
}

/// The name, in its quotes, and the data of `["name",data]`.
fn parts(list: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = list.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let comma = inner.iter().position(|byte| *byte == b',')?;
    Some((&inner[..comma], &inner[comma + 1..]))
}

fn ack(rest: &[u8]) -> Option<Packet<'_>> {
    let open = rest.iter().position(|byte| *byte == b'[')?;
    let data = rest[open..].strip_prefix(b"[")?.strip_suffix(b"]")?;
    let id = if &rest[..open] == JOIN.as_bytes() { b"join" } else { &rest[..open] };
    let frame = [br#"{"event":"ack","id":""#, id, br#"","data":"#, data, b"}"].concat();
    Some(Packet::Native(Cow::Owned(frame)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::{command, ids};

    fn native(text: &str) -> Packet<'static> {
        Packet::Native(Cow::Owned(text.as_bytes().to_vec()))
    }

    #[test]
    fn commands_become_packets_and_packets_frames() {
        assert_eq!(event(&command::ping(7)).unwrap(), r#"427["ping",{}]"#);
        let join = event(&command::join(ids::room(0), None)).unwrap();
        assert_eq!(
            join,
            format!(r#"424000000000["conversation:join",{{"conversationId":"{}"}}]"#, ids::room(0))
        );
        assert_eq!(
            read(br#"42["usage",{"a":[1,"]"]}]"#),
            native(r#"{"event":"usage","data":{"a":[1,"]"]}}"#)
        );
        assert_eq!(
            read(br#"437[{"success":true}]"#),
            native(r#"{"event":"ack","id":"7","data":{"success":true}}"#)
        );
        assert_eq!(read(b"434000000000[{}]"), native(r#"{"event":"ack","id":"join","data":{}}"#));
        assert_eq!(
            (read(b"0{}"), read(b"2"), read(br#"40{"sid":"x"}"#)),
            (Packet::Open, Packet::Ping, Packet::Other)
        );
        for refused in [&b""[..], b"44{}", b"42", b"42[]", b"43", b"437", b"x"] {
            assert_eq!(read(refused), Packet::Refused, "{}", String::from_utf8_lossy(refused));
        }
    }
}
