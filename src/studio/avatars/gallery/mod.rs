//! The gallery of an avatar: its owner shows files of their own in it. What is written beside them is judged as a message is; who
//! sees them is who sees the avatar (`GET /api/characters/{id}/gallery`), and its replies may show them.

pub mod routes;

use greenroom_actors::domain::UserId;
use greenroom_actors::ports::Side;
use greenroom_actors::protocol::Refusal;
use uuid::Uuid;

use super::Avatars;
use super::change::gone;
use crate::characters::Making;
use crate::characters::gallery::{GalleryItemView, OwnItem};
use crate::error::{ApiError, ApiResult};

impl Avatars {
    /// Adds a file of the user's to the gallery of their avatar.
    pub(super) async fn add_to_gallery(
        &self,
        user: UserId,
        id_or_slug: &str,
        new: OwnItem,
    ) -> ApiResult<GalleryItemView> {
        let avatar = self.0.characters.owned_one(user, id_or_slug).await.map_err(gone)?.character;
        if avatar.access.making != Making::Ready {
            return Err(ApiError::conflict("the avatar is not written yet"));
        }
        new.check().map_err(ApiError::bad_request)?;
        let words = [std::slice::from_ref(&new.caption), new.tags.as_slice()].concat().join("\n");
        if !words.trim().is_empty() {
            self.judge(user, &[&words], Side::Message).await?;
        }
        self.0.characters.add_to_own_gallery(user, avatar.id, new).await
    }

    /// Takes an entry out of it again.
    pub(super) async fn remove_from_gallery(
        &self,
        user: UserId,
        id_or_slug: &str,
        item: Uuid,
    ) -> Result<(), Refusal> {
        let avatar = self.0.characters.owned_one(user, id_or_slug).await.map_err(gone)?.character;
        self.0.characters.remove_from_own_gallery(user, avatar.id, item).await
    }
}
