//! Writing: the ordered, batched, durable log of all rooms. `journal.rs` decides, a store locks, reads and writes.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use jiff::Timestamp;
use uuid::Uuid;

use super::OpenTurn;
use crate::domain::{
    AiCall, Attachment, CharacterId, ClientId, Content, Fact, FailureCode, Finish, Into, MemoryId, Message,
    MessageId, MessageKind, Meter, MeterKey, Reply, ReplyState, Revision, RoomId, Trouble, UserId,
};
use crate::protocol::{Amendment, RoomChange};

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
    /// A stored message changes.
    Amend(Amend),
    /// Replies are asked for without a new message.
    Ask(Ask),
    /// Members, characters or settings change.
    Change(Change),
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
    pub attachment: Option<Arc<Attachment>>,
    pub reply_to: Option<MessageId>,
    pub created_at: Timestamp,
    pub meters: Vec<Meter>,
    /// Their `asked_offset` is filled in when the message has its own.
    pub turns: Vec<OpenTurn>,
}

/// A change of one stored message.
#[derive(Clone, Debug)]
pub struct Amend {
    /// Of this entry, so that a batch that is committed twice changes once.
    pub id: Uuid,
    pub message: MessageId,
    pub by: UserId,
    /// Whether `by` owns the room, and so may delete what others said.
    pub owner: bool,
    pub at: Timestamp,
    pub what: Amendment,
}

/// Replies that are asked for without a new message: made anew, continued, or asked for by hand.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Of this entry, so that a batch that is committed twice asks once.
    pub id: Uuid,
    pub by: UserId,
    pub at: Timestamp,
    /// The asking message changes first.
    pub edit: Option<(MessageId, Content)>,
    pub meters: Vec<Meter>,
    /// Their `asked_offset` is filled in from the message that they answer.
    pub turns: Vec<OpenTurn>,
}

/// A change of the room itself.
#[derive(Clone, Debug)]
pub struct Change {
    /// Of this entry, so that a batch that is committed twice changes once.
    pub id: Uuid,
    pub by: UserId,
    pub at: Timestamp,
    pub what: RoomChange,
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
    /// What the reply becomes.
    pub into: Into,
    pub user: UserId,
    /// All calls that were made for it, to account to the asker: also those that failed or were stopped.
    pub calls: Vec<AiCall>,
    /// What the character is to remember of the asker, with the ids under which it is kept. One that it knows is left out.
    pub memories: Vec<(MemoryId, Fact)>,
    /// Why it failed, or broke off, for admins.
    pub trouble: Option<Trouble>,
    /// Meters to give back though something was said: where what it was to become part of is gone.
    pub refund_if_gone: Vec<MeterKey>,
    /// Characters that answer this reply. Their `asked` is this message; their `asked_offset` is filled in.
    pub follow: Vec<OpenTurn>,
}

#[derive(Clone, Debug)]
pub enum TurnEnd {
    /// The reply becomes a message, of the kind that carries the attachment.
    Said { content: Content, finish: Finish, attachment: Option<Arc<Attachment>> },
    /// The reply was refused by moderation: `content` stands in its place, as [`Finish::Refused`], and by policy the meters go
    /// back.
    Refused { content: Content, refund: Vec<MeterKey> },
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
    /// The message as it is now; its `revision` is this change's, or an older one where nothing had to change.
    Amended(Box<Message>),
    /// What was asked for does not fit what is stored. Nothing was stored.
    Refused(Refused),
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

/// An entry is done with.
#[derive(Clone, Debug)]
pub struct Done {
    pub outcome: Outcome,
    /// What the entry's meters stand at with it, in their order. Empty where it counted nothing, or had before.
    pub used: Vec<u32>,
}

/// Why a change does not fit what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NoMessage,
    /// Another's message.
    NotYours,
    /// It was deleted before.
    Deleted,
    /// No reply of a character: it has no variants.
    NoReply,
    /// There is no such variant.
    NoVariant,
    /// It has as many variants, or emoji, as it may have.
    Full,
    /// The address is taken by another conversation.
    SlugTaken,
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
    /// Stores the batch in one transaction; one answer per entry, in order.
    fn store<'a>(&'a mut self, batch: &'a [Entry]) -> BoxFuture<'a, Result<Vec<Done>, CommitError>>;

    /// The same for whom the meters do not matter.
    fn commit<'a>(&'a mut self, batch: &'a [Entry]) -> BoxFuture<'a, Result<Vec<Outcome>, CommitError>> {
        self.store(batch).map_ok(|done| done.into_iter().map(|one| one.outcome).collect()).boxed()
    }
}

pub trait JournalStore: Send + Sync + 'static {
    /// Makes a lane; it connects when first used, and again after each [`CommitError::Lost`].
    fn lane(&self, index: usize) -> Box<dyn JournalLane>;
}
