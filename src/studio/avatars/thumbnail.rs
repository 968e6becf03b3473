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
use serde_json::{Value, json};
use uuid::Uuid;

use super::write::avatar_of;
use super::{AvatarView, Avatars, not_found};
use crate::characters::{Making, drawn};
use crate::jobs::{Handler, Job, JobError, NewJob, QueueName, enqueue};
use crate::media::files::{self, FileId, Purpose};
use crate::media::{NewFile, ObjectKey, Source};
use crate::postgres::refusal;

/// The job that makes one: its payload is `{"owner": <id>, "avatar": <id>, "again": <bool>}`, its key the avatar's id.
pub(super) const DRAW: &str = "avatar.thumbnail";

/// Which picture is to be made.
#[derive(Clone, Copy)]
enum Asked {
    /// That of a new avatar.
    First,
    /// Another one, by a job of this time.
    Again(Timestamp),
}

/// The job for a new avatar.
pub(super) fn job(owner: UserId, avatar: CharacterId) -> NewJob {
    of(avatar, json!({ "owner": owner.uuid(), "avatar": avatar.uuid() }))
}

/// The job for another picture.
fn job_again(owner: UserId, avatar: CharacterId) -> NewJob {
    of(avatar, json!({ "owner": owner.uuid(), "avatar": avatar.uuid(), "again": true }))
}

fn of(avatar: CharacterId, payload: Value) -> NewJob {
    NewJob { key: Some(avatar.to_string()), ..NewJob::new(QueueName::MediaProcessing, DRAW, payload) }
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
        enqueue(&client, &job_again(user, avatar)).await.map_err(|error| refusal(&error))?;
        drop(client);
        self.get(user, &avatar.to_string()).await
    }

    /// Draws one and takes it in: once for a job, which may run twice. The job's time is in the name, so the second run finds
    /// what the first one took.
    async fn draw(&self, owner: UserId, avatar: CharacterId, asked: Asked) -> Result<(), Refusal> {
        let key = match asked {
            Asked::First => ObjectKey::of_thumbnail(owner, avatar, None),
            Asked::Again(at) => ObjectKey::of_thumbnail(owner, avatar, Some(at)),
        };
        let client = self.client().await?;
        let taken = files::by_key(&client, &key).await.map_err(|error| refusal(&error))?;
        drop(client);
        if taken.is_some() {
            return Ok(());
        }
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
        self.take_as(owner, avatar, picture.into(), key).await
    }

    /// Takes a picture in as a new avatar's.
    pub(super) async fn take_picture(
        &self,
        owner: UserId,
        avatar: CharacterId,
        picture: Bytes,
    ) -> Result<(), Refusal> {
        self.take_as(owner, avatar, picture, ObjectKey::of_thumbnail(owner, avatar, None)).await
    }

    async fn take_as(
        &self,
        owner: UserId,
        avatar: CharacterId,
        picture: Bytes,
        key: ObjectKey,
    ) -> Result<(), Refusal> {
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
            let again = job.payload.get("again").and_then(Value::as_bool).unwrap_or_default();
            let asked = if again { Asked::Again(job.created_at) } else { Asked::First };
            let drawn = self.0.draw(UserId::from_uuid(owner), avatar, asked).await;
            drawn.map_err(|refusal| JobError::Again(refusal.message))
        }
        .boxed()
    }
}
