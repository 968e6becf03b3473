//! From Stripe's state to ours: asks Stripe how an object stands, and writes it with its effect in one transaction.

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::Refusal;

use super::stripe::Stripe;
use super::terms::Terms;

/// Cheap to clone.
#[derive(Clone)]
pub struct Sync {
    pool: deadpool_postgres::Pool,
    stripe: Stripe,
    terms: Terms,
}

impl Sync {
    /// A checkout session and all that it led to (payment or subscription with its invoice). Answers whose it is; `None`: it
    /// is none of ours.
    pub async fn checkout(&self, id: &str) -> Result<Option<UserId>, Refusal> {
        todo!()
    }

    pub async fn intent(&self, id: &str) -> Result<Option<UserId>, Refusal> {
        todo!()
    }

    pub async fn invoice(&self, id: &str) -> Result<Option<UserId>, Refusal> {
        todo!()
    }

    /// With its latest invoice.
    pub async fn subscription(&self, id: &str) -> Result<Option<UserId>, Refusal> {
        todo!()
    }
}
