//! SQL of customers, checkouts, payments and subscriptions.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Checkout, Dispute, Payment, PaymentKind, PaymentStatus, Subscription, SubscriptionStatus};
use crate::postgres::{Stored, execute, query, query_opt};

/// Rows of one person that a decision looks at. Older payments than these have long ended.
pub const READ_MAX: i64 = 1_000;

pub async fn customer_of(client: &impl GenericClient, user: UserId) -> Stored<Option<String>> {
    let sql = "select customer_id from stripe_customers where user_id = $1";
    Ok(query_opt(client, sql, &[&user.uuid()]).await?.map(|row| row.get(0)))
}

pub async fn user_of(client: &impl GenericClient, customer: &str) -> Stored<Option<UserId>> {
    let sql = "select user_id from stripe_customers where customer_id = $1";
    Ok(query_opt(client, sql, &[&customer]).await?.map(|row| UserId::from_uuid(row.get(0))))
}

/// Answers whose customer it is by now: who came first stays.
pub async fn keep_customer(client: &impl GenericClient, user: UserId, customer: &str) -> Stored<String> {
    let sql = "insert into stripe_customers (user_id, customer_id) values ($1, $2)
        on conflict (user_id) do update set customer_id = stripe_customers.customer_id returning customer_id";
    let row = query_opt(client, sql, &[&user.uuid(), &customer]).await?;
    Ok(row.map_or_else(|| customer.to_owned(), |row| row.get(0)))
}

/// The same session twice is one row.
pub async fn keep_checkout(client: &impl GenericClient, checkout: &Checkout) -> Stored<()> {
    let sql = "insert into checkouts (id, user_id, kind, plan, credits, amount_cents, currency)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing";
    let credits = checkout.credits.and_then(|credits| i32::try_from(credits).ok());
    execute(
        client,
        sql,
        &[
            &checkout.id,
            &checkout.user.uuid(),
            &checkout.kind.as_str(),
            &checkout.plan,
            &credits,
            &checkout.amount_cents,
            &checkout.currency,
        ],
    )
    .await
    .map(drop)
}

pub async fn checkout(client: &impl GenericClient, id: &str) -> Stored<Option<Checkout>> {
    let sql = "select id, user_id, kind, plan, credits, amount_cents, currency from checkouts where id = $1";
    let read = |row: Row| Checkout {
        id: row.get(0),
        user: UserId::from_uuid(row.get(1)),
        kind: PaymentKind::parse(row.get(2)).unwrap_or(PaymentKind::Plan),
        plan: row.get(3),
        credits: row.get::<_, Option<i32>>(4).and_then(|credits| u32::try_from(credits).ok()),
        amount_cents: row.get(5),
        currency: row.get(6),
    };
    Ok(query_opt(client, sql, &[&id]).await?.map(read))
}

pub(in crate::billing) const PAYMENT_COLUMNS: &str = "id, user_id, kind, plan, credits, intent_id, invoice_id, charge_id, checkout_id, subscription_id,
    billing_reason, amount_cents, currency, refunded_cents, status, dispute, failure, paid_at, period_start, period_end,
    taken_at, created_at";

/// A row of [`PAYMENT_COLUMNS`].
pub(in crate::billing) fn payment(row: &Row) -> Payment {
    Payment {
        id: row.get(0),
        user: UserId::from_uuid(row.get(1)),
        kind: PaymentKind::parse(row.get(2)).unwrap_or(PaymentKind::Plan),
        plan: row.get(3),
        credits: row.get::<_, Option<i32>>(4).and_then(|credits| u32::try_from(credits).ok()),
        intent_id: row.get(5),
        invoice_id: row.get(6),
        charge_id: row.get(7),
        checkout_id: row.get(8),
        subscription_id: row.get(9),
        billing_reason: row.get(10),
        amount_cents: row.get(11),
        currency: row.get(12),
        refunded_cents: row.get(13),
        status: PaymentStatus::parse(row.get(14)).unwrap_or(PaymentStatus::Pending),
        dispute: row.get::<_, Option<&str>>(15).and_then(Dispute::parse),
        failure: row.get(16),
        paid_at: row.get(17),
        period_start: row.get(18),
        period_end: row.get(19),
        taken_at: row.get(20),
        created_at: row.get(21),
    }
}

/// The row of this intent or, without one, of this invoice.
pub async fn payment_at(
    client: &impl GenericClient,
    intent: Option<&str>,
    invoice: Option<&str>,
) -> Stored<Option<Payment>> {
    // One at a time: a plan for either of both, made while the table was small, reads all of it later.
    for (column, id) in [("intent_id", intent), ("invoice_id", invoice)] {
        let Some(id) = id else { continue };
        let sql = format!("select {PAYMENT_COLUMNS} from payments where {column} = $1");
        if let Some(row) = query_opt(client, &sql, &[&id]).await? {
            return Ok(Some(payment(&row)));
        }
    }
    Ok(None)
}

/// Writes a payment as it stands now, in one row: a subscription's is known by its invoice, any other one by its intent. `id`,
/// `created_at` and `taken_at` stay what they were.
pub async fn keep_payment(client: &impl GenericClient, new: &Payment) -> Stored<()> {
    let known_by = if new.kind == PaymentKind::Subscription { "invoice_id" } else { "intent_id" };
    let sql = format!(
        "insert into payments (id, user_id, kind, plan, credits, intent_id, invoice_id, charge_id, checkout_id,
            subscription_id, billing_reason, amount_cents, currency, refunded_cents, status, dispute, failure, paid_at,
            period_start, period_end, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
        on conflict ({known_by}) do update set plan = excluded.plan, credits = excluded.credits,
            intent_id = coalesce(excluded.intent_id, payments.intent_id),
            invoice_id = coalesce(excluded.invoice_id, payments.invoice_id),
            charge_id = coalesce(excluded.charge_id, payments.charge_id),
            checkout_id = coalesce(excluded.checkout_id, payments.checkout_id),
            subscription_id = coalesce(excluded.subscription_id, payments.subscription_id),
            billing_reason = coalesce(excluded.billing_reason, payments.billing_reason),
            amount_cents = excluded.amount_cents, currency = excluded.currency, refunded_cents = excluded.refunded_cents,
            status = excluded.status, dispute = excluded.dispute, failure = excluded.failure, paid_at = excluded.paid_at,
            period_start = excluded.period_start, period_end = excluded.period_end, updated_at = now()"
    );
    execute(
        client,
        &sql,
        &[
            &new.id,
            &new.user.uuid(),
            &new.kind.as_str(),
            &new.plan,
            &new.credits.and_then(|credits| i32::try_from(credits).ok()),
            &new.intent_id,
            &new.invoice_id,
            &new.charge_id,
            &new.checkout_id,
            &new.subscription_id,
            &new.billing_reason,
            &new.amount_cents,
            &new.currency,
            &new.refunded_cents,
            &new.status.as_str(),
            &new.dispute.map(Dispute::as_str),
            &new.failure,
            &new.paid_at,
            &new.period_start,
            &new.period_end,
            &new.created_at,
        ],
    )
    .await
    .map(drop)
}

/// A person's payments, the latest first; `after` is where the page before ended.
pub async fn payments_of(
    client: &impl GenericClient,
    user: UserId,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
    skip: i64,
) -> Stored<Vec<Payment>> {
    let (at, id) = after.unzip();
    let sql = format!(
        "select {PAYMENT_COLUMNS} from payments where user_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3))
        order by created_at desc, id desc limit $4 offset $5"
    );
    Ok(query(client, &sql, &[&user.uuid(), &at, &id, &limit, &skip]).await?.iter().map(payment).collect())
}

pub async fn count_payments(client: &impl GenericClient, user: UserId) -> Stored<i64> {
    let sql = "select count(*) from payments where user_id = $1";
    Ok(query_opt(client, sql, &[&user.uuid()]).await?.map_or(0, |row| row.get(0)))
}

const SUBSCRIPTION: &str = "id, user_id, customer_id, item_id, price_id, plan, status, cancel_at_period_end,
    current_period_start, current_period_end, latest_invoice_id, canceled_at, ended_at, created_at";

fn subscription_row(row: &Row) -> Subscription {
    Subscription {
        id: row.get(0),
        user: UserId::from_uuid(row.get(1)),
        customer_id: row.get(2),
        item_id: row.get(3),
        price_id: row.get(4),
        plan: row.get(5),
        status: SubscriptionStatus::parse(row.get(6)).unwrap_or(SubscriptionStatus::Canceled),
        cancel_at_period_end: row.get(7),
        current_period_start: row.get(8),
        current_period_end: row.get(9),
        latest_invoice_id: row.get(10),
        canceled_at: row.get(11),
        ended_at: row.get(12),
        created_at: row.get(13),
    }
}

pub async fn subscription(client: &impl GenericClient, id: &str) -> Stored<Option<Subscription>> {
    let sql = format!("select {SUBSCRIPTION} from subscriptions where id = $1");
    Ok(query_opt(client, &sql, &[&id]).await?.as_ref().map(subscription_row))
}

/// A person's subscriptions, the latest first.
pub async fn subscriptions_of(client: &impl GenericClient, user: UserId) -> Stored<Vec<Subscription>> {
    let sql = format!(
        "select {SUBSCRIPTION} from subscriptions where user_id = $1 order by created_at desc, id desc limit $2"
    );
    Ok(query(client, &sql, &[&user.uuid(), &READ_MAX]).await?.iter().map(subscription_row).collect())
}

/// Writes a subscription as it stands now.
pub async fn keep_subscription(client: &impl GenericClient, new: &Subscription) -> Stored<()> {
    let sql = "insert into subscriptions (id, user_id, customer_id, item_id, price_id, plan, status,
            cancel_at_period_end, current_period_start, current_period_end, latest_invoice_id, canceled_at, ended_at,
            created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        on conflict (id) do update set item_id = excluded.item_id, price_id = excluded.price_id, plan = excluded.plan,
            status = excluded.status, cancel_at_period_end = excluded.cancel_at_period_end,
            current_period_start = excluded.current_period_start, current_period_end = excluded.current_period_end,
            latest_invoice_id = excluded.latest_invoice_id, canceled_at = excluded.canceled_at,
            ended_at = excluded.ended_at, updated_at = now()";
    execute(
        client,
        sql,
        &[
            &new.id,
            &new.user.uuid(),
            &new.customer_id,
            &new.item_id,
            &new.price_id,
            &new.plan,
            &new.status.as_str(),
            &new.cancel_at_period_end,
            &new.current_period_start,
            &new.current_period_end,
            &new.latest_invoice_id,
            &new.canceled_at,
            &new.ended_at,
            &new.created_at,
        ],
    )
    .await
    .map(drop)
}
