//! Billing, put together: the ledger, what people have by what they bought, Stripe and its events.

use deadpool_postgres::Pool;
use greenroom_actors::domain::Catalogue;

use super::tasks;
use super::web::Shared;
use crate::billing::stripe::Stripe;
use crate::billing::sync::Sync;
use crate::billing::terms::{SETTLE, Terms, settle_handler};
use crate::billing::{Ledger, Webhooks, events, ledger};
use crate::config::Config;
use crate::jobs::{Handlers, Recurring};
use crate::outbound::Outbound;
use crate::realtime::Hub;

pub(super) struct Money {
    pool: Pool,
    pub terms: Terms,
    ledger: Ledger,
    webhooks: Webhooks,
}

impl Money {
    pub fn open(
        config: &Config,
        pool: &Pool,
        plans: &Catalogue,
        outbound: &Outbound,
        hub: &Hub,
    ) -> anyhow::Result<Self> {
        let terms = Terms::new(plans.clone(), config.billing.clone(), outbound.clone(), tasks::teller(hub));
        let stripe = Stripe::open(config)?;
        let sync = stripe.clone().map(|stripe| Sync::new(pool.clone(), stripe, terms.clone()));
        let webhooks = Webhooks::new(pool.clone(), stripe.zip(sync), config);
        Ok(Self { pool: pool.clone(), terms, ledger: Ledger::new(pool.clone()), webhooks })
    }

    pub fn handlers(&self) -> Handlers {
        let mut handlers = self.webhooks.handlers();
        handlers.push(ledger::sweep_handler(&self.ledger));
        handlers.push(settle_handler(&self.pool, &self.terms));
        handlers
    }

    pub fn recurring() -> [Recurring; 3] {
        [ledger::SWEEP, SETTLE, events::SWEEP]
    }

    pub fn share(&self, shared: Shared) -> Shared {
        shared.with(&self.ledger).with(&self.terms).with(&self.webhooks)
    }
}
