//! Billing, put together: the ledger, what people have by what they bought, Stripe and its events, the shop.

use std::net::SocketAddr;
use std::time::Duration;

use deadpool_postgres::Pool;
use greenroom_actors::domain::Catalogue;

use super::tasks;
use super::web::Shared;
use crate::accounts::Accounts;
use crate::billing::books::Books;
use crate::billing::books::reconcile::{self, Online, Reconciler};
use crate::billing::plans::Offers;
use crate::billing::stripe::Stripe;
use crate::billing::sync::Sync;
use crate::billing::terms::{SETTLE, Terms, settle_handler};
use crate::billing::{Ledger, Shop, Webhooks, events, ledger, shop};
use crate::config::Config;
use crate::jobs::{Handlers, Recurring};
use crate::outbound::Outbound;
use crate::realtime::Hub;

pub(super) struct Money {
    pool: Pool,
    pub terms: Terms,
    ledger: Ledger,
    webhooks: Webhooks,
    shop: Shop,
    offers: Offers,
    pub books: Books,
    reconciler: Reconciler,
    reconcile_every: Duration,
}

impl Money {
    pub fn open(
        config: &Config,
        pool: &Pool,
        plans: &Catalogue,
        (outbound, hub): (&Outbound, &Hub),
        accounts: &Accounts,
    ) -> anyhow::Result<Self> {
        let terms = Terms::new(plans.clone(), config.billing.clone(), outbound.clone(), tasks::teller(hub));
        let stripe = Stripe::open(config)?;
        let sync = stripe.clone().map(|stripe| Sync::new(pool.clone(), stripe, terms.clone()));
        let sells = stripe.zip(sync);
        let offers = Offers::new(plans.clone(), config);
        let shop =
            Shop::new(config, pool.clone(), accounts.clone(), terms.clone(), offers.clone(), sells.clone());
        let webhooks = Webhooks::new(pool.clone(), sells.clone(), config);
        let ledger = Ledger::new(pool.clone());
        let online = sells.map(|(stripe, sync)| Online { stripe, sync, webhooks: webhooks.clone() });
        Ok(Self {
            pool: pool.clone(),
            offers,
            books: Books::new(pool.clone(), terms.clone()),
            reconciler: Reconciler::new(pool.clone(), online, ledger.clone(), terms.clone()),
            reconcile_every: config.billing.reconcile_every(),
            terms,
            ledger,
            webhooks,
            shop,
        })
    }

    pub fn handlers(&self) -> Handlers {
        let mut handlers = self.webhooks.handlers();
        handlers.extend(self.shop.handlers());
        handlers.push(ledger::sweep_handler(&self.ledger));
        handlers.push(settle_handler(&self.pool, &self.terms));
        handlers.push(reconcile::handler(&self.reconciler));
        handlers
    }

    pub fn recurring(&self) -> [Recurring; 5] {
        [ledger::SWEEP, SETTLE, events::SWEEP, shop::SWEEP, reconcile::recurring(self.reconcile_every)]
    }

    pub fn share(&self, shared: Shared) -> Shared {
        shared
            .with(&self.ledger)
            .with(&self.terms)
            .with(&self.webhooks)
            .with(&self.shop)
            .with(&self.offers)
            .with(&self.books)
            .with(&self.reconciler)
    }

    /// The address that people may be sent back to in development.
    pub fn listens_at(&self, address: SocketAddr) {
        self.shop.listens_at(address);
    }
}
