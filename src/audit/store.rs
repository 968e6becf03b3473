//! The SQL of the audit log.

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Act, Entry, Filter};
use crate::postgres::{Stored, execute, query};

/// Who acts when the server does something by itself.
const OWN_NAME: &str = "greenroom";

const INSERT: &str = "insert into audit_log
    (id, actor_id, actor_name, action, target_kind, target_id, reason, detail, address)
    values ($1, $2, coalesce((select username from users where id = $2), ''), $3, $4, $5, $6, $7, $8)";
const INSERT_OWN: &str =
    "insert into audit_log (id, actor_id, actor_name, action, target_kind, target_id, detail)
    values ($1, $2, $3, $4, $5, $6, $7)";

pub async fn insert(client: &impl GenericClient, act: &Act<'_>) -> Stored<()> {
    execute(
        client,
        INSERT,
        &[
            &Uuid::now_v7(),
            &act.actor.user.uuid(),
            &act.action,
            &act.target.0,
            &act.target.1,
            &act.reason,
            &act.detail,
            &act.origin.address,
        ],
    )
    .await
    .map(drop)
}

pub async fn insert_own(
    client: &impl GenericClient,
    action: &str,
    target: &(&'static str, String),
    detail: &serde_json::Value,
) -> Stored<()> {
    let (kind, id) = target;
    execute(client, INSERT_OWN, &[&Uuid::now_v7(), &Uuid::nil(), &OWN_NAME, &action, kind, id, detail])
        .await
        .map(drop)
}

// `$3` is an action or what stands before its dot. The count comes with the page, also when that is empty.
const LIST: &str = "
with fitting as (
    select id, actor_id, actor_name, action, target_kind, target_id, reason, detail, address, created_at
    from audit_log
    where ($1::uuid is null or actor_id = $1)
      and ($2::text is null or lower(actor_name) = lower($2))
      and ($3::text is null or action = $3 or split_part(action, '.', 1) = $3)
      and ($4::text is null or target_id = $4 or target_kind || ':' || target_id = $4)
)
select total, page.*
from (select count(*) as total from fitting) counted
left join (
    select * from fitting where $5::uuid is null or id < $5 order by id desc limit $6 offset $7) page on true
order by page.id desc";

/// The entries, the newest first, and how many fit in all.
pub async fn list(
    client: &impl GenericClient,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
    skip: i64,
) -> Stored<(Vec<Entry>, i64)> {
    let actor = filter.actor.as_deref();
    let id = actor.and_then(|text| Uuid::try_parse(text).ok());
    let name = actor.filter(|_| id.is_none());
    let rows =
        query(client, LIST, &[&id, &name, &filter.action, &filter.target, &before, &limit, &skip]).await?;
    let total = rows.first().map_or(0, |row| row.get(0));
    let entries = rows.iter().filter(|row| row.get::<_, Option<Uuid>>(1).is_some()).map(entry).collect();
    Ok((entries, total))
}

fn entry(row: &Row) -> Entry {
    Entry {
        id: row.get(1),
        actor: row.get(2),
        actor_name: row.get(3),
        action: row.get(4),
        target_kind: row.get(5),
        target_id: row.get(6),
        reason: row.get(7),
        detail: row.get(8),
        address: row.get(9),
        created_at: row.get(10),
    }
}
