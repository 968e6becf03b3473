//! From a value to a frame's text.

use bytestring::ByteString;
use greenroom_actors::protocol::Presence;
use serde::Serialize;

use super::command::CommandId;

/// Numbers, strings and UUIDs under names of our own: there is nothing in them that JSON cannot hold.
pub(super) fn text(value: &impl Serialize) -> ByteString {
    ByteString::from(serde_json::to_string(value).expect("these values have a JSON form"))
}

#[derive(Serialize)]
pub(super) struct Event<'a, T> {
    pub(super) event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a CommandId>,
    pub(super) data: T,
}

pub(super) fn event(event: &str, data: impl Serialize) -> ByteString {
    text(&Event { event, id: None, data })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PresenceView {
    Online,
    Away,
    Offline,
}

impl From<Presence> for PresenceView {
    fn from(presence: Presence) -> Self {
        match presence {
            Presence::Online => Self::Online,
            Presence::Away => Self::Away,
            Presence::Offline => Self::Offline,
        }
    }
}
