//! The books: what admins see of money, and the comparison of what Stripe says with what is kept here.

pub mod reconcile;
mod revenue;
mod routes;
mod store;

use deadpool_postgres::{Client, Pool};
use greenroom_actors::domain::{Term, UserId};
use greenroom_actors::protocol::Refusal;

pub use self::revenue::{Earned, GroupBy, Revenue, RevenueParams};
pub use self::routes::routes;
pub use self::store::{Booked, Filter, Granted};
use super::plans::Offers;
use super::records::{self, Payment, Subscription};
use super::terms::{self, StandingView, Terms};
use crate::http::{Page, PageQuery, moment_cursor};
use crate::postgres::refusal;

/// Payments of one person that an admin sees at once; the list has them all.
const PAYMENTS_SHOWN: i64 = 20;

/// What somebody bought, was given, and has by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    pub standing: StandingView,
    pub payments: Vec<Payment>,
    pub subscriptions: Vec<Subscription>,
    pub grants: Vec<Granted>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Books {
    pool: Pool,
    terms: Terms,
}

impl Books {
    #[must_use]
    pub fn new(pool: Pool, terms: Terms) -> Self {
        Self { pool, terms }
    }

    /// Everybody's payments, the latest first.
    pub async fn payments(&self, filter: &Filter, page: &PageQuery) -> Result<Page<Booked>, Refusal> {
        let after = page.after_moment()?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let found = store::payments(&client, filter, after, limit + 1, skip).await;
        let found = found.map_err(|error| refusal(&error))?;
        let cursor = |last: &Booked| moment_cursor(last.payment.created_at, last.payment.id);
        Ok(Page::cut(page, found, None, cursor))
    }

    pub async fn account(&self, user: UserId, offers: &Offers) -> Result<Account, Refusal> {
        let client = self.client().await?;
        let standing = terms::standing(&client, user, &self.terms, offers).await?;
        let read = async {
            tokio::try_join!(
                records::payments_of(&client, user, None, PAYMENTS_SHOWN, 0),
                records::subscriptions_of(&client, user),
                store::grants(&client, user),
            )
        };
        let (payments, subscriptions, grants) = read.await.map_err(|error| refusal(&error))?;
        Ok(Account { standing, payments, subscriptions, grants })
    }

    /// What came in on these days, what of it went back, and what comes in each month by subscriptions as they stand.
    pub async fn revenue(&self, asked: &RevenueParams) -> Result<Revenue, Refusal> {
        let (days, by) = asked.checked(jiff::Timestamp::now())?;
        let client = self.client().await?;
        let read = async {
            tokio::try_join!(
                store::earned(&client, days, by, &self.terms.settings.currency),
                store::foreign_payments(&client, days, &self.terms.settings.currency),
                store::running(&client),
            )
        };
        let (items, other_currencies, running) = read.await.map_err(|error| refusal(&error))?;
        let plans = self.terms.plans.current();
        let monthly = |name: &str| match plans.find(name).map(|plan| (plan.term, plan.price_cents)) {
            Some((Term::Month, price)) => i64::from(price),
            Some((Term::Year, price)) => i64::from(price) / 12,
            // It is not sold any more: what it brings is seen when it is paid.
            _ => 0,
        };
        Ok(Revenue {
            totals: Earned::total(&items),
            items,
            days,
            by,
            currency: self.terms.settings.currency.clone(),
            active_subscriptions: running.iter().map(|(_, count)| count).sum(),
            mrr_cents: running.iter().map(|(plan, count)| monthly(plan) * count).sum(),
            other_currencies,
        })
    }

    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
    }
}
