//! The same events and commands as Socket.IO packets write them: `["<name>", {…}]` in place of `{"event", "data"}`.

use std::fmt;

use bytestring::ByteString;
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::command::{CommandId, Request};
use super::decode::{DecodeError, request};
use super::field::Field;
use super::fields::Data;

/// A text of ours as an Engine.IO message with a Socket.IO packet: an event as `42["name",{…}]`, an ack as
/// `43<id>[{…}]`. It is cut out of the native text, whose form is ours alone.
///
/// # Panics
/// Never for a text that this module's siblings made.
#[must_use]
pub fn socketio_packet(native: &str) -> ByteString {
    let parts = native.strip_prefix("{\"event\":\"").and_then(|rest| {
        let (name, rest) = rest.split_once('"')?;
        let rest = rest.strip_suffix('}')?;
        match rest.strip_prefix(",\"data\":") {
            Some(data) => Some((name, None, data)),
            None => {
                let (id, data) = rest.strip_prefix(",\"id\":")?.split_once(",\"data\":")?;
                Some((name, Some(id), data))
            }
        }
    });
    let (name, id, data) = parts.expect("a text of the native protocol");
    let mut packet = String::with_capacity(native.len());
    match id {
        // An ack's id is the number that came with the event.
        Some(id) => ["43", id, "[", data, "]"].map(|part| packet.push_str(part)),
        None => ["42[\"", name, "\",", data, "]"].map(|part| packet.push_str(part)),
    };
    packet.into()
}

/// Reads the payload of an event packet, `["<name>", {…}]`; `id` is that of the packet. Further arguments are ignored.
pub fn decode_event(
    payload: &str,
    id: Option<CommandId>,
    content_max_chars: usize,
) -> Result<Request, DecodeError> {
    let event: Event<'_> = serde_json::from_str(payload).map_err(|_| DecodeError::NotProtocol)?;
    let Field::Text(name) = event.name else { return Err(DecodeError::NotProtocol) };
    request(&name, Ok(id), event.data, content_max_chars)
}

struct Event<'a> {
    name: Field<'a>,
    data: Option<Data<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Event<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EventVisitor;

        impl<'de> Visitor<'de> for EventVisitor {
            type Value = Event<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name and its data")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Event<'de>, A::Error> {
                let name = list.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(0, &self))?;
                let data = list.next_element()?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Event { name, data })
            }
        }
        deserializer.deserialize_seq(EventVisitor)
    }
}

#[cfg(test)]
mod tests {
    use greenroom_actors::protocol::{Refusal, RefusalCode};

    use super::*;
    use crate::realtime::wire;

    #[test]
    fn an_event_and_an_ack_become_packets_with_the_same_data() {
        let refusal = Refusal::new(RefusalCode::Forbidden, "say \"please\", \"data\":");
        let event = wire::refused_silently("message:send", &refusal);
        let data = r#"{"error":"say \"please\", \"data\":","code":"forbidden","command":"message:send"}"#;
        assert_eq!(socketio_packet(&event), format!(r#"42["error",{data}]"#));
        let ack = wire::ack(&CommandId::Integer(7), &wire::StoppedAck { stopped: 2 });
        assert_eq!(socketio_packet(&ack), r#"437[{"success":true,"stopped":2}]"#);
    }

    #[test]
    fn an_event_packet_is_read_as_the_native_command_is() {
        let id = Some(CommandId::Integer(3));
        for payload in [r#"["ping"]"#, r#"["ping",null]"#, r#"["ping",{"token":1},7,[[]]]"#] {
            let request = decode_event(payload, id.clone(), 9).unwrap();
            assert_eq!((request.command.name(), request.id), ("ping", id.clone()), "{payload}");
        }
        for payload in ["", "[]", "{}", "[7]", "[null,{}]", r#"["ping""#, r#"["ping"]]"#, r#""ping""#] {
            assert_eq!(decode_event(payload, None, 9).unwrap_err(), DecodeError::NotProtocol, "{payload}");
        }
        let refused = decode_event(r#"["ping","now"]"#, None, 9).unwrap_err();
        assert!(matches!(refused, DecodeError::Refused { command, .. } if command == "ping"));
    }
}
