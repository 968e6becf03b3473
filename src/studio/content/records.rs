//! Contents as an export of an account tells of them, and their end with it.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::Content;
use super::kinds::{Kind, Quality, State};
use super::store::{self, lists};
use crate::conversations::view::wire_time;
use crate::postgres::Stored;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentRecord {
    pub id: Uuid,
    kind: Kind,
    state: State,
    prompt: String,
    optimized_prompt: Option<String>,
    avatar_id: Option<Uuid>,
    image_id: Option<Uuid>,
    quality: Quality,
    size: String,
    seconds: Option<u32>,
    credits: i64,
    provider: Option<String>,
    model: Option<String>,
    /// In `files.json`.
    file_id: Option<Uuid>,
    error: Option<String>,
    created_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl From<Content> for ContentRecord {
    fn from(content: Content) -> Self {
        Self {
            id: content.id,
            kind: content.kind,
            state: content.state,
            prompt: content.prompt,
            optimized_prompt: content.optimized_prompt,
            avatar_id: content.avatar,
            image_id: content.image,
            quality: content.quality,
            size: content.size,
            seconds: content.seconds,
            credits: content.credits,
            provider: content.provider,
            model: content.model,
            file_id: content.file,
            error: content.error.map(|(code, _)| code),
            created_at: wire_time(content.created_at),
            ended_at: content.ended_at.map(wire_time),
        }
    }
}

/// The user's contents after `after`, by their ids.
pub async fn records(
    client: &impl GenericClient,
    user: UserId,
    after: Uuid,
    limit: i64,
) -> Stored<Vec<ContentRecord>> {
    Ok(lists::after(client, user, after, limit).await?.into_iter().map(ContentRecord::from).collect())
}

/// All contents of an account go, in the caller's transaction. Work that is under way finds nothing to go on with, and what is
/// held for it is given back when its time is over; the files go with the account's others.
pub async fn forget(client: &impl GenericClient, user: UserId) -> Stored<()> {
    store::lock(client, user).await?;
    store::forget(client, user).await
}
