//! Founding a room: its row, its members, its characters and the head of its log, in one transaction.

use std::sync::LazyLock;

use deadpool_postgres::{Client, GenericClient};
use greenroom_actors::domain::{CharacterId, RoomId, UserId};
use greenroom_actors::prompt::greeting;
use uuid::Uuid;

use crate::characters::seen;
use crate::postgres::journal;
use crate::postgres::{Stored, query};

pub struct Founding {
    pub room: RoomId,
    pub owner: UserId,
    pub title: String,
    pub slug: String,
    /// Set for the owner's default room with that character.
    pub default_character: Option<CharacterId>,
    /// Beside the owner.
    pub members: Vec<UserId>,
    /// Each once, in the order in which they answer.
    pub characters: Vec<CharacterId>,
    /// What is said as the room's first message.
    pub greeting: Option<Greeting>,
}

/// A character's greeting as it was written.
pub struct Greeting {
    pub character: CharacterId,
    pub character_name: String,
    pub text: String,
}

impl Greeting {
    /// As it is said to the owner; `None` where nothing is left of it.
    pub fn said(&self, owner_name: &str, room: RoomId) -> Option<String> {
        let said = greeting(&self.text, &self.character_name, owner_name, room);
        Some(said.trim().to_owned()).filter(|said| !said.is_empty())
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Founded {
    Made,
    /// The slug is in use, or the owner has a default room with that character. Nothing was stored.
    Taken,
    /// These members have no account (any more). Nothing was stored.
    UnknownMembers(Vec<UserId>),
}

// The default room's uniqueness and the slug's are kept by their indexes: whoever comes second gets no row.
const ROOM: &str =
    "insert into rooms (id, slug, title, owner_id, default_character_id) values ($1, $2, $3, $4, $5)
    on conflict do nothing returning id";

const MEMBERS: &str = "insert into room_members (room_id, user_id)
    select $1, id from users where id = any($2) and deactivated_at is null order by id returning user_id";

const OWNER: &str = "select display_name from users where id = $1";

const CAST: &str = "insert into room_characters (room_id, character_id, position)
    select $1, id, position::smallint from unnest($2::uuid[]) with ordinality as cast_of(id, position)";

pub async fn found(client: &mut Client, founding: &Founding) -> Stored<Founded> {
    let transaction = client.transaction().await?;
    let room = founding.room.uuid();
    let default_character = founding.default_character.map(CharacterId::uuid);
    let made = query(
        &transaction,
        ROOM,
        &[&room, &founding.slug, &founding.title, &founding.owner.uuid(), &default_character],
    )
    .await?;
    if made.is_empty() {
        transaction.rollback().await?;
        return Ok(Founded::Taken);
    }
    let members: Vec<Uuid> =
        std::iter::once(&founding.owner).chain(&founding.members).map(|member| member.uuid()).collect();
    let known: Vec<Uuid> =
        query(&transaction, MEMBERS, &[&room, &members]).await?.iter().map(|row| row.get(0)).collect();
    if known.len() < members.len() {
        transaction.rollback().await?;
        let unknown = members.into_iter().filter(|member| !known.contains(member)).map(UserId::from_uuid);
        return Ok(Founded::UnknownMembers(unknown.collect()));
    }
    let characters: Vec<Uuid> = founding.characters.iter().map(|character| character.uuid()).collect();
    query(&transaction, CAST, &[&room, &characters]).await?;
    let mut said = None;
    if let Some(greeting) = &founding.greeting {
        let owner = query(&transaction, OWNER, &[&founding.owner.uuid()]).await?;
        let name = owner.first().map_or("", |row| row.get(0));
        said = greeting.said(name, founding.room).map(|said| (greeting.character, said));
    }
    let greeting = said.as_ref().map(|(character, said)| (*character, said.as_str()));
    journal::found_room(&transaction, founding.room, greeting).await?;
    transaction.commit().await?;
    Ok(Founded::Made)
}

// With a character that is deleted, or not theirs to see any more, nobody begins to talk; the room itself is still there
// among the others.
static DEFAULT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select r.id from rooms r join characters c on c.id = r.default_character_id
        where r.owner_id = $1 and r.default_character_id = $2 and r.deleted_at is null and {}",
        seen("$1::uuid")
    )
});

/// The owner's default room with a character.
pub async fn default_of(
    client: &impl GenericClient,
    owner: UserId,
    character: CharacterId,
) -> Stored<Option<RoomId>> {
    let rows = query(client, &DEFAULT, &[&owner.uuid(), &character.uuid()]).await?;
    Ok(rows.first().map(|row| RoomId::from_uuid(row.get(0))))
}
