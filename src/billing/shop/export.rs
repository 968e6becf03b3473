//! What somebody bought and was given, for the export of their account.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::store;
use super::view::PaymentView;
use crate::billing::records::{self, SubscriptionStatus};
use crate::billing::terms;
use crate::conversations::view::wire_time;
use crate::postgres::Stored;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionRecord {
    id: String,
    plan: String,
    status: SubscriptionStatus,
    cancel_at_period_end: bool,
    current_period_start: Timestamp,
    current_period_end: Timestamp,
    canceled_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    created_at: Timestamp,
}

/// A plan that an admin gave for a time.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantRecord {
    id: Uuid,
    plan: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    taken_at: Option<Timestamp>,
}

/// Payments with ids above `after`, the oldest first.
pub async fn payment_records(
    client: &impl GenericClient,
    user: UserId,
    after: Uuid,
    limit: i64,
) -> Stored<Vec<PaymentView>> {
    let payments = store::payments_from(client, user, after, limit).await?;
    Ok(payments.into_iter().map(PaymentView::from).collect())
}

/// The latest [`records::READ_MAX`].
pub async fn subscription_records(
    client: &impl GenericClient,
    user: UserId,
) -> Stored<Vec<SubscriptionRecord>> {
    let rows = records::subscriptions_of(client, user).await?.into_iter();
    let record = |row: records::Subscription| SubscriptionRecord {
        id: row.id,
        plan: row.plan,
        status: row.status,
        cancel_at_period_end: row.cancel_at_period_end,
        current_period_start: wire_time(row.current_period_start),
        current_period_end: wire_time(row.current_period_end),
        canceled_at: row.canceled_at.map(wire_time),
        ended_at: row.ended_at.map(wire_time),
        created_at: wire_time(row.created_at),
    };
    Ok(rows.map(record).collect())
}

/// The latest [`records::READ_MAX`].
pub async fn grant_records(client: &impl GenericClient, user: UserId) -> Stored<Vec<GrantRecord>> {
    let grants = terms::grants(client, user).await?.into_iter();
    let record = |grant: terms::Grant| GrantRecord {
        id: grant.id,
        plan: grant.plan,
        starts_at: wire_time(grant.starts_at),
        ends_at: wire_time(grant.ends_at),
        taken_at: grant.taken_at.map(wire_time),
    };
    Ok(grants.map(record).collect())
}
