//! The native protocol's wire format: `docs/PROTOCOL.md` as Rust. Text in, commands out; events and answers in, text
//! out, each encoded once however many sockets see it. No state, no I/O.
//!
//! Limits: a frame's size is bounded by the socket; here lists of ids and the nesting of JSON are.

mod field;
mod fields;
mod command;
mod changes;
mod decode;
mod encode;
mod answer;
mod event;
mod socketio;

pub use answer::{
    CharacterAck, ConversationAck, Hello, JoinAck, ListAck, MessagesAck, Nothing, OffsetAck, SignedIn,
    StoppedAck, TimeAck, ack, amended, asked, closed, hello, ready, refused, refused_silently, sent,
};
pub use command::{Command, CommandId, Request, SendTo};
pub use decode::{DecodeError, decode};
pub use event::{
    character_changed, character_deleted, content_deleted, content_updated, conversation_created,
    media_updated, notification, repair, room_event, user_event,
};
pub use socketio::{decode_event, socketio_packet};
