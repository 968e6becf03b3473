//! The accounts of what was asked, written beside the work: many in one statement.
//!
//! Bounds: [`WAITING_MAX`] wait for a database that is away; what is over goes into the log alone. A killed server loses what
//! waited, at most [`EVERY`] of it while the database is there.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Pool;
use greenroom_actors::domain::AiCall;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::postgres::calls::{self, Account};

const WAITING_MAX: usize = 10_000;
const BATCH_MAX: usize = 500;
const EVERY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// For the last ones, when the server ends.
const CLOSE: Duration = Duration::from_secs(2);

type Noted = (Account, AiCall);

pub(super) struct Ledger {
    notes: Mutex<Option<mpsc::Sender<Noted>>>,
    writing: Mutex<Option<JoinHandle<()>>>,
}

impl Ledger {
    pub fn start(pool: Pool) -> Self {
        let (notes, noted) = mpsc::channel(WAITING_MAX);
        let writing = tokio::spawn(write(pool, noted));
        Self { notes: Mutex::new(Some(notes)), writing: Mutex::new(Some(writing)) }
    }

    /// Never waits.
    pub fn note(&self, account: Account, call: AiCall) {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(notes) = notes.as_ref() else { return };
        if let Err(
            mpsc::error::TrySendError::Full((_, call)) | mpsc::error::TrySendError::Closed((_, call)),
        ) = notes.try_send((account, call))
        {
            tracing::error!(
                call = %call.id,
                model = &*call.back_end.model,
                cost_micros = call.cost_micros(),
                "this moderation is not in the accounts, only here: the database is away"
            );
        }
    }

    /// Writes what waits, and takes no more.
    pub async fn close(&self) {
        drop(self.notes.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut writing) = writing
            && timeout(CLOSE, &mut writing).await.is_err()
        {
            writing.abort();
            tracing::warn!("the last moderations are not in the accounts: the database is away");
        }
    }
}

async fn write(pool: Pool, mut noted: mpsc::Receiver<Noted>) {
    let mut batch: Vec<Noted> = Vec::new();
    let mut pause = EVERY;
    loop {
        if batch.is_empty() {
            if noted.recv_many(&mut batch, BATCH_MAX).await == 0 {
                return;
            }
            // Others will come along, unless this is the end.
            if !noted.is_closed() {
                sleep(EVERY).await;
            }
        }
        while batch.len() < BATCH_MAX
            && let Ok(more) = noted.try_recv()
        {
            batch.push(more);
        }
        match store(&pool, &batch).await {
            Ok(()) => {
                batch.clear();
                pause = EVERY;
            }
            Err(error) => {
                tracing::debug!(%error, "moderations wait for their accounts");
                sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
        }
    }
}

/// Calls have ids: what was stored by a try of unknown outcome is not stored twice.
async fn store(pool: &Pool, batch: &[Noted]) -> Result<(), String> {
    let client = pool.get().await.map_err(|error| error.to_string())?;
    calls::record_each(&**client, batch).await.map_err(|error| error.to_string())
}
