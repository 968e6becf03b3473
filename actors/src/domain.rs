//! The words of the engine: ids, text, messages, plans. Parsed once at the edge, valid ever after.
//! No actor, no I/O.

mod ids;
mod text;
mod message;
mod character;
mod plan;

pub use ids::{CharacterId, MessageId, NodeId, RoomId, SessionId, UserId};
pub use text::{utf16_len, ClientId, ClientIdError, Content, ContentError, CONTENT_MAX_CHARS};
pub use message::{
    FailureCode, Finish, Message, MessageKind, Reply, ReplyState, Revision, Sender, TokenUsage,
};
pub use character::{CharacterRecord, ExampleLine, ModelChoice};
pub use plan::{Meter, MeterKey, PerCharacter, Plan, Plans, Priority, Scope, Usage, UsageLine, Window};
