//! What users do with what they asked for: cancel, ask once more, delete. Of a cancellation and a result that come at the same
//! time exactly one wins: both are moves under the same lock.

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use uuid::Uuid;

use super::decide::Happened;
use super::kinds::State;
use super::moves::{Moving, tidy};
use super::{AnswerView, Contents, no_content, store};
use crate::jobs::enqueue;
use crate::postgres::refusal;

impl Contents {
    /// Ends what is under way, upstream too, and gives back what is held. One that was cancelled before stays so.
    pub async fn cancel(&self, user: UserId, id: Uuid) -> Result<AnswerView, Refusal> {
        let mut client = self.client().await?;
        let mut moving = self.moving(&mut client, user, id).await?.ok_or_else(no_content)?;
        if moving.content.state == State::Canceled {
            let content = moving.content.clone();
            drop(moving);
            drop(client);
            return self.answer(&content).await;
        }
        if !self.step(&mut moving, Happened::Canceled, |_| {}).await? {
            return Err(Refusal::new(RefusalCode::Conflict, "it has ended already"));
        }
        let content = moving.commit().await?;
        drop(client);
        self.moved(&content, Happened::Canceled).await;
        self.answer(&content).await
    }

    /// Asks once more for what failed or was cancelled, at the price of today. What was held before was given back.
    pub async fn retry(&self, user: UserId, id: Uuid) -> Result<AnswerView, Refusal> {
        let known = self.get(user, id).await?;
        self.offer(known.kind)?;
        self.check_room(user, known.kind).await?;
        let mut client = self.client().await?;
        let mut moving = self.moving(&mut client, user, id).await?.ok_or_else(no_content)?;
        if moving.content.state.is_open() || moving.content.state == State::Done {
            let message = "only what failed or was cancelled is made again";
            return Err(Refusal::new(RefusalCode::Conflict, message));
        }
        self.check_open(&moving.transaction, user).await?;
        if !self.step(&mut moving, Happened::Again, |_| {}).await? {
            return Err(Refusal::new(RefusalCode::Conflict, "it is under way"));
        }
        let content = moving.commit().await?;
        drop(client);
        self.moved(&content, Happened::Again).await;
        self.answer(&content).await
    }

    /// Deletes it with its file; what is under way is cancelled.
    pub async fn delete(&self, user: UserId, id: Uuid) -> Result<(), Refusal> {
        let mut client = self.client().await?;
        let mut moving = self.moving(&mut client, user, id).await?.ok_or_else(no_content)?;
        // Which takes away what there is of it; of what has ended the file is left.
        self.step(&mut moving, Happened::Canceled, |_| {}).await?;
        self.erase(moving).await
    }

    /// Takes away one that has ended, with its file.
    pub(super) async fn erase(&self, moving: Moving<'_>) -> Result<(), Refusal> {
        let (user, id) = (moving.content.user, moving.content.id);
        if let Some(job) = tidy(user, id, moving.content.file, None) {
            enqueue(&moving.transaction, &job).await.map_err(|error| refusal(&error))?;
        }
        store::delete(&moving.transaction, id).await.map_err(|error| refusal(&error))?;
        moving.commit().await?;
        self.announce_deleted(user, id);
        Ok(())
    }
}
