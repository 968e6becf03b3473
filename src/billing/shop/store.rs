//! The shop's own SQL: attempts, turns, and whom an account's leaving concerns. Rows of what was bought are in `records`.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::billing::records::{PAYMENT_COLUMNS, Payment, PaymentKind, payment};
use crate::postgres::{Stored, execute, query, query_opt};

/// Sessions of a person that are looked at: Stripe ends one after a day.
const SESSIONS_MAX: i64 = 50;

/// What is wanted, and what came of it so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The key at Stripe.
    pub id: Uuid,
    pub object_id: Option<String>,
}

const ATTEMPT: &str = "insert into shop_attempts as a (user_id, deed, wish, id) values ($1, $2, $3, $4)
    on conflict (user_id, deed, wish) do update set
        id = case when a.created_at < now() - make_interval(secs => $5) then excluded.id else a.id end,
        object_id = case when a.created_at < now() - make_interval(secs => $5) then null else a.object_id end,
        created_at = case when a.created_at < now() - make_interval(secs => $5) then now() else a.created_at end
    returning id, object_id";

/// The attempt of this wish that is not older than `holds`, or a new one. The person's old ones are forgotten.
pub async fn attempt(
    client: &impl GenericClient,
    user: UserId,
    deed: &str,
    wish: &str,
    holds: Duration,
) -> Stored<Attempt> {
    let old = "delete from shop_attempts where user_id = $1 and created_at < now() - interval '1 day'";
    execute(client, old, &[&user.uuid()]).await?;
    let values = (Uuid::now_v7(), holds.as_secs_f64());
    let row = query_opt(client, ATTEMPT, &[&user.uuid(), &deed, &wish, &values.0, &values.1]).await?;
    let read = |row: &Row| Attempt { id: row.get(0), object_id: row.get(1) };
    Ok(row.as_ref().map_or(Attempt { id: values.0, object_id: None }, read))
}

pub async fn came_of(client: &impl GenericClient, attempt: Uuid, object: &str) -> Stored<()> {
    execute(client, "update shop_attempts set object_id = $2 where id = $1", &[&attempt, &object])
        .await
        .map(drop)
}

/// The next one who wants the same begins anew.
pub async fn forget(client: &impl GenericClient, attempt: Uuid) -> Stored<()> {
    execute(client, "delete from shop_attempts where id = $1", &[&attempt]).await.map(drop)
}

pub async fn forget_all(client: &impl GenericClient, user: UserId) -> Stored<()> {
    execute(client, "delete from shop_attempts where user_id = $1", &[&user.uuid()]).await.map(drop)
}

const TAKE_TURN: &str = "insert into shop_turns as t (user_id, holder, until)
    values ($1, $2, clock_timestamp() + make_interval(secs => $3))
    on conflict (user_id) do update set holder = excluded.holder, until = excluded.until
        where t.until <= clock_timestamp()
    returning holder";

/// False: somebody else has it.
pub async fn take_turn(
    client: &impl GenericClient,
    user: UserId,
    holder: Uuid,
    lease: Duration,
) -> Stored<bool> {
    let lease = lease.as_secs_f64();
    Ok(query_opt(client, TAKE_TURN, &[&user.uuid(), &holder, &lease]).await?.is_some())
}

pub async fn end_turn(client: &impl GenericClient, user: UserId, holder: Uuid) -> Stored<()> {
    let sql = "delete from shop_turns where user_id = $1 and holder = $2";
    execute(client, sql, &[&user.uuid(), &holder]).await.map(drop)
}

/// Another customer in the place of one that Stripe does not know.
pub async fn replace_customer(
    client: &impl GenericClient,
    user: UserId,
    unknown: &str,
    customer: &str,
) -> Stored<()> {
    let sql = "update stripe_customers set customer_id = $3, created_at = now() where user_id = $1 and customer_id = $2";
    execute(client, sql, &[&user.uuid(), &unknown, &customer]).await.map(drop)
}

/// Sessions that may still be open, of one kind or of all, the latest first.
pub async fn open_sessions(
    client: &impl GenericClient,
    user: UserId,
    kind: Option<PaymentKind>,
) -> Stored<Vec<String>> {
    let sql = "select id from checkouts where user_id = $1 and ($2::text is null or kind = $2) and closed_at is null
            and id like 'cs\\_%' and created_at > now() - interval '25 hours'
        order by created_at desc limit $3";
    let kind = kind.map(PaymentKind::as_str);
    let rows = query(client, sql, &[&user.uuid(), &kind, &SESSIONS_MAX]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub async fn close_session(client: &impl GenericClient, id: &str) -> Stored<()> {
    execute(client, "update checkouts set closed_at = now() where id = $1", &[&id]).await.map(drop)
}

/// The payment that a session led to.
pub async fn payment_of_session(client: &impl GenericClient, session: &str) -> Stored<Option<Payment>> {
    let sql = format!("select {PAYMENT_COLUMNS} from payments where checkout_id = $1 limit 1");
    Ok(query_opt(client, &sql, &[&session]).await?.as_ref().map(payment))
}

/// A person's payments with ids above `after`, the oldest first.
pub async fn payments_from(
    client: &impl GenericClient,
    user: UserId,
    after: Uuid,
    limit: i64,
) -> Stored<Vec<Payment>> {
    let sql =
        format!("select {PAYMENT_COLUMNS} from payments where user_id = $1 and id > $2 order by id limit $3");
    Ok(query(client, &sql, &[&user.uuid(), &after, &limit]).await?.iter().map(payment).collect())
}

/// An account that is not used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// An admin can still bring it back.
    Deactivated,
    Erased,
}

/// `None`: it is there, or came back.
pub async fn absence(client: &impl GenericClient, user: UserId) -> Stored<Option<Absence>> {
    let sql = "select erased_at is not null from users where id = $1
        and (erased_at is not null or deactivated_at is not null)";
    let read = |row: Row| if row.get(0) { Absence::Erased } else { Absence::Deactivated };
    Ok(query_opt(client, sql, &[&user.uuid()]).await?.map(read))
}

/// The customer of an account, unless it is deleted already.
pub async fn customer_left(client: &impl GenericClient, user: UserId) -> Stored<Option<String>> {
    let sql = "select customer_id from stripe_customers where user_id = $1 and deleted_at is null";
    Ok(query_opt(client, sql, &[&user.uuid()]).await?.map(|row| row.get(0)))
}

pub async fn customer_deleted(client: &impl GenericClient, user: UserId) -> Stored<()> {
    execute(client, "update stripe_customers set deleted_at = now() where user_id = $1", &[&user.uuid()])
        .await
        .map(drop)
}

const LEFT_BEHIND: &str = "select c.user_id from stripe_customers c join users u on u.id = c.user_id
    where c.deleted_at is null
        and (u.erased_at is not null
            or u.deactivated_at is not null and exists (
                select from subscriptions s where s.user_id = c.user_id and not s.cancel_at_period_end
                    and s.status not in ('canceled', 'incomplete_expired')))
    order by c.user_id limit $1";

/// Accounts that are gone, or left, while Stripe still has a customer or charges on.
pub async fn left_behind(client: &impl GenericClient, limit: i64) -> Stored<Vec<UserId>> {
    Ok(query(client, LEFT_BEHIND, &[&limit]).await?.iter().map(|row| UserId::from_uuid(row.get(0))).collect())
}
