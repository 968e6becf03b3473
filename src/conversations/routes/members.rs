//! `…/members` and `…/characters`: who is in a conversation.

use actix_web::{HttpResponse, delete, post, put, web};
use greenroom_actors::domain::{CharacterId, UserId};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::bodies::OffsetBody;
use crate::conversations::view::MemberRole;
use crate::conversations::{Change, Conversations, Invited};
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, Json};

/// The conversation of a path, and somebody in it.
type InRoom = web::Path<(String, String)>;

async fn change(
    caller: Caller,
    id: &str,
    change: impl FnOnce() -> ApiResult<Change>,
    conversations: &Conversations,
) -> ApiResult<OffsetBody> {
    let room = conversations.resolve(caller.user, id).await?;
    Ok(OffsetBody { offset: conversations.change(caller.user, room, change()?).await? })
}

fn user_id(text: &str) -> ApiResult<UserId> {
    Uuid::try_parse(text).map(UserId::from_uuid).map_err(|_| ApiError::not_found("member"))
}

/// One of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AddMember {
    user_id: Option<Uuid>,
    #[schema(min_length = 3, max_length = 30)]
    username: Option<String>,
}

/// Add a member
///
/// By the owner. The new member's sockets hear of the conversation, the others' of the member.
#[utoipa::path(
    operation_id = "addMember",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id or slug")),
    request_body = AddMember,
    responses(
        (status = 201, description = "They are in it", body = OffsetBody),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller does not own it", body = ErrorBody),
        (status = 404, description = "There is no such conversation or user", body = ErrorBody),
        (status = 409, description = "They are in it, or it is full", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/conversations/{id}/members")]
pub(super) async fn add_member(
    caller: Caller,
    id: web::Path<String>,
    body: Json<AddMember>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let invited = match body.into_inner() {
        AddMember { user_id: Some(user), username: None } => Invited::Id(UserId::from_uuid(user)),
        AddMember { user_id: None, username: Some(name) } => Invited::Username(name),
        AddMember { user_id: None, username: None } => {
            return Err(FieldError::new("userId", "is missing").into());
        }
        AddMember { .. } => {
            return Err(FieldError::new("userId", "does not go together with username").into());
        }
    };
    let changed = change(caller, &id, || Ok(Change::AddMember(invited)), &conversations).await?;
    Ok(HttpResponse::Created().json(changed))
}

#[derive(Debug, Deserialize, ToSchema)]
struct ChangeMember {
    /// `owner`: the conversation is handed over to them.
    role: MemberRole,
}

/// Hand a conversation over
///
/// By its owner to another member.
#[utoipa::path(
    operation_id = "changeMember",
    tag = "conversations",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id or slug"),
        ("userId" = String, Path, description = "The member's id"),
    ),
    request_body = ChangeMember,
    responses(
        (status = 200, description = "They own it", body = OffsetBody),
        (status = 400, description = "The role is missing, or not `owner`", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller does not own it", body = ErrorBody),
        (status = 404, description = "There is no such conversation or member", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[put("/conversations/{id}/members/{userId}")]
pub(super) async fn change_member(
    caller: Caller,
    path: InRoom,
    body: Json<ChangeMember>,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<OffsetBody>> {
    if body.into_inner().role != MemberRole::Owner {
        return Err(FieldError::new("role", "takes owner: it is handed over").into());
    }
    let wanted = || Ok(Change::Owner(user_id(&path.1)?));
    Ok(web::Json(change(caller, &path.0, wanted, &conversations).await?))
}

/// Remove a member, or leave
///
/// By the owner; or by the member, who leaves. Their sockets hear it last. The owner stays: hand it over first.
#[utoipa::path(
    operation_id = "removeMember",
    tag = "conversations",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id or slug"),
        ("userId" = String, Path, description = "The member's id"),
    ),
    responses(
        (status = 200, description = "They are in it no more", body = OffsetBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller does not own it", body = ErrorBody),
        (status = 404, description = "There is no such conversation or member", body = ErrorBody),
        (status = 409, description = "The owner cannot leave", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/conversations/{id}/members/{userId}")]
pub(super) async fn remove_member(
    caller: Caller,
    path: InRoom,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<OffsetBody>> {
    let wanted = || Ok(Change::RemoveMember(user_id(&path.1)?));
    Ok(web::Json(change(caller, &path.0, wanted, &conversations).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AddCharacter {
    character_id: Uuid,
}

/// Add a character
///
/// By the owner. It knows what is said from then on.
#[utoipa::path(
    operation_id = "addCharacter",
    tag = "conversations",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id or slug")),
    request_body = AddCharacter,
    responses(
        (status = 201, description = "It is in it", body = OffsetBody),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller does not own it", body = ErrorBody),
        (status = 404, description = "There is no such conversation or character", body = ErrorBody),
        (status = 409, description = "It is in it, or there are eight", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/conversations/{id}/characters")]
pub(super) async fn add_character(
    caller: Caller,
    id: web::Path<String>,
    body: Json<AddCharacter>,
    conversations: web::Data<Conversations>,
) -> ApiResult<HttpResponse> {
    let character = CharacterId::from_uuid(body.into_inner().character_id);
    let changed = change(caller, &id, || Ok(Change::AddCharacter(character)), &conversations).await?;
    Ok(HttpResponse::Created().json(changed))
}

/// Remove a character
///
/// By the owner. What it said stands; its replies under way are stopped. One has to stay.
#[utoipa::path(
    operation_id = "removeCharacter",
    tag = "conversations",
    security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id or slug"),
        ("characterId" = String, Path, description = "The character's id"),
    ),
    responses(
        (status = 200, description = "It is in it no more", body = OffsetBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller does not own it", body = ErrorBody),
        (status = 404, description = "There is no such conversation, or no such character in it", body = ErrorBody),
        (status = 409, description = "It is the last one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/conversations/{id}/characters/{characterId}")]
pub(super) async fn remove_character(
    caller: Caller,
    path: InRoom,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<OffsetBody>> {
    let wanted = || {
        let no_such = |_| ApiError::not_found("character");
        Ok(Change::RemoveCharacter(Uuid::try_parse(&path.1).map(CharacterId::from_uuid).map_err(no_such)?))
    };
    Ok(web::Json(change(caller, &path.0, wanted, &conversations).await?))
}
