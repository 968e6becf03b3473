//! Messages follow the files that they carry: when one becomes ready, fails or is deleted, each message that carries it gets
//! an entry in its room's log, through the engine as any other change. So live and resumed clients hear the same.
//!
//! Jobs do it, a page of messages at a time, however many carry the file. What follows already is not asked for again, so a
//! job may run twice. A message that was on its way while its file changed is looked at once more when it is stored
//! (`journal::ATTACHED`); those of a deleted conversation when that is brought back.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{GenericClient, PoolError};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use greenroom_actors::domain::{Attachment, MessageId, RoomId, UserId};
use greenroom_actors::protocol::{Amendment, RefusalCode, Responder};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::Conversations;
use super::store::{self, Carrier};
use crate::jobs::{self, Handler, Handlers, Job, JobError, NewJob, QueueName};
use crate::media::files::{self, FileId, MediaFile};
use crate::postgres::{Stored, journal, refusal};

/// Messages that one job tells; the next job goes on behind them.
const PAGE: i64 = 200;
/// Rooms that are asked at the same time.
const AT_ONCE: usize = 8;
/// For a room's answer.
const ANSWER: Duration = Duration::from_secs(15);

/// Whose messages are to follow.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Payload {
    /// The one that was stored a moment ago.
    Message { room: Uuid, message: Uuid, file: Uuid },
    /// All that carry the file.
    File { file: Uuid, after: Option<Uuid> },
    /// All of a conversation that was brought back.
    Room { room: Uuid, after: Option<Uuid> },
}

/// To be called when a conversation was brought back: while it was deleted, nothing told its messages of their files.
pub(super) async fn room_came_back(client: &impl GenericClient, room: RoomId) -> Stored<()> {
    let payload = json!({ "room": room.uuid() });
    jobs::enqueue(client, &NewJob::new(QueueName::MediaProcessing, files::CHANGED, payload)).await.map(drop)
}

/// Does the jobs.
struct Follower(Conversations);

impl Handler for Follower {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let payload = serde_json::from_value(job.payload.clone())
                .map_err(|_| JobError::Never("the payload cannot be read".to_owned()))?;
            self.0.follow(payload).await
        }
        .boxed()
    }
}

fn again(error: &PoolError) -> JobError {
    JobError::Again(refusal(error).message)
}

impl Conversations {
    pub(super) fn followers(&self) -> Handlers {
        let follower = Arc::new(Follower(self.clone()));
        vec![(files::CHANGED, follower.clone()), (journal::ATTACHED, follower)]
    }

    async fn follow(&self, payload: Payload) -> Result<(), JobError> {
        let client = self.client().await.map_err(|refused| JobError::Again(refused.message))?;
        let told = match payload {
            Payload::Message { room, message, file } => {
                vec![Carrier { message, room, file }]
            }
            Payload::File { file, after } => {
                let file = files::by_id(&client, FileId::from_uuid(file)).await.map_err(|it| again(&it))?;
                let Some(file) = file else { return Ok(()) };
                store::carriers_of(&client, &file, after, PAGE).await.map_err(|it| again(&it))?
            }
            Payload::Room { room, after } => {
                store::carriers_in(&client, room, after, PAGE).await.map_err(|it| again(&it))?
            }
        };
        let mut found: Option<MediaFile> = None;
        let mut amends = Vec::with_capacity(told.len());
        for carrier in &told {
            let id = FileId::from_uuid(carrier.file);
            if found.as_ref().is_none_or(|file| file.id != id) {
                found = files::by_id(&client, id).await.map_err(|it| again(&it))?;
            }
            let Some(file) = &found else { continue };
            let is_another = match payload {
                // Most stand as they were said.
                Payload::Message { .. } => {
                    store::carries_another(&client, carrier.message, file).await.map_err(|it| again(&it))?
                }
                Payload::File { .. } | Payload::Room { .. } => true,
            };
            if is_another {
                amends.push((*carrier, file.owner, Arc::new(Attachment::from(file))));
            }
        }
        drop(client);
        let amends = amends.into_iter().map(|(carrier, owner, now)| self.tell(carrier, owner, now));
        let answers: Vec<Result<(), JobError>> =
            stream::iter(amends).buffer_unordered(AT_ONCE).collect().await;
        answers.into_iter().collect::<Result<(), JobError>>()?;
        self.go_on(payload, &told).await
    }

    /// Where the page was full, another job goes on behind it.
    async fn go_on(&self, payload: Payload, told: &[Carrier]) -> Result<(), JobError> {
        let Some(last) = told.last().filter(|_| i64::try_from(told.len()).is_ok_and(|told| told >= PAGE))
        else {
            return Ok(());
        };
        let payload = match payload {
            Payload::Message { .. } => return Ok(()),
            Payload::File { file, .. } => json!({ "file": file, "after": last.message }),
            Payload::Room { room, .. } => json!({ "room": room, "after": last.message }),
        };
        let client = self.client().await.map_err(|refused| JobError::Again(refused.message))?;
        let next = NewJob::new(QueueName::MediaProcessing, files::CHANGED, payload);
        jobs::enqueue(&client, &next).await.map(drop).map_err(|it| again(&it))
    }

    async fn tell(&self, carrier: Carrier, owner: UserId, now: Arc<Attachment>) -> Result<(), JobError> {
        let (responder, answer) = Responder::channel();
        let (room, message) = (RoomId::from_uuid(carrier.room), MessageId::from_uuid(carrier.message));
        self.engine.amend(room, owner, message, Amendment::File(now), responder);
        let silent = || JobError::Again("a conversation does not answer".to_owned());
        match tokio::time::timeout(ANSWER, answer).await.map_err(|_| silent())?.map_err(|_| silent())? {
            Ok(_) => Ok(()),
            Err(refused) => match refused.code {
                // The message or its conversation is gone.
                RefusalCode::NotFound | RefusalCode::Conflict | RefusalCode::Forbidden => Ok(()),
                _ => Err(JobError::Again(refused.message)),
            },
        }
    }
}
