//! Videos: begun once, then looked at by one job after the other until they are done, and fetched as they come.

use futures_util::StreamExt;
use greenroom_actors::ports::{Cause, GenerateError};
use tokio::time::timeout;

use super::decide::Happened;
use super::kinds::Fault;
use super::moves::tidy;
use super::work::again;
use super::{Content, Contents, FilmOrder, FilmState, Ticket};
use crate::jobs::{JobError, enqueue};
use crate::media::files::{FileId, State};
use crate::media::{FileType, ObjectError, Temp};
use crate::postgres::refusal;

/// What a video of no named length lasts (seconds): the table's row always has one.
const SECONDS: u32 = 4;

/// Why one could not be fetched.
enum Unfetched {
    Provider(GenerateError),
    Store(ObjectError),
    TooLarge,
    Empty,
}

impl From<GenerateError> for Unfetched {
    fn from(error: GenerateError) -> Self {
        if error.cause == Cause::TooLarge { Self::TooLarge } else { Self::Provider(error) }
    }
}

impl Contents {
    pub(super) async fn film(&self, content: &Content) -> Result<(), JobError> {
        match content.ticket.clone() {
            None => self.begin(content).await,
            Some(ticket) => self.look(content, ticket).await,
        }
    }

    /// Not watched: whoever lets go of it now may have begun one that nobody ends.
    async fn begin(&self, content: &Content) -> Result<(), JobError> {
        let from = match content.source {
            None => None,
            Some(source) => {
                let file =
                    self.media().file(FileId::from_uuid(source)).await.map_err(|error| again(&error))?;
                let Some(file) = file.filter(|file| file.state == State::Ready) else {
                    return self.failed(content, Fault::SourceGone, None).await;
                };
                match self.bytes_of(&file).await {
                    Ok(bytes) => Some(bytes),
                    Err(ObjectError::NotFound | ObjectError::TooLarge { .. }) => {
                        return self.failed(content, Fault::SourceGone, None).await;
                    }
                    Err(error) => return Err(JobError::Again(error.to_string())),
                }
            }
        };
        let order = FilmOrder {
            user: content.user,
            prompt: content.told().to_owned(),
            size: content.size.clone(),
            seconds: content.seconds.unwrap_or(SECONDS),
            quality: content.quality,
            from,
        };
        let begun = timeout(self.settings().video_call_timeout(), self.0.parts.maker.begin_film(order)).await;
        let ticket = match begun {
            Err(_) => return self.failed(content, Fault::Timeout, None).await,
            Ok(Err(error)) => return self.failed_by(content, &error).await,
            Ok(Ok(ticket)) => ticket,
        };
        let kept = ticket.clone();
        let ticketed = self
            .follows(content, Happened::Ticketed, |content| {
                content.provider = Some(kept.provider.clone());
                content.model = Some(kept.model.clone());
                content.ticket = Some(kept);
            })
            .await?;
        if ticketed.is_none() {
            // It was cancelled while it was begun: it is ended there too.
            self.let_go(content, &ticket).await?;
        }
        Ok(())
    }

    async fn let_go(&self, content: &Content, ticket: &Ticket) -> Result<(), JobError> {
        let Some(job) = tidy(content.user, content.id, None, Some(ticket)) else { return Ok(()) };
        let client = self.client().await.map_err(|error| again(&error))?;
        enqueue(&client, &job).await.map_err(|error| again(&refusal(&error)))?;
        Ok(())
    }

    async fn look(&self, content: &Content, ticket: Ticket) -> Result<(), JobError> {
        let looked =
            timeout(self.settings().video_call_timeout(), self.0.parts.maker.look_at(ticket.clone()));
        let Some(looked) = self.watched(content, looked).await else { return Ok(()) };
        match looked {
            Err(_) => self.failed(content, Fault::Timeout, None).await,
            Ok(Err(error)) => self.failed_by(content, &error).await,
            Ok(Ok(FilmState::Running { percent })) => {
                self.follows(content, Happened::Looked(percent), |_| {}).await.map(drop)
            }
            Ok(Ok(FilmState::Failed { reason })) => {
                tracing::warn!(content = %content.id, reason, "a video was not made");
                self.follows(content, Happened::Lost(Fault::NotMade), |_| {}).await.map(drop)
            }
            Ok(Ok(FilmState::Done)) => self.fetch(content, ticket).await,
        }
    }

    async fn fetch(&self, content: &Content, ticket: Ticket) -> Result<(), JobError> {
        let by = (ticket.provider.clone(), ticket.model.clone());
        let fetched = timeout(self.settings().video_fetch_timeout(), self.bring(ticket));
        let Some(fetched) = self.watched(content, fetched).await else { return Ok(()) };
        match fetched {
            Err(_) => self.failed(content, Fault::Timeout, None).await,
            Ok(Ok((temp, file_type))) => self.keep(content, temp, file_type, by).await,
            Ok(Err(Unfetched::Provider(error))) => self.failed_by(content, &error).await,
            Ok(Err(Unfetched::Empty)) => self.failed(content, Fault::BadResult, None).await,
            Ok(Err(Unfetched::TooLarge)) => {
                self.follows(content, Happened::Lost(Fault::BadResult), |_| {}).await.map(drop)
            }
            Ok(Err(Unfetched::Store(error))) => Err(JobError::Again(error.to_string())),
        }
    }

    /// Brings it into the store as it comes.
    async fn bring(&self, ticket: Ticket) -> Result<(Temp, FileType), Unfetched> {
        let stored = |error| match error {
            ObjectError::TooLarge { .. } => Unfetched::TooLarge,
            error => Unfetched::Store(error),
        };
        let max = self.settings().video_max_bytes;
        let mut film = self.0.parts.maker.fetch_film(ticket, max).await?;
        let mut incoming = self.media().incoming(max);
        while let Some(piece) = film.bytes.next().await {
            let piece = piece?;
            if !piece.is_empty() {
                incoming.push(piece).await.map_err(stored)?;
            }
        }
        let temp = incoming.finish().await.map_err(stored)?;
        if temp.bytes() == 0 { Err(Unfetched::Empty) } else { Ok((temp, film.file_type)) }
    }
}
