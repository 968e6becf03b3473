//! What a person writes is judged before anything is done with it: the room asks beside itself and hears back.
//!
//! A person's commands go on in the order in which they came: also what needs no judgement waits behind what does.
//! Others' are not held up. Where nobody judges messages a command goes on at once, and nothing here is touched.
//!
//! Bounds: what is held counts among the room's pending commands, and waits no longer than they do.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use tokio::time::Instant;

use super::{Room, RoomMsg, State, Ticket};
use crate::domain::{Message, MessageId, UserId};
use crate::moderation::{not_judged, words};
use crate::persona::{Decline, PersonaMsg};
use crate::ports::{Side, Verdict, Who};
use crate::protocol::{
    Amendment, Ask, Asked, Refusal, RefusalCode, ReplyWish, Responder, Send, Sent, Wanted,
};
use crate::turn;

/// What a person asks of the room that may carry text.
pub(super) enum Command {
    Send(Box<Send>, Responder<Sent>),
    Amend { user: UserId, message: MessageId, what: Amendment, responder: Responder<Arc<Message>> },
    Ask(Box<Ask>, Responder<Asked>),
}

impl Command {
    fn user(&self) -> UserId {
        match self {
            Self::Send(send, _) => send.user,
            Self::Amend { user, .. } => *user,
            Self::Ask(ask, _) => ask.user,
        }
    }

    /// What they wrote, or said.
    fn text(&self) -> Option<&str> {
        let content = match self {
            Self::Send(send, _) => &send.content,
            Self::Amend { what: Amendment::Edit(content) | Amendment::Transcript(content), .. } => content,
            Self::Ask(ask, _) => match &ask.wanted {
                Wanted::Resend { content, .. } => content,
                Wanted::Reply(_) | Wanted::Regenerate(_) | Wanted::Continue(_) | Wanted::Retry { .. } => {
                    return None;
                }
            },
            Self::Amend { .. } => return None,
        };
        Some(content.as_str()).filter(|text| !text.trim().is_empty())
    }

    fn wish(&self) -> ReplyWish {
        match self {
            Self::Send(send, _) => send.reply,
            Self::Amend { .. } | Self::Ask(..) => ReplyWish::Auto,
        }
    }

    fn refuse(self, refusal: Refusal) {
        match self {
            Self::Send(_, responder) => responder.refuse(refusal),
            Self::Amend { responder, .. } => responder.refuse(refusal),
            Self::Ask(_, responder) => responder.refuse(refusal),
        }
    }
}

/// Commands between their arrival and the judgement of what they say, in a line for each person.
#[derive(Default)]
pub(super) struct Checks {
    lines: HashMap<UserId, VecDeque<Held>>,
}

struct Held {
    ticket: Ticket,
    since: Instant,
    /// `None`: not heard yet.
    verdict: Option<Verdict>,
    command: Command,
}

impl Checks {
    pub fn len(&self) -> usize {
        self.lines.values().map(VecDeque::len).sum()
    }

    /// Drops who waits too long; a responder that is dropped answers `outcome_unknown`. Answers whose lines may go on.
    pub fn expire(&mut self, deadline: Duration) -> Vec<UserId> {
        let mut shorter = Vec::new();
        for (user, line) in &mut self.lines {
            let before = line.len();
            line.retain(|held| held.since.elapsed() < deadline);
            if line.len() < before {
                shorter.push(*user);
            }
        }
        shorter
    }

    fn heard(&mut self, user: UserId, ticket: Ticket, verdict: Verdict) {
        let line = self.lines.get_mut(&user).into_iter().flatten();
        if let Some(held) = line.into_iter().find(|held| held.ticket == ticket) {
            held.verdict = Some(verdict);
        }
    }

    /// The next of this person's commands, if its verdict is there.
    fn next(&mut self, user: UserId) -> Option<(Command, Verdict)> {
        let line = self.lines.get_mut(&user)?;
        let heard = line.front_mut().and_then(|held| held.verdict.take());
        let next = heard.and_then(|verdict| Some((line.pop_front()?.command, verdict)));
        if line.is_empty() {
            self.lines.remove(&user);
        }
        next
    }
}

impl Room {
    /// A command has come: it goes on once what it says is judged.
    pub(super) fn take(&self, myself: &ActorRef<RoomMsg>, state: &mut State, command: Command) {
        if !self.context.moderation.asks(Side::Message) {
            return self.carry_out(myself, state, command);
        }
        let user = command.user();
        if command.text().is_none() && !state.checks.lines.contains_key(&user) {
            return self.carry_out(myself, state, command);
        }
        // What is refused anyway is judged by nobody.
        let admitted = match &command {
            Command::Send(send, _) => {
                let admitted = self.admit(state, send, MessageId::new());
                admitted.and_then(|who| self.reply_kinds(state, who, send.reply_kind)).map(drop)
            }
            Command::Amend { user, what, .. } => self.may_amend(state, *user, what).map(drop),
            Command::Ask(ask, _) => self.may_ask(state, ask),
        };
        if let Err(refusal) = admitted {
            return self.refuse(state, command, refusal);
        }
        let ticket = state.ticket();
        let verdict = match command.text() {
            None => Some(Verdict::Fine),
            Some(text) => {
                let character = spoken_to(state, &command);
                let who = Who { user: Some(user), character, room: Some(state.id), turn: None };
                let check = self.context.moderation.ask(text.to_owned(), Side::Message, who);
                let answer = myself.clone();
                // Bounded by `pending_max` and by the moderator's own deadline.
                tokio::spawn(async move {
                    let verdict = check.await;
                    let _ = answer.send_message(RoomMsg::Checked { user, ticket, verdict });
                });
                None
            }
        };
        let held = Held { ticket, since: Instant::now(), verdict, command };
        state.checks.lines.entry(user).or_default().push_back(held);
        self.watch(myself, state);
    }

    pub(super) fn on_checked(
        &self,
        myself: &ActorRef<RoomMsg>,
        state: &mut State,
        user: UserId,
        ticket: Ticket,
        verdict: Verdict,
    ) {
        state.checks.heard(user, ticket, verdict);
        self.go_on(myself, state, user);
    }

    /// Lets go what stands first in this person's line and has been judged.
    pub(super) fn go_on(&self, myself: &ActorRef<RoomMsg>, state: &mut State, user: UserId) {
        while let Some((command, verdict)) = state.checks.next(user) {
            match verdict {
                Verdict::Fine => self.carry_out(myself, state, command),
                Verdict::Refused { .. } => self.decline(state, command),
                Verdict::Unavailable => command.refuse(not_judged()),
            }
        }
    }

    fn carry_out(&self, myself: &ActorRef<RoomMsg>, state: &mut State, command: Command) {
        match command {
            Command::Send(send, responder) => self.on_send(myself, state, send, responder),
            Command::Amend { user, message, what, responder } => {
                self.on_amend(myself, state, user, message, what, responder);
            }
            Command::Ask(ask, responder) => self.on_ask(myself, state, ask, responder),
        }
    }

    /// Refuses a command; what is refused for what it says, in a character's words.
    pub(super) fn refuse(&self, state: &State, command: Command, refusal: Refusal) {
        if refusal.code == RefusalCode::ContentRefused {
            self.decline(state, command);
        } else {
            command.refuse(refusal);
        }
    }

    /// The character that is spoken to says that it would rather not; its persona knows how.
    fn decline(&self, state: &State, command: Command) {
        let character = spoken_to(state, &command);
        let known = state.record.as_ref().ok().zip(character);
        let named = known.and_then(|(record, character)| record.character(character));
        let Some(character) = named else {
            let manner = words::Manner::named("");
            return command.refuse(declined(&manner, 0));
        };
        let seed = words::seed(character.id, command.text().unwrap_or_default());
        let (id, name) = (character.id, character.name.clone());
        let decline = Decline { name, seed, refuse: Box::new(move |refusal| command.refuse(refusal)) };
        if let Err((PersonaMsg::Decline(decline), _)) =
            self.context.personas.send(id, PersonaMsg::Decline(decline))
        {
            decline.by(None);
        }
    }
}

pub(crate) fn declined(manner: &words::Manner, seed: u64) -> Refusal {
    Refusal::new(RefusalCode::ContentRefused, words::would_rather_not(manner, seed))
}

fn spoken_to(state: &State, command: &Command) -> Option<crate::domain::CharacterId> {
    let record = state.record.as_ref().ok()?;
    turn::spoken_to(record, command.wish(), command.text().unwrap_or_default())
}
