//! What its owner puts into the gallery of an avatar: files of their own, for all who may see the avatar. An address of another
//! host, and what is for premium plans alone, is an admin's to say.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::protocol::Refusal;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Access, GalleryItemView, GalleryKind, NewItem, Source, made, make_room, no_item, store, wrong_words,
};
use crate::characters::{Characters, owned};
use crate::error::{ApiError, ApiResult, FieldError};
use crate::media::files::{self, FileId, MediaFile, Purpose, State};
use crate::postgres::refusal;

/// A file to be added by the avatar's owner.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OwnGalleryItem)]
pub struct OwnItem {
    /// A file of one's own that was uploaded or made here, ready or still being processed.
    pub media_id: Uuid,
    #[serde(default)]
    #[schema(max_length = 500)]
    pub caption: String,
    #[serde(default)]
    #[schema(max_items = 32)]
    pub tags: Vec<String>,
}

impl OwnItem {
    /// Whether its words are within their bounds.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let tags: Vec<String> = self.tags.iter().map(|tag| tag.trim().to_owned()).collect();
        let faults = wrong_words(&self.caption, &tags);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

impl Characters {
    /// Adds a file of the owner's to the gallery of their avatar; `not_found` where either is not theirs.
    pub async fn add_to_own_gallery(
        &self,
        owner: UserId,
        avatar: CharacterId,
        new: OwnItem,
    ) -> ApiResult<GalleryItemView> {
        let OwnItem { media_id, caption, tags } = new;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        owned::lock(&transaction, owner, avatar).await?;
        make_room(&transaction, avatar).await?;
        let file = own_file(&transaction, owner, FileId::from_uuid(media_id)).await?;
        let new = NewItem {
            kind: GalleryKind::from(file.kind),
            url: None,
            media_id: Some(media_id),
            thumbnail_url: None,
            caption,
            tags,
            premium: false,
        };
        let item = made(new, Ok(Source::Media(media_id))).map_err(ApiError::bad_request)?;
        store::insert(&transaction, avatar.uuid(), &item).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(GalleryItemView::new(&item, Some(&file), Access::All))
    }

    /// Takes an entry out of the gallery of the owner's avatar. The file stays their own.
    pub async fn remove_from_own_gallery(
        &self,
        owner: UserId,
        avatar: CharacterId,
        item: Uuid,
    ) -> Result<(), Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        owned::lock(&transaction, owner, avatar).await?;
        let gone = store::delete(&transaction, avatar.uuid(), item).await.map_err(|error| refusal(&error))?;
        if !gone {
            return Err(no_item());
        }
        transaction.commit().await.map_err(|error| refusal(&error))
    }
}

/// A file that its owner may put into a gallery. It is held as it is until the transaction ends: one that is deleted, or fails,
/// at the same moment takes the entry along.
pub(super) async fn own_file(client: &impl GenericClient, owner: UserId, id: FileId) -> ApiResult<MediaFile> {
    let file = files::held(client, id).await.map_err(|error| refusal(&error))?;
    let file = file.filter(|file| file.owner == owner).ok_or_else(|| ApiError::not_found("file"))?;
    match file.state {
        State::Failed(_) => Err(ApiError::conflict("the file could not be read")),
        State::Deleted => Err(ApiError::conflict("the file was deleted")),
        State::Processing | State::Ready if file.purpose == Purpose::Avatar => {
            // The next one takes its place, and it is deleted then.
            Err(FieldError::new("mediaId", "is of a thumbnail: upload the picture").into())
        }
        State::Processing | State::Ready => Ok(file),
    }
}
