//! What somebody has by what was bought and given: their plan and until when, and the credits that came with it.
//!
//! **A function of the rows.** `payments`, `subscriptions`, `plan_grants` and the base plan say what there is by a pure rule
//! ([`resolve`]): so it does not matter in which order events came, or how often. [`settle`] writes what the rule says: the plan
//! into `users`, credits into the ledger, letters into the outbox, news for all nodes; what holds already is not written again.
//!
//! **The rule.** Plans for days follow one another from when they were paid, and admins' grants with them. A subscription holds
//! as long as Stripe says, with days of grace while it renews. The greatest plan holds; when it ends, the next one does. Credits
//! come in lots, each with what brought it.
//!
//! Owned here: `plan_grants`, `credit_lots`, `terms_told`, the plan's columns in `users`, and the job `billing.settle`. A person's
//! row is locked first, then their credits. People, in one settling, have at most [`records::READ_MAX`](super::records::READ_MAX)
//! payments that count.

mod calendar;
mod credits;
mod family;
mod gifts;
mod job;
mod lots;
mod resolve;
mod store;
mod told;
mod view;

use std::sync::Arc;

use deadpool_postgres::Transaction;
use greenroom_actors::domain::{Catalogue, Plans, UserId};
use greenroom_actors::protocol::Refusal;

pub use self::gifts::{base_plan, give, is_subscribed, set_base_plan, take, take_grants};
pub use self::job::{SETTLE, settle_due, settle_handler};
use self::lots::Lots;
pub use self::resolve::{Base, Grant, Held, Paid, Rows, Source, resolve};
pub use self::store::grants;
use self::store::{Person, Standing};
use self::told::About;
pub use self::told::Notice;
pub use self::view::{StandingView, SubscriptionView, standing};
use crate::accounts;
use crate::billing::records::PaymentKind;
use crate::config::BillingSettings;
use crate::outbound::{Channel, Outbound};
use crate::postgres::refusal;

/// Passes notices on to whoever is connected. Must not block.
pub type Teller = Arc<dyn Fn(&Notice) + Send + Sync>;

/// What settling needs beside the database. Cheap to clone.
#[derive(Clone)]
pub struct Terms {
    pub plans: Catalogue,
    pub settings: BillingSettings,
    outbound: Outbound,
    teller: Teller,
}

impl Terms {
    #[must_use]
    pub fn new(plans: Catalogue, settings: BillingSettings, outbound: Outbound, teller: Teller) -> Self {
        Self { plans, settings, outbound, teller }
    }

    /// Tells people on their sockets what has changed: after the commit.
    pub fn tell(&self, notices: &[Notice]) {
        notices.iter().for_each(|notice| (self.teller)(notice));
    }
}

/// Works out what a person has now from the rows of `payments`, `subscriptions` and `plan_grants`, and writes it: plan, its
/// end and what comes after it in `users`, credits in the ledger, letters in the outbox, news for all nodes. What holds
/// already is not written again, so it may be done at any time and any number of times. Locks the person's row.
///
/// The notices are for [`Terms::tell`], after the commit. Of who is gone or erased nothing is written.
pub async fn settle(
    transaction: &Transaction<'_>,
    user: UserId,
    terms: &Terms,
) -> Result<Vec<Notice>, Refusal> {
    // It is large, and whoever settles need not carry that room about.
    Box::pin(settle_now(transaction, user, terms)).await
}

async fn settle_now(
    transaction: &Transaction<'_>,
    user: UserId,
    terms: &Terms,
) -> Result<Vec<Notice>, Refusal> {
    let person = store::lock(transaction, user).await.map_err(|error| refusal(&error))?;
    let Some(person) = person.filter(|person| !person.erased) else { return Ok(Vec::new()) };
    let plans = terms.plans.current();
    let read = async {
        tokio::try_join!(
            store::rows(transaction, user, person.base()),
            store::lots(transaction, user),
            store::told(transaction, user)
        )
    };
    let (mut rows, lots, told) = read.await.map_err(|error| refusal(&error))?;
    note_days(transaction, &mut rows, &plans).await?;
    let held = resolve(&rows, &plans, terms.settings.grace_days, person.now);
    write(transaction, user, &person, &rows, &held).await?;
    let lots = Lots::new(transaction, user, person.now, lots);
    let gone = credits::Gone::new(&rows);
    let came = Box::pin(lots.bring(&held.credits, &gone)).await?;
    let about =
        About { user, person: &person, rows: &rows, held: &held, plans: &plans, came: &came, told: &told };
    let telling = about.tell();
    if !telling.keys.is_empty() {
        store::keep_told(transaction, user, &telling.keys).await.map_err(|error| refusal(&error))?;
    }
    if let Some(to) = person.email.as_deref().filter(|_| terms.outbound.mail() != Channel::Off) {
        for letter in &telling.letters {
            terms.outbound.send_mail(transaction, to, &person.locale, letter).await?;
        }
    }
    Ok(telling.notices)
}

/// Later settings do not change what was bought: for how many days is noted when a payment is first seen.
async fn note_days(transaction: &Transaction<'_>, rows: &mut Rows, plans: &Plans) -> Result<(), Refusal> {
    let mut noted = Vec::new();
    for paid in &mut rows.payments {
        if paid.payment.kind == PaymentKind::Plan && paid.days.is_none() {
            paid.days = family::days_of(paid, plans);
            noted.extend(paid.days.map(|days| (paid.payment.id, days)));
        }
    }
    if noted.is_empty() {
        return Ok(());
    }
    store::keep_days(transaction, &noted).await.map_err(|error| refusal(&error))
}

async fn write(
    transaction: &Transaction<'_>,
    user: UserId,
    person: &Person,
    rows: &Rows,
    held: &Held,
) -> Result<(), Refusal> {
    let same = person.plan == held.plan && person.until == held.until && person.after == held.after;
    let needed = person.base_plan.is_some() || held.plan != rows.base.plan;
    let base_plan = Some(rows.base.plan.as_str()).filter(|_| needed);
    if same && person.settle_at == held.due && person.base_plan.as_deref() == base_plan {
        return Ok(());
    }
    let new = Standing {
        plan: &held.plan,
        until: held.until,
        after: held.after.as_deref(),
        base_plan,
        settle_at: held.due,
    };
    store::set(transaction, user, &new).await.map_err(|error| refusal(&error))?;
    if !same {
        accounts::tell_nodes(transaction, user).await.map_err(|error| refusal(&error))?;
    }
    Ok(())
}
