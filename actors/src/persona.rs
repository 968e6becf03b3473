//! One actor per live character: who it is, and the prompt that makes a model speak as it.
//!
//! It loads its character once and composes for all rooms; a reply under way keeps the record that it began with.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use crate::directory::{Lodging, Mailbox, Resident};
use crate::domain::{CharacterId, CharacterRecord, FailureCode, Memory, Revision, Sender, UserId};
use crate::engine::Context;
use crate::moderation::words::Manner;
use crate::ports::{Freshness, GenerateRequest, PromptMessage, PromptRole, RoomRecord};
use crate::prompt::{self, Asked, Older, Script};
use crate::protocol::Refusal;
use crate::room::declined;
use crate::room::tail::{History, Reach};

pub(crate) enum PersonaMsg {
    Compose(Ask),
    /// One for a program, with what it says of itself.
    ComposeFor(Ask, Arc<str>),
    /// Says in its manner that it would rather not.
    Decline(Decline),
    /// The character was changed: load it anew before the next prompt.
    Changed,
    Passivate,
}

/// One reply's prompt, please.
pub(crate) struct Ask {
    pub user: UserId,
    pub user_name: String,
    /// What the people and characters of the room are called.
    pub names: Arc<Names>,
    /// Ends with the asking message, or with what the character is to go on from.
    pub history: History,
    /// The character was there from behind this revision on.
    pub since: Revision,
    /// An instruction behind all that.
    pub cue: Option<&'static str>,
    pub freshness: Freshness,
    /// What the character may know here, oldest first.
    pub memories: Arc<[Memory]>,
    pub answer: oneshot::Sender<Result<Made, FailureCode>>,
}

/// What came of an [`Ask`].
pub(crate) enum Made {
    /// The prompt; and up to where older turns should be summarised, where it tells some of them in no way.
    Ready(Arc<GenerateRequest>, Option<Revision>),
    /// The prompt has room for more history than was given.
    Short,
}

/// A person's text that was refused.
pub(crate) struct Decline {
    /// What the room calls the character, for when no more is known of it.
    pub name: Arc<str>,
    /// Chooses the words.
    pub seed: u64,
    pub refuse: Box<dyn FnOnce(Refusal) + Send>,
}

impl Decline {
    pub fn by(self, record: Option<&CharacterRecord>) {
        let manner = record.map_or_else(|| Manner::named(&self.name), Manner::of);
        (self.refuse)(declined(&manner, self.seed));
    }
}

/// What the members and characters of a room are called. Who has left is nobody in particular.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<(Sender, Arc<str>)>);

impl Names {
    pub fn of(room: &RoomRecord) -> Self {
        let members = room.members.iter().map(|one| (Sender::User(one.id), one.display_name.clone()));
        let cast = room.characters.iter().map(|one| (Sender::Character(one.id), one.name.clone()));
        Self(members.chain(cast).collect())
    }

    /// The only one, where one person is alone with characters.
    pub fn only_person(&self) -> Option<UserId> {
        let mut people = self.0.iter().filter_map(|(sender, _)| match sender {
            Sender::User(user) => Some(*user),
            Sender::Character(_) => None,
        });
        people.next().filter(|_| people.next().is_none())
    }

    fn get(&self, sender: Sender) -> Option<String> {
        self.0.iter().find(|(known, _)| *known == sender).map(|(_, name)| name.to_string())
    }
}

pub(crate) struct Persona {
    context: Arc<Context>,
}

pub(crate) struct State {
    id: CharacterId,
    mailbox: Mailbox,
    script: Option<Arc<Script>>,
}

impl Resident for Persona {
    type Key = CharacterId;
    const KIND: &'static str = "personas";

    fn new(context: &Arc<Context>) -> Self {
        Self { context: context.clone() }
    }

    fn passivate() -> PersonaMsg {
        PersonaMsg::Passivate
    }
}

impl Actor for Persona {
    type Msg = PersonaMsg;
    type State = State;
    type Arguments = Lodging<CharacterId>;

    async fn pre_start(
        &self,
        _myself: ActorRef<PersonaMsg>,
        lodging: Lodging<CharacterId>,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { id: lodging.key, mailbox: lodging.mailbox, script: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<PersonaMsg>,
        message: PersonaMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PersonaMsg::Compose(ask) => {
                state.mailbox.handled();
                let composed = match self.script(state).await {
                    Ok(script) => Ok(self.compose(&script, &ask, None)),
                    Err(code) => Err(code),
                };
                // The turn may have been stopped meanwhile.
                let _ = ask.answer.send(composed);
            }
            PersonaMsg::ComposeFor(ask, program) => {
                state.mailbox.handled();
                let composed = match self.script(state).await {
                    Ok(script) => Ok(self.compose(&script, &ask, Some(&program))),
                    Err(code) => Err(code),
                };
                let _ = ask.answer.send(composed);
            }
            PersonaMsg::Decline(decline) => {
                state.mailbox.handled();
                let script = self.script(state).await.ok();
                decline.by(script.as_deref().map(|script| &**script.record()));
            }
            PersonaMsg::Changed => {
                state.mailbox.handled();
                state.script = None;
            }
            PersonaMsg::Passivate => {
                if self.context.personas.leave(state.id) {
                    let _ = myself.drain();
                }
            }
        }
        Ok(())
    }
}

impl Persona {
    async fn script(&self, state: &mut State) -> Result<Arc<Script>, FailureCode> {
        if let Some(script) = &state.script {
            return Ok(script.clone());
        }
        match self.context.ports.archive.character(state.id).await {
            Ok(Some(record)) => {
                let script = Script::new(Arc::new(record), &*self.context.ports.tokens);
                Ok(state.script.insert(Arc::new(script)).clone())
            }
            Ok(None) => Err(FailureCode::ProviderRefused),
            Err(error) => {
                tracing::error!(%error, character = %state.id, "a character cannot be loaded");
                Err(FailureCode::Internal)
            }
        }
    }

    fn compose(&self, script: &Script, ask: &Ask, program: Option<&str>) -> Made {
        let record = script.record();
        let names = |sender: Sender| match sender {
            Sender::Character(id) if id == record.id => Some(record.name.clone()),
            Sender::User(id) if id == ask.user && !ask.user_name.is_empty() => Some(ask.user_name.clone()),
            Sender::Character(_) | Sender::User(_) => ask.names.get(sender),
        };
        let asked = Asked {
            user: ask.user,
            user_name: &ask.user_name,
            history: &ask.history.messages,
            names: &names,
            memories: &ask.memories,
        };
        let settings = &self.context.settings.turn.prompt;
        let counter = &*self.context.ports.tokens;
        if let Some(program) = program {
            let request = prompt::compose_for_program(script, &asked, program, settings, counter);
            return Made::Ready(cued(request, ask), None);
        }
        let older = Older { since: ask.since, from: ask.history.from, summary: ask.history.summary.get() };
        let compiled = prompt::compile(script, &asked, older, settings, counter);
        if compiled.takes_more && ask.history.reach == Reach::Part {
            return Made::Short;
        }
        Made::Ready(cued(compiled.request, ask), compiled.summary_wanted)
    }
}

/// With the last instruction behind it, which is far shorter than the margin that the prompt leaves.
fn cued(mut request: GenerateRequest, ask: &Ask) -> Arc<GenerateRequest> {
    let cue = ask.cue.map(|cue| PromptMessage::new(PromptRole::System, cue));
    request.messages.extend(cue);
    Arc::new(GenerateRequest { freshness: ask.freshness, ..request })
}
