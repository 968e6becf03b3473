//! SQL of what somebody has: their row, what it is worked out from, and what was done about it.

use deadpool_postgres::{GenericClient, Transaction};
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::lots::Lot;
use super::resolve::{Base, Grant, Paid, Rows};
use crate::billing::ledger::Purse;
use crate::billing::records::{self, PAYMENT_COLUMNS, READ_MAX, payment};
use crate::postgres::{Stored, execute, query, query_opt};

type Value<'a> = &'a (dyn ToSql + Sync);

/// A person's row.
#[derive(Clone, Debug)]
pub struct Person {
    /// As it was written last, whether that is over or not.
    pub plan: String,
    pub until: Option<Timestamp>,
    pub after: Option<String>,
    pub base_plan: Option<String>,
    pub base_since: Timestamp,
    pub settle_at: Option<Timestamp>,
    pub erased: bool,
    /// Where they proved that it is theirs.
    pub email: Option<String>,
    pub name: String,
    pub locale: String,
    /// The database's clock, once the row was had.
    pub now: Timestamp,
}

impl Person {
    /// The plan that holds where nothing else does.
    #[must_use]
    pub fn base(&self) -> Base {
        // By a hand that knew of no base plan: what comes after an end.
        let plan = self.base_plan.clone().or_else(|| self.after.clone());
        Base { plan: plan.unwrap_or_else(|| self.plan.clone()), since: self.base_since }
    }
}

const PERSON: &str = "select plan, plan_until, plan_after, base_plan, coalesce(base_since, created_at), settle_at,
    erased_at is not null, case when email_verified_at is not null then email end, display_name, locale, clock_timestamp()
    from users where id = $1";

fn person(row: &Row) -> Person {
    Person {
        plan: row.get(0),
        until: row.get(1),
        after: row.get(2),
        base_plan: row.get(3),
        base_since: row.get(4),
        settle_at: row.get(5),
        erased: row.get(6),
        email: row.get(7),
        name: row.get(8),
        locale: row.get(9),
        now: row.get(10),
    }
}

pub async fn find(client: &impl GenericClient, user: UserId) -> Stored<Option<Person>> {
    Ok(query_opt(client, PERSON, &[&user.uuid()]).await?.as_ref().map(person))
}

/// Locks the row until the transaction ends. Whoever waited sees what was written meanwhile.
pub async fn lock(transaction: &Transaction<'_>, user: UserId) -> Stored<Option<Person>> {
    let sql = format!("{PERSON} for no key update");
    Ok(query_opt(transaction, &sql, &[&user.uuid()]).await?.as_ref().map(person))
}

/// All that is known of a person, but for the base plan.
pub async fn rows(client: &impl GenericClient, user: UserId, base: Base) -> Stored<Rows> {
    let paid = format!(
        "select {PAYMENT_COLUMNS}, term_days from payments where user_id = $1 and status = 'succeeded'
        order by created_at desc, id desc limit $2"
    );
    let whose = user.uuid();
    let values: [Value<'_>; 2] = [&whose, &READ_MAX];
    let (payments, subscriptions, grants) = tokio::try_join!(
        query(client, &paid, &values),
        records::subscriptions_of(client, user),
        query(client, GRANTS, &values)
    )?;
    let paid = |row: &Row| Paid {
        payment: payment(row),
        days: row.get::<_, Option<i32>>("term_days").and_then(|days| u16::try_from(days).ok()),
    };
    Ok(Rows {
        user: whose,
        base,
        payments: payments.iter().map(paid).collect(),
        subscriptions,
        grants: grants.iter().map(grant).collect(),
    })
}

const GRANTS: &str = "select id, plan, starts_at, ends_at, taken_at from plan_grants where user_id = $1
    order by ends_at desc limit $2";

fn grant(row: &Row) -> Grant {
    Grant {
        id: row.get(0),
        plan: row.get(1),
        starts_at: row.get(2),
        ends_at: row.get(3),
        taken_at: row.get(4),
    }
}

/// The latest first.
pub async fn grants(client: &impl GenericClient, user: UserId) -> Stored<Vec<Grant>> {
    Ok(query(client, GRANTS, &[&user.uuid(), &READ_MAX]).await?.iter().map(grant).collect())
}

pub async fn lots(client: &impl GenericClient, user: UserId) -> Stored<Vec<Lot>> {
    let sql = "select key, source, purse, plan, amount, given, taken, steps, ends_at from credit_lots where user_id = $1
        order by created_at desc limit $2";
    let lot = |row: &Row| Lot {
        key: row.get(0),
        source: row.get(1),
        purse: if row.get::<_, &str>(2) == Purse::Plan.as_str() { Purse::Plan } else { Purse::Own },
        plan: row.get(3),
        amount: row.get(4),
        given: row.get(5),
        taken: row.get(6),
        steps: row.get(7),
        ends_at: row.get(8),
    };
    Ok(query(client, sql, &[&user.uuid(), &LOTS_MAX]).await?.iter().map(lot).collect())
}

/// As many as there can be payments, and what comes month by month.
const LOTS_MAX: i64 = 2 * READ_MAX;

pub async fn keep_lots(transaction: &Transaction<'_>, user: UserId, lots: &[&Lot]) -> Stored<()> {
    let sql = "insert into credit_lots (key, user_id, source, purse, plan, amount, given, taken, steps, ends_at)
        select l.key, $1, l.source, l.purse, l.plan, l.amount, l.given, l.taken, l.steps, l.ends_at
        from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::integer[], $10::timestamptz[]) as l (key, source, purse, plan, amount, given, taken, steps, ends_at)
        on conflict (key) do update set plan = excluded.plan, amount = excluded.amount, given = excluded.given,
            taken = excluded.taken, steps = excluded.steps, ends_at = excluded.ends_at";
    let text = |of: fn(&Lot) -> &str| -> Vec<String> { lots.iter().map(|lot| of(lot).to_owned()).collect() };
    let number = |of: fn(&Lot) -> i64| -> Vec<i64> { lots.iter().map(|lot| of(lot)).collect() };
    let plans: Vec<Option<&str>> = lots.iter().map(|lot| lot.plan.as_deref()).collect();
    let steps: Vec<i32> = lots.iter().map(|lot| lot.steps).collect();
    let ends: Vec<Option<Timestamp>> = lots.iter().map(|lot| lot.ends_at).collect();
    execute(
        transaction,
        sql,
        &[
            &user.uuid(),
            &text(|lot| &lot.key),
            &text(|lot| &lot.source),
            &text(|lot| lot.purse.as_str()),
            &plans,
            &number(|lot| lot.amount),
            &number(|lot| lot.given),
            &number(|lot| lot.taken),
            &steps,
            &ends,
        ],
    )
    .await
    .map(drop)
}

/// What somebody was told already.
pub async fn told(client: &impl GenericClient, user: UserId) -> Stored<Vec<String>> {
    let sql = "select key from terms_told where user_id = $1 order by told_at desc limit $2";
    Ok(query(client, sql, &[&user.uuid(), &LOTS_MAX]).await?.iter().map(|row| row.get(0)).collect())
}

pub async fn keep_told(transaction: &Transaction<'_>, user: UserId, keys: &[String]) -> Stored<()> {
    let sql = "insert into terms_told (user_id, key) select $1, unnest($2::text[]) on conflict do nothing";
    execute(transaction, sql, &[&user.uuid(), &keys]).await.map(drop)
}

/// Notes for how many days these payments bought their plan.
pub async fn keep_days(transaction: &Transaction<'_>, days: &[(Uuid, u16)]) -> Stored<()> {
    let sql =
        "update payments p set term_days = d.days from unnest($1::uuid[], $2::integer[]) as d (id, days)
        where p.id = d.id and p.term_days is null";
    let (ids, days): (Vec<Uuid>, Vec<i32>) = days.iter().map(|(id, days)| (*id, i32::from(*days))).unzip();
    execute(transaction, sql, &[&ids, &days]).await.map(drop)
}

/// What a person has from now on.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    pub plan: &'a str,
    pub until: Option<Timestamp>,
    pub after: Option<&'a str>,
    /// Null while nothing else than it ever held.
    pub base_plan: Option<&'a str>,
    pub settle_at: Option<Timestamp>,
}

pub async fn set(transaction: &Transaction<'_>, user: UserId, new: &Standing<'_>) -> Stored<()> {
    let sql = "update users set plan = $2, plan_until = $3, plan_after = $4, base_plan = $5, settle_at = $6,
        updated_at = case when (plan, plan_until) is distinct from ($2, $3) then now() else updated_at end where id = $1";
    let values: [Value<'_>; 6] =
        [&user.uuid(), &new.plan, &new.until, &new.after, &new.base_plan, &new.settle_at];
    execute(transaction, sql, &values).await.map(drop)
}

pub async fn set_base(transaction: &Transaction<'_>, user: UserId, plan: &str) -> Stored<()> {
    let sql =
        "update users set base_plan = $2, base_since = clock_timestamp(), updated_at = now() where id = $1";
    execute(transaction, sql, &[&user.uuid(), &plan]).await.map(drop)
}

pub async fn grant_plan(
    transaction: &Transaction<'_>,
    user: UserId,
    plan: &str,
    (from, until): (Timestamp, Timestamp),
    actor: UserId,
) -> Stored<()> {
    let sql = "insert into plan_grants (id, user_id, plan, starts_at, ends_at, actor_id) values ($1, $2, $3, $4, $5, $6)";
    execute(transaction, sql, &[&Uuid::now_v7(), &user.uuid(), &plan, &from, &until, &actor.uuid()])
        .await
        .map(drop)
}

/// Ends the grants of this plan that run, or of any; answers how many.
pub async fn take_grants(transaction: &Transaction<'_>, user: UserId, plan: Option<&str>) -> Stored<u64> {
    let sql = "update plan_grants set taken_at = clock_timestamp()
        where user_id = $1 and taken_at is null and ends_at > clock_timestamp() and ($2::text is null or plan = $2)";
    execute(transaction, sql, &[&user.uuid(), &plan]).await
}

pub async fn take_payments(transaction: &Transaction<'_>, payments: &[Uuid]) -> Stored<u64> {
    let sql =
        "update payments set taken_at = now(), updated_at = now() where id = any($1) and taken_at is null";
    execute(transaction, sql, &[&payments]).await
}

/// Whether a subscription to this plan may still be paid.
pub async fn is_subscribed(client: &impl GenericClient, user: UserId, plan: &str) -> Stored<bool> {
    let sql = "select exists (select from subscriptions where user_id = $1 and plan = $2
        and status in ('trialing', 'active', 'past_due', 'unpaid', 'paused', 'incomplete'))";
    Ok(query_opt(client, sql, &[&user.uuid(), &plan]).await?.is_some_and(|row| row.get(0)))
}

/// People of whom something changes by itself by now, those of longest ago first.
pub async fn due(client: &impl GenericClient, limit: i64) -> Stored<Vec<UserId>> {
    let sql = "select id from users where settle_at <= now() order by settle_at limit $1";
    Ok(query(client, sql, &[&limit]).await?.iter().map(|row| UserId::from_uuid(row.get(0))).collect())
}

/// People who have one of these plans and nothing that changes by itself: nobody has granted its credits yet.
pub async fn unsettled(client: &impl GenericClient, plans: &[&str], limit: i64) -> Stored<Vec<UserId>> {
    let sql = "select id from users where settle_at is null and plan_until is null and erased_at is null and plan = any($1)
        limit $2";
    Ok(query(client, sql, &[&plans, &limit]).await?.iter().map(|row| UserId::from_uuid(row.get(0))).collect())
}

/// Somebody who cannot be settled now keeps nobody else from it.
pub async fn postpone(client: &impl GenericClient, user: UserId, minutes: i32) -> Stored<()> {
    let sql = "update users set settle_at = now() + make_interval(mins => $2) where id = $1";
    execute(client, sql, &[&user.uuid(), &minutes]).await.map(drop)
}
