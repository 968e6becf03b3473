//! What a person wants, known by all that makes it what it is: the same wish within some minutes has the same key at Stripe.

use std::time::Duration;

use data_encoding::HEXLOWER;
use greenroom_actors::domain::UserId;
use sha2::{Digest, Sha256};

use super::store::{self, Attempt};
use super::{Shop, ShopError};
use crate::billing::stripe::StripeError;

/// How long the same wish is the same attempt: longer than anybody tries again, shorter than Stripe keeps keys (a day).
const HOLDS: Duration = Duration::from_secs(600);

/// What is asked of Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Checkout,
    Intent,
    Subscribe,
    Change,
    Cancel,
    Reactivate,
}

impl Deed {
    fn as_str(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Intent => "intent",
            Self::Subscribe => "subscribe",
            Self::Change => "change",
            Self::Cancel => "cancel",
            Self::Reactivate => "reactivate",
        }
    }
}

impl Shop {
    pub(super) async fn attempt(
        &self,
        user: UserId,
        deed: Deed,
        wish: &[&str],
    ) -> Result<Attempt, ShopError> {
        let client = self.client().await?;
        Ok(store::attempt(&client, user, deed.as_str(), &digest(wish), HOLDS).await?)
    }

    /// The next one who wants the same begins anew.
    pub(super) async fn forget(&self, attempt: &Attempt) -> Result<(), ShopError> {
        Ok(store::forget(&self.client().await?, attempt.id).await?)
    }

    /// What Stripe said to an attempt. A refusal ends it: under its key Stripe would only repeat it. Without an answer nothing
    /// is known, and the key is kept.
    pub(super) async fn judged<T>(
        &self,
        attempt: &Attempt,
        said: Result<T, StripeError>,
    ) -> Result<T, ShopError> {
        match said {
            Ok(done) => Ok(done),
            Err(error @ StripeError::Away { .. }) => Err(error.into()),
            Err(error) => {
                self.forget(attempt).await?;
                Err(error.into())
            }
        }
    }
}

fn digest(wish: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in wish {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    HEXLOWER.encode(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_wish_is_another_attempt() {
        assert_eq!(digest(&["pro", "a"]), digest(&["pro", "a"]));
        assert_ne!(digest(&["pro", "a"]), digest(&["pr", "oa"]));
        assert_ne!(digest(&["pro"]), digest(&["pro", ""]));
    }
}
