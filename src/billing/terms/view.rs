//! What somebody has, as clients see it.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::resolve::{Source, resolve};
use super::{Terms, store};
use crate::billing::ledger::{self, BalanceView};
use crate::billing::plans::{Offers, PlanView};
use crate::billing::records::{Subscription, SubscriptionStatus};
use crate::conversations::view::wire_time;
use crate::postgres::{Stored, refusal};

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionView {
    #[schema(example = "sub_1Qabc")]
    pub id: String,
    pub plan: String,
    pub status: SubscriptionStatus,
    /// It ends with its period and is not paid again.
    pub cancel_at_period_end: bool,
    pub current_period_start: Timestamp,
    pub current_period_end: Timestamp,
    pub canceled_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// What its plan costs now, in the smallest unit of the currency.
    pub price_cents: u32,
    pub currency: String,
}

impl SubscriptionView {
    #[must_use]
    pub fn new(subscription: &Subscription, terms: &Terms) -> Self {
        let plans = terms.plans.current();
        Self {
            id: subscription.id.clone(),
            plan: subscription.plan.clone(),
            status: subscription.status,
            cancel_at_period_end: subscription.cancel_at_period_end,
            current_period_start: wire_time(subscription.current_period_start),
            current_period_end: wire_time(subscription.current_period_end),
            canceled_at: subscription.canceled_at.map(wire_time),
            ended_at: subscription.ended_at.map(wire_time),
            created_at: wire_time(subscription.created_at),
            price_cents: plans.find(&subscription.plan).map_or(0, |plan| plan.price_cents),
            currency: terms.settings.currency.clone(),
        }
    }
}

/// What somebody has, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlanStandingView)]
pub struct StandingView {
    /// That holds now.
    pub plan: PlanView,
    /// When it ends by itself, and the plan that comes then; null: it does not.
    pub plan_until: Option<Timestamp>,
    pub plan_after: Option<String>,
    /// Whether the plan is served as a premium one.
    pub is_premium: bool,
    pub source: Source,
    /// A payment failed: the plan holds on until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Timestamp>,
    /// The one that may still be paid, or else the latest that there was.
    pub subscription: Option<SubscriptionView>,
    pub credits: BalanceView,
}

/// What a person has now; `not_found` where there is no such account.
pub async fn standing(
    client: &impl GenericClient,
    user: UserId,
    terms: &Terms,
    offers: &Offers,
) -> Result<StandingView, Refusal> {
    let read = async {
        let Some(person) = store::find(client, user).await? else { return Stored::Ok(None) };
        let (rows, credits) =
            tokio::try_join!(store::rows(client, user, person.base()), ledger::balance(client, user))?;
        Ok(Some((person, rows, credits)))
    };
    let found = read.await.map_err(|error| refusal(&error))?;
    let (person, rows, credits) =
        found.ok_or_else(|| Refusal::new(RefusalCode::NotFound, "there is no such account"))?;
    let plans = terms.plans.current();
    let held = resolve(&rows, &plans, terms.settings.grace_days, person.now);
    let live = rows.subscriptions.iter().find(|one| one.status.is_live());
    let known =
        live.or(rows.subscriptions.first()).filter(|one| one.status != SubscriptionStatus::IncompleteExpired);
    Ok(StandingView {
        is_premium: plans.get(&held.plan).premium,
        plan: offers.named(&held.plan),
        plan_until: held.until.map(wire_time),
        plan_after: held.after,
        source: held.source,
        grace_until: held.grace_until.map(wire_time),
        subscription: known.map(|one| SubscriptionView::new(one, terms)),
        credits,
    })
}
