//! Replies that are asked for without a new message: what they answer, and what they are to become part of, must stand.

use super::amends::VARIANTS_MAX;
use super::says::{count, full, open_turn, queued};
use super::{ChangeRow, Locked, Writes, advance, open, put, target, touch};
use crate::domain::{Content, Into, Message, MessageId, RoomId, Sender};
use crate::ports::{Ask, OpenTurn, Outcome, Refused};

/// Bytes of a reply that is still continued.
const CONTINUED_MAX_BYTES: usize = 100_000;

pub(super) fn ask(room: RoomId, ask: &Ask, locked: &mut Locked, writes: &mut Writes) -> Outcome {
    if let Some(revision) = locked.done.get(&ask.id) {
        let edited = ask.edit.as_ref().and_then(|(message, _)| target(locked, room, *message));
        return match edited {
            Some(message) => Outcome::Amended(Box::new(Message { revision: *revision, ..message.clone() })),
            None => Outcome::Stored { revision: *revision },
        };
    }
    if !open(locked, room) {
        return Outcome::NoRoom;
    }
    if let Err(refused) = check(room, ask, locked) {
        return Outcome::Refused(refused);
    }
    if let Some(over) = full(&ask.meters, locked) {
        return over;
    }
    count(&ask.meters, locked, writes);
    let revision = advance(locked, writes, room);
    for turn in &ask.turns {
        let asked_offset = history_end(room, turn, locked);
        open_turn(OpenTurn { asked_offset, ..turn.clone() }, locked, writes);
        if let Some(asked) = locked.messages.get_mut(&turn.asked) {
            asked.replies.push(queued(turn));
        }
        touch(locked, writes, turn.asked, revision);
    }
    let change = ChangeRow { id: ask.id, room, revision, by: ask.by, kind: "ask", at: ask.at };
    locked.done.insert(change.id, revision);
    writes.changes.push(change);
    match &ask.edit {
        None => Outcome::Stored { revision },
        Some((message, content)) => match edited(room, ask, *message, content, locked) {
            Some(message) => put(locked, writes, Message { revision, ..message }),
            None => Outcome::Stored { revision },
        },
    }
}

fn edited(
    room: RoomId,
    ask: &Ask,
    message: MessageId,
    content: &Content,
    locked: &Locked,
) -> Option<Message> {
    let mut message = target(locked, room, message)?.clone();
    if message.content != *content {
        message.content = content.clone();
        message.changes.edited_at = Some(ask.at);
    }
    Some(message)
}

fn check(room: RoomId, ask: &Ask, locked: &Locked) -> Result<(), Refused> {
    if let Some((message, _)) = &ask.edit {
        let message = standing(room, *message, locked)?;
        if message.sender != Sender::User(ask.by) {
            return Err(Refused::NotYours);
        }
    }
    for turn in &ask.turns {
        standing(room, turn.asked, locked)?;
        let (of, full) = match turn.into {
            Into::New => continue,
            Into::Variant(of) => {
                let message = standing(room, of, locked)?;
                (message, message.changes.variants >= VARIANTS_MAX)
            }
            Into::Continuation(of) => {
                let message = standing(room, of, locked)?;
                (message, message.content.as_str().len() > CONTINUED_MAX_BYTES)
            }
        };
        match of.sender {
            Sender::User(_) => return Err(Refused::NoReply),
            Sender::Character(_) if full => return Err(Refused::Full),
            Sender::Character(_) => {}
        }
    }
    Ok(())
}

fn standing(room: RoomId, message: MessageId, locked: &Locked) -> Result<&Message, Refused> {
    match target(locked, room, message) {
        None => Err(Refused::NoMessage),
        Some(message) if message.changes.deleted_at.is_some() => Err(Refused::Deleted),
        Some(message) => Ok(message),
    }
}

/// A prompt's history ends with what is answered; where a reply goes on, with that reply.
fn history_end(room: RoomId, turn: &OpenTurn, locked: &Locked) -> i64 {
    let offset = |message| target(locked, room, message).map_or(0, |message| message.offset);
    match turn.into {
        Into::New | Into::Variant(_) => offset(turn.asked),
        Into::Continuation(of) => offset(of).max(offset(turn.asked)),
    }
}
