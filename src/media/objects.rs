//! The store itself. Only [`Objects::local`] knows where it is; everything else is the same over any store of the
//! `object_store` crate.

use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, WriteMultipart};

use jiff::Timestamp;

use super::ObjectKey;
use super::files::FileId;
use super::key::TEMP;

/// Parts of a streamed upload that are under way at once.
const PARTS_MAX: usize = 2;
/// Bytes of such a part on a disk: what an upload holds in memory at most three times.
const LOCAL_PART_BYTES: usize = 512 * 1024;
/// Objects under `temp/` that are looked at in one go.
const TEMPORARY_MAX: usize = 1_000;

#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("there is no such object")]
    NotFound,
    /// It is larger than it may be; nothing of it is kept.
    #[error("it is larger than {max} bytes")]
    TooLarge { max: u64 },
    #[error("what was to be stored broke off: {0}")]
    Source(String),
    #[error("the object store: {0}")]
    Store(String),
}

impl From<object_store::Error> for ObjectError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            error => Self::Store(error.to_string()),
        }
    }
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Bytes.
    pub size: u64,
    /// Another one when it is another object: without quotes.
    pub tag: String,
}

/// Keeps objects by their keys. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    part_bytes: usize,
}

impl Objects {
    /// On this machine's disk, in a folder that is made where it is missing. A file is written under another name, brought
    /// to the disk and renamed: it is there as a whole, or not at all.
    pub fn local(folder: &FilePath) -> Result<Self, ObjectError> {
        std::fs::create_dir_all(folder)
            .map_err(|error| ObjectError::Store(format!("{}: {error}", folder.display())))?;
        clear_unfinished(folder);
        let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true).with_automatic_cleanup(true);
        Ok(Self { store: Arc::new(store), part_bytes: LOCAL_PART_BYTES })
    }

    /// Stores an object in place of any that was there.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), ObjectError> {
        self.store.put(&path(key), bytes.into()).await?;
        Ok(())
    }

    /// Stores what comes, without holding all of it; answers its size. More than `max` bytes, or a stream that breaks off,
    /// leaves nothing behind.
    pub async fn put_stream<E: std::fmt::Display>(
        &self,
        key: &ObjectKey,
        mut bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
        max: u64,
    ) -> Result<u64, ObjectError> {
        let upload = self.store.put_multipart(&path(key)).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, self.part_bytes);
        let mut size = 0_u64;
        let failed = loop {
            let more = match bytes.next().await {
                Some(Ok(more)) => more,
                Some(Err(error)) => break Some(ObjectError::Source(error.to_string())),
                None => break None,
            };
            size += more.len() as u64;
            if size > max {
                break Some(ObjectError::TooLarge { max });
            }
            if let Err(error) = upload.wait_for_capacity(PARTS_MAX).await {
                break Some(error.into());
            }
            upload.put(more);
        };
        match failed {
            None => {
                upload.finish().await?;
                Ok(size)
            }
            Some(error) => {
                if let Err(left) = upload.abort().await {
                    tracing::warn!(error = %left, %key, "an upload that broke off was not taken away");
                }
                Err(error)
            }
        }
    }

    pub async fn stat(&self, key: &ObjectKey) -> Result<Stat, ObjectError> {
        let meta = self.store.head(&path(key)).await?;
        let tag =
            meta.e_tag.unwrap_or_else(|| format!("{:x}-{:x}", meta.last_modified.timestamp(), meta.size));
        Ok(Stat { size: meta.size, tag: tag.trim_matches('"').to_owned() })
    }

    /// The object's bytes, or some of them, as they are read.
    pub async fn get(
        &self,
        key: &ObjectKey,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, ObjectError>>, ObjectError> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.store.get_opts(&path(key), options).await?;
        Ok(found.into_stream().map_err(ObjectError::from).boxed())
    }

    /// All of an object that is at most so large.
    pub async fn read(&self, key: &ObjectKey, max: u64) -> Result<Bytes, ObjectError> {
        let found = self.store.get(&path(key)).await?;
        if found.meta.size > max {
            return Err(ObjectError::TooLarge { max });
        }
        Ok(found.bytes().await?)
    }

    /// Temporary objects that were last written before `before`, as many as are looked at in one go.
    pub async fn temporary(&self, before: Timestamp) -> Result<Vec<ObjectKey>, ObjectError> {
        let old = self.store.list(Some(&Path::from(TEMP))).try_filter_map(async |meta| {
            let old = meta.last_modified.timestamp_millis() < before.as_millisecond();
            Ok(ObjectKey::parse(meta.location.as_ref()).ok().filter(|_| old))
        });
        Ok(old.take(TEMPORARY_MAX).try_collect().await?)
    }

    /// What kind of store it is.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        "disk"
    }

    /// Whether the store takes objects and gives them away: tried with one.
    pub async fn probe(&self) -> Result<(), ObjectError> {
        let key = ObjectKey::temp(FileId::new());
        self.put(&key, Bytes::from_static(b"probe")).await?;
        self.delete(&key).await
    }

    /// Takes an object away. One that is not there is gone already.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        match self.store.delete(&path(key)).await.map_err(ObjectError::from) {
            Err(ObjectError::NotFound) => Ok(()),
            done => done,
        }
    }
}

/// Takes away what a server that died was writing: the store writes to a name with `#`, which no key has, and renames.
fn clear_unfinished(folder: &FilePath) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => clear_unfinished(&path),
            Ok(kind) if kind.is_file() && entry.file_name().to_string_lossy().contains('#') => {
                if let Err(error) = std::fs::remove_file(&path) {
                    tracing::warn!(%error, file = %path.display(), "an unfinished file cannot be taken away");
                }
            }
            _ => {}
        }
    }
}

fn path(key: &ObjectKey) -> Path {
    // Nothing in a key has to be encoded.
    Path::from(key.as_str())
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::parse(&format!("content/1/{name}")).unwrap()
    }

    fn parts(parts: &[&'static str]) -> impl Stream<Item = Result<Bytes, String>> + Unpin {
        let parts: Vec<_> = parts
            .iter()
            .map(|part| match *part {
                "!" => Err("it broke".to_owned()),
                part => Ok(Bytes::from_static(part.as_bytes())),
            })
            .collect();
        stream::iter(parts)
    }

    fn files(folder: &FilePath) -> usize {
        let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
        entries.flatten().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
    }

    #[tokio::test]
    async fn an_object_comes_out_as_it_went_in_and_is_gone_when_it_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::local(&folder.path().join("media")).unwrap();
        let key = key("a.mp3");
        objects.put(&key, Bytes::from_static(b"0123456789")).await.unwrap();
        assert_eq!(objects.stat(&key).await.unwrap().size, 10);
        assert_eq!(objects.read(&key, 10).await.unwrap(), "0123456789");
        assert!(matches!(objects.read(&key, 9).await, Err(ObjectError::TooLarge { max: 9 })));
        let part: Vec<Bytes> = objects.get(&key, Some(2..5)).await.unwrap().try_collect().await.unwrap();
        assert_eq!(part.concat(), b"234");
        let before = objects.stat(&key).await.unwrap().tag;
        objects.put(&key, Bytes::from_static(b"another one")).await.unwrap();
        assert_ne!(objects.stat(&key).await.unwrap().tag, before);
        objects.delete(&key).await.unwrap();
        objects.delete(&key).await.unwrap();
        assert!(matches!(objects.stat(&key).await, Err(ObjectError::NotFound)));
        assert_eq!(files(folder.path()), 0);
    }

    #[test]
    fn what_a_dead_server_was_writing_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let within = folder.path().join("content/1");
        std::fs::create_dir_all(&within).unwrap();
        std::fs::write(within.join("a.mp3"), b"whole").unwrap();
        std::fs::write(within.join("b.mp3#1"), b"ha").unwrap();
        Objects::local(folder.path()).unwrap();
        assert_eq!(files(folder.path()), 1);
    }

    #[tokio::test]
    async fn what_is_too_large_or_breaks_off_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::local(folder.path()).unwrap();
        let key = key("a.mp4");
        assert_eq!(objects.put_stream(&key, parts(&["abc", "def"]), 6).await.unwrap(), 6);
        assert_eq!(objects.read(&key, 6).await.unwrap(), "abcdef");
        let large = objects.put_stream(&key, parts(&["abc", "defg"]), 6).await;
        assert!(matches!(large, Err(ObjectError::TooLarge { max: 6 })));
        let broken = objects.put_stream(&key, parts(&["xyz", "!"]), 6).await;
        assert!(matches!(broken, Err(ObjectError::Source(_))));
        assert_eq!(objects.read(&key, 6).await.unwrap(), "abcdef", "what was there stays");
        assert_eq!(files(folder.path()), 1);
    }
}
