//! `POST /api/ai/test`: an admin tries a character. It is asked as in a conversation, with the prompt that was made of it
//! shown; nothing is stored of it but its cost, which is the admin's.
//!
//! The answer's head goes out at once and blanks follow until the reply is whole: JSON may begin with them, and a client that
//! leaves is noticed by the blank that it does not take, which ends the work upstream. Bounds: lines and their length below, the
//! pool's own deadlines, and [`DEADLINE`] over all.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, post, web};
use futures_util::{FutureExt, StreamExt, stream};
use greenroom_actors::completion::{
    Completing, Completion, CompletionEnd, CompletionEvent, Line, Metering, Speaker,
};
use greenroom_actors::domain::{CharacterId, Content, Counted, FailureCode, Purpose};
use greenroom_actors::engine::Engine;
use greenroom_actors::ports::{GenerateRequest, PromptRole};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Tokens;
use crate::characters::{Characters, Viewer};
use crate::config::Config;
use crate::conversations::view::FinishView;
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{AdminCaller, Json};

/// Lines of a history that comes along.
const HISTORY_MAX: usize = 100;
/// Characters of a line that the character is made to have said.
const REPLY_MAX_CHARS: usize = 20_000;
/// Bytes of a request with all that in it.
const BODY_MAX: usize = 1_024 * 1_024;
/// Of a whole trial.
const DEADLINE: Duration = Duration::from_secs(300);
/// Between two blanks: how soon a client that left is noticed.
const BLANK_EVERY: Duration = Duration::from_millis(250);

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(test);
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TestBody {
    /// Its id or its slug.
    character_id: String,
    /// What it is asked.
    #[schema(max_length = 5_000)]
    message: String,
    /// `text`, also without it.
    response_type: Option<String>,
    /// What was said before, the oldest first.
    #[serde(default)]
    #[schema(max_items = 100)]
    history: Vec<TestLine>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct TestLine {
    role: TestRole,
    content: String,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TestRole {
    User,
    Assistant,
}

/// A character's reply to a trial, and how it came about.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TestView {
    reply: String,
    /// What the model was asked.
    prompt: Vec<PromptView>,
    /// As they are counted here; what the provider counted stands in `usage`.
    prompt_tokens: usize,
    /// Who answered; null where nobody was reached.
    provider: Option<String>,
    model: Option<String>,
    usage: TestUsage,
    /// Of all calls, in millionths of a US dollar.
    cost_micros: u64,
    first_token_ms: Option<u64>,
    took_ms: u64,
    /// `interrupted` where it failed.
    finish: FinishView,
    /// Why it failed.
    error: Option<TestError>,
    /// Every call that was made for it, failed ones too.
    calls: Vec<CallView>,
}

#[derive(Serialize, ToSchema)]
struct PromptView {
    /// `system`, `user`, `assistant`, or `note`: what providers get as a user's message.
    #[schema(value_type = String)]
    role: &'static str,
    content: String,
    tokens: usize,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TestUsage {
    prompt_tokens: u32,
    /// Of these: those that the provider had in its cache.
    cached_tokens: u32,
    completion_tokens: u32,
    /// Whether the provider told them, or they were counted here.
    by_provider: bool,
}

#[derive(Serialize, ToSchema)]
struct TestError {
    #[schema(value_type = String, example = "provider_unavailable")]
    code: &'static str,
    #[schema(value_type = String)]
    message: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CallView {
    provider: String,
    model: String,
    /// `done`, `failed` or `stopped`.
    #[schema(value_type = String)]
    outcome: &'static str,
    prompt_tokens: u32,
    completion_tokens: u32,
    cost_micros: u64,
    first_token_ms: Option<u64>,
    took_ms: u64,
}

/// Try a character
///
/// It answers as in a conversation with nobody it knows; nothing is stored but the cost, which is accounted to the caller with
/// the purpose `test`. It is never answered from the response cache, and ends when the client leaves. A provider that fails is no
/// error of the request: `error` tells of it.
#[utoipa::path(
    operation_id = "testCharacter",
    tag = "ai",
    security(("bearer" = [])),
    request_body = TestBody,
    responses(
        (status = 200, description = "What it said, and what it was asked", body = TestView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such character", body = ErrorBody),
        (status = 503, description = "A reply of this type cannot be tried (`reply_type_unavailable`), too many replies wait, \
            or the database is away", body = ErrorBody),
    ),
)]
#[post("/ai/test")]
async fn test(
    caller: AdminCaller,
    body: Json<TestBody, BODY_MAX>,
    engine: web::Data<Engine>,
    characters: web::Data<Characters>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    let body = body.into_inner();
    let lines = lines(&body, config.engine.content_max_chars)?;
    let character = CharacterId::from_uuid(characters.get(Viewer::Admin, &body.character_id).await?.id);
    let completion = Completion {
        id: Uuid::now_v7(),
        user: caller.0.user,
        character,
        lines,
        program: None,
        max_tokens: None,
        temperature: None,
        stop: Vec::new(),
        purpose: Purpose::Test,
        metering: Metering::Rehearsal,
    };
    let asked = Instant::now();
    let completing = engine.complete(completion).await?;
    let view = async move {
        let (reply, end) = heard(completing, asked).await;
        view(reply, end)
    };
    let whole = view.map(|view| serde_json::to_vec(&view).unwrap_or_default()).shared();
    let last = whole.clone();
    let blanks = stream::unfold((), |()| async {
        tokio::time::sleep(BLANK_EVERY).await;
        Some((web::Bytes::from_static(b" "), ()))
    });
    let body = blanks.take_until(whole).chain(stream::once(last.map(web::Bytes::from)));
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // A compressor would hold the blanks back.
        .insert_header(header::ContentEncoding::Identity)
        .streaming(body.map(Ok::<_, std::convert::Infallible>)))
}

/// The history and the message, or all that is wrong with them.
fn lines(body: &TestBody, content_max: usize) -> ApiResult<Vec<Line>> {
    let mut wrong = Vec::new();
    if let Some(kind) = body.response_type.as_deref().filter(|kind| !kind.is_empty()) {
        match kind {
            "text" => {}
            "audio" | "media" => {
                return Err(ApiError::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "reply_type_unavailable",
                    "a character is tried with text alone",
                ));
            }
            _ => wrong.push(FieldError::new("responseType", "takes text, audio or media")),
        }
    }
    if body.history.len() > HISTORY_MAX {
        wrong.push(FieldError::new("history", "takes at most 100 lines"));
    }
    let mut lines = Vec::with_capacity(body.history.len() + 1);
    let mut line =
        |field: &'static str, by: Speaker, text: &str, most: usize| match Content::parse(text, most) {
            Ok(content) => lines.push(Line::new(by, content.as_str())),
            Err(error) => wrong.push(FieldError::new(field, error.to_string())),
        };
    for said in body.history.iter().take(HISTORY_MAX) {
        let (by, most) = match said.role {
            TestRole::User => (Speaker::Person, content_max),
            TestRole::Assistant => (Speaker::Character, REPLY_MAX_CHARS),
        };
        line("history", by, &said.content, most);
    }
    line("message", Speaker::Person, &body.message, content_max);
    wrong.dedup();
    if wrong.is_empty() { Ok(lines) } else { Err(ApiError::bad_request(wrong)) }
}

/// How a trial went.
struct Went {
    request: Arc<GenerateRequest>,
    end: Option<CompletionEnd>,
    took: Duration,
}

/// All of it, to the end or to the deadline: then it is ended upstream, and its cost is accounted by the engine.
async fn heard(mut completing: Completing, asked: Instant) -> (String, Went) {
    let (mut reply, mut end) = (String::new(), None);
    let request = completing.request.clone();
    let listening = async {
        while let Some(event) = completing.next().await {
            match event {
                CompletionEvent::Text(text) => reply.push_str(&text),
                CompletionEvent::Anew => reply.clear(),
                CompletionEvent::Refused(instead) => reply = instead,
                CompletionEvent::Ended(ended) => end = Some(ended),
            }
        }
    };
    let _ = tokio::time::timeout_at(asked + DEADLINE, listening).await;
    (reply, Went { request, end, took: asked.elapsed() })
}

fn view(reply: String, went: Went) -> TestView {
    let Went { request, end, took } = went;
    let (outcome, told, calls) = match end {
        Some(CompletionEnd { outcome, usage, calls }) => (outcome, usage, calls),
        None => (Err(FailureCode::ProviderTimeout), Default::default(), Vec::new()),
    };
    let counter = Tokens::default();
    let prompt: Vec<PromptView> = request
        .messages
        .iter()
        .map(|message| PromptView {
            role: match message.role {
                PromptRole::System => "system",
                PromptRole::User => "user",
                PromptRole::Assistant => "assistant",
                PromptRole::Note => "note",
            },
            tokens: message.tokens(&counter),
            content: message.content.clone(),
        })
        .collect();
    let last = calls.last();
    TestView {
        prompt_tokens: prompt.iter().map(|message| message.tokens).sum(),
        reply,
        prompt,
        provider: last.map(|call| call.back_end.provider.to_string()),
        model: last.map(|call| call.back_end.model.to_string()),
        usage: TestUsage {
            prompt_tokens: told.prompt_tokens,
            cached_tokens: told.cached_tokens,
            completion_tokens: told.completion_tokens,
            by_provider: last.is_some_and(|call| call.counted == Counted::ByProvider),
        },
        cost_micros: calls.iter().map(greenroom_actors::domain::AiCall::cost_micros).sum(),
        first_token_ms: last.and_then(|call| call.first_token).map(millis),
        took_ms: millis(took),
        finish: outcome.map_or(FinishView::Interrupted, FinishView::from),
        error: outcome.err().map(|code| TestError { code: code.as_str(), message: why(code) }),
        calls: calls
            .iter()
            .map(|call| CallView {
                provider: call.back_end.provider.to_string(),
                model: call.back_end.model.to_string(),
                outcome: call.outcome.as_str(),
                prompt_tokens: call.usage.prompt_tokens,
                completion_tokens: call.usage.completion_tokens,
                cost_micros: call.cost_micros(),
                first_token_ms: call.first_token.map(millis),
                took_ms: millis(call.took),
            })
            .collect(),
    }
}

fn why(code: FailureCode) -> &'static str {
    match code {
        FailureCode::ProviderUnavailable => "the provider cannot be reached, or its answer broke off",
        FailureCode::ProviderTimeout => "the provider did not answer in time",
        FailureCode::ProviderRefused => {
            "the provider refused the request: a bad key, an unknown model, its policy"
        }
        FailureCode::ContentRefused => "the text was refused",
        FailureCode::Interrupted => "it was interrupted",
        FailureCode::Overloaded => "too many replies wait for a worker",
        FailureCode::Internal => "something went wrong here; it is in the log",
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
