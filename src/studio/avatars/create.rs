//! Asking for an avatar: all that must be right before a model is asked, in one transaction with what pays for it.

use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::ports::Side;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::profile::{Wish, blank};
use super::store::WritingRow;
use super::view::AvatarView;
use super::{Avatars, HELD_FOR, store, write};
use crate::billing::ledger::{self, Note, Order};
use crate::characters::owned::{self, Ownership};
use crate::characters::{Making, Visibility, checked_draft};
use crate::error::{ApiError, ApiResult, FieldError};
use crate::jobs::{NewJob, QueueName, enqueue};
use crate::postgres::refusal;

/// Characters (Unicode) of a description, and the least that says something.
pub(super) const DESCRIPTION: std::ops::RangeInclusive<usize> = 3..=4_000;
/// Of a client's own id for a request.
const CLIENT_ID_MAX: usize = 64;

/// An avatar that is to be written.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewAvatar {
    #[schema(min_length = 1, max_length = 80, example = "Nadia")]
    pub name: String,
    /// What it is to be, in a few words or sentences.
    #[schema(
        min_length = 3,
        max_length = 4_000,
        example = "A retired pilot who grows tea and has a dry sense of humour"
    )]
    pub description: String,
    pub category: Option<String>,
    #[serde(default)]
    #[schema(max_items = 64)]
    pub tags: Vec<String>,
    /// Names of `GET /api/characters/traits`, at most 24.
    #[serde(default)]
    pub traits: Vec<String>,
    /// `#rrggbb`.
    pub color: Option<String>,
    /// `private` without it.
    #[serde(default)]
    pub visibility: Visibility,
    /// The same id twice is one avatar, and paid once; 1 to 64 characters.
    pub client_id: Option<String>,
}

impl NewAvatar {
    /// What is to be stored of it, or all that is wrong.
    fn checked(self) -> Result<(Wish, Option<String>), Vec<FieldError>> {
        let Self { name, description, category, tags, traits, color, visibility, client_id } = self;
        let description = description.trim().to_owned();
        let category = category.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let wish =
            Wish { name: name.trim().to_owned(), description, category, tags, traits, color, visibility };
        let mut faults = Vec::new();
        if !DESCRIPTION.contains(&wish.description.chars().count()) {
            faults.push(FieldError::new("description", "takes 3 to 4000 characters"));
        }
        let fits = |id: &String| {
            (1..=CLIENT_ID_MAX).contains(&id.chars().count()) && !id.chars().any(char::is_control)
        };
        if !client_id.as_ref().is_none_or(fits) {
            faults.push(FieldError::new(
                "clientId",
                "takes 1 to 64 characters, none of them a control character",
            ));
        }
        match checked_draft(blank(&wish)) {
            Ok(draft) if faults.is_empty() => {
                let category = wish.category.map(|_| draft.category);
                let color = wish.color.map(|_| draft.color);
                Ok((
                    Wish {
                        name: draft.name,
                        category,
                        tags: draft.tags,
                        traits: draft.traits,
                        color,
                        ..wish
                    },
                    client_id,
                ))
            }
            Ok(_) => Err(faults),
            Err(more) => {
                let known = |fault: &FieldError| faults.iter().any(|one| one.field == fault.field);
                let more: Vec<FieldError> = more.into_iter().filter(|fault| !known(fault)).collect();
                Err(faults.into_iter().chain(more).collect())
            }
        }
    }
}

impl Avatars {
    /// Asks for an avatar: it stands as `writing`, its credits are held, and its job is in the queue. The same `clientId` again is
    /// the same avatar, and another wish under it a `conflict`.
    ///
    /// Refused with all wrong fields, `content_refused`, `quota_exceeded` where the plan has room for no more, and
    /// `out_of_credits`.
    pub async fn create(&self, user: UserId, new: NewAvatar) -> ApiResult<AvatarView> {
        let (wish, client_id) = new.checked().map_err(ApiError::bad_request)?;
        if let Some(client_id) = &client_id {
            let client = self.client().await?;
            let before = store::asked(&client, user, client_id).await.map_err(|error| refusal(&error))?;
            drop(client);
            if let Some(before) = before {
                return self.again(user, &before, &wish).await;
            }
        }
        let said = [wish.name.as_str(), &wish.description, wish.category.as_deref().unwrap_or_default()];
        let said: Vec<&str> = said.into_iter().chain(wish.tags.iter().map(String::as_str)).collect();
        self.judge(user, &said, Side::Message).await?;
        let id = CharacterId::new();
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        store::lock_owner(&transaction, user).await.map_err(|error| refusal(&error))?;
        if let Some(client_id) = &client_id {
            let before =
                store::asked(&transaction, user, client_id).await.map_err(|error| refusal(&error))?;
            if let Some(before) = before {
                drop(transaction);
                drop(client);
                return self.again(user, &before, &wish).await;
            }
        }
        self.check_limit(&transaction, user).await?;
        let ownership = Ownership {
            owner: user,
            visibility: wish.visibility,
            making: Making::Writing,
            appearance: String::new(),
        };
        owned::make(&transaction, id, &blank(&wish), &ownership).await?;
        let credits = self.0.settings.credits;
        let (key, reference) = (format!("hold:avatar:{id}"), format!("avatar:{id}"));
        let note = Note { key: &key, reference: &reference, ..Note::default() };
        let lasting = jiff::SignedDuration::try_from(HELD_FOR).unwrap_or(jiff::SignedDuration::MAX);
        let expires_at = jiff::Timestamp::now().checked_add(lasting).unwrap_or(jiff::Timestamp::MAX);
        let order = Order::Hold { amount: credits, expires_at };
        let hold = ledger::record(&transaction, user, &order, &note).await?.id;
        let row = WritingRow {
            avatar: id,
            owner: user,
            wish,
            open: true,
            hold,
            credits,
            fault: None,
            written_by: None,
        };
        store::insert(&transaction, &row, client_id.as_deref()).await.map_err(|error| refusal(&error))?;
        enqueue(&transaction, &job(id)).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        drop(client);
        self.0.characters.written(id);
        Ok(self.get(user, &id.to_string()).await?)
    }

    /// The answer to a request that was answered before.
    async fn again(&self, user: UserId, before: &WritingRow, wish: &Wish) -> ApiResult<AvatarView> {
        if before.wish != *wish {
            return Err(ApiError::conflict("this clientId stands for another avatar"));
        }
        Ok(self.get(user, &before.avatar.to_string()).await?)
    }

    /// Refused with `quota_exceeded` where the owner, who is locked, has as many as their plan allows.
    pub(super) async fn check_limit(
        &self,
        client: &impl deadpool_postgres::GenericClient,
        user: UserId,
    ) -> Result<(), Refusal> {
        let plan = self.0.gates.plan_in(client, user).await.map_err(|error| refusal(&error))?;
        let plan = plan.ok_or_else(|| Refusal::new(RefusalCode::NotFound, "there is no such account"))?;
        if owned::count(client, user).await? < u64::from(plan.avatars) {
            return Ok(());
        }
        let most = plan.avatars;
        let message = format!("your plan has room for {most} avatars: delete one, or take a greater plan");
        Err(Refusal::new(RefusalCode::QuotaExceeded, message))
    }
}

pub(super) fn job(avatar: CharacterId) -> NewJob {
    NewJob {
        key: Some(avatar.to_string()),
        ..NewJob::new(QueueName::AiResponses, write::WRITE, json!({ "avatar": avatar.uuid() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let new = NewAvatar {
            description: " x ".to_owned(),
            traits: vec!["purple".to_owned()],
            color: Some("red".to_owned()),
            client_id: Some(String::new()),
            ..NewAvatar::default()
        };
        let faults = new.checked().unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|fault| &*fault.field).collect();
        assert_eq!(fields, ["description", "clientId", "name", "color", "traits"]);
    }

    #[test]
    fn what_is_stored_is_trimmed_and_each_once() {
        let new = NewAvatar {
            name: " Nadia ".to_owned(),
            description: " A pilot. ".to_owned(),
            category: Some("  ".to_owned()),
            tags: vec![" tea".to_owned(), "Tea".to_owned()],
            ..NewAvatar::default()
        };
        let (wish, _) = new.checked().unwrap();
        assert_eq!(
            (wish.name.as_str(), wish.description.as_str(), wish.category),
            ("Nadia", "A pilot.", None)
        );
        assert_eq!((wish.tags, wish.visibility), (vec!["tea".to_owned()], Visibility::Private));
    }
}
