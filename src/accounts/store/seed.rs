//! The SQL of seeding: crowds are made inside the database, by sets.

use deadpool_postgres::{Client, Transaction};
use greenroom_actors::domain::{RoomId, UserId};
use uuid::Uuid;

use crate::accounts::{LoadPlan, Seeded};
use crate::postgres::{Stored, execute};

/// Ids that a load generator can compute: a fixed part for the kind, then the number in hexadecimal.
const USER_ID: &str = "('00000000-0000-7000-8000-' || lpad(to_hex(k), 12, '0'))::uuid";
const ROOM_ID: &str = "('00000000-0000-7001-8000-' || lpad(to_hex(r), 12, '0'))::uuid";
const CHARACTER_ID: &str = "'00000000-0000-7002-8000-000000000000'::uuid";

/// The same as [`ROOM_ID`].
#[must_use]
pub fn load_room(number: u32) -> RoomId {
    RoomId::from_uuid(Uuid::from_u64_pair(0x7001, 0x8000 << 48 | u64::from(number)))
}

/// Makes users, one character, rooms with their members, and the rooms' heads, in one transaction.
pub async fn load(client: &mut Client, load: &LoadPlan) -> Stored<Seeded> {
    let (users, rooms, members) = (i64::from(load.users), i64::from(load.rooms), i64::from(load.members));
    let transaction = client.transaction().await?;
    // A crowd may take longer than any request is allowed to.
    transaction.batch_execute("set local statement_timeout = 0").await?;
    let made_users = execute(
        &transaction,
        &format!(
            "insert into users (id, username, username_key, display_name, plan, seeded)
            select {USER_ID}, 'load-' || k, 'load-' || k, 'Load ' || k, $2, true
            from generate_series(0, $1::bigint - 1) k
            on conflict (id) do update set plan = excluded.plan, base_plan = null, settle_at = null
                where users.plan <> excluded.plan"
        ),
        &[&users, &load.plan],
    )
    .await?;
    let made_characters = execute(
        &transaction,
        &format!(
            "insert into characters (id, slug, name, tagline, description, category, color, greeting, personality, \
                seeded)
            values ({CHARACTER_ID}, 'load', 'Load', 'Answers load tests', 'Made by `greenroom seed --load`.', 'test', \
                '#3a7d5c', 'Ready.', 'Brief.', true)
            on conflict (id) do nothing"
        ),
        &[],
    )
    .await?;
    let member =
        "('00000000-0000-7000-8000-' || lpad(to_hex((r * $2::bigint + m) % $3::bigint), 12, '0'))::uuid";
    let made_rooms = execute(
        &transaction,
        &format!(
            "insert into rooms (id, slug, title, owner_id)
            select {ROOM_ID}, 'load-' || r, 'Load ' || r, {member}
            from generate_series(0, $1::bigint - 1) r, (values (0::bigint)) first (m)
            on conflict (id) do nothing"
        ),
        &[&rooms, &members, &users],
    )
    .await?;
    execute(
        &transaction,
        &format!(
            "insert into room_members (room_id, user_id)
            select {ROOM_ID}, {member}
            from generate_series(0, $1::bigint - 1) r, generate_series(0, $2::bigint - 1) m
            on conflict do nothing"
        ),
        &[&rooms, &members, &users],
    )
    .await?;
    execute(
        &transaction,
        &format!(
            "insert into room_characters (room_id, character_id, position)
            select {ROOM_ID}, {CHARACTER_ID}, 0 from generate_series(0, $1::bigint - 1) r on conflict do nothing"
        ),
        &[&rooms],
    )
    .await?;
    execute(
        &transaction,
        &format!(
            "insert into heads (room_id) select {ROOM_ID} from generate_series(0, $1::bigint - 1) r
            on conflict do nothing"
        ),
        &[&rooms],
    )
    .await?;
    transaction.commit().await?;
    // The planner has never seen these tables so full.
    client.batch_execute("analyze users, rooms, room_members, room_characters, heads").await?;
    Ok(Seeded { users: made_users, rooms: made_rooms, characters: made_characters })
}

/// Gives users of the crowd a way in; answers how many.
pub async fn give_password(client: &Client, users: u32, hash: &str, blocked: u32) -> Stored<u64> {
    execute(
        client,
        &format!(
            "update users u set password_hash = $2, email = 'load-' || k || '@example.com',
                email_key = 'load-' || k || '@example.com', email_verified_at = now(),
                mobile = '+49151' || lpad(k::text, 8, '0'),
                blocked_at = case when k >= $1::bigint - $3::bigint then now() end
            from generate_series(0, $1::bigint - 1) k where u.id = {USER_ID} and u.seeded"
        ),
        &[&i64::from(users), &hash, &i64::from(blocked)],
    )
    .await
}

pub async fn make_admin(transaction: &Transaction<'_>, user: UserId) -> Stored<()> {
    let sql = "update users set role = 'admin', updated_at = now() where id = $1";
    execute(transaction, sql, &[&user.uuid()]).await.map(drop)
}

/// Removes all that was seeded. The log has no foreign keys, so what hangs on a room is removed by name.
pub async fn clean(client: &mut Client) -> Stored<Seeded> {
    let transaction = client.transaction().await?;
    transaction.batch_execute("set local statement_timeout = 0").await?;
    transaction
        .batch_execute(
            "create temporary table gone on commit drop as
                select r.id from rooms r join users u on u.id = r.owner_id where u.seeded",
        )
        .await?;
    for table in ["messages", "heads", "reads", "turns"] {
        transaction
            .execute(&format!("delete from {table} where room_id in (select id from gone)"), &[])
            .await?;
    }
    transaction
        .execute("delete from usage where user_id in (select id from users where seeded)", &[])
        .await?;
    // Codes stand by their number alone; all else of an account goes with its row.
    for table in ["otp_codes", "otp_sends"] {
        transaction
            .execute(
                &format!("delete from {table} where mobile in (select mobile from users where seeded)"),
                &[],
            )
            .await?;
    }
    let rooms = transaction.execute("delete from rooms where id in (select id from gone)", &[]).await?;
    let users = transaction.execute("delete from users where seeded", &[]).await?;
    let characters = transaction
        .execute(
            "delete from characters c where c.seeded
                and not exists (select from room_characters rc where rc.character_id = c.id)
                and not exists (select from rooms r where r.default_character_id = c.id)",
            &[],
        )
        .await?;
    transaction.commit().await?;
    Ok(Seeded { users, rooms, characters })
}
