//! What happened at the door of an account: kept 90 days for its owner to read. Nothing secret is in it.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{SessionId, UserId};
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Accounts, Origin, store};
use crate::http::{Page, PageQuery};
use crate::postgres::{Stored, refusal};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthEvent {
    Registered,
    SignedIn,
    SignedOut,
    SignedOutEverywhere,
    /// Somebody ended this sign-in from another device.
    SessionEnded,
    /// A used refresh token came again: its sign-in was ended.
    TokenReused,
    PasswordChanged,
    PasswordReset,
    EmailChanged,
    EmailVerified,
    MobileVerified,
    IdentityLinked,
    IdentityUnlinked,
    ApiKeyMade,
    ApiKeyRevoked,
    Exported,
    Blocked,
    Unblocked,
    Deactivated,
    Reactivated,
}

impl AuthEvent {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::SignedIn => "signed_in",
            Self::SignedOut => "signed_out",
            Self::SignedOutEverywhere => "signed_out_everywhere",
            Self::SessionEnded => "session_ended",
            Self::TokenReused => "token_reused",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::EmailChanged => "email_changed",
            Self::EmailVerified => "email_verified",
            Self::MobileVerified => "mobile_verified",
            Self::IdentityLinked => "identity_linked",
            Self::IdentityUnlinked => "identity_unlinked",
            Self::ApiKeyMade => "api_key_made",
            Self::ApiKeyRevoked => "api_key_revoked",
            Self::Exported => "exported",
            Self::Blocked => "blocked",
            Self::Unblocked => "unblocked",
            Self::Deactivated => "deactivated",
            Self::Reactivated => "reactivated",
        }
    }
}

/// One line of the history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happened<'a> {
    pub user: UserId,
    pub event: AuthEvent,
    /// A word for programs, such as `wrong_password`; `None`: it went through.
    pub refused_why: Option<&'static str>,
    pub sign_in: Option<SessionId>,
    pub origin: &'a Origin,
}

impl<'a> Happened<'a> {
    pub fn new(user: UserId, event: AuthEvent, origin: &'a Origin) -> Self {
        Self { user, event, refused_why: None, sign_in: None, origin }
    }

    /// Writes it, in the caller's transaction if there is one.
    pub async fn record(&self, client: &impl GenericClient) -> Stored<()> {
        store::history::insert(client, self).await
    }
}

/// One line of the history, as its owner reads it.
#[derive(Clone, Debug)]
pub struct HistoryLine {
    pub id: Uuid,
    /// What [`AuthEvent::as_str`] wrote.
    pub event: String,
    pub refused_why: Option<String>,
    pub sign_in: Option<Uuid>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
}

impl Accounts {
    /// The user's history, the newest first.
    pub async fn history(&self, user: UserId, page: &PageQuery) -> Result<Page<HistoryLine>, Refusal> {
        let before = page.after_id()?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let found = store::history::list(&client, user, before, skip, limit + 1)
            .await
            .map_err(|error| refusal(&error))?;
        Ok(Page::cut_by_id(page, found, None, |line| line.id))
    }
}
