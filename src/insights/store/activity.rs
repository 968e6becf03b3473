//! What happened to a user, from where it stands anyhow: the latest of each source by its index, merged.

use std::sync::LazyLock;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use uuid::Uuid;

use crate::insights::activity::WORDS_MAX;
use crate::postgres::{Stored, query};

/// One thing that happened, as its source tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub id: Uuid,
    pub at: Timestamp,
    /// Which source, then what of it.
    pub source: String,
    pub what: Option<String>,
    /// A name or words, by the source.
    pub name: Option<String>,
    pub more: Option<String>,
    pub amount: Option<i64>,
    pub other: Option<i64>,
}

/// Sign-ins are kept for 90 days: a device of the last 60 is new when it was not seen in the 30 before, at least.
const DEVICE_DAYS: &str = "60 days";

// What each is sorted by, and itself. Each takes a page of its own at most, so a page costs the same however much there is: $2, $3
// is where to go on, $4 how many. Of avatars one has so few that all are looked at; that one was shared is a thing of its own beside
// its making, so it has an id of its own.
const SOURCES: [(&str, &str); 8] = [
    (
        "r.created_at",
        "select r.id, r.created_at as at, 'conversation' as source, null::text as what, r.title as name, r.id::text as more,
            null::bigint as amount, null::bigint as other
        from rooms r where r.owner_id = $1 and r.handed_over_at is null and r.deleted_at is null and {after}",
    ),
    // It may have been handed over to somebody who did not begin it.
    (
        "r.created_at",
        "select r.id, r.created_at as at, 'conversation' as source, null::text as what, r.title as name,
            case when exists (select from room_members m where m.room_id = r.id and m.user_id = $1 and m.left_at is null)
                then r.id::text end as more,
            null::bigint as amount, null::bigint as other
        from rooms r where r.founder_id = $1 and r.deleted_at is null and {after}",
    ),
    (
        "r.created_at",
        "select r.id, r.created_at as at, 'credits' as source, r.kind as what, nullif(r.reference, '') as name,
            nullif(r.reason, '') as more, r.amount, null::bigint as other
        from credit_transfers r where r.user_id = $1 and r.kind in ('plan', 'grant', 'revoke', 'settle', 'expire') and {after}",
    ),
    (
        "r.created_at",
        "select r.id, r.created_at as at, 'payment' as source,
            case when r.dispute in ('open', 'lost') then 'disputed' when r.refunded_cents > 0 then 'refunded' else r.status end
                as what,
            coalesce(r.plan, r.credits::text) as name, r.currency as more, r.amount_cents as amount, r.refunded_cents as other
        from payments r where r.user_id = $1 and {after}",
    ),
    (
        "r.reached_at",
        "select r.id, r.reached_at as at, 'limit' as source, r.kind as what,
            (select c.name from characters c where c.id = r.character_id) as name, r.meter as more, r.used::bigint as amount,
            null::bigint as other
        from insight_limits r where r.user_id = $1 and {after}",
    ),
    (
        "r.created_at",
        "select r.id, r.created_at as at, 'device' as source, null::text as what, r.user_agent as name, r.address as more,
            null::bigint as amount, null::bigint as other
        from (select distinct on (coalesce(user_agent, '')) id, created_at, user_agent, address from auth_history
            where user_id = $1 and event = 'signed_in' and refused_why is null
            order by coalesce(user_agent, ''), created_at, id) r
        where r.created_at > now() - interval '{device_days}' and {after}",
    ),
    (
        "r.at",
        "select r.id, r.at, 'avatar' as source, r.what, r.name, r.avatar::text as more, null::bigint as amount,
            null::bigint as other
        from (
            select c.id as avatar, told.*, c.name || coalesce(': ' || told.fault, '') as name
            from characters c left join avatar_writings w on w.avatar_id = c.id
            cross join lateral (select coalesce(w.ended_at, c.created_at) as made) m
            cross join lateral (
                select c.id, m.made as at, c.state as what, case when c.state = 'failed' then w.fault end as fault
                where c.state in ('ready', 'failed')
                union all
                select md5('shared ' || c.id)::uuid, greatest(c.shared_at, m.made), c.visibility, null
                where c.state = 'ready' and c.shared_at is not null) told
            where c.owner_id = $1 and c.deleted_at is null) r
        where {after}",
    ),
    (
        "r.ended_at",
        "select r.id, r.ended_at as at, 'content' as source, r.kind || ' ' || r.state as what, left(r.prompt, {words}) as name,
            r.error_message as more, null::bigint as amount, null::bigint as other
        from content r where r.user_id = $1 and r.state in ('done', 'failed') and {after}",
    ),
];

static ACTIVITY: LazyLock<String> = LazyLock::new(|| {
    let one = |(time, sql): &(&str, &str)| {
        let after = format!("($2::timestamptz is null or ({time}, r.id) < ($2, $3))");
        let words = (WORDS_MAX + 1).to_string();
        let sql =
            sql.replace("{after}", &after).replace("{device_days}", DEVICE_DAYS).replace("{words}", &words);
        format!("(select * from ({sql} order by {time} desc, r.id desc limit $4) s)")
    };
    let all = SOURCES.iter().map(one).collect::<Vec<_>>().join(" union all ");
    format!("select * from ({all}) happened order by at desc, id desc limit $4 offset $5")
});

/// The latest first, after a place in the feed: `limit` of them but for the first `skip`.
pub(in crate::insights) async fn activity(
    client: &impl GenericClient,
    user: Uuid,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
    skip: i64,
) -> Stored<Vec<Source>> {
    let (at, id) = after.unzip();
    let rows = query(client, &ACTIVITY, &[&user, &at, &id, &(limit + skip), &skip]).await?;
    let source = |row: &tokio_postgres::Row| Source {
        id: row.get(0),
        at: row.get(1),
        source: row.get(2),
        what: row.get(3),
        name: row.get(4),
        more: row.get(5),
        amount: row.get(6),
        other: row.get(7),
    };
    Ok(rows.iter().map(source).collect())
}
