//! Profile views: counted in memory, written now and then. A read never writes, and none is lost but by a kill.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use greenroom_actors::domain::CharacterId;
use greenroom_actors::protocol::Refusal;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::characters::{Characters, store};
use crate::postgres::refusal;

/// Characters whose views wait to be written; those of further ones are written first.
const PENDING_MAX: usize = 10_000;

/// Views that wait to be written.
pub struct PendingViews {
    /// Who writes, for the database to know a batch that it has.
    writer: Uuid,
    counts: Mutex<HashMap<Uuid, i64>>,
    /// The batch that is being written, with its number: the next one waits until its outcome is known.
    writing: tokio::sync::Mutex<(i64, Vec<(Uuid, i64)>)>,
    full: AtomicBool,
}

impl Default for PendingViews {
    fn default() -> Self {
        Self {
            writer: Uuid::now_v7(),
            counts: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            full: AtomicBool::new(false),
        }
    }
}

impl PendingViews {
    fn add(&self, character: Uuid) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() < PENDING_MAX || counts.contains_key(&character) {
            *counts.entry(character).or_default() += 1;
        } else if !self.full.swap(true, Relaxed) {
            tracing::warn!("views of more characters than can wait: some are not counted");
        }
    }

    fn take(&self) -> Vec<(Uuid, i64)> {
        self.full.store(false, Relaxed);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: Vec<_> = counts.drain().collect();
        taken.sort_unstable();
        taken
    }
}

impl Characters {
    /// A signed-in user looked at a character that there is.
    pub fn seen(&self, character: CharacterId) {
        self.0.seen.add(character.uuid());
    }

    /// Writes the views that wait. A batch whose outcome was not heard is written again under its number, which the
    /// database takes once.
    pub async fn write_views(&self) -> Result<(), Refusal> {
        let pending = &self.0.seen;
        let mut writing = pending.writing.lock().await;
        if writing.1.is_empty() {
            *writing = (writing.0 + 1, pending.take());
        }
        if writing.1.is_empty() {
            return Ok(());
        }
        let client = self.client().await?;
        let (batch, views) = &*writing;
        store::statistics::add_views(&client, pending.writer, *batch, views)
            .await
            .map_err(|error| refusal(&error))?;
        let written = std::mem::take(&mut writing.1);
        for (character, _) in written {
            self.forget(CharacterId::from_uuid(character));
        }
        Ok(())
    }

    /// Writes views every so often, until it is aborted.
    #[must_use]
    pub fn keep_writing_views(&self, every: Duration) -> JoinHandle<()> {
        let characters = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                if characters.write_views().await.is_err() {
                    tracing::debug!("views wait: the database is away");
                }
            }
        })
    }
}
