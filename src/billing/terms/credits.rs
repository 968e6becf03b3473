//! Which credits somebody is to have by what was bought and given, in lots: what came together, with a payment, a period, a
//! month. Pure; `lots` brings the ledger there.

use std::collections::BTreeMap;

use greenroom_actors::domain::Plans;
use jiff::{SignedDuration, Timestamp};

use super::calendar::month_of;
use super::family::{By, plans_of, stretches};
use super::resolve::{Grant, Paid, Rows, pays_whole_period};
use crate::billing::ledger::Purse;
use crate::billing::ledger::decide::AMOUNT_MAX;
use crate::billing::records::{Payment, PaymentKind, PaymentStatus, SubscriptionStatus};

/// A period that is longer has its credits month by month.
const MONTH_MAX: SignedDuration = SignedDuration::from_hours(24 * 32);

/// A lot as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub key: String,
    /// Of those with one source the latest takes the place of the one before.
    pub source: String,
    pub purse: Purse,
    pub plan: Option<String>,
    pub amount: i64,
    /// Of a plan's.
    pub ends_at: Option<Timestamp>,
    pub fewer: Fewer,
}

impl Wanted {
    /// Nothing of it is left, since what paid for it was given back.
    pub fn is_given_back(&self) -> bool {
        self.amount == 0 && self.fewer == Fewer::Taken
    }
}

/// Whether a lot may become less than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fewer {
    /// Something was given back: what is too much is taken.
    Taken,
    /// Less now, by a lesser plan or other settings: what was granted stays.
    Kept,
}

/// All lots that may have to change at `now`, where `plan` holds; and when months end that are followed by others.
pub fn wanted(rows: &Rows, plans: &Plans, plan: &str, now: Timestamp) -> (Vec<Wanted>, Vec<Timestamp>) {
    let mut wanted = Months { lots: Vec::new(), ends: Vec::new(), now };
    for paid in &rows.payments {
        match paid.payment.kind {
            PaymentKind::Credits => wanted.lots.extend(pack(&paid.payment)),
            PaymentKind::Plan if !paid.payment.stands() => wanted.lots.extend(returned(&paid.payment)),
            PaymentKind::Plan | PaymentKind::Subscription => {}
        }
    }
    let mut bought = for_days(rows, plans);
    // As they were paid: where one ends the rest of another, it is always the same one.
    bought.sort_by_key(|(at, lot)| (*at, lot.key.clone()));
    wanted.lots.extend(bought.into_iter().map(|(_, lot)| lot));
    for (subscription, payments) in by_subscription(&rows.payments) {
        subscribed(rows, plans, subscription, &payments, &mut wanted);
    }
    for grant in rows.grants.iter().filter(|grant| !grant.was_taken()) {
        let (amount, span) = (credits_of(plans, &grant.plan), (grant.starts_at, grant.ends_at));
        wanted.month(grant_source(grant), &grant.plan, amount, span, Fewer::Kept);
    }
    if plan == rows.base.plan {
        let (amount, span) = (credits_of(plans, plan), (rows.base.since, Timestamp::MAX));
        wanted.month(base_source(rows), plan, amount, span, Fewer::Kept);
    }
    (wanted.lots, wanted.ends)
}

const BASE: &str = "base:";

fn base_source(rows: &Rows) -> String {
    format!("{BASE}{}:{}", rows.user, rows.base.since.as_microsecond())
}

fn grant_source(grant: &Grant) -> String {
    format!("grant:{}", grant.id)
}

/// Sources that an admin took away: none of their credits stay.
pub struct Gone {
    base: String,
    grants: Vec<String>,
}

impl Gone {
    pub fn new(rows: &Rows) -> Self {
        let taken = rows.grants.iter().filter(|grant| grant.was_taken());
        Self { base: base_source(rows), grants: taken.map(grant_source).collect() }
    }

    /// Base plans but for the present one, and grants that were taken before their end.
    pub fn is(&self, source: &str) -> bool {
        let was_base = source.starts_with(BASE) && source != self.base;
        was_base || self.grants.iter().any(|grant| grant == source)
    }
}

/// Of a plan that is no more, those of the one in its place.
fn credits_of(plans: &Plans, plan: &str) -> i64 {
    if plans.knows(plan) { i64::from(plans.get(plan).credits).min(AMOUNT_MAX) } else { 0 }
}

fn key_of(payment: &Payment) -> String {
    let id = payment.intent_id.as_deref().or(payment.invoice_id.as_deref());
    id.map_or_else(|| format!("pay:{}", payment.id), |id| format!("pay:{id}"))
}

/// Credits that were bought, less the share that was given back, rounded down.
fn pack(payment: &Payment) -> Option<Wanted> {
    let bought = i64::from(payment.credits?).min(AMOUNT_MAX);
    let share = |part: i64| {
        let share = i128::from(bought) * i128::from(part) / i128::from(payment.amount_cents.max(1));
        i64::try_from(share).unwrap_or(bought)
    };
    let amount = if payment.stands() { bought - share(payment.refunded_cents) } else { 0 };
    let key = key_of(payment);
    (payment.status == PaymentStatus::Succeeded).then(|| Wanted {
        source: key.clone(),
        key,
        purse: Purse::Own,
        plan: None,
        amount,
        ends_at: None,
        fewer: Fewer::Taken,
    })
}

/// What came with a plan for days whose payment no longer stands.
fn returned(payment: &Payment) -> Option<Wanted> {
    let key = key_of(payment);
    let at = payment.paid_at.filter(|_| payment.status == PaymentStatus::Succeeded)?;
    Some(Wanted {
        source: key.clone(),
        key,
        purse: Purse::Plan,
        plan: payment.plan.clone(),
        amount: 0,
        ends_at: Some(at),
        fewer: Fewer::Taken,
    })
}

/// Once for each payment; all of them last as long as the plan does without a gap.
fn for_days(rows: &Rows, plans: &Plans) -> Vec<(Timestamp, Wanted)> {
    let mut lots = Vec::new();
    for plan in plans_of(rows) {
        for one in stretches(rows, plan, plans) {
            let By::Payment(id) = one.by else { continue };
            let Some(paid) = rows.payments.iter().find(|paid| paid.payment.id == id) else { continue };
            let key = key_of(&paid.payment);
            let lot = Wanted {
                source: key.clone(),
                key,
                purse: Purse::Plan,
                plan: Some(plan.to_owned()),
                amount: credits_of(plans, plan),
                ends_at: Some(one.run_until),
                fewer: Fewer::Kept,
            };
            lots.push((paid.payment.paid_at.unwrap_or(one.from), lot));
        }
    }
    lots
}

fn by_subscription(payments: &[Paid]) -> BTreeMap<&str, Vec<&Payment>> {
    let mut by_subscription: BTreeMap<&str, Vec<&Payment>> = BTreeMap::new();
    for payment in payments.iter().map(|paid| &paid.payment) {
        if payment.status == PaymentStatus::Succeeded
            && payment.kind == PaymentKind::Subscription
            && let Some(id) = payment.subscription_id.as_deref()
        {
            by_subscription.entry(id).or_default().push(payment);
        }
    }
    by_subscription
}

/// The latest period that was paid, whatever became of the subscription: its credits end with it. As many as the greatest
/// plan has that was paid for it, or that it is changed to.
fn subscribed(rows: &Rows, plans: &Plans, id: &str, payments: &[&Payment], wanted: &mut Months) {
    let period = |payment: &Payment| Some((payment.period_start?, payment.period_end?));
    let whole = payments.iter().filter(|one| one.billing_reason.as_deref() != Some("subscription_update"));
    let anew = payments.iter().filter(|one| {
        // An upgrade that begins a period anew.
        rows.subscriptions
            .iter()
            .any(|sub| sub.id == id && one.period_start == Some(sub.current_period_start))
    });
    let Some((start, end)) = whole.chain(anew).filter_map(|payment| period(payment)).max() else { return };
    let inside = |payment: &&&Payment| payment.period_start.is_some_and(|from| start <= from && from < end);
    let present: Vec<&Payment> = payments.iter().filter(inside).copied().collect();
    let paid = present.iter().any(|payment| pays_whole_period(payment, start) && payment.stands());
    let back = present.iter().any(|payment| !payment.stands());
    let standing = present.iter().filter(|payment| payment.stands()).filter_map(|it| it.plan.as_deref());
    // An upgrade that was paid and given back is none.
    let changed = rows.subscriptions.iter().filter(|sub| {
        sub.id == id
            && !back
            && (start <= sub.current_period_start && sub.current_period_start < end)
            && matches!(sub.status, SubscriptionStatus::Active | SubscriptionStatus::Trialing)
    });
    let greatest = standing
        .chain(changed.map(|sub| sub.plan.as_str()))
        .max_by_key(|plan| (credits_of(plans, plan), plan.to_owned()));
    let plan = greatest.or_else(|| present.first().and_then(|payment| payment.plan.as_deref()));
    let Some(plan) = plan else { return };
    let amount = if paid { credits_of(plans, plan) } else { 0 };
    let fewer = if back { Fewer::Taken } else { Fewer::Kept };
    let source = format!("sub:{id}");
    if end.duration_since(start) > MONTH_MAX {
        wanted.month(source, plan, amount, (start, end), fewer);
    } else {
        wanted.lot(source, plan, amount, (start, end), fewer);
    }
}

/// Lots that come month by month.
struct Months {
    lots: Vec<Wanted>,
    ends: Vec<Timestamp>,
    now: Timestamp,
}

impl Months {
    fn lot(
        &mut self,
        source: String,
        plan: &str,
        amount: i64,
        (from, until): (Timestamp, Timestamp),
        fewer: Fewer,
    ) {
        self.lots.push(Wanted {
            key: format!("{source}:{}", from.as_second()),
            source,
            purse: Purse::Plan,
            plan: Some(plan.to_owned()),
            amount,
            ends_at: Some(until),
            fewer,
        });
    }

    /// That of the present month, of a term from its start to its end.
    fn month(
        &mut self,
        source: String,
        plan: &str,
        amount: i64,
        (start, end): (Timestamp, Timestamp),
        fewer: Fewer,
    ) {
        if end <= self.now {
            return;
        }
        let (from, next) = month_of(start, self.now);
        if amount > 0 && next < end {
            self.ends.push(next);
        }
        if amount > 0 || fewer == Fewer::Taken {
            self.lot(source, plan, amount, (from, next.min(end)), fewer);
        }
    }
}
