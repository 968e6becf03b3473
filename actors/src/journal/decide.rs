//! What of a batch is stored and what is refused: a pure function between a store's two flushes.
//!
//! The store has locked and read everything that the batch touches ([`Locked`]); entry by entry, in order, this decides and
//! moves the locked state along, so that a later entry sees the earlier ones. What is to be written comes out as
//! [`Writes`], each row in its final state.
//!
//! A batch may be a replay whose first commit did or did not succeed. Duplicates are therefore looked for before
//! anything else: an entry that is found to be stored under its own id is answered `Stored`, as it was then.

mod says;
mod closes;
mod amends;
mod asks;
mod changes;
mod touched;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::{
    AiCall, Attachment, CharacterId, ClientId, Content, Emoji, Fact, FailureCode, Finish, MemoryId, Message,
    MessageId, MessageKind, MeterKey, Place, ReplyState, Revision, RoomId, Sender, TokenUsage, Trouble,
    UserId,
};
use crate::ports::{Done, Entry, EntryKind, OpenTurn, Outcome, StoredBefore};
use crate::protocol::RoomChange;

pub use amends::{EMOJI_MAX, FILE_CHANGED, VARIANTS_MAX};
pub use touched::Touched;

/// A room's head as locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub last: Revision,
    /// The room was deleted: nothing more goes in.
    pub closed: bool,
}

/// A turn as locked, open or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockedTurn {
    pub fence: i32,
    /// The revision of its end; `None` while it is open.
    pub ended: Option<Revision>,
}

/// Under what a message is known beside its id: room, sender (bare), client id.
pub type ClientKey = (RoomId, Uuid, ClientId);

/// Everything that a batch touches, locked and read. What is missing does not exist; a missing meter or mark stands at zero.
#[derive(Clone, Debug, Default)]
pub struct Locked {
    pub heads: HashMap<RoomId, Head>,
    pub turns: HashMap<MessageId, LockedTurn>,
    pub meters: HashMap<MeterKey, u32>,
    pub before: HashMap<ClientKey, StoredBefore>,
    /// How far each member has read, and the revision of that.
    pub reads: HashMap<(RoomId, UserId), (Revision, Revision)>,
    /// The messages that changes are about, with their replies and reactions.
    pub messages: HashMap<MessageId, Message>,
    /// The texts of their variants, where one is to be selected.
    pub variants: HashMap<(MessageId, u16), Variant>,
    /// Changes that were stored before, by the id of their entry.
    pub done: HashMap<Uuid, Revision>,
    /// Whose address a slug is.
    pub slugs: HashMap<Arc<str>, RoomId>,
}

/// A message to insert; `offset` and `revision` are the same.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub id: MessageId,
    pub room: RoomId,
    pub offset: Revision,
    pub sender: Sender,
    pub client_id: ClientId,
    pub kind: MessageKind,
    pub content: Content,
    pub attachment: Option<Arc<Attachment>>,
    pub reply_to: Option<MessageId>,
    pub finish: Finish,
    pub created_at: Timestamp,
}

/// One variant of a reply that has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    pub content: Content,
    pub finish: Finish,
    pub attachment: Option<Arc<Attachment>>,
}

/// A variant to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantRow {
    pub room: RoomId,
    pub variant: Variant,
    pub at: Timestamp,
}

/// A change that is no message of its own, as it is kept: who did it, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    pub id: Uuid,
    pub room: RoomId,
    pub revision: Revision,
    pub by: UserId,
    pub kind: &'static str,
    pub at: Timestamp,
}

/// A change of a room's members, characters or settings.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomRow {
    pub room: RoomId,
    pub revision: Revision,
    pub at: Timestamp,
    pub what: RoomChange,
}

/// A fact to keep, unless the character knows it.
#[derive(Clone, Debug)]
pub struct NewMemory {
    pub id: MemoryId,
    pub user: UserId,
    pub character: CharacterId,
    pub room: RoomId,
    /// The message in which it was told.
    pub message: MessageId,
    pub fact: Fact,
    pub at: Timestamp,
}

/// A turn to end.
#[derive(Clone, Debug)]
pub struct EndedTurn {
    pub turn: MessageId,
    pub state: ReplyState,
    pub code: Option<FailureCode>,
    pub revision: Revision,
    pub usage: TokenUsage,
    /// Of one that failed.
    pub trouble: Option<Trouble>,
}

/// A call to a model, to be accounted.
#[derive(Clone, Debug)]
pub struct NewCall {
    pub turn: MessageId,
    pub user: UserId,
    pub character: CharacterId,
    pub room: RoomId,
    pub call: AiCall,
}

/// The rows to write, each once, in its final state. Maps are ordered by key: the order in which rows are locked.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    pub messages: Vec<NewMessage>,
    pub heads: BTreeMap<RoomId, Revision>,
    /// Absolute counts.
    pub meters: BTreeMap<MeterKey, u32>,
    pub opened: Vec<OpenTurn>,
    pub ended: Vec<EndedTurn>,
    pub memories: Vec<NewMemory>,
    pub calls: Vec<NewCall>,
    /// Messages whose replies changed, and nothing else: their revision.
    pub changed: BTreeMap<MessageId, Revision>,
    /// Messages that changed, as they then are.
    pub amended: BTreeMap<MessageId, Message>,
    /// The oldest message of a room whose words change: summaries that cover it are void.
    pub reworded: BTreeMap<RoomId, Revision>,
    pub variants: BTreeMap<(MessageId, u16), VariantRow>,
    /// Messages that lose all their variants and reactions.
    pub erased: Vec<MessageId>,
    /// Messages that no longer carry an object of the store which they did, or whose variants may have.
    pub released: BTreeSet<MessageId>,
    /// Reactions that come (with room and time) or go.
    pub reactions: BTreeMap<(MessageId, Emoji, UserId), Option<(RoomId, Timestamp)>>,
    pub changes: Vec<ChangeRow>,
    /// In order.
    pub rooms: Vec<RoomRow>,
    pub reads: BTreeMap<(RoomId, UserId), (Revision, Revision)>,
    /// Rooms deleted by this batch; their open turns end as stopped at this revision.
    pub deleted: BTreeMap<RoomId, Revision>,
}

impl Writes {
    /// True when there is nothing to write: the transaction may as well be rolled back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty() && self.calls.is_empty()
    }
}

#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// One per entry, in order.
    pub outcomes: Vec<Outcome>,
    /// What the entry's meters stand at with it, in their order; empty where it counted nothing. One per entry.
    pub used: Vec<Vec<u32>>,
    pub writes: Writes,
}

/// Decides a batch against what is locked. The keys that must be locked for it: see [`Touched`].
#[must_use]
pub fn decide(batch: &[Entry], mut locked: Locked) -> Decision {
    let mut decision = Decision::default();
    // A message that a later entry of the same batch is about is not in the database yet.
    let targets: HashSet<MessageId> = batch.iter().flat_map(touched::messages).collect();
    for entry in batch {
        let (room, writes) = (entry.room, &mut decision.writes);
        let made = writes.messages.len();
        let stood = counts(entry, &locked);
        let outcome = match &entry.kind {
            EntryKind::Say(say) => says::say(room, say, &mut locked, writes),
            EntryKind::Close(close) => closes::close(room, close, &mut locked, writes),
            EntryKind::Read(mark) => says::read(room, *mark, &mut locked, writes),
            EntryKind::Amend(amend) => amends::amend(room, amend, &mut locked, writes),
            EntryKind::Ask(ask) => asks::ask(room, ask, &mut locked, writes),
            EntryKind::Change(change) => changes::change(room, change, &mut locked, writes),
            EntryKind::Delete { .. } => says::delete(room, &mut locked, writes),
        };
        for new in writes.messages.iter().skip(made).filter(|new| targets.contains(&new.id)) {
            locked.messages.insert(new.id, says::message(new, Vec::new()));
        }
        decision.outcomes.push(outcome);
        let used = counts(entry, &locked);
        decision.used.push(if used == stood { Vec::new() } else { used });
    }
    decision
}

/// What the meters that the entry moves stand at.
fn counts(entry: &Entry, locked: &Locked) -> Vec<u32> {
    let meters = match &entry.kind {
        EntryKind::Say(say) => say.meters.as_slice(),
        EntryKind::Ask(ask) => &ask.meters,
        _ => &[],
    };
    meters.iter().map(|meter| locked.meters.get(&meter.key).copied().unwrap_or_default()).collect()
}

impl Decision {
    /// The answers to the entries, and what is to be written for them.
    #[must_use]
    pub fn into_parts(self) -> (Vec<Done>, Writes) {
        let answers = self.outcomes.into_iter().zip(self.used);
        (answers.map(|(outcome, used)| Done { outcome, used }).collect(), self.writes)
    }
}

fn open(locked: &Locked, room: RoomId) -> bool {
    locked.heads.get(&room).is_some_and(|head| !head.closed)
}

/// The room's next revision. Only called for an open room.
fn advance(locked: &mut Locked, writes: &mut Writes, room: RoomId) -> Revision {
    let head = locked.heads.entry(room).or_insert(Head { last: 0, closed: false });
    head.last += 1;
    writes.heads.insert(room, head.last);
    head.last
}

/// A message of this room that a change is about.
fn target(locked: &Locked, room: RoomId, message: MessageId) -> Option<&Message> {
    locked.messages.get(&message).filter(|found| found.room == room)
}

/// A message is now as given; its row follows.
fn put(locked: &mut Locked, writes: &mut Writes, message: Message) -> Outcome {
    if locked.messages.get(&message.id).is_none_or(|before| before.content != message.content) {
        let oldest = writes.reworded.entry(message.room).or_insert(message.offset);
        *oldest = message.offset.min(*oldest);
    }
    if locked.messages.get(&message.id).is_some_and(|before| lets_go(before, &message)) {
        writes.released.insert(message.id);
    }
    locked.messages.insert(message.id, message.clone());
    writes.amended.insert(message.id, message.clone());
    Outcome::Amended(Box::new(message))
}

/// Whether an object of the store may be carried by nobody any more when a message becomes another.
fn lets_go(before: &Message, after: &Message) -> bool {
    let object = |carried: &Attachment| matches!(carried.place, Place::Object(_));
    let replaced = before.attachment != after.attachment && before.attachment.as_deref().is_some_and(object);
    let erased = after.changes.deleted_at.is_some() && before.changes.variants > 0;
    replaced || erased
}

/// The replies of a message changed: its row gets this revision.
fn touch(locked: &mut Locked, writes: &mut Writes, message: MessageId, revision: Revision) {
    if let Some(known) = locked.messages.get_mut(&message) {
        known.revision = revision;
    }
    if let Some(amended) = writes.amended.get_mut(&message) {
        amended.revision = revision;
    }
    writes.changed.insert(message, revision);
}
