//! The picture of an avatar: drawn from its name and colour, and taken in as any file is (`media`). Each new one has a key of its
//! own, since no object ever changes: the first lies under the plain name, a later one tells when it was made.
//!
//! The one before is shown until the new one is ready, and then taken away.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{AttachmentKind, CharacterId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::write::avatar_of;
use super::{AvatarView, Avatars, not_found};
use crate::characters::{Making, drawn};
use crate::jobs::{Handler, Job, JobError, NewJob, QueueName, enqueue};
use crate::media::files::{self, FileId, Purpose};
use crate::media::{NewFile, ObjectKey, Source};
use crate::postgres::refusal;

/// The job that makes one: its payload is `{"owner": <id>, "avatar": <id>}`, its key the avatar's id.
pub(super) const DRAW: &str = "avatar.thumbnail";

pub(super) fn job(owner: UserId, avatar: CharacterId) -> NewJob {
    NewJob {
        key: Some(avatar.to_string()),
        ..NewJob::new(
            QueueName::MediaProcessing,
            DRAW,
            json!({ "owner": owner.uuid(), "avatar": avatar.uuid() }),
        )
    }
}

impl Avatars {
    /// Has a new picture made; asked for again while one is under way, it is that one.
    pub async fn redraw(&self, user: UserId, id_or_slug: &str) -> Result<AvatarView, Refusal> {
        let owned = self.0.characters.owned_one(user, id_or_slug).await?;
        let avatar = owned.character.id;
        if owned.character.access.making != Making::Ready {
            return Err(Refusal::new(RefusalCode::Conflict, "the avatar is not written yet"));
        }
        let client = self.client().await?;
        enqueue(&client, &job(user, avatar)).await.map_err(|error| refusal(&error))?;
        drop(client);
        self.get(user, &avatar.to_string()).await
    }

    /// Draws one and takes it in.
    async fn draw(&self, owner: UserId, avatar: CharacterId) -> Result<(), Refusal> {
        let owned = match self.0.characters.owned_one(owner, &avatar.to_string()).await {
            Ok(owned) => owned,
            // Deleted meanwhile.
            Err(refusal) if refusal.code == RefusalCode::NotFound => return Ok(()),
            Err(refusal) => return Err(refusal),
        };
        let draft = owned.character.draft;
        let (name, color) = (draft.name, draft.color);
        let picture = tokio::task::spawn_blocking(move || drawn(&name, &color)).await;
        let picture = picture.map_err(|_| Refusal::new(RefusalCode::Internal, "it could not be drawn"))?;
        self.take_picture(owner, avatar, picture.into()).await
    }

    /// Takes a picture in as the avatar's.
    pub(super) async fn take_picture(
        &self,
        owner: UserId,
        avatar: CharacterId,
        picture: Bytes,
    ) -> Result<(), Refusal> {
        let client = self.client().await?;
        let plain = ObjectKey::of_thumbnail(owner, avatar, None);
        let taken = files::by_key(&client, &plain).await.map_err(|error| refusal(&error))?;
        drop(client);
        let key = match taken {
            None => plain,
            Some(_) => ObjectKey::of_thumbnail(owner, avatar, Some(Timestamp::now())),
        };
        let new = NewFile {
            owner,
            purpose: Purpose::Avatar,
            character: Some(avatar),
            kind: AttachmentKind::Image,
            name: None,
            key,
        };
        self.0.media.take(new, Source::Bytes(picture)).await.map(drop)
    }

    /// A picture is ready: it is shown from here on, and those before it are taken away.
    pub(super) async fn thumbnail_ready(
        &self,
        owner: UserId,
        avatar: CharacterId,
        file: FileId,
    ) -> Result<(), Refusal> {
        self.0.characters.look_again(&[avatar]).await?;
        let older = {
            let client = self.client().await?;
            let older = files::older_thumbnails(&client, owner, avatar.uuid(), file).await;
            older.map_err(|error| refusal(&error))?
        };
        for old in older {
            match self.0.media.delete(owner, old).await {
                Ok(_) => {}
                Err(refusal) if refusal.code == RefusalCode::NotFound => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(())
    }

    /// Takes away all pictures of an avatar that was deleted.
    pub(super) async fn take_pictures_away(&self, owner: UserId, avatar: CharacterId) -> Result<(), Refusal> {
        let all = {
            let client = self.client().await?;
            let all =
                files::older_thumbnails(&client, owner, avatar.uuid(), FileId::from_uuid(Uuid::max())).await;
            all.map_err(|error| refusal(&error))?
        };
        for file in all {
            match self.0.media.delete(owner, file).await {
                Ok(_) => {}
                Err(refusal) if refusal.code == RefusalCode::NotFound => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(())
    }
}

pub(super) struct Drawing(pub Avatars);

impl Handler for Drawing {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let avatar = avatar_of(job)?;
            let owner = job.payload.get("owner").and_then(|id| Uuid::try_parse(id.as_str()?).ok());
            let owner = owner.ok_or_else(|| JobError::Never(not_found().message))?;
            let drawn = self.0.draw(UserId::from_uuid(owner), avatar).await;
            drawn.map_err(|refusal| JobError::Again(refusal.message))
        }
        .boxed()
    }
}
