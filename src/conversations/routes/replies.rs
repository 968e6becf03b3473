//! Replies by hand: `…/reply`, `…/stop`, `…/messages/{messageId}/regenerate` and `…/continue`.

use actix_web::{HttpResponse, post, web};
use greenroom_actors::domain::{CharacterId, MessageId};
use greenroom_actors::protocol::Wanted;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::bodies::{AskedBody, message_id};
use crate::conversations::Conversations;
use crate::conversations::view::MessageType;
use crate::error::{ApiResult, ErrorBody};
use crate::http::{Caller, MaybeJson};

async fn ask(
    caller: Caller,
    id: &str,
    wanted: impl FnOnce() -> ApiResult<Wanted>,
    kind: Option<MessageType>,
    conversations: &Conversations,
) -> ApiResult<HttpResponse> {
    let room = conversations.resolve(caller.user, id).await?;
    let asked = conversations.ask(caller.user, room, wanted()?, kind.map(MessageType::into)).await?;
    Ok(HttpResponse::Accepted().json(AskedBody::from(&asked)))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RequestReply {
    /// One of the conversation; without it the conversation's way to choose decides.
    character_id: Option<Uuid>,
    /// What kind of message the reply is to be. Left out: what its character usually gives.
    response_type: Option<MessageType>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RegenerateReply {
    /// What kind of message it is to be. Left out: what the reply is.
    response_type: Option<MessageType>,
}

/// Ask for a reply
///
/// To what was said last, without saying anything.
#[utoipa::path(
    operation_id = "requestReply",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id or slug")),
    request_body = RequestReply,
    responses(
        (status = 202, description = "It is asked for", body = AskedBody),
        (status = 400, description = "A field is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan's limit is reached", body = ErrorBody),
        (status = 404, description = "There is no such conversation, or no such character in it", body = ErrorBody),
        (status = 409, description = "Nothing was said yet", body = ErrorBody),
        (status = 429, description = "Too fast, or too many replies wait here", body = ErrorBody),
        (status = 503, description = "The database is away, or the server is full or draining", body = ErrorBody),
    ),
)]
#[post("/conversations/{id}/reply")]
pub(super) async fn request(
    caller: Caller,
    id: web::Path<String>,
    body: MaybeJson<RequestReply>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let RequestReply { character_id, response_type } = body.into_inner();
    let character = character_id.map(CharacterId::from_uuid);
    ask(caller, &id, || Ok(Wanted::Reply(character)), response_type, &conversations).await
}

/// Make another variant of a reply
///
/// It stands in the message when it is done; the others can be chosen again.
#[utoipa::path(
    operation_id = "regenerateReply",
    tag = "conversations",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id or slug"),
        ("messageId" = String, Path, description = "The reply's id"),
    ),
    request_body = RegenerateReply,
    responses(
        (status = 202, description = "It is asked for", body = AskedBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan's limit is reached", body = ErrorBody),
        (status = 404, description = "There is no such message that the caller can see", body = ErrorBody),
        (status = 409, description = "It is no reply, was deleted, has as many variants as it may have, or one is under way", body = ErrorBody),
        (status = 429, description = "Too fast, or too many replies wait here", body = ErrorBody),
        (status = 503, description = "The database is away, or the server is full or draining", body = ErrorBody),
    ),
)]
#[post("/conversations/{id}/messages/{messageId}/regenerate")]
pub(super) async fn regenerate(
    caller: Caller,
    path: web::Path<(String, String)>,
    body: MaybeJson<RegenerateReply>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let wanted = || Ok(Wanted::Regenerate(message_id(&path.1)?));
    ask(caller, &path.0, wanted, body.into_inner().response_type, &conversations).await
}

/// Have a reply go on
///
/// From where it ended; more of it is added to the message.
#[utoipa::path(
    operation_id = "continueReply",
    tag = "conversations",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id or slug"),
        ("messageId" = String, Path, description = "The reply's id"),
    ),
    request_body = RegenerateReply,
    responses(
        (status = 202, description = "It is asked for", body = AskedBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan's limit is reached", body = ErrorBody),
        (status = 404, description = "There is no such message that the caller can see", body = ErrorBody),
        (status = 409, description = "It is no reply, was deleted, is as long as one may be, or more is under way", body = ErrorBody),
        (status = 429, description = "Too fast, or too many replies wait here", body = ErrorBody),
        (status = 503, description = "The database is away, or the server is full or draining", body = ErrorBody),
    ),
)]
#[post("/conversations/{id}/messages/{messageId}/continue")]
pub(super) async fn go_on(
    caller: Caller,
    path: web::Path<(String, String)>,
    body: MaybeJson<RegenerateReply>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let wanted = || Ok(Wanted::Continue(message_id(&path.1)?));
    ask(caller, &path.0, wanted, body.into_inner().response_type, &conversations).await
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StopReplies {
    /// The id of a reply under way; without it, all of the conversation.
    message_id: Option<Uuid>,
}

#[derive(Debug, Serialize, ToSchema)]
struct StoppedBody {
    /// How many were stopped.
    stopped: u32,
}

/// Stop replies
///
/// Those under way and those that wait. What was said until then stands.
#[utoipa::path(
    operation_id = "stopReplies",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id or slug")),
    request_body = StopReplies,
    responses(
        (status = 200, description = "They are stopped", body = StoppedBody),
        (status = 400, description = "A field is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no conversation that the caller is in", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/conversations/{id}/stop")]
pub(super) async fn stop(
    caller: Caller,
    id: web::Path<String>,
    body: MaybeJson<StopReplies>,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<StoppedBody>> {
    let room = conversations.resolve(caller.user, &id).await?;
    let reply = body.into_inner().message_id.map(MessageId::from_uuid);
    Ok(web::Json(StoppedBody { stopped: conversations.stop(caller.user, room, reply).await? }))
}
