//! The work: a job for each step. It looks where its content stands, does what comes next, and moves it; the move puts the
//! next job into the queue. Whatever is interrupted is done again from where the row stands.
//!
//! While a provider works, the row is looked at once a second: when it has moved on (it was cancelled, on whatever node),
//! the call is dropped, and ends upstream with that.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{AttachmentKind, UserId};
use greenroom_actors::ports::{Cause, GenerateError, GenerateErrorKind};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::timeout;
use uuid::Uuid;

use super::decide::Happened;
use super::kinds::{Fault, Kind, State};
use super::{Content, Contents, PaintOrder, Painted, Ticket, store};
use crate::jobs::{Handler, Handlers, Job, JobError};
use crate::media::files::{self, FileId, MediaFile, Purpose, Size};
use crate::media::{FileType, NewFile, ObjectError, ObjectKey, Source, Temp};
use crate::postgres::refusal;

pub(super) const MAKE: &str = "content.make";
pub(super) const TIDY: &str = "content.tidy";
/// Between two looks at whether a content under way has moved on.
const WATCH: Duration = Duration::from_secs(1);
/// Bytes of a picture that something is made from.
const SOURCE_MAX_BYTES: u64 = 20 * 1024 * 1024;

#[derive(Deserialize)]
struct Payload {
    user: Uuid,
    content: Uuid,
    step: i32,
}

#[derive(Deserialize)]
struct Leftover {
    user: Uuid,
    file: Option<Uuid>,
    ticket: Option<Ticket>,
}

pub(super) fn handlers(contents: &Contents) -> Handlers {
    vec![(MAKE, Arc::new(Worker(contents.clone()))), (TIDY, Arc::new(Tidier(contents.clone())))]
}

struct Worker(Contents);
struct Tidier(Contents);

fn read<T: for<'de> Deserialize<'de>>(job: &Job) -> Result<T, JobError> {
    T::deserialize(&job.payload)
        .map_err(|_| JobError::Never("its payload is of no form that this server knows".to_owned()))
}

pub(super) fn again(refusal: &Refusal) -> JobError {
    JobError::Again(refusal.message.clone())
}

impl Handler for Worker {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let Payload { user, content, step } = read(job)?;
            self.0.work(UserId::from_uuid(user), content, step).await
        }
        .boxed()
    }
}

impl Handler for Tidier {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let Leftover { user, file, ticket } = read(job)?;
            self.0.tidy(UserId::from_uuid(user), file, ticket).await
        }
        .boxed()
    }
}

impl Contents {
    /// Takes away what nobody wants any more.
    async fn tidy(&self, user: UserId, file: Option<Uuid>, ticket: Option<Ticket>) -> Result<(), JobError> {
        if let Some(file) = file {
            match self.media().delete(user, FileId::from_uuid(file)).await {
                Ok(_) => {}
                // It was deleted before.
                Err(refusal) if refusal.code == RefusalCode::NotFound => {}
                Err(refusal) => return Err(again(&refusal)),
            }
        }
        let Some(ticket) = ticket else { return Ok(()) };
        let ended =
            timeout(self.settings().video_call_timeout(), self.0.parts.maker.cancel_film(ticket)).await;
        match ended {
            Ok(Ok(())) => Ok(()),
            // It has ended there, or cannot be ended.
            Ok(Err(error)) if error.kind == GenerateErrorKind::Refused => Ok(()),
            Ok(Err(error)) => Err(JobError::Again(format!("{:?}", error.kind))),
            Err(_) => Err(JobError::Again("the provider did not answer in time".to_owned())),
        }
    }

    /// Does what comes next for a content that stands at `step`.
    async fn work(&self, user: UserId, id: Uuid, step: i32) -> Result<(), JobError> {
        let client = self.client().await.map_err(|error| again(&error))?;
        let content = store::by_id(&client, user, id).await.map_err(|error| again(&refusal(&error)))?;
        drop(client);
        let Some(mut content) = content.filter(|content| content.step == step) else { return Ok(()) };
        if content.state == State::Queued {
            let Some(begun) = self.follows(&content, Happened::Begun, |_| {}).await? else { return Ok(()) };
            content = begun;
        }
        match (content.state, content.kind) {
            (State::Optimizing, _) => self.word(&content).await,
            (State::Generating, Kind::Image) => self.paint(&content).await,
            (State::Generating, Kind::Video) => self.film(&content).await,
            (State::Storing, _) => self.look_at_file(&content).await.map_err(|error| again(&error)),
            (State::Queued | State::Done | State::Failed | State::Canceled, _) => Ok(()),
        }
    }

    /// [`follow`](Self::follow) for a worker.
    pub(super) async fn follows(
        &self,
        content: &Content,
        happened: Happened,
        fill: impl FnOnce(&mut Content),
    ) -> Result<Option<Content>, JobError> {
        let at = (content.user, content.id, content.step);
        self.follow(at, happened, fill).await.map_err(|error| again(&error))
    }

    /// It did not go: what follows from that.
    pub(super) async fn failed(
        &self,
        content: &Content,
        fault: Fault,
        wait: Option<Duration>,
    ) -> Result<(), JobError> {
        tracing::debug!(content = %content.id, ?fault, "a try at a content failed");
        self.follows(content, Happened::Failed(fault, wait), |_| {}).await.map(drop)
    }

    pub(super) async fn failed_by(&self, content: &Content, error: &GenerateError) -> Result<(), JobError> {
        tracing::warn!(content = %content.id, %error, "a provider did not make a content");
        let fault = match error.kind {
            GenerateErrorKind::Unavailable => Fault::Unavailable,
            GenerateErrorKind::RateLimited => Fault::RateLimited,
            GenerateErrorKind::Timeout => Fault::Timeout,
            _ if error.cause == Cause::Content => Fault::Forbidden,
            GenerateErrorKind::Refused => Fault::Refused,
            GenerateErrorKind::Broken => Fault::BadResult,
        };
        self.failed(content, fault, error.retry_after).await
    }

    /// Waits for it, as long as the content stands where it stood; `None`: it has moved on.
    pub(super) async fn watched<T>(&self, content: &Content, work: impl Future<Output = T>) -> Option<T> {
        let moved_on = async {
            loop {
                tokio::time::sleep(WATCH).await;
                // A database that is away tells nothing.
                let Ok(client) = self.client().await else { continue };
                if let Ok(step) = store::step(&client, content.id).await
                    && step != Some(content.step)
                {
                    return;
                }
            }
        };
        tokio::select! {
            done = work => Some(done),
            () = moved_on => None,
        }
    }

    async fn word(&self, content: &Content) -> Result<(), JobError> {
        let sheet = match self.sheet(content.user, content.avatar).await {
            Ok(sheet) => sheet,
            // It was deleted since.
            Err(refusal) if refusal.code == RefusalCode::NotFound => None,
            Err(refusal) => return Err(again(&refusal)),
        };
        let better = self.improve(content.user, content.kind, &content.prompt, sheet.as_ref());
        let Some(better) = self.watched(content, better).await else { return Ok(()) };
        match self.judge(content.user, content.avatar, &better).await {
            Ok(()) => {
                let worded = |content: &mut Content| content.optimized_prompt = Some(better);
                self.follows(content, Happened::Worded, worded).await.map(drop)
            }
            Err(fault) => self.failed(content, fault, None).await,
        }
    }

    async fn paint(&self, content: &Content) -> Result<(), JobError> {
        let order = PaintOrder {
            user: content.user,
            prompt: content.told().to_owned(),
            size: content.size.clone(),
            quality: content.quality,
            reference: self.reference(content).await,
        };
        let painting = timeout(self.settings().image_timeout(), self.0.parts.maker.paint(order));
        let Some(painted) = self.watched(content, painting).await else { return Ok(()) };
        match painted {
            Err(_) => self.failed(content, Fault::Timeout, None).await,
            Ok(Err(error)) => self.failed_by(content, &error).await,
            Ok(Ok(Painted { bytes, .. })) if !self.fits(&bytes) => {
                self.failed(content, Fault::BadResult, None).await
            }
            Ok(Ok(Painted { bytes, file_type, provider, model })) => {
                let temp = self.media().stage(bytes).await.map_err(|error| again(&error))?;
                self.keep(content, temp, file_type, (provider, model)).await
            }
        }
    }

    fn fits(&self, bytes: &Bytes) -> bool {
        !bytes.is_empty() && bytes.len() as u64 <= self.settings().image_max_bytes
    }

    /// The bytes lie in the store: now the row says so, with the file's own row and job.
    pub(super) async fn keep(
        &self,
        content: &Content,
        temp: Temp,
        file_type: FileType,
        (provider, model): (String, String),
    ) -> Result<(), JobError> {
        let kept = async {
            let mut client = self.client().await?;
            let Some(mut moving) = self.moving(&mut client, content.user, content.id).await? else {
                return Ok(None);
            };
            let file = temp.id().uuid();
            let came = |content: &mut Content| {
                content.file = Some(file);
                content.provider = Some(provider);
                content.model = Some(model);
            };
            if moving.content.step != content.step || !self.step(&mut moving, Happened::Made, came).await? {
                // It was cancelled meanwhile: dropped, the bytes go.
                return Ok(None);
            }
            let (kind, at) = (content.kind, Timestamp::now());
            let new = NewFile {
                owner: content.user,
                purpose: Purpose::Content,
                character: None,
                kind: if kind == Kind::Image { AttachmentKind::Image } else { AttachmentKind::Video },
                name: None,
                key: match kind {
                    Kind::Image => ObjectKey::of_image(content.user, content.id, at, file_type),
                    Kind::Video => ObjectKey::of_video(content.user, content.id, at, file_type),
                },
            };
            self.media().take_in(&moving.transaction, new, Source::Temp(temp)).await?;
            moving.commit().await.map(Some)
        };
        let kept: Result<Option<Content>, Refusal> = kept.await;
        if let Some(content) = kept.map_err(|error| again(&error))? {
            self.moved(&content, Happened::Made).await;
        }
        Ok(())
    }

    /// How far its file is, and what follows.
    async fn look_at_file(&self, content: &Content) -> Result<(), Refusal> {
        let Some(id) = content.file else { return Ok(()) };
        let file = self.media().file(FileId::from_uuid(id)).await?;
        let happened = match file.map(|file| file.state) {
            Some(files::State::Processing) => Happened::Processing,
            Some(files::State::Ready) => Happened::Ready,
            Some(files::State::Failed(_)) => Happened::Lost(Fault::BadResult),
            // By its user's hand, before it was done.
            Some(files::State::Deleted) | None => Happened::Canceled,
        };
        self.follow((content.user, content.id, content.step), happened, |_| {}).await.map(drop)
    }

    /// What became of a file is told; where it is a result, that goes on.
    pub(super) async fn file_changed(&self, file: FileId) -> Result<(), Refusal> {
        let client = self.client().await?;
        let content = store::of_file(&client, file.uuid()).await.map_err(|error| refusal(&error))?;
        drop(client);
        match content {
            Some(content) if content.state == State::Storing => self.look_at_file(&content).await,
            // Its file was deleted: its user's other devices see that.
            Some(content) => {
                self.announce(&content).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A picture of the avatar. What cannot be had is left out: its looks are told in words too.
    async fn reference(&self, content: &Content) -> Option<Bytes> {
        let sheet = self.sheet(content.user, content.avatar).await.ok()??;
        let file = self.media().file(sheet.thumbnail?).await.ok()??;
        self.bytes_of(&file).await.ok()
    }

    /// A picture as it is sent to providers: the largest that was made of it, else its original.
    pub(super) async fn bytes_of(&self, file: &MediaFile) -> Result<Bytes, ObjectError> {
        let largest =
            file.variants.iter().filter(|made| made.size != Size::Thumbnail).max_by_key(|made| made.size);
        let key =
            largest.and_then(|made| ObjectKey::parse(&made.key).ok()).unwrap_or_else(|| file.key.clone());
        self.media().objects().read(&key, SOURCE_MAX_BYTES).await
    }
}
