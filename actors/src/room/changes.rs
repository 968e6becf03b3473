//! Members, characters and settings come and go. Who may, and what fits, is decided here from the record; one change at a
//! time, so that each is judged by what the one before left.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use tokio::time::Instant;
use uuid::Uuid;

use super::commits::{Aftermath, Answer, not_written};
use super::{Room, RoomMsg, State, Ticket, no_room, overloaded};
use crate::domain::{Revision, UserId};
use crate::ports::{Change, EntryKind, Outcome, RoomRecord};
use crate::protocol::{Featured, Refusal, RefusalCode, Responder, RoomChange, RoomEvent};
use crate::settings::RoomSettings;

#[derive(Default)]
pub(super) struct Changes {
    /// Appended; its commit is awaited.
    committing: Option<Committing>,
    waiting: VecDeque<Waits>,
}

struct Committing {
    ticket: Ticket,
    since: Instant,
    /// A member who is about to go.
    leaving: Option<UserId>,
    /// `None`: it was overdue.
    responder: Option<Responder<Revision>>,
}

struct Waits {
    user: UserId,
    what: RoomChange,
    since: Instant,
    responder: Responder<Revision>,
}

impl Changes {
    pub fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.committing.is_some())
    }

    /// Whether this member's going is on its way to the log: nothing of theirs may come behind it.
    pub fn is_leaving(&self, user: UserId) -> bool {
        self.committing.as_ref().is_some_and(|one| one.leaving == Some(user))
    }

    pub fn expire(&mut self, deadline: Duration) {
        if let Some(committing) = &mut self.committing
            && committing.since.elapsed() >= deadline
        {
            committing.responder = None;
        }
        let (late, rest) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<VecDeque<Waits>, _>(|waits| waits.since.elapsed() >= deadline);
        self.waiting = rest;
        for waits in late {
            waits.responder.refuse(overloaded());
        }
    }
}

impl Room {
    pub(super) fn on_change(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        user: UserId,
        what: RoomChange,
        responder: Responder<Revision>,
    ) {
        if let Err(refusal) = self.takes_commands(state) {
            return responder.refuse(refusal);
        }
        state.changes.waiting.push_back(Waits { user, what, since: Instant::now(), responder });
        self.next_change(myself, state);
    }

    /// Begins the changes that wait, until one has to be awaited.
    fn next_change(&self, myself: &ActorRef<RoomMsg>, state: &mut State) {
        while state.changes.committing.is_none() {
            let Some(Waits { user, what, since, responder }) = state.changes.waiting.pop_front() else {
                return;
            };
            let record = match state.record.as_ref() {
                Ok(record) => record,
                Err(refusal) => {
                    responder.refuse(refusal.clone());
                    continue;
                }
            };
            if let Err(refusal) = judge(record, user, &what, &self.context.settings.room) {
                responder.refuse(refusal);
                continue;
            }
            if stands(record, &what) {
                responder.answer(Ok(record.head));
                continue;
            }
            let leaving = match &what {
                RoomChange::RemoveMember(member) => Some(*member),
                _ => None,
            };
            let at = self.context.ports.clock.now();
            let change = Change { id: Uuid::now_v7(), by: user, at, what };
            match self.append(myself, state, EntryKind::Change(change)) {
                Ok(ticket) => {
                    let responder = Some(responder);
                    state.changes.committing = Some(Committing { ticket, since, leaving, responder });
                    self.watch(myself, state);
                }
                Err(reason) => responder.refuse(not_written(reason)),
            }
        }
    }

    pub(super) fn on_changed(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        ticket: Ticket,
        change: Change,
        outcome: &Outcome,
        after: &mut Aftermath,
    ) {
        let committing = state.changes.committing.take_if(|one| one.ticket == ticket);
        let responder = committing.and_then(|one| one.responder);
        match outcome {
            Outcome::Stored { revision } => {
                if let RoomChange::RemoveCharacter(character) = &change.what {
                    after.left.push(*character);
                }
                if let Ok(record) = &mut state.record {
                    after.events.push(apply(record, change, *revision));
                }
                after.answers.extend(responder.map(|responder| Answer::Changed(responder, *revision)));
            }
            other => {
                let refusal = self.not_stored(state, change.by, other);
                if let Some(responder) = responder {
                    responder.refuse(refusal);
                }
            }
        }
        self.next_change(myself, state);
    }
}

fn conflict(text: &str) -> Refusal {
    Refusal::new(RefusalCode::Conflict, text)
}

fn missing(text: &str) -> Refusal {
    Refusal::new(RefusalCode::NotFound, text)
}

/// Whether `user` may do this, and whether it fits the room as it is.
fn judge(room: &RoomRecord, user: UserId, what: &RoomChange, settings: &RoomSettings) -> Result<(), Refusal> {
    // An admin, whom the edge has checked.
    let above = matches!(what, RoomChange::Feature(_));
    let leaves = matches!(what, RoomChange::RemoveMember(member) if *member == user);
    if !above && !room.is_member(user) {
        return Err(no_room());
    }
    if !above && !leaves && room.owner != user {
        return Err(Refusal::new(RefusalCode::Forbidden, "only the owner of this conversation may do this"));
    }
    match what {
        RoomChange::AddMember(member) if room.is_member(member.id) => {
            Err(conflict("this person is a member already"))
        }
        RoomChange::AddMember(_) if room.members.len() >= settings.members_max => {
            Err(conflict(&format!("a conversation has at most {} members", settings.members_max)))
        }
        RoomChange::RemoveMember(member) if *member == room.owner => {
            Err(conflict("the owner cannot leave: hand the conversation over first, or delete it"))
        }
        RoomChange::RemoveMember(member) | RoomChange::Owner(member) if !room.is_member(*member) => {
            Err(missing("this person is not a member"))
        }
        RoomChange::AddCharacter(character) if room.character(character.id).is_some() => {
            Err(conflict("this character is in the conversation already"))
        }
        RoomChange::AddCharacter(_) if room.characters.len() >= settings.characters_max => {
            Err(conflict(&format!("a conversation has at most {} characters", settings.characters_max)))
        }
        RoomChange::RemoveCharacter(character) if room.character(*character).is_none() => {
            Err(missing("this character is not in the conversation"))
        }
        RoomChange::RemoveCharacter(_) if room.characters.len() == 1 => {
            Err(conflict("a conversation needs a character: add another one first"))
        }
        _ => Ok(()),
    }
}

/// Whether there is nothing to change.
fn stands(room: &RoomRecord, what: &RoomChange) -> bool {
    match what {
        RoomChange::Owner(member) => *member == room.owner,
        RoomChange::Feature(featured) => room.details.featured == (*featured == Featured::Yes),
        RoomChange::Details(change) => {
            let mut details = room.details.clone();
            change.apply(&mut details);
            details == room.details
        }
        _ => false,
    }
}

/// Brings the record to what the log says, and tells of it.
fn apply(room: &mut RoomRecord, change: Change, offset: Revision) -> RoomEvent {
    let by = change.by;
    match change.what {
        RoomChange::AddMember(member) => {
            room.members.push(member.clone());
            return RoomEvent::MemberAdded { offset, member, by };
        }
        RoomChange::RemoveMember(user) => {
            room.members.retain(|member| member.id != user);
            return RoomEvent::MemberRemoved { offset, user, by };
        }
        RoomChange::Owner(user) => {
            room.owner = user;
            // The owner comes first.
            room.members.sort_by_key(|member| member.id != user);
        }
        RoomChange::AddCharacter(mut character) => {
            character.since = offset;
            room.characters.push(character);
        }
        RoomChange::RemoveCharacter(id) => room.characters.retain(|character| character.id != id),
        RoomChange::Details(details) => details.apply(&mut room.details),
        RoomChange::Feature(featured) => room.details.featured = featured == Featured::Yes,
    }
    RoomEvent::Changed {
        offset,
        owner: room.owner,
        details: Arc::new(room.details.clone()),
        characters: room.characters.clone(),
    }
}

#[cfg(test)]
mod tests;
