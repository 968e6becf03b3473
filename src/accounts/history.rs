//! What happened at the door of an account: kept for its owner to read.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{SessionId, UserId};

use super::{Origin, store};
use crate::postgres::Stored;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthEvent {
    Registered,
    SignedIn,
    SignedOut,
    /// Somebody ended this sign-in from another device.
    SessionEnded,
    /// A used refresh token came again: its sign-in was ended.
    TokenReused,
    PasswordChanged,
    PasswordReset,
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
            Self::SessionEnded => "session_ended",
            Self::TokenReused => "token_reused",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
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
