//! The figures of all users together, and what admins see beside them.

use std::collections::HashMap;

use greenroom_actors::protocol::Refusal;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::Insights;
use super::figures::{AnalyticsView, DayView, FirstTokenView, ShareView, Sums, Timeframe};
use super::store::{self, Storage};
use crate::ai::usage::{GroupBy, UsageFilter};
use crate::billing::books::{Earned, Revenue, RevenueParams};
use crate::http::{PAGE_LIMIT_MAX, PageQuery};
use crate::postgres::{Stored, refusal};

/// What runs at this moment, on this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NowView {
    /// Open sockets.
    pub sockets: u64,
    /// People with at least one.
    pub users: u64,
    /// Rooms in memory.
    pub rooms: usize,
    /// Replies that are being written, and those that wait for a worker.
    pub replies: usize,
    pub replies_waiting: usize,
    /// Entries on their way to the log.
    pub journal_waiting: usize,
}

/// A day of all users together, of UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminDayView {
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    #[serde(flatten)]
    pub sums: Sums,
    /// Users who said something or were answered.
    pub active_users: i64,
    pub new_users: i64,
    /// Characters that replied.
    pub characters: i64,
    pub first_token_ms: FirstTokenView,
    /// What was paid, less what went back of it: in the smallest unit of the currency.
    pub revenue_cents: i64,
}

/// All days together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminTotalsView {
    #[serde(flatten)]
    pub sums: Sums,
    /// On the day with most of them, and on the average day, rounded.
    pub active_users_most: i64,
    pub active_users_average: i64,
    pub new_users: i64,
    pub first_token_ms: FirstTokenView,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoneyView {
    /// ISO 4217, small letters. Amounts are in its smallest unit.
    pub currency: String,
    pub payments: i64,
    pub gross_cents: i64,
    pub refunded_cents: i64,
    pub net_cents: i64,
    /// What comes in each month by subscriptions as they stand.
    pub mrr_cents: i64,
    pub active_subscriptions: i64,
}

/// What a provider of AI did in this time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderFiguresView {
    pub provider: String,
    pub calls: i64,
    /// Of these: it failed.
    pub failed: i64,
    /// Millionths of a US dollar.
    pub cost_micros: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StorageView {
    /// Objects in the store.
    pub objects: i64,
    pub bytes: i64,
}

/// The figures of all users together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminDashboardView {
    pub timeframe: Timeframe,
    #[schema(value_type = String, format = Date)]
    pub from: Date,
    /// Today, which is included.
    #[schema(value_type = String, format = Date)]
    pub to: Date,
    pub now: NowView,
    /// Accounts that were ever made.
    pub users: i64,
    pub days: Vec<AdminDayView>,
    pub totals: AdminTotalsView,
    pub revenue: MoneyView,
    /// The dearest first.
    pub providers: Vec<ProviderFiguresView>,
    /// Those that said most, at most ten.
    pub characters: Vec<ShareView>,
    pub storage: StorageView,
}

impl Insights {
    /// What all users did, and what came of it.
    pub async fn admin_dashboard(&self, timeframe: Timeframe) -> Result<AdminDashboardView, Refusal> {
        let client = self.fresh(None).await?;
        let read = async {
            let figures = super::analytics(&client, None, timeframe).await?;
            Stored::Ok((figures, store::registered(&client).await?, store::storage_of_all(&client).await?))
        };
        let (figures, users, storage) = read.await.map_err(|error| refusal(&error))?;
        drop(client);
        let (from, to) = (figures.from, figures.to);
        let asked = RevenueParams {
            from: Some(from.to_string()),
            to: Some(to.to_string()),
            ..RevenueParams::default()
        };
        let revenue = self.0.books.revenue(&asked).await?;
        let providers = self.providers(from, to).await?;
        Ok(AdminDashboardView {
            timeframe,
            from,
            to,
            now: self.now(),
            users,
            totals: totals(&figures),
            days: days(figures.days, &revenue),
            revenue: MoneyView::from(&revenue),
            providers,
            characters: figures.characters,
            storage: StorageView::from(storage),
        })
    }

    async fn providers(&self, from: Date, to: Date) -> Result<Vec<ProviderFiguresView>, Refusal> {
        let filter = UsageFilter {
            from,
            to,
            by: GroupBy::Provider,
            user: None,
            character: None,
            provider: None,
            model: None,
            purpose: None,
        };
        let page = PageQuery { limit: PAGE_LIMIT_MAX, ..PageQuery::default() };
        let found = self.0.usage.list(&filter, &page).await?;
        let view = |group: crate::ai::usage::Group| ProviderFiguresView {
            provider: group.key.unwrap_or_default(),
            calls: group.sums.calls,
            failed: group.sums.failed,
            cost_micros: group.sums.cost_micros,
        };
        Ok(found.page.items.into_iter().map(view).collect())
    }

    fn now(&self) -> NowView {
        let engine = self.0.engine.snapshot();
        let sockets = self.0.hub.counts();
        let rooms = engine.branches.iter().find(|branch| branch.kind == "rooms");
        NowView {
            sockets: sockets.sockets,
            users: sockets.users,
            rooms: rooms.map_or(0, |branch| branch.live),
            replies: engine.pool.running,
            replies_waiting: engine.pool.queued.iter().map(|(_, waiting)| waiting).sum(),
            journal_waiting: engine.journal.queued,
        }
    }
}

fn totals(figures: &AnalyticsView) -> AdminTotalsView {
    let active = || figures.days.iter().map(|day| day.active);
    let days = i64::try_from(figures.days.len()).unwrap_or(i64::MAX).max(1);
    AdminTotalsView {
        sums: figures.totals.sums,
        active_users_most: active().max().unwrap_or_default(),
        active_users_average: (active().sum::<i64>() + days / 2) / days,
        new_users: figures.totals.sums.accounts,
        first_token_ms: figures.totals.first_token_ms,
    }
}

fn days(days: Vec<DayView>, revenue: &Revenue) -> Vec<AdminDayView> {
    let earned: HashMap<&str, &Earned> =
        revenue.items.iter().filter_map(|earned| Some((earned.key.as_deref()?, earned))).collect();
    let day = |day: DayView| AdminDayView {
        revenue_cents: earned.get(day.date.to_string().as_str()).map_or(0, |earned| earned.net_cents),
        date: day.date,
        active_users: day.active,
        new_users: day.sums.accounts,
        sums: day.sums,
        characters: day.characters,
        first_token_ms: day.first_token_ms,
    };
    days.into_iter().map(day).collect()
}

impl From<&Revenue> for MoneyView {
    fn from(revenue: &Revenue) -> Self {
        let Earned { payments, gross_cents, refunded_cents, net_cents, .. } = revenue.totals;
        Self {
            currency: revenue.currency.clone(),
            payments,
            gross_cents,
            refunded_cents,
            net_cents,
            mrr_cents: revenue.mrr_cents,
            active_subscriptions: revenue.active_subscriptions,
        }
    }
}

impl From<Storage> for StorageView {
    fn from(Storage { files, bytes }: Storage) -> Self {
        Self { objects: files, bytes }
    }
}
