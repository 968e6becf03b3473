//! The tree: who starts whom, what happens at a crash, and the sweep that lets idle actors go.
//!
//! ```text
//! Root ── rooms    ── one per live conversation ── its running turns
//!      ├─ users    ── one per user who sends
//!      └─ personas ── one per live character
//! ```
//! The pool's factory and the journal's lanes stand beside it. A crash ends one actor; its directory starts a
//! successor, unless it crashed too often within the window.

use std::sync::{Arc, Weak};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};

use crate::directory::{Directory, Resident};
use crate::engine::Context;

/// How often idle actors are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Supervises all actors of one kind.
pub(crate) struct Supervisor<A: Resident>(std::marker::PhantomData<fn() -> A>);

pub(crate) enum SupervisorMsg {
    Sweep,
}

pub(crate) struct State<A: Resident> {
    directory: Arc<Directory<A>>,
    idle: Duration,
}

impl<A: Resident> Supervisor<A> {
    /// Starts the supervisor of `directory`; actors unused for `idle` are asked to leave.
    pub async fn start(
        directory: Arc<Directory<A>>,
        context: Weak<Context>,
        idle: Duration,
    ) -> Result<ActorRef<SupervisorMsg>, SpawnErr> {
        let (supervisor, _) =
            Actor::spawn(None, Self(std::marker::PhantomData), State { directory: directory.clone(), idle })
                .await?;
        directory.supervised_by(supervisor.get_cell(), context);
        supervisor
            .send_interval(SWEEP_EVERY.min(idle.max(Duration::from_millis(10))), || SupervisorMsg::Sweep);
        Ok(supervisor)
    }
}

impl<A: Resident> Actor for Supervisor<A> {
    type Msg = SupervisorMsg;
    type State = State<A>;
    type Arguments = State<A>;

    async fn pre_start(
        &self,
        _myself: ActorRef<SupervisorMsg>,
        state: State<A>,
    ) -> Result<State<A>, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<SupervisorMsg>,
        message: SupervisorMsg,
        state: &mut State<A>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMsg::Sweep => state.directory.sweep(state.idle),
        }
        Ok(())
    }

    /// The default would stop this supervisor, and with it all of its kind, when one of them ends.
    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<SupervisorMsg>,
        event: SupervisionEvent,
        state: &mut State<A>,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(who, _, _) => state.directory.ended(who.get_id(), false),
            SupervisionEvent::ActorFailed(who, error) => {
                tracing::error!(kind = A::KIND, %error, "an actor crashed");
                state.directory.ended(who.get_id(), true);
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}
