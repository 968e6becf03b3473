//! The audit log: what admins did, to whom, why, and what it was before.
//!
//! An act writes its entry with [`record`] in its own transaction, so that neither is there without the other. Acts on
//! the running process (a drain, a kick) have no transaction and must work while the database is away:
//! [`Audit::note`] is for those. Nothing changes or removes an entry, and it names nobody by reference: it outlives
//! accounts.

mod routes;
mod store;

use std::time::Duration;

use deadpool_postgres::{GenericClient, Pool};
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use crate::accounts::Origin;
use crate::error::FieldError;
use crate::http::{Caller, Page, PageQuery};
use crate::postgres::{Stored, refusal};

pub use routes::{AuditView, routes};

/// What an act on the running process waits for its entry, before it goes into the log of the server instead.
const NOTE_DEADLINE: Duration = Duration::from_secs(3);
/// Characters of each filter.
const FILTER_MAX_CHARS: usize = 200;

/// One act. Its texts and its detail are shown to every admin: no secret belongs in them.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    pub actor: &'a Caller,
    /// `<what>.<done>`, such as `user.block`.
    pub action: &'static str,
    /// What kind of thing it was done to, and its id there.
    pub target: (&'static str, String),
    pub reason: Option<&'a str>,
    /// Whatever tells what changed; where something was replaced, `{"before": …, "after": …}`.
    pub detail: serde_json::Value,
    pub origin: &'a Origin,
}

impl<'a> Act<'a> {
    /// An act without a reason or a detail.
    pub fn new(
        actor: &'a Caller,
        action: &'static str,
        target: (&'static str, String),
        origin: &'a Origin,
    ) -> Self {
        Self { actor, action, target, reason: None, detail: serde_json::json!({}), origin }
    }
}

/// Writes the entry in the caller's transaction.
pub async fn record(client: &impl GenericClient, act: &Act<'_>) -> Stored<()> {
    store::insert(client, act).await
}

/// Writes the entry of something that the server did by itself, by a rule, to one of its accounts.
pub async fn record_own(
    client: &impl GenericClient,
    action: &'static str,
    target: (&'static str, String),
    detail: &serde_json::Value,
) -> Stored<()> {
    store::insert_own(client, action, &target, detail).await
}

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub id: Uuid,
    pub actor: Uuid,
    /// The actor's username at that moment.
    pub actor_name: String,
    pub action: String,
    pub target_kind: String,
    pub target_id: String,
    pub reason: Option<String>,
    pub detail: serde_json::Value,
    pub address: Option<String>,
    pub created_at: Timestamp,
}

/// Which entries are wanted: all of what is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// The actor's id, or the username that the actor had.
    pub actor: Option<String>,
    /// An action such as `user.block`, or the word before its dot for all of that kind.
    pub action: Option<String>,
    /// The id of what it was done to, or `<kind>:<id>`.
    pub target: Option<String>,
}

impl Filter {
    /// Trims; what is empty asks for nothing.
    pub fn checked(self) -> Result<Self, FieldError> {
        Ok(Self {
            actor: filter("actor", self.actor)?,
            action: filter("action", self.action)?,
            target: filter("target", self.target)?,
        })
    }
}

fn filter(field: &'static str, text: Option<String>) -> Result<Option<String>, FieldError> {
    let Some(text) = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > FILTER_MAX_CHARS || text.chars().any(char::is_control) {
        return Err(FieldError::new(field, "takes at most 200 characters, none of them a control character"));
    }
    Ok(Some(text))
}

/// The log as admins read it. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    pool: Pool,
}

impl Audit {
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// A page of the entries, the newest first. The filter is to be a [checked](Filter::checked) one.
    pub async fn list(&self, filter: &Filter, page: &PageQuery) -> Result<Page<Entry>, Refusal> {
        let before = page.after_id()?;
        let (skip, limit) = page.window();
        let client = self.pool.get().await.map_err(|error| refusal(&error))?;
        let (entries, total) =
            store::list(&client, filter, before, limit + 1, skip).await.map_err(|error| refusal(&error))?;
        Ok(Page::cut_by_id(page, entries, Some(total.unsigned_abs()), |entry| entry.id))
    }

    /// Writes the entry of an act that must not wait for the database: after 3 s, or without one, the server's log
    /// alone tells of it, as an error.
    pub async fn note(&self, act: &Act<'_>) {
        let write = async {
            let client = self.pool.get().await?;
            record(&client, act).await
        };
        let why = match tokio::time::timeout(NOTE_DEADLINE, write).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => refusal(&error).message,
            Err(_) => "the database did not answer in time".to_owned(),
        };
        tracing::error!(
            actor = %act.actor.user,
            action = act.action,
            target_kind = act.target.0,
            target_id = act.target.1,
            reason = act.reason,
            detail = %act.detail,
            address = act.origin.address,
            why,
            "AUDIT: this act of an admin is not in the audit log, only here"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_is_refused_and_an_empty_one_is_none() {
        let of = |actor: &str| Filter { actor: Some(actor.to_owned()), ..Filter::default() }.checked();
        assert_eq!(of("  ").unwrap(), Filter::default());
        assert_eq!(of(" mira ").unwrap().actor.as_deref(), Some("mira"));
        assert_eq!(of("a\0b").unwrap_err().field, "actor");
        assert_eq!(of(&"x".repeat(201)).unwrap_err().field, "actor");
    }
}
