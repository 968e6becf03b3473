//! What is offered for money, and whether it would be of any use. Amounts come from the settings alone.

use std::sync::Arc;

use greenroom_actors::domain::{Plan, Plans, Term, UserId};
use jiff::{SignedDuration, Timestamp};

use super::{Shop, ShopError};
use crate::billing::records::{PaymentKind, SubscriptionStatus};
use crate::billing::stripe::Offer;
use crate::billing::terms::{Source, StandingView};
use crate::config::{BillingSettings, PAYMENT_MAX_CENTS};

/// The plan of who names nothing.
const DEFAULT: &str = "premium";

/// What is wanted: one of the two, or the usual plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub plan: Option<String>,
    pub credits: Option<i64>,
}

impl Shop {
    pub(super) fn offer(&self, order: &Order) -> Result<Offer, ShopError> {
        let plans = self.0.terms.plans.current();
        match (&order.plan, order.credits) {
            (Some(_), Some(_)) => Err(ShopError::field("credits", "does not go together with plan")),
            (None, Some(credits)) => credits_offer(credits, &self.0.terms.settings),
            (plan, None) => Ok(Offer::Plan(plan_offer(&plans, plan.as_deref().unwrap_or(DEFAULT))?)),
        }
    }

    /// A plan that renews.
    pub(super) fn renewing(&self, name: &str) -> Result<Arc<Plan>, ShopError> {
        let plan = plan_offer(&self.0.terms.plans.current(), name)?;
        if plan.term.renews() {
            return Ok(plan);
        }
        Err(ShopError::field("plan", "is paid once, not as a subscription: open a checkout for it"))
    }

    /// Refuses what would be paid for and change nothing.
    pub(super) async fn check_use(&self, user: UserId, plan: &Plan) -> Result<(), ShopError> {
        let standing = self.standing(user).await?;
        let objection = objection(plan, &standing, &self.0.terms.plans.current(), Timestamp::now());
        objection.map_or(Ok(()), |why| Err(ShopError::conflict(why)))
    }
}

fn plan_offer(plans: &Plans, name: &str) -> Result<Arc<Plan>, ShopError> {
    let plan = plans.find(name).cloned().ok_or(ShopError::NoPlan)?;
    if plan.is_paid() {
        Ok(plan)
    } else {
        Err(ShopError::field("plan", "costs nothing: there is nothing to buy"))
    }
}

pub fn credits_offer(credits: i64, settings: &BillingSettings) -> Result<Offer, ShopError> {
    let (min, max) = (settings.credits_min, settings.credits_max);
    let refused = || ShopError::field("credits", format!("takes {min} to {max}"));
    let within = u32::try_from(credits).ok().filter(|credits| (min..=max).contains(credits));
    let credits = within.ok_or_else(refused)?;
    let amount = i64::from(credits).checked_mul(i64::from(settings.credit_price_cents));
    // The settings were held to this too.
    let most = i64::try_from(PAYMENT_MAX_CENTS).unwrap_or(i64::MAX);
    let amount_cents = amount.filter(|cents| (1..=most).contains(cents)).ok_or_else(refused)?;
    Ok(Offer::Credits { credits, amount_cents })
}

/// As it is kept: kind, plan, credits, amount in cents.
pub fn parts(offer: &Offer) -> (PaymentKind, Option<String>, Option<u32>, i64) {
    match offer {
        Offer::Plan(plan) => {
            let kind = if plan.term.renews() { PaymentKind::Subscription } else { PaymentKind::Plan };
            (kind, Some(plan.name.to_string()), None, i64::from(plan.price_cents))
        }
        Offer::Credits { credits, amount_cents } => {
            (PaymentKind::Credits, None, Some(*credits), *amount_cents)
        }
    }
}

/// Whether there is no place for another subscription beside one that stands so. One whose first payment was never made gives
/// way.
pub fn holds_a_place(status: SubscriptionStatus) -> bool {
    status.is_live() && status != SubscriptionStatus::Incomplete
}

/// Why buying this plan would not help; `None`: it does.
fn objection(wanted: &Plan, standing: &StandingView, plans: &Plans, now: Timestamp) -> Option<String> {
    let held = plans.get(&standing.plan.name);
    let live = standing.subscription.as_ref().filter(|one| holds_a_place(one.status));
    if let (true, Some(live)) = (wanted.term.renews(), live) {
        return Some(format!(
            "there is a subscription to {} already: change it instead, or wait until it has ended",
            live.plan
        ));
    }
    let renews = standing.source == Source::Subscription && live.is_some_and(|one| !one.cancel_at_period_end);
    let end = standing.plan_until.filter(|_| !renews);
    let same = held.name == wanted.name;
    if !same && held.rank() <= wanted.rank() {
        return None;
    }
    let Some(end) = end else {
        return Some(format!(
            "the plan {} has no end, and {} would add nothing to it",
            held.name, wanted.name
        ));
    };
    // More of the same goes on from its end; a subscription is there when the other plan has ended.
    let Term::Days(days) = wanted.term else { return None };
    let would_end =
        now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX);
    if same || end < would_end {
        return None;
    }
    Some(format!("the plan {} holds until {end:.0}: {} would have ended by then", held.name, wanted.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::ledger::BalanceView;
    use crate::billing::plans::Offers;
    use crate::billing::terms::SubscriptionView;
    use crate::config::Config;
    use greenroom_actors::domain::Catalogue;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-28T12:00:00Z")
    }

    fn standing(plan: &str, source: Source, until: Option<&str>) -> StandingView {
        let config = Config::default();
        let offers = Offers::new(Catalogue::new(config.engine_plans()), &config);
        StandingView {
            plan: offers.named(plan),
            plan_until: until.map(at),
            plan_after: None,
            is_premium: false,
            source,
            grace_until: None,
            subscription: None,
            credits: BalanceView { available: 0, plan: 0, own: 0, held: 0, plan_ends_at: None },
        }
    }

    fn subscribed(plan: &str, status: SubscriptionStatus) -> StandingView {
        let end = "2026-12-20T00:00:00Z";
        let subscription = SubscriptionView {
            id: "sub_1".into(),
            plan: plan.into(),
            status,
            cancel_at_period_end: false,
            current_period_start: now(),
            current_period_end: at(end),
            canceled_at: None,
            ended_at: None,
            created_at: now(),
            price_cents: 1,
            currency: "usd".into(),
        };
        StandingView { subscription: Some(subscription), ..standing(plan, Source::Subscription, Some(end)) }
    }

    fn helps(wanted: &str, standing: &StandingView) -> bool {
        let plans = Config::default().engine_plans();
        objection(plans.find(wanted).unwrap(), standing, &plans, now()).is_none()
    }

    #[test]
    fn more_of_the_same_and_what_is_greater_helps() {
        assert!(helps("premium", &standing("free", Source::Base, None)));
        assert!(helps("premium", &standing("premium", Source::Payment, Some("2027-06-01T00:00:00Z"))));
        assert!(helps("premium", &standing("premium", Source::Grant, Some("2026-12-01T00:00:00Z"))));
        assert!(helps("pro", &standing("premium", Source::Payment, Some("2026-12-01T00:00:00Z"))));
        assert!(helps("starter", &standing("premium", Source::Payment, Some("2026-12-01T00:00:00Z"))));
        assert!(helps("premium", &standing("pro", Source::Grant, Some("2026-11-30T00:00:00Z"))));
    }

    #[test]
    fn what_would_change_nothing_is_refused() {
        assert!(!helps("premium", &standing("premium", Source::Base, None)));
        assert!(!helps("starter", &standing("enterprise", Source::Base, None)));
        assert!(!helps("premium", &standing("pro", Source::Grant, Some("2027-01-30T00:00:00Z"))));
    }

    #[test]
    fn a_second_subscription_has_no_place() {
        for status in [SubscriptionStatus::Active, SubscriptionStatus::PastDue, SubscriptionStatus::Unpaid] {
            assert!(!helps("enterprise", &subscribed("starter", status)), "{status:?}");
        }
        // It is not paid yet, and gives way.
        assert!(helps(
            "enterprise",
            &StandingView {
                source: Source::Base,
                plan_until: None,
                ..subscribed("free", SubscriptionStatus::Incomplete)
            }
        ));
        assert!(!helps("premium", &subscribed("pro", SubscriptionStatus::Active)), "it renews");
        assert!(helps("premium", &subscribed("starter", SubscriptionStatus::Active)));
    }

    #[test]
    fn credits_are_sold_within_their_bounds() {
        let settings = BillingSettings::default();
        let offer = credits_offer(10, &settings).unwrap();
        assert_eq!(offer, Offer::Credits { credits: 10, amount_cents: 100 });
        for wrong in [i64::MIN, -10, 0, 9, 10_001, i64::from(u32::MAX) + 11, i64::MAX] {
            assert!(credits_offer(wrong, &settings).is_err(), "{wrong}");
        }
        let dear = BillingSettings { credit_price_cents: u32::MAX, credits_max: u32::MAX, ..settings };
        assert!(credits_offer(i64::from(u32::MAX), &dear).is_err(), "more than Stripe takes");
    }
}
