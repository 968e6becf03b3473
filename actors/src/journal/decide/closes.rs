//! The end of a turn: a reply becomes a message, or part of one, or nothing.

use super::amends::VARIANTS_MAX;
use super::says::open_turn;
use super::{
    EndedTurn, Locked, LockedTurn, NewCall, NewMemory, NewMessage, Variant, VariantRow, Writes, advance,
    open, put, target, touch,
};
use crate::domain::{
    ClientId, Content, Finish, Into, Message, MessageId, MessageKind, MeterKey, ReplyState, Revision, RoomId,
    Sender, kind_of,
};
use crate::ports::{CloseTurn, OpenTurn, Outcome, TurnEnd};

pub(super) fn close(room: RoomId, close: &CloseTurn, locked: &mut Locked, writes: &mut Writes) -> Outcome {
    // Whatever becomes of the reply: they were made.
    writes.calls.extend(calls(room, close));
    match locked.turns.get(&close.turn) {
        Some(turn) if turn.fence != close.fence => return Outcome::FenceLost,
        // Only one holds a fence: this very entry was stored before.
        Some(LockedTurn { ended: Some(revision), .. }) => return before(room, close, *revision, locked),
        Some(LockedTurn { ended: None, .. }) => {}
        None => return Outcome::FenceLost,
    }
    if !open(locked, room) {
        return Outcome::NoRoom;
    }
    let revision = advance(locked, writes, room);
    let mut became = Outcome::Stored { revision };
    let (state, code) = match &close.end {
        TurnEnd::Said { content, finish, attachment } => {
            let said = Variant { content: content.clone(), finish: *finish, attachment: attachment.clone() };
            let said = becomes(close, said, room, revision, locked, writes);
            became = said.1;
            (said.0, None)
        }
        TurnEnd::Refused { content, refund } => {
            let said = Variant { content: content.clone(), finish: Finish::Refused, attachment: None };
            let said = becomes(close, said, room, revision, locked, writes);
            if said.0 == ReplyState::Done {
                give_back(refund, locked, writes);
            }
            became = said.1;
            (said.0, None)
        }
        TurnEnd::Nothing { state, code, refund } => {
            give_back(refund, locked, writes);
            touch(locked, writes, close.asked, revision);
            (*state, *code)
        }
    };
    if state == ReplyState::Done {
        writes.memories.extend(memories(room, close));
    }
    locked.turns.insert(close.turn, LockedTurn { fence: close.fence, ended: Some(revision) });
    if let Some(asked) = locked.messages.get_mut(&close.asked) {
        asked.replies.retain(|reply| reply.message != close.turn || state != ReplyState::Done);
        for reply in asked.replies.iter_mut().filter(|reply| reply.message == close.turn) {
            (reply.state, reply.code) = (state, code);
        }
    }
    let usage = close.calls.iter().map(|call| call.usage).sum();
    let trouble = close.trouble.clone().filter(|_| state == ReplyState::Failed);
    writes.ended.push(EndedTurn { turn: close.turn, state, code, revision, usage, trouble });
    became
}

/// What was said becomes a message, or part of one.
fn becomes(
    close: &CloseTurn,
    said: Variant,
    room: RoomId,
    revision: Revision,
    locked: &mut Locked,
    writes: &mut Writes,
) -> (ReplyState, Outcome) {
    match part_of(close, &said, room, revision, locked) {
        Part::None => {
            writes.messages.push(reply(room, close, said, revision));
            for turn in &close.follow {
                open_turn(OpenTurn { asked_offset: revision, ..turn.clone() }, locked, writes);
            }
            (ReplyState::Done, Outcome::Stored { revision })
        }
        Part::Of(message, rows) => {
            writes.variants.extend(rows);
            let became = put(locked, writes, *message);
            touch(locked, writes, close.asked, revision);
            (ReplyState::Done, became)
        }
        Part::Gone => {
            give_back(&close.refund_if_gone, locked, writes);
            touch(locked, writes, close.asked, revision);
            (ReplyState::Stopped, Outcome::Stored { revision })
        }
    }
}

fn calls(room: RoomId, close: &CloseTurn) -> impl Iterator<Item = NewCall> {
    let (turn, user, character) = (close.turn, close.user, close.character);
    close.calls.iter().map(move |call| NewCall { turn, user, character, room, call: call.clone() })
}

fn memories(room: RoomId, close: &CloseTurn) -> impl Iterator<Item = NewMemory> {
    close.memories.iter().map(move |(id, fact)| NewMemory {
        id: *id,
        user: close.user,
        character: close.character,
        room,
        message: close.asked,
        fact: fact.clone(),
        at: close.created_at,
    })
}

/// What was answered when this end was stored.
fn before(room: RoomId, close: &CloseTurn, revision: Revision, locked: &Locked) -> Outcome {
    let part = match close.into {
        Into::New => None,
        Into::Variant(of) | Into::Continuation(of) => target(locked, room, of),
    };
    match (&close.end, part) {
        (TurnEnd::Said { .. } | TurnEnd::Refused { .. }, Some(message))
            if message.changes.deleted_at.is_none() =>
        {
            Outcome::Amended(Box::new(Message { revision, ..message.clone() }))
        }
        _ => Outcome::Stored { revision },
    }
}

fn give_back(refund: &[MeterKey], locked: &mut Locked, writes: &mut Writes) {
    for key in refund {
        let used = locked.meters.entry(*key).or_default();
        *used = used.saturating_sub(1);
        writes.meters.insert(*key, *used);
    }
}

fn reply(room: RoomId, close: &CloseTurn, said: Variant, revision: Revision) -> NewMessage {
    NewMessage {
        id: close.turn,
        room,
        offset: revision,
        sender: Sender::Character(close.character),
        client_id: ClientId::of_message(close.turn),
        kind: kind_of(said.attachment.as_deref()),
        content: said.content,
        attachment: said.attachment,
        reply_to: Some(close.asked),
        finish: said.finish,
        created_at: close.created_at,
    }
}

type VariantRows = Vec<((MessageId, u16), VariantRow)>;

enum Part {
    /// It is a message of its own.
    None,
    /// It became part of this message, whose variants get these rows.
    Of(Box<Message>, VariantRows),
    /// What it was to become part of was deleted meanwhile, or is full.
    Gone,
}

fn part_of(close: &CloseTurn, said: &Variant, room: RoomId, revision: Revision, locked: &Locked) -> Part {
    let of = match close.into {
        Into::New => return Part::None,
        Into::Variant(of) | Into::Continuation(of) => of,
    };
    let Some(message) = target(locked, room, of).filter(|found| found.changes.deleted_at.is_none()) else {
        return Part::Gone;
    };
    let mut message = message.clone();
    message.revision = revision;
    let row = |variant: Variant, at| VariantRow { room, variant, at };
    let mut rows = VariantRows::new();
    if let Into::Variant(_) = close.into {
        let index = message.changes.variants;
        if index >= VARIANTS_MAX {
            return Part::Gone;
        }
        if index == 1 {
            // Now that it has a second one, the first is kept beside the message too.
            rows.push(((of, 0), row(standing(&message), message.created_at)));
        }
        rows.push(((of, index), row(said.clone(), close.created_at)));
        message.content = said.content.clone();
        message.attachment = said.attachment.clone();
        message.changes.variant = index;
        message.changes.variants = index + 1;
    } else {
        message.content = Content::trusted(format!("{}{}", message.content.as_str(), said.content.as_str()));
        // A voice that does not say all of it is none. A picture stays.
        if said.attachment.is_some() || message.kind == MessageKind::Audio {
            message.attachment = said.attachment.clone();
        }
        message.finish = said.finish;
        if message.changes.variants > 1 {
            let index = message.changes.variant;
            rows.push(((of, index), row(standing(&message), close.created_at)));
        }
    }
    message.finish = said.finish;
    message.kind = kind_of(message.attachment.as_deref());
    Part::Of(Box::new(message), rows)
}

/// What stands in the message.
fn standing(message: &Message) -> Variant {
    Variant {
        content: message.content.clone(),
        finish: message.finish,
        attachment: message.attachment.clone(),
    }
}
