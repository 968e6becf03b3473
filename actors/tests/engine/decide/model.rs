//! The tables, twice: written entry by entry by the book, and by what `decide` says.

use std::collections::BTreeMap;

use greenroom_actors::domain::{
    Changes, ClientId, Content, Finish, Message, MessageId, MessageKind, MeterKey, Reply, Revision, RoomId,
    Sender, UserId,
};
use greenroom_actors::journal::decide::{Head, Locked, LockedTurn, Touched, Writes, decide};
use greenroom_actors::ports::{Entry, EntryKind, OpenTurn, Outcome, StoredBefore, TurnEnd};
use jiff::Timestamp;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: MessageId,
    pub room: RoomId,
    pub sender: Uuid,
    pub client_id: ClientId,
    pub offset: Revision,
    pub revision: Revision,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub open: OpenTurn,
    pub fence: i32,
    pub ended: Option<Revision>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    pub heads: BTreeMap<RoomId, (Revision, bool)>,
    pub messages: Vec<Row>,
    pub turns: BTreeMap<MessageId, Turn>,
    pub used: BTreeMap<MeterKey, u32>,
    pub reads: BTreeMap<(RoomId, UserId), (Revision, Revision)>,
}

/// An outcome without what a caller cannot rely on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Became {
    Stored(Revision),
    Before(MessageId, Revision),
    OverLimit(u32),
    /// A turn of a deleted room has ended: whether its closer hears of the room or of the turn depends on the batch.
    Refused,
    Unchanged,
}

pub fn became(outcome: &Outcome) -> Became {
    match outcome {
        Outcome::Stored { revision } => Became::Stored(*revision),
        Outcome::Before(before) => Became::Before(before.message.id, before.message.offset),
        Outcome::OverLimit { used, .. } => Became::OverLimit(*used),
        Outcome::NoRoom | Outcome::FenceLost => Became::Refused,
        Outcome::Unchanged { .. } => Became::Unchanged,
        Outcome::Amended(_) | Outcome::Refused(_) | Outcome::Rejected => panic!("not in this model"),
    }
}

impl Tables {
    /// Empty rooms, and nothing else.
    pub fn new(rooms: impl Iterator<Item = RoomId>) -> Self {
        let heads = rooms.map(|room| (room, (0, false))).collect();
        Self { heads, ..Self::default() }
    }

    /// The model: one entry, by the book.
    pub fn apply(&mut self, entry: &Entry) -> Became {
        let room = entry.room;
        match &entry.kind {
            EntryKind::Say(say) => {
                let same = |row: &&Row| {
                    row.room == room && row.sender == say.sender.uuid() && row.client_id == say.client_id
                };
                if let Some(row) = self.messages.iter().find(same) {
                    let own = row.id == say.id;
                    return if own { Became::Stored(row.offset) } else { Became::Before(row.id, row.offset) };
                }
                if !self.is_open(room) {
                    return Became::Refused;
                }
                for meter in &say.meters {
                    let used = self.used.get(&meter.key).copied().unwrap_or(0);
                    if used >= meter.limit {
                        return Became::OverLimit(used);
                    }
                }
                for meter in &say.meters {
                    *self.used.entry(meter.key).or_default() += 1;
                }
                let offset = self.next(room);
                self.store(say.id, room, say.sender.uuid(), say.client_id.clone(), offset);
                for turn in &say.turns {
                    let open = OpenTurn { asked_offset: offset, ..turn.clone() };
                    self.turns.insert(turn.message, Turn { fence: turn.fence, open, ended: None });
                }
                Became::Stored(offset)
            }
            EntryKind::Close(close) => {
                let Some(turn) = self.turns.get(&close.turn).cloned() else { return Became::Refused };
                if turn.fence != close.fence {
                    return Became::Refused;
                }
                if let Some(revision) = turn.ended {
                    return Became::Stored(revision);
                }
                if !self.is_open(room) {
                    return Became::Refused;
                }
                let revision = self.next(room);
                match &close.end {
                    TurnEnd::Said { .. } | TurnEnd::Refused { .. } => {
                        let client_id = ClientId::of_message(close.turn);
                        self.store(close.turn, room, close.character.uuid(), client_id, revision);
                    }
                    TurnEnd::Nothing { refund, .. } => {
                        for key in refund {
                            let used = self.used.entry(*key).or_default();
                            *used = used.saturating_sub(1);
                        }
                        for row in self.messages.iter_mut().filter(|row| row.id == close.asked) {
                            row.revision = revision;
                        }
                    }
                }
                self.turns.get_mut(&close.turn).unwrap().ended = Some(revision);
                Became::Stored(revision)
            }
            EntryKind::Read(mark) => {
                match self.reads.get(&(room, mark.user)) {
                    Some((offset, revision)) if *offset == mark.read_offset => {
                        return Became::Stored(*revision);
                    }
                    standing if standing.map_or(0, |(offset, _)| *offset) >= mark.read_offset => {
                        return Became::Unchanged;
                    }
                    _ => {}
                }
                if !self.is_open(room) {
                    return Became::Refused;
                }
                let revision = self.next(room);
                self.reads.insert((room, mark.user), (mark.read_offset, revision));
                Became::Stored(revision)
            }
            EntryKind::Amend(_) | EntryKind::Ask(_) | EntryKind::Change(_) => panic!("not in this model"),
            EntryKind::Delete { .. } => {
                match self.heads.get(&room) {
                    None => return Became::Refused,
                    Some((last, true)) => return Became::Stored(*last),
                    Some(_) => {}
                }
                let revision = self.next(room);
                self.delete(room, revision);
                Became::Stored(revision)
            }
        }
    }

    fn is_open(&self, room: RoomId) -> bool {
        self.heads.get(&room).is_some_and(|(_, closed)| !closed)
    }

    fn next(&mut self, room: RoomId) -> Revision {
        let head = self.heads.get_mut(&room).unwrap();
        head.0 += 1;
        head.0
    }

    fn store(&mut self, id: MessageId, room: RoomId, sender: Uuid, client_id: ClientId, offset: Revision) {
        self.messages.push(Row { id, room, sender, client_id, offset, revision: offset });
    }

    /// The room's open turns end, and what their holders still bring is refused.
    fn delete(&mut self, room: RoomId, revision: Revision) {
        self.heads.get_mut(&room).unwrap().1 = true;
        for turn in self.turns.values_mut().filter(|turn| turn.open.room == room && turn.ended.is_none()) {
            (turn.fence, turn.ended) = (turn.fence + 1, Some(revision));
        }
    }

    /// What a store hands to `decide`.
    fn locked(&self, touched: &Touched) -> Locked {
        let mut locked = Locked::default();
        for room in &touched.rooms {
            if let Some((last, closed)) = self.heads.get(room) {
                locked.heads.insert(*room, Head { last: *last, closed: *closed });
            }
        }
        for turn in &touched.turns {
            if let Some(found) = self.turns.get(turn) {
                locked.turns.insert(*turn, LockedTurn { fence: found.fence, ended: found.ended });
            }
        }
        for key in &touched.meters {
            locked.meters.insert(*key, self.used.get(key).copied().unwrap_or(0));
        }
        for key in &touched.client_keys {
            let same = |row: &&Row| row.room == key.0 && row.sender == key.1 && row.client_id == key.2;
            if let Some(row) = self.messages.iter().find(same) {
                locked.before.insert(key.clone(), stored_before(row));
            }
        }
        for key in &touched.reads {
            if let Some(mark) = self.reads.get(key) {
                locked.reads.insert(*key, *mark);
            }
        }
        locked
    }

    /// What a store does with the writes.
    fn write(&mut self, writes: &Writes) {
        for message in &writes.messages {
            let (sender, client_id) = (message.sender.uuid(), message.client_id.clone());
            self.store(message.id, message.room, sender, client_id, message.offset);
        }
        for (room, last) in &writes.heads {
            self.heads.get_mut(room).unwrap().0 = *last;
        }
        self.used.extend(writes.meters.iter().map(|(key, used)| (*key, *used)));
        for open in &writes.opened {
            self.turns.insert(open.message, Turn { fence: open.fence, open: open.clone(), ended: None });
        }
        for end in &writes.ended {
            self.turns.get_mut(&end.turn).unwrap().ended = Some(end.revision);
        }
        for row in &mut self.messages {
            row.revision = writes.changed.get(&row.id).copied().unwrap_or(row.revision);
        }
        self.reads.extend(writes.reads.iter().map(|(key, mark)| (*key, *mark)));
        for (room, revision) in &writes.deleted {
            self.delete(*room, *revision);
        }
    }

    pub fn commit(&mut self, batch: &[Entry]) -> Vec<Became> {
        let decision = decide(batch, self.locked(&Touched::of(batch)));
        assert_eq!(decision.outcomes.len(), batch.len());
        self.write(&decision.writes);
        decision.outcomes.iter().map(became).collect()
    }
}

fn stored_before(row: &Row) -> StoredBefore {
    let message = Message {
        id: row.id,
        room: row.room,
        offset: row.offset,
        revision: row.revision,
        sender: Sender::User(row.sender.into()),
        client_id: row.client_id.clone(),
        kind: MessageKind::Text,
        content: Content::trusted("hello"),
        attachment: None,
        reply_to: None,
        finish: Finish::Complete,
        replies: Vec::<Reply>::new(),
        changes: Changes::default(),
        created_at: Timestamp::UNIX_EPOCH,
    };
    StoredBefore { message, replies: Vec::new() }
}
