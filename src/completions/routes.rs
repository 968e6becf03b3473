//! `/v1/models` and `/v1/chat/completions`.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use greenroom_actors::completion::{Completion, Metering};
use greenroom_actors::domain::{CharacterId, Purpose};
use greenroom_actors::protocol::RefusalCode;
use serde_json::Value;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Completions;
use super::answer::{Source, Told, failure, whole};
use super::body::{BODY_MAX_BYTES, ChatRequest, Delivery, Wanted, refused};
use super::models::{Model, ModelList, name_of, no_model};
use super::room::{Saying, client_id};
use super::sse::stream;
use super::wire::{ChatCompletion, Head, finish_reason};
use crate::accounts::{KeyCaller, Scope};
use crate::error::{ApiResult, OpenAiErrorBody};
use crate::http::Json;

/// OpenAI has it as a setting of its client libraries.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// There a picture is a file of its sender's, which stays: it has an id, counts in their total, and may be deleted.
const IN_A_CONVERSATION: &str = "is not taken into a conversation here: upload it (POST /api/media/upload/image) and send it there \
    with its mediaId (POST /api/conversations/{id}/messages)";

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(models).service(model).service(create);
}

/// List models
///
/// Every character is a model, by slug; at most 1000.
#[utoipa::path(
    operation_id = "listModels",
    tag = "openai",
    security(("apiKey" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "All characters", body = ModelList),
        (status = 401, description = "No API key, or a bad one", body = OpenAiErrorBody),
        (status = 403, description = "The key is not for this", body = OpenAiErrorBody),
        (status = 429, description = "Too many requests", body = OpenAiErrorBody),
        (status = 503, description = "The database is away", body = OpenAiErrorBody),
    ),
)]
#[get("/v1/models")]
async fn models(caller: KeyCaller, completions: web::Data<Completions>) -> ApiResult<web::Json<ModelList>> {
    caller.require(Scope::Chat)?;
    Ok(web::Json(completions.models(caller.user).await?))
}

/// One model
///
/// The slash of its name may be encoded or not.
#[utoipa::path(
    path = "/v1/models/{model}",
    operation_id = "retrieveModel",
    tag = "openai",
    security(("apiKey" = []), ("bearer" = [])),
    params(("model" = String, Path, description = "`character/<slug>`")),
    responses(
        (status = 200, description = "The character", body = Model),
        (status = 401, description = "No API key, or a bad one", body = OpenAiErrorBody),
        (status = 403, description = "The key is not for this", body = OpenAiErrorBody),
        (status = 404, description = "There is no such character", body = OpenAiErrorBody),
        (status = 429, description = "Too many requests", body = OpenAiErrorBody),
        (status = 503, description = "The database is away", body = OpenAiErrorBody),
    ),
)]
#[get("/v1/models/{model:.+}")]
async fn model(
    caller: KeyCaller,
    model: web::Path<String>,
    completions: web::Data<Completions>,
) -> ApiResult<web::Json<Model>> {
    caller.require(Scope::Chat)?;
    Ok(web::Json(Model::from(&*completions.model(caller.user, &model).await?)))
}

/// Talk to a character
///
/// As OpenAI's chat completions, whole or as server-sent events. Metered and paced as a message to that character. A user's
/// messages may hold pictures (`image_url`): at most eight, in data URLs or at public https addresses. Nothing is
/// kept of it unless `metadata.conversation_id` names a conversation that the caller is in: then the last user message is
/// said there, and the character's reply answered; the history that was sent along is ignored. `Idempotency-Key` makes that
/// safe to repeat.
#[utoipa::path(
    operation_id = "createChatCompletion",
    tag = "openai",
    security(("apiKey" = []), ("bearer" = [])),
    request_body = ChatRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same one twice is one message of a conversation")),
    responses(
        (status = 200, description = "The answer; with `stream`, server-sent events of its parts", body = ChatCompletion<'static>),
        (status = 400, description = "A field is missing, not valid or not offered", body = OpenAiErrorBody),
        (status = 401, description = "No API key, or a bad one", body = OpenAiErrorBody),
        (status = 403, description = "The key is not for this", body = OpenAiErrorBody),
        (status = 404, description = "There is no such character, or no such conversation", body = OpenAiErrorBody),
        (status = 409, description = "The idempotency key stands for another message", body = OpenAiErrorBody),
        (status = 413, description = "The body is too large", body = OpenAiErrorBody),
        (status = 429, description = "Too fast, or the plan is used up", body = OpenAiErrorBody),
        (status = 502, description = "The AI behind the character refused", body = OpenAiErrorBody),
        (status = 503, description = "The AI or the database is away, or the server is full or draining", body = OpenAiErrorBody),
    ),
)]
#[post("/v1/chat/completions")]
async fn create(
    caller: KeyCaller,
    request: HttpRequest,
    body: Json<Value, BODY_MAX_BYTES>,
    completions: web::Data<Completions>,
) -> ApiResult<HttpResponse> {
    caller.require(Scope::Chat)?;
    let wanted = Wanted::read(body.into_inner())?;
    let character = completions.model(caller.user, &wanted.model).await?;
    let (name, id) = (name_of(&character.slug), CharacterId::from_uuid(character.id));
    let delivery = wanted.delivery;
    let (head, mut source) = match &wanted.conversation {
        Some(conversation) => {
            let said = wanted.last_said();
            if let Some(picture) = said.and_then(|said| said.pictures.first()) {
                return Err(refused(&picture.field, "invalid_image_url", IN_A_CONVERSATION));
            }
            let key = request.headers().get(IDEMPOTENCY_KEY).and_then(|value| value.to_str().ok());
            let saying = Saying {
                user: caller.user,
                character: id,
                conversation,
                text: said.map(|said| said.text.as_str()).unwrap_or_default(),
                client_id: client_id(wanted.client_id.as_deref(), key)?,
            };
            let (ids, source) = completions.say(saying).await?;
            (Head::new(ids.reply_id, name, Some(ids)), source)
        }
        None => {
            let head = Head::new(Uuid::now_v7(), name, None);
            (head, completions.ask(&caller, id, wanted).await?)
        }
    };
    match delivery {
        Delivery::Whole => Ok(HttpResponse::Ok().json(whole(&head, source).await?)),
        Delivery::Stream(usage) => {
            // Until there is text an error has a status of its own.
            let first = source.next().await;
            if let Told::Ended(end) = &first
                && finish_reason(end.outcome).is_none()
            {
                return Err(failure(end.outcome));
            }
            Ok(HttpResponse::Ok()
                .content_type("text/event-stream; charset=utf-8")
                .insert_header((header::CACHE_CONTROL, "no-cache, no-store"))
                .insert_header(("x-accel-buffering", "no"))
                .streaming(stream(head, usage, first, source)))
        }
    }
}

impl Completions {
    /// An answer that belongs to no conversation.
    async fn ask(&self, caller: &KeyCaller, character: CharacterId, wanted: Wanted) -> ApiResult<Source> {
        let asked = Completion {
            id: Uuid::now_v7(),
            user: caller.user,
            character,
            lines: self.see(wanted.lines).await?,
            program: wanted.program,
            max_tokens: wanted.max_tokens,
            temperature: wanted.temperature,
            stop: wanted.stop,
            purpose: Purpose::Completion,
            metering: Metering::Message,
        };
        match self.engine.complete(asked).await {
            Ok(completing) => Ok(Source::Engine(completing)),
            // Deleted since it was looked up.
            Err(refusal) if refusal.code == RefusalCode::NotFound => Err(no_model(&wanted.model)),
            Err(refusal) => Err(refusal.into()),
        }
    }
}
