//! Stripe's events: each is kept, once, in the transaction of its effect.
//!
//! A webhook's signature is checked on its raw body. What it is about is looked at and written by [`Sync`]; the event's row and
//! the effect commit together, so a second one of the same id finds the first or waits for it, and does nothing. Where Stripe
//! gives no answer in time, or the effect fails, the event is kept as `waiting` with a job, in one transaction, and answered
//! as received: the job tries again with growing pauses, [`Settings::tries`] times, and then it is `failed` for an admin to
//! look at and [replay](Webhooks::replay). Without a database nothing is received: Stripe sends it again.
//!
//! Bounds: [`BODY_MAX`] bytes a body and [`BODIES_MAX`] for all that are being read, [`AT_ONCE`] events under way, of which
//! [`ASKING`] ask Stripe. Events are kept for `stripe.events_keep_days`. Their payloads hold names and addresses: only admins
//! see them, and an erasure leaves nothing of them but ids ([`forget`]). Owned here: `stripe_events`.

mod body;
mod customers;
mod health;
mod metrics;
mod probe;
mod retry;
mod routes;
mod store;
mod sweep;
mod target;

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Client, GenericClient, Pool};
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Semaphore;

pub use self::routes::routes;
pub use self::sweep::SWEEP;
use self::target::{Target, target};
use super::records::words;
use super::stripe::{BadWebhook, Stripe, StripeEvent, verify};
use super::sync::{Object, Settling, Sync, SyncError, TRIES, Written};
use crate::audit::{self, Act};
use crate::config::{Config, KeyMode};
use crate::http::{Page, PageQuery};
use crate::jobs::{Handlers, enqueue};
use crate::postgres::{Stored, refusal};

/// Stripe's events are some kilobytes; the largest, of invoices with many lines, some hundred.
pub const BODY_MAX: usize = 1024 * 1024;
/// Bytes of all bodies that are being read.
pub const BODIES_MAX: usize = 64 * 1024 * 1024;
/// Webhooks under way; more are sent again by Stripe.
pub const AT_ONCE: usize = 256;
/// Of them, those that ask Stripe and write. The others wait for their turn, and are kept for later after [`TURN_WITHIN`].
pub const ASKING: usize = 32;
const TURN_WITHIN: Duration = Duration::from_secs(3);
/// What Stripe may take to say how an object stands while a webhook is waiting for its answer.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

words! {
    /// What became of an event.
    EventState {
        Done = "done",
        /// It has no effect here; `error` says why.
        Ignored = "ignored",
        /// A job does it again.
        Waiting = "waiting",
        /// Nobody tries any more.
        Failed = "failed",
    }
}

/// A kept event, without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEvent {
    pub id: String,
    pub kind: String,
    pub object_id: Option<String>,
    pub state: EventState,
    pub tries: u32,
    pub error: Option<String>,
    /// By Stripe's clock.
    pub created_at: Timestamp,
    pub received_at: Timestamp,
    pub handled_at: Option<Timestamp>,
}

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub state: Option<EventState>,
    pub kind: Option<String>,
}

/// How an event was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Now,
    /// It was there already.
    Before,
}

/// Why a webhook was not taken.
#[derive(Clone, Debug)]
pub enum Untaken {
    /// This setting is missing.
    Off(&'static str),
    Bad(BadWebhook),
    Refused(Refusal),
}

impl From<Refusal> for Untaken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

struct Settings {
    secrets: Vec<SecretString>,
    tolerance: Duration,
    mode: Option<KeyMode>,
    /// Of one event, before it is given up.
    tries: u32,
    backoff: Duration,
    backoff_max: Duration,
    keep: Duration,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Webhooks(Arc<Inner>);

struct Inner {
    pool: Pool,
    /// `None`: no key is set.
    stripe: Option<(Stripe, Sync)>,
    settings: Settings,
    under_way: Semaphore,
    asking: Semaphore,
    customers: customers::Customers,
    bodies: body::Budget,
    health: health::Kept,
}

impl Webhooks {
    #[must_use]
    pub fn new(pool: Pool, stripe: Option<(Stripe, Sync)>, config: &Config) -> Self {
        metrics::describe();
        let settings = Settings {
            secrets: config.stripe.webhook_secrets.clone(),
            tolerance: config.stripe.webhook_tolerance(),
            mode: config.stripe.key_mode(),
            tries: config.stripe.event_tries,
            backoff: Duration::from_millis(config.jobs.backoff_ms),
            backoff_max: Duration::from_millis(config.jobs.backoff_max_ms),
            keep: Duration::from_secs(u64::from(config.stripe.events_keep_days) * 24 * 3_600),
        };
        Self(Arc::new(Inner {
            pool,
            stripe,
            settings,
            under_way: Semaphore::new(AT_ONCE),
            asking: Semaphore::new(ASKING),
            customers: customers::Customers::default(),
            bodies: body::Budget::default(),
            health: health::Kept::default(),
        }))
    }

    /// What does the jobs of this part.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        vec![
            (retry::KIND, Arc::new(retry::Retry(self.clone()))),
            (SWEEP.kind, Arc::new(sweep::Sweep(self.clone()))),
        ]
    }

    /// Takes a webhook: its raw body and its signature.
    pub async fn take(&self, body: &[u8], signature: &str) -> Result<Taken, Untaken> {
        let started = Instant::now();
        let taken = self.take_one(body, signature).await;
        metrics::answered(&taken, started.elapsed());
        taken
    }

    async fn take_one(&self, body: &[u8], signature: &str) -> Result<Taken, Untaken> {
        let Inner { stripe, settings, under_way, .. } = &*self.0;
        if stripe.is_none() {
            return Err(Untaken::Off("stripe.secret_key"));
        }
        if settings.secrets.is_empty() {
            return Err(Untaken::Off("stripe.webhook_secrets"));
        }
        let event = verify(body, signature, &settings.secrets, settings.tolerance, Timestamp::now())
            .map_err(Untaken::Bad)?;
        let Ok(_under_way) = under_way.try_acquire() else {
            let full = "too many events come at once: send it again";
            return Err(Refusal::temporary(RefusalCode::Overloaded, full, Duration::from_secs(1)).into());
        };
        let before = store::state(&self.client().await?, &event.id).await.map_err(|error| refusal(&error))?;
        if matches!(before, Some(EventState::Done | EventState::Ignored)) {
            return Ok(Taken::Before);
        }
        let taken = self.work(&event, Settling::IfChanged).await?;
        // One that waited or had failed was done now, but it is no new one.
        Ok(if before.is_some() { Taken::Before } else { taken })
    }

    /// Takes an event that Stripe listed: its delivery never came.
    pub async fn take_listed(&self, event: &StripeEvent) -> Result<Taken, Refusal> {
        self.work(event, Settling::IfChanged).await
    }

    /// Does what an event wants, or keeps it for later. Fails only where neither could be written.
    async fn work(&self, event: &StripeEvent, settling: Settling) -> Result<Taken, Refusal> {
        let Inner { stripe, settings, asking, customers, .. } = &*self.0;
        let Some((_, sync)) = stripe else {
            return self.keep(event, "no key of Stripe's is set").await;
        };
        let object = match (target(event), settings.mode) {
            (_, Some(mode)) if event.livemode != (mode == KeyMode::Live) => {
                tracing::warn!(
                    event = event.id,
                    livemode = event.livemode,
                    "an event of the other mode than our key's"
                );
                return self
                    .end(
                        event,
                        EventState::Ignored,
                        "it is of the other mode than our key: test, or real money",
                    )
                    .await;
            }
            (Target::Nothing(why), _) => return self.end(event, EventState::Ignored, why).await,
            (Target::Object(object), _) => object,
        };
        let turn = async {
            let alone = customers.turn(event).await;
            (alone, asking.acquire().await)
        };
        let turn = tokio::time::timeout(TURN_WITHIN, turn).await;
        let Ok((_alone, Ok(_turn))) = turn else {
            return self.keep(event, "too many others were under way").await;
        };
        match self.effect(sync, event, &object, settling).await {
            Ok(taken) => Ok(taken),
            Err(error @ SyncError::Unfit(_)) => {
                tracing::error!(event = event.id, %error, "an event does not fit what was offered");
                self.end(event, EventState::Failed, &error.to_string()).await
            }
            Err(error) => self.keep(event, &error.to_string()).await,
        }
    }

    /// Looks at the object and writes it, with the event, in one transaction.
    async fn effect(
        &self,
        sync: &Sync,
        event: &StripeEvent,
        object: &Object,
        settling: Settling,
    ) -> Result<Taken, SyncError> {
        let until = tokio::time::Instant::now() + LOOK_WITHIN;
        for _ in 0..TRIES {
            let look =
                tokio::time::timeout_at(until, sync.look(object)).await.map_err(|_| SyncError::Late)??;
            let (state, why) = match look.user {
                Some(_) => (EventState::Done, None),
                None => (EventState::Ignored, Some("it is about nothing that was made here")),
            };
            let mut client = self.client().await?;
            let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
            if store::conclude(&transaction, event, state, why, look.user).await?.is_none() {
                return Ok(Taken::Before);
            }
            match sync.write(&transaction, &look, settling).await? {
                Written::Stale => {}
                Written::Done(notices) => {
                    transaction.commit().await.map_err(|error| refusal(&error))?;
                    sync.tell(&notices);
                    metrics::ended(state);
                    return Ok(Taken::Now);
                }
            }
        }
        Err(SyncError::Contended)
    }

    /// Writes how an event ended without an effect.
    async fn end(&self, event: &StripeEvent, state: EventState, why: &str) -> Result<Taken, Refusal> {
        let client = self.client().await?;
        let tries = store::conclude(&client, event, state, Some(why), None).await;
        let Some(_) = tries.map_err(|error| refusal(&error))? else { return Ok(Taken::Before) };
        metrics::ended(state);
        Ok(Taken::Now)
    }

    /// Keeps an event for later, with the job that does it again.
    async fn keep(&self, event: &StripeEvent, error: &str) -> Result<Taken, Refusal> {
        let mut client = self.client().await?;
        let write = async {
            let transaction = client.transaction().await?;
            let tries = store::conclude(&transaction, event, EventState::Waiting, Some(error), None).await?;
            let Some(tries) = tries else { return Stored::Ok(None) };
            let over = tries.unsigned_abs() >= self.0.settings.tries;
            if over {
                store::give_up(&transaction, &event.id).await?;
            } else {
                enqueue(&transaction, &self.job(&event.id, tries, self.pause(tries))).await?;
            }
            transaction.commit().await?;
            Ok(Some(over))
        };
        let Some(over) = write.await.map_err(|error| refusal(&error))? else { return Ok(Taken::Before) };
        if over {
            tracing::error!(
                event = event.id,
                kind = event.kind,
                error,
                "an event was given up: an admin can replay it"
            );
            metrics::ended(EventState::Failed);
        } else {
            tracing::warn!(event = event.id, kind = event.kind, error, "an event is kept for later");
            metrics::ended(EventState::Waiting);
        }
        Ok(Taken::Now)
    }

    /// A page of events, the latest first.
    pub async fn list(&self, filter: &Filter, page: &PageQuery) -> Result<Page<KeptEvent>, Refusal> {
        let after = routes::after(page)?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let read = async {
            let found = store::list(&client, filter, after, skip, limit + 1).await?;
            Stored::Ok((found, store::count(&client, filter).await?))
        };
        let (found, total) = read.await.map_err(|error| refusal(&error))?;
        Ok(Page::cut(page, found, total, routes::cursor))
    }

    /// An event with its payload.
    pub async fn find(&self, id: &str) -> Result<(KeptEvent, serde_json::Value), Refusal> {
        let client = self.client().await?;
        let found = store::find(&client, id).await.map_err(|error| refusal(&error))?;
        let (kept, event) = found.ok_or_else(none_such)?;
        Ok((kept, event.payload))
    }

    /// Does an event once more, whatever became of it, with all its tries; what it is about is settled anew. The act stands in
    /// the audit log.
    pub async fn replay(&self, id: &str, act: &Act<'_>) -> Result<KeptEvent, Refusal> {
        let mut client = self.client().await?;
        let write = async {
            let transaction = client.transaction().await?;
            if !store::reopen(&transaction, id).await? {
                return Stored::Ok(false);
            }
            // Should we die in the middle of it.
            enqueue(&transaction, &self.job(id, 0, self.pause(1))).await?;
            audit::record(&transaction, act).await?;
            transaction.commit().await?;
            Ok(true)
        };
        if !write.await.map_err(|error| refusal(&error))? {
            return Err(none_such());
        }
        let found = store::find(&client, id).await.map_err(|error| refusal(&error))?;
        drop(client);
        let (_, event) = found.ok_or_else(none_such)?;
        self.work(&event, Settling::Always).await?;
        let client = self.client().await?;
        let found = store::find(&client, id).await.map_err(|error| refusal(&error))?;
        found.map(|(kept, _)| kept).ok_or_else(none_such)
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.0.pool.get().await.map_err(|error| refusal(&error))
    }
}

fn none_such() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such event")
}

/// Leaves nothing of what events say of a person but ids: for the erasure of their account.
pub async fn forget(client: &impl GenericClient, user: UserId) -> Stored<u64> {
    store::blank(client, user.uuid()).await
}
