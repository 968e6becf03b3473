//! Changes of a room's members, characters and settings. Rare: one statement after the other, before the batch's own writes.

use greenroom_actors::journal::decide::RoomRow;
use greenroom_actors::protocol::{DetailsChange, Featured, RoomChange};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

use crate::postgres::rows::visibility_text;

/// Who was there before comes back.
const ADD_MEMBER: &str = "INSERT INTO room_members (room_id, user_id, joined_at) VALUES ($1, $2, $3)
    ON CONFLICT (room_id, user_id) DO UPDATE SET joined_at = excluded.joined_at, left_at = NULL
    WHERE room_members.left_at IS NOT NULL";
/// They have read nothing yet: what others are told of their coming has no mark.
const FORGET_MARK: &str = "DELETE FROM reads WHERE room_id = $1 AND user_id = $2";
const REMOVE_MEMBER: &str = "UPDATE room_members SET left_at = $3
    WHERE room_id = $1 AND user_id = $2 AND left_at IS NULL";
/// A room that was handed over is no longer anybody's own one with its character; who began it stays known.
const OWNER: &str = "UPDATE rooms SET owner_id = $2, default_character_id = NULL, updated_at = $3,
    founder_id = CASE WHEN handed_over_at IS NULL THEN owner_id ELSE founder_id END,
    handed_over_at = coalesce(handed_over_at, $3)
    WHERE id = $1";
const ADD_CHARACTER: &str = "INSERT INTO room_characters (room_id, character_id, position, since_revision)
    SELECT $1, $2, coalesce(max(position), -1) + 1, $3 FROM room_characters WHERE room_id = $1
    ON CONFLICT (room_id, character_id) DO UPDATE SET left_at = NULL, position = excluded.position,
        since_revision = excluded.since_revision
    WHERE room_characters.left_at IS NOT NULL";
const REMOVE_CHARACTER: &str = "UPDATE room_characters SET left_at = $3
    WHERE room_id = $1 AND character_id = $2 AND left_at IS NULL";
/// An address that was given up leads to its room for good.
const KEEP_SLUG: &str = "INSERT INTO room_slugs (slug, room_id)
    SELECT slug, id FROM rooms WHERE id = $1 AND slug <> $2 ON CONFLICT DO NOTHING";
const TAKE_SLUG: &str = "DELETE FROM room_slugs WHERE room_id = $1 AND slug = $2";
const DETAILS: &str =
    "UPDATE rooms SET updated_at = $2, title = coalesce($3, title), slug = coalesce($4, slug),
        visibility = coalesce($5, visibility), category = CASE WHEN $6 THEN $7 ELSE category END,
        tags = coalesce($8, tags), reply_mode = coalesce($9, reply_mode)
    WHERE id = $1";
const FEATURE: &str = "UPDATE rooms SET featured = $2, updated_at = $3 WHERE id = $1";

/// Stores one change in the transaction that is open on `client`.
pub(super) async fn write(client: &Client, row: &RoomRow) -> Result<(), Error> {
    let (room, at) = (row.room.uuid(), row.at);
    match &row.what {
        RoomChange::AddMember(member) => {
            let user = member.id.uuid();
            execute(client, FORGET_MARK, &[&room, &user]).await?;
            execute(client, ADD_MEMBER, &[&room, &user, &at]).await
        }
        RoomChange::RemoveMember(user) => execute(client, REMOVE_MEMBER, &[&room, &user.uuid(), &at]).await,
        RoomChange::Owner(user) => execute(client, OWNER, &[&room, &user.uuid(), &at]).await,
        RoomChange::AddCharacter(character) => {
            execute(client, ADD_CHARACTER, &[&room, &character.id.uuid(), &row.revision]).await
        }
        RoomChange::RemoveCharacter(character) => {
            execute(client, REMOVE_CHARACTER, &[&room, &character.uuid(), &at]).await
        }
        RoomChange::Details(details) => write_details(client, row, details).await,
        RoomChange::Feature(featured) => {
            execute(client, FEATURE, &[&room, &(*featured == Featured::Yes), &at]).await
        }
    }
}

async fn write_details(client: &Client, row: &RoomRow, details: &DetailsChange) -> Result<(), Error> {
    let tags: Option<Vec<&str>> = details.tags.as_ref().map(|tags| tags.iter().map(|tag| &**tag).collect());
    let room = row.room.uuid();
    if let Some(slug) = details.slug.as_deref() {
        execute(client, KEEP_SLUG, &[&room, &slug]).await?;
        execute(client, TAKE_SLUG, &[&room, &slug]).await?;
    }
    let category = details.category.as_ref().and_then(|category| category.as_deref());
    let values: [&(dyn ToSql + Sync); 9] = [
        &room,
        &row.at,
        &details.title.as_deref(),
        &details.slug.as_deref(),
        &details.visibility.map(visibility_text),
        &details.category.is_some(),
        &category,
        &tags,
        &details.reply_mode.map(|mode| mode as i16),
    ];
    execute(client, DETAILS, &values).await
}

async fn execute(client: &Client, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<(), Error> {
    client.execute(sql, values).await.map(|_| ())
}
