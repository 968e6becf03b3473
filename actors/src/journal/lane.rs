//! One lane: takes what waits, commits it as a batch, answers the rooms. It never gives up on a batch whose outcome it
//! does not know.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ractor::{ActorId, ActorRef};
use tokio::sync::{mpsc, oneshot};

use super::{Committed, Envelope, Gauge, Post};
use crate::ports::{CommitError, Done, Entry, JournalLane, Outcome};
use crate::room::RoomMsg;
use crate::settings::JournalSettings;

pub(super) async fn run(
    mut lane: Box<dyn JournalLane>,
    mut posts: mpsc::UnboundedReceiver<Post>,
    gauge: Arc<Gauge>,
    settings: JournalSettings,
) {
    let mut waiting = Vec::with_capacity(settings.batch_max);
    while posts.recv_many(&mut waiting, settings.batch_max).await > 0 {
        let mut envelopes = Vec::with_capacity(waiting.len());
        let mut barriers: Vec<oneshot::Sender<()>> = Vec::new();
        for post in waiting.drain(..) {
            match post {
                Post::Entry(envelope) => envelopes.push(*envelope),
                Post::Barrier(done) => barriers.push(done),
            }
        }
        let taken = envelopes.len();
        if taken > 0 {
            write(lane.as_mut(), envelopes, &gauge, &settings).await;
            gauge.queued.fetch_sub(taken, Relaxed);
        }
        // They may have stood before some of the batch: waiting a little longer than asked is safe.
        for done in barriers {
            let _ = done.send(());
        }
    }
}

/// Commits all envelopes, splitting the batch where the database refuses data until the culprit stands alone.
async fn write(
    lane: &mut dyn JournalLane,
    envelopes: Vec<Envelope>,
    gauge: &Gauge,
    settings: &JournalSettings,
) {
    let mut parts = vec![envelopes];
    while let Some(part) = parts.pop() {
        let (entries, addresses): (Vec<Entry>, Vec<_>) = part
            .into_iter()
            .map(|envelope| (envelope.entry, (envelope.ticket, envelope.answer, envelope.reservation)))
            .unzip();
        let done = match commit(lane, &entries, gauge, settings).await {
            Ok(done) => done,
            Err(BadData(detail)) if entries.len() == 1 => {
                tracing::error!(%detail, "the database refused an entry");
                vec![Done { outcome: Outcome::Rejected, used: Vec::new() }]
            }
            Err(BadData(_)) => {
                let mut first: Vec<Envelope> = entries
                    .into_iter()
                    .zip(addresses)
                    .map(|(entry, (ticket, answer, reservation))| Envelope {
                        entry,
                        ticket,
                        answer,
                        reservation,
                    })
                    .collect();
                let second = first.split_off(first.len() / 2);
                // The first half is to be written first.
                parts.push(second);
                parts.push(first);
                continue;
            }
        };
        gauge.batches.fetch_add(1, Relaxed);
        let mut rooms: HashMap<ActorId, (ActorRef<RoomMsg>, Committed)> = HashMap::new();
        for ((entry, (ticket, answer, reservation)), Done { outcome, used }) in
            entries.into_iter().zip(addresses).zip(done)
        {
            if matches!(outcome, Outcome::Stored { .. } | Outcome::Amended(_)) {
                gauge.committed.fetch_add(1, Relaxed);
                if let Some(reservation) = reservation {
                    reservation.settle(&used);
                }
            }
            let (_, committed) = rooms.entry(answer.get_id()).or_insert_with(|| (answer, Vec::new()));
            committed.push((ticket, entry, outcome));
        }
        for (room, committed) in rooms.into_values() {
            // A room that crashed is told by the database when its successor loads.
            let _ = room.send_message(RoomMsg::Committed(committed));
        }
    }
}

struct BadData(String);

/// Commits one batch, as often as it takes.
async fn commit(
    lane: &mut dyn JournalLane,
    entries: &[Entry],
    gauge: &Gauge,
    settings: &JournalSettings,
) -> Result<Vec<Done>, BadData> {
    let mut pause = settings.retry;
    loop {
        match lane.store(entries).await {
            Ok(done) => {
                if gauge.down.swap(false, Relaxed) {
                    tracing::info!("the journal reaches the database again");
                }
                return Ok(done);
            }
            Err(CommitError::Data(detail)) => {
                gauge.down.store(false, Relaxed);
                return Err(BadData(detail));
            }
            Err(CommitError::Conflict(detail)) => {
                tracing::debug!(%detail, "a batch met a conflict and is committed again");
                tokio::time::sleep(jittered(Duration::from_millis(5))).await;
            }
            Err(CommitError::Lost(detail)) => {
                if !gauge.down.swap(true, Relaxed) {
                    tracing::warn!(%detail, "the journal cannot reach the database; it keeps its batch and tries again");
                }
                tokio::time::sleep(jittered(pause)).await;
                pause = (pause * 2).min(settings.retry_max);
            }
        }
    }
}

/// Between half of `pause` and all of it, so that lanes do not knock together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}
