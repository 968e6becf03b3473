//! Avatars from cards and as cards. Importing costs no credits and takes a place of the plan's; what of a card is an admin's to set
//! (its system prompt, instructions behind the history) has no effect, and is told as a warning.

use bytes::Bytes;
use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::ports::Side;

use super::profile::APPEARANCE_MAX;
use super::view::AvatarView;
use super::{Avatars, judge, store, thumbnail};
use crate::characters::owned::{self, Ownership};
use crate::characters::{AiChoice, CharacterDraft, FullCharacter, Making, Visibility, checked_draft};
use crate::error::{ApiError, ApiResult, FieldError};
use crate::http::{Class, RateKey, RateLimits};
use crate::jobs::enqueue;
use crate::postgres::refusal;

/// What became of a card.
pub(super) struct Imported {
    pub avatar: AvatarView,
    pub warnings: Vec<FieldError>,
}

impl Avatars {
    /// Makes an avatar of a card's file, private until its owner shares it. A card without a picture has one painted for as long as
    /// `limits` leave the user portraits.
    pub(super) async fn import(&self, user: UserId, file: Bytes, limits: &RateLimits) -> ApiResult<Imported> {
        let read = self.0.characters.read_card(file).await?;
        let mut warnings = read.warnings.clone().into_list();
        let mut draft: CharacterDraft = read.draft.clone().into();
        for (field, there) in [
            ("system_prompt", &mut draft.system_prompt),
            ("post_history_instructions", &mut draft.post_history),
        ] {
            if there.take().is_some() {
                warnings.push(FieldError::new(field, "has no effect in an avatar"));
            }
        }
        draft.ai = AiChoice::default();
        draft.card = Some(read.card.clone().into_value());
        let draft = checked_draft(draft).map_err(ApiError::bad_request)?;
        self.judge(user, &judge::texts(&draft, ""), Side::Message).await?;
        let id = CharacterId::new();
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        store::lock_owner(&transaction, user).await.map_err(|error| refusal(&error))?;
        self.check_limit(&transaction, user).await?;
        let ownership = Ownership {
            owner: user,
            visibility: Visibility::Private,
            making: Making::Ready,
            appearance: draft.description.chars().take(APPEARANCE_MAX).collect(),
        };
        owned::make(&transaction, id, &draft, &ownership).await?;
        if let Some(picture) = &read.picture {
            owned::keep_picture(&transaction, id, picture).await?;
        }
        // Imports are free and deleted ones leave room for more, so without this a model would paint for nothing without end.
        let painted = read.picture.is_some() || limits.has_left(Class::Thumbnails, RateKey::User(user)).await;
        let job = if painted { thumbnail::job(user, id) } else { thumbnail::job_plain(user, id) };
        enqueue(&transaction, &job).await.map(drop).map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        drop(client);
        self.0.characters.written(id);
        Ok(Imported { avatar: self.get(user, &id.to_string()).await?, warnings })
    }

    /// One of the user's, to be written as a card.
    pub(super) async fn to_export(&self, user: UserId, id_or_slug: &str) -> ApiResult<FullCharacter> {
        let character = self.0.characters.owned_one(user, id_or_slug).await?.character;
        if character.access.making != Making::Ready {
            return Err(ApiError::conflict("the avatar is not written yet"));
        }
        Ok(character)
    }
}
