//! The SQL of the statistics; what it counts, and why exactly, stands in `characters/statistics`.
//!
//! Lock order: the roll-up's row, then characters' numbers by id.

use std::sync::LazyLock;

use deadpool_postgres::{Client, GenericClient};
use jiff::Timestamp;
use uuid::Uuid;

use crate::characters::statistics::EPOCH_S;
use crate::postgres::{Stored, execute, query};

/// Which rooms are looked at.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    All,
    /// Those with a message of this id or a later one.
    SaidSince(Uuid),
}

/// How the counting stands as a run begins.
pub struct Began {
    pub now: Timestamp,
    pub last_at: Option<Timestamp>,
    pub full_at: Option<Timestamp>,
}

#[derive(Default)]
pub struct Counted {
    pub characters: Vec<Uuid>,
    /// The room to go on after; `None`: the last one was looked at.
    pub next: Option<Uuid>,
    /// Something is left of what was looked at.
    pub left: bool,
}

/// How much one transaction counts.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub rooms: i64,
    /// Of one room.
    pub messages: i64,
}

const LOCK: &str =
    "select now(), last_at, full_at, half_life_s from character_rollup where one for no key update";
// Heats are logarithms in half-lives: with another one each is written anew so that the popularity of this moment
// stays. Infinity stays what it is.
const RESCALE: &str = "with locked as materialized (
        select character_id from character_stats where heat > '-infinity' order by character_id for no key update)
    update character_stats s set heat = s.heat
        + (extract(epoch from now())::float8 - $1) / $3 - (extract(epoch from now())::float8 - $1) / $2
    from locked where s.character_id = locked.character_id";
const SET_HALF_LIFE: &str = "update character_rollup set half_life_s = $1";

/// Takes the present state, and brings the heats to this half-life.
pub async fn begin(client: &mut Client, half_life_s: f64) -> Stored<Began> {
    let transaction = client.transaction().await?;
    let rows = query(&transaction, LOCK, &[]).await?;
    let mut began = Began { now: Timestamp::now(), last_at: None, full_at: None };
    let mut stored: Option<f64> = None;
    if let Some(row) = rows.first() {
        began = Began { now: row.get(0), last_at: row.get(1), full_at: row.get(2) };
        stored = row.get(3);
    }
    if stored != Some(half_life_s) {
        if let Some(before) = stored {
            execute(&transaction, RESCALE, &[&EPOCH_S, &before, &half_life_s]).await?;
        }
        execute(&transaction, SET_HALF_LIFE, &[&half_life_s]).await?;
    }
    transaction.commit().await?;
    Ok(began)
}

const END: &str = "update character_rollup set last_at = greatest(last_at, $1),
    full_at = case when $2 then greatest(full_at, $1) else full_at end";

pub async fn end(client: &impl GenericClient, began: Timestamp, full: bool) -> Stored<()> {
    execute(client, END, &[&began, &full]).await.map(drop)
}

// $1 half-life, $2 epoch, $3 rooms, $4 messages of a room, $5 the id to look from, $6 the room to go on after.
fn said(which: Which) -> String {
    let (table, condition) = match which {
        Which::All => ("heads h", "$5::uuid is null"),
        Which::SaidSince(_) => (
            "(select distinct room_id from messages where id >= $5::uuid) lately join heads h using (room_id)",
            "true",
        ),
    };
    format!(
        "with behind as materialized (
            select h.room_id, coalesce(c.up_to, 0) as up_to,
                least(h.last_revision, coalesce(c.up_to, 0) + $4) as until, h.last_revision
            from {table} left join character_counted c on c.room_id = h.room_id
            where {condition} and h.room_id > $6 and h.last_revision > coalesce(c.up_to, 0)
            order by h.room_id limit $3
        ), marked as (
            insert into character_counted as c (room_id, up_to)
            select room_id, until from behind order by room_id
            on conflict (room_id) do update set up_to = excluded.up_to
        ), said as materialized (
            select m.sender_id as character_id, m.created_at,
                (extract(epoch from m.created_at)::float8 - $2) / $1 as heat
            from behind b
            join messages m on m.room_id = b.room_id and m.\"offset\" > b.up_to and m.\"offset\" <= b.until
            where m.sender_kind = 1
        ), hottest as (
            select character_id, count(*) as messages, max(created_at) as last_at, max(heat) as most
            from said group by character_id
        ), sums as (
            select h.character_id, h.messages, h.last_at,
                h.most + ln(sum(case when s.heat - h.most < -200 then 0 else power(2, s.heat - h.most) end)) / ln(2)
                    as heat
            from hottest h join said s using (character_id)
            group by h.character_id, h.messages, h.last_at, h.most
        ), locked as materialized (
            select character_id from character_stats where character_id in (select character_id from sums)
            order by character_id for no key update
        ), added as (
            update character_stats s set
                messages = s.messages + sums.messages,
                last_active_at = greatest(s.last_active_at, sums.last_at),
                heat = greatest(s.heat, sums.heat) + case
                    when least(s.heat, sums.heat) = '-infinity' or abs(s.heat - sums.heat) > 200 then 0
                    else ln(1 + power(2, -abs(s.heat - sums.heat))) / ln(2) end
            from locked join sums using (character_id)
            where s.character_id = locked.character_id
            returning s.character_id
        )
        select case when (select count(*) from behind) = $3
                then (select room_id from behind order by room_id desc limit 1) end,
            exists (select from behind where until < last_revision),
            array(select character_id from added)"
    )
}

static SAID_BY_ALL: LazyLock<String> = LazyLock::new(|| said(Which::All));
static SAID_LATELY: LazyLock<String> = LazyLock::new(|| said(Which::SaidSince(Uuid::nil())));

/// Founded conversations that one transaction counts.
const CASTS: i64 = 10_000;
const CAST: &str = "with gone as (
        delete from character_casts where id in (
            select id from character_casts order by id limit $1 for update skip locked)
        returning character_id, delta
    ), sums as (
        select character_id, sum(delta) as delta from gone group by character_id
    ), locked as materialized (
        select character_id from character_stats where character_id in (select character_id from sums)
        order by character_id for no key update
    ), added as (
        update character_stats s set conversations = s.conversations + sums.delta
        from locked join sums using (character_id)
        where s.character_id = locked.character_id
        returning s.character_id
    )
    select (select count(*) from gone), array(select character_id from added)";
// Marks of rooms whose log is erased, and of writers that ended long ago.
const SWEEP: &str = "with rooms as (
        delete from character_counted c where not exists (select from heads h where h.room_id = c.room_id)
    ), writers as (
        delete from character_view_writers where written_at < now() - interval '7 days'
    )
    select";

/// Counts some of what was not counted, of rooms after `after`, in one transaction that lets no other one count meanwhile.
pub async fn count(
    client: &mut Client,
    half_life_s: f64,
    which: Which,
    after: Uuid,
    bounds: Bounds,
) -> Stored<Counted> {
    let transaction = client.transaction().await?;
    // The lock comes in a statement of its own: the next one's snapshot has what the last roll-up committed.
    let standing = query(&transaction, LOCK, &[]).await?;
    let written_in = standing.first().and_then(|row| row.get::<_, Option<f64>>(3));
    if written_in.is_some_and(|half_life| half_life.to_bits() != half_life_s.to_bits()) {
        // Another node with other settings has taken over meanwhile.
        return Ok(Counted::default());
    }
    let (sql, id) = match which {
        Which::All => (&SAID_BY_ALL, None),
        Which::SaidSince(id) => (&SAID_LATELY, Some(id)),
    };
    let Bounds { rooms, messages } = bounds;
    let said = query(&transaction, sql, &[&half_life_s, &EPOCH_S, &rooms, &messages, &id, &after]).await?;
    let cast = query(&transaction, CAST, &[&CASTS]).await?;
    let mut counted = Counted::default();
    if let Some(row) = said.first() {
        counted.next = row.get(0);
        counted.left = row.get(1);
        counted.characters = row.get(2);
    }
    if let Some(row) = cast.first() {
        counted.left |= row.get::<_, i64>(0) == CASTS;
        counted.characters.extend(row.get::<_, Vec<Uuid>>(1));
    }
    if counted.next.is_none() && matches!(which, Which::All) {
        query(&transaction, SWEEP, &[]).await?;
    }
    transaction.commit().await?;
    Ok(counted)
}

const ADD_VIEWS: &str = "with new as (
        insert into character_view_writers as w (writer, batch) values ($1, $2)
        on conflict (writer) do update set batch = excluded.batch, written_at = now() where w.batch < excluded.batch
        returning 1
    ), locked as materialized (
        select character_id from character_stats where character_id = any($3) and exists (select from new)
        order by character_id for no key update
    )
    update character_stats s set views = s.views + seen.views
    from locked join unnest($3::uuid[], $4::bigint[]) as seen(character_id, views) using (character_id)
    where s.character_id = locked.character_id";

/// Adds a batch of views, once however often it is written.
pub async fn add_views(
    client: &impl GenericClient,
    writer: Uuid,
    batch: i64,
    views: &[(Uuid, i64)],
) -> Stored<()> {
    let (characters, counts): (Vec<Uuid>, Vec<i64>) = views.iter().copied().unzip();
    execute(client, ADD_VIEWS, &[&writer, &batch, &characters, &counts]).await.map(drop)
}
