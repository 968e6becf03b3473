//! New messages, read marks and the end of a room.

use super::{Head, Locked, LockedTurn, NewMessage, Writes, advance, open};
use crate::domain::{Changes, Finish, Message, Meter, Reply, ReplyState, RoomId, Sender};
use crate::ports::{OpenTurn, Outcome, ReadMark, Say, StoredBefore};

pub(super) fn say(room: RoomId, say: &Say, locked: &mut Locked, writes: &mut Writes) -> Outcome {
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
    if let Some(over) = full(&say.meters, locked) {
        return over;
    }
    count(&say.meters, locked, writes);
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
        open_turn(OpenTurn { asked_offset: revision, ..turn.clone() }, locked, writes);
    }
    locked.before.insert(key, stored(&message, &say.turns));
    writes.messages.push(message);
    Outcome::Stored { revision }
}

pub(super) fn read(room: RoomId, mark: ReadMark, locked: &mut Locked, writes: &mut Writes) -> Outcome {
    let key = (room, mark.user);
    let (standing, revision) = locked.reads.get(&key).copied().unwrap_or_default();
    if standing == mark.read_offset && revision > 0 {
        // Stored before, perhaps by this very entry, whose revision was not heard.
        return Outcome::Stored { revision };
    }
    if standing >= mark.read_offset {
        return Outcome::Unchanged { standing };
    }
    if !open(locked, room) {
        return Outcome::NoRoom;
    }
    let revision = advance(locked, writes, room);
    locked.reads.insert(key, (mark.read_offset, revision));
    writes.reads.insert(key, (mark.read_offset, revision));
    Outcome::Stored { revision }
}

/// A room that is closed already was deleted: by this very entry, or by another that wanted the same.
pub(super) fn delete(room: RoomId, locked: &mut Locked, writes: &mut Writes) -> Outcome {
    match locked.heads.get(&room) {
        None => return Outcome::NoRoom,
        Some(Head { closed: true, last }) => return Outcome::Stored { revision: *last },
        Some(_) => {}
    }
    let revision = advance(locked, writes, room);
    if let Some(head) = locked.heads.get_mut(&room) {
        head.closed = true;
    }
    writes.deleted.insert(room, revision);
    Outcome::Stored { revision }
}

/// The first meter that is full.
pub(super) fn full(meters: &[Meter], locked: &Locked) -> Option<Outcome> {
    meters.iter().find_map(|meter| {
        let used = locked.meters.get(&meter.key).copied().unwrap_or_default();
        (used >= meter.limit).then_some(Outcome::OverLimit { meter: *meter, used })
    })
}

/// One more on each meter.
pub(super) fn count(meters: &[Meter], locked: &mut Locked, writes: &mut Writes) {
    for meter in meters {
        let used = locked.meters.entry(meter.key).or_default();
        *used += 1;
        writes.meters.insert(meter.key, *used);
    }
}

pub(super) fn open_turn(turn: OpenTurn, locked: &mut Locked, writes: &mut Writes) {
    locked.turns.insert(turn.message, LockedTurn { fence: turn.fence, ended: None });
    writes.opened.push(turn);
}

/// The message as a duplicate later in the same batch would find it.
fn stored(message: &NewMessage, turns: &[OpenTurn]) -> StoredBefore {
    let replies: Vec<Reply> = turns.iter().map(queued).collect();
    StoredBefore { message: self::message(message, replies.clone()), replies }
}

pub(super) fn queued(turn: &OpenTurn) -> Reply {
    Reply { character: turn.character, message: turn.message, state: ReplyState::Queued, code: None }
}

/// A new message as it will be read back.
pub(super) fn message(new: &NewMessage, replies: Vec<Reply>) -> Message {
    Message {
        id: new.id,
        room: new.room,
        offset: new.offset,
        revision: new.offset,
        sender: new.sender,
        client_id: new.client_id.clone(),
        kind: new.kind,
        content: new.content.clone(),
        attachment: new.attachment.clone(),
        reply_to: new.reply_to,
        finish: new.finish,
        replies,
        changes: Changes::default(),
        created_at: new.created_at,
    }
}
