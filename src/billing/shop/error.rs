//! Why nothing was bought.

use std::time::Duration;

use actix_web::http::StatusCode;
use deadpool_postgres::PoolError;
use greenroom_actors::protocol::{Refusal, RefusalCode};

use crate::billing::stripe::StripeError;
use crate::billing::sync::SyncError;
use crate::error::{ApiError, FieldError};
use crate::postgres::refusal;

/// What would switch buying on.
const SETTING: &str = "stripe.secret_key";
/// When to come again where another request of the same person is under way.
const BUSY: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, thiserror::Error)]
pub enum ShopError {
    #[error("this server takes no payments")]
    Off,
    #[error("there is no such plan")]
    NoPlan,
    #[error("{}: {}", .0.field, .0.message)]
    Field(FieldError),
    /// The bank says no; in Stripe's words for people.
    #[error("{0}")]
    Declined(String),
    #[error("{}", .0.message)]
    Refused(Refusal),
}

impl ShopError {
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(RefusalCode::Conflict, message.into()))
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::Refused(Refusal::new(RefusalCode::NotFound, format!("there is no such {what}")))
    }

    pub(super) fn field(name: &'static str, message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::Field(FieldError::new(name, message))
    }

    /// Another request of the same person has not ended yet.
    pub(super) fn busy() -> Self {
        Self::Refused(Refusal::temporary(
            RefusalCode::RateLimited,
            "another payment request of yours is under way: try again in a moment",
            BUSY,
        ))
    }

    pub(super) fn late() -> Self {
        SyncError::Late.into()
    }

    pub(super) fn internal() -> Self {
        Self::Refused(Refusal::new(RefusalCode::Internal, "something went wrong"))
    }
}

impl From<Refusal> for ShopError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<PoolError> for ShopError {
    fn from(error: PoolError) -> Self {
        Self::Refused(refusal(&error))
    }
}

impl From<SyncError> for ShopError {
    fn from(error: SyncError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<StripeError> for ShopError {
    fn from(error: StripeError) -> Self {
        match error {
            StripeError::Refused { status: 402, message, .. } => Self::Declined(message),
            error => SyncError::from(error).into(),
        }
    }
}

impl From<ShopError> for ApiError {
    fn from(error: ShopError) -> Self {
        match error {
            ShopError::Off => Self::feature_unavailable(SETTING),
            ShopError::NoPlan => Self::not_found("plan").at("plan"),
            ShopError::Field(field) => field.into(),
            ShopError::Declined(message) => {
                Self::new(StatusCode::PAYMENT_REQUIRED, "payment_declined", message)
            }
            ShopError::Refused(refusal) => refusal.into(),
        }
    }
}
