//! Changing an account: role, plan, block and reactivation, each with its entry in the audit log.

use deadpool_postgres::Transaction;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde_json::{Value, json};

use super::{People, Person, conflict, last_admin, no_account, store};
use crate::accounts::history::{AuthEvent, Happened};
use crate::accounts::{Origin, Profile, Role, Which};
use crate::audit::{self, Act};
use crate::billing::terms::{self, Notice};
use crate::error::FieldError;
use crate::http::Caller;
use crate::postgres::refusal;

/// Characters of a reason.
const REASON_MAX_CHARS: usize = 300;

/// What an admin changes of an account.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub role: Option<Role>,
    /// The plan that holds where nothing that was bought does.
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

/// An act under way: the account is locked, and so are the active admins.
pub(super) struct Acting<'a> {
    pub(super) transaction: Transaction<'a>,
    actor: &'a Caller,
    origin: &'a Origin,
    admins: Vec<UserId>,
    pub(super) before: Person,
}

impl People {
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
            let plans = self.accounts.plans().current();
            let known = plans.by_name.keys().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
            let plan: String = plan.chars().filter(|sign| !sign.is_control()).take(60).collect();
            let message = format!("there is no plan \u{201c}{plan}\u{201d}; there are {known}");
            return Err(FieldError::new("plan", message).into());
        }
        let reason = reason(change.reason.as_deref())?;
        let mut client = self.accounts.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let acting = self.begin(transaction, actor, user, origin).await?;
        let mut notices = Vec::new();
        if change.reactivate {
            self.reactivate(&acting, reason.as_deref()).await?;
        }
        if let Some(role) = change.role {
            self.set_role(&acting, role, reason.as_deref()).await?;
        }
        if let Some(plan) = &change.plan {
            notices = self.set_plan(&acting, plan, reason.as_deref()).await?;
        }
        match change.blocked {
            Some(true) => self.block(&acting, reason.as_deref()).await?,
            Some(false) => self.unblock(&acting, reason.as_deref()).await?,
            None => {}
        }
        self.end(acting, &notices).await
    }

    pub(super) fn has_plan(&self, plan: &str) -> bool {
        self.accounts.plans().current().find(plan).is_some()
    }

    pub(super) async fn begin<'a>(
        &self,
        transaction: Transaction<'a>,
        actor: &'a Caller,
        user: UserId,
        origin: &'a Origin,
    ) -> Result<Acting<'a>, Refusal> {
        let admins = store::lock_active_admins(&transaction).await.map_err(|error| refusal(&error))?;
        if !admins.contains(&actor.user) {
            return Err(Refusal::new(RefusalCode::Forbidden, "this is for admins"));
        }
        let before = store::lock(&transaction, user).await.map_err(|error| refusal(&error))?;
        let before = before.ok_or_else(no_account)?;
        if before.erased_at.is_some() {
            return Err(conflict("this account is erased: nothing of it can be changed"));
        }
        Ok(Acting { transaction, actor, origin, admins, before })
    }

    /// Commits, and tells those who hold the account in memory, and its user.
    pub(super) async fn end(&self, acting: Acting<'_>, notices: &[Notice]) -> Result<Person, Refusal> {
        let Acting { transaction, before, .. } = acting;
        let user = before.profile.id;
        let after = store::find(&transaction, user).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        self.accounts.changed(user);
        self.terms.tell(notices);
        after.ok_or_else(no_account)
    }

    async fn set_role(&self, acting: &Acting<'_>, role: Role, reason: Option<&str>) -> Result<(), Refusal> {
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
        acting: &Acting<'_>,
        plan: &str,
        reason: Option<&str>,
    ) -> Result<Vec<Notice>, Refusal> {
        let (transaction, user) = (&acting.transaction, acting.user());
        let was = terms::base_plan(transaction, user).await?;
        let ended = terms::take_grants(transaction, user, None).await?;
        if was.as_deref() == Some(plan) && ended == 0 {
            return Ok(Vec::new());
        }
        if was.as_deref() != Some(plan) {
            terms::set_base_plan(transaction, user, plan).await?;
        }
        self.settle(acting, "user.plan", reason).await
    }

    /// Has what somebody has follow from what was done, and records it.
    pub(super) async fn settle(
        &self,
        acting: &Acting<'_>,
        action: &'static str,
        reason: Option<&str>,
    ) -> Result<Vec<Notice>, Refusal> {
        let notices = terms::settle(&acting.transaction, acting.user(), &self.terms).await?;
        let after = store::find(&acting.transaction, acting.user()).await.map_err(|error| refusal(&error))?;
        let after = after.ok_or_else(no_account)?.plan_json();
        acting.record(action, reason, &acting.before.plan_json(), &after).await?;
        Ok(notices)
    }

    async fn block(&self, acting: &Acting<'_>, reason: Option<&str>) -> Result<(), Refusal> {
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

    async fn unblock(&self, acting: &Acting<'_>, reason: Option<&str>) -> Result<(), Refusal> {
        if acting.before.blocked_at.is_none() {
            return Ok(());
        }
        store::unblock(&acting.transaction, acting.user()).await.map_err(|error| refusal(&error))?;
        acting.tell_history(AuthEvent::Unblocked).await?;
        let after = json!({ "blocked": false, "blockedWhy": null });
        acting.record("user.unblock", reason, &acting.before.block_json(), &after).await
    }

    async fn reactivate(&self, acting: &Acting<'_>, reason: Option<&str>) -> Result<(), Refusal> {
        let Some(deactivated_at) = acting.before.deactivated_at else { return Ok(()) };
        if self.erases_at(&acting.before).is_none_or(|end| end <= acting.before.read_at) {
            return Err(conflict("the time to bring this account back is over: it is being erased"));
        }
        store::reactivate(&acting.transaction, acting.user()).await.map_err(|error| refusal(&error))?;
        acting.tell_history(AuthEvent::Reactivated).await?;
        let before = json!({ "deactivatedAt": deactivated_at });
        acting.record("user.reactivate", reason, &before, &json!({ "deactivatedAt": null })).await
    }

    async fn sign_out(&self, acting: &Acting<'_>, why: &'static str) -> Result<(), Refusal> {
        self.accounts.end_sign_ins(&acting.transaction, acting.user(), Which::All, why).await.map(drop)
    }
}

impl Acting<'_> {
    pub(super) fn user(&self) -> UserId {
        self.before.profile.id
    }

    /// The admin.
    pub(super) fn by(&self) -> UserId {
        self.actor.user
    }

    pub(super) async fn record(
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
    pub(super) fn plan_json(&self) -> Value {
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
