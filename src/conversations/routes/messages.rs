//! `/api/conversations/{id}/messages` and `…/read`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use greenroom_actors::domain::{ClientId, MessageId, Revision};
use greenroom_actors::protocol::{ReplyWish, Sent};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::bodies::AttachmentBody;
use crate::conversations::reader::SeenMessage;
use crate::conversations::view::{MessageType, MessageView, ReplyView, UsageView};
use crate::conversations::{
    Conversations, MESSAGES_DEFAULT, MESSAGES_MAX, MessageRange, NewAttachment, NewMessage,
};
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, Json, OptionalCaller};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MessagesQuery {
    /// Messages with a lower `offset` than this, the nearest ones. Not together with `after`.
    #[param(minimum = 0)]
    before: Option<Revision>,
    /// Messages with a higher `offset` than this, the nearest ones. Not together with `before`.
    #[param(minimum = 0)]
    after: Option<Revision>,
    /// Messages of one page, 1 to 100; 50 without it. Long messages make a page shorter.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<usize>,
}

impl MessagesQuery {
    pub(super) fn read(request: &HttpRequest) -> ApiResult<(MessageRange, usize)> {
        let query = web::Query::<Self>::from_query(request.query_string())
            .map_err(|_| ApiError::malformed("before, after and limit take whole numbers"))?;
        if let Some(field) = [("before", query.before), ("after", query.after)]
            .into_iter()
            .find_map(|(field, offset)| offset.is_some_and(|offset| offset < 0).then_some(field))
        {
            return Err(FieldError::new(field, "takes an offset, 0 or more").into());
        }
        let limit = query.limit.unwrap_or(MESSAGES_DEFAULT);
        if !(1..=MESSAGES_MAX).contains(&limit) {
            return Err(FieldError::new("limit", "takes 1 to 100").into());
        }
        match (query.before, query.after) {
            (None, None) => Ok((MessageRange::Latest, limit)),
            (Some(before), None) => Ok((MessageRange::Before(before), limit)),
            (None, Some(after)) => Ok((MessageRange::After(after), limit)),
            (Some(_), Some(_)) => Err(FieldError::new("after", "does not go together with before").into()),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessagesBody {
    /// The oldest first.
    pub(super) items: Vec<SeenMessage>,
    /// Whether there are more in the direction that was asked for.
    pub(super) has_more: bool,
}

/// Read messages
///
/// The latest ones, or those next to an offset: older with `before`, newer with `after`. Members see all of a message;
/// others see what everybody may, if the conversation is public or unlisted.
#[utoipa::path(
    operation_id = "listMessages",
    tag = "conversations",
    security((), ("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id or slug"), MessagesQuery),
    responses(
        (status = 200, description = "The messages", body = MessagesBody),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "A token that does not hold", body = ErrorBody),
        (status = 404, description = "There is none that the caller may read", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/conversations/{id}/messages")]
pub(super) async fn messages(
    caller: OptionalCaller,
    request: HttpRequest,
    id: web::Path<String>,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<MessagesBody>> {
    let (range, limit) = MessagesQuery::read(&request)?;
    let readable = conversations.readable(caller.0.map(|caller| caller.user), &id).await?;
    let (items, has_more) = conversations.seen_messages(&readable, range, limit).await?;
    Ok(web::Json(MessagesBody { items, has_more }))
}

/// A message to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SendMessage {
    /// 1 to 5000 characters after trimming. With an attachment it is the transcript or the caption, and may be empty.
    #[schema(max_length = 5000)]
    content: Option<String>,
    /// `text` (default), `audio` or `media`. With a `mediaId` it need not be said.
    #[serde(rename = "type")]
    kind: Option<MessageType>,
    /// What an audio or media message carries.
    attachment: Option<AttachmentBody>,
    /// Chosen by the client: the same one twice is one message and the same answer.
    #[schema(min_length = 1, max_length = 64)]
    client_id: Option<String>,
    /// Who is to answer: `auto` (default), `none`, or the id of a character of the conversation.
    #[schema(example = "auto")]
    reply: Option<String>,
    /// A message of the same conversation.
    reply_to: Option<Uuid>,
    /// What kind of message the reply is to be: `text`, `audio` (the plan has to have audio replies) or `media`. Left out: what
    /// its character usually gives.
    response_type: Option<MessageType>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SentBody {
    message: MessageView,
    /// The replies that it asked for; each becomes the message of its `messageId`.
    replies: Vec<ReplyView>,
    /// Null where the plan has nothing to count.
    usage: Option<UsageView>,
    /// The same `clientId` had been stored before; this is what was stored then.
    duplicate: bool,
}

impl From<&Sent> for SentBody {
    fn from(sent: &Sent) -> Self {
        Self {
            message: MessageView::from(&*sent.message),
            replies: sent.replies.iter().map(ReplyView::from).collect(),
            usage: sent.usage.as_deref().map(UsageView::from),
            duplicate: sent.duplicate,
        }
    }
}

fn reply_wish(text: Option<&str>) -> Result<ReplyWish, FieldError> {
    match text {
        None | Some("auto") => Ok(ReplyWish::Auto),
        Some("none") => Ok(ReplyWish::None),
        Some(id) => id
            .parse()
            .map(ReplyWish::From)
            .map_err(|_| FieldError::new("reply", "takes auto, none or the id of a character")),
    }
}

/// Send a message
///
/// Answered when it is stored. Its replies come to the sockets as they are written, and to the messages when they end.
#[utoipa::path(
    operation_id = "sendMessage",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id or slug")),
    request_body = SendMessage,
    responses(
        (status = 201, description = "It is stored", body = SentBody),
        (status = 200, description = "It had been stored before", body = SentBody),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 402, description = "The plan's limit is reached, or the plan has no such replies", body = ErrorBody),
        (status = 404, description = "There is no conversation that the caller is in", body = ErrorBody),
        (status = 409, description = "The clientId stands for another message", body = ErrorBody),
        (status = 429, description = "Too fast, or too many replies wait here", body = ErrorBody),
        (status = 503, description = "The database is away, the server is full or draining, or it cannot make such replies (`reply_type_unavailable`)", body = ErrorBody),
    ),
)]
#[post("/conversations/{id}/messages")]
pub(super) async fn send(
    caller: Caller,
    id: web::Path<String>,
    body: Json<SendMessage>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let body = body.into_inner();
    let client_id = body.client_id.as_deref().map(ClientId::parse).transpose();
    let new = NewMessage {
        said: conversations.said(
            body.kind.map(MessageType::into),
            body.content.as_deref(),
            body.attachment.map(NewAttachment::from),
        )?,
        client_id: client_id.map_err(|_| {
            FieldError::new("clientId", "takes 1 to 64 characters, none of them a control character")
        })?,
        reply_to: body.reply_to.map(MessageId::from_uuid),
        reply: reply_wish(body.reply.as_deref())?,
        reply_kind: body.response_type.map(MessageType::into),
    };
    let room = conversations.resolve(caller.user, &id).await?;
    let sent = conversations.send(caller.user, room, new).await?;
    let status = if sent.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok(HttpResponse::build(status).json(SentBody::from(&sent)))
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct ReadMark {
    /// An offset of the conversation.
    #[schema(minimum = 0)]
    offset: Revision,
}

/// Mark as read
///
/// Up to an offset. A mark never moves back; the answer is the one that stands.
#[utoipa::path(
    operation_id = "markRead",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id or slug")),
    request_body = ReadMark,
    responses(
        (status = 200, description = "The mark that stands", body = ReadMark),
        (status = 400, description = "The offset is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no conversation that the caller is in", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/conversations/{id}/read")]
pub(super) async fn read(
    caller: Caller,
    id: web::Path<String>,
    body: Json<ReadMark>,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<ReadMark>> {
    let offset = body.into_inner().offset;
    if offset < 0 {
        return Err(FieldError::new("offset", "takes 0 or more").into());
    }
    let room = conversations.resolve(caller.user, &id).await?;
    Ok(web::Json(ReadMark { offset: conversations.read(caller.user, room, offset).await? }))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use greenroom_actors::domain::CharacterId;

    use super::*;

    #[test]
    fn who_answers_is_said_in_three_ways() {
        let character = CharacterId::new();
        assert_eq!(reply_wish(None).unwrap(), ReplyWish::Auto);
        assert_eq!(reply_wish(Some("none")).unwrap(), ReplyWish::None);
        assert_eq!(reply_wish(Some(&character.to_string())).unwrap(), ReplyWish::From(character));
        assert_eq!(reply_wish(Some("someone")).unwrap_err().field, "reply");
    }

    #[test]
    fn messages_are_asked_for_in_one_direction() {
        let of = |query: &str| {
            MessagesQuery::read(&TestRequest::with_uri(&format!("/m?{query}")).to_http_request())
                .map_err(|error| error.status.as_u16())
        };
        assert_eq!(of("").unwrap(), (MessageRange::Latest, MESSAGES_DEFAULT));
        assert_eq!(of("before=7&limit=3").unwrap(), (MessageRange::Before(7), 3));
        assert_eq!(of("after=0").unwrap(), (MessageRange::After(0), MESSAGES_DEFAULT));
        for wrong in ["before=1&after=2", "before=-1", "limit=0", "limit=101", "after=x"] {
            assert_eq!(of(wrong), Err(400), "{wrong}");
        }
    }
}
