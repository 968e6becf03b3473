//! What was deleted: listed for its owner, brought back by them within its days, and then erased for good.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, DeletedRoom};
use super::view::{ConversationView, wire_time};
use super::{Conversations, following, not_found, slug};
use crate::http::{Page, PageQuery, moment_cursor};
use crate::jobs::{Handler, Handlers, Job, JobError, QueueName, Recurring};
use crate::postgres::{journal, refusal};

/// Erases what nobody brings back any more, and forgets who changed what so long ago, once an hour on one of the nodes.
pub const ERASE_DELETED: Recurring = Recurring {
    queue: QueueName::Maintenance,
    kind: "conversations.erase",
    every: Duration::from_secs(3_600),
};
/// Rooms that are looked up at a time.
const ERASED_AT_A_TIME: i64 = 50;
const DAY_SECONDS: i64 = 86_400;

/// A deleted conversation, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedConversationView {
    pub id: Uuid,
    pub slug: String,
    pub title: String,
    pub created_at: Timestamp,
    pub deleted_at: Timestamp,
    /// Until then its owner can bring it back.
    pub restorable_until: Timestamp,
}

impl Conversations {
    /// A page of the user's deleted conversations that can be brought back, the last deleted first.
    pub async fn deleted(
        &self,
        user: UserId,
        page: &PageQuery,
    ) -> Result<Page<DeletedConversationView>, Refusal> {
        let after = page.after_moment()?;
        let days = self.settings.restore_days;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let (rooms, total) = store::deleted(&client, user, days, after, limit + 1, skip)
            .await
            .map_err(|error| refusal(&error))?;
        let span = jiff::SignedDuration::from_secs(i64::from(days) * DAY_SECONDS);
        let next = |last: &DeletedRoom| moment_cursor(last.deleted_at, last.id);
        let view = |room: DeletedRoom| DeletedConversationView {
            id: room.id,
            slug: room.slug,
            title: room.title,
            created_at: wire_time(room.created_at),
            deleted_at: wire_time(room.deleted_at),
            restorable_until: wire_time(room.deleted_at + span),
        };
        Ok(Page::cut(page, rooms, Some(total.unsigned_abs()), next).map(view))
    }

    /// Brings a deleted conversation back, for its owner, and tells all its members.
    pub async fn restore(&self, user: UserId, id_or_slug: &str) -> Result<ConversationView, Refusal> {
        let mut client = self.client().await?;
        let id = Uuid::try_parse(id_or_slug).ok();
        if id.is_none() && !slug::is_slug(id_or_slug) {
            return Err(not_found());
        }
        // To who was not in it, it never was.
        let room = store::deleted_room(&client, user, id, id_or_slug)
            .await
            .map_err(|error| refusal(&error))?
            .ok_or_else(not_found)?;
        let days = self.settings.restore_days;
        let restored = journal::restore_room(&mut client, room, user, days).await;
        match restored.map_err(|error| refusal(&error))? {
            journal::Restored::At(_) => {
                if let Err(error) = following::room_came_back(&client, room).await {
                    tracing::warn!(%error, "messages that came back may show files as they were");
                }
            }
            journal::Restored::None => return Err(not_found()),
            journal::Restored::NotTheirs => {
                return Err(Refusal::new(RefusalCode::Forbidden, "only its owner may bring it back"));
            }
        }
        drop(client);
        let view = self.view(user, room).await?;
        for member in view.member_ids.iter().copied().map(UserId::from_uuid) {
            // Each as they see it: how far one has read is nobody else's.
            let theirs = if member == user { Ok(view.clone()) } else { self.view(member, room).await };
            match theirs {
                Ok(theirs) => (self.created)(&[member], &theirs),
                Err(error) => tracing::debug!(%error, "a member was not told of a conversation"),
            }
        }
        Ok(view)
    }

    /// Erases the conversations whose days are over; answers how many.
    pub async fn erase_deleted(&self) -> Result<u64, Refusal> {
        let mut client = self.client().await?;
        let mut erased = 0;
        loop {
            let due = store::due(&client, self.settings.restore_days, ERASED_AT_A_TIME)
                .await
                .map_err(|error| refusal(&error))?;
            if due.is_empty() {
                return Ok(erased);
            }
            for room in due {
                journal::erase_room(&mut client, room).await.map_err(|error| refusal(&error))?;
                erased += 1;
            }
        }
    }

    /// Forgets who changed what in conversations, as long ago as a deleted one is kept.
    async fn forget_changes(&self) -> Result<(), Refusal> {
        let client = self.client().await?;
        let swept = journal::sweep_changes(&client, self.settings.restore_days).await;
        swept.map(|_| ()).map_err(|error| refusal(&error))
    }

    /// What does the jobs of this feature.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        let mut handlers: Handlers = vec![(ERASE_DELETED.kind, Arc::new(Eraser(self.clone())))];
        handlers.extend(self.followers());
        handlers
    }
}

struct Eraser(Conversations);

impl Handler for Eraser {
    fn handle<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            match self.0.erase_deleted().await {
                Ok(0) => {}
                Ok(rooms) => tracing::info!(rooms, "deleted conversations were erased"),
                Err(refusal) => return Err(JobError::Again(refusal.message)),
            }
            self.0.forget_changes().await.map_err(|refusal| JobError::Again(refusal.message))
        }
        .boxed()
    }
}
