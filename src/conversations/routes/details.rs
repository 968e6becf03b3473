//! `PUT /api/conversations/{id}` and `PATCH …/featured`: what a conversation is called and how it is shown.

use actix_web::{patch, put, web};
use greenroom_actors::protocol::Featured;
use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ConversationBody;
use crate::accounts::Origin;
use crate::audit::{Act, Audit};
use crate::conversations::{Change, Conversations, FeatureWish, NewDetails};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::{AdminCaller, Caller, Json, MaybeJson};

/// What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UpdateConversation {
    #[schema(min_length = 1, max_length = 120)]
    title: Option<String>,
    /// `private`, `unlisted` or `public`.
    visibility: Option<String>,
    /// 3 to 80 lower case letters, digits and hyphens; unique over all conversations.
    #[schema(min_length = 3, max_length = 80)]
    slug: Option<String>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 60)]
    category: Option<Option<String>>,
    #[schema(max_items = 10)]
    tags: Option<Vec<String>>,
    /// Who answers when a message asks for nobody: `mention`, `turn_order`, `talkativeness` or `by_hand`.
    reply_mode: Option<String>,
}

/// A field that is there, `null` or not.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Change a conversation
///
/// By its owner. The members' sockets hear of it.
#[utoipa::path(
    operation_id = "updateConversation",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    request_body = UpdateConversation,
    responses(
        (status = 200, description = "The conversation as it is now", body = ConversationBody),
        (status = 400, description = "A field is not valid, or there is none", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller does not own it", body = ErrorBody),
        (status = 404, description = "There is none that the caller is in", body = ErrorBody),
        (status = 409, description = "The slug is taken", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[put("/conversations/{id}")]
pub(super) async fn update(
    caller: Caller,
    id: web::Path<String>,
    body: Json<UpdateConversation>,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<ConversationBody>> {
    let UpdateConversation { title, visibility, slug, category, tags, reply_mode } = body.into_inner();
    let details = NewDetails { title, visibility, slug, category, tags, reply_mode };
    let room = conversations.resolve(caller.user, &id).await?;
    let details = details.checked().map_err(ApiError::bad_request)?;
    conversations.change(caller.user, room, Change::Details(details)).await?;
    Ok(web::Json(ConversationBody { conversation: conversations.seen_by(caller.user, room).await? }))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
struct FeatureConversation {
    /// Without it the mark is turned over.
    featured: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FeaturedBody {
    id: Uuid,
    featured: bool,
}

/// Feature a conversation
///
/// By an admin. It has to be public. An entry of the audit log tells of it.
#[utoipa::path(
    operation_id = "featureConversation",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    request_body = FeatureConversation,
    responses(
        (status = 200, description = "The mark as it is now", body = FeaturedBody),
        (status = 400, description = "The field is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such conversation", body = ErrorBody),
        (status = 409, description = "It is not public", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[patch("/conversations/{id}/featured")]
pub(super) async fn feature(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    body: MaybeJson<FeatureConversation>,
    conversations: web::Data<Conversations>,
    audit: web::Data<Audit>,
) -> ApiResult<web::Json<FeaturedBody>> {
    let wish = match body.into_inner().featured {
        Some(true) => FeatureWish::Set(Featured::Yes),
        Some(false) => FeatureWish::Set(Featured::No),
        None => FeatureWish::Toggle,
    };
    let answer = conversations.feature(caller.0.user, &id, wish).await?;
    let is = |featured| featured == Featured::Yes;
    // The change is in the room's log, with who made it: the entry here is for those who look for what admins did.
    let act = Act::new(&caller.0, "conversation.feature", ("conversation", answer.room.to_string()), &origin);
    let detail = json!({"before": is(answer.before), "after": is(answer.now)});
    audit.note(&Act { detail, ..act }).await;
    Ok(web::Json(FeaturedBody { id: answer.room.uuid(), featured: is(answer.now) }))
}
