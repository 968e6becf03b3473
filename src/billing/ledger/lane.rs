//! The way of what is asked outside of any transaction: what waits is carried out together, in one.
//!
//! A commit costs the same for one as for a hundred, so the ledger of a node carries more the more is asked of it. Each lane
//! has the people whose ids fall to it, and takes what waits, [`BATCH_MAX`] at a time; nobody waits for others to come.
//! Where a batch fails, each of it is carried out by itself, so that one fault is one answer. An ask that was sent is carried
//! out, whoever goes meanwhile; who hears nothing asks again under the same key.

use std::sync::{Arc, OnceLock};

use deadpool_postgres::Pool;
use futures_util::FutureExt;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use tokio::sync::{mpsc, oneshot};

use super::Recorded;
use super::orders::{Ask, carry_out, carry_out_one};
use crate::postgres::{Stored, refusal};

const LANES: usize = 2;
/// Asks of one transaction.
const BATCH_MAX: usize = 64;
/// Asks that wait in a lane; further ones wait to be let in.
const QUEUE_MAX: usize = 1_024;

struct Waiting {
    ask: Ask,
    answer: oneshot::Sender<Result<Recorded, Refusal>>,
}

/// Cheap to clone. The lanes start with the first ask and end with the last clone.
#[derive(Clone, Default)]
pub(super) struct Lanes(Arc<OnceLock<[mpsc::Sender<Waiting>; LANES]>>);

impl Lanes {
    pub async fn ask(&self, pool: &Pool, ask: Ask) -> Result<Recorded, Refusal> {
        let lanes = self.0.get_or_init(|| std::array::from_fn(|_| start(pool.clone())));
        let at = ask.user.uuid().as_u128() % LANES as u128;
        let (answer, answered) = oneshot::channel();
        let gone = || {
            Refusal::new(RefusalCode::OutcomeUnknown, "the ledger is closing: ask again with the same key")
        };
        let lane = &lanes[usize::try_from(at).unwrap_or_default()];
        lane.send(Waiting { ask, answer }).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn start(pool: Pool) -> mpsc::Sender<Waiting> {
    let (sender, mut waiting) = mpsc::channel(QUEUE_MAX);
    tokio::spawn(async move {
        let mut taken = Vec::with_capacity(BATCH_MAX);
        while waiting.recv_many(&mut taken, BATCH_MAX).await > 0 {
            let (asks, answers): (Vec<Ask>, Vec<_>) =
                taken.drain(..).map(|one: Waiting| (one.ask, one.answer)).unzip();
            let recorded = all(&pool, asks).boxed().await;
            for (answer, recorded) in answers.into_iter().zip(recorded) {
                // Whoever went has asked all the same.
                let _ = answer.send(recorded);
            }
        }
    });
    sender
}

async fn all(pool: &Pool, asks: Vec<Ask>) -> Vec<Result<Recorded, Refusal>> {
    if asks.len() > 1 {
        match together(pool, &asks).await {
            Ok(recorded) => return recorded,
            Err(error) => tracing::debug!(%error, asks = asks.len(), "orders are carried out one by one"),
        }
    }
    let mut recorded = Vec::with_capacity(asks.len());
    for ask in asks {
        recorded.push(alone(pool, ask).await);
    }
    recorded
}

async fn together(pool: &Pool, asks: &[Ask]) -> Stored<Vec<Result<Recorded, Refusal>>> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let recorded = carry_out(&transaction, asks).await?;
    transaction.commit().await?;
    Ok(recorded)
}

async fn alone(pool: &Pool, ask: Ask) -> Result<Recorded, Refusal> {
    let mut client = pool.get().await.map_err(|error| refusal(&error))?;
    let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
    let recorded = carry_out_one(&transaction, ask).await?;
    transaction.commit().await.map_err(|error| refusal(&error))?;
    Ok(recorded)
}
