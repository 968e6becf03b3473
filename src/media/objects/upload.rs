//! One object on its way up, in parts of one size; small ones go in one piece.

use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, ObjectStore, PutMultipartOptions, PutPayload};
use tokio::task::JoinSet;

use super::{ObjectError, Objects};
use crate::media::ObjectKey;

/// Parts that are under way at once.
const PARTS_MAX: usize = 2;

pub struct Upload<'a> {
    objects: &'a Objects,
    key: &'a ObjectKey,
    /// What is no whole part yet.
    rest: BytesMut,
    parts: JoinSet<object_store::Result<()>>,
    begun: Begun,
}

/// What the store holds of it, which is to be taken back unless it is finished, whatever becomes of this.
struct Begun(Option<Box<dyn MultipartUpload>>);

impl<'a> Upload<'a> {
    pub fn new(objects: &'a Objects, key: &'a ObjectKey) -> Self {
        Self { objects, key, rest: BytesMut::new(), parts: JoinSet::new(), begun: Begun(None) }
    }

    /// Takes more; waits while enough is under way.
    pub async fn write(&mut self, more: Bytes) -> Result<(), ObjectError> {
        self.rest.extend_from_slice(&more);
        while self.rest.len() >= self.objects.part_bytes {
            let part = self.rest.split_to(self.objects.part_bytes).freeze();
            self.send(part).await?;
        }
        Ok(())
    }

    async fn send(&mut self, part: Bytes) -> Result<(), ObjectError> {
        while self.parts.len() >= PARTS_MAX {
            self.joined().await?;
        }
        let upload = match &mut self.begun.0 {
            Some(upload) => upload,
            none => {
                let attributes = self.objects.attributes(self.key);
                let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
                let path = self.objects.path(self.key);
                none.insert(self.objects.store.put_multipart_opts(&path, options).await?)
            }
        };
        self.parts.spawn(upload.put_part(PutPayload::from(part)));
        Ok(())
    }

    async fn joined(&mut self) -> Result<(), ObjectError> {
        match self.parts.join_next().await {
            Some(Ok(part)) => Ok(part?),
            Some(Err(_)) => Err(ObjectError::Store("a part of the upload broke off".to_owned())),
            None => Ok(()),
        }
    }

    /// From now on the object is there.
    pub async fn finish(&mut self) -> Result<(), ObjectError> {
        let rest = self.rest.split().freeze();
        if self.begun.0.is_none() {
            return self.objects.put(self.key, rest).await;
        }
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        while !self.parts.is_empty() {
            self.joined().await?;
        }
        if let Some(upload) = &mut self.begun.0 {
            upload.complete().await?;
        }
        self.begun.0 = None;
        Ok(())
    }

    /// Takes back what is there of it.
    pub async fn abort(mut self) {
        self.parts.shutdown().await;
        if let Some(mut upload) = self.begun.0.take()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(%error, key = %self.key, "an upload that broke off was not taken away");
        }
    }
}

impl Drop for Begun {
    /// Whoever uploaded is gone.
    fn drop(&mut self) {
        let Some(mut upload) = self.0.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = upload.abort().await {
                    tracing::warn!(%error, "an upload that was dropped was not taken away");
                }
            });
        }
    }
}
