//! What somebody has used of their plan, and what they may send now.

use std::sync::Arc;

use deadpool_postgres::Pool;
use greenroom_actors::domain::{Catalogue, CharacterId, UserId};
use greenroom_actors::engine::Engine;
use greenroom_actors::protocol::{Allowance, Inquiry, Refusal};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::store;
use crate::characters::{Characters, Viewer};
use crate::conversations::view::{MessageType, UsageView, wire_time};
use crate::postgres::refusal;

/// A user's plan, what is used of its limits, and its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanUsageView {
    #[serde(flatten)]
    usage: UsageView,
    /// When the plan ends by itself.
    plan_until: Option<Timestamp>,
    /// What comes then.
    #[schema(value_type = Option<String>)]
    plan_after: Option<Arc<str>>,
}

/// Whether a message may be sent now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanSendView {
    allowed: bool,
    /// Why not: `quota_exceeded`, `rate_limited`, `premium_required` or `reply_type_unavailable`, as sending it would be
    /// refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    code: Option<&'static str>,
    /// The same for a person to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Milliseconds after which it would go, where it is only too soon.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// With `quota_exceeded`: when the limit counts anew; absent for one that never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    resets_at: Option<Timestamp>,
    /// The limits that the message counts on.
    usage: UsageView,
}

impl From<Allowance> for CanSendView {
    fn from(allowance: Allowance) -> Self {
        let Allowance { refusal, resets_at, usage } = allowance;
        let retry_after = refusal.as_ref().and_then(|refusal| refusal.retry_after);
        Self {
            allowed: refusal.is_none(),
            code: refusal.as_ref().map(|refusal| refusal.code.as_str()),
            message: refusal.map(|refusal| refusal.message),
            retry_after_ms: retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            resets_at: resets_at.map(wire_time),
            usage: UsageView::from(&*usage),
        }
    }
}

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Id or slug of the character that is to answer.
    pub character: &'a str,
    pub kind: MessageType,
    /// `None`: what the character usually replies with.
    pub reply: Option<MessageType>,
}

/// Answers how far plans are used. Cheap to clone.
#[derive(Clone)]
pub struct Quotas {
    pool: Pool,
    plans: Catalogue,
    engine: Engine,
    characters: Characters,
}

impl Quotas {
    #[must_use]
    pub fn new(pool: Pool, plans: Catalogue, engine: Engine, characters: Characters) -> Self {
        Self { pool, plans, engine, characters }
    }

    pub async fn usage(&self, user: UserId) -> Result<PlanUsageView, Refusal> {
        let usage = self.engine.usage(user).await?;
        let client = self.pool.get().await.map_err(|error| refusal(&error))?;
        let end = store::end(&client, user).await.map_err(|error| refusal(&error))?;
        let (until, after) = end.unzip();
        let named = |after: Option<String>| self.plans.get(&after.unwrap_or_default()).name.clone();
        Ok(PlanUsageView {
            usage: UsageView::from(&*usage),
            plan_until: until.map(wire_time),
            plan_after: after.map(named),
        })
    }

    /// Whether the user may send that now. Reserves nothing; the answer holds for this moment.
    pub async fn can_send(&self, user: UserId, wanted: Wanted<'_>) -> Result<CanSendView, Refusal> {
        let character = self.characters.get(Viewer::User(user), wanted.character).await?;
        let inquiry = Inquiry {
            character: CharacterId::from_uuid(character.id),
            kind: wanted.kind.into(),
            reply_kind: wanted.reply.map(Into::into),
            usual: character.reply_type.into(),
        };
        Ok(self.engine.may_send(user, inquiry).await?.into())
    }
}
