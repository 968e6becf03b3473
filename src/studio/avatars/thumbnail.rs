//! The picture of an avatar: of one that came as a card, the card's; else a portrait by a model, from how it looks, or drawn from its
//! name and colour where no model paints, or will not paint this. It is taken in as any file is (`media`). Each new one has a key of its own, since no object ever changes:
//! the first lies under the plain name, a later one tells when it was made.
//!
//! A portrait costs its user nothing and the house what the model takes, so how often one may be had is bounded
//! (`limits.thumbnails`): whoever has had so many is refused another one, and has new avatars of cards without a picture drawn.
//!
//! The one before is shown until the new one is ready, and then taken away.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{AttachmentKind, CharacterId, UserId};
use greenroom_actors::ports::{Cause, GenerateErrorKind};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::write::{Last, again, avatar_of};
use super::{AvatarView, Avatars, not_found};
use crate::characters::{CharacterDraft, Making, drawn, owned};
use crate::jobs::{Handler, Job, JobError, NewJob, QueueName, enqueue};
use crate::media::files::{self, FileId, Purpose};
use crate::media::{NewFile, ObjectKey, Source};
use crate::postgres::refusal;
use crate::studio::content::{Kind, PaintOrder, Quality, RETRY_MAX};

/// The job that makes one: its payload is `{"owner": <id>, "avatar": <id>, "again": <bool>, "plain": <bool>}`, its key the avatar's
/// id.
pub(super) const DRAW: &str = "avatar.thumbnail";

/// Behind the replies' own jobs: painting takes a while.
const PRIORITY: i16 = 20;
/// Of what a model paints: cut to squares of every size anyway.
const SIZE: &str = "1024x1024";

/// Which picture is to be made.
#[derive(Clone, Copy)]
enum Asked {
    /// That of a new avatar.
    First,
    /// The same, by no model.
    Plain,
    /// Another one, by a job of this time.
    Again(Timestamp),
}

/// The job for a new avatar.
pub(super) fn job(owner: UserId, avatar: CharacterId) -> NewJob {
    of(avatar, json!({ "owner": owner.uuid(), "avatar": avatar.uuid() }))
}

/// The job for a new avatar that no model paints.
pub(super) fn job_plain(owner: UserId, avatar: CharacterId) -> NewJob {
    of(avatar, json!({ "owner": owner.uuid(), "avatar": avatar.uuid(), "plain": true }))
}

/// The job for another picture.
fn job_again(owner: UserId, avatar: CharacterId) -> NewJob {
    of(avatar, json!({ "owner": owner.uuid(), "avatar": avatar.uuid(), "again": true }))
}

fn of(avatar: CharacterId, payload: Value) -> NewJob {
    let new = NewJob::new(QueueName::AiResponses, DRAW, payload);
    NewJob { key: Some(avatar.to_string()), priority: PRIORITY, ..new }
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

    /// Makes one and takes it in: once for a job, which may run twice. The job's time is in the name, so the second run finds
    /// what the first one took.
    async fn draw(
        &self,
        owner: UserId,
        avatar: CharacterId,
        asked: Asked,
        last: Last,
    ) -> Result<(), JobError> {
        let key = match asked {
            Asked::First | Asked::Plain => ObjectKey::of_thumbnail(owner, avatar, None),
            Asked::Again(at) => ObjectKey::of_thumbnail(owner, avatar, Some(at)),
        };
        let client = self.client().await.map_err(again)?;
        let taken = files::by_key(&client, &key).await.map_err(|error| again(refusal(&error)))?;
        drop(client);
        if taken.is_some() {
            return Ok(());
        }
        let owned = match self.0.characters.owned_one(owner, &avatar.to_string()).await {
            Ok(owned) => owned,
            // Deleted meanwhile.
            Err(refusal) if refusal.code == RefusalCode::NotFound => return Ok(()),
            Err(refusal) => return Err(again(refusal)),
        };
        let (draft, appearance) = (owned.character.draft, owned.character.appearance);
        let picture = match self.came_with(avatar, asked).await? {
            Some(picture) => picture,
            None => {
                let painted = match asked {
                    Asked::Plain => None,
                    Asked::First | Asked::Again(_) => self.portrait(owner, &draft, &appearance, last).await?,
                };
                match painted {
                    Some(picture) => picture,
                    None => drawing(draft.name, draft.color).await.map_err(again)?,
                }
            }
        };
        self.take_as(owner, avatar, picture, key).await.map_err(again)
    }

    /// The picture of the card that an avatar came from is its first.
    async fn came_with(&self, avatar: CharacterId, asked: Asked) -> Result<Option<Bytes>, JobError> {
        match asked {
            Asked::Again(_) => Ok(None),
            Asked::First | Asked::Plain => {
                let client = self.client().await.map_err(again)?;
                owned::picture(&client, avatar).await.map(|picture| picture.map(Bytes::from)).map_err(again)
            }
        }
    }

    /// Has one painted; `None`: nobody here can or will.
    async fn portrait(
        &self,
        owner: UserId,
        draft: &CharacterDraft,
        appearance: &str,
        last: Last,
    ) -> Result<Option<Bytes>, JobError> {
        let painter = &self.0.painter;
        if painter.offer(Kind::Image).is_none_or(|offer| offer.placeholders) {
            return Ok(None);
        }
        let order = PaintOrder {
            user: owner,
            prompt: told(draft, appearance),
            size: SIZE.to_owned(),
            quality: Quality::Standard,
            reference: None,
        };
        let painted = painter.paint(order).await;
        let error = match painted {
            Ok(painted) => return Ok(Some(painted.bytes)),
            Err(error) => error,
        };
        let passes = error.cause != Cause::Content && error.kind != GenerateErrorKind::Refused;
        if passes && last == Last::No {
            let why = format!("the painter: {error}");
            return Err(match error.retry_after {
                Some(pause) => JobError::NotBefore(pause.min(RETRY_MAX), why),
                None => JobError::Again(why),
            });
        }
        tracing::info!(%owner, %error, "a picture of an avatar is drawn, since it was not painted");
        Ok(None)
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

async fn drawing(name: String, color: String) -> Result<Bytes, Refusal> {
    let picture = tokio::task::spawn_blocking(move || drawn(&name, &color)).await;
    let picture = picture.map_err(|_| Refusal::new(RefusalCode::Internal, "it could not be drawn"))?;
    Ok(picture.into())
}

/// What the painter is told. The name stays out of it: models write names into pictures.
fn told(draft: &CharacterDraft, appearance: &str) -> String {
    let looks = [appearance.trim(), draft.tagline.trim(), draft.description.trim()];
    let looks = looks.into_iter().find(|text| !text.is_empty()).unwrap_or("a person");
    format!("Portrait, head and shoulders, looking at the viewer, plain background, no text. {looks}")
}

pub(super) struct Drawing(pub Avatars);

impl Handler for Drawing {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let avatar = avatar_of(job)?;
            let owner = job.payload.get("owner").and_then(|id| Uuid::try_parse(id.as_str()?).ok());
            let owner = owner.ok_or_else(|| JobError::Never(not_found().message))?;
            let says = |name: &str| job.payload.get(name).and_then(Value::as_bool).unwrap_or_default();
            let asked = match (says("again"), says("plain")) {
                (true, _) => Asked::Again(job.created_at),
                (false, true) => Asked::Plain,
                (false, false) => Asked::First,
            };
            let last = Last::of(job, self.0.0.job_retries);
            self.0.draw(UserId::from_uuid(owner), avatar, asked, last).await
        }
        .boxed()
    }
}
