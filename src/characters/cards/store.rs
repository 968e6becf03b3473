//! The SQL of characters' pictures.

use data_encoding::HEXLOWER;
use deadpool_postgres::GenericClient;
use greenroom_actors::domain::CharacterId;
use sha2::{Digest, Sha256};

use crate::postgres::{Stored, execute, query_opt};

/// A picture as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// PNG.
    pub bytes: Vec<u8>,
    /// Differs where the bytes do.
    pub hash: String,
}

const PUT: &str = "insert into character_pictures (character_id, bytes, hash) values ($1, $2, $3)
    on conflict (character_id) do update set bytes = excluded.bytes, hash = excluded.hash, created_at = now()";

pub async fn put_picture(client: &impl GenericClient, character: CharacterId, png: &[u8]) -> Stored<()> {
    let hash = HEXLOWER.encode(&Sha256::digest(png));
    execute(client, PUT, &[&character.uuid(), &png, &hash]).await?;
    Ok(())
}

const GET: &str = "select p.bytes, p.hash from character_pictures p
    join characters c on c.id = p.character_id and c.deleted_at is null where p.character_id = $1";

/// `None`: the character has none, or there is no such character.
pub async fn picture(client: &impl GenericClient, character: CharacterId) -> Stored<Option<Picture>> {
    let row = query_opt(client, GET, &[&character.uuid()]).await?;
    Ok(row.map(|row| Picture { bytes: row.get(0), hash: row.get(1) }))
}
