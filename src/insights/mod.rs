//! Dashboards: figures by day of each user and of all together, what happened lately, and how much of the limits is used.
//!
//! **What counts.** A message of a user's when it is stored, and a reply (to who asked for it) likewise. What was said counts,
//! whatever becomes of it: editing it changes nothing, nor does deleting it or its room. Variants and continuations of a reply
//! are no messages; what they took counts, as do all calls to models: tokens, cost, and the time to the first token of replies.
//! Credits count where they are spent (not where they are held), bought and given; what is taken back later changes no day.
//! An erased account's own figures go; in those of all together it stays counted.
//!
//! **Days.** Of a user: by the clock in their time zone, as their quota's. A new zone holds from the next midnight on, which
//! `insight_zones` knows before it comes, so each moment has one day for ever: a change moves nothing that was counted. (Who goes
//! far to the west may be back in yesterday for some hours; what was said on the day before that is told when it comes again.)
//! Of all together: days of UTC, as in all that admins see.
//!
//! **Counting.** Whoever writes a message, call, transfer, room or account also puts what is to be summed into
//! `insight_waiting`, by a trigger in the same statement: one narrow row that nobody else locks. A recurring job takes rows
//! from there and adds them to the sums in one transaction, so each counts once, however late it commits, whoever rolls up how
//! often, wherever it is killed. (Marks by time would lose what commits late; marks by room would have to look at all rooms to
//! read what is not counted yet.) Reading adds what waits within one statement: it equals a recount at any moment, and
//! costs what the days cost, however many messages there are.
//!
//! Limits: a read of one user looks at 90 days at most, and rolls up first where more than [`WAITING_MAX`] rows wait.

mod activity;
mod admin;
mod figures;
mod histogram;
mod limits;
mod reached;
mod routes;
mod store;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Client, GenericClient, Pool};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{Catalogue, Scope, UserId};
use greenroom_actors::engine::Engine;
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use uuid::Uuid;

pub use self::activity::{ActivityKind, ActivityView};
pub use self::admin::AdminDashboardView;
pub use self::figures::{
    AnalyticsView, DayView, FirstTokenView, QuickStatsView, ShareView, SpanView, Sums, Timeframe, TotalsView,
};
pub use self::limits::{Level, LimitName, LimitView, LimitsView};
pub use self::reached::Noting;
pub use self::routes::{DashboardView, routes};
pub use self::store::DayRow;
use crate::accounts::{Accounts, Profile};
use crate::ai::AiUsage;
use crate::billing::books::Books;
use crate::billing::ledger::{self, BalanceView};
use crate::characters::owned;
use crate::conversations::view::wire_time;
use crate::error::FieldError;
use crate::http::{Page, PageQuery, moment_cursor};
use crate::jobs::{Handler, Handlers, Job, JobError, QueueName, Recurring};
use crate::media::files;
use crate::postgres::{Stored, refusal};
use crate::realtime::Hub;
use crate::studio::content;

/// Adds what waits to the sums.
const ROLL_UP: Recurring =
    Recurring { queue: QueueName::Analytics, kind: "insights.roll-up", every: Duration::from_secs(60) };

/// Rows that one transaction adds.
const BATCH: i64 = 5_000;
/// Transactions of one run; what is left waits for the next.
const BATCHES_MAX: usize = 1_000;
/// Transactions within one request.
const REQUEST_BATCHES: usize = 20;
/// Where more than this waits (the queue was paused, say), who reads adds it to the sums first.
pub const WAITING_MAX: i64 = 2_000;
/// Characters whose shares are told.
const CHARACTERS_MAX: i64 = 10;
/// Of these on the dashboard itself, and of the feed.
const TOP: i64 = 5;
/// Pages of the feed that go by number: each reads all before it.
const FEED_PAGES_MAX: u32 = 50;
/// Rows of one page of an export.
pub const EXPORT_PAGE: i64 = 500;

/// What the figures are made of, and what stands beside them.
pub struct Parts {
    pub pool: Pool,
    pub accounts: Accounts,
    pub plans: Catalogue,
    pub engine: Engine,
    pub hub: Hub,
    pub books: Books,
    pub usage: AiUsage,
    /// Pictures and videos that one user may have under way.
    pub content_open_max: u32,
    /// Of a limit: from when on it is a warning.
    pub warning_percent: u8,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Insights(Arc<Parts>);

impl Insights {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// What one's figures were, day by day.
    pub async fn analytics(&self, user: UserId, timeframe: Timeframe) -> Result<AnalyticsView, Refusal> {
        let client = self.fresh(Some(user)).await?;
        analytics(&client, Some(user), timeframe).await.map_err(|error| refusal(&error))
    }

    pub async fn quick_stats(&self, user: UserId) -> Result<QuickStatsView, Refusal> {
        let client = self.fresh(Some(user)).await?;
        let read = async {
            let overview = store::overview(&client, user.uuid()).await?;
            Stored::Ok((overview, ledger::balance(&client, user).await?))
        };
        let (overview, balance) = read.await.map_err(|error| refusal(&error))?;
        Ok(QuickStatsView {
            messages_today: overview.today.messages,
            messages_total: overview.ever.messages,
            replies_total: overview.ever.replies,
            conversations: overview.conversations,
            characters: overview.characters,
            credits: balance.available,
            streak_days: overview.streak_days,
            at: wire_time(Timestamp::now()),
        })
    }

    /// What happened lately, the latest first.
    pub async fn activity(&self, user: UserId, page: &PageQuery) -> Result<Page<ActivityView>, Refusal> {
        if page.page.is_some_and(|page| page > FEED_PAGES_MAX) {
            return Err(FieldError::new("page", "takes 1 to 50; go on by cursor after that").into());
        }
        let after = page.after_moment()?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let found = store::activity(&client, user.uuid(), after, limit + 1, skip).await;
        let found = found.map_err(|error| refusal(&error))?;
        let cut = Page::cut(page, found, None, |last| moment_cursor(last.at, last.id));
        let Page { items, page, limit, total, next_cursor } = cut;
        let items = items.iter().filter_map(ActivityView::of).collect();
        Ok(Page { items, page, limit, total, next_cursor })
    }

    /// How much of each limit is used now.
    pub async fn limits(&self, user: UserId) -> Result<LimitsView, Refusal> {
        let profile = self.0.accounts.profile(user).await?;
        let client = self.client().await?;
        let balance = ledger::balance(&client, user).await.map_err(|error| refusal(&error))?;
        self.limits_of(&client, user, &profile, balance).await
    }

    async fn limits_of(
        &self,
        client: &Client,
        user: UserId,
        profile: &Profile,
        balance: BalanceView,
    ) -> Result<LimitsView, Refusal> {
        let usage = self.0.engine.usage(user).await?;
        let character = |line: &greenroom_actors::domain::UsageLine| match line.scope {
            Scope::Character(character, _) => Some(character.uuid()),
            Scope::Daily => None,
        };
        let characters: Vec<Uuid> = usage.lines.iter().filter_map(character).collect();
        let read = async {
            let names = match characters.as_slice() {
                [] => HashMap::new(),
                characters => store::names(client, characters).await?,
            };
            let (bytes, content_open) =
                (files::total(client, user).await?, content::open(client, user).await?);
            Stored::Ok((names, bytes, content_open))
        };
        let (names, bytes, content_open) = read.await.map_err(|error| refusal(&error))?;
        let own = limits::Own { bytes, avatars: owned::count(client, user).await?, content_open };
        Ok(LimitsView::new(&limits::Parts {
            plan: &self.0.plans.get(&profile.plan),
            usage: &usage,
            names: &names,
            balance,
            own,
            content_open_max: self.0.content_open_max,
            warning_percent: self.0.warning_percent,
        }))
    }

    /// All of it at a glance.
    pub async fn dashboard(&self, user: UserId) -> Result<DashboardView, Refusal> {
        let profile = self.0.accounts.profile(user).await?;
        let client = self.fresh(Some(user)).await?;
        let read = async {
            let overview = store::overview(&client, user.uuid()).await?;
            let month = store::days(&client, Some(user.uuid()), Timeframe::Month.days(), TOP).await?;
            let recent = store::activity(&client, user.uuid(), None, TOP, 0).await?;
            Stored::Ok((overview, month, recent, ledger::balance(&client, user).await?))
        };
        let (overview, month, recent, balance) = read.await.map_err(|error| refusal(&error))?;
        let limits = self.limits_of(&client, user, &profile, balance).await?;
        let of = month.replies;
        let top = month.characters.into_iter().map(|row| figures::share(row, of)).collect();
        let recent = recent.iter().filter_map(ActivityView::of).collect();
        Ok(DashboardView::new(user, profile, &overview, balance, top, limits, recent))
    }

    /// Adds what waits to the sums; answers how many rows that were. Safe to run at any time, also twice at once.
    pub async fn roll_up(&self) -> Result<i64, Refusal> {
        roll_up(&self.0.pool).await
    }

    /// A connection, after adding up what waits in heaps.
    async fn fresh(&self, user: Option<UserId>) -> Result<Client, Refusal> {
        let client = self.client().await?;
        let waiting = store::waiting(&client, user.map(UserId::uuid), WAITING_MAX + 1).await;
        if waiting.map_err(|error| refusal(&error))? <= WAITING_MAX {
            return Ok(client);
        }
        drop(client);
        // What is left is read as it waits: exact too, and whoever asks does not wait for what all others did.
        roll_up_some(&self.0.pool, REQUEST_BATCHES).await?;
        self.client().await
    }

    /// What does the jobs of this part.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        vec![(ROLL_UP.kind, Arc::new(RollUp(self.0.pool.clone())))]
    }

    /// The jobs, to be repeated.
    #[must_use]
    pub fn recurring() -> [Recurring; 1] {
        [ROLL_UP]
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.0.pool.get().await.map_err(|error| refusal(&error))
    }
}

/// The figures of a user, or of all together, up to this moment.
pub async fn analytics(
    client: &impl GenericClient,
    user: Option<UserId>,
    timeframe: Timeframe,
) -> Stored<AnalyticsView> {
    let found = store::days(client, user.map(UserId::uuid), timeframe.days(), CHARACTERS_MAX).await?;
    Ok(AnalyticsView::new(timeframe, found))
}

/// See [`Insights::roll_up`].
pub async fn roll_up(pool: &Pool) -> Result<i64, Refusal> {
    roll_up_some(pool, BATCHES_MAX).await
}

async fn roll_up_some(pool: &Pool, batches: usize) -> Result<i64, Refusal> {
    let mut client = pool.get().await.map_err(|error| refusal(&error))?;
    let mut counted = 0;
    for _ in 0..batches {
        let taken = store::roll_up(&mut client, BATCH).await.map_err(|error| refusal(&error))?;
        counted += taken;
        if taken < BATCH {
            break;
        }
    }
    Ok(counted)
}

/// Takes away the figures of an account that is erased. What all together did stays.
pub async fn forget(client: &impl GenericClient, user: UserId) -> Stored<()> {
    store::forget(client, user.uuid()).await
}

/// A page of a user's figures by day, for the user's own export.
pub async fn records(client: &impl GenericClient, user: UserId, skip: i64) -> Stored<Vec<DayRow>> {
    store::records(client, user.uuid(), EXPORT_PAGE, skip).await
}

struct RollUp(Pool);

impl Handler for RollUp {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move { roll_up(&self.0).await.map(drop).map_err(|error| JobError::Again(error.message)) }
            .boxed()
    }
}
