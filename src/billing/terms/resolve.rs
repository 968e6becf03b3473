//! What somebody has by all that was bought and given: pure, and a function of the rows alone, so that it does not matter in
//! which order they came.

use greenroom_actors::domain::{Plan, Plans};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::calendar::days_after;
use super::credits::{self, Wanted};
use super::family::{By, plans_of, stretches};
use crate::billing::records::{Payment, PaymentStatus, Subscription, SubscriptionStatus};

/// Where the plan that holds comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Nothing was bought or given that holds.
    Base,
    /// An admin gave it for a time.
    Grant,
    Payment,
    Subscription,
}

/// A payment, and for how many days it bought its plan, once that was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    pub payment: Payment,
    pub days: Option<u16>,
}

/// A row of `plan_grants`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub id: Uuid,
    pub plan: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub taken_at: Option<Timestamp>,
}

impl Grant {
    /// When it ends, or was taken.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.taken_at.map_or(self.ends_at, |taken| taken.min(self.ends_at))
    }

    #[must_use]
    pub fn was_taken(&self) -> bool {
        self.taken_at.is_some_and(|taken| taken < self.ends_at)
    }
}

/// The plan that holds where nothing that was bought or given does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub plan: String,
    pub since: Timestamp,
}

/// All that is known of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Names their credits of the base plan.
    pub user: Uuid,
    pub base: Base,
    pub payments: Vec<Paid>,
    pub subscriptions: Vec<Subscription>,
    pub grants: Vec<Grant>,
}

/// What they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub plan: String,
    /// When that ends by itself, and the plan that comes then: both or neither.
    pub until: Option<Timestamp>,
    pub after: Option<String>,
    pub source: Source,
    /// A payment failed, and the plan holds on until then.
    pub grace_until: Option<Timestamp>,
    pub credits: Vec<Wanted>,
    /// When any of this changes by itself.
    pub due: Option<Timestamp>,
}

/// A plan that holds from now until its end.
struct Claim<'a> {
    plan: &'a str,
    /// When it began, to tell which of several claims to one plan is the present one.
    from: Timestamp,
    until: Timestamp,
    source: Source,
    grace: bool,
}

/// What holds at `now`.
#[must_use]
pub fn resolve(rows: &Rows, plans: &Plans, grace_days: u16, now: Timestamp) -> Held {
    let claims = claims(rows, plans, grace_days, now);
    let base = plans.get(&rows.base.plan);
    let top = top_at(&claims, plans, &base, now);
    let plan = top.map_or(rows.base.plan.as_str(), |top| top.plan);
    let (until, after) = next(&claims, plans, &rows.base, &base, now, plan).unzip();
    // Of several claims to it, the one that began first is being used.
    let present =
        claims.iter().filter(|claim| top.is_some() && claim.plan == plan).min_by_key(|claim| claim.from);
    let source = present.map_or(Source::Base, |claim| claim.source);
    let grace_until = present.filter(|claim| claim.grace).map(|claim| claim.until);
    let (credits, month_ends) = credits::wanted(rows, plans, plan, now);
    let due = until.into_iter().chain(month_ends).min();
    Held {
        plan: plan.to_owned(),
        until,
        after: after.map(ToOwned::to_owned),
        source,
        grace_until,
        credits,
        due,
    }
}

fn claims<'a>(rows: &'a Rows, plans: &Plans, grace_days: u16, now: Timestamp) -> Vec<Claim<'a>> {
    let mut claims = Vec::new();
    for plan in plans_of(rows) {
        for one in stretches(rows, plan, plans) {
            let source = if matches!(one.by, By::Grant(_)) { Source::Grant } else { Source::Payment };
            claims.push(Claim { plan, from: one.from, until: one.until, source, grace: false });
        }
    }
    for subscription in &rows.subscriptions {
        let Some((until, plan)) = subscribed(subscription, &rows.payments, grace_days) else { continue };
        let grace = subscription.status == SubscriptionStatus::PastDue;
        let from = subscription.current_period_start;
        claims.push(Claim { plan, from, until, source: Source::Subscription, grace });
    }
    claims.retain(|claim| claim.until > now);
    claims
}

/// The greatest of what holds then. What was bought takes no greater base plan away; what an admin gives for a time stands in
/// the base plan's place, whichever is greater.
fn top_at<'a, 'b>(
    claims: &'b [Claim<'a>],
    plans: &Plans,
    base: &Plan,
    at: Timestamp,
) -> Option<&'b Claim<'a>> {
    let rank = |claim: &Claim<'_>| (plans.get(claim.plan).rank(), claim.plan.to_owned());
    let holds = |claim: &&Claim<'_>| {
        claim.until > at && (claim.source == Source::Grant || plans.get(claim.plan).rank() >= base.rank())
    };
    claims.iter().filter(holds).max_by_key(|claim| rank(claim))
}

/// When another plan than `plan` comes, and which.
fn next<'a>(
    claims: &[Claim<'a>],
    plans: &Plans,
    base: &'a Base,
    base_plan: &Plan,
    now: Timestamp,
    plan: &str,
) -> Option<(Timestamp, &'a str)> {
    let mut at = now;
    // Each round goes past the end of a claim.
    while let Some(top) = top_at(claims, plans, base_plan, at) {
        if top.plan != plan {
            return Some((at, top.plan));
        }
        at = top.until;
    }
    (base.plan != plan).then_some((at, base.plan.as_str()))
}

/// Until when a subscription holds, and which plan: that of its item, or that of what was paid when an upgrade's payment was
/// given back.
fn subscribed<'a>(
    subscription: &'a Subscription,
    payments: &'a [Paid],
    grace_days: u16,
) -> Option<(Timestamp, &'a str)> {
    use SubscriptionStatus::{
        Active, Canceled, Incomplete, IncompleteExpired, PastDue, Paused, Trialing, Unpaid,
    };
    let (start, end) = (subscription.current_period_start, subscription.current_period_end);
    if subscription.ended_at.is_some() {
        return None;
    }
    let until = match subscription.status {
        Active | Trialing if subscription.cancel_at_period_end => end,
        // Stripe takes an hour or more to charge what renews.
        Active | Trialing => days_after(end, grace_days),
        PastDue if subscription.cancel_at_period_end => days_after(start, grace_days).min(end),
        PastDue => days_after(start, grace_days),
        Incomplete | IncompleteExpired | Unpaid | Paused | Canceled => return None,
    };
    let present: Vec<&Payment> = payments
        .iter()
        .map(|paid| &paid.payment)
        .filter(|payment| payment.subscription_id.as_deref() == Some(&subscription.id))
        .filter(|payment| payment.period_start.is_some_and(|from| start <= from && from < end))
        .filter(|payment| payment.status == PaymentStatus::Succeeded)
        .collect();
    let (whole, changes): (Vec<&Payment>, Vec<&Payment>) =
        present.into_iter().partition(|payment| pays_whole_period(payment, start));
    if !whole.is_empty() && !whole.iter().any(|payment| payment.stands()) {
        return None;
    }
    let plan = subscription.plan.as_str();
    let mut to_it = changes.iter().filter(|payment| payment.plan.as_deref() == Some(plan));
    let taken_back = to_it.clone().next().is_some() && !to_it.any(|payment| payment.stands());
    let paid_plan = whole.iter().find(|payment| payment.stands()).and_then(|payment| payment.plan.as_deref());
    Some((until, paid_plan.filter(|_| taken_back).unwrap_or(plan)))
}

/// Whether it pays for a period and not for a change in mid-period. A change that begins a period anew is paid as one.
pub(super) fn pays_whole_period(payment: &Payment, start: Timestamp) -> bool {
    payment.billing_reason.as_deref() != Some("subscription_update") || payment.period_start == Some(start)
}

/// Payments of this plan for days that still run at `now`, or are yet to.
#[must_use]
pub fn running(rows: &Rows, plan: &str, plans: &Plans, now: Timestamp) -> Vec<Uuid> {
    let paid = |by| match by {
        By::Payment(id) => Some(id),
        By::Grant(_) => None,
    };
    stretches(rows, plan, plans).iter().filter(|one| one.until > now).filter_map(|one| paid(one.by)).collect()
}

#[cfg(test)]
mod tests;
