//! What of a batch is stored and what is refused: a pure function between a store's two flushes.
//!
//! The store has locked and read everything that the batch touches ([`Locked`]); entry by entry, in order, this decides and
//! moves the locked state along, so that a later entry sees the earlier ones. What is to be written comes out as
//! [`Writes`], each row in its final state.
//!
//! A batch may be a replay whose first commit did or did not succeed. Duplicates are therefore looked for before
//! anything else: an entry that is found to be stored under its own id is answered `Stored`, as it was then.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::{
    Attachment, Changes, CharacterId, ClientId, Content, Fact, FailureCode, Finish, MemoryId, Message,
    MessageId, MessageKind, MeterKey, Reply, ReplyState, Revision, RoomId, Sender, TokenUsage, UserId,
};
use crate::ports::{CloseTurn, Entry, EntryKind, OpenTurn, Outcome, ReadMark, Say, StoredBefore, TurnEnd};

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
    pub reads: HashMap<(RoomId, UserId), Revision>,
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
    /// Messages that changed without being new: their revision.
    pub changed: BTreeMap<MessageId, Revision>,
    pub reads: BTreeMap<(RoomId, UserId), (Revision, Revision)>,
    /// Rooms deleted by this batch; their open turns end as stopped at this revision.
    pub deleted: BTreeMap<RoomId, Revision>,
}

impl Writes {
    /// True when there is nothing to write: the transaction may as well be rolled back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }
}

#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// One per entry, in order.
    pub outcomes: Vec<Outcome>,
    pub writes: Writes,
}

/// Decides a batch against what is locked. The keys that must be locked for it: see [`Touched`].
#[must_use]
pub fn decide(batch: &[Entry], mut locked: Locked) -> Decision {
    let mut decision = Decision::default();
    for entry in batch {
        let outcome = match &entry.kind {
            EntryKind::Say(say) => decide_say(entry.room, say, &mut locked, &mut decision.writes),
            EntryKind::Close(close) => decide_close(entry.room, close, &mut locked, &mut decision.writes),
            EntryKind::Read(mark) => decide_read(entry.room, *mark, &mut locked, &mut decision.writes),
            EntryKind::Amend(_) | EntryKind::Ask(_) | EntryKind::Change(_) => Outcome::Rejected,
            EntryKind::Delete { .. } => decide_delete(entry.room, &mut locked, &mut decision.writes),
        };
        decision.outcomes.push(outcome);
    }
    decision
}

fn decide_say(room: RoomId, say: &Say, locked: &mut Locked, writes: &mut Writes) -> Outcome {
    let key = (room, say.sender.uuid(), say.client_id.clone());
    if let Some(before) = locked.before.get(&key) {
        if before.message.id == say.id {
            return Outcome::Stored { revision: before.message.offset };
        }
        return Outcome::Before(Box::new(before.clone()));
    }
    if !open(locked, room) {
        return Outcome::NoRoom;
    }
    for meter in &say.meters {
        let used = locked.meters.get(&meter.key).copied().unwrap_or_default();
        if used >= meter.limit {
            return Outcome::OverLimit { meter: *meter, used };
        }
    }
    for meter in &say.meters {
        let used = locked.meters.entry(meter.key).or_default();
        *used += 1;
        writes.meters.insert(meter.key, *used);
    }
    let revision = advance(locked, writes, room);
    let message = NewMessage {
        id: say.id,
        room,
        offset: revision,
        sender: Sender::User(say.sender),
        client_id: say.client_id.clone(),
        kind: say.kind,
        content: say.content.clone(),
        attachment: say.attachment.clone(),
        reply_to: say.reply_to,
        finish: Finish::Complete,
        created_at: say.created_at,
    };
    for turn in &say.turns {
        writes.opened.push(OpenTurn { asked_offset: revision, ..turn.clone() });
        locked.turns.insert(turn.message, LockedTurn { fence: turn.fence, ended: None });
    }
    locked.before.insert(key, stored(&message, &say.turns));
    writes.messages.push(message);
    Outcome::Stored { revision }
}

fn decide_close(room: RoomId, close: &CloseTurn, locked: &mut Locked, writes: &mut Writes) -> Outcome {
    match locked.turns.get(&close.turn) {
        Some(turn) if turn.fence != close.fence => return Outcome::FenceLost,
        // Only one holds a fence: this very entry was stored before.
        Some(LockedTurn { ended: Some(revision), .. }) => return Outcome::Stored { revision: *revision },
        Some(LockedTurn { ended: None, .. }) => {}
        None => return Outcome::FenceLost,
    }
    if !open(locked, room) {
        return Outcome::NoRoom;
    }
    let revision = advance(locked, writes, room);
    writes.memories.extend(close.memories.iter().map(|(id, fact)| NewMemory {
        id: *id,
        user: close.user,
        character: close.character,
        room,
        message: close.asked,
        fact: fact.clone(),
        at: close.created_at,
    }));
    let (state, code) = match &close.end {
        TurnEnd::Said { content, finish } => {
            writes.messages.push(NewMessage {
                id: close.turn,
                room,
                offset: revision,
                sender: Sender::Character(close.character),
                client_id: ClientId::of_message(close.turn),
                kind: MessageKind::Text,
                content: content.clone(),
                attachment: None,
                reply_to: Some(close.asked),
                finish: *finish,
                created_at: close.created_at,
            });
            (ReplyState::Done, None)
        }
        TurnEnd::Nothing { state, code, refund } => {
            for key in refund {
                let used = locked.meters.entry(*key).or_default();
                *used = used.saturating_sub(1);
                writes.meters.insert(*key, *used);
            }
            writes.changed.insert(close.asked, revision);
            (*state, *code)
        }
    };
    locked.turns.insert(close.turn, LockedTurn { fence: close.fence, ended: Some(revision) });
    writes.ended.push(EndedTurn { turn: close.turn, state, code, revision, usage: close.usage });
    Outcome::Stored { revision }
}

fn decide_read(room: RoomId, mark: ReadMark, locked: &mut Locked, writes: &mut Writes) -> Outcome {
    let key = (room, mark.user);
    let standing = locked.reads.get(&key).copied().unwrap_or_default();
    if standing >= mark.read_offset {
        return Outcome::Unchanged { standing };
    }
    if !open(locked, room) {
        return Outcome::NoRoom;
    }
    let revision = advance(locked, writes, room);
    locked.reads.insert(key, mark.read_offset);
    writes.reads.insert(key, (mark.read_offset, revision));
    Outcome::Stored { revision }
}

fn decide_delete(room: RoomId, locked: &mut Locked, writes: &mut Writes) -> Outcome {
    if !open(locked, room) {
        return Outcome::NoRoom;
    }
    let revision = advance(locked, writes, room);
    if let Some(head) = locked.heads.get_mut(&room) {
        head.closed = true;
    }
    writes.deleted.insert(room, revision);
    Outcome::Stored { revision }
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

/// The message as a duplicate later in the same batch would find it.
fn stored(message: &NewMessage, turns: &[OpenTurn]) -> StoredBefore {
    let replies: Vec<Reply> = turns
        .iter()
        .map(|turn| Reply {
            character: turn.character,
            message: turn.message,
            state: ReplyState::Queued,
            code: None,
        })
        .collect();
    let message = Message {
        id: message.id,
        room: message.room,
        offset: message.offset,
        revision: message.offset,
        sender: message.sender,
        client_id: message.client_id.clone(),
        kind: message.kind,
        content: message.content.clone(),
        attachment: message.attachment.clone(),
        reply_to: message.reply_to,
        finish: message.finish,
        replies: replies.clone(),
        changes: Changes::default(),
        created_at: message.created_at,
    };
    StoredBefore { message, replies }
}

/// The keys that a batch touches, each list sorted and without repeats: the order in which to lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    pub rooms: Vec<RoomId>,
    pub turns: Vec<MessageId>,
    pub meters: Vec<MeterKey>,
    pub client_keys: Vec<ClientKey>,
    pub reads: Vec<(RoomId, UserId)>,
}

impl Touched {
    #[must_use]
    pub fn of(batch: &[Entry]) -> Self {
        let mut touched = Self::default();
        for entry in batch {
            touched.rooms.push(entry.room);
            match &entry.kind {
                EntryKind::Say(say) => {
                    touched.meters.extend(say.meters.iter().map(|meter| meter.key));
                    touched.client_keys.push((entry.room, say.sender.uuid(), say.client_id.clone()));
                }
                EntryKind::Close(close) => {
                    touched.turns.push(close.turn);
                    if let TurnEnd::Nothing { refund, .. } = &close.end {
                        touched.meters.extend(refund);
                    }
                }
                EntryKind::Read(mark) => touched.reads.push((entry.room, mark.user)),
                EntryKind::Amend(_) | EntryKind::Ask(_) | EntryKind::Change(_) | EntryKind::Delete { .. } => {
                }
            }
        }
        fn sorted<T: Ord>(keys: &mut Vec<T>) {
            keys.sort_unstable();
            keys.dedup();
        }
        sorted(&mut touched.rooms);
        sorted(&mut touched.turns);
        sorted(&mut touched.meters);
        sorted(&mut touched.client_keys);
        sorted(&mut touched.reads);
        touched
    }
}
