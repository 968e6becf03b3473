//! SQL of the books.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use uuid::Uuid;

use super::revenue::{Earned, GroupBy};
use crate::billing::records::{PAYMENT_COLUMNS, Payment, PaymentStatus, payment};
use crate::http::Days;
use crate::postgres::{Stored, query, query_opt};

const GRANTS_MAX: i64 = 100;

/// Which payments an admin wants to see.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    pub user: Option<UserId>,
    pub status: Option<PaymentStatus>,
}

/// A payment, and what its person is called; null where the account is erased.
#[derive(Clone, Debug, PartialEq)]
pub struct Booked {
    pub payment: Payment,
    pub username: Option<String>,
}

/// A plan that an admin gave for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub id: Uuid,
    pub plan: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub taken_at: Option<Timestamp>,
    pub actor: Option<Uuid>,
}

pub async fn payments(
    client: &impl GenericClient,
    filter: &Filter,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
    skip: i64,
) -> Stored<Vec<Booked>> {
    let (at, id) = after.unzip();
    let sql = format!(
        "select {PAYMENT_COLUMNS}, (select username from users u where u.id = user_id and u.erased_at is null)
        from payments where ($1::uuid is null or user_id = $1) and ($2::text is null or status = $2)
            and ($3::timestamptz is null or (created_at, id) < ($3, $4))
        order by created_at desc, id desc limit $5 offset $6"
    );
    let user = filter.user.map(UserId::uuid);
    let status = filter.status.map(PaymentStatus::as_str);
    let rows = query(client, &sql, &[&user, &status, &at, &id, &limit, &skip]).await?;
    let username = |row: &tokio_postgres::Row| row.get(row.len() - 1);
    Ok(rows.iter().map(|row| Booked { payment: payment(row), username: username(row) }).collect())
}

pub async fn grants(client: &impl GenericClient, user: UserId) -> Stored<Vec<Granted>> {
    let sql = "select id, plan, starts_at, ends_at, taken_at, actor_id from plan_grants where user_id = $1
        order by starts_at desc, id limit $2";
    let rows = query(client, sql, &[&user.uuid(), &GRANTS_MAX]).await?;
    let granted = |row: &tokio_postgres::Row| Granted {
        id: row.get(0),
        plan: row.get(1),
        starts_at: row.get(2),
        ends_at: row.get(3),
        taken_at: row.get(4),
        actor: row.get(5),
    };
    Ok(rows.iter().map(granted).collect())
}

// What was paid on the days from $1 to $2 (UTC) is found by its index.
const PAID: &str = "status = 'succeeded' and paid_at >= $1::text::date::timestamp at time zone 'UTC'
    and paid_at < ($2::text::date + 1)::timestamp at time zone 'UTC'";

pub async fn earned(
    client: &impl GenericClient,
    days: Days,
    by: GroupBy,
    currency: &str,
) -> Stored<Vec<Earned>> {
    let key = match by {
        GroupBy::Day => "to_char(paid_at at time zone 'UTC', 'YYYY-MM-DD')",
        GroupBy::Month => "to_char(paid_at at time zone 'UTC', 'YYYY-MM')",
        GroupBy::Plan => "coalesce(plan, 'credits')",
        GroupBy::Kind => "kind",
    };
    let sql = format!(
        "select key, count(*), sum(amount_cents)::bigint, sum(gone)::bigint from (
            select {key} as key, amount_cents,
                case when dispute in ('open', 'lost') then amount_cents else refunded_cents end as gone
            from payments where {PAID} and currency = $3) as paid
        group by key order by key"
    );
    let (from, to) = (days.from.to_string(), days.to.to_string());
    let rows = query(client, &sql, &[&from, &to, &currency]).await?;
    let earned = |row: &tokio_postgres::Row| {
        let (gross_cents, refunded_cents): (i64, i64) = (row.get(2), row.get(3));
        let net_cents = gross_cents - refunded_cents;
        Earned { key: row.get(0), payments: row.get(1), gross_cents, refunded_cents, net_cents }
    };
    Ok(rows.iter().map(earned).collect())
}

/// Payments in another currency than the one that is added up.
pub async fn foreign_payments(client: &impl GenericClient, days: Days, currency: &str) -> Stored<i64> {
    let sql = format!("select count(*) from payments where {PAID} and currency <> $3");
    let (from, to) = (days.from.to_string(), days.to.to_string());
    Ok(query_opt(client, &sql, &[&from, &to, &currency]).await?.map_or(0, |row| row.get(0)))
}

/// Subscriptions that are paid or about to be, by plan.
pub async fn running(client: &impl GenericClient) -> Stored<Vec<(String, i64)>> {
    let sql = "select plan, count(*) from subscriptions where status in ('trialing', 'active', 'past_due')
        group by plan";
    Ok(query(client, sql, &[]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}
