//! What a change of a room needs of others' tables: the person who joins, the character that joins, and how a room stands.

use std::sync::LazyLock;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{CharacterId, RoomCharacter, RoomId, RoomMember, UserId, Visibility};
use greenroom_actors::protocol::Featured;
use uuid::Uuid;

use crate::characters::{FACE, seen};
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

static CHARACTER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select c.id, c.slug, c.name, c.tagline, {FACE}, c.color, c.talkativeness, 0::bigint, c.reply_kind
        from characters c where c.id = $1 and {}",
        seen("$2::uuid")
    )
});

/// A character that this user may bring in. From when on it knows what was said is for the room to fill in.
pub async fn castable(
    client: &impl GenericClient,
    user: UserId,
    character: CharacterId,
) -> Stored<Option<RoomCharacter>> {
    Ok(query(client, &CHARACTER, &[&character.uuid(), &user.uuid()]).await?.first().map(room_character))
}

const KEPT: &str = "select c.id from room_characters rc join characters c on c.id = rc.character_id
    where rc.room_id = $1 and rc.left_at is null and c.owner_id = $2 and c.visibility = 'private'";

/// Characters of the room that this user keeps for themselves.
pub async fn kept_in(client: &impl GenericClient, owner: UserId, room: RoomId) -> Stored<Vec<CharacterId>> {
    let rows = query(client, KEPT, &[&room.uuid(), &owner.uuid()]).await?;
    Ok(rows.iter().map(|row| CharacterId::from_uuid(row.get(0))).collect())
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
