//! Buying: plans for days, subscriptions and credits, by Stripe's pages or in the client's own. One service; the routes of the
//! three older shapes are thin faces of it.
//!
//! **What is offered** comes from the settings alone, and is written into `checkouts` before anybody can pay it: what was paid is
//! held against that row ([`sync`](super::sync)). **Once.** What a person wants within some minutes is one
//! [`attempt`](attempts) with one key at Stripe: a double click, or a second try after an answer that got lost, gets what there
//! is. One purchase of a person runs at a time, on all nodes ([`turn`]), and to its end. **At once.** After each change Stripe's
//! state is fetched and written, so that the answer shows it; the events that tell the same come later and change nothing.
//! Nothing is kept half done where Stripe does not answer: the same request again goes on.
//!
//! **Who leaves** is charged no more ([`leave`]): a deactivated account's subscription ends with its period, so that an admin can
//! bring the account back with what it paid for; an erased one's ends at once, and the customer at Stripe is deleted.
//!
//! Owned here: `shop_attempts`, `shop_turns`, and who writes `stripe_customers` and `checkouts`.

mod attempts;
mod checkout;
mod credits;
mod customer;
mod error;
mod export;
mod leave;
mod offer;
mod overview;
mod returns;
mod routes;
mod store;
mod subscriptions;
mod turn;
mod verify;
mod view;

use std::net::SocketAddr;
use std::sync::Arc;

use deadpool_postgres::{Client, Pool};
use greenroom_actors::domain::UserId;

pub use self::error::ShopError;
pub use self::export::{GrantRecord, grant_records, payment_records, subscription_records};
pub use self::leave::{SWEEP, leaving};
pub use self::offer::Order;
use self::returns::Returns;
pub use self::routes::routes;
pub use self::view::PaymentView;
use super::plans::Offers;
use super::stripe::Stripe;
use super::sync::Sync;
use super::terms::{StandingView, Terms, standing};
use crate::accounts::Accounts;
use crate::config::{Config, KeyMode};
use crate::postgres::refusal;

/// Cheap to clone.
#[derive(Clone)]
pub struct Shop(Arc<Inner>);

struct Inner {
    pool: Pool,
    accounts: Accounts,
    terms: Terms,
    offers: Offers,
    returns: Returns,
    desk: Option<Desk>,
    publishable_key: Option<String>,
    test_mode: bool,
}

/// What is there where something can be bought.
#[derive(Clone)]
struct Desk {
    stripe: Stripe,
    sync: Sync,
}

impl Shop {
    /// `desk`: none where Stripe is not set; then all can be looked at and nothing bought.
    #[must_use]
    pub fn new(
        config: &Config,
        pool: Pool,
        accounts: Accounts,
        terms: Terms,
        offers: Offers,
        desk: Option<(Stripe, Sync)>,
    ) -> Self {
        let publishable_key = config.stripe.publishable_key.trim().to_owned();
        Self(Arc::new(Inner {
            pool,
            accounts,
            terms,
            offers,
            returns: Returns::new(config),
            test_mode: config.stripe.key_mode() == Some(KeyMode::Test),
            publishable_key: Some(publishable_key).filter(|key| !key.is_empty()),
            desk: desk.map(|(stripe, sync)| Desk { stripe, sync }),
        }))
    }

    /// The address that the server listens on: in development people may be sent back there.
    pub fn listens_at(&self, address: SocketAddr) {
        self.0.returns.listens_at(address);
    }

    /// What somebody has now.
    pub async fn standing(&self, user: UserId) -> Result<StandingView, ShopError> {
        let client = self.client().await?;
        Ok(standing(&client, user, &self.0.terms, &self.0.offers).await?)
    }

    fn desk(&self) -> Result<Desk, ShopError> {
        self.0.desk.clone().ok_or(ShopError::Off)
    }

    async fn client(&self) -> Result<Client, ShopError> {
        Ok(self.0.pool.get().await.map_err(|error| refusal(&error))?)
    }
}
