//! What calls to models took: who, for which character, by which provider and model, for what, on which day.
//!
//! **Rows.** Each call is a row of `ai_calls`. Those of a reply are written with its end, by the journal; all others by
//! [`AiUsage::record`], which may be told the same call twice.
//!
//! **Sums.** A recurring job adds the rows to sums by day of UTC, so that reading costs the same however many there are. A row
//! that is in no sum yet stands in `ai_calls_uncounted`, put there by a trigger in the writer's own statement; a roll-up takes
//! it from there and adds it to the sums in one transaction. So it counts once: however late its writer commits, whoever rolls up
//! how often, and wherever a roll-up is killed. (A mark of time or of ids would lose what commits late.) Reading adds what waits
//! to the sums within one statement, hence one snapshot: it equals a recount at any moment.
//!
//! **Keeping.** Rows go after `ai.calls_keep_days`; sums stay for ever. Neither names anybody but by id: of an erased account
//! they keep what its row has become, a pseudonym, and not where it asked.
//!
//! Prometheus is fed by the roll-up, on the node that does it: calls, tokens and micro-dollars of all writers, each once,
//! within a minute or so.

mod group;
mod metrics;
mod routes;
mod store;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{GenericClient, Pool};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{AiCall, UserId};
use greenroom_actors::protocol::Refusal;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use self::group::{GroupBy, UsageFilter};
pub(super) use self::routes::routes;
pub use self::store::{Sums, UsageDay};
use crate::http::{Page, PageQuery};
use crate::jobs::{Handler, Handlers, Job, JobError, QueueName, Recurring};
pub use crate::postgres::calls::Account;
use crate::postgres::{Stored, calls, refusal};

/// Adds what waits to the sums.
const ROLL_UP: Recurring =
    Recurring { queue: QueueName::Analytics, kind: "ai.usage", every: Duration::from_secs(60) };
/// Takes away old rows.
const SWEEP: Recurring =
    Recurring { queue: QueueName::Analytics, kind: "ai.calls-sweep", every: Duration::from_secs(3_600) };

/// Calls that one transaction adds, and that one takes away.
const BATCH: i64 = 5_000;
/// Transactions of one run; what is left waits for the next.
const BATCHES_MAX: usize = 500;
/// Where more than this waits (the queue was paused, say), who reads adds it to the sums first.
const WAITING_MAX: i64 = 2_000;
/// Rows of one page of an export.
pub const EXPORT_PAGE: i64 = 500;

/// Records that wait for a database that is away; further ones go into the log alone.
const PENDING_MAX: usize = 1_000;
const RETRY_MIN: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(20);
/// Some two minutes in all.
const TRIES: u32 = 12;

/// The accounts. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct AiUsage(Arc<Inner>);

struct Inner {
    pool: Pool,
    keep: Option<SignedDuration>,
    pending: Arc<Semaphore>,
}

/// A page of groups, and the sums of all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    pub page: Page<Group>,
    pub totals: Sums,
}

/// What calls that have something in common took together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `None`: of nobody, or of no character.
    pub key: Option<String>,
    /// What a person calls it: a name.
    pub label: Option<String>,
    pub sums: Sums,
}

impl AiUsage {
    /// Keeps rows for so many days; 0 is for ever.
    #[must_use]
    pub fn new(pool: Pool, keep_days: u32) -> Self {
        metrics::describe();
        let keep = (keep_days > 0).then(|| SignedDuration::from_hours(24 * i64::from(keep_days)));
        Self(Arc::new(Inner { pool, keep, pending: Arc::new(Semaphore::new(PENDING_MAX)) }))
    }

    /// Adds calls that belong to no reply's end. Returns when they are stored; while the database is away they are tried again
    /// beside the caller, and given up with a line in the log after two minutes.
    pub async fn record(&self, account: Account, made: Vec<AiCall>) {
        if made.is_empty() || self.try_record(account, &made).await.is_ok() {
            return;
        }
        let Ok(permit) = self.0.pending.clone().try_acquire_owned() else {
            return lost(account, &made);
        };
        let usage = self.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let mut pause = RETRY_MIN;
            for _ in 1..TRIES {
                tokio::time::sleep(pause).await;
                if usage.try_record(account, &made).await.is_ok() {
                    return;
                }
                pause = (pause * 2).min(RETRY_MAX);
            }
            lost(account, &made);
        });
    }

    async fn try_record(&self, account: Account, made: &[AiCall]) -> Result<(), Refusal> {
        let client = self.client().await?;
        calls::record(&**client, account, made).await.map_err(|error| refusal(&error))
    }

    /// Adds what waits to the sums; answers how many calls that were. Safe to run at any time, also twice at once.
    pub async fn roll_up(&self) -> Result<u64, Refusal> {
        let mut client = self.client().await?;
        let mut counted = 0;
        for _ in 0..BATCHES_MAX {
            let batch = store::roll_up(&mut client, BATCH).await.map_err(|error| refusal(&error))?;
            // Committed: told once.
            batch.sums.iter().for_each(metrics::count);
            counted += batch.taken;
            if batch.taken < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(counted)
    }

    /// Takes away rows that are older than they are kept and in the sums; answers how many.
    pub async fn sweep(&self) -> Result<u64, Refusal> {
        let Some(before) = self.0.keep.and_then(|keep| Timestamp::now().checked_sub(keep).ok()) else {
            return Ok(0);
        };
        let client = self.client().await?;
        let mut gone = 0;
        for _ in 0..BATCHES_MAX {
            let batch = store::sweep(&client, before, id_at(before), BATCH).await;
            let batch = batch.map_err(|error| refusal(&error))?;
            gone += batch;
            if batch < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(gone)
    }

    /// A page of what was used, by the filter's groups: days in their order, all others the dearest first.
    pub async fn list(&self, filter: &UsageFilter, page: &PageQuery) -> Result<Usage, Refusal> {
        let after = group::Position::read(page)?;
        let client = self.client().await?;
        let waiting = store::waiting(&client, WAITING_MAX + 1).await.map_err(|error| refusal(&error))?;
        if waiting > WAITING_MAX {
            drop(client);
            self.roll_up().await?;
        }
        let client = self.client().await?;
        let found = store::list(&client, filter, after.as_ref(), page.window()).await;
        let (groups, total, totals) = found.map_err(|error| refusal(&error))?;
        let by = filter.by;
        let page = Page::cut(page, groups, Some(total), |last| group::Position::of(by, last).write());
        Ok(Usage { page, totals })
    }

    /// What does the jobs of this part.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        vec![(ROLL_UP.kind, Arc::new(RollUp(self.clone()))), (SWEEP.kind, Arc::new(Sweep(self.clone())))]
    }

    /// The jobs, to be repeated.
    #[must_use]
    pub fn recurring() -> [Recurring; 2] {
        [ROLL_UP, SWEEP]
    }

    async fn client(&self) -> Result<deadpool_postgres::Client, Refusal> {
        self.0.pool.get().await.map_err(|error| refusal(&error))
    }
}

/// A page of what a user's calls took, by day, character and model, for the user's own export.
pub async fn of_user(client: &impl GenericClient, user: UserId, skip: i64) -> Stored<Vec<UsageDay>> {
    store::of_user(client, user.uuid(), EXPORT_PAGE, skip).await
}

/// Takes from an erased user's calls where they were made: what is left is that a pseudonym made them.
pub async fn forget(client: &impl GenericClient, user: UserId) -> Stored<()> {
    store::forget(client, user.uuid()).await
}

/// The last that can be done for what nobody will bill.
fn lost(account: Account, made: &[AiCall]) {
    for call in made {
        tracing::error!(
            call = %call.id,
            user = ?account.user,
            character = ?account.character,
            purpose = call.purpose.as_str(),
            provider = &*call.back_end.provider,
            model = &*call.back_end.model,
            prompt_tokens = call.usage.prompt_tokens,
            completion_tokens = call.usage.completion_tokens,
            cost_micros = call.cost_micros(),
            "this call to a model is not in the accounts, only here: the database is away"
        );
    }
}

/// The lowest id (version 7: 48 bits of milliseconds first) that could have been made at a moment.
fn id_at(moment: Timestamp) -> Uuid {
    let millis = u64::try_from(moment.as_millisecond()).unwrap_or(0);
    Uuid::from_u128(u128::from(millis) << 80)
}

struct RollUp(AiUsage);

impl Handler for RollUp {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move { self.0.roll_up().await.map(drop).map_err(|error| JobError::Again(error.message)) }
            .boxed()
    }
}

struct Sweep(AiUsage);

impl Handler for Sweep {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move { self.0.sweep().await.map(drop).map_err(|error| JobError::Again(error.message)) }.boxed()
    }
}
