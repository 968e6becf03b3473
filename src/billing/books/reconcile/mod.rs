//! Compares what Stripe says with what is kept here: mends what is safe, and reports the rest to admins.
//!
//! **Safe** is what the usual way would have done: an event that never came is handled now, an object that stands otherwise at
//! Stripe is synced, a person whose plan or credits do not follow from the rows is settled. **Reported** is what somebody has to
//! decide: two subscriptions that run at once, a subscription or a payment of nobody, one that Stripe does not know, events that
//! failed for good, and a ledger that does not add up. Every look is bounded by pages and by a window of days; what lay outside
//! of it is said.

mod job;
mod online;
mod report;
mod store;

use deadpool_postgres::{Client, Pool};
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

pub use self::job::{KIND, handler, recurring};
pub use self::report::{Finding, Report, Subject};
use crate::audit::{self, Act};
use crate::billing::events::Webhooks;
use crate::billing::ledger::Ledger;
use crate::billing::stripe::Stripe;
use crate::billing::sync::Sync;
use crate::billing::terms::{self, Terms};
use crate::jobs::{self, NewJob, QueueName, enqueue};
use crate::postgres::refusal;

const QUEUE: QueueName = QueueName::Maintenance;
/// Names the run that an admin asked for.
const BY_HAND: &str = "by hand";
/// People that are settled at once.
const BATCH: i64 = 500;

/// What admins see of comparisons.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// One is under way, or waits for its turn.
    pub running: bool,
    /// The last one that ended, and when.
    pub last: Option<(Timestamp, Report)>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Reconciler {
    pool: Pool,
    /// Without Stripe only what is kept here is compared with itself.
    stripe: Option<Online>,
    ledger: Ledger,
    terms: Terms,
}

/// What there is where Stripe is set up.
#[derive(Clone)]
pub struct Online {
    pub stripe: Stripe,
    pub sync: Sync,
    pub webhooks: Webhooks,
}

impl Reconciler {
    #[must_use]
    pub fn new(pool: Pool, stripe: Option<Online>, ledger: Ledger, terms: Terms) -> Self {
        Self { pool, stripe, ledger, terms }
    }

    /// Compares everything once, and keeps the report; `None`: another run is under way. What Stripe did not answer is said in
    /// the report; only a database that is away is an error.
    pub async fn run(&self, now: Timestamp) -> Result<Option<Report>, Refusal> {
        let id = Uuid::now_v7();
        let client = self.client().await?;
        if !store::begin(&client, id).await.map_err(|error| refusal(&error))? {
            return Ok(None);
        }
        drop(client);
        let done = self.run_as(id, now).await;
        if done.is_err()
            && let Ok(client) = self.client().await
        {
            // Or else it is taken for one that runs, until its time is over.
            let _ = store::forget(&client, id).await;
        }
        done.map(Some)
    }

    async fn run_as(&self, id: Uuid, now: Timestamp) -> Result<Report, Refusal> {
        let before = self.look().await?.last.and_then(|(_, report)| report.people_after);
        let mut report = Report::default();
        if let Some(online) = &self.stripe
            && let Err(gap) = self.compare(online, now, &mut report).await?
        {
            report.incomplete = Some(gap.to_string());
        }
        report.people_after = self.people(before, &mut report).await?;
        self.books(&mut report).await?;
        let client = self.client().await?;
        store::finish(&client, id, &report).await.map_err(|error| refusal(&error))?;
        report.record();
        Ok(report)
    }

    pub async fn look(&self) -> Result<Comparison, Refusal> {
        let client = self.client().await?;
        let read = async {
            tokio::try_join!(
                store::is_running(&client),
                jobs::is_open(&client, KIND, BY_HAND),
                store::last(&client)
            )
        };
        let (running, ordered, last) = read.await.map_err(|error| refusal(&error))?;
        Ok(Comparison { running: running || ordered, last })
    }

    /// Puts a run into the queue, for an admin.
    pub async fn order(&self, act: &Act<'_>) -> Result<Comparison, Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let job = NewJob { key: Some(BY_HAND.to_owned()), ..NewJob::new(QUEUE, KIND, Value::Null) };
        let order = async {
            enqueue(&transaction, &job).await?;
            audit::record(&transaction, act).await
        };
        order.await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        let looked = self.look().await?;
        Ok(Comparison { running: true, ..looked })
    }

    /// Settles those who bought or were given something, from where the last run stopped. Answers where to go on; `None`: all
    /// have had their turn.
    async fn people(&self, after: Option<Uuid>, report: &mut Report) -> Result<Option<Uuid>, Refusal> {
        let mut after = after.unwrap_or_default();
        for _ in 0..store::PEOPLE_BATCHES {
            let mut client = self.client().await?;
            let people = store::people(&client, after, BATCH).await.map_err(|error| refusal(&error))?;
            for user in &people {
                let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
                let notices = terms::settle(&transaction, *user, &self.terms).await?;
                transaction.commit().await.map_err(|error| refusal(&error))?;
                if !notices.is_empty() {
                    let codes: Vec<&str> = notices.iter().map(|notice| notice.code).collect();
                    report.repair(Subject::Person, &user.to_string(), &codes.join(", "));
                    self.terms.tell(&notices);
                }
            }
            report.checked.people += people.len();
            match people.last() {
                Some(last) if people.len() == usize::try_from(BATCH).unwrap_or(usize::MAX) => {
                    after = last.uuid();
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(after))
    }

    /// What is kept here, held against itself.
    async fn books(&self, report: &mut Report) -> Result<(), Refusal> {
        let verdict = self.ledger.verify().await?;
        report.checked.transfers = usize::try_from(verdict.transfers).unwrap_or_default();
        for fault in verdict.faults {
            report.find(Subject::Ledger, "ledger", &fault);
        }
        let client = self.client().await?;
        let failed = store::failed_events(&client).await.map_err(|error| refusal(&error))?;
        if failed > 0 {
            report.find(Subject::Events, "failed", &format!("{failed} events failed for good: replay them"));
        }
        Ok(())
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
    }
}
