//! People as admins see them: finding one, and changing role, plan, standing.
//!
//! Each act is one transaction with its entry in the audit log. It locks the active admins first, in the order of
//! their ids, and then the account: so two admins who take each other's role at the same moment leave one, and whoever
//! has just been demoted does nothing more. What follows outside the database (sockets, live quotas) is told to every
//! node with the commit.
//!
//! Plans are given and taken as rows that `billing::terms` works from: a plan that is set is what holds where nothing that was
//! bought or given does, and ends what admins gave for a time. What somebody has paid for is not taken by it: it holds to its
//! end where it is the greater one, and the plan that was set comes after it.
//!
//! A role change, either way, ends all sign-ins: access tokens carry the role, and the way back in is the password. A
//! plan change ends none: quotas follow it at once, the plan in a token (rate limits alone go by it) at the next
//! refresh.

mod change;
mod premium;
mod routes;
mod store;
mod view;

use std::sync::Arc;

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Accounts, Profile, Role, standing};
use crate::billing::terms::Terms;
use crate::error::FieldError;
use crate::http::{Page, PageQuery};
use crate::postgres::refusal;

pub use change::Change;
pub use premium::Premium;
pub use routes::routes;
pub(super) use store::lock_active_admins;

/// Characters of a search.
const SEARCH_MAX_CHARS: usize = 100;

/// An account with what only admins see of it.
#[derive(Clone, Debug)]
pub struct Person {
    pub profile: Profile,
    /// Comes after a plan that ends by itself.
    pub plan_after: Option<String>,
    pub blocked_at: Option<Timestamp>,
    pub blocked_why: Option<String>,
    pub deactivated_at: Option<Timestamp>,
    pub erased_at: Option<Timestamp>,
    /// The database's clock when this was read.
    pub read_at: Timestamp,
}

/// What belongs to an account, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Belongings {
    /// Open ones.
    pub sign_ins: i64,
    pub last_sign_in_at: Option<Timestamp>,
    /// Live ones.
    pub api_keys: i64,
    /// That the account is in.
    pub conversations: i64,
    pub identities: Vec<LinkedIdentity>,
}

/// An account at an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedIdentity {
    pub id: Uuid,
    pub provider: String,
    pub email: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
}

/// How an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Active,
    Blocked,
    Deactivated,
    Erased,
}

impl Standing {
    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Deactivated => "deactivated",
            Self::Erased => "erased",
        }
    }
}

/// Who is wanted: all of what is given must fit.
#[derive(Clone, Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// A part of the username, the e-mail address, the mobile number or the display name; or an id.
    pub q: Option<String>,
    pub role: Option<Role>,
    /// The plan that holds now.
    pub plan: Option<String>,
    /// Without it all but the erased ones.
    pub status: Option<Standing>,
}

impl Search {
    /// Trims; what is empty asks for nothing.
    fn checked(self) -> Result<Self, FieldError> {
        let text = |field: &'static str, text: Option<String>| match text.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) if text.chars().count() > SEARCH_MAX_CHARS || text.chars().any(char::is_control) => {
                Err(FieldError::new(field, "takes at most 100 characters, none of them a control character"))
            }
            Some(text) => Ok(Some(text.to_owned())),
        };
        Ok(Self { q: text("q", self.q)?, plan: text("plan", self.plan)?, ..self })
    }
}

/// Told after an account's plan or standing changed: whoever holds it in memory reads it anew. Must not block.
pub type OnChanged = Arc<dyn Fn(UserId) + Send + Sync>;

/// Cheap to clone.
#[derive(Clone)]
pub struct People {
    accounts: Accounts,
    terms: Terms,
}

fn no_account() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such account")
}

fn conflict(message: &str) -> Refusal {
    Refusal::new(RefusalCode::Conflict, message)
}

pub(super) fn last_admin() -> Refusal {
    conflict("this is the last active admin: make another one first")
}

impl People {
    #[must_use]
    pub fn new(accounts: Accounts, terms: Terms) -> Self {
        Self { accounts, terms }
    }

    /// A page of the accounts, the newest first.
    pub async fn list(&self, search: Search, page: &PageQuery) -> Result<Page<Person>, Refusal> {
        let search = search.checked()?;
        let before = page.after_id()?;
        let (skip, limit) = page.window();
        let client = self.accounts.client().await?;
        let (people, total) =
            store::list(&client, &search, before, limit + 1, skip).await.map_err(|error| refusal(&error))?;
        Ok(Page::cut_by_id(page, people, Some(total.unsigned_abs()), |person| person.profile.id.uuid()))
    }

    /// One account, however it stands, and what belongs to it.
    pub async fn get(&self, user: UserId) -> Result<(Person, Belongings), Refusal> {
        let client = self.accounts.client().await?;
        let person = store::find(&client, user).await.map_err(|error| refusal(&error))?;
        let person = person.ok_or_else(no_account)?;
        let belongings = store::belongings(&client, user).await.map_err(|error| refusal(&error))?;
        Ok((person, belongings))
    }

    /// What everybody may see of an active account.
    pub async fn public(&self, username: &str) -> Result<Profile, Refusal> {
        if username.chars().any(char::is_control) {
            return Err(no_account());
        }
        let client = self.accounts.client().await?;
        let found = super::store::by_username(&client, &super::rules::key(username)).await;
        let found = found.map_err(|error| refusal(&error))?;
        let active = found.filter(|account| !account.blocked && !account.deactivated);
        active.map(|account| account.profile).ok_or_else(no_account)
    }

    /// When a deactivated account is to be erased.
    #[must_use]
    pub fn erases_at(&self, person: &Person) -> Option<Timestamp> {
        let deactivated_at = person.deactivated_at.filter(|_| person.erased_at.is_none())?;
        Some(standing::erases_at(deactivated_at, self.accounts.0.config.auth.erase_after_days))
    }
}
