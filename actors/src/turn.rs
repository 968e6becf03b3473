//! One message from its arrival to the end of the replies it asked for.
//!
//! The way, in order: [`admit`] (the room, before anything else) -> reserve (`user.rs`) -> append (`journal.rs`) -> the
//! room acks and fans out (`room/sends.rs`) -> [`walk`] (an actor of its own per reply: compose, generate) -> append the
//! end (`room/replies.rs`). A message that asks for no reply ends after the append.
//!
//! A turn tells its room what happens ([`TurnNews`]); the room alone speaks to sockets and to the journal, so that a
//! room's events have one order. The turn owns the guard that ends the stream upstream: however the turn ends, stopped,
//! crashed or done, so does the work it asked for.

mod remember;
mod said;

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, ActorRuntime};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::{CharacterId, Fact, FailureCode, Finish, MemoryId, MessageKind, ReplyState, TokenUsage};
use crate::engine::Context;
use crate::persona::{Ask, PersonaMsg};
use crate::pool::{Job, PoolEvent};
use crate::ports::{GenerateRequest, OpenTurn, RoomRecord, StoreError};
use crate::protocol::{Refusal, RefusalCode, ReplyWish, Send};
use crate::room::RoomMsg;
use crate::settings::RoomSettings;
use said::Said;

/// How long a database that went away may keep a turn from reading its history.
const COMPOSE_TRIES: u32 = 5;
const COMPOSE_PAUSE: Duration = Duration::from_millis(500);

/// Step 1: may this be said here, and who is to answer? Pure; refuses before anything is reserved or stored.
pub(crate) fn admit(
    room: &RoomRecord,
    settings: &RoomSettings,
    send: &Send,
) -> Result<Vec<CharacterId>, Refusal> {
    if !room.is_member(send.user) {
        return Err(Refusal::new(RefusalCode::NotFound, "there is no such conversation"));
    }
    if send.kind != MessageKind::Text {
        return Err(Refusal::new(RefusalCode::BadRequest, "this room takes text messages"));
    }
    let said = send.content.as_str().to_lowercase();
    if settings.refused_patterns.iter().any(|pattern| said.contains(pattern)) {
        return Err(Refusal::new(RefusalCode::ContentRefused, "let us talk about something else"));
    }
    speakers(room, send.reply, &said)
}

/// Who answers: the one asked for; else those named in the text; else the room's first character.
fn speakers(room: &RoomRecord, wish: ReplyWish, said: &str) -> Result<Vec<CharacterId>, Refusal> {
    match wish {
        ReplyWish::None => Ok(Vec::new()),
        ReplyWish::From(character) if room.characters.iter().any(|one| one.id == character) => {
            Ok(vec![character])
        }
        ReplyWish::From(_) => {
            Err(Refusal::new(RefusalCode::NotFound, "this character is not in the conversation"))
        }
        ReplyWish::Auto if room.characters.len() < 2 => {
            Ok(room.characters.iter().map(|one| one.id).collect())
        }
        ReplyWish::Auto => {
            let named = room.characters.iter().find(|one| mentions(said, &one.name.to_lowercase()));
            Ok(named.or(room.characters.first()).map(|one| one.id).into_iter().collect())
        }
    }
}

/// Whether `said` holds `name` as a word of its own.
fn mentions(said: &str, name: &str) -> bool {
    !name.is_empty()
        && said.match_indices(name).any(|(start, _)| {
            let before = said[..start].chars().next_back();
            let after = said[start + name.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
}

/// What a turn tells its room.
#[derive(Debug)]
pub(crate) enum TurnNews {
    /// A worker has taken it.
    Thinking,
    /// More of the text, merged to the settings' span.
    Text(String),
    Ended(Ended),
}

/// How a reply came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub outcome: Ending,
    pub usage: TokenUsage,
    /// What the character is to remember of the asker.
    pub memories: Vec<(MemoryId, Fact)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Said {
        text: String,
        finish: Finish,
    },
    /// Nothing was said.
    Nothing {
        state: ReplyState,
        code: Option<FailureCode>,
    },
}

impl Ended {
    pub fn nothing(state: ReplyState, code: Option<FailureCode>) -> Self {
        Self { outcome: Ending::Nothing { state, code }, usage: TokenUsage::default(), memories: Vec::new() }
    }
}

/// One running reply.
pub(crate) struct Turn {
    context: Arc<Context>,
}

pub(crate) struct Arguments {
    pub turn: OpenTurn,
    pub room: ActorRef<RoomMsg>,
    /// Cancelled when a person stops the reply.
    pub stop: CancellationToken,
}

pub(crate) struct Begin;

impl Turn {
    /// Starts the reply's actor as a child of its room.
    pub fn spawn(context: &Arc<Context>, arguments: Arguments, room: &ActorRef<RoomMsg>) -> ActorId {
        let turn = Self { context: context.clone() };
        let (actor, _) = ActorRuntime::spawn_linked_instant(None, turn, arguments, room.get_cell())
            .expect("an actor without a name cannot collide with another");
        actor.get_id()
    }
}

impl Actor for Turn {
    type Msg = Begin;
    type State = Arguments;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Begin>,
        arguments: Arguments,
    ) -> Result<Arguments, ActorProcessingErr> {
        myself.send_message(Begin)?;
        Ok(arguments)
    }

    async fn handle(
        &self,
        myself: ActorRef<Begin>,
        Begin: Begin,
        state: &mut Arguments,
    ) -> Result<(), ActorProcessingErr> {
        let ended = walk(&self.context, state).await;
        state.tell(TurnNews::Ended(ended));
        let _ = myself.drain();
        Ok(())
    }
}

impl Arguments {
    fn tell(&self, news: TurnNews) {
        // A room that crashed takes its turns along; nobody is left to be told.
        let _ = self.room.send_message(RoomMsg::Turn { turn: self.turn.message, news });
    }
}

/// Steps 4 and 5: compose the prompt, generate, and pass on what is said until the end.
async fn walk(context: &Context, turn: &Arguments) -> Ended {
    let request = tokio::select! {
        biased;
        () = turn.stop.cancelled() => return Ended::nothing(ReplyState::Stopped, None),
        composed = compose(context, &turn.turn) => match composed {
            Ok(request) => request,
            Err(code) => return Ended::nothing(ReplyState::Failed, Some(code)),
        },
    };

    let cancel = CancellationToken::new();
    let _upstream_ends_with_this_turn = cancel.clone().drop_guard();
    let job =
        Job { turn: turn.turn.message, user: turn.turn.user, priority: turn.turn.priority, request, cancel };
    let Ok(mut events) = context.pool.submit(job) else {
        return Ended::nothing(ReplyState::Failed, Some(FailureCode::Overloaded));
    };

    let mut said = Said::new(context.settings.turn.reply_max_chars);
    let merge = context.settings.turn.delta_merge;
    // When the text that waits is due; the first piece goes out at once.
    let mut due: Option<Instant> = None;
    let mut last_sent: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = turn.stop.cancelled() => return said.ended(turn, ReplyState::Stopped, Finish::Stopped, None),
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                due = None;
                last_sent = Some(Instant::now());
                said.pass_on(turn);
            }
            event = events.recv() => match event {
                Some(PoolEvent::Thinking) => turn.tell(TurnNews::Thinking),
                Some(PoolEvent::Text(text)) => {
                    if said.push(&text).is_err() {
                        return said.ended(turn, ReplyState::Failed, Finish::Length, None);
                    }
                    let now = Instant::now();
                    match last_sent {
                        // A little early is on time: a timer for the rest would cost more than it merges.
                        Some(sent) if now + merge / 8 < sent + merge => due = due.or(Some(sent + merge)),
                        _ => {
                            due = None;
                            last_sent = Some(now);
                            said.pass_on(turn);
                        }
                    }
                }
                Some(PoolEvent::Done { finish, usage }) => {
                    said.usage = usage;
                    // A provider that ends without a word has not answered.
                    return said.ended(turn, ReplyState::Failed, finish, Some(FailureCode::ProviderUnavailable));
                }
                Some(PoolEvent::Failed { code }) => {
                    return said.ended(turn, ReplyState::Failed, Finish::Interrupted, Some(code));
                }
                None => {
                    return said.ended(turn, ReplyState::Failed, Finish::Interrupted, Some(FailureCode::Internal));
                }
            },
        }
    }
}

/// Step 4: the persona makes the prompt from itself, the history up to the asking message and what it remembers.
async fn compose(context: &Context, turn: &OpenTurn) -> Result<Arc<GenerateRequest>, FailureCode> {
    let archive = &context.ports.archive;
    let settings = &context.settings.turn;
    let (history_max, memories_max) = (settings.history_max_messages, settings.memories_max);
    let (history, memories, user) = tokio::try_join!(
        patiently(|| archive.history(turn.room, turn.character, turn.asked_offset, history_max)),
        patiently(|| archive.memories(turn.room, turn.character, memories_max)),
        patiently(|| archive.user(turn.user)),
    )?;
    let user_name = user.map(|user| user.display_name);
    let (answer, composed) = oneshot::channel();
    let ask = Ask { user: turn.user, user_name: user_name.unwrap_or_default(), history, memories, answer };
    context.personas.send(turn.character, PersonaMsg::Compose(ask)).map_err(|_| FailureCode::Overloaded)?;
    match composed.await {
        Ok(Ok(request)) => Ok(request),
        Ok(Err(code)) => Err(code),
        // The persona crashed over this prompt.
        Err(_) => Err(FailureCode::Internal),
    }
}

/// Asks the archive again a few times while the database is away: the reply has been promised.
async fn patiently<T, F>(read: impl Fn() -> F) -> Result<T, FailureCode>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut tries = 1;
    loop {
        match read().await {
            Ok(value) => return Ok(value),
            Err(StoreError::Unavailable) if tries < COMPOSE_TRIES => {
                tokio::time::sleep(COMPOSE_PAUSE * tries).await;
                tries += 1;
            }
            Err(error) => {
                tracing::error!(%error, "a reply's history cannot be read");
                return Err(FailureCode::Internal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Content, RoomDetails, RoomId};
    use crate::testsuite::{member, room_character};

    fn room() -> RoomRecord {
        let owner = member("Mira");
        RoomRecord {
            id: RoomId::new(),
            owner: owner.id,
            details: RoomDetails::default(),
            members: vec![owner],
            characters: vec![room_character("Ada"), room_character("Old Tom")],
            last_speaker: None,
            head: 0,
        }
    }

    fn send(room: &RoomRecord, text: &str, reply: ReplyWish) -> Send {
        Send {
            room: room.id,
            user: room.owner,
            session: None,
            content: Content::parse(text, 5_000).unwrap(),
            kind: MessageKind::Text,
            attachment: None,
            client_id: None,
            reply_to: None,
            reply,
        }
    }

    #[test]
    fn who_is_named_answers_else_the_first() {
        let room = room();
        let who = |text| admit(&room, &RoomSettings::default(), &send(&room, text, ReplyWish::Auto)).unwrap();
        assert_eq!(who("Good evening"), [room.characters[0].id]);
        assert_eq!(who("And you, old tom?"), [room.characters[1].id]);
        assert_eq!(who("canada is far"), [room.characters[0].id]);
    }

    #[test]
    fn a_stranger_is_told_that_there_is_no_such_room() {
        let room = room();
        let mut send = send(&room, "hello", ReplyWish::Auto);
        send.user = crate::domain::UserId::new();
        assert_eq!(admit(&room, &RoomSettings::default(), &send).unwrap_err().code, RefusalCode::NotFound);
    }

    #[test]
    fn a_character_from_elsewhere_cannot_be_asked() {
        let room = room();
        let send = send(&room, "hello", ReplyWish::From(CharacterId::new()));
        assert_eq!(admit(&room, &RoomSettings::default(), &send).unwrap_err().code, RefusalCode::NotFound);
    }

    #[test]
    fn refused_patterns_are_found_in_any_case() {
        let room = room();
        let settings = RoomSettings { refused_patterns: vec!["forbidden".into()], ..RoomSettings::default() };
        let send = send(&room, "this is FORBIDDEN here", ReplyWish::Auto);
        assert_eq!(admit(&room, &settings, &send).unwrap_err().code, RefusalCode::ContentRefused);
    }
}
