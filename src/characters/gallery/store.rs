//! The SQL of galleries.

use std::sync::LazyLock;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{GalleryKind, Item, Source};
use crate::characters::seen;
use crate::postgres::{Stored, execute, query, query_opt};

const LIST: &str = "select id, kind, url, media_id, thumbnail_url, caption, tags, premium, views, created_at
    from character_gallery where character_id = $1 and ($2::uuid is null or id < $2)
    order by id desc limit $3 offset $4";
const COUNT: &str = "select count(*) from character_gallery where character_id = $1";

/// `limit` entries before `before`, `skip` left out, the newest first; and how many there are.
pub async fn list(
    client: &impl GenericClient,
    character: Uuid,
    before: Option<Uuid>,
    limit: i64,
    skip: i64,
) -> Stored<(Vec<Item>, u64)> {
    let rows = query(client, LIST, &[&character, &before, &limit, &skip]).await?;
    let total = count(client, character).await?.unsigned_abs();
    Ok((rows.iter().filter_map(item).collect(), total))
}

/// `None`: neither an address nor an upload, which the table does not take.
fn item(row: &Row) -> Option<Item> {
    let source = match (row.get(2), row.get(3)) {
        (Some(url), _) => Source::Url(url),
        (None, Some(media)) => Source::Media(media),
        (None, None) => return None,
    };
    Some(Item {
        id: row.get(0),
        kind: GalleryKind::parse(row.get(1)),
        source,
        thumbnail_url: row.get(4),
        caption: row.get(5),
        tags: row.get(6),
        premium: row.get(7),
        views: row.get::<_, i64>(8).unsigned_abs(),
        created_at: row.get(9),
    })
}

pub async fn count(client: &impl GenericClient, character: Uuid) -> Stored<i64> {
    Ok(query(client, COUNT, &[&character]).await?.first().map_or(0, |row| row.get(0)))
}

const INSERT: &str = "insert into character_gallery
    (id, character_id, kind, url, media_id, thumbnail_url, caption, tags, premium, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

pub async fn insert(client: &impl GenericClient, character: Uuid, item: &Item) -> Stored<()> {
    let (url, media) = match &item.source {
        Source::Url(url) => (Some(url), None),
        Source::Media(id) => (None, Some(id)),
    };
    execute(
        client,
        INSERT,
        &[
            &item.id,
            &character,
            &item.kind.as_str(),
            &url,
            &media,
            &item.thumbnail_url,
            &item.caption,
            &item.tags,
            &item.premium,
            &item.created_at,
        ],
    )
    .await
    .map(drop)
}

const DELETE: &str = "delete from character_gallery where character_id = $1 and id = $2";

pub async fn delete(client: &impl GenericClient, character: Uuid, item: Uuid) -> Stored<bool> {
    Ok(execute(client, DELETE, &[&character, &item]).await? > 0)
}

const PREMIUM: &str = "select premium from character_gallery where character_id = $1 and id = $2";

/// Whether the entry is for premium plans; `None`: there is none.
pub async fn is_premium(client: &impl GenericClient, character: Uuid, item: Uuid) -> Stored<Option<bool>> {
    Ok(query_opt(client, PREMIUM, &[&character, &item]).await?.map(|row| row.get(0)))
}

// The view is inserted once, whoever asks at the same time; the count waits for the row and adds to what it then is.
const VIEW: &str = "with first as (
        insert into character_gallery_views (item_id, user_id)
        select id, $2 from character_gallery where id = $1
        on conflict do nothing returning item_id)
    update character_gallery g set views = g.views + (select count(*) from first)
    where g.id = $1 returning views";

/// Counts the user's view, once; answers how many there are.
pub async fn view(client: &impl GenericClient, item: Uuid, user: Uuid) -> Stored<Option<u64>> {
    let row = query_opt(client, VIEW, &[&item, &user]).await?;
    Ok(row.map(|row| row.get::<_, i64>(0).unsigned_abs()))
}

/// The file is gone: no gallery shows it any more.
pub async fn forget_file(client: &impl GenericClient, file: Uuid) -> Stored<()> {
    execute(client, "delete from character_gallery where media_id = $1", &[&file]).await.map(drop)
}

static SHOWS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select bool_and(g.premium) from character_gallery g join characters c on c.id = g.character_id
        where g.media_id = $1 and {} having count(*) > 0",
        seen("$2::uuid")
    )
});

/// Whether the file, of the gallery of a character that the user may see, is for premium plans alone; `None`: no such gallery
/// has it.
pub async fn shows_file(client: &impl GenericClient, user: UserId, file: Uuid) -> Stored<Option<bool>> {
    Ok(query_opt(client, &SHOWS, &[&file, &user.uuid()]).await?.map(|row| row.get(0)))
}
