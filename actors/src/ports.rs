//! What the engine asks of the outside. A port exists only where the engine calls out; the server's adapters stand in
//! `src/` (`postgres/`, `ai/`, `realtime/`), the in-memory ones in `testsuite/`.

mod archive;
mod charges;
mod drafts;
mod journal_store;
mod generator;
mod moderator;
mod voice;

use jiff::Timestamp;

use crate::domain::{CharacterId, Revision, RoomId, SessionId, UserId};
use crate::protocol::{RoomEvent, UserEvent};

pub use archive::{
    Answered, Archive, OpenTurn, RoomRecord, StoredSummary, Summary, TakeUp, TakenUp, UserRecord,
};
pub use charges::{Charge, ChargeEnd, Charged, Charges, Closing};
pub use drafts::{Draft, DraftCall, DraftStore, NewDraft};
pub use generator::{
    Attempt, Cause, Chosen, Freshness, GenerateError, GenerateErrorKind, GenerateRequest, Generator,
    InlinePicture, MESSAGE_TOKENS, NextTry, Opened, Piece, PieceStream, PromptImage, PromptMessage,
    PromptRole, Start, TokenCounter,
};
pub use journal_store::{
    Amend, Ask, Change, CloseTurn, CommitError, Done, Entry, EntryKind, JournalLane, JournalStore, Outcome,
    ReadMark, Refused, Say, StoredBefore, TurnEnd,
};
pub use moderator::{Moderator, NoModerator, Side, Verdict, Who};
pub use voice::{Audience, Calls, Gallery, GalleryWish, SpeakRequest, Speech, SpeechError};

/// The outside is away or broken. What exactly, goes to the log where it is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the database cannot be reached")]
    Unavailable,
    #[error("the database refused: {0}")]
    Failed(String),
}

/// Carries events to sockets. Called from actors: must not block, and must bound what it holds for slow readers.
pub trait Fanout: Send + Sync + 'static {
    /// One commit's events of a room, or one passing event, in order, to all sockets that joined it.
    fn to_room(&self, room: RoomId, events: Vec<RoomEvent>);

    /// To all sockets of a user but one.
    fn to_user(&self, user: UserId, event: UserEvent, except: Option<SessionId>);

    /// The room's actor started anew after a crash and its log stands at `head`: a socket that stands before it has
    /// missed something and is closed with "resume".
    fn resync(&self, room: RoomId, head: Revision);
}

/// Older turns of a room have fallen out of a character's prompts, and no summary tells of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryWish {
    pub room: RoomId,
    pub character: CharacterId,
    /// Whose reply it was noticed at, and who is accounted for the summary.
    pub user: UserId,
    /// The character knows what was said after this revision.
    pub since: Revision,
    /// What is to be told in short: all up to this revision.
    pub up_to: Revision,
}

/// Has summaries made, in the background. Called at each prompt that lacks one: must not block, and must see to it that a
/// summary is not made again and again.
pub trait Summaries: Send + Sync + 'static {
    fn wanted(&self, wish: SummaryWish);
}

/// The wall clock, so that tests can hold it.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
