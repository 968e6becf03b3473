//! The SQL of leaving: deactivation, and what erasure takes.

use deadpool_postgres::{GenericClient, Transaction};
use greenroom_actors::domain::{RoomId, UserId};
use tokio_postgres::Row;

use super::erase::Deactivated;
use crate::postgres::{Stored, execute, query, query_opt};

const DEACTIVATE: &str = "update users
    set deactivated_at = now(), deactivated_why = 'by_user', updated_at = now()
    where id = $1 and deactivated_at is null and blocked_at is null
    returning id, deactivated_at, deactivated_at + make_interval(days => $2)";

/// `None`: there is no such active account.
pub async fn deactivate(
    transaction: &Transaction<'_>,
    user: UserId,
    days: u32,
) -> Stored<Option<Deactivated>> {
    let row = query_opt(transaction, DEACTIVATE, &[&user.uuid(), &days.cast_signed()]).await?;
    Ok(row.as_ref().map(deactivated))
}

fn deactivated(row: &Row) -> Deactivated {
    Deactivated { user: UserId::from_uuid(row.get(0)), at: row.get(1), erase_at: row.get(2) }
}

const OVERDUE: &str = "select id, deactivated_at, deactivated_at + make_interval(days => $1) from users
    where deactivated_at is not null and erased_at is null and deactivated_at <= now() - make_interval(days => $1)
    order by deactivated_at limit $2";

/// Accounts whose time is over, the oldest first.
pub async fn overdue(client: &impl GenericClient, days: u32, limit: i64) -> Stored<Vec<Deactivated>> {
    Ok(query(client, OVERDUE, &[&days.cast_signed(), &limit]).await?.iter().map(deactivated).collect())
}

const DUE: &str = "deactivated_at <= now() - make_interval(days => $2) and erased_at is null";

pub async fn is_due(client: &impl GenericClient, user: UserId, days: u32) -> Stored<bool> {
    let sql = format!("select from users where id = $1 and {DUE}");
    Ok(query_opt(client, &sql, &[&user.uuid(), &days.cast_signed()]).await?.is_some())
}

// A deleted room too: its log is still there.
const LONE_ROOMS: &str = "select r.id, r.deleted_at is null from rooms r
    where (r.owner_id = $1
            or exists (select from room_members m where m.room_id = r.id and m.user_id = $1 and m.left_at is null))
        and not exists (select from room_members m where m.room_id = r.id and m.user_id <> $1 and m.left_at is null)
    order by r.id limit $2";

/// Rooms in which there is nobody else, and whether each is open.
pub async fn lone_rooms(
    client: &impl GenericClient,
    user: UserId,
    limit: i64,
) -> Stored<Vec<(RoomId, bool)>> {
    let rows = query(client, LONE_ROOMS, &[&user.uuid(), &limit]).await?;
    Ok(rows.iter().map(|row| (RoomId::from_uuid(row.get(0)), row.get(1))).collect())
}

/// Where the user was written to: the e-mail address and the mobile number, as they stand now.
pub async fn addresses(client: &impl GenericClient, user: UserId) -> Stored<Vec<String>> {
    let sql = "select a from users, unnest(array[email, mobile]) as a where id = $1 and a is not null";
    Ok(query(client, sql, &[&user.uuid()]).await?.iter().map(|row| row.get(0)).collect())
}

/// What hangs on an account. Refresh tokens go with their sign-ins.
const TAKEN: [&str; 11] = [
    // They may name them. Those that are needed are made anew, of what then stands.
    "delete from room_summaries where room_id in (select room_id from room_members where user_id = $1)",
    "delete from otp_codes where mobile = (select mobile from users where id = $1)",
    "delete from otp_sends where mobile = (select mobile from users where id = $1)",
    "delete from usage where user_id = $1",
    "delete from sign_ins where user_id = $1",
    "delete from mail_links where user_id = $1",
    "delete from identities where user_id = $1",
    "delete from api_keys where user_id = $1",
    "delete from memories where user_id = $1",
    "delete from auth_history where user_id = $1",
    "delete from last_seen where user_id = $1",
];
const PSEUDONYM: &str =
    "update users set email = null, email_key = null, email_verified_at = null, mobile = null,
    username = $2, username_key = $2, display_name = $3, bio = '', locale = 'en', role = 'user',
    plan = $4, plan_until = null, plan_after = null, base_plan = null, base_since = null, settle_at = null,
    time_zone = 'UTC', next_time_zone = null, next_time_zone_at = null,
    password_hash = null, password_changed_at = null, blocked_why = null, deactivated_why = null,
    erased_at = now(), updated_at = now()
    where id = $1";

/// Makes a pseudonym of an account that is due; false: it is not due (any more), and nothing was done.
pub async fn erase(
    transaction: &Transaction<'_>,
    user: UserId,
    days: u32,
    username: &str,
    display_name: &str,
    plan: &str,
) -> Stored<bool> {
    let lock = format!("select from users where id = $1 and {DUE} for no key update");
    if query_opt(transaction, &lock, &[&user.uuid(), &days.cast_signed()]).await?.is_none() {
        return Ok(false);
    }
    for sql in TAKEN {
        execute(transaction, sql, &[&user.uuid()]).await?;
    }
    execute(transaction, PSEUDONYM, &[&user.uuid(), &username, &display_name, &plan]).await?;
    Ok(true)
}
