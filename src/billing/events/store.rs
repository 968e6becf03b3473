//! The SQL of kept events.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{EventState, Filter, KeptEvent};
use crate::billing::stripe::StripeEvent;
use crate::postgres::{Stored, execute, query, query_opt};

/// Characters of an error that are kept.
const ERROR_MAX_CHARS: usize = 500;
/// Counted up to here; more are many.
const COUNT_MAX: i64 = 10_000;

fn state_of(word: &str) -> EventState {
    EventState::parse(word).unwrap_or(EventState::Failed)
}

pub async fn state(client: &impl GenericClient, id: &str) -> Stored<Option<EventState>> {
    let sql = "select state from stripe_events where id = $1";
    Ok(query_opt(client, sql, &[&id]).await?.map(|row| state_of(row.get(0))))
}

/// Writes how an event ended, and answers how often it was tried with that; `None`: it had ended before. Who comes while another
/// transaction has written it waits for that one's end.
pub async fn conclude(
    client: &impl GenericClient,
    event: &StripeEvent,
    state: EventState,
    error: Option<&str>,
    user: Option<UserId>,
) -> Stored<Option<i32>> {
    let sql =
        "insert into stripe_events (id, type, object_id, user_id, livemode, api_version, payload, state, error,
            created_at, handled_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, case when $8 <> 'waiting' then now() end)
        on conflict (id) do update set state = excluded.state, error = excluded.error,
            user_id = coalesce(excluded.user_id, stripe_events.user_id), handled_at = excluded.handled_at,
            tries = stripe_events.tries + 1
        where stripe_events.state in ('waiting', 'failed') returning tries";
    let error = error.map(bounded);
    let row = query_opt(
        client,
        sql,
        &[
            &event.id,
            &event.kind,
            &event.object_id,
            &user.map(UserId::uuid),
            &event.livemode,
            &event.api_version,
            &event.payload,
            &state.as_str(),
            &error,
            &event.created_at,
        ],
    )
    .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Gives an event up.
pub async fn give_up(client: &impl GenericClient, id: &str) -> Stored<()> {
    let sql = "update stripe_events set state = 'failed', handled_at = now() where id = $1";
    execute(client, sql, &[&id]).await.map(drop)
}

fn bounded(text: &str) -> String {
    // Postgres takes no NUL.
    text.chars().filter(|letter| *letter != '\0').take(ERROR_MAX_CHARS).collect()
}

/// Sets an event back to its first try, whatever became of it.
pub async fn reopen(client: &impl GenericClient, id: &str) -> Stored<bool> {
    let sql = "update stripe_events set state = 'waiting', tries = 0, error = null, handled_at = null where id = $1";
    Ok(execute(client, sql, &[&id]).await? == 1)
}

const COLUMNS: &str =
    "id, type, object_id, state, tries, error, created_at, received_at, handled_at, livemode, api_version";

fn kept(row: &Row) -> KeptEvent {
    KeptEvent {
        id: row.get(0),
        kind: row.get(1),
        object_id: row.get(2),
        state: state_of(row.get(3)),
        tries: row.get::<_, i32>(4).unsigned_abs(),
        error: row.get(5),
        created_at: row.get(6),
        received_at: row.get(7),
        handled_at: row.get(8),
    }
}

/// The latest first. `after` goes before `skip`.
pub async fn list(
    client: &impl GenericClient,
    filter: &Filter,
    after: Option<(Timestamp, String)>,
    skip: i64,
    limit: i64,
) -> Stored<Vec<KeptEvent>> {
    let sql = format!(
        "select {COLUMNS} from stripe_events where ($1::text is null or state = $1) and ($2::text is null or type = $2)
            and ($3::timestamptz is null or (received_at, id) < ($3, $4))
        order by received_at desc, id desc limit $5 offset $6"
    );
    let state = filter.state.map(EventState::as_str);
    let skip = if after.is_some() { 0 } else { skip };
    let (at, id) = after.unzip();
    let rows = query(client, &sql, &[&state, &filter.kind, &at, &id, &limit, &skip]).await?;
    Ok(rows.iter().map(kept).collect())
}

/// How many there are; `None`: more than are worth counting.
pub async fn count(client: &impl GenericClient, filter: &Filter) -> Stored<Option<u64>> {
    let sql = "select count(*) from (select from stripe_events where ($1::text is null or state = $1)
        and ($2::text is null or type = $2) limit $3) few";
    let state = filter.state.map(EventState::as_str);
    let row = query_opt(client, sql, &[&state, &filter.kind, &(COUNT_MAX + 1)]).await?;
    let counted: i64 = row.map_or(0, |row| row.get(0));
    Ok((counted <= COUNT_MAX).then_some(counted.unsigned_abs()))
}

pub async fn find(client: &impl GenericClient, id: &str) -> Stored<Option<(KeptEvent, StripeEvent)>> {
    let sql = format!("select {COLUMNS}, payload from stripe_events where id = $1");
    let found = query_opt(client, &sql, &[&id]).await?;
    Ok(found.map(|row| {
        let kept = kept(&row);
        let payload: Value = row.get(11);
        let object_type = payload["data"]["object"]["object"].as_str().map(str::to_owned);
        let event = StripeEvent {
            id: kept.id.clone(),
            kind: kept.kind.clone(),
            object_id: kept.object_id.clone(),
            object_type,
            livemode: row.get(9),
            api_version: row.get(10),
            created_at: kept.created_at,
            payload,
        };
        (kept, event)
    }))
}

/// Events that wait, the oldest first, with their tries.
pub async fn waiting(client: &impl GenericClient, limit: i64) -> Stored<Vec<(String, i32)>> {
    let sql = "select id, tries from stripe_events where state = 'waiting' order by received_at limit $1";
    Ok(query(client, sql, &[&limit]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Removes what ended long ago; how many.
pub async fn sweep(client: &impl GenericClient, keep: Duration, limit: i64) -> Stored<u64> {
    let sql = "delete from stripe_events where id in (select id from stripe_events where state <> 'waiting'
        and received_at < now() - make_interval(secs => $1) order by received_at limit $2)";
    execute(client, sql, &[&keep.as_secs_f64(), &limit]).await
}

/// Leaves the ids of what a person's events said: enough to do one again.
pub async fn blank(client: &impl GenericClient, user: Uuid) -> Stored<u64> {
    let sql = "update stripe_events set payload = jsonb_strip_nulls(jsonb_build_object(
            'id', id, 'object', 'event', 'type', type, 'created', payload->'created', 'livemode', livemode,
            'data', jsonb_build_object('object', jsonb_build_object(
                'id', payload#>'{data,object,id}', 'object', payload#>'{data,object,object}',
                'payment_intent', payload#>'{data,object,payment_intent}',
                'charge', payload#>'{data,object,charge}'))))
        where user_id = $1";
    execute(client, sql, &[&user]).await
}

/// How the events do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub last_at: Option<Timestamp>,
    pub waiting: i64,
    pub failed: i64,
    pub oldest_waiting_at: Option<Timestamp>,
}

pub async fn standing(client: &impl GenericClient) -> Stored<Standing> {
    let sql =
        "select (select max(received_at) from stripe_events), count(*) filter (where state = 'waiting'),
            count(*) filter (where state = 'failed'), min(received_at) filter (where state = 'waiting')
        from stripe_events where state in ('waiting', 'failed')";
    Ok(query_opt(client, sql, &[]).await?.map_or_else(Standing::default, |row| Standing {
        last_at: row.get(0),
        waiting: row.get(1),
        failed: row.get(2),
        oldest_waiting_at: row.get(3),
    }))
}
