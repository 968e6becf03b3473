//! One purchase of a person at a time, on all nodes together. It runs to its end also where the one who asked has gone: what is
//! under way at Stripe is to be known here.

use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt;
use greenroom_actors::domain::UserId;
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use super::{Shop, ShopError, store};

/// What one may take, with all its questions to Stripe.
const DEADLINE: Duration = Duration::from_secs(60);
/// Longer than that: who still holds it then has died.
const LEASE: Duration = Duration::from_secs(75);
/// Who comes while another one is at it waits so long at most, and looks so often.
const WAIT: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(40);

impl Shop {
    /// Does it when nobody else buys for this person.
    pub(super) async fn in_turn<T, F>(
        &self,
        user: UserId,
        deed: impl FnOnce(Self) -> F + Send + 'static,
    ) -> Result<T, ShopError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ShopError>> + Send,
    {
        let shop = self.clone();
        let whole = async move {
            let holder = Uuid::now_v7();
            shop.take_turn(user, holder).await?;
            let done = tokio::time::timeout(DEADLINE, deed(shop.clone()).boxed()).await;
            if let Err(error) = shop.end_turn(user, holder).await {
                tracing::warn!(%error, %user, "a purchase's turn ends by its lease");
            }
            done.unwrap_or_else(|_| Err(ShopError::late()))
        };
        tokio::spawn(whole.boxed().in_current_span()).await.unwrap_or_else(|error| {
            tracing::error!(%error, %user, "a purchase broke off");
            Err(ShopError::internal())
        })
    }

    async fn take_turn(&self, user: UserId, holder: Uuid) -> Result<(), ShopError> {
        let until = Instant::now() + WAIT;
        loop {
            if store::take_turn(&self.client().await?, user, holder, LEASE).await? {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(ShopError::busy());
            }
            tokio::time::sleep(LOOK.mul_f64(0.5 + fastrand::f64())).await;
        }
    }

    async fn end_turn(&self, user: UserId, holder: Uuid) -> Result<(), ShopError> {
        Ok(store::end_turn(&self.client().await?, user, holder).await?)
    }
}
