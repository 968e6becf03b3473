//! Replies that failed: what they failed of, for admins, and another try on behalf of who had asked.
//!
//! A failed reply is a row of `turns`; it is listed as long as nobody asked that character for another one to the same
//! message. Another try goes through the engine like any wish for a reply: it costs its asker what that costs, and is
//! refused where it would be (the conversation or the message is gone, the plan's limit is reached, one is under way).
//! What was said is told to nobody here.

mod routes;
mod store;

use deadpool_postgres::Pool;
use greenroom_actors::domain::{CharacterId, Into, MessageId, MessageKind, RoomId, UserId};
use greenroom_actors::protocol::{Asked, Refusal, RefusalCode, Wanted};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::accounts::Origin;
use crate::audit::{Act, Audit};
use crate::conversations::Conversations;
use crate::http::{Caller, Page, PageQuery};
use crate::postgres::refusal;

pub use routes::routes;

/// One that failed.
#[derive(Clone, Debug)]
pub struct DeadReply {
    /// Of the reply under way that it was.
    pub id: MessageId,
    pub room: RoomId,
    pub character: CharacterId,
    /// `None`: the character is gone.
    pub character_name: Option<String>,
    /// Who had asked.
    pub user: UserId,
    pub username: Option<String>,
    pub asked: MessageId,
    pub into: Into,
    /// What kind of message it was to be: it is tried again as that.
    pub kind: MessageKind,
    /// As users are told.
    pub code: Option<String>,
    /// What the last try failed of.
    pub reason: Option<String>,
    pub tries: u32,
    /// Who failed last; `None` where nobody was asked.
    pub back_end: Option<(String, String)>,
    pub failed_at: Timestamp,
    /// Another reply of this character to the same message was asked for since.
    pub superseded: Superseded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Superseded {
    Yes,
    No,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct DeadReplies {
    pool: Pool,
    conversations: Conversations,
    audit: Audit,
}

impl DeadReplies {
    #[must_use]
    pub fn new(pool: Pool, conversations: Conversations, audit: Audit) -> Self {
        Self { pool, conversations, audit }
    }

    /// A page, the latest failure first.
    pub async fn list(&self, page: &PageQuery) -> Result<Page<DeadReply>, Refusal> {
        let after = page.after_moment()?;
        let client = self.pool.get().await.map_err(|error| refusal(&error))?;
        let (skip, limit) = page.window();
        let dead = store::list(&client, after, skip, limit + 1).await.map_err(|error| refusal(&error))?;
        let total = store::count(&client).await.map_err(|error| refusal(&error))?;
        Ok(Page::cut(page, dead, total, |dead| crate::http::moment_cursor(dead.failed_at, dead.id.uuid())))
    }

    /// Makes it anew, on behalf of who had asked. Refused: there is none, it was tried again already, or the engine
    /// refuses the wish.
    pub async fn retry(&self, id: Uuid, caller: &Caller, origin: &Origin) -> Result<Asked, Refusal> {
        let dead = {
            let client = self.pool.get().await.map_err(|error| refusal(&error))?;
            store::find(&client, id).await.map_err(|error| refusal(&error))?
        };
        let Some(dead) = dead else {
            return Err(Refusal::new(RefusalCode::NotFound, "there is no such failed reply"));
        };
        if dead.superseded == Superseded::Yes {
            let told = "another reply to this message was asked for since";
            return Err(Refusal::new(RefusalCode::Conflict, told));
        }
        let wanted = match dead.into {
            Into::New => Wanted::Retry { asked: dead.asked, character: dead.character },
            Into::Variant(of) => Wanted::Regenerate(of),
            Into::Continuation(of) => Wanted::Continue(of),
        };
        let asked = self.conversations.ask(dead.user, dead.room, wanted, Some(dead.kind)).await?;
        let replies: Vec<String> = asked.replies.iter().map(|reply| reply.message.to_string()).collect();
        let detail = json!({
            "conversationId": dead.room.to_string(),
            "userId": dead.user.to_string(),
            "replies": replies,
        });
        let act = Act { detail, ..Act::new(caller, "reply.retry", ("reply", dead.id.to_string()), origin) };
        self.audit.note(&act).await;
        Ok(asked)
    }
}
