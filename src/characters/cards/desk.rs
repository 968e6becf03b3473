//! Where cards become characters and characters become cards: two at a time, each on a thread that may be kept busy.

use actix_web::http::StatusCode;
use actix_web::web;
use bytes::Bytes;
use greenroom_actors::domain::CharacterId;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::store::Picture;
use super::{
    Card, CardError, CardErrorKind, Draft, Imported, Source, Version, drawn, export, import, in_picture,
    into_charx, into_png, store,
};
use crate::accounts::Origin;
use crate::characters::write::New;
use crate::characters::{CharacterDraft, Characters, FullCharacter, Viewer, not_found, rules};
use crate::error::{ApiError, ApiResult, FieldError};
use crate::http::Caller;
use crate::postgres::refusal;

/// Cards in work at a time: a large picture takes some 200 MB while it is made small.
const AT_A_TIME: usize = 2;

pub struct Desk {
    places: Semaphore,
    /// Bytes of a card's file.
    pub(super) file_max: usize,
}

impl Desk {
    #[must_use]
    pub fn new(file_max: usize) -> Self {
        Self { places: Semaphore::new(AT_A_TIME), file_max }
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> ApiResult<T> {
        // It is never closed.
        let _place = self.places.acquire().await.map_err(|_| ApiError::internal())?;
        web::block(work).await.map_err(|error| {
            tracing::error!(%error, "a card's work did not end well");
            ApiError::internal()
        })
    }
}

impl From<CardError> for ApiError {
    fn from(error: CardError) -> Self {
        let (status, code) = match error.kind {
            CardErrorKind::Invalid => (StatusCode::BAD_REQUEST, "card_invalid"),
            CardErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            CardErrorKind::Unsupported => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
        };
        let details = vec![FieldError::new(error.field, error.message.clone())];
        Self { details, ..Self::new(status, code, error.to_string()) }
    }
}

/// Which file an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json(Version),
    Png,
    Charx,
}

const PICTURE_PATH: (&str, &str) = ("/api/characters/", "/picture");

fn picture_path(character: CharacterId) -> String {
    format!("{}{character}{}", PICTURE_PATH.0, PICTURE_PATH.1)
}

/// Whether it is where a character's own picture is served.
#[must_use]
pub fn is_picture_path(path: &str) -> bool {
    let id = path.strip_prefix(PICTURE_PATH.0).and_then(|rest| rest.strip_suffix(PICTURE_PATH.1));
    id.is_some_and(|id| Uuid::try_parse(id).is_ok_and(|parsed| parsed.to_string() == id))
}

impl Characters {
    /// Bytes that a card's file may have.
    pub(crate) fn card_max_bytes(&self) -> usize {
        self.0.cards.file_max
    }

    /// Reads a card's file and makes nothing of it yet.
    pub(crate) async fn read_card(&self, file: Bytes) -> ApiResult<Imported> {
        Ok(self.0.cards.work(move || import(&file)).await??)
    }

    /// The character that a card would become, checked as any other is.
    pub(super) fn draft_of(imported: &Imported, id: CharacterId) -> ApiResult<CharacterDraft> {
        let draft = CharacterDraft {
            avatar_url: imported.picture.as_ref().map(|_| picture_path(id)),
            card: Some(imported.card.clone().into_value()),
            ..imported.draft.clone().into()
        };
        rules::checked(draft).map_err(ApiError::bad_request)
    }

    /// Makes a character of a card that was read, and keeps its picture, in one transaction.
    pub(super) async fn import_card(
        &self,
        admin: &Caller,
        imported: Imported,
        origin: &Origin,
    ) -> ApiResult<FullCharacter> {
        let id = CharacterId::new();
        let draft = Self::draft_of(&imported, id)?;
        let new = New { id, draft, picture: imported.picture, action: "character.import" };
        self.make(admin, new, origin).await
    }

    /// A character as a card's file.
    pub(crate) async fn export_card(&self, character: FullCharacter, format: Format) -> ApiResult<Vec<u8>> {
        let picture = match format {
            Format::Png | Format::Charx => self.picture(character.id).await?,
            Format::Json(_) => None,
        };
        self.0.cards.work(move || written(&character, picture, format)).await?
    }

    /// The picture that came with its card.
    pub(super) async fn picture(&self, character: CharacterId) -> ApiResult<Option<Picture>> {
        let client = self.client().await?;
        Ok(store::picture(&client, character).await.map_err(|error| refusal(&error))?)
    }

    /// The same by its id or slug, for whoever asks; `not_found` where it has none, and for a private avatar.
    pub(super) async fn picture_of(&self, id_or_slug: &str) -> ApiResult<Picture> {
        let id = CharacterId::from_uuid(self.get(Viewer::Nobody, id_or_slug).await?.id);
        Ok(self.picture(id).await?.ok_or_else(not_found)?)
    }
}

fn written(character: &FullCharacter, picture: Option<Picture>, format: Format) -> ApiResult<Vec<u8>> {
    let card = character.draft.card.as_ref().and_then(Card::kept);
    let now = Draft::from(&character.draft);
    let source = Source {
        card: card.as_ref(),
        now: &now,
        created: character.created_at.as_second(),
        updated: character.updated_at.as_second(),
    };
    match format {
        Format::Json(version) => {
            let card = export(&source, version);
            serde_json::to_vec_pretty(&card).map_err(|_| ApiError::internal())
        }
        Format::Charx => {
            let picture =
                picture.map_or_else(|| drawn(&now.name, &now.extras.color), |picture| picture.bytes);
            into_charx(&picture, export(&source, Version::V3)).map_err(|error| {
                tracing::error!(%error, character = %character.id, "a card cannot be packed");
                ApiError::internal()
            })
        }
        Format::Png => {
            let picture =
                picture.map_or_else(|| drawn(&now.name, &now.extras.color), |picture| picture.bytes);
            let (v2, v3) = (export(&source, Version::V2), in_picture(export(&source, Version::V3)));
            into_png(&picture, &v2, &v3).map_err(|error| {
                tracing::error!(%error, character = %character.id, "a kept picture cannot be read");
                ApiError::internal()
            })
        }
    }
}
