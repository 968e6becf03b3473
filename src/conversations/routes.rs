//! `/api/conversations…`: what is done and read by request. Messages sent here are seen live on sockets.

mod amend;
mod bodies;
mod chatroom;
mod details;
mod listing;
mod members;
mod messages;
mod reading;
mod replies;

use actix_web::{HttpResponse, delete, post, web};
use greenroom_actors::domain::{CharacterId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::view::ConversationView;
use super::{Conversations, NewConversation};
use crate::error::{ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, Json};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(create)
        // Names before ids.
        .service(listing::list)
        .service(listing::featured)
        .service(listing::categories)
        .service(listing::statistics)
        .service(listing::find)
        .service(reading::show)
        .service(reading::search)
        .service(reading::search_chatroom)
        .service(reading::search_all)
        .service(reading::statistics)
        .service(reading::export)
        .service(reading::restore)
        .service(remove)
        .service(messages::messages)
        .service(messages::send)
        .service(messages::read)
        .service(amend::edit)
        .service(amend::remove)
        .service(amend::select)
        .service(amend::react)
        .service(amend::unreact)
        .service(replies::request)
        .service(replies::regenerate)
        .service(replies::go_on)
        .service(replies::stop)
        .service(members::add_member)
        .service(members::change_member)
        .service(members::remove_member)
        .service(members::add_character)
        .service(members::remove_character)
        .service(details::update)
        .service(details::feature);
    chatroom::routes(config);
}

/// A conversation to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreateConversation {
    /// The only character. Either this or `characterIds`.
    character_id: Option<Uuid>,
    /// One to eight of them; the first one answers when nothing else decides.
    #[schema(min_items = 1, max_items = 8)]
    character_ids: Option<Vec<Uuid>>,
    /// Without it, the characters' names.
    #[schema(min_length = 1, max_length = 120)]
    title: Option<String>,
    /// Users beside the maker, who owns it.
    #[schema(max_items = 99)]
    member_ids: Option<Vec<Uuid>>,
    /// Which way to begin with a single character: 0 is its `greeting`, then its `alternateGreetings` in their order.
    greeting: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ConversationBody {
    conversation: ConversationView,
}

/// Make a conversation
///
/// With a single character its greeting is the first message. The members' sockets hear of it.
#[utoipa::path(
    operation_id = "createConversation",
    tag = "conversations",
    security(("bearer" = [])),
    request_body = CreateConversation,
    responses(
        (status = 201, description = "It is made", body = ConversationBody),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such character or member", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/conversations")]
async fn create(
    caller: Caller,
    body: Json<CreateConversation>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let CreateConversation { character_id, character_ids, title, member_ids, greeting } = body.into_inner();
    let characters = match (character_id, character_ids) {
        (Some(only), None) => vec![only],
        (None, Some(several)) => several,
        (None, None) => return Err(FieldError::new("characterId", "is missing").into()),
        (Some(_), Some(_)) => {
            return Err(FieldError::new("characterIds", "does not go together with characterId").into());
        }
    };
    let new = NewConversation {
        characters: characters.into_iter().map(CharacterId::from_uuid).collect(),
        title,
        members: member_ids.unwrap_or_default().into_iter().map(UserId::from_uuid).collect(),
        greeting: greeting.unwrap_or_default(),
    }
    .checked(caller.user)?;
    let conversation = conversations.create(caller.user, new).await?;
    Ok(HttpResponse::Created().json(ConversationBody { conversation }))
}

/// Delete a conversation
///
/// For its owner. Replies under way are stopped; the members' sockets hear of it.
#[utoipa::path(
    operation_id = "deleteConversation",
    tag = "conversations",
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
#[delete("/conversations/{id}")]
async fn remove(
    caller: Caller,
    id: web::Path<String>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let room = conversations.resolve(caller.user, &id).await?;
    conversations.delete(caller.user, room).await?;
    Ok(HttpResponse::NoContent().finish())
}
