//! The store itself: a folder on this machine's disk (`disk`), or a bucket at a cloud (`cloud`). Everything else is the same
//! over any store of the `object_store` crate.
//!
//! What is larger than one part goes up in parts (`upload`), and is there as a whole or not at all; what breaks off is taken
//! back, also where whoever uploads is dropped. A server that dies leaves parts behind: on a disk the next one takes them
//! away, at a cloud a lifecycle rule of the bucket does.

mod cloud;
mod disk;
mod upload;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{Attribute, Attributes, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutOptions};
use reqwest::{Method, Url};

use self::upload::Upload;
use super::files::FileId;
use super::key::TEMP;
use super::{FileType, ObjectKey};
use crate::config::{StoreKind, StoreSettings};

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
            // What a cloud says may hold its address, and that a signature.
            error => Self::Store(without_query(&error.to_string())),
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
    kind: StoreKind,
    /// Bytes of a part of what is uploaded: what an upload holds in memory at most three times.
    part_bytes: usize,
    /// The folder in the bucket.
    prefix: Arc<str>,
    /// Who signs addresses at the store itself.
    signer: Option<Arc<dyn Signer>>,
    /// Of a disk: that somebody is at work in the folder, for as long as this lives.
    _held: Option<Arc<File>>,
}

impl Objects {
    /// As the settings say: in this folder, or at a cloud. Nothing is asked of a cloud yet.
    pub fn open(settings: &StoreSettings, folder: &FilePath) -> Result<Self, ObjectError> {
        match settings.kind {
            StoreKind::Disk => Self::local(folder),
            StoreKind::S3 | StoreKind::Gcs | StoreKind::Azure => cloud::open(settings),
        }
    }

    /// On this machine's disk, in a folder that is made where it is missing. A file is written under another name, brought
    /// to the disk and renamed: it is there as a whole, or not at all.
    pub fn local(folder: &FilePath) -> Result<Self, ObjectError> {
        disk::open(folder)
    }

    /// Stores an object in place of any that was there.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), ObjectError> {
        let options = PutOptions { attributes: self.attributes(key), ..PutOptions::default() };
        self.store.put_opts(&self.path(key), bytes.into(), options).await?;
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
        let mut upload = Upload::new(self, key);
        let mut size = 0_u64;
        let failed = loop {
            let more = match bytes.next().await {
                Some(Ok(more)) => more,
                Some(Err(error)) => break ObjectError::Source(error.to_string()),
                None => match upload.finish().await {
                    Ok(()) => return Ok(size),
                    Err(error) => break error,
                },
            };
            size += more.len() as u64;
            if size > max {
                break ObjectError::TooLarge { max };
            }
            if let Err(error) = upload.write(more).await {
                break error;
            }
        };
        upload.abort().await;
        Err(failed)
    }

    pub async fn stat(&self, key: &ObjectKey) -> Result<Stat, ObjectError> {
        let meta = self.store.head(&self.path(key)).await?;
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
        let found = self.store.get_opts(&self.path(key), options).await?;
        Ok(found.into_stream().map_err(ObjectError::from).boxed())
    }

    /// All of an object that is at most so large.
    pub async fn read(&self, key: &ObjectKey, max: u64) -> Result<Bytes, ObjectError> {
        let found = self.store.get(&self.path(key)).await?;
        if found.meta.size > max {
            return Err(ObjectError::TooLarge { max });
        }
        Ok(found.bytes().await?)
    }

    /// Temporary objects that were last written before `before`, as many as are looked at in one go.
    pub async fn temporary(&self, before: Timestamp) -> Result<Vec<ObjectKey>, ObjectError> {
        let folder = self.place(TEMP);
        let old = self.store.list(Some(&folder)).try_filter_map(async |meta| {
            let old = meta.last_modified.timestamp_millis() < before.as_millisecond();
            let key = meta.location.as_ref().strip_prefix(&*self.prefix).unwrap_or_default();
            Ok(ObjectKey::parse(key.trim_start_matches('/')).ok().filter(|_| old))
        });
        Ok(old.take(TEMPORARY_MAX).try_collect().await?)
    }

    /// What kind of store it is.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind.as_str()
    }

    /// An address at the store itself that opens an object by this method for so long; `None` where it gives none. Its type, and
    /// that nothing but media is shown in a browser, were told when it was stored.
    pub async fn signed(
        &self,
        method: Method,
        key: &ObjectKey,
        lifetime: Duration,
    ) -> Result<Option<Url>, ObjectError> {
        // At Azure the right to read is the right to ask about it, and there is no other.
        let method =
            if self.kind == StoreKind::Azure && method == Method::HEAD { Method::GET } else { method };
        match &self.signer {
            None => Ok(None),
            Some(signer) => Ok(Some(signer.signed_url(method, &self.path(key), lifetime).await?)),
        }
    }

    /// What a cloud tells of an object to whoever fetches it there.
    fn attributes(&self, key: &ObjectKey) -> Attributes {
        let mut attributes = Attributes::new();
        // A disk keeps nothing but bytes: whoever reads them says what they are.
        if self.kind != StoreKind::Disk {
            let file = key.file_type();
            attributes.insert(Attribute::ContentType, file.mime().into());
            let shown = if file == FileType::Other { "attachment" } else { "inline" };
            attributes.insert(Attribute::ContentDisposition, shown.into());
        }
        attributes
    }

    fn path(&self, key: &ObjectKey) -> Path {
        self.place(key.as_str())
    }

    fn place(&self, name: &str) -> Path {
        // Nothing in a key has to be encoded.
        if self.prefix.is_empty() { Path::from(name) } else { Path::from(format!("{}/{name}", self.prefix)) }
    }

    /// Whether the store takes objects and gives them away: tried with one.
    pub async fn probe(&self) -> Result<(), ObjectError> {
        let key = ObjectKey::temp(FileId::new());
        self.put(&key, Bytes::from_static(b"probe")).await?;
        self.delete(&key).await
    }

    /// Takes an object away. One that is not there is gone already.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        match self.store.delete(&self.path(key)).await.map_err(ObjectError::from) {
            Err(ObjectError::NotFound) => Ok(()),
            done => done,
        }
    }
}

/// A text without what stands behind a question mark in it, up to a space.
fn without_query(text: &str) -> String {
    let word = |word: &str| match word.split_once('?') {
        Some((start, query)) if !query.is_empty() => format!("{start}?\u{2026}"),
        _ => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
