//! What was said in audio messages that came without a text: they are fetched, listened to by a model, and what was said
//! becomes the message's text, by a change of the room as any other.
//!
//! The text goes the way of all that people say: the room refuses what may not be said, and then the message stays without.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deadpool_postgres::{Client, Pool};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{Attachment, Content, MessageId, Place, RoomId, UserId};
use greenroom_actors::engine::Engine;
use greenroom_actors::ports::{Calls, GenerateError, GenerateErrorKind};
use greenroom_actors::protocol::{Amendment, RefusalCode, Responder};
use serde::Deserialize;
use uuid::Uuid;

use super::store;
use crate::ai::{Audio, AudioFile};
use crate::jobs::{Handler, Handlers, Job, JobError};
use crate::media::sounds::duration_ms;
use crate::media::{FileType, Media, ObjectError, ObjectKey};
use crate::outbound::fetch::{FetchError, Fetcher};
use crate::postgres::calls::{self, Account};
use crate::postgres::{journal, refusal};

/// Files that are listened to: recordings of phones come as video too.
const KINDS: [&str; 4] = ["audio/", "video/webm", "video/mp4", "application/ogg"];
/// For the room's answer.
const ANSWER: Duration = Duration::from_secs(15);

/// Cheap to clone.
#[derive(Clone)]
pub struct Listener(Arc<Inner>);

struct Inner {
    audio: Audio,
    media: Media,
    fetcher: Fetcher,
    engine: Engine,
    pool: Pool,
    content_max_chars: usize,
    /// Bytes of a file.
    max_bytes: u64,
}

/// What is needed beside the models.
pub struct ListenerParts {
    pub media: Media,
    pub fetcher: Fetcher,
    pub engine: Engine,
    pub pool: Pool,
    pub content_max_chars: usize,
    pub max_bytes: u64,
}

#[derive(Deserialize)]
struct Payload {
    room: Uuid,
    message: Uuid,
    user: Uuid,
}

impl Listener {
    #[must_use]
    pub fn new(audio: Audio, parts: ListenerParts) -> Self {
        let ListenerParts { media, fetcher, engine, pool, content_max_chars, max_bytes } = parts;
        Self(Arc::new(Inner { audio, media, fetcher, engine, pool, content_max_chars, max_bytes }))
    }

    /// What does the jobs of this feature.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        vec![(journal::TRANSCRIBE, Arc::new(self.clone()))]
    }
}

impl Handler for Listener {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        self.0.listen(job).boxed()
    }
}

impl Inner {
    async fn listen(&self, job: &Job) -> Result<(), JobError> {
        if !self.audio.listens() {
            return Ok(());
        }
        let payload: Payload = serde_json::from_value(job.payload.clone())
            .map_err(|_| JobError::Never("the payload cannot be read".to_owned()))?;
        let client = self.client().await?;
        let carries = store::unheard(&client, payload.message).await;
        drop(client);
        // Deleted meanwhile, or told by its sender.
        let Some(attachment) = carries.map_err(|error| JobError::Again(refusal(&error).message))? else {
            return Ok(());
        };
        let (bytes, file) = self.file(&attachment).await?;
        let said_ms = attachment.duration_ms.unwrap_or_default();
        let seconds = duration_ms(&bytes).unwrap_or(said_ms).div_ceil(1_000).max(1);
        let name = format!("audio.{}", file.ending());
        let calls = Calls::default();
        let heard = self.audio.transcribe(AudioFile { bytes, name, seconds }, &calls).await;
        self.account(&payload, &calls).await;
        let text: String = heard.map_err(|error| failed(&error))?.chars().filter(|c| *c != '\0').collect();
        let text: String = text.trim().chars().take(self.content_max_chars).collect();
        // Nothing was said.
        let Ok(content) = Content::parse(&text, self.content_max_chars) else { return Ok(()) };
        self.tell(&payload, content).await
    }

    /// The file, from the store or from where its sender keeps it.
    async fn file(&self, attachment: &Attachment) -> Result<(Bytes, FileType), JobError> {
        match &attachment.place {
            Place::Object(key) => {
                let key = ObjectKey::parse(key).map_err(|error| JobError::Never(error.to_string()))?;
                let read = self.media.objects().read(&key, self.max_bytes).await;
                let bytes = read.map_err(|error| match error {
                    ObjectError::NotFound | ObjectError::TooLarge { .. } => {
                        JobError::Never(error.to_string())
                    }
                    error => JobError::Again(error.to_string()),
                })?;
                Ok((bytes, key.file_type()))
            }
            Place::Gone => Err(JobError::Never("the recording was deleted".to_owned())),
            Place::Url(url) => {
                let fetched = self.fetcher.get(url, &KINDS).await.map_err(|error| match error {
                    FetchError::Again(_) => JobError::Again(error.to_string()),
                    error => JobError::Never(error.to_string()),
                })?;
                Ok((fetched.bytes, FileType::of_mime(&fetched.mime)))
            }
        }
    }

    async fn tell(&self, payload: &Payload, content: Content) -> Result<(), JobError> {
        let (responder, answer) = Responder::channel();
        let (room, user) = (RoomId::from_uuid(payload.room), UserId::from_uuid(payload.user));
        let message = MessageId::from_uuid(payload.message);
        self.engine.amend(room, user, message, Amendment::Transcript(content), responder);
        let again = || JobError::Again("the conversation does not answer".to_owned());
        match tokio::time::timeout(ANSWER, answer).await.map_err(|_| again())?.map_err(|_| again())? {
            Ok(_) => Ok(()),
            Err(refused) => match refused.code {
                // Its author or the conversation is gone, or this may not be said here.
                RefusalCode::NotFound
                | RefusalCode::Forbidden
                | RefusalCode::Conflict
                | RefusalCode::ContentRefused => {
                    tracing::info!(code = refused.code.as_str(), "what was heard was not written down");
                    Ok(())
                }
                _ => Err(JobError::Again(refused.message)),
            },
        }
    }

    /// That a call was made counts even where the rest fails.
    async fn account(&self, payload: &Payload, made: &Calls) {
        let account = Account {
            user: Some(UserId::from_uuid(payload.user)),
            room: Some(RoomId::from_uuid(payload.room)),
            ..Account::default()
        };
        let recorded = async {
            let client = self.client().await.map_err(|_| "the database is away".to_owned())?;
            calls::record(&**client, account, &made.take()).await.map_err(|error| error.to_string())
        };
        if let Err(error) = recorded.await {
            tracing::error!(error, "a transcription was not accounted");
        }
    }

    async fn client(&self) -> Result<Client, JobError> {
        self.pool.get().await.map_err(|error| JobError::Again(refusal(&error).message))
    }
}

fn failed(error: &GenerateError) -> JobError {
    match (error.kind, error.retry_after) {
        (GenerateErrorKind::Refused, _) => JobError::Never(error.to_string()),
        (_, Some(wait)) => JobError::NotBefore(wait, error.to_string()),
        (_, None) => JobError::Again(error.to_string()),
    }
}
