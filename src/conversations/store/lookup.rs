//! What a change of a room needs of others' tables: the person who joins, the character that joins, and how a room stands.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{CharacterId, RoomCharacter, RoomId, RoomMember, UserId, Visibility};
use greenroom_actors::protocol::Featured;
use uuid::Uuid;

use crate::postgres::rows::{room_character, room_member, visibility};
use crate::postgres::{Stored, query};

const PERSON: &str = "select id, username, display_name from users
    where id = $1 and deactivated_at is null and blocked_at is null";
const NAMED: &str = "select id, username, display_name from users
    where username_key = $1 and deactivated_at is null and blocked_at is null";

/// Somebody who may be brought in: whose account is neither gone nor blocked.
pub async fn person(client: &impl GenericClient, user: UserId) -> Stored<Option<RoomMember>> {
    Ok(query(client, PERSON, &[&user.uuid()]).await?.first().map(room_member))
}

/// The same by username, in lower case.
pub async fn person_named(client: &impl GenericClient, name: &str) -> Stored<Option<RoomMember>> {
    if name.contains('\0') {
        return Ok(None);
    }
    Ok(query(client, NAMED, &[&name]).await?.first().map(room_member))
}

const CHARACTER: &str =
    "select id, slug, name, tagline, avatar_url, color, talkativeness, 0::bigint, reply_kind
    from characters where id = $1 and deleted_at is null";

/// A character that may join. From when on it knows what was said is for the room to fill in.
pub async fn castable(client: &impl GenericClient, character: CharacterId) -> Stored<Option<RoomCharacter>> {
    Ok(query(client, CHARACTER, &[&character.uuid()]).await?.first().map(room_character))
}

const STANDING: &str = "select id, visibility, featured from rooms
    where deleted_at is null and (id = $1 or slug = $2)";

/// A room for an admin, by its id or its slug: whether it is public, and whether it is featured.
pub async fn standing(
    client: &impl GenericClient,
    id: Option<Uuid>,
    slug: Option<&str>,
) -> Stored<Option<(RoomId, bool, Featured)>> {
    let rows = query(client, STANDING, &[&id, &slug]).await?;
    Ok(rows.first().map(|row| {
        let featured = if row.get(2) { Featured::Yes } else { Featured::No };
        (RoomId::from_uuid(row.get(0)), visibility(row.get(1)) == Visibility::Public, featured)
    }))
}
