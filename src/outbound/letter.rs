//! What can be written to people. The words stand in `templates/`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A mail. Names are what people call themselves: nothing in them is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
pub enum Letter {
    /// Proves the address by a link that holds so many hours.
    VerifyEmail {
        name: String,
        link: String,
        hours: u32,
    },
    /// A link that sets a new password; it holds so many minutes.
    ResetPassword {
        name: String,
        link: String,
        minutes: u32,
    },
    /// `address`: the network address of who did it, as far as it is known.
    PasswordChanged {
        name: String,
        address: Option<String>,
    },
    /// The account sleeps; within so many days an admin can bring it back.
    Deactivated {
        name: String,
        days: u32,
    },
    /// Somebody tried to register with this address, which has an account.
    EmailTaken {
        name: String,
    },
    /// Another plan holds. `until`: a day, where it ends by itself.
    PlanStarted {
        name: String,
        plan: String,
        until: Option<String>,
    },
    /// The same plan holds longer.
    PlanExtended {
        name: String,
        plan: String,
        until: String,
    },
    /// It is over, and another one holds.
    PlanEnded {
        name: String,
        plan: String,
        after: String,
    },
    /// A subscription could not be charged. `until`: how long its plan holds on.
    PaymentFailed {
        name: String,
        plan: String,
        until: Option<String>,
    },
    /// A payment was given back whole, or is disputed: what it paid for is gone.
    TakenBack {
        name: String,
        what: String,
        amount: String,
        disputed: bool,
    },
    PartGivenBack {
        name: String,
        what: String,
        amount: String,
        of: String,
    },
    CreditsBought {
        name: String,
        credits: i64,
    },
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
            Self::PasswordChanged { .. }
            | Self::Deactivated { .. }
            | Self::EmailTaken { .. }
            | Self::PlanStarted { .. }
            | Self::PlanExtended { .. }
            | Self::PlanEnded { .. }
            | Self::PaymentFailed { .. }
            | Self::TakenBack { .. }
            | Self::PartGivenBack { .. }
            | Self::CreditsBought { .. } => None,
        }
    }

    pub(super) fn template(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::ResetPassword { .. } => "reset_password",
            Self::PasswordChanged { .. } => "password_changed",
            Self::Deactivated { .. } => "deactivated",
            Self::EmailTaken { .. } => "email_taken",
            Self::PlanStarted { .. } => "plan_started",
            Self::PlanExtended { .. } => "plan_extended",
            Self::PlanEnded { .. } => "plan_ended",
            Self::PaymentFailed { .. } => "payment_failed",
            Self::TakenBack { .. } => "taken_back",
            Self::PartGivenBack { .. } => "part_given_back",
            Self::CreditsBought { .. } => "credits_bought",
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
