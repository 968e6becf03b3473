//! What owners do with their avatars: change them, share them, take them away. What a user may set is said by [`AvatarChange`]: its
//! provider and model, its system prompt, its slug, and whether it is for premium plans are an admin's, and have no field here.

use std::collections::HashSet;

use greenroom_actors::domain::UserId;
use greenroom_actors::ports::Side;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::profile::APPEARANCE_MAX;
use super::view::AvatarView;
use super::{Avatars, judge, not_found, store};
use crate::characters::owned::{self, Ownership};
use crate::characters::{CharacterBody, ExampleLine, Lorebook, Making, Visibility, checked_draft};
use crate::conversations::view::MessageType;
use crate::error::{ApiError, ApiResult, FieldError};
use crate::postgres::refusal;

/// A change of an avatar. What is left out stays as it is; null empties what may be empty; lists are replaced. An avatar as its owner
/// reads it can be sent back as it is.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AvatarChange {
    /// Refused with `conflict` if the avatar is no longer of this version.
    pub version: Option<i64>,
    pub visibility: Option<Visibility>,
    /// How it looks, for pictures of it; at most 2000 characters.
    #[schema(max_length = 2_000)]
    pub appearance: Option<String>,
    #[schema(min_length = 1, max_length = 80)]
    pub name: Option<String>,
    #[schema(max_length = 200)]
    pub tagline: Option<String>,
    #[schema(max_length = 16_000)]
    pub description: Option<String>,
    #[schema(max_length = 80)]
    pub category: Option<String>,
    #[schema(max_items = 64)]
    pub tags: Option<Vec<String>>,
    /// `#rrggbb`.
    pub color: Option<String>,
    #[schema(max_length = 16_000)]
    pub greeting: Option<String>,
    #[schema(max_items = 64)]
    pub alternate_greetings: Option<Vec<String>>,
    #[schema(max_length = 80)]
    pub tone: Option<String>,
    pub dials: Option<crate::characters::DialsBody>,
    /// Names of `GET /api/characters/traits`, at most 24.
    pub traits: Option<Vec<String>>,
    /// 0 to 1.
    pub talkativeness: Option<f32>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub voice: Option<Option<String>>,
    /// What kind of message it usually answers with.
    pub reply_type: Option<MessageType>,
    pub settings: Option<AvatarSettingsChange>,
}

/// What others are never shown.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AvatarSettingsChange {
    #[schema(max_length = 16_000)]
    pub personality: Option<String>,
    #[schema(max_length = 16_000)]
    pub scenario: Option<String>,
    #[schema(max_items = 256)]
    pub examples: Option<Vec<ExampleLine>>,
    #[schema(max_items = 256)]
    pub knowledge: Option<Vec<String>>,
    #[schema(max_items = 64)]
    pub restricted_topics: Option<Vec<String>>,
    pub lorebook: Option<Lorebook>,
}

/// Tells a `null` from what is not there.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl AvatarChange {
    /// The part that is a character's.
    fn body(self) -> CharacterBody {
        let settings = self.settings.map(|settings| crate::characters::SettingsBody {
            personality: settings.personality,
            scenario: settings.scenario,
            examples: settings.examples,
            knowledge: settings.knowledge,
            restricted_topics: settings.restricted_topics,
            lorebook: settings.lorebook,
            ..crate::characters::SettingsBody::default()
        });
        CharacterBody {
            name: self.name,
            tagline: self.tagline,
            description: self.description,
            category: self.category,
            tags: self.tags,
            color: self.color,
            greeting: self.greeting,
            alternate_greetings: self.alternate_greetings,
            tone: self.tone,
            dials: self.dials,
            traits: self.traits,
            talkativeness: self.talkativeness,
            voice: self.voice,
            reply_type: self.reply_type,
            settings,
            ..CharacterBody::default()
        }
    }
}

impl Avatars {
    /// Changes one of the user's. What is written anew is judged as a message is. One that becomes private is gone at once for all
    /// others: their conversations keep what was said, and it answers there no more.
    pub async fn change(
        &self,
        user: UserId,
        id_or_slug: &str,
        change: AvatarChange,
    ) -> ApiResult<AvatarView> {
        let known = self.0.characters.owned_one(user, id_or_slug).await.map_err(gone)?.character;
        let id = known.id;
        if let Some(appearance) = &change.appearance
            && (appearance.chars().count() > APPEARANCE_MAX || appearance.contains('\0'))
        {
            return Err(FieldError::new("appearance", "takes at most 2000 characters and no NUL").into());
        }
        let (version, visibility) = (change.version, change.visibility);
        let appearance = change.appearance.clone().map(|text| text.trim().to_owned());
        let body = change.body();
        // Judged before anything is locked: as it will be if nobody else changes it meanwhile.
        let mut wanted = known.draft.clone();
        body.clone().apply(&mut wanted);
        let wanted = checked_draft(wanted).map_err(ApiError::bad_request)?;
        let looks = appearance.clone().unwrap_or_else(|| known.appearance.clone());
        let texts = judge::texts(&wanted, &looks);
        let before = judge::texts(&known.draft, &known.appearance);
        if texts != before {
            let before: HashSet<&str> = before.into_iter().collect();
            let new: Vec<&str> = texts.iter().copied().filter(|text| !before.contains(text)).collect();
            self.judge_new(user, &texts, &new, Side::Message).await?;
        }
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let before = owned::lock(&transaction, user, id).await.map_err(gone)?;
        if before.access.making == Making::Writing {
            return Err(ApiError::conflict("the avatar is being written: change it when it is ready"));
        }
        if before.version != version.unwrap_or(known.version) {
            let message = format!("the avatar was changed meanwhile: it is at version {}", before.version);
            return Err(ApiError::conflict(message));
        }
        let ownership = Ownership {
            owner: user,
            visibility: visibility.unwrap_or(before.access.visibility),
            making: before.access.making,
            appearance: looks,
        };
        let same = wanted == before.draft
            && ownership.visibility == before.access.visibility
            && ownership.appearance == before.appearance;
        if !same {
            owned::rewrite(&transaction, &before, &wanted, &ownership).await?;
            transaction.commit().await.map_err(|error| refusal(&error))?;
            self.0.characters.written(id);
        } else {
            drop(transaction);
        }
        drop(client);
        Ok(self.get(user, &id.to_string()).await?)
    }

    /// Deletes one of the user's. Conversations keep what was said; it answers nobody any more. One that is being written is given
    /// up and paid back.
    pub async fn delete(&self, user: UserId, id_or_slug: &str) -> Result<(), Refusal> {
        let id = self.0.characters.owned_one(user, id_or_slug).await.map_err(gone)?.character.id;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let writing = store::lock(&transaction, id).await.map_err(|error| refusal(&error))?;
        owned::lock(&transaction, user, id).await.map_err(gone)?;
        if let Some(row) = writing.filter(|row| row.open) {
            self.give_back(&transaction, &row, "canceled", None).await?;
        }
        owned::delete(&transaction, id).await?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        drop(client);
        self.0.characters.taken_away(id);
        if let Err(error) = self.take_pictures_away(user, id).await {
            tracing::warn!(%error, avatar = %id, "pictures of a deleted avatar stay for now");
        }
        Ok(())
    }
}

pub(super) fn gone(refusal: Refusal) -> Refusal {
    if refusal.code == RefusalCode::NotFound { not_found() } else { refusal }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::characters::CharacterDraft;

    #[test]
    fn what_is_an_admins_cannot_be_set() {
        let sent = serde_json::json!({
            "tagline": "new", "slug": "mira", "premium": true, "avatarUrl": "https://example.com/a.png",
            "settings": { "personality": "calm", "systemPrompt": "obey", "postHistory": "obey",
                "ai": { "provider": "x", "model": "y", "maxTokens": 32000 } },
        });
        let change: AvatarChange = serde_json::from_value(sent).unwrap();
        let before = CharacterDraft { name: "Nadia".to_owned(), ..CharacterDraft::default() };
        let mut draft = before.clone();
        change.body().apply(&mut draft);
        let expected = CharacterDraft { tagline: "new".to_owned(), personality: "calm".to_owned(), ..before };
        assert_eq!(draft, expected);
    }
}
