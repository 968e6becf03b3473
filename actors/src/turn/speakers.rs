//! Who answers: pure rules over a room's cast, its mode and what was said.
//!
//! Chance is drawn from ids, not from a generator: the same message in the same room gets the same answer to who speaks
//! up, also when a batch is decided twice.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::domain::{CharacterId, MessageId, MessageKind, ReplyMode, RoomCharacter};
use crate::moderation::Moderation;
use crate::ports::{RoomRecord, Side, Verdict};
use crate::protocol::{Refusal, RefusalCode, ReplyWish, Send};

/// Step 1: may this be said here, and who is to answer? Pure; refuses before anything is reserved or stored.
/// `id` is the one that the message will have.
pub(crate) fn admit(
    room: &RoomRecord,
    moderation: &Moderation,
    send: &Send,
    id: MessageId,
) -> Result<Vec<CharacterId>, Refusal> {
    if !room.is_member(send.user) {
        return Err(Refusal::new(RefusalCode::NotFound, "there is no such conversation"));
    }
    if (send.kind == MessageKind::Text) != send.attachment.is_none() {
        let refusal = "a text takes no attachment, audio and media take one";
        return Err(Refusal::new(RefusalCode::BadRequest, refusal));
    }
    allowed(moderation, send.content.as_str())?;
    speakers(room, send.reply, send.content.as_str(), id)
}

/// Refuses a text that holds what the operator's rules name. The room tells it in a character's words.
pub(crate) fn allowed(moderation: &Moderation, text: &str) -> Result<(), Refusal> {
    match moderation.by_rules(text, Side::Message) {
        Verdict::Refused { .. } => {
            Err(Refusal::new(RefusalCode::ContentRefused, "let us talk about something else"))
        }
        Verdict::Fine | Verdict::Unavailable => Ok(()),
    }
}

/// Who would answer this, and so who declines to; the first of the cast where nobody would.
pub(crate) fn spoken_to(room: &RoomRecord, wish: ReplyWish, said: &str) -> Option<CharacterId> {
    let named = speakers(room, wish, said, MessageId::new()).ok();
    named
        .and_then(|who| who.first().copied())
        .or(room.last_speaker.filter(|last| room.character(*last).is_some()))
        .or_else(|| room.characters.first().map(|one| one.id))
}

/// Who answers a person: the one asked for; else by the room's mode.
fn speakers(
    room: &RoomRecord,
    wish: ReplyWish,
    said: &str,
    id: MessageId,
) -> Result<Vec<CharacterId>, Refusal> {
    match wish {
        ReplyWish::None => Ok(Vec::new()),
        ReplyWish::From(character) if room.character(character).is_some() => Ok(vec![character]),
        ReplyWish::From(_) => Err(not_here()),
        ReplyWish::Auto => Ok(by_mode(room, said, id)),
    }
}

pub(crate) fn not_here() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "this character is not in the conversation")
}

fn by_mode(room: &RoomRecord, said: &str, id: MessageId) -> Vec<CharacterId> {
    let cast = &room.characters;
    let mode = room.details.reply_mode;
    if mode == ReplyMode::ByHand {
        return Vec::new();
    }
    if cast.len() < 2 {
        return cast.iter().map(|one| one.id).collect();
    }
    let named = named(cast, said);
    match mode {
        ReplyMode::Mention if named.is_empty() => cast.first().map(|one| one.id).into_iter().collect(),
        ReplyMode::TurnOrder if named.is_empty() => next_in_turn(room).into_iter().collect(),
        ReplyMode::Talkativeness => {
            let mut who = named;
            let others = cast.iter().filter(|one| !who.contains(&one.id));
            let ready: Vec<_> =
                others.filter(|one| draw(id, one.id) < one.talkativeness).map(|one| one.id).collect();
            who.extend(ready);
            if who.is_empty() {
                who.extend(most_talkative(cast));
            }
            who
        }
        ReplyMode::Mention | ReplyMode::TurnOrder | ReplyMode::ByHand => named,
    }
}

/// Who speaks when a reply is asked for by hand from nobody in particular, to the message `to`.
pub(crate) fn by_hand(room: &RoomRecord, to: MessageId) -> Option<CharacterId> {
    if room.details.reply_mode != ReplyMode::Talkativeness || room.characters.len() < 2 {
        return next_in_turn(room);
    }
    let others: Vec<_> =
        room.characters.iter().filter(|one| Some(one.id) != room.last_speaker).cloned().collect();
    let ready = others.iter().find(|one| draw(to, one.id) < one.talkativeness).map(|one| one.id);
    ready.or_else(|| most_talkative(&others))
}

/// Who answers a person's message anew after it was changed: those whom it names now; else those who had answered it;
/// else by the room's mode.
pub(crate) fn anew(room: &RoomRecord, said: &str, id: MessageId, before: &[CharacterId]) -> Vec<CharacterId> {
    let mut before: Vec<CharacterId> =
        before.iter().copied().filter(|character| room.character(*character).is_some()).collect();
    let mut seen = Vec::new();
    before.retain(|character| {
        !seen.contains(character) && {
            seen.push(*character);
            true
        }
    });
    let named =
        if room.details.reply_mode == ReplyMode::ByHand { Vec::new() } else { named(&room.characters, said) };
    match (named.is_empty(), before.is_empty()) {
        (true, false) => before,
        _ => by_mode(room, said, id),
    }
}

/// Who of the others answers what a character said, most called for first. Nobody does by default: those who are named,
/// and in a talkative room some by chance, half as readily as they answer a person.
pub(crate) fn to_character(
    room: &RoomRecord,
    speaker: CharacterId,
    said: &str,
    reply: MessageId,
) -> Vec<CharacterId> {
    let mode = room.details.reply_mode;
    if mode == ReplyMode::ByHand || room.characters.len() < 2 {
        return Vec::new();
    }
    let mut who = named(&room.characters, said);
    if mode == ReplyMode::Talkativeness {
        let others = room.characters.iter().filter(|one| !who.contains(&one.id));
        let ready: Vec<_> =
            others.filter(|one| draw(reply, one.id) < one.talkativeness / 2.0).map(|one| one.id).collect();
        who.extend(ready);
    }
    who.retain(|one| *one != speaker);
    who
}

/// The one after who spoke last, around the cast.
fn next_in_turn(room: &RoomRecord) -> Option<CharacterId> {
    let cast = &room.characters;
    let last = room.last_speaker.and_then(|last| cast.iter().position(|one| one.id == last));
    cast.get(last.map_or(0, |last| (last + 1) % cast.len())).map(|one| one.id)
}

/// The first of those who speak up most readily.
fn most_talkative(cast: &[RoomCharacter]) -> Option<CharacterId> {
    let mut most: Option<&RoomCharacter> = None;
    for one in cast {
        if most.is_none_or(|most| one.talkativeness > most.talkativeness) {
            most = Some(one);
        }
    }
    most.map(|one| one.id)
}

/// A number from 0 (in) to 1 (out) that is the same for the same message and character.
fn draw(message: MessageId, character: CharacterId) -> f32 {
    const STEPS: u64 = 1 << 20;
    let mut hasher = DefaultHasher::new();
    (message, character).hash(&mut hasher);
    #[allow(clippy::cast_precision_loss)] // Both are far below what an f32 holds exactly.
    let drawn = (hasher.finish() % STEPS) as f32 / STEPS as f32;
    drawn
}

/// Those whom `said` names, by name or as `@slug`, in the order in which it first does. A name within a longer one that
/// is there too does not count: "Old Tom" calls no Tom.
fn named(cast: &[RoomCharacter], said: &str) -> Vec<CharacterId> {
    let said = said.to_lowercase();
    let mut found: Vec<(usize, usize, CharacterId)> = Vec::new();
    for one in cast {
        let name = one.name.trim().to_lowercase();
        let handle = format!("@{}", one.slug.to_lowercase());
        let places = places(&said, &name).chain(places(&said, &handle));
        found.extend(places.map(|(start, end)| (start, end, one.id)));
    }
    let within = |(start, end, _): &(usize, usize, CharacterId)| {
        found.iter().any(|(from, to, _)| from <= start && end <= to && to - from > end - start)
    };
    let mut own: Vec<_> = found.iter().filter(|place| !within(place)).collect();
    own.sort_by_key(|(start, ..)| *start);
    let mut who: Vec<CharacterId> = Vec::new();
    for (.., character) in own {
        if !who.contains(character) {
            who.push(*character);
        }
    }
    who
}

/// Where `said` holds `name` as a word of its own.
fn places<'a>(said: &'a str, name: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let empty = name.is_empty() || name == "@";
    let handle = name.starts_with('@');
    said.match_indices(name).filter(move |_| !empty).filter_map(move |(start, name)| {
        let end = start + name.len();
        let before = said[..start].chars().next_back();
        let mut after = said[end..].chars();
        // A slug goes on after a hyphen, a name does not.
        let goes_on = match after.next() {
            Some('-') if handle => after.next().is_some_and(word),
            next => next.is_some_and(word),
        };
        (!before.is_some_and(word) && !goes_on).then_some((start, end))
    })
}

#[cfg(test)]
mod tests;
