//! Lists of contents, and their numbers.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use uuid::Uuid;

use super::{COLUMNS, content};
use crate::postgres::{Stored, query, query_opt};
use crate::studio::content::{Content, Filter, MonthView, StatsView};

const FITS: &str = "user_id = $1 and ($2::text is null or kind = $2) and ($3::text is null or state = $3)
    and ($4::uuid is null or avatar_id = $4) and ($5::text is null or quality = $5)
    and ($6::timestamptz is null or created_at >= $6) and ($7::timestamptz is null or created_at < $7)";

/// `limit` contents of the user before `before`, `skip` left out, the newest first; and how many there are.
pub async fn list(
    client: &impl GenericClient,
    user: UserId,
    filter: &Filter,
    before: Option<Uuid>,
    (limit, skip): (i64, i64),
) -> Stored<(Vec<Content>, u64)> {
    let (kind, state) = (filter.kind.map(|kind| kind.as_str()), filter.state.map(|state| state.as_str()));
    let quality = filter.quality.map(|quality| quality.as_str());
    let wanted: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
        [&user.uuid(), &kind, &state, &filter.avatar, &quality, &filter.from, &filter.to];
    let sql = format!(
        "select {COLUMNS} from content where {FITS} and ($8::uuid is null or id < $8) order by id desc limit $9 offset $10"
    );
    let mut parameters = wanted.to_vec();
    parameters.extend([&before as &(dyn tokio_postgres::types::ToSql + Sync), &limit, &skip]);
    let found = query(client, &sql, &parameters).await?.iter().map(content).collect();
    let total = query_opt(client, &format!("select count(*) from content where {FITS}"), &wanted).await?;
    Ok((found, total.map_or(0, |row| row.get::<_, i64>(0).unsigned_abs())))
}

const AFTER: &str = "user_id = $1 and id > $2 order by id limit $3";

/// The user's contents after `after`, by their ids.
pub async fn after(
    client: &impl GenericClient,
    user: UserId,
    after: Uuid,
    limit: i64,
) -> Stored<Vec<Content>> {
    let sql = format!("select {COLUMNS} from content where {AFTER}");
    Ok(query(client, &sql, &[&user.uuid(), &after, &limit]).await?.iter().map(content).collect())
}

const STATS: &str =
    "select kind, state, created_at >= date_trunc('month', now() at time zone 'UTC') at time zone 'UTC',
        count(*), coalesce(sum(credits) filter (where state = 'done'), 0)::bigint
    from content where user_id = $1 group by 1, 2, 3";

pub async fn stats(client: &impl GenericClient, user: UserId) -> Stored<StatsView> {
    let mut stats = StatsView::default();
    let mut month = MonthView::default();
    for row in query(client, STATS, &[&user.uuid()]).await? {
        let (kind, state): (String, String) = (row.get(0), row.get(1));
        let (count, credits) = (row.get::<_, i64>(3).unsigned_abs(), row.get::<_, i64>(4));
        let done = if state == "done" { count } else { 0 };
        stats.total += count;
        stats.credits += credits;
        if row.get(2) {
            month.total += count;
            month.done += done;
            month.credits += credits;
        }
        *stats.by_kind.entry(kind).or_default() += count;
        *stats.by_state.entry(state).or_default() += count;
    }
    stats.this_month = month;
    Ok(stats)
}
