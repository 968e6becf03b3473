//! Which replies an ask opens, from the room's record and what was looked up. Pure.

use super::Found;
use crate::domain::{CharacterId, Content, Into, Message, MessageId, MessageKind, Revision, Sender};
use crate::ports::RoomRecord;
use crate::protocol::{Ask, Refusal, RefusalCode, Wanted};
use crate::settings::Settings;
use crate::turn::speakers;

/// What is to be asked of the journal.
#[derive(Debug)]
pub(super) struct Plan {
    /// The message that the wish is about: one wish at a time.
    pub subject: Option<MessageId>,
    pub edit: Option<(MessageId, Content)>,
    /// The first one is counted.
    pub replies: Vec<Planned>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub character: CharacterId,
    pub asked: MessageId,
    /// Where the prompt's history ends.
    pub asked_offset: Revision,
    pub into: Into,
    /// What it was before; `None`: it is new.
    pub kind: Option<MessageKind>,
}

impl Plan {
    /// The messages that the replies are to become part of.
    pub fn parts(&self) -> impl Iterator<Item = MessageId> + '_ {
        self.replies.iter().filter_map(|reply| match reply.into {
            Into::New => None,
            Into::Variant(message) | Into::Continuation(message) => Some(message),
        })
    }

    fn of(subject: Option<MessageId>, reply: Planned) -> Self {
        Self { subject, edit: None, replies: vec![reply] }
    }
}

pub(super) fn plan(
    room: &RoomRecord,
    settings: &Settings,
    ask: &Ask,
    found: Option<&Found>,
) -> Result<Plan, Refusal> {
    match &ask.wanted {
        Wanted::Reply(who) => reply(room, *who, found),
        Wanted::Regenerate(_) => regenerate(room, settings, standing(found)?),
        Wanted::Continue(_) => go_on(room, settings, standing(found)?),
        Wanted::Resend { content, .. } => resend(room, settings, ask, content, standing(found)?),
        Wanted::Retry { character, .. } => retry(room, *character, standing(found)?),
    }
}

fn refuse<T>(code: RefusalCode, text: &str) -> Result<T, Refusal> {
    Err(Refusal::new(code, text))
}

fn standing(found: Option<&Found>) -> Result<&Found, Refusal> {
    match found {
        None => refuse(RefusalCode::NotFound, "there is no such message here"),
        Some(found) if found.target.changes.deleted_at.is_some() => {
            refuse(RefusalCode::Conflict, "this message was deleted")
        }
        Some(found) => Ok(found),
    }
}

/// The character whose message this is, if it is still here.
fn speaker(room: &RoomRecord, message: &Message) -> Result<CharacterId, Refusal> {
    match message.sender {
        Sender::User(_) => refuse(RefusalCode::Conflict, "this is no reply of a character"),
        Sender::Character(character) if room.character(character).is_none() => {
            refuse(RefusalCode::Conflict, "this character has left the conversation")
        }
        Sender::Character(character) => Ok(character),
    }
}

fn reply(room: &RoomRecord, who: Option<CharacterId>, found: Option<&Found>) -> Result<Plan, Refusal> {
    let Some(found) = found else {
        return refuse(RefusalCode::Conflict, "nothing was said here yet that could be answered");
    };
    let character = match who {
        Some(character) if room.character(character).is_none() => return Err(speakers::not_here()),
        Some(character) => character,
        None => match speakers::by_hand(room, found.target.id) {
            Some(character) => character,
            None => return refuse(RefusalCode::Conflict, "this conversation has no character"),
        },
    };
    let asked = (found.target.id, found.target.offset);
    let (asked, asked_offset) = asked;
    Ok(Plan::of(None, Planned { character, asked, asked_offset, into: Into::New, kind: None }))
}

fn retry(room: &RoomRecord, character: CharacterId, found: &Found) -> Result<Plan, Refusal> {
    if room.character(character).is_none() {
        return refuse(RefusalCode::Conflict, "this character has left the conversation");
    }
    let own =
        |reply: &&Message| reply.sender == Sender::Character(character) && reply.changes.deleted_at.is_none();
    if found.replies.iter().any(|reply| own(&reply)) {
        return refuse(RefusalCode::Conflict, "this character has answered meanwhile");
    }
    let (asked, asked_offset) = (found.target.id, found.target.offset);
    Ok(Plan::of(Some(asked), Planned { character, asked, asked_offset, into: Into::New, kind: None }))
}

fn regenerate(room: &RoomRecord, settings: &Settings, found: &Found) -> Result<Plan, Refusal> {
    let target = &found.target;
    let character = speaker(room, target)?;
    has_room_for_another(settings, target)?;
    let Some(asking) = &found.asking else {
        return refuse(RefusalCode::Conflict, "this message answers nothing: it cannot be made anew");
    };
    if asking.changes.deleted_at.is_some() {
        return refuse(RefusalCode::Conflict, "what it answered was deleted");
    }
    let into = Into::Variant(target.id);
    let (asked, asked_offset, kind) = (asking.id, asking.offset, Some(target.kind));
    let reply = Planned { character, asked, asked_offset, into, kind };
    Ok(Plan::of(Some(target.id), reply))
}

fn has_room_for_another(settings: &Settings, target: &Message) -> Result<(), Refusal> {
    let most = settings.room.variants_max;
    if target.changes.variants < most {
        return Ok(());
    }
    refuse(RefusalCode::Conflict, &format!("this reply has {most} variants, and no more are kept"))
}

fn go_on(room: &RoomRecord, settings: &Settings, found: &Found) -> Result<Plan, Refusal> {
    let target = &found.target;
    let character = speaker(room, target)?;
    if target.content.as_str().chars().count() >= settings.turn.reply_max_chars {
        return refuse(RefusalCode::Conflict, "this reply is as long as one may be");
    }
    // A greeting answers nothing; then it is itself what is asked about.
    let asking = found.asking.as_ref().filter(|asking| asking.changes.deleted_at.is_none());
    let asked = asking.unwrap_or(target).id;
    let into = Into::Continuation(target.id);
    // What is spoken is spoken anew, with what it goes on with. A picture stands.
    let kind = Some(if target.kind == MessageKind::Audio { MessageKind::Audio } else { MessageKind::Text });
    let reply = Planned { character, asked, asked_offset: target.offset, into, kind };
    Ok(Plan::of(Some(target.id), reply))
}

fn resend(
    room: &RoomRecord,
    settings: &Settings,
    ask: &Ask,
    content: &Content,
    found: &Found,
) -> Result<Plan, Refusal> {
    let target = &found.target;
    if target.sender != Sender::User(ask.user) {
        return refuse(RefusalCode::Forbidden, "this is another's message");
    }
    let replies = || found.replies.iter().filter(|reply| reply.changes.deleted_at.is_none());
    let before: Vec<CharacterId> = replies()
        .filter_map(|reply| match reply.sender {
            Sender::Character(character) => Some(character),
            Sender::User(_) => None,
        })
        .collect();
    let who = speakers::anew(room, content.as_str(), target.id, &before);
    let planned = who.into_iter().map(|character| {
        let own = replies().rfind(|reply| reply.sender == Sender::Character(character));
        let into = match own {
            Some(reply) => {
                has_room_for_another(settings, reply)?;
                Into::Variant(reply.id)
            }
            None => Into::New,
        };
        let kind = own.map(|reply| reply.kind);
        Ok(Planned { character, asked: target.id, asked_offset: target.offset, into, kind })
    });
    Ok(Plan {
        subject: Some(target.id),
        edit: Some((target.id, content.clone())),
        replies: planned.collect::<Result<_, Refusal>>()?,
    })
}

#[cfg(test)]
mod tests;
