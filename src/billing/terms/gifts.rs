//! What admins give and take of plans, as rows that [`settle`](super::settle) works from: grants for a time, the base plan, and
//! payments whose effect is taken away. Each in the caller's transaction, which holds the person's row and settles afterwards.

use deadpool_postgres::{GenericClient, Transaction};
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;

use super::Terms;
use super::resolve::running;
use super::store;
use crate::postgres::{Stored, refusal};

/// Gives a plan for a time, in the place of earlier grants of it. What was bought of it while this runs goes on from its end.
pub async fn give(
    transaction: &Transaction<'_>,
    user: UserId,
    plan: &str,
    span: (Timestamp, Timestamp),
    actor: UserId,
) -> Result<(), Refusal> {
    let given = async {
        store::take_grants(transaction, user, Some(plan)).await?;
        store::grant_plan(transaction, user, plan, span, actor).await
    };
    given.await.map_err(|error| refusal(&error))
}

/// Takes a plan for days away: grants of it end now, and payments of it that still run pay for nothing more. Answers of how
/// many.
pub async fn take(
    transaction: &Transaction<'_>,
    user: UserId,
    plan: &str,
    terms: &Terms,
) -> Result<u64, Refusal> {
    let taken = async {
        let Some(person) = store::find(transaction, user).await? else { return Stored::Ok(0) };
        let rows = store::rows(transaction, user, person.base()).await?;
        let payments = running(&rows, plan, &terms.plans.current(), person.now);
        let payments = store::take_payments(transaction, &payments).await?;
        Ok(payments + store::take_grants(transaction, user, Some(plan)).await?)
    };
    taken.await.map_err(|error| refusal(&error))
}

/// Ends the grants of this plan now, or all of them; answers how many.
pub async fn take_grants(
    transaction: &Transaction<'_>,
    user: UserId,
    plan: Option<&str>,
) -> Result<u64, Refusal> {
    store::take_grants(transaction, user, plan).await.map_err(|error| refusal(&error))
}

/// The plan that holds where nothing that was bought or given does.
pub async fn base_plan(client: &impl GenericClient, user: UserId) -> Result<Option<String>, Refusal> {
    let person = store::find(client, user).await.map_err(|error| refusal(&error))?;
    Ok(person.map(|person| person.base().plan))
}

/// Sets it, from now on.
pub async fn set_base_plan(transaction: &Transaction<'_>, user: UserId, plan: &str) -> Result<(), Refusal> {
    store::set_base(transaction, user, plan).await.map_err(|error| refusal(&error))
}

/// Whether the person has a subscription to this plan that may still be paid.
pub async fn is_subscribed(client: &impl GenericClient, user: UserId, plan: &str) -> Result<bool, Refusal> {
    store::is_subscribed(client, user, plan).await.map_err(|error| refusal(&error))
}
