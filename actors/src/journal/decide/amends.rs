//! Changes of one stored message. What stands already is answered as it stands, without a new revision.

use std::sync::Arc;

use super::{ChangeRow, Locked, Variant, VariantRow, Writes, advance, open, put, target};
use crate::domain::{
    Attachment, Changes, Content, FileState, Message, MessageKind, Reaction, RoomId, Sender, kind_of,
};
use crate::ports::{Amend, Outcome, Refused};
use crate::protocol::Amendment;

/// Variants of one reply.
pub const VARIANTS_MAX: u16 = 10;
/// Different emoji under one message.
pub const EMOJI_MAX: usize = 20;
/// The kind of a change that tells that the file of a message is another now.
pub const FILE_CHANGED: &str = "file";

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
        Amendment::File(now) => follow_in_variants(now, &message, amend, locked, writes),
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
        Amendment::File(_) => FILE_CHANGED,
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
        Amendment::File(now) => {
            let carried = message.attachment.as_deref().filter(|standing| is_of(standing, now));
            let stands = carried.map(|standing| followed(standing, now));
            let in_variants = || {
                locked.variants.iter().any(|((of, _), variant)| *of == message.id && follows(variant, now))
            };
            match stands {
                Some(next) if message.attachment.as_deref() != Some(&next) => {
                    message.attachment = Some(Arc::new(next));
                    Ok(Applied::Changed)
                }
                _ if in_variants() => Ok(Applied::Changed),
                _ => Ok(Applied::AsItWas),
            }
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

/// Whether both are of the same uploaded file.
fn is_of(standing: &Attachment, now: &Attachment) -> bool {
    let id = |one: &Attachment| one.file.as_ref().map(|file| file.id);
    id(standing).is_some() && id(standing) == id(now)
}

/// What stands, with its file as it is now. What it is of a gallery it stays. A tombstone stays one: nothing comes back.
fn followed(standing: &Attachment, now: &Attachment) -> Attachment {
    if standing.state() == Some(FileState::Deleted) {
        return standing.clone();
    }
    Attachment { item: standing.item, ..now.clone() }
}

/// Whether a variant that is not selected carries the file as it was.
fn follows(variant: &Variant, now: &Attachment) -> bool {
    let carried = variant.attachment.as_deref().filter(|standing| is_of(standing, now));
    carried.is_some_and(|standing| *standing != followed(standing, now))
}

fn follow_in_variants(
    now: &Attachment,
    message: &Message,
    amend: &Amend,
    locked: &mut Locked,
    writes: &mut Writes,
) {
    for (key, variant) in &mut locked.variants {
        if key.0 != message.id || !follows(variant, now) {
            continue;
        }
        variant.attachment = variant.attachment.as_deref().map(|standing| Arc::new(followed(standing, now)));
        let row = VariantRow { room: message.room, variant: variant.clone(), at: amend.at };
        writes.variants.insert(*key, row);
    }
}

/// Others' messages: the room's owner may take them away, not change them.
fn may_delete(amend: &Amend) -> bool {
    amend.owner && amend.what == Amendment::Delete
}
