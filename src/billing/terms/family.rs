//! A plan for days, as its payments and grants make it: one after the other by when they came, never from the clock of whoever
//! looks. Each extends what there is and shortens nothing.

use std::collections::BTreeSet;

use greenroom_actors::domain::{Plans, Term};
use jiff::Timestamp;
use uuid::Uuid;

use super::calendar::days_after;
use super::resolve::{Grant, Paid, Rows};
use crate::billing::records::PaymentKind;

/// What a stretch came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    Grant(Uuid),
    Payment(Uuid),
}

/// A span in which a plan holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub by: By,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Where the plan ends that this is a part of: what follows without a gap belongs together.
    pub run_until: Timestamp,
}

/// The plans that were ever bought or given for days.
pub fn plans_of(rows: &Rows) -> BTreeSet<&str> {
    let bought = rows.payments.iter().filter(|paid| paid.payment.kind == PaymentKind::Plan);
    let bought = bought.filter_map(|paid| paid.payment.plan.as_deref());
    bought.chain(rows.grants.iter().map(|grant| grant.plan.as_str())).collect()
}

/// All stretches of one plan, in their order.
pub fn stretches(rows: &Rows, plan: &str, plans: &Plans) -> Vec<Stretch> {
    let bought = rows.payments.iter().filter_map(|paid| bought(paid, plan, plans));
    let given = rows.grants.iter().filter_map(|grant| given(grant, plan));
    let mut terms: Vec<(Timestamp, By, Span)> = bought.chain(given).collect();
    terms.sort_unstable_by_key(|(at, by, _)| (*at, *by));

    let mut stretches: Vec<Stretch> = Vec::with_capacity(terms.len());
    let mut run = 0;
    let mut until = Timestamp::MIN;
    for (at, by, span) in terms {
        let (from, end) = match span {
            Span::Days(days) => (until.max(at), days_after(until.max(at), days)),
            Span::Until(end) => (at, end),
        };
        if from > until {
            run = stretches.len();
        }
        until = until.max(end);
        stretches.push(Stretch { by, from, until: end, run_until: until });
        stretches[run..].iter_mut().for_each(|one| one.run_until = until);
    }
    stretches
}

enum Span {
    Days(u16),
    Until(Timestamp),
}

fn bought(paid: &Paid, plan: &str, plans: &Plans) -> Option<(Timestamp, By, Span)> {
    let payment = &paid.payment;
    let fits = payment.kind == PaymentKind::Plan && payment.plan.as_deref() == Some(plan);
    let days = days_of(paid, plans).filter(|_| fits && payment.stands())?;
    Some((payment.paid_at?, By::Payment(payment.id), Span::Days(days)))
}

fn given(grant: &Grant, plan: &str) -> Option<(Timestamp, By, Span)> {
    let end = grant.end();
    (grant.plan == plan && end > grant.starts_at).then_some((
        grant.starts_at,
        By::Grant(grant.id),
        Span::Until(end),
    ))
}

/// For how many days a payment bought its plan: as it was noted, else by the settings.
pub fn days_of(paid: &Paid, plans: &Plans) -> Option<u16> {
    let by_settings = || match plans.find(paid.payment.plan.as_deref()?)?.term {
        Term::Days(days) => Some(days),
        Term::Endless | Term::Month | Term::Year => None,
    };
    paid.days.or_else(by_settings)
}
