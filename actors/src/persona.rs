//! One actor per live character: who it is, and the prompt that makes a model speak as it.
//!
//! It loads its character once and composes for all rooms; a reply under way keeps the record that it began with.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use crate::directory::{Lodging, Mailbox, Resident};
use crate::domain::{CharacterId, FailureCode, Memory, Message, Sender, UserId};
use crate::engine::Context;
use crate::ports::GenerateRequest;
use crate::prompt::{self, Asked, Script};

pub(crate) enum PersonaMsg {
    Compose(Ask),
    /// The character was changed: load it anew before the next prompt.
    Changed,
    Passivate,
}

/// One reply's prompt, please.
pub(crate) struct Ask {
    pub user: UserId,
    pub user_name: String,
    /// Oldest first, ending with the asking message.
    pub history: Vec<Message>,
    /// What the character may know here, oldest first.
    pub memories: Vec<Memory>,
    pub answer: oneshot::Sender<Result<Arc<GenerateRequest>, FailureCode>>,
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
                    Ok(script) => Ok(Arc::new(self.compose(&script, &ask))),
                    Err(code) => Err(code),
                };
                // The turn may have been stopped meanwhile.
                let _ = ask.answer.send(composed);
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

    fn compose(&self, script: &Script, ask: &Ask) -> GenerateRequest {
        let record = script.record();
        let names = |sender: Sender| match sender {
            Sender::Character(id) if id == record.id => Some(record.name.clone()),
            Sender::User(id) if id == ask.user => Some(ask.user_name.clone()),
            Sender::User(id) => {
                let known = ask.memories.iter().find(|memory| memory.about == id);
                known.map(|memory| memory.name.clone())
            }
            Sender::Character(_) => None,
        };
        let asked = Asked {
            user: ask.user,
            user_name: &ask.user_name,
            history: &ask.history,
            names: &names,
            memories: &ask.memories,
        };
        let settings = &self.context.settings.turn.prompt;
        prompt::compose(script, &asked, settings, &*self.context.ports.tokens)
    }
}
