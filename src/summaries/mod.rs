//! Summaries of older turns: what a character keeps, in short, of what its prompts have no room for.
//!
//! The engine wishes for one when turns fall out of a prompt ([`Summaries`]); a job of the queue `ai-responses` makes it, on
//! any node: it reads what the character witnessed beyond the summary that stands, has a model fold it in part by part,
//! and stores the result unless a message that it covers was changed meanwhile. The journal drops a summary in the
//! transaction that changes or deletes a message which it covers, so what was deleted lives on in none.
//!
//! Bounds: one job at a time for a character and room, at most one wish of a node a minute (an hour where a model refused
//! it), [`PARTS_MAX`] calls a job, [`PART_TOKENS`] in and `engine.summary_max_tokens` out each. A wish that cannot be
//! put down is let go: the next prompt wishes again. Nobody but the model is shown a summary.

pub mod prompt;
mod store;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Client, Pool};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{CharacterId, CharacterRecord, Revision, RoomId, UserId};
use greenroom_actors::ports::{
    Archive, GenerateErrorKind, Generator, StoreError, Summaries, SummaryWish, TokenCounter,
};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::ai::ask;
use crate::jobs::{Handler, Handlers, Job, JobError, NewJob, QueueName, enqueue};
use crate::postgres::calls::{Account, record};
use store::{Kept, New};

const KIND: &str = "room.summary";
/// Behind the replies and what else waits in the queue.
const PRIORITY: i16 = 10;
/// Calls of one job. What they do not reach, the oldest, is told in no summary.
const PARTS_MAX: usize = 4;
/// Tokens of what was said that one call gets, as long as the model's context has room for it.
const PART_TOKENS: usize = 3_000;
/// Wishes that are on their way to the queue.
const PUTTING_MAX: usize = 32;
/// Wishes that are remembered, so that each prompt does not put the same one down again.
const REMEMBERED_MAX: u64 = 10_000;
const AGAIN_AFTER: Duration = Duration::from_secs(60);
const REFUSED_FOR: Duration = Duration::from_secs(3_600);

type Of = (RoomId, CharacterId);

/// Puts wishes into the queue. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Wishes {
    pool: Pool,
    runtime: Handle,
    putting: Arc<Semaphore>,
    asked: Cache<Of, ()>,
    refused: Cache<Of, ()>,
}

impl Wishes {
    /// To be called on a runtime.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        let remembered = |life| Cache::builder().max_capacity(REMEMBERED_MAX).time_to_live(life).build();
        Self {
            pool,
            runtime: Handle::current(),
            putting: Arc::new(Semaphore::new(PUTTING_MAX)),
            asked: remembered(AGAIN_AFTER),
            refused: remembered(REFUSED_FOR),
        }
    }
}

/// What a job is told.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    room: Uuid,
    character: Uuid,
    user: Uuid,
    since: Revision,
    up_to: Revision,
}

impl Summaries for Wishes {
    fn wanted(&self, wish: SummaryWish) {
        let of = (wish.room, wish.character);
        if self.asked.contains_key(&of) || self.refused.contains_key(&of) {
            return;
        }
        let Ok(permit) = self.putting.clone().try_acquire_owned() else { return };
        self.asked.insert(of, ());
        let wishes = self.clone();
        self.runtime.spawn(async move {
            let _putting = permit;
            if let Err(error) = wishes.put(wish).await {
                tracing::debug!(%error, "a summary was wished for and could not be asked for");
                wishes.asked.invalidate(&of);
            }
        });
    }
}

impl Wishes {
    async fn put(&self, wish: SummaryWish) -> Result<(), deadpool_postgres::PoolError> {
        let SummaryWish { room, character, user, since, up_to } = wish;
        let payload = json!({
            "room": room.uuid(), "character": character.uuid(), "user": user.uuid(), "since": since, "up_to": up_to,
        });
        let client = self.pool.get().await?;
        let job = NewJob {
            priority: PRIORITY,
            key: Some(format!("{room}:{character}")),
            ..NewJob::new(QueueName::AiResponses, KIND, payload)
        };
        enqueue(&client, &job).await.map(drop)
    }
}

/// Makes summaries.
#[derive(Clone)]
pub struct Summarizer {
    pub wishes: Wishes,
    pub archive: Arc<dyn Archive>,
    pub generator: Arc<dyn Generator>,
    pub tokens: Arc<dyn TokenCounter>,
    /// Tokens of one summary.
    pub max_tokens: usize,
}

impl Summarizer {
    /// What does the jobs of this part.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        vec![(KIND, Arc::new(self.clone()))]
    }

    async fn client(&self) -> Result<Client, JobError> {
        self.wishes.pool.get().await.map_err(|error| JobError::Again(error.to_string()))
    }

    /// Makes one, if it is still wanted.
    pub async fn make(&self, wish: &SummaryWish) -> Result<(), JobError> {
        let Some(record) = self.archive.character(wish.character).await.map_err(|error| away(&error))? else {
            return Ok(());
        };
        let kept = {
            let mut client = self.client().await?;
            store::kept(&mut client, wish, store::MESSAGES_MAX).await.map_err(|error| again(&error))?
        };
        let Some(kept) = kept.filter(|kept| !kept.lines.is_empty()) else { return Ok(()) };
        let record = Arc::new(record);
        let Some((text, back_end)) = self.fold(wish, &record, &kept).await? else { return Ok(()) };
        let new = New {
            text: &text,
            since: kept.before.as_ref().map_or(wish.since, |before| before.since),
            up_to: wish.up_to,
            made_from: kept.head,
            tokens: self.tokens.count(&text),
            back_end: &back_end,
        };
        let mut client = self.client().await?;
        match store::keep(&mut client, (wish.room, wish.character), &new)
            .await
            .map_err(|error| again(&error))?
        {
            store::Stood::Kept => {
                // What it does not tell any more by then may be wished for at once.
                self.wishes.asked.invalidate(&(wish.room, wish.character));
                Ok(())
            }
            store::Stood::Gone => Ok(()),
            store::Stood::Changed => Err(JobError::Again("what it tells of was changed meanwhile".into())),
        }
    }

    /// The summary that stands with all of this folded in, and who did the last of it.
    async fn fold(
        &self,
        wish: &SummaryWish,
        record: &Arc<CharacterRecord>,
        kept: &Kept,
    ) -> Result<Option<(String, Arc<greenroom_actors::domain::BackEnd>)>, JobError> {
        let room = PART_TOKENS.min(record.model.context_tokens as usize / 2);
        let parts = prompt::parts(&kept.lines, room, &*self.tokens);
        let mut text = kept.before.as_ref().map(|before| before.text.to_string()).unwrap_or_default();
        let mut by = None;
        for part in &parts[parts.len().saturating_sub(PARTS_MAX)..] {
            let request = prompt::request(record, wish.user, &text, part, self.max_tokens);
            let (answer, calls) = ask(&*self.generator, Arc::new(request), &*self.tokens).await;
            self.account(wish, &calls).await;
            match answer {
                Ok((said, back_end)) => {
                    text = prompt::within(&said, self.max_tokens, &*self.tokens);
                    by = Some(back_end);
                }
                Err(error) if error.kind == GenerateErrorKind::Refused => {
                    // It would be refused again. Older turns are left out then.
                    tracing::info!(room = %wish.room, %error, "a summary was refused");
                    self.wishes.refused.insert((wish.room, wish.character), ());
                    return Ok(None);
                }
                Err(error) => {
                    let detail = format!("{:?}", error.kind);
                    return Err(match error.retry_after {
                        Some(pause) => JobError::NotBefore(pause, detail),
                        None => JobError::Again(detail),
                    });
                }
            }
            if text.is_empty() {
                return Err(JobError::Again("the model said nothing".into()));
            }
        }
        Ok(by.map(|by| (text, by)))
    }

    async fn account(&self, wish: &SummaryWish, calls: &[greenroom_actors::domain::AiCall]) {
        let account = Account {
            user: Some(wish.user),
            character: Some(wish.character),
            room: Some(wish.room),
            turn: None,
        };
        let written = async {
            let client = self.client().await.map_err(|_| "the database is away".to_owned())?;
            record(&**client, account, calls).await.map_err(|error| error.to_string())
        };
        if let Err(error) = written.await {
            tracing::error!(error, room = %wish.room, "calls for a summary are missing in the accounts");
        }
    }
}

impl Handler for Summarizer {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let Payload { room, character, user, since, up_to } = serde_json::from_value(job.payload.clone())
                .map_err(|_| JobError::Never("its payload is of no form that this server knows".into()))?;
            let wish = SummaryWish {
                room: RoomId::from_uuid(room),
                character: CharacterId::from_uuid(character),
                user: UserId::from_uuid(user),
                since,
                up_to,
            };
            self.make(&wish).await
        }
        .boxed()
    }
}

fn away(error: &StoreError) -> JobError {
    JobError::Again(error.to_string())
}

fn again(error: &deadpool_postgres::PoolError) -> JobError {
    JobError::Again(error.to_string())
}
