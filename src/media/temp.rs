//! A file on its way in: under `temp/<file>` of the object store, until its row is there.
//!
//! Whoever lets go of it before that takes it away, however the request ended: refused, broken off, or given up. What a
//! server leaves that dies meanwhile is found by the [sweep](super::sweep).

use std::fmt;

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::files::FileId;
use super::{ObjectError, ObjectKey, Objects};

/// Pieces of a file that wait to be written, of what the network gives at a time (at most 64 KiB).
const PIECES_MAX: usize = 4;

/// Bytes that lie in `temp/`, of a file that has no row yet.
pub struct Temp {
    id: FileId,
    bytes: u64,
    objects: Objects,
    taken: bool,
}

impl Temp {
    /// The id that the file will have.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// From now on the file's row is answerable for it.
    pub(super) fn taken(mut self) -> (FileId, u64) {
        self.taken = true;
        (self.id, self.bytes)
    }
}

impl fmt::Debug for Temp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Temp").field("id", &self.id).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        // Where nothing runs any more, the sweep of the next start finds it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (objects, key) = (self.objects.clone(), ObjectKey::temp(self.id));
            runtime.spawn(async move {
                if let Err(error) = objects.delete(&key).await {
                    tracing::warn!(%error, %key, "what is left of an upload is taken away later");
                }
            });
        }
    }
}

/// Stores what is in memory.
pub(super) async fn stage(objects: &Objects, bytes: Bytes) -> Result<Temp, ObjectError> {
    let temp = Temp { id: FileId::new(), bytes: bytes.len() as u64, objects: objects.clone(), taken: false };
    objects.put(&ObjectKey::temp(temp.id), bytes).await?;
    Ok(temp)
}

enum Piece {
    Bytes(Bytes),
    End,
}

/// A file that is being written. A task of its own writes it, so that what is begun ends in order when the request that
/// brings it is dropped at any moment.
pub struct Incoming {
    pieces: mpsc::Sender<Piece>,
    written: JoinHandle<Result<Temp, ObjectError>>,
}

impl Incoming {
    /// More than `max` bytes are refused, and nothing is kept.
    pub(super) fn begin(objects: &Objects, max: u64) -> Self {
        let (pieces, queue) = mpsc::channel(PIECES_MAX);
        let written = tokio::spawn(write(objects.clone(), queue, max));
        Self { pieces, written }
    }

    /// Waits while the store is slower than the network.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        match self.pieces.send(Piece::Bytes(bytes)).await {
            Ok(()) => Ok(()),
            // It has ended: why, its task tells.
            Err(_) => Err(match (&mut self.written).await {
                Ok(Err(error)) => error,
                Ok(Ok(_)) | Err(_) => ObjectError::Store("the writing of a file ended".to_owned()),
            }),
        }
    }

    /// All has come. When it was pushed too much or the store failed, that is told here at the latest.
    pub async fn finish(self) -> Result<Temp, ObjectError> {
        drop(self.pieces.send(Piece::End).await);
        self.written.await.unwrap_or_else(|error| Err(ObjectError::Store(error.to_string())))
    }
}

async fn write(objects: Objects, queue: mpsc::Receiver<Piece>, max: u64) -> Result<Temp, ObjectError> {
    let mut temp = Temp { id: FileId::new(), bytes: 0, objects: objects.clone(), taken: false };
    let pieces = stream::unfold(queue, async |mut queue| match queue.recv().await {
        Some(Piece::Bytes(bytes)) => Some((Ok(bytes), queue)),
        Some(Piece::End) => None,
        None => Some((Err("the upload broke off"), queue)),
    });
    temp.bytes = objects.put_stream(&ObjectKey::temp(temp.id), Box::pin(pieces), max).await?;
    Ok(temp)
}
