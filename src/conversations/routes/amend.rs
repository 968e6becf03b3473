//! `/api/conversations/{id}/messages/{messageId}…`: a stored message changes.

use actix_web::{HttpResponse, delete, post, put, web};
use greenroom_actors::protocol::{Amendment, Wanted};
use serde::Deserialize;
use utoipa::ToSchema;

use super::bodies::{AskedBody, MessageBody, message_id};
use crate::conversations::view::MessageType;
use crate::conversations::{Conversations, emoji};
use crate::error::{ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, Json};

/// The conversation and the message of a path.
type OfMessage = web::Path<(String, String)>;

async fn amend(
    caller: Caller,
    (id, message): (&str, &str),
    what: Amendment,
    conversations: &Conversations,
) -> ApiResult<web::Json<MessageBody>> {
    let room = conversations.resolve(caller.user, id).await?;
    let message = conversations.amend(caller.user, room, message_id(message)?, what).await?;
    Ok(web::Json(MessageBody::from(&*message)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EditMessage {
    /// 1 to 5000 characters after trimming.
    #[schema(min_length = 1, max_length = 5000)]
    content: String,
    /// Its replies are made anew, or made, if there were none.
    #[serde(default)]
    resend: bool,
    /// With `resend`: what kind of message the replies are to be. Left out: what they were.
    response_type: Option<MessageType>,
}

/// Edit a message
///
/// One's own. With `resend` its replies are made anew, as variants of what was answered.
#[utoipa::path(
    operation_id = "editMessage",
    tag = "conversations",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id or slug"),
        ("messageId" = String, Path, description = "The message's id"),
    ),
    request_body = EditMessage,
    responses(
        (status = 200, description = "The message as it is now", body = MessageBody),
        (status = 202, description = "The same, and the replies that it asks for (with `resend`)", body = AskedBody),
        (status = 400, description = "The content is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan's limit is reached (with `resend`)", body = ErrorBody),
        (status = 403, description = "It is another's message", body = ErrorBody),
        (status = 404, description = "There is no such message that the caller can see", body = ErrorBody),
        (status = 409, description = "It was deleted; or a reply to it is under way (with `resend`)", body = ErrorBody),
        (status = 429, description = "Too fast, or too many replies wait here", body = ErrorBody),
        (status = 503, description = "The database is away, or the server is full or draining", body = ErrorBody),
    ),
)]
#[put("/conversations/{id}/messages/{messageId}")]
pub(super) async fn edit(
    caller: Caller,
    path: OfMessage,
    body: Json<EditMessage>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let EditMessage { content, resend, response_type } = body.into_inner();
    let content = conversations.content(&content)?;
    let room = conversations.resolve(caller.user, &path.0).await?;
    let message = message_id(&path.1)?;
    if resend {
        let wanted = Wanted::Resend { message, content };
        let kind = response_type.map(MessageType::into);
        let asked = conversations.ask(caller.user, room, wanted, kind).await?;
        return Ok(HttpResponse::Accepted().json(AskedBody::from(&asked)));
    }
    let message = conversations.amend(caller.user, room, message, Amendment::Edit(content)).await?;
    Ok(HttpResponse::Ok().json(MessageBody::from(&*message)))
}

/// Delete a message
///
/// One's own, or any in a conversation that one owns. A tombstone stays in its place.
#[utoipa::path(
    operation_id = "deleteMessage",
    tag = "conversations",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id or slug"),
        ("messageId" = String, Path, description = "The message's id"),
    ),
    responses(
        (status = 200, description = "What stands in its place", body = MessageBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "It is another's message", body = ErrorBody),
        (status = 404, description = "There is no such message that the caller can see", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/conversations/{id}/messages/{messageId}")]
pub(super) async fn remove(
    caller: Caller,
    path: OfMessage,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<MessageBody>> {
    amend(caller, (&path.0, &path.1), Amendment::Delete, &conversations).await
}

#[derive(Debug, Deserialize, ToSchema)]
struct SelectVariant {
    /// From 0.
    variant: u16,
}

/// Choose a variant of a reply
///
/// It stands in the message from then on, for everybody in the conversation and in what characters remember.
#[utoipa::path(
    operation_id = "selectVariant",
    tag = "conversations",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id or slug"),
        ("messageId" = String, Path, description = "The reply's id"),
    ),
    request_body = SelectVariant,
    responses(
        (status = 200, description = "The reply as it is now", body = MessageBody),
        (status = 400, description = "The field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such message or variant", body = ErrorBody),
        (status = 409, description = "It is no reply, or was deleted", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/conversations/{id}/messages/{messageId}/select")]
pub(super) async fn select(
    caller: Caller,
    path: OfMessage,
    body: Json<SelectVariant>,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<MessageBody>> {
    let what = Amendment::Select(body.into_inner().variant);
    amend(caller, (&path.0, &path.1), what, &conversations).await
}

#[derive(Debug, Deserialize, ToSchema)]
struct React {
    /// One emoji.
    #[schema(example = "👍")]
    emoji: String,
}

/// React to a message
///
/// With one emoji; the same one again changes nothing.
#[utoipa::path(
    operation_id = "react",
    tag = "conversations",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id or slug"),
        ("messageId" = String, Path, description = "The message's id"),
    ),
    request_body = React,
    responses(
        (status = 200, description = "The message as it is now", body = MessageBody),
        (status = 400, description = "It is no emoji", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such message that the caller can see", body = ErrorBody),
        (status = 409, description = "It was deleted, or has as many emoji as it may have", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/conversations/{id}/messages/{messageId}/reactions")]
pub(super) async fn react(
    caller: Caller,
    path: OfMessage,
    body: Json<React>,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<MessageBody>> {
    let what = Amendment::React(emoji(&body.into_inner().emoji)?);
    amend(caller, (&path.0, &path.1), what, &conversations).await
}

/// Take back a reaction
///
/// One's own; where there is none, nothing changes.
#[utoipa::path(
    operation_id = "unreact",
    tag = "conversations",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id or slug"),
        ("messageId" = String, Path, description = "The message's id"),
        ("emoji" = String, Path, description = "The emoji, percent-encoded"),
    ),
    responses(
        (status = 200, description = "The message as it is now", body = MessageBody),
        (status = 400, description = "It is no emoji", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such message that the caller can see", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/conversations/{id}/messages/{messageId}/reactions/{emoji}")]
pub(super) async fn unreact(
    caller: Caller,
    path: web::Path<(String, String, String)>,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<MessageBody>> {
    let (id, message, of_path) = path.into_inner();
    let emoji = emoji(&of_path).map_err(|FieldError { message, .. }| FieldError::new("emoji", message));
    // Whether there is such a conversation comes before whether this is an emoji.
    let room = conversations.resolve(caller.user, &id).await?;
    let message = message_id(&message)?;
    let message = conversations.amend(caller.user, room, message, Amendment::Unreact(emoji?)).await?;
    Ok(web::Json(MessageBody::from(&*message)))
}
