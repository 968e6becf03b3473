//! Files as clients see them.

use std::collections::BTreeMap;

use greenroom_actors::domain::Place;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::kind_text;
use super::{MediaFile, Purpose, Size, State};
use crate::conversations::view::wire_time;
use crate::media::address;

/// A smaller picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct VariantView {
    /// Opens it for a while.
    pub url: String,
    /// Pixels.
    pub width: u32,
    pub height: u32,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileView {
    pub id: Uuid,
    /// `image`, `video` or `audio`.
    pub kind: &'static str,
    pub purpose: Purpose,
    /// `processing`, `ready`, `failed` or `deleted`.
    pub state: &'static str,
    /// Why it failed.
    pub fault: Option<String>,
    /// As it was called where it came from.
    pub name: Option<String>,
    pub key: String,
    /// Opens it for a while; null before it is ready.
    pub url: Option<String>,
    /// Media type.
    pub mime: String,
    pub bytes: u64,
    /// Pixels.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub duration_ms: Option<u32>,
    /// What stands in its place while it loads: <https://blurha.sh>.
    pub blurhash: Option<String>,
    /// Loudness over time, 0 to 255.
    pub peaks: Option<Vec<u8>>,
    /// Smaller pictures, by name.
    pub variants: BTreeMap<Size, VariantView>,
    pub character_id: Option<Uuid>,
    pub created_at: Timestamp,
}

impl From<&MediaFile> for FileView {
    fn from(file: &MediaFile) -> Self {
        let open = |key: &str| address(&Place::Object(key.into()));
        let ready = file.state == State::Ready;
        let variants = file.variants.iter().filter(|_| ready).map(|variant| {
            let (width, height) = (variant.width, variant.height);
            (variant.size, VariantView { url: open(&variant.key), width, height })
        });
        Self {
            id: file.id.uuid(),
            kind: kind_text(file.kind),
            purpose: file.purpose,
            state: file.state.as_str(),
            fault: match &file.state {
                State::Failed(fault) => Some(fault.clone()),
                State::Processing | State::Ready | State::Deleted => None,
            },
            name: file.name.clone(),
            key: file.key.to_string(),
            url: ready.then(|| open(file.key.as_str())),
            mime: file.mime.clone(),
            bytes: file.bytes,
            width: file.width,
            height: file.height,
            duration_ms: file.duration_ms,
            blurhash: file.blurhash.clone(),
            peaks: file.peaks.clone(),
            variants: variants.collect(),
            character_id: file.character.map(greenroom_actors::domain::CharacterId::uuid),
            created_at: wire_time(file.created_at),
        }
    }
}
