//! Writing: the ordered, batched, durable log of all rooms. `journal.rs` decides, a store locks, reads and writes.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::OpenTurn;
use crate::domain::{
    CharacterId, ClientId, Content, FailureCode, Finish, Message, MessageId, MessageKind, Meter, MeterKey,
    Reply, ReplyState, Revision, RoomId, TokenUsage, UserId,
};

/// One change of one room, to be stored as a whole or refused as a whole. Entries carry ids made here, so that storing
/// one twice can be told from storing two.
#[derive(Clone, Debug)]
pub struct Entry {
    pub room: RoomId,
    pub kind: EntryKind,
}

#[derive(Clone, Debug)]
pub enum EntryKind {
    Say(Say),
    Close(CloseTurn),
    Read(ReadMark),
    /// The room is deleted (softly); nothing can be stored in it after this.
    Delete {
        by: UserId,
    },
}

/// A person's message, the usage that it counts, and the replies that it asks for.
#[derive(Clone, Debug)]
pub struct Say {
    pub id: MessageId,
    pub sender: UserId,
    pub client_id: ClientId,
    pub kind: MessageKind,
    pub content: Content,
    pub reply_to: Option<MessageId>,
    pub created_at: Timestamp,
    pub meters: Vec<Meter>,
    /// Their `asked_offset` is filled in when the message has its own.
    pub turns: Vec<OpenTurn>,
}

/// The end of a turn. Its holder's fence must still be the turn's.
#[derive(Clone, Debug)]
pub struct CloseTurn {
    pub turn: MessageId,
    pub fence: i32,
    pub character: CharacterId,
    pub asked: MessageId,
    pub created_at: Timestamp,
    pub end: TurnEnd,
    /// Tokens to account to the asker, also those of a failure.
    pub user: UserId,
    pub usage: TokenUsage,
}

#[derive(Clone, Debug)]
pub enum TurnEnd {
    /// The reply becomes a message.
    Said { content: Content, finish: Finish },
    /// Nothing was said: the meters go back, the asking message changes (its `replies` say why).
    Nothing { state: ReplyState, code: Option<FailureCode>, refund: Vec<MeterKey> },
}

/// How far a member has read. A mark that does not move forward is answered but not stored.
#[derive(Clone, Copy, Debug)]
pub struct ReadMark {
    pub user: UserId,
    pub read_offset: Revision,
}

/// What became of an entry.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is stored, as this revision of its room.
    Stored { revision: Revision },
    /// A message of this sender and client id stood there before. Nothing was stored.
    Before(Box<StoredBefore>),
    /// This meter is full. Nothing was stored.
    OverLimit { meter: Meter, used: u32 },
    /// There is no such room (any more). Nothing was stored.
    NoRoom,
    /// Another holder took the turn up, or it has ended. Nothing was stored.
    FenceLost,
    /// The mark was not ahead of the one that stands, which this is. Nothing was stored.
    Unchanged { standing: Revision },
    /// The database refuses the data of this very entry.
    Rejected,
}

#[derive(Clone, Debug)]
pub struct StoredBefore {
    pub message: Message,
    /// All replies that it asked for, ended ones too.
    pub replies: Vec<Reply>,
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// The connection was lost: whether the batch was stored is not known. The same batch is to be committed again
    /// before any other of this lane; entries that were stored are recognised.
    #[error("connection lost: {0}")]
    Lost(String),
    /// A conflict that passes (deadlock, serialisation): commit the same batch again.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Some entry's data is refused (SQLSTATE class 22 or 23). Nothing was stored.
    #[error("bad data: {0}")]
    Data(String),
}

/// One ordered writer with a connection of its own. All entries of one room go through the same lane.
pub trait JournalLane: Send + 'static {
    /// Stores the batch in one transaction; one outcome per entry, in order.
    fn commit<'a>(&'a mut self, batch: &'a [Entry]) -> BoxFuture<'a, Result<Vec<Outcome>, CommitError>>;
}

pub trait JournalStore: Send + Sync + 'static {
    /// Makes a lane; it connects when first used, and again after each [`CommitError::Lost`].
    fn lane(&self, index: usize) -> Box<dyn JournalLane>;
}
