//! `/api/chatroom…`: an older face of conversations. One service behind both.

// The attribute is for the documentation of the API.
#![allow(deprecated)]

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, delete, get, post, web};
use greenroom_actors::domain::MessageKind;
use greenroom_actors::protocol::{ReplyWish, Sent};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::ConversationBody;
use super::messages::{MessagesBody, MessagesQuery};
use crate::conversations::reader::SeenMessage;
use crate::conversations::view::{ConversationView, MessageType, MessageView, ReplyStateView, UsageView};
use crate::conversations::{Conversations, NewMessage, cursor};
use crate::error::{ApiResult, ErrorBody};
use crate::http::{Caller, Json, MaybeJson, Page, PageParams, PageQuery, older_face};

const SUCCESSOR: &str = "</api/conversations>; rel=\"successor-version\"";

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(create).service(list).service(show).service(say).service(messages).service(remove);
}

/// An answer that says that another face is to be used.
fn older(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    for header in older_face(SUCCESSOR) {
        response.insert_header(header);
    }
    response
}

#[derive(Debug, Default, Deserialize, ToSchema)]
struct CreateChatroom {
    /// Without it, the assistant's name.
    #[schema(min_length = 1, max_length = 120)]
    title: Option<String>,
}

/// Make a chatroom (older face of `POST /conversations`)
///
/// A conversation with the assistant: the character of `conversations.assistant_character`.
#[utoipa::path(
    operation_id = "createChatroom",
    tag = "chatroom",
    security(("bearer" = [])),
    request_body = CreateChatroom,
    responses(
        (status = 201, description = "It is made", body = ConversationBody),
        (status = 400, description = "The title is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "There is no assistant, or the database is away", body = ErrorBody),
    ),
)]
#[post("/chatroom")]
#[deprecated]
async fn create(
    caller: Caller,
    body: MaybeJson<CreateChatroom>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let conversation = conversations.create_chatroom(caller.user, body.into_inner().title).await?;
    Ok(older(HttpResponse::Created()).json(ConversationBody { conversation }))
}

/// List one's chatrooms (older face of `GET /conversations`)
///
/// All of one's conversations, the one last spoken in first.
#[utoipa::path(
    operation_id = "listChatrooms",
    tag = "chatroom",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "One page of the caller's conversations", body = Page<ConversationView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/chatroom")]
#[deprecated]
async fn list(
    caller: Caller,
    page: PageQuery,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    cursor::position(&page)?;
    let page = conversations.list(caller.user, &page).await?;
    Ok(older(HttpResponse::Ok()).json(page))
}

/// Get a chatroom (older face of `GET /conversations/{id}`)
#[utoipa::path(
    operation_id = "getChatroom",
    tag = "chatroom",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 200, description = "The conversation", body = ConversationBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is none that the caller is in", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/chatroom/{id}")]
#[deprecated]
async fn show(
    caller: Caller,
    id: web::Path<String>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let conversation = conversations.get(caller.user, &id).await?;
    Ok(older(HttpResponse::Ok()).json(ConversationBody { conversation }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Say {
    /// 1 to 5000 characters after trimming.
    #[schema(min_length = 1, max_length = 5000)]
    content: String,
    /// What kind of message the reply is to be: `text`, `audio` (the plan has to have audio replies) or `media`. Left out: what
    /// its character usually gives.
    response_type: Option<MessageType>,
}

/// The making of the reply.
#[derive(Debug, Serialize, ToSchema)]
struct JobView {
    /// Also the id of the message that it becomes.
    id: Uuid,
    state: ReplyStateView,
}

#[derive(Debug, Serialize, ToSchema)]
struct SaidBody {
    message: MessageView,
    /// Null where nobody answers.
    job: Option<JobView>,
    /// Null where it is not known.
    usage: Option<UsageView>,
}

impl From<&Sent> for SaidBody {
    fn from(sent: &Sent) -> Self {
        let job = |reply: &greenroom_actors::domain::Reply| JobView {
            id: reply.message.uuid(),
            state: reply.state.into(),
        };
        Self {
            message: MessageView::from(&*sent.message),
            job: sent.replies.first().map(job),
            usage: sent.usage.as_deref().map(UsageView::from),
        }
    }
}

/// Say something in a chatroom (older face of `POST /conversations/{id}/messages`)
///
/// Answered when it is stored. The reply comes to the sockets as it is written, and to the messages when it ends.
#[utoipa::path(
    operation_id = "sayInChatroom",
    tag = "chatroom",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    request_body = Say,
    responses(
        (status = 202, description = "It is stored, and its reply is under way", body = SaidBody),
        (status = 400, description = "The content is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan's limit is reached, or it has no replies of this type", body = ErrorBody),
        (status = 404, description = "There is none that the caller is in", body = ErrorBody),
        (status = 429, description = "Too fast, or too many replies wait here", body = ErrorBody),
        (status = 503, description = "The database is away, or the server is full or draining, or nothing here speaks", body = ErrorBody),
    ),
)]
#[post("/chatroom/{id}/message")]
#[deprecated]
async fn say(
    caller: Caller,
    id: web::Path<String>,
    body: Json<Say>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let Say { content, response_type } = body.into_inner();
    let said = conversations.said(Some(MessageKind::Text), Some(&content), None)?;
    let room = conversations.resolve(caller.user, &id).await?;
    let reply_kind = response_type.map(MessageType::into);
    let new = NewMessage { said, client_id: None, reply_to: None, reply: ReplyWish::Auto, reply_kind };
    let sent = conversations.send(caller.user, room, new).await?;
    Ok(older(HttpResponse::Accepted()).json(SaidBody::from(&sent)))
}

/// Read a chatroom's messages (older face of `GET /conversations/{id}/messages`)
#[utoipa::path(
    operation_id = "listChatroomMessages",
    tag = "chatroom",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug"), MessagesQuery),
    responses(
        (status = 200, description = "The messages", body = MessagesBody),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is none that the caller is in", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/chatroom/{id}/messages")]
#[deprecated]
async fn messages(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let (range, limit) = MessagesQuery::read(&request)?;
    let room = conversations.resolve(caller.user, &id).await?;
    let (items, has_more) = conversations.messages(caller.user, room, range, limit).await?;
    let items = items.into_iter().map(|message| SeenMessage::Member(Box::new(message))).collect();
    Ok(older(HttpResponse::Ok()).json(MessagesBody { items, has_more }))
}

/// Delete a chatroom (older face of `DELETE /conversations/{id}`)
#[utoipa::path(
    operation_id = "deleteChatroom",
    tag = "chatroom",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller does not own it", body = ErrorBody),
        (status = 404, description = "There is none that the caller is in", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/chatroom/{id}")]
#[deprecated]
async fn remove(
    caller: Caller,
    id: web::Path<String>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let room = conversations.resolve(caller.user, &id).await?;
    conversations.delete(caller.user, room).await?;
    Ok(older(HttpResponse::NoContent()).finish())
}
