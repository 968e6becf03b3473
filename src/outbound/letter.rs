//! What can be written to people. The words stand in `templates/`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A mail. Names are what people call themselves: nothing in them is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
pub enum Letter {
    /// Proves the address by a link that holds so many hours.
    VerifyEmail { name: String, link: String, hours: u32 },
    /// A link that sets a new password; it holds so many minutes.
    ResetPassword { name: String, link: String, minutes: u32 },
    /// `address`: the network address of who did it, as far as it is known.
    PasswordChanged { name: String, address: Option<String> },
    /// The account sleeps; within so many days an admin can bring it back.
    Deactivated { name: String, days: u32 },
    /// Somebody tried to register with this address, which has an account.
    EmailTaken { name: String },
}

/// An SMS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "text", rename_all = "snake_case")]
pub enum Text {
    SignInCode { code: String, minutes: u32 },
    ResetCode { code: String, minutes: u32 },
}

impl Letter {
    /// How long what it holds is good for: after that it is not sent any more. `None`: it never gets stale.
    pub(super) fn good_for(&self) -> Option<Duration> {
        match self {
            Self::VerifyEmail { hours, .. } => Some(Duration::from_secs(u64::from(*hours) * 3_600)),
            Self::ResetPassword { minutes, .. } => Some(in_minutes(*minutes)),
            Self::PasswordChanged { .. } | Self::Deactivated { .. } | Self::EmailTaken { .. } => None,
        }
    }

    pub(super) fn template(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::ResetPassword { .. } => "reset_password",
            Self::PasswordChanged { .. } => "password_changed",
            Self::Deactivated { .. } => "deactivated",
            Self::EmailTaken { .. } => "email_taken",
        }
    }
}

impl Text {
    pub(super) fn good_for(&self) -> Duration {
        let (Self::SignInCode { minutes, .. } | Self::ResetCode { minutes, .. }) = self;
        in_minutes(*minutes)
    }

    pub(super) fn template(&self) -> &'static str {
        match self {
            Self::SignInCode { .. } => "sign_in_code",
            Self::ResetCode { .. } => "reset_code",
        }
    }
}

fn in_minutes(minutes: u32) -> Duration {
    Duration::from_secs(u64::from(minutes) * 60)
}
