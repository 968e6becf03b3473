//! The words of the engine: ids, text, messages, plans. Parsed once at the edge, valid ever after.
//! No actor, no I/O.

mod ids;
mod ai;
mod text;
mod attachment;
mod message;
mod room;
mod lorebook;
mod memory;
mod character;
mod plan;
mod usage;

pub use ai::{AiCall, BackEnd, CallOutcome, Counted, Price, Purpose, Trouble};
pub use attachment::{
    AttachedFile, Attachment, AttachmentKind, FileState, GalleryItem, ItemRank, Picture, PictureSize, Place,
    kind_of,
};
pub use character::{CharacterRecord, Dials, ExampleLine, ModelChoice, ResponseCache};
pub use ids::{CharacterId, MemoryId, MessageId, NodeId, RoomId, SessionId, UserId};
pub use lorebook::{LoreEntry, LorePosition, Lorebook, SecondaryRule};
pub use memory::{FACT_MAX_CHARS, Fact, FactError, Memory};
pub use message::{
    Changes, Emoji, EmojiError, FailureCode, Finish, Into, Message, MessageKind, Reaction, Reply, ReplyState,
    Revision, Sender, TokenUsage,
};
pub use plan::{
    AudioReplies, Catalogue, Feature, Features, PerCharacter, Plan, Plans, Priority, Term, Window,
};
pub use room::{ReplyMode, RoomCharacter, RoomDetails, RoomMember, Visibility};
pub use text::{CONTENT_MAX_CHARS, ClientId, ClientIdError, Content, ContentError, utf16_len};
pub use usage::{Alarm, Meter, MeterKey, Scope, Usage, UsageLine};
