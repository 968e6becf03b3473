//! Files as an export of an account tells of them.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::conversations::view::wire_time;
use crate::media::files::{self, MediaFile, Purpose};
use crate::postgres::Stored;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRecord {
    pub id: Uuid,
    kind: &'static str,
    purpose: Purpose,
    state: &'static str,
    name: Option<String>,
    key: String,
    mime: String,
    bytes: u64,
    width: Option<u32>,
    height: Option<u32>,
    duration_ms: Option<u32>,
    character_id: Option<Uuid>,
    created_at: Timestamp,
}

impl From<MediaFile> for FileRecord {
    fn from(file: MediaFile) -> Self {
        Self {
            id: file.id.uuid(),
            kind: files::kind_text(file.kind),
            purpose: file.purpose,
            state: file.state.as_str(),
            name: file.name,
            key: file.key.to_string(),
            mime: file.mime,
            bytes: file.bytes,
            width: file.width,
            height: file.height,
            duration_ms: file.duration_ms,
            character_id: file.character.map(greenroom_actors::domain::CharacterId::uuid),
            created_at: wire_time(file.created_at),
        }
    }
}

/// The user's files after `after`, by their ids.
pub async fn records(
    client: &impl GenericClient,
    owner: UserId,
    after: Uuid,
    limit: i64,
) -> Stored<Vec<FileRecord>> {
    Ok(files::of(client, owner, after, limit).await?.into_iter().map(FileRecord::from).collect())
}
