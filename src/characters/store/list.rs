//! Lists of characters: filtered, sorted, page by page.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::rows::{self, PUBLIC_COLUMNS};
use crate::characters::Listed;
use crate::characters::access::{LISTED, seen};
use crate::characters::cursor::{Key, Position};
use crate::characters::list::{CharacterFilter, Sort};
use crate::characters::view::CharacterView;
use crate::postgres::{Stored, containing, query};

// `$5` is a pattern with its wildcards escaped.
const FITTING: &str = "($1::text is null or lower(c.category) = lower($1))
    and ($2::text is null or exists (select from unnest(c.tags) as tag where lower(tag) = lower($2)))
    and ($3::text is null or exists (select from unnest(c.traits) as word where lower(word) = lower($3)))
    and ($4::boolean is null or c.premium = $4)
    and ($5::text is null or c.name ilike $5 or c.tagline ilike $5 or c.description ilike $5
         or exists (select from unnest(c.tags) as tag where tag ilike $5))";

/// How many the filter lets through.
pub async fn count(client: &impl GenericClient, filter: &CharacterFilter) -> Stored<u64> {
    let pattern = filter.q.as_deref().map(containing);
    let rows = query(
        client,
        &format!("select count(*) from characters c where {LISTED} and {FITTING}"),
        &[&filter.category, &filter.tag, &filter.with_trait, &filter.premium, &pattern],
    )
    .await?;
    Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
}

/// At most `most` of those that everybody has in lists, and of the user's own, by slug.
pub async fn listed(client: &impl GenericClient, user: UserId, most: u32) -> Stored<Vec<Listed>> {
    let own = seen("$1::uuid");
    let sql = format!(
        "select c.slug, c.name, c.created_at from characters c
        where {own} and (c.visibility = 'public' or c.owner_id = $1) order by c.slug limit $2"
    );
    let listed = |row: &Row| Listed { slug: row.get(0), name: row.get(1), created_at: row.get(2) };
    Ok(query(client, &sql, &[&user.uuid(), &i64::from(most)]).await?.iter().map(listed).collect())
}

/// What a sort goes by, its type, and which way.
fn order(sort: Sort) -> (&'static str, &'static str, &'static str, &'static str) {
    match sort {
        Sort::Name => ("c.name", "text", ">", "asc"),
        Sort::Newest => ("c.created_at", "timestamptz", "<", "desc"),
        Sort::Popular => ("coalesce(s.heat, '-infinity')", "float8", "<", "desc"),
        Sort::Rating => ("coalesce(s.rating_rank, 3)", "float8", "<", "desc"),
    }
}

/// `limit` of them after `after`, `skip` left out, each with where it stands.
pub async fn list(
    client: &impl GenericClient,
    filter: &CharacterFilter,
    sort: Sort,
    after: Option<&Position>,
    limit: i64,
    skip: i64,
) -> Stored<Vec<(CharacterView, Position)>> {
    let (key, kind, beyond, way) = order(sort);
    // Without a position nothing is compared: the planner is told so, and takes the index of the order.
    let from = if after.is_some() {
        format!("and ({key}, c.id) {beyond} ($6::{kind}, $7::uuid)")
    } else {
        format!("and $6::{kind} is null and $7::uuid is null")
    };
    let sql = format!(
        "select {}, {key} from characters c left join character_stats s on s.character_id = c.id
         where {LISTED} and {FITTING} {from} order by {key} {way}, c.id {way} limit $8 offset $9",
        *PUBLIC_COLUMNS
    );
    let pattern = filter.q.as_deref().map(containing);
    let id = after.map(|position| position.id);
    let (mut name, mut time, mut number): (Option<&str>, Option<Timestamp>, Option<f64>) = (None, None, None);
    match after.map(|position| &position.key) {
        Some(Key::Name(text)) => name = Some(text),
        Some(Key::Time(at)) => time = Some(*at),
        Some(Key::Number(value)) => number = Some(*value),
        None => {}
    }
    let from: &(dyn ToSql + Sync) = match sort {
        Sort::Name => &name,
        Sort::Newest => &time,
        Sort::Popular | Sort::Rating => &number,
    };
    let rows = query(
        client,
        &sql,
        &[
            &filter.category,
            &filter.tag,
            &filter.with_trait,
            &filter.premium,
            &pattern,
            from,
            &id,
            &limit,
            &skip,
        ],
    )
    .await?;
    Ok(rows.iter().map(|row| placed(row, sort)).collect())
}

fn placed(row: &Row, sort: Sort) -> (CharacterView, Position) {
    let last = row.len() - 1;
    let key = match sort {
        Sort::Name => Key::Name(row.get(last)),
        Sort::Newest => Key::Time(row.get(last)),
        Sort::Popular | Sort::Rating => Key::Number(row.get(last)),
    };
    let view = rows::public(row, 0);
    let id = view.id;
    (view, Position { key, id })
}
