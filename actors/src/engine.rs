//! The engine's front door.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use ractor::{ActorRef, SpawnErr};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::completion::{self, Completing, Completion};
use crate::copies::Copies;
pub use crate::copies::CopyNumbers;
use crate::directory::{Directory, NotTaken};
use crate::domain::{CharacterId, Message, MessageId, MessageKind, Revision, RoomId, Usage, UserId};
use crate::drafts::Drafts;
use crate::journal::Journal;
use crate::moderation::Moderation;
use crate::pace::Pace;
use crate::persona::{Persona, PersonaMsg};
use crate::pool::{Pool, PoolSnapshot};
use crate::ports::{
    Archive, Charges, Clock, DraftStore, Fanout, Gallery, Generator, JournalStore, Moderator, Speech,
    StoreError, Summaries, TakeUp, TakenUp, TokenCounter,
};
use crate::protocol::{
    Allowance, Amendment, Ask, Asked, Inquiry, OpenReply, Refusal, RefusalCode, Responder, RoomChange, Send,
    Sent, Typing,
};
use crate::room::{self, Room, RoomMsg};
use crate::settings::Settings;
use crate::supervisor::{Supervisor, SupervisorMsg};
use crate::user::{User, UserMsg};

/// Open turns that are taken up in one go.
const TAKE_UP_BATCH: usize = 500;
const DRAIN_POLL: Duration = Duration::from_millis(10);
/// For what should take no time once replies have ended.
const DRAIN_FLUSH: Duration = Duration::from_secs(2);

/// The outside, as the composition root hands it in.
#[derive(Clone)]
pub struct Ports {
    pub archive: Arc<dyn Archive>,
    pub journal: Arc<dyn JournalStore>,
    pub drafts: Arc<dyn DraftStore>,
    pub charges: Arc<dyn Charges>,
    pub generator: Arc<dyn Generator>,
    pub tokens: Arc<dyn TokenCounter>,
    pub moderator: Arc<dyn Moderator>,
    pub fanout: Arc<dyn Fanout>,
    pub clock: Arc<dyn Clock>,
    pub speech: Arc<dyn Speech>,
    pub gallery: Arc<dyn Gallery>,
    pub summaries: Arc<dyn Summaries>,
}

/// A part of the actor tree, for the console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// `rooms`, `users` or `personas`.
    pub kind: &'static str,
    /// Actors alive now.
    pub live: usize,
    pub started: u64,
    pub passivated: u64,
    pub crashed: u64,
    /// The busiest ones first, at most 100.
    pub actors: Vec<Leaf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub id: uuid::Uuid,
    /// Messages waiting in its mailbox.
    pub mailbox: usize,
    pub restarts: usize,
    pub age: Duration,
}

/// Counts of the journal, for the console and the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalSnapshot {
    pub lanes: usize,
    pub queued: usize,
    pub committed: u64,
    pub batches: u64,
    /// True while no lane can reach the database.
    pub down: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineSnapshot {
    pub branches: Vec<Branch>,
    pub pool: PoolSnapshot,
    pub journal: JournalSnapshot,
    /// Replies under way or waiting in rooms.
    pub turns: usize,
    /// Ends of logs that rooms keep for prompts; held are rooms.
    pub tails: CopyNumbers,
    /// What characters remember of people; held are sets of facts.
    pub memories: CopyNumbers,
}

/// What all actors of one engine share.
pub(crate) struct Context {
    pub settings: Settings,
    pub ports: Ports,
    pub pace: Pace,
    pub pool: Pool,
    pub journal: Journal,
    pub drafts: Drafts,
    pub moderation: Moderation,
    pub rooms: Arc<Directory<Room>>,
    pub users: Arc<Directory<User>>,
    pub personas: Arc<Directory<Persona>>,
    /// What prompts are made of and is kept in memory.
    pub copies: Arc<Copies>,
    /// Where tasks run that are nobody's children.
    pub runtime: Handle,
    /// Replies running or waiting on this node.
    pub turns_open: Arc<AtomicUsize>,
    draining: AtomicBool,
}

impl Context {
    pub fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }
}

/// Cheap to clone. All calls answer through the [`Responder`], exactly once, and never block.
#[derive(Clone)]
pub struct Engine {
    context: Arc<Context>,
    /// Of rooms, users and personas, in this order: the order in which they may end.
    supervisors: Arc<[ActorRef<SupervisorMsg>; 3]>,
}

impl Engine {
    /// Starts the actors on the present tokio runtime, which must be a multi-thread one.
    pub async fn start(settings: Settings, ports: Ports) -> Result<Self, SpawnErr> {
        let runtime = Handle::current();
        let supervision = &settings.supervision;
        let (restarts_max, window) = (supervision.restarts_max, supervision.restart_window);
        let idle = settings.room.idle;
        let pace = Pace::of(&runtime, settings.turn.delta_merge, settings.turn.delta_merge_max);
        let pool = Pool::start(settings.pool.clone(), ports.generator.clone(), pace.clone()).await?;
        let journal = Journal::start(&ports.journal, &settings.journal);
        let drafts = Drafts::start(ports.drafts.clone(), &settings.turn);
        let moderation = Moderation::new(settings.moderation.clone(), ports.moderator.clone());
        let context = Arc::new(Context {
            moderation,
            pace,
            pool,
            journal,
            drafts,
            rooms: Arc::new(Directory::new(runtime.clone(), restarts_max, window)),
            users: Arc::new(Directory::new(runtime.clone(), restarts_max, window)),
            personas: Arc::new(Directory::new(runtime.clone(), restarts_max, window)),
            copies: Arc::new(Copies::new(settings.turn.memories_fresh)),
            runtime,
            turns_open: Arc::default(),
            draining: AtomicBool::new(false),
            settings,
            ports,
        });
        let weak = Arc::downgrade(&context);
        let supervisors = [
            Supervisor::start(context.rooms.clone(), weak.clone(), idle).await?,
            Supervisor::start(context.users.clone(), weak.clone(), idle).await?,
            Supervisor::start(context.personas.clone(), weak, idle).await?,
        ];
        Ok(Self { context, supervisors: Arc::new(supervisors) })
    }

    pub fn send(&self, send: Send, responder: Responder<Sent>) {
        let room = send.room;
        self.tell(room, RoomMsg::Send(Box::new(send), responder));
    }

    /// Changes a stored message; answers it as it then is.
    pub fn amend(
        &self,
        room: RoomId,
        user: UserId,
        message: MessageId,
        what: Amendment,
        responder: Responder<Arc<Message>>,
    ) {
        self.tell(room, RoomMsg::Amend { user, message, what, responder });
    }

    /// Asks for replies without a new message.
    pub fn ask(&self, ask: Ask, responder: Responder<Asked>) {
        self.tell(ask.room, RoomMsg::Ask(Box::new(ask), responder));
    }

    /// Changes the room's members, characters or settings; answers the revision of that.
    pub fn change(&self, room: RoomId, user: UserId, what: RoomChange, responder: Responder<Revision>) {
        self.tell(room, RoomMsg::Change { user, what: Box::new(what), responder });
    }

    /// Marks the room as read by `user` up to `read_offset`; answers the mark that then stands.
    pub fn read(&self, room: RoomId, user: UserId, read_offset: Revision, responder: Responder<Revision>) {
        self.tell(room, RoomMsg::Read { user, read_offset, responder });
    }

    pub fn typing(&self, room: RoomId, user: UserId, typing: Typing, responder: Responder<()>) {
        self.tell(room, RoomMsg::Typing { user, typing, responder });
    }

    /// Stops one running or waiting reply, or all of the room; answers how many.
    pub fn stop_reply(
        &self,
        room: RoomId,
        user: UserId,
        reply: Option<MessageId>,
        responder: Responder<u32>,
    ) {
        self.tell(room, RoomMsg::StopReply { user, reply, responder });
    }

    /// Deletes the room (its owner only); answers the revision of that last event.
    pub fn delete_room(&self, room: RoomId, user: UserId, responder: Responder<Revision>) {
        self.tell(room, RoomMsg::Delete { user, responder });
    }

    fn tell(&self, room: RoomId, message: RoomMsg) {
        if let Err((message, reason)) = self.context.rooms.send(room, message) {
            message.refuse(match reason {
                NotTaken::Full => room::overloaded(),
                NotTaken::Quarantined => Refusal::temporary(
                    RefusalCode::Internal,
                    "this conversation is out of order for a moment",
                    self.context.settings.supervision.restart_window,
                ),
            });
        }
    }

    /// Replies under way in the room, with their text so far. Empty for a room that is not in memory.
    pub async fn open_replies(&self, room: RoomId) -> Vec<OpenReply> {
        let (answer, replies) = oneshot::channel();
        if self.context.rooms.send_if_live(room, RoomMsg::OpenReplies(answer)) {
            return replies.await.unwrap_or_default();
        }
        Vec::new()
    }

    pub async fn usage(&self, user: UserId) -> Result<Arc<Usage>, Refusal> {
        let (answer, usage) = oneshot::channel();
        self.context.users.send(user, UserMsg::Usage(answer)).map_err(|_| room::overloaded())?;
        usage.await.unwrap_or_else(|_| Err(Refusal::new(RefusalCode::Internal, "something went wrong here")))
    }

    /// Whether the user may send such a message now, by plan and pace: what sending it would come to. Nothing is reserved.
    pub async fn may_send(&self, user: UserId, inquiry: Inquiry) -> Result<Allowance, Refusal> {
        let (answer, allowance) = oneshot::channel();
        let asked = self.context.users.send(user, UserMsg::Inquire(inquiry, answer));
        asked.map_err(|_| room::overloaded())?;
        let gone = |_| Err(Refusal::new(RefusalCode::Internal, "something went wrong here"));
        allowance.await.unwrap_or_else(gone)
    }

    /// An answer outside of every room, metered as a message to that character. Answers when it is under way, that is
    /// when it has been counted; dropping it ends the work upstream.
    pub async fn complete(&self, asked: Completion) -> Result<Completing, Refusal> {
        completion::begin(&self.context, asked).await
    }

    /// A user's plan or time zone was changed: the next use loads it anew.
    pub fn user_changed(&self, user: UserId) {
        self.context.copies.forget_person(user);
        self.context.users.send_if_live(user, UserMsg::Reload);
    }

    /// The plans are others now: every user who is in memory is held to the new ones from the next use on. What was used
    /// stays used.
    pub fn plans_changed(&self) {
        self.context.users.tell_all(|| UserMsg::PlansChanged);
    }

    /// The user changed what characters remember of them, or had it forgotten: it counts from the next reply on.
    pub fn memories_changed(&self, user: UserId) {
        self.context.copies.forget_person(user);
    }

    /// A character was changed: the next reply is made from what it now is.
    pub fn character_changed(&self, character: CharacterId) {
        self.context.personas.send_if_live(character, PersonaMsg::Changed);
    }

    /// A character has this name and usually answers so: live conversations know it by that.
    pub fn character_named(&self, character: CharacterId, name: &str, reply_kind: MessageKind) {
        let name: Arc<str> = name.into();
        self.context.rooms.tell_all(|| RoomMsg::Cast { character, now: Some((name.clone(), reply_kind)) });
    }

    /// A character is gone: live conversations ask it no more.
    pub fn character_gone(&self, character: CharacterId) {
        self.character_changed(character);
        self.context.rooms.tell_all(|| RoomMsg::Cast { character, now: None });
    }

    /// A character is kept for its owner: live conversations that the owner is not in ask it no more.
    pub fn character_kept(&self, character: CharacterId, owner: UserId) {
        self.context.rooms.tell_all(|| RoomMsg::Kept { character, owner });
    }

    /// Takes up the replies of nodes that died; answers how many. What was counted for answers outside of rooms that died
    /// with their node is given back.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        completion::give_back(&self.context).await?;
        let mut taken = 0;
        loop {
            let turns = self.context.ports.archive.take_up(TakeUp::DeadNodes, TAKE_UP_BATCH).await?;
            let last = turns.len() < TAKE_UP_BATCH;
            taken += turns.len();
            let mut rooms: HashMap<RoomId, Vec<TakenUp>> = HashMap::new();
            for taken in turns {
                rooms.entry(taken.turn.room).or_default().push(taken);
            }
            for (room, turns) in rooms {
                self.tell(room, RoomMsg::TakeUp(turns));
            }
            if last {
                return Ok(taken);
            }
        }
    }

    #[must_use]
    pub fn snapshot(&self) -> EngineSnapshot {
        EngineSnapshot {
            branches: vec![
                self.context.rooms.branch(),
                self.context.users.branch(),
                self.context.personas.branch(),
            ],
            pool: self.context.pool.snapshot(),
            journal: self.context.journal.snapshot(),
            turns: self.context.turns_open.load(Relaxed),
            tails: self.context.copies.tails.numbers(),
            memories: self.context.copies.memories.numbers(),
        }
    }

    /// The messages that a live room keeps for its prompts, and the revision above which these are all that stand: for
    /// tests.
    #[cfg(any(test, feature = "testsuite"))]
    pub async fn tail(&self, room: RoomId) -> Option<(Vec<Arc<Message>>, Revision)> {
        let (answer, tail) = oneshot::channel();
        self.context.rooms.send_if_live(room, RoomMsg::Tail(answer));
        tail.await.ok().flatten()
    }

    /// Makes the room's actor panic: for tests of supervision.
    #[cfg(any(test, feature = "testsuite"))]
    pub fn crash_room(&self, room: RoomId) {
        self.tell(room, RoomMsg::Crash);
    }

    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.context.is_draining()
    }

    /// Refuses new messages from now on.
    pub fn begin_drain(&self) {
        self.context.draining.store(true, Relaxed);
    }

    /// Refuses new messages, lets replies finish until `deadline`, then flushes the journal and ends all actors.
    /// Answers the number of replies that did not finish; they are taken up at the next start.
    pub async fn drain(&self, deadline: Duration) -> usize {
        self.begin_drain();
        let until = Instant::now() + deadline;
        let busy = || self.context.turns_open.load(Relaxed) > 0 || self.context.journal.snapshot().queued > 0;
        while busy() && Instant::now() < until {
            tokio::time::sleep(DRAIN_POLL).await;
        }
        // With the database away there is nothing to wait for: what is not acked was promised to nobody.
        let _ = tokio::time::timeout(DRAIN_FLUSH, self.context.journal.flush()).await;
        let unfinished = self.context.turns_open.load(Relaxed);
        if unfinished > 0 {
            // Who takes them up goes on from all that was said.
            let _ = tokio::time::timeout(DRAIN_FLUSH, self.context.drafts.flush(None)).await;
        }
        for supervisor in self.supervisors.iter() {
            supervisor.drain_children_and_wait(Some(DRAIN_FLUSH)).await;
            let _ = supervisor.stop_and_wait(None, Some(DRAIN_FLUSH)).await;
        }
        let _ = tokio::time::timeout(DRAIN_FLUSH, self.context.pool.drain()).await;
        self.context.journal.stop();
        unfinished
    }
}
