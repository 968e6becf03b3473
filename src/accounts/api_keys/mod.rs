//! API keys: how a user's own programs call the OpenAI-compatible endpoint, without anybody signing in.
//!
//! A key is shown once and known by its hash ever after. It opens what its scopes name and nothing else, never with an
//! admin's rights. Each use asks the database, so that a revoked key, or that of a blocked user, is refused by every
//! node at once.

mod caller;
mod key;
mod routes;
mod store;

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::history::{AuthEvent, Happened};
use super::{Accounts, Origin};
use crate::error::FieldError;
use crate::http::PageQuery;
use crate::postgres::refusal;

pub use caller::{KeyCaller, Way};
pub use key::ApiKey;
pub use routes::routes;
pub(super) use store::sweep;

/// Keys of one user that are neither revoked nor over.
const KEYS_MAX: i64 = 20;
const NAME_MAX_CHARS: usize = 60;
const DAYS: std::ops::RangeInclusive<u32> = 1..=3_650;

/// What a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Talk to characters over `/v1`.
    Chat,
    /// Read one's account: `GET /api/auth/me`.
    Profile,
}

impl Scope {
    pub const ALL: [Self; 2] = [Self::Chat, Self::Profile];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Profile => "profile",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A key that is wanted, checked.
#[derive(Clone, Debug)]
pub struct NewKey {
    name: String,
    scopes: Vec<Scope>,
    days: Option<u32>,
}

impl NewKey {
    /// Without scopes it is for `chat`; without days it holds until it is revoked. Answers every field that is wrong.
    pub fn check(
        name: &str,
        scopes: Option<&[String]>,
        expires_in_days: Option<u32>,
    ) -> Result<Self, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control) {
            wrong.push(FieldError::new("name", "takes 1 to 60 characters, none of them a control character"));
        }
        let scopes = scopes.map_or(Some(vec![Scope::Chat]), read_scopes);
        if scopes.is_none() {
            wrong.push(FieldError::new("scopes", "takes one or more of chat and profile"));
        }
        if expires_in_days.is_some_and(|days| !DAYS.contains(&days)) {
            wrong.push(FieldError::new("expiresInDays", "takes 1 to 3650"));
        }
        match scopes {
            Some(scopes) if wrong.is_empty() => {
                Ok(Self { name: name.to_owned(), scopes, days: expires_in_days })
            }
            _ => Err(wrong),
        }
    }
}

fn read_scopes(given: &[String]) -> Option<Vec<Scope>> {
    let mut scopes = given.iter().map(|text| Scope::from_text(text)).collect::<Option<Vec<_>>>()?;
    scopes.sort_unstable();
    scopes.dedup();
    (!scopes.is_empty()).then_some(scopes)
}

/// A key as its owner sees it: all but the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    pub id: Uuid,
    pub name: String,
    /// Its first characters, to tell keys apart.
    pub prefix: String,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
}

/// Who holds a key that was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub key: Uuid,
    pub user: UserId,
    pub scopes: Vec<Scope>,
    /// The plan that the user has now.
    pub plan: String,
}

impl Accounts {
    /// Makes a key. This is the only time that it can be seen. `conflict` when the user has as many as one may.
    pub async fn make_key(
        &self,
        user: UserId,
        new: &NewKey,
        origin: &Origin,
    ) -> Result<(ApiKey, KeyInfo), Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let live = store::live_keys(&transaction, user).await.map_err(|error| refusal(&error))?;
        match live {
            None => return Err(Refusal::new(RefusalCode::Forbidden, "this account takes no new keys")),
            Some(live) if live >= KEYS_MAX => {
                return Err(Refusal::new(
                    RefusalCode::Conflict,
                    "there are 20 keys already: revoke one that is not used",
                ));
            }
            Some(_) => {}
        }
        let key = ApiKey::make();
        let info = store::insert(&transaction, user, &key, &new.name, &new.scopes, new.days)
            .await
            .map_err(|error| refusal(&error))?;
        let made = Happened::new(user, AuthEvent::ApiKeyMade, origin);
        made.record(&transaction).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        tracing::info!(%user, key = %info.id, "an API key was made");
        Ok((key, info))
    }

    /// One page of the user's keys that were not revoked, the newest first, and how many there are.
    pub async fn keys(&self, user: UserId, page: &PageQuery) -> Result<(Vec<KeyInfo>, u64), Refusal> {
        let client = self.client().await?;
        store::list(&client, user, page.limit, page.skip()).await.map_err(|error| refusal(&error))
    }

    /// Ends a key for good; `not_found` for another's.
    pub async fn revoke_key(&self, user: UserId, key: Uuid, origin: &Origin) -> Result<(), Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        if !store::revoke(&transaction, user, key).await.map_err(|error| refusal(&error))? {
            return Err(Refusal::new(RefusalCode::NotFound, "there is no such key"));
        }
        let revoked = Happened::new(user, AuthEvent::ApiKeyRevoked, origin);
        revoked.record(&transaction).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        tracing::info!(%user, %key, "an API key was revoked");
        Ok(())
    }

    /// Who holds this key; `unauthenticated` when it is unknown, revoked or over, or its user blocked or deactivated.
    /// Notes the use, at most once a minute.
    pub async fn key_holder(&self, key: &ApiKey) -> Result<Holder, Refusal> {
        let client = self.client().await?;
        let found = store::find(&client, key).await.map_err(|error| refusal(&error))?;
        let Some(found) = found else {
            return Err(Refusal::new(RefusalCode::Unauthenticated, "the API key is not valid"));
        };
        if found.is_use_noted_late {
            store::note_use(&client, found.holder.key).await.map_err(|error| refusal(&error))?;
        }
        Ok(found.holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(given: &[&str]) -> Result<Vec<Scope>, Vec<FieldError>> {
        let given: Vec<String> = given.iter().map(|it| (*it).to_owned()).collect();
        NewKey::check("laptop", Some(&given), None).map(|new| new.scopes)
    }

    #[test]
    fn a_key_opens_what_was_asked_for_and_chat_without_asking() {
        assert_eq!(NewKey::check(" laptop ", None, None).unwrap().scopes, [Scope::Chat]);
        assert_eq!(scopes(&["profile", "chat", "profile"]).unwrap(), [Scope::Chat, Scope::Profile]);
        for bad in [&[][..], &["admin"], &["chat", ""], &["Chat"]] {
            assert_eq!(scopes(bad).unwrap_err()[0].field, "scopes", "{bad:?}");
        }
    }

    #[test]
    fn every_wrong_field_of_a_key_is_named() {
        let wrong = NewKey::check("a\nb", Some(&[]), Some(0)).unwrap_err();
        let fields: Vec<&str> = wrong.iter().map(|error| error.field.as_ref()).collect();
        assert_eq!(fields, ["name", "scopes", "expiresInDays"]);
        assert!(NewKey::check(&"ü".repeat(60), None, Some(3_650)).is_ok());
        assert!(NewKey::check(&"a".repeat(61), None, None).is_err());
        assert!(NewKey::check(" ", None, Some(3_651)).is_err());
    }
}
