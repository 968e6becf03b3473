//! What becomes of a file, with those told who look at it: its owner's sockets, and the messages that carry it.

use std::sync::Arc;

use deadpool_postgres::{GenericClient, Transaction};
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};

use crate::media::files::{self, FileId, Made, MediaFile};
use crate::media::{Media, ObjectKey};
use crate::postgres::{Stored, refusal};

/// Hears of each file that became ready, failed or was deleted, when that has committed. What must not be missed by a crash
/// belongs into [`noted`].
pub type OnChanged = Arc<dyn Fn(&MediaFile) + Send + Sync>;

/// The one place through which each change of a file's state goes, in its transaction.
async fn noted(client: &impl GenericClient, file: &MediaFile) -> Stored<()> {
    files::changed(client, file.id).await
}

impl Media {
    /// The file by its id, whoever asks; deleted ones too. Who may see it: [`may_read`](Self::may_read).
    pub async fn file(&self, id: FileId) -> Result<Option<MediaFile>, Refusal> {
        let client = self.client().await?;
        files::by_id(&client, id).await.map_err(|error| refusal(&error))
    }

    /// Its objects lie where they belong: it is ready. What was under `temp/` is taken away. `None`: it is not processed any
    /// more, see [`files::ready`].
    pub async fn finish(&self, id: FileId, made: &Made) -> Result<Option<MediaFile>, Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let ready = files::ready(&transaction, id, made).await.map_err(|error| refusal(&error))?;
        self.end(transaction, id, ready).await
    }

    /// Nothing can be made of it: `fault` is why, for its owner. `None` as of [`finish`](Self::finish).
    pub async fn fail(&self, id: FileId, fault: &str) -> Result<Option<MediaFile>, Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let failed = files::failed(&transaction, id, fault).await.map_err(|error| refusal(&error))?;
        self.end(transaction, id, failed).await
    }

    async fn end(
        &self,
        transaction: Transaction<'_>,
        id: FileId,
        ended: Option<MediaFile>,
    ) -> Result<Option<MediaFile>, Refusal> {
        if let Some(file) = &ended {
            noted(&transaction, file).await.map_err(|error| refusal(&error))?;
        }
        transaction.commit().await.map_err(|error| refusal(&error))?;
        self.take_away(&[ObjectKey::temp(id)]).await;
        if let Some(file) = &ended {
            self.tell(file);
        }
        Ok(ended)
    }

    /// Deletes one of the user's files: what lies of it goes at once, a message that carries it keeps a tombstone, a gallery
    /// loses its entry. Of others, or gone: not found.
    pub async fn delete(&self, owner: UserId, id: FileId) -> Result<MediaFile, Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let known = files::by_id(&transaction, id).await.map_err(|error| refusal(&error))?;
        known.filter(|file| file.owner == owner).ok_or_else(no_file)?;
        self.delete_in(transaction, id).await
    }

    /// The same with anybody's, and ends the caller's transaction.
    pub(in crate::media) async fn delete_in(
        &self,
        transaction: Transaction<'_>,
        id: FileId,
    ) -> Result<MediaFile, Refusal> {
        let deleted = files::delete(&transaction, id).await.map_err(|error| refusal(&error))?;
        let deleted = deleted.ok_or_else(no_file)?;
        noted(&transaction, &deleted.file).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        self.tell(&deleted.file);
        // What cannot be taken away now is taken by the sweep.
        self.take_away(&[ObjectKey::temp(id)]).await;
        let gone = self.take_away(&deleted.objects).await;
        self.forget_objects(&gone).await;
        Ok(deleted.file)
    }

    /// Takes objects away as far as that goes now; answers which are gone.
    async fn take_away(&self, objects: &[ObjectKey]) -> Vec<String> {
        let mut gone = Vec::with_capacity(objects.len());
        for key in objects {
            match self.objects().delete(key).await {
                Ok(()) => gone.push(key.to_string()),
                Err(error) => tracing::warn!(%error, %key, "an object is taken away later"),
            }
        }
        gone
    }
}

/// All files of an account become tombstones in the caller's transaction. Their objects are taken away within a minute of its
/// commit.
pub async fn forget(client: &impl GenericClient, owner: UserId) -> Stored<()> {
    for file in files::forget(client, owner).await? {
        noted(client, &file).await?;
    }
    Ok(())
}

pub(in crate::media) fn no_file() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such file")
}
