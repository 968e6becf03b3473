//! The SQL of accounts as admins see and change them.

use deadpool_postgres::{GenericClient, Transaction};
use greenroom_actors::domain::UserId;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Belongings, LinkedIdentity, Person, Search};
use crate::accounts::Role;
use crate::accounts::store::{COLUMNS, USERS, account};
use crate::postgres::{Stored, containing, execute, query, query_opt};

const MORE: &str = "case when u.plan_until > now() then u.plan_after end as plan_after, u.blocked_at, \
    u.erased_at, now() as read_at";

fn person(row: &Row) -> Person {
    let account = account(row);
    Person {
        profile: account.profile,
        plan_after: row.get("plan_after"),
        blocked_at: row.get("blocked_at"),
        blocked_why: account.blocked_why,
        deactivated_at: account.deactivated_at,
        erased_at: row.get("erased_at"),
        read_at: row.get("read_at"),
    }
}

pub async fn find(client: &impl GenericClient, user: UserId) -> Stored<Option<Person>> {
    let sql = format!("select {COLUMNS}, {MORE} from {USERS} where u.id = $1");
    Ok(query_opt(client, &sql, &[&user.uuid()]).await?.as_ref().map(person))
}

/// The account, locked until the transaction ends.
pub async fn lock(transaction: &Transaction<'_>, user: UserId) -> Stored<Option<Person>> {
    // Two statements: what was joined to a row that had to be waited for would be as old as the wait.
    query(transaction, "select from users where id = $1 for no key update", &[&user.uuid()]).await?;
    find(transaction, user).await
}

// In the order of ids: all who lock several accounts do it so. Whoever waited sees who is an admin after the wait.
const LOCK_ADMINS: &str = "select id from users
    where role = 'admin' and blocked_at is null and deactivated_at is null order by id for no key update";

/// The active admins, locked until the transaction ends.
pub async fn lock_active_admins(transaction: &Transaction<'_>) -> Stored<Vec<UserId>> {
    let rows = query(transaction, LOCK_ADMINS, &[]).await?;
    Ok(rows.iter().map(|row| UserId::from_uuid(row.get(0))).collect())
}

/// The accounts that fit, the newest first, and how many they are in all.
pub async fn list(
    client: &impl GenericClient,
    search: &Search,
    before: Option<Uuid>,
    limit: i64,
    skip: i64,
) -> Stored<(Vec<Person>, i64)> {
    let id = search.q.as_deref().and_then(|q| Uuid::try_parse(q).ok());
    let pattern = search.q.as_deref().map(containing);
    let role = search.role.map(Role::as_str);
    let status = search.status.map(super::Standing::as_str);
    let filter =
        "($1::text is null or u.id = $2 or u.username ilike $1 or u.email ilike $1 or u.mobile ilike $1
            or u.display_name ilike $1)
        and ($3::text is null or u.role = $3)
        and ($4::text is null or s.plan = $4)
        and case $5::text
            when 'active' then u.blocked_at is null and u.deactivated_at is null
            when 'blocked' then u.blocked_at is not null and u.erased_at is null
            when 'deactivated' then u.deactivated_at is not null and u.erased_at is null
            when 'erased' then u.erased_at is not null
            else u.erased_at is null end";
    let counting = format!("select count(*) from {USERS} where {filter}");
    let listing = format!(
        "select {COLUMNS}, {MORE} from {USERS} where {filter} and ($6::uuid is null or u.id < $6)
        order by u.id desc limit $7 offset $8"
    );
    let counted = query(client, &counting, &[&pattern, &id, &role, &search.plan, &status]).await?;
    let total = counted.first().map_or(0, |row| row.get(0));
    let rows =
        query(client, &listing, &[&pattern, &id, &role, &search.plan, &status, &before, &limit, &skip])
            .await?;
    Ok((rows.iter().map(person).collect(), total))
}

const COUNTS: &str = "select
    (select count(*) from sign_ins where user_id = $1 and ended_at is null),
    (select max(last_used_at) from sign_ins where user_id = $1),
    (select count(*) from api_keys where user_id = $1 and revoked_at is null
        and (expires_at is null or expires_at > now())),
    (select count(*) from room_members m join rooms r on r.id = m.room_id
        where m.user_id = $1 and m.left_at is null and r.deleted_at is null)";
const IDENTITIES: &str = "select id, provider, email, created_at, last_used_at from identities
    where user_id = $1 order by created_at, id limit 100";

pub async fn belongings(client: &impl GenericClient, user: UserId) -> Stored<Belongings> {
    let counts = query(client, COUNTS, &[&user.uuid()]).await?;
    let identities = query(client, IDENTITIES, &[&user.uuid()]).await?;
    let identity = |row: &Row| LinkedIdentity {
        id: row.get(0),
        provider: row.get(1),
        email: row.get(2),
        created_at: row.get(3),
        last_used_at: row.get(4),
    };
    Ok(counts.first().map_or_else(Belongings::default, |row| Belongings {
        sign_ins: row.get(0),
        last_sign_in_at: row.get(1),
        api_keys: row.get(2),
        conversations: row.get(3),
        identities: identities.iter().map(identity).collect(),
    }))
}

pub async fn set_role(transaction: &Transaction<'_>, user: UserId, role: Role) -> Stored<()> {
    let sql = "update users set role = $2, updated_at = now() where id = $1";
    execute(transaction, sql, &[&user.uuid(), &role.as_str()]).await.map(drop)
}

pub async fn block(transaction: &Transaction<'_>, user: UserId, why: Option<&str>) -> Stored<()> {
    let sql =
        "update users set blocked_at = coalesce(blocked_at, now()), blocked_why = $2, updated_at = now()
        where id = $1";
    execute(transaction, sql, &[&user.uuid(), &why]).await.map(drop)
}

pub async fn unblock(transaction: &Transaction<'_>, user: UserId) -> Stored<()> {
    let sql = "update users set blocked_at = null, blocked_why = null, updated_at = now() where id = $1";
    execute(transaction, sql, &[&user.uuid()]).await.map(drop)
}

pub async fn reactivate(transaction: &Transaction<'_>, user: UserId) -> Stored<()> {
    let sql =
        "update users set deactivated_at = null, deactivated_why = null, updated_at = now() where id = $1";
    execute(transaction, sql, &[&user.uuid()]).await.map(drop)
}
