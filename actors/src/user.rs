//! One actor per user who sends: plan, pace and quota. It starts at the first send, not at sign-in.
//!
//! A room asks for a [`Reservation`] and gets it in a [`Grant`]; the journal settles it when the message commits and
//! drops it (which releases it) when not. Memory refuses first; before it does it reads the meters once more, since
//! another node, a refund or a new plan may have changed them.

pub(crate) mod quota;
pub(crate) mod pace;
mod alarms;
mod inquiry;

use std::sync::Arc;

use jiff::civil::Date;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use crate::directory::{Lodging, Mailbox, Resident};
use crate::domain::{
    AudioReplies, CharacterId, MessageKind, Meter, MeterKey, Plan, Priority, Usage, UserId, Window,
};
use crate::engine::Context;
use crate::ports::{StoreError, UserRecord};
use crate::protocol::{Allowance, Inquiry, Refusal, RefusalCode};
use crate::room::{RoomMsg, Ticket};
use pace::Pace;
use quota::{Quota, Settled};

pub(crate) enum UserMsg {
    Reserve(Reserve),
    /// The same for a message that no room has: of this kind, to this character.
    ReserveFor(CharacterId, MessageKind, oneshot::Sender<ReserveOutcome>),
    Settle(Vec<Settled>),
    Release(Vec<MeterKey>),
    /// The journal found this meter full, at this count.
    Correct(MeterKey, u32),
    /// A stored message was refunded by the journal; tell the user's devices.
    Refunded(Vec<MeterKey>),
    Usage(oneshot::Sender<Result<Arc<Usage>, Refusal>>),
    /// Whether this may be sent now; nothing is reserved.
    Inquire(Inquiry, oneshot::Sender<Result<Allowance, Refusal>>),
    /// What characters call this person. `None`: there is no such account, or it may not act.
    Name(oneshot::Sender<Result<Option<String>, StoreError>>),
    /// Plan or time zone changed: load them anew before the next use.
    Reload,
    /// The same, told to all at once.
    PlansChanged,
    Passivate,
}

/// A room asks on behalf of one message.
pub(crate) struct Reserve {
    pub character: CharacterId,
    pub kind: MessageKind,
    /// The kind of reply that the counted character is to give; `None`: nobody answers.
    pub reply: Option<ReplyKind>,
    pub answer: ActorRef<RoomMsg>,
    pub ticket: Ticket,
}

/// What a reply is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyKind {
    /// Asked for: it is this kind or refused.
    Asked(MessageKind),
    /// What the character usually gives: a text where the plan has no other.
    Usual(MessageKind),
}

/// The user may send this message.
pub(crate) struct Grant {
    pub reservation: Reservation,
    pub meters: Vec<Meter>,
    pub usage: Arc<Usage>,
    pub priority: Priority,
    pub audio_replies: AudioReplies,
}

/// What the room hears.
pub(crate) enum ReserveOutcome {
    Granted(Grant),
    /// A meter is full, also by the database's word. The meters are told, so that the journal can still recognise a
    /// message that was stored before.
    Full {
        meters: Vec<Meter>,
        refusal: Refusal,
    },
    Refused(Refusal),
}

/// One reserved use of each of a message's meters. Dropped unsettled, it is given back.
pub(crate) struct Reservation {
    user: Option<ActorRef<UserMsg>>,
    keys: Vec<MeterKey>,
}

impl Reservation {
    /// The message is stored, and its meters stand at `used` with it (empty: the commit did not tell). A dead user actor
    /// needs no telling: its successor reads the database.
    pub fn settle(mut self, used: &[u32]) {
        if let Some(user) = self.user.take()
            && !self.keys.is_empty()
        {
            let keys = std::mem::take(&mut self.keys).into_iter().enumerate();
            let settled = keys.map(|(index, key)| Settled { key, used: used.get(index).copied() });
            let _ = user.send_message(UserMsg::Settle(settled.collect()));
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(user) = self.user.take()
            && !self.keys.is_empty()
        {
            let _ = user.send_message(UserMsg::Release(std::mem::take(&mut self.keys)));
        }
    }
}

pub(crate) struct User {
    context: Arc<Context>,
}

pub(crate) struct State {
    id: UserId,
    mailbox: Mailbox,
    /// Loaded at first use, and again after a change.
    record: Option<UserRecord>,
    quota: Quota,
    pace: Pace,
    /// The day whose meters are loaded, in the user's time zone.
    loaded_for: Option<Date>,
}

impl State {
    /// What is known of the user is to be read anew before its next use.
    fn forget(&mut self) {
        self.record = None;
        self.loaded_for = None;
    }
}

impl Resident for User {
    type Key = UserId;
    const KIND: &'static str = "users";

    fn new(context: &Arc<Context>) -> Self {
        Self { context: context.clone() }
    }

    fn passivate() -> UserMsg {
        UserMsg::Passivate
    }
}

impl Actor for User {
    type Msg = UserMsg;
    type State = State;
    type Arguments = Lodging<UserId>;

    async fn pre_start(
        &self,
        _myself: ActorRef<UserMsg>,
        lodging: Lodging<UserId>,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            id: lodging.key,
            mailbox: lodging.mailbox,
            record: None,
            quota: Quota::default(),
            pace: Pace::default(),
            loaded_for: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<UserMsg>,
        message: UserMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            UserMsg::Reserve(ask) => {
                state.mailbox.handled();
                let outcome = self.reserve(&myself, state, ask.character, (ask.kind, ask.reply)).await;
                // A room that crashed meanwhile drops the grant, and the grant its reservation.
                let _ = ask.answer.send_message(RoomMsg::Reserved { ticket: ask.ticket, outcome });
            }
            UserMsg::ReserveFor(character, kind, answer) => {
                state.mailbox.handled();
                let outcome = self.reserve(&myself, state, character, (kind, None)).await;
                // Who asked may have gone, and the reservation with it.
                let _ = answer.send(outcome);
            }
            UserMsg::Settle(settled) => self.settled(state, settled).await,
            UserMsg::Release(keys) => state.quota.release(&keys),
            UserMsg::Correct(key, used) => {
                state.mailbox.handled();
                state.quota.correct(key, used);
            }
            UserMsg::Refunded(keys) => {
                state.mailbox.handled();
                self.refunded(state, &keys).await;
            }
            UserMsg::Usage(answer) => {
                state.mailbox.handled();
                let _ = answer.send(self.usage(state).await);
            }
            UserMsg::Inquire(inquiry, answer) => {
                state.mailbox.handled();
                let _ = answer.send(self.inquire(state, inquiry).await);
            }
            UserMsg::Name(answer) => {
                state.mailbox.handled();
                let record = self.record(state).await;
                let _ = answer.send(record.map(|record| record.map(|record| record.display_name)));
            }
            UserMsg::Reload => {
                state.mailbox.handled();
                state.forget();
            }
            UserMsg::PlansChanged => state.forget(),
            UserMsg::Passivate => {
                if !state.quota.holds_reservations() && self.context.users.leave(state.id) {
                    let _ = myself.drain();
                }
            }
        }
        Ok(())
    }
}

impl User {
    async fn reserve(
        &self,
        myself: &ActorRef<UserMsg>,
        state: &mut State,
        character: CharacterId,
        (kind, reply): (MessageKind, Option<ReplyKind>),
    ) -> ReserveOutcome {
        let day = match self.ready(state).await {
            Ok(day) => day,
            Err(refusal) => return ReserveOutcome::Refused(refusal),
        };
        let Some(record) = &state.record else {
            return ReserveOutcome::Refused(Refusal::new(RefusalCode::NotFound, "there is no such account"));
        };
        let record = record.clone();
        let counted = match quota::counted(kind, reply, &record.plan) {
            Ok(kind) => kind,
            Err(refusal) => return ReserveOutcome::Refused(refusal),
        };
        if !record.plan.premium
            && let Err(wait) = state
                .pace
                .take(self.context.settings.room.messages_per_minute, self.context.ports.clock.now())
        {
            return ReserveOutcome::Refused(too_fast(wait));
        }
        let meters = Quota::meters(&record.plan, state.id, character, counted, day);
        if state.quota.reserve(&meters).is_err() {
            if let Err(error) = self.load_meters(state, &record, day).await {
                return ReserveOutcome::Refused(dependency_down(&error));
            }
            if let Err(full) = state.quota.reserve(&meters) {
                return ReserveOutcome::Full { meters, refusal: quota_exceeded(&full, &record.plan) };
            }
        }
        let now = self.context.ports.clock.now();
        let usage = state.quota.lines(&record.plan, &meters, now, &record.time_zone);
        ReserveOutcome::Granted(Grant {
            reservation: Reservation {
                user: Some(myself.clone()),
                keys: meters.iter().map(|meter| meter.key).collect(),
            },
            meters,
            usage: Arc::new(usage),
            priority: record.plan.priority,
            audio_replies: record.plan.audio_replies(),
        })
    }

    /// Loads the record and, when the user's day has changed, the meters. Answers the user's day.
    async fn ready(&self, state: &mut State) -> Result<Date, Refusal> {
        let now = self.context.ports.clock.now();
        let record = match self.record(state).await {
            Ok(Some(record)) => record,
            Ok(None) => return Err(Refusal::new(RefusalCode::NotFound, "there is no such account")),
            Err(error) => return Err(dependency_down(&error)),
        };
        let day = now.to_zoned(record.time_zone.clone()).date();
        if state.loaded_for != Some(day) {
            self.load_meters(state, &record, day).await.map_err(|error| dependency_down(&error))?;
        }
        Ok(day)
    }

    /// The record as it stands: read at first use, after a change, and when its time is over.
    async fn record(&self, state: &mut State) -> Result<Option<UserRecord>, StoreError> {
        let now = self.context.ports.clock.now();
        let holds = |record: &&UserRecord| record.valid_until.is_none_or(|until| now < until);
        if let Some(record) = state.record.as_ref().filter(holds) {
            return Ok(Some(record.clone()));
        }
        state.record = self.context.ports.archive.user(state.id).await?;
        Ok(state.record.clone())
    }

    async fn load_meters(&self, state: &mut State, record: &UserRecord, day: Date) -> Result<(), StoreError> {
        if record.plan.per_character.is_some() || record.plan.messages_per_day.is_some() {
            let periods = [Window::Lifetime, Window::Day, Window::Month].map(|window| window.period(day));
            let used = self.context.ports.archive.used(state.id, periods.to_vec()).await?;
            state.quota.load(&used);
        }
        state.loaded_for = Some(day);
        Ok(())
    }

    async fn usage(&self, state: &mut State) -> Result<Arc<Usage>, Refusal> {
        self.ready(state).await?;
        let Some(record) = &state.record else {
            return Err(Refusal::new(RefusalCode::NotFound, "there is no such account"));
        };
        let now = self.context.ports.clock.now();
        Ok(Arc::new(state.quota.usage(&record.plan, state.id, now, &record.time_zone)))
    }

    async fn refunded(&self, state: &mut State, keys: &[MeterKey]) {
        if state.loaded_for.is_some() {
            state.quota.refund(keys);
        }
        if let Ok(usage) = self.usage(state).await {
            self.context.ports.fanout.to_user(state.id, crate::protocol::UserEvent::Usage(usage), None);
        }
    }
}

fn too_fast(wait: std::time::Duration) -> Refusal {
    Refusal::temporary(RefusalCode::RateLimited, "too many messages: wait a little", wait)
}

pub(crate) fn quota_exceeded(full: &Meter, plan: &Plan) -> Refusal {
    let what = match full.key.scope {
        crate::domain::Scope::Character(..) => "messages to this character",
        crate::domain::Scope::Daily => "messages today",
    };
    Refusal::new(
        RefusalCode::QuotaExceeded,
        format!("the plan \u{201c}{}\u{201d} allows {} {what}, and they are used up", plan.name, full.limit),
    )
}

/// The database is away: nothing was stored, and the same may work in a moment.
pub(crate) fn dependency_down(error: &StoreError) -> Refusal {
    match error {
        StoreError::Unavailable => Refusal::temporary(
            RefusalCode::DependencyDown,
            "the database is away; nothing was stored",
            std::time::Duration::from_secs(1),
        ),
        StoreError::Failed(detail) => {
            tracing::error!(%detail, "the database refused a read");
            Refusal::new(RefusalCode::Internal, "something went wrong here; it is in the log")
        }
    }
}
