//! A zip file that is written piece by piece on a thread that may block, by a task that may not.
//!
//! The file has no name: it is opened and at once unlinked, so it is gone when nobody holds it, also after a download
//! that broke off or a server that was killed. Bounds: a few pieces wait, and the file has at most 8 GB.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::accounts::random_hex;

/// Pieces that wait for the disk.
const QUEUE: usize = 4;
/// Bytes that go in; more than any disk should be asked for by one click.
const BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;

enum Piece {
    /// A file in the archive begins.
    File(String),
    Bytes(Vec<u8>),
    End,
}

/// Writes the archive. Dropped without [`finish`](Self::finish), all of it is thrown away.
pub(super) struct Zipped {
    pieces: mpsc::Sender<Piece>,
    writer: JoinHandle<io::Result<Option<File>>>,
}

impl Zipped {
    /// The file will be in `folder`, which is made if it is not there, for nobody else to read.
    pub(super) fn begin(folder: &Path) -> Self {
        let (pieces, queue) = mpsc::channel(QUEUE);
        let folder = folder.to_owned();
        let writer = tokio::task::spawn_blocking(move || write(&folder, queue));
        Self { pieces, writer }
    }

    pub(super) async fn file(&self, name: impl Into<String>) -> Result<(), Refusal> {
        self.put(Piece::File(name.into())).await
    }

    pub(super) async fn bytes(&self, bytes: Vec<u8>) -> Result<(), Refusal> {
        if bytes.is_empty() { Ok(()) } else { self.put(Piece::Bytes(bytes)).await }
    }

    /// A whole file of JSON, for people to read too.
    pub(super) async fn json(&self, name: &str, value: &impl Serialize) -> Result<(), Refusal> {
        self.file(name).await?;
        let bytes = serde_json::to_vec_pretty(value).map_err(|error| failed(&error.to_string()))?;
        self.bytes(bytes).await
    }

    async fn put(&self, piece: Piece) -> Result<(), Refusal> {
        // It has ended: `finish` would tell why, and the log does.
        self.pieces.send(piece).await.map_err(|_| failed("the writer ended"))
    }

    /// The file, from its beginning, and its length.
    pub(super) async fn finish(self) -> Result<(File, u64), Refusal> {
        self.put(Piece::End).await?;
        let written = self.writer.await.map_err(|error| failed(&error.to_string()))?;
        let file = written.map_err(|error| failed(&error.to_string()))?;
        let file = file.ok_or_else(|| failed("it was given up"))?;
        let length = file.metadata().map_err(|error| failed(&error.to_string()))?.len();
        Ok((file, length))
    }
}

fn failed(why: &str) -> Refusal {
    tracing::error!(why, "an export could not be written");
    Refusal::new(RefusalCode::Internal, "the export could not be written")
}

/// `None`: whoever gave the pieces has gone.
fn write(folder: &Path, mut queue: mpsc::Receiver<Piece>) -> io::Result<Option<File>> {
    let mut zip = ZipWriter::new(BufWriter::new(nameless(folder)?));
    let options = SimpleFileOptions::default().large_file(true).unix_permissions(0o600);
    let mut written = 0;
    while let Some(piece) = queue.blocking_recv() {
        match piece {
            Piece::File(name) => zip.start_file(name, options)?,
            Piece::Bytes(bytes) => {
                written += bytes.len() as u64;
                if written > BYTES_MAX {
                    tracing::error!(written, "an export is larger than it may be");
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                zip.write_all(&bytes)?;
            }
            Piece::End => {
                let mut file = zip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.rewind()?;
                return Ok(Some(file));
            }
        }
    }
    Ok(None)
}

fn nameless(folder: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join(random_hex::<16>());
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[tokio::test]
    async fn what_goes_in_comes_out_and_no_file_is_left() {
        let folder = std::env::temp_dir().join(format!("greenroom-zipped-{}", random_hex::<8>()));
        let zipped = Zipped::begin(&folder);
        zipped.json("a.json", &[1, 2]).await.unwrap();
        zipped.file("b/c.jsonl").await.unwrap();
        for _ in 0..100 {
            zipped.bytes(b"{}\n".to_vec()).await.unwrap();
        }
        let (file, length) = zipped.finish().await.unwrap();
        assert!(length > 0);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "it has no name");
        let mut archive = zip::ZipArchive::new(file).unwrap();
        let mut text = String::new();
        archive.by_name("b/c.jsonl").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text.lines().count(), 100);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn one_that_is_given_up_leaves_nothing() {
        let folder = std::env::temp_dir().join(format!("greenroom-zipped-{}", random_hex::<8>()));
        let zipped = Zipped::begin(&folder);
        zipped.file("a").await.unwrap();
        let Zipped { pieces, writer } = zipped;
        drop(pieces);
        assert!(writer.await.unwrap().unwrap().is_none());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
