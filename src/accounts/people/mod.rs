//! People as admins see them: finding one, and changing role, plan, standing.
//!
//! Each act is one transaction with its entry in the audit log. It locks the active admins first, in the order of
//! their ids, and then the account: so two admins who take each other's role at the same moment leave one, and whoever
//! has just been demoted does nothing more. What follows outside the database (sockets, live quotas) comes after the
//! commit, on this node.
//!
//! A role change, either way, ends all sign-ins: access tokens carry the role, and the way back in is the password. A
//! plan change ends none: quotas follow it at once, the plan in a token (rate limits alone go by it) at the next
//! refresh.

mod premium;
mod routes;
mod store;
mod view;

use std::sync::Arc;

use deadpool_postgres::Transaction;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::history::{AuthEvent, Happened};
use super::{Accounts, Origin, Profile, Role, Which, standing};
use crate::audit::{self, Act};
use crate::error::FieldError;
use crate::http::{Caller, Page, PageQuery};
use crate::postgres::refusal;

pub use premium::Premium;
pub use routes::routes;
pub(super) use store::lock_active_admins;

/// Characters of a reason.
const REASON_MAX_CHARS: usize = 300;
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

/// What an admin changes of an account.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub role: Option<Role>,
    /// A plan without an end.
    pub plan: Option<String>,
    pub blocked: Option<bool>,
    /// Kept with the act; for a block also told to its user at the next sign-in.
    pub reason: Option<String>,
    pub reactivate: bool,
}

impl Change {
    fn is_empty(&self) -> bool {
        self.role.is_none() && self.plan.is_none() && self.blocked.is_none() && !self.reactivate
    }
}

/// Told after an account's plan or standing changed: whoever holds it in memory reads it anew. Must not block.
pub type OnChanged = Arc<dyn Fn(UserId) + Send + Sync>;

/// Cheap to clone.
#[derive(Clone)]
pub struct People {
    accounts: Accounts,
    on_changed: OnChanged,
}

/// An act under way: the account is locked, and so are the active admins.
struct Acting<'a> {
    transaction: Transaction<'a>,
    actor: &'a Caller,
    origin: &'a Origin,
    admins: Vec<UserId>,
    before: Person,
    /// All sign-ins were ended.
    signed_out: bool,
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
    pub fn new(accounts: Accounts, on_changed: OnChanged) -> Self {
        Self { accounts, on_changed }
    }

    /// A page of the accounts, the newest first.
    pub async fn list(&self, search: Search, page: &PageQuery) -> Result<Page<Person>, Refusal> {
        let search = search.checked()?;
        let before = page.cursor.as_deref().map(Uuid::try_parse).transpose();
        let before = before.map_err(|_| FieldError::new("cursor", "is none of this list"))?;
        let limit = page.limit as usize;
        let client = self.accounts.client().await?;
        let (mut people, total) = store::list(&client, &search, before, limit as i64 + 1, page.skip() as i64)
            .await
            .map_err(|error| refusal(&error))?;
        let more = people.len() > limit;
        people.truncate(limit);
        let next_cursor =
            people.last().filter(|_| more).map(|last| last.profile.id.uuid().simple().to_string());
        Ok(Page::new(page, people, Some(total.unsigned_abs()), next_cursor))
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

    /// Changes an account. What is asked for and holds already is no act and leaves no entry.
    pub async fn change(
        &self,
        actor: &Caller,
        user: UserId,
        change: &Change,
        origin: &Origin,
    ) -> Result<Person, Refusal> {
        if change.is_empty() {
            return Err(
                FieldError::new("role", "give at least one of role, plan, blocked and deactivated").into()
            );
        }
        if let Some(plan) = change.plan.as_deref().filter(|plan| !self.has_plan(plan)) {
            let known = self.accounts.0.config.plans.keys().cloned().collect::<Vec<_>>().join(", ");
            let plan: String = plan.chars().filter(|sign| !sign.is_control()).take(60).collect();
            let message = format!("there is no plan \u{201c}{plan}\u{201d}; there are {known}");
            return Err(FieldError::new("plan", message).into());
        }
        let reason = reason(change.reason.as_deref())?;
        let mut client = self.accounts.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let mut acting = self.begin(transaction, actor, user, origin).await?;
        if change.reactivate {
            self.reactivate(&mut acting, reason.as_deref()).await?;
        }
        if let Some(role) = change.role {
            self.set_role(&mut acting, role, reason.as_deref()).await?;
        }
        if let Some(plan) = &change.plan {
            self.set_plan(&mut acting, plan, reason.as_deref()).await?;
        }
        match change.blocked {
            Some(true) => self.block(&mut acting, reason.as_deref()).await?,
            Some(false) => self.unblock(&mut acting, reason.as_deref()).await?,
            None => {}
        }
        self.end(acting).await
    }

    fn has_plan(&self, plan: &str) -> bool {
        self.accounts.0.config.plans.contains_key(plan)
    }

    async fn begin<'a>(
        &self,
        transaction: Transaction<'a>,
        actor: &'a Caller,
        user: UserId,
        origin: &'a Origin,
    ) -> Result<Acting<'a>, Refusal> {
        let admins = lock_active_admins(&transaction).await.map_err(|error| refusal(&error))?;
        if !admins.contains(&actor.user) {
            return Err(Refusal::new(RefusalCode::Forbidden, "this is for admins"));
        }
        let before = store::lock(&transaction, user).await.map_err(|error| refusal(&error))?;
        let before = before.ok_or_else(no_account)?;
        if before.erased_at.is_some() {
            return Err(conflict("this account is erased: nothing of it can be changed"));
        }
        Ok(Acting { transaction, actor, origin, admins, before, signed_out: false })
    }

    /// Commits, and tells those who hold the account in memory.
    async fn end(&self, acting: Acting<'_>) -> Result<Person, Refusal> {
        let Acting { transaction, before, signed_out, .. } = acting;
        let user = before.profile.id;
        let after = store::find(&transaction, user).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        if signed_out {
            // Once more: a socket may have come back between the first word and the commit.
            self.accounts.tell_ended(user, None);
        }
        (self.on_changed)(user);
        after.ok_or_else(no_account)
    }

    async fn set_role(
        &self,
        acting: &mut Acting<'_>,
        role: Role,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        let (user, before) = (acting.user(), acting.before.profile.role);
        if role == before {
            return Ok(());
        }
        if acting.admins == [user] {
            return Err(last_admin());
        }
        store::set_role(&acting.transaction, user, role).await.map_err(|error| refusal(&error))?;
        self.sign_out(acting, "role_changed").await?;
        acting.record("user.role", reason, &json!({ "role": before }), &json!({ "role": role })).await
    }

    async fn set_plan(
        &self,
        acting: &mut Acting<'_>,
        plan: &str,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        let before = acting.before.plan_json();
        let after = json!({ "plan": plan, "planUntil": null, "planAfter": null });
        if before == after {
            return Ok(());
        }
        store::set_plan(&acting.transaction, acting.user(), plan, None)
            .await
            .map_err(|error| refusal(&error))?;
        acting.record("user.plan", reason, &before, &after).await
    }

    async fn block(&self, acting: &mut Acting<'_>, reason: Option<&str>) -> Result<(), Refusal> {
        let user = acting.user();
        if user == acting.actor.user {
            return Err(conflict("nobody blocks themself"));
        }
        if acting.admins == [user] {
            return Err(last_admin());
        }
        let before = acting.before.block_json();
        if acting.before.blocked_at.is_some() && acting.before.blocked_why.as_deref() == reason {
            return Ok(());
        }
        store::block(&acting.transaction, user, reason).await.map_err(|error| refusal(&error))?;
        self.sign_out(acting, "blocked").await?;
        acting.tell_history(AuthEvent::Blocked).await?;
        let after = json!({ "blocked": true, "blockedWhy": reason });
        acting.record("user.block", reason, &before, &after).await
    }

    async fn unblock(&self, acting: &mut Acting<'_>, reason: Option<&str>) -> Result<(), Refusal> {
        if acting.before.blocked_at.is_none() {
            return Ok(());
        }
        store::unblock(&acting.transaction, acting.user()).await.map_err(|error| refusal(&error))?;
        acting.tell_history(AuthEvent::Unblocked).await?;
        let after = json!({ "blocked": false, "blockedWhy": null });
        acting.record("user.unblock", reason, &acting.before.block_json(), &after).await
    }

    async fn reactivate(&self, acting: &mut Acting<'_>, reason: Option<&str>) -> Result<(), Refusal> {
        let Some(deactivated_at) = acting.before.deactivated_at else { return Ok(()) };
        if self.erases_at(&acting.before).is_none_or(|end| end <= acting.before.read_at) {
            return Err(conflict("the time to bring this account back is over: it is being erased"));
        }
        store::reactivate(&acting.transaction, acting.user()).await.map_err(|error| refusal(&error))?;
        acting.tell_history(AuthEvent::Reactivated).await?;
        let before = json!({ "deactivatedAt": deactivated_at });
        acting.record("user.reactivate", reason, &before, &json!({ "deactivatedAt": null })).await
    }

    async fn sign_out(&self, acting: &mut Acting<'_>, why: &'static str) -> Result<(), Refusal> {
        acting.signed_out = true;
        self.accounts.end_sign_ins(&acting.transaction, acting.user(), Which::All, why).await.map(drop)
    }
}

impl Acting<'_> {
    fn user(&self) -> UserId {
        self.before.profile.id
    }

    async fn record(
        &self,
        action: &'static str,
        reason: Option<&str>,
        before: &Value,
        after: &Value,
    ) -> Result<(), Refusal> {
        let act = Act {
            actor: self.actor,
            action,
            target: ("user", self.user().to_string()),
            reason,
            detail: json!({ "before": before, "after": after }),
            origin: self.origin,
        };
        audit::record(&self.transaction, &act).await.map_err(|error| refusal(&error))
    }

    /// Into the account's own history: without where the admin was.
    async fn tell_history(&self, event: AuthEvent) -> Result<(), Refusal> {
        let nowhere = Origin::default();
        let happened = Happened::new(self.user(), event, &nowhere);
        happened.record(&self.transaction).await.map_err(|error| refusal(&error))
    }
}

impl Person {
    fn plan_json(&self) -> Value {
        let Profile { plan, plan_until, .. } = &self.profile;
        json!({ "plan": plan, "planUntil": plan_until, "planAfter": self.plan_after })
    }

    fn block_json(&self) -> Value {
        json!({ "blocked": self.blocked_at.is_some(), "blockedWhy": self.blocked_why })
    }
}

fn reason(text: Option<&str>) -> Result<Option<String>, FieldError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > REASON_MAX_CHARS || text.chars().any(char::is_control) {
        return Err(FieldError::new(
            "reason",
            "takes at most 300 characters, none of them a control character",
        ));
    }
    Ok(Some(text.to_owned()))
}
