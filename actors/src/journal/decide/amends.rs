//! Changes of one stored message. What stands already is answered as it stands, without a new revision.

use super::{ChangeRow, Locked, Writes, advance, open, put, target};
use crate::domain::{Changes, Content, Message, MessageKind, Reaction, RoomId, Sender, kind_of};
use crate::ports::{Amend, Outcome, Refused};
use crate::protocol::Amendment;

/// Variants of one reply.
pub const VARIANTS_MAX: u16 = 10;
/// Different emoji under one message.
pub const EMOJI_MAX: usize = 20;

pub(super) fn amend(room: RoomId, amend: &Amend, locked: &mut Locked, writes: &mut Writes) -> Outcome {
    let Some(standing) = target(locked, room, amend.message) else {
        return if open(locked, room) { Outcome::Refused(Refused::NoMessage) } else { Outcome::NoRoom };
    };
    let mut message = standing.clone();
    if let Some(revision) = locked.done.get(&amend.id) {
        message.revision = *revision;
        return Outcome::Amended(Box::new(message));
    }
    if !open(locked, room) {
        return Outcome::NoRoom;
    }
    match apply(amend, &mut message, locked) {
        Err(refused) => return Outcome::Refused(refused),
        Ok(Applied::AsItWas) => return Outcome::Amended(Box::new(message)),
        Ok(Applied::Changed) => {}
    }
    message.revision = advance(locked, writes, room);
    match &amend.what {
        Amendment::React(emoji) => {
            let key = (message.id, emoji.clone(), amend.by);
            writes.reactions.insert(key, Some((room, amend.at)));
        }
        Amendment::Unreact(emoji) => {
            writes.reactions.insert((message.id, emoji.clone(), amend.by), None);
        }
        Amendment::Delete => {
            writes.erased.push(message.id);
            writes.variants.retain(|(of, _), _| *of != message.id);
            writes.reactions.retain(|(of, _, _), _| *of != message.id);
        }
        Amendment::Edit(_) | Amendment::Select(_) | Amendment::Transcript(_) => {}
    }
    let change = ChangeRow {
        id: amend.id,
        room,
        revision: message.revision,
        by: amend.by,
        kind: kind(&amend.what),
        at: amend.at,
    };
    locked.done.insert(change.id, change.revision);
    writes.changes.push(change);
    put(locked, writes, message)
}

fn kind(what: &Amendment) -> &'static str {
    match what {
        Amendment::Edit(_) => "edit",
        Amendment::Delete => "delete",
        Amendment::React(_) => "react",
        Amendment::Unreact(_) => "unreact",
        Amendment::Select(_) => "select",
        Amendment::Transcript(_) => "transcribe",
    }
}

enum Applied {
    Changed,
    AsItWas,
}

fn apply(amend: &Amend, message: &mut Message, locked: &Locked) -> Result<Applied, Refused> {
    let own = message.sender == Sender::User(amend.by);
    let deleted = message.changes.deleted_at.is_some();
    match &amend.what {
        Amendment::Transcript(_) if !own => Err(Refused::NotYours),
        Amendment::Edit(_) | Amendment::Delete if !own && !may_delete(amend) => Err(Refused::NotYours),
        Amendment::Delete if deleted => Ok(Applied::AsItWas),
        Amendment::Delete => {
            message.content = Content::trusted("");
            message.attachment = None;
            message.changes = Changes { deleted_at: Some(amend.at), ..Changes::default() };
            Ok(Applied::Changed)
        }
        _ if deleted => Err(Refused::Deleted),
        Amendment::Edit(content) if message.content == *content => Ok(Applied::AsItWas),
        Amendment::Edit(content) => {
            message.content = content.clone();
            message.changes.edited_at = Some(amend.at);
            Ok(Applied::Changed)
        }
        Amendment::Transcript(content) => {
            if message.kind != MessageKind::Audio || !message.content.as_str().is_empty() {
                return Ok(Applied::AsItWas);
            }
            message.content = content.clone();
            Ok(Applied::Changed)
        }
        Amendment::React(emoji) => {
            let reactions = &mut message.changes.reactions;
            if reactions.iter().any(|one| one.emoji == *emoji && one.user == amend.by) {
                return Ok(Applied::AsItWas);
            }
            let mut others: Vec<_> =
                reactions.iter().map(|one| &one.emoji).filter(|known| *known != emoji).collect();
            others.sort_unstable();
            others.dedup();
            if others.len() >= EMOJI_MAX {
                return Err(Refused::Full);
            }
            reactions.push(Reaction { emoji: emoji.clone(), user: amend.by });
            Ok(Applied::Changed)
        }
        Amendment::Unreact(emoji) => {
            let reactions = &mut message.changes.reactions;
            let before = reactions.len();
            reactions.retain(|one| one.emoji != *emoji || one.user != amend.by);
            Ok(if reactions.len() < before { Applied::Changed } else { Applied::AsItWas })
        }
        Amendment::Select(_) if matches!(message.sender, Sender::User(_)) => Err(Refused::NoReply),
        Amendment::Select(index) if *index >= message.changes.variants => Err(Refused::NoVariant),
        Amendment::Select(index) if *index == message.changes.variant => Ok(Applied::AsItWas),
        Amendment::Select(index) => {
            let variant = locked.variants.get(&(message.id, *index)).ok_or(Refused::NoVariant)?.clone();
            message.kind = kind_of(variant.attachment.as_deref());
            message.content = variant.content;
            message.finish = variant.finish;
            message.attachment = variant.attachment;
            message.changes.variant = *index;
            Ok(Applied::Changed)
        }
    }
}

/// Others' messages: the room's owner may take them away, not change them.
fn may_delete(amend: &Amend) -> bool {
    amend.owner && amend.what == Amendment::Delete
}
