//! `POST /api/ai/estimate-cost`, for users.

use actix_web::{post, web};
use greenroom_actors::domain::{CharacterId, Price};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Cost, Estimates, Known, What, models};
use crate::ai::Tokens;
use crate::characters::{Characters, Viewer};
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, Json};

/// Characters of a message whose tokens are counted.
const MESSAGE_MAX_CHARS: usize = 100_000;
/// Bytes of a request with such a one.
const BODY_MAX: usize = 1_024 * 1_024;
/// Of a prompt, and of a completion.
const TOKENS_MAX: u32 = 10_000_000;
/// Tokens of a completion where neither the request nor a character says.
const COMPLETION_TOKENS: u32 = 600;
const NAME_MAX_CHARS: usize = 200;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(estimate);
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EstimateBody {
    /// A model, also as `provider/model`. Without it the character's.
    model: Option<String>,
    /// What is to be sent; this or `tokens`.
    #[schema(max_length = 100_000)]
    message: Option<String>,
    /// How many tokens it has.
    #[schema(maximum = 10_000_000)]
    tokens: Option<u32>,
    /// Tokens of the completion at most; the character's, or 600, without it.
    max_tokens: Option<u32>,
    /// Its id or its slug: its own part of the prompt is counted too.
    character_id: Option<String>,
}

/// What a call costs at most. Amounts are millionths of a US dollar where their name does not say otherwise.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EstimateView {
    provider: String,
    model: String,
    prompt_tokens: u64,
    max_completion_tokens: u32,
    /// Of prompt and completion. Null, as all costs, where the settings tell no price of the model: its calls are accounted at
    /// nothing.
    cost_micros: Option<u64>,
    /// The same in US cents.
    #[schema(example = 0.1425)]
    cost_cents: Option<f64>,
    prompt_cost_micros: Option<u64>,
    /// Of the prompt where all of it is in the provider's cache.
    cached_prompt_cost_micros: Option<u64>,
    completion_cost_micros: Option<u64>,
    price: Option<TokenPriceView>,
    /// `o200k_base`, or `estimate` while its table is not loaded: never fewer than there are. Other models count a
    /// little otherwise.
    #[schema(value_type = String)]
    tokenizer: &'static str,
}

/// Millionths of a US dollar per million tokens.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TokenPriceView {
    input: u64,
    cached_input: u64,
    output: u64,
}

impl From<Price> for TokenPriceView {
    fn from(Price { input, cached_input, output }: Price) -> Self {
        Self { input, cached_input, output }
    }
}

/// Estimate what a call costs
///
/// The completion is reckoned at its longest. With a character its own part of the prompt is counted as for the first message
/// to it. Nothing is asked of a provider, and nothing is charged.
#[utoipa::path(
    operation_id = "estimateCost",
    tag = "ai",
    security(("bearer" = [])),
    request_body = EstimateBody,
    responses(
        (status = 200, description = "What it costs at most", body = EstimateView),
        (status = 400, description = "A field is missing or not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "There is no such model (the message tells the nearest names), or no such character",
            body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/ai/estimate-cost")]
async fn estimate(
    caller: Caller,
    body: Json<EstimateBody, BODY_MAX>,
    estimates: web::Data<Estimates>,
    characters: web::Data<Characters>,
) -> ApiResult<web::Json<EstimateView>> {
    let body = body.into_inner();
    let what = what(&body)?;
    let character = match body.character_id.as_deref() {
        Some(id) => {
            let id = CharacterId::from_uuid(characters.get(Viewer::User(caller.user), id).await?.id);
            let found = estimates.character(id).await?;
            Some(found.ok_or_else(|| ApiError::not_found("character"))?)
        }
        None => None,
    };
    let settings = &estimates.0.settings;
    let choice = character.as_ref().map(|record| &record.model);
    let named = body.model.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let found = match (named, choice) {
        (Some(name), _) => models::find(settings, None, name).map_err(|near| (name.to_owned(), near)),
        (None, Some(choice)) => {
            let provider = choice.provider.as_deref().unwrap_or_else(|| settings.default_name());
            let model = choice.model.clone().unwrap_or_else(|| default_model(settings, provider));
            models::find(settings, Some(provider), &model).map_err(|near| (model, near))
        }
        (None, None) => return Err(FieldError::new("model", "is missing").into()),
    };
    let Known { provider, model, price } = found.map_err(|(name, near)| unknown(&name, &near))?;
    let max_tokens = body.max_tokens.or(choice.map(|choice| choice.max_tokens)).unwrap_or(COMPLETION_TOKENS);
    let counting = estimates.get_ref().clone();
    // A long text takes its time.
    let counted = web::block(move || counting.prompt_tokens(character, &what)).await;
    let prompt_tokens = counted.map_err(|_| ApiError::internal())?;
    let cost = price.map(|price| Cost::of(&price, prompt_tokens, u64::from(max_tokens)));
    let cost_micros = cost.map(|cost| cost.prompt.saturating_add(cost.completion));
    Ok(web::Json(EstimateView {
        provider,
        model,
        prompt_tokens,
        max_completion_tokens: max_tokens,
        cost_micros,
        cost_cents: cost_micros.map(|micros| micros as f64 / 10_000.0),
        prompt_cost_micros: cost.map(|cost| cost.prompt),
        cached_prompt_cost_micros: cost.map(|cost| cost.cached_prompt),
        completion_cost_micros: cost.map(|cost| cost.completion),
        price: price.map(TokenPriceView::from),
        tokenizer: if Tokens::is_loaded() { "o200k_base" } else { "estimate" },
    }))
}

/// The model of characters that name none, of this provider.
fn default_model(settings: &crate::config::AiSettings, provider: &str) -> String {
    let all = models::known(settings);
    let configured = settings.providers.get(provider).map(|it| it.model.clone()).filter(|it| !it.is_empty());
    configured
        .or_else(|| all.into_iter().find(|known| known.provider == provider).map(|known| known.model))
        .unwrap_or_default()
}

/// What is to be sent, or all that is wrong with the request.
fn what(body: &EstimateBody) -> ApiResult<What> {
    let mut wrong = Vec::new();
    let mut check = |holds: bool, field: &'static str, message: &'static str| {
        if !holds {
            wrong.push(FieldError::new(field, message));
        }
    };
    let plain = |text: &Option<String>| {
        text.as_ref()
            .is_none_or(|text| text.chars().count() <= NAME_MAX_CHARS && !text.chars().any(char::is_control))
    };
    check(plain(&body.model), "model", "takes at most 200 characters, none of them a control character");
    let fits = body.max_tokens.is_none_or(|tokens| (1..=TOKENS_MAX).contains(&tokens));
    check(fits, "maxTokens", "takes 1 to 10000000");
    check(body.tokens.is_none_or(|tokens| tokens <= TOKENS_MAX), "tokens", "takes at most 10000000");
    let short = body.message.as_ref().is_none_or(|text| text.chars().count() <= MESSAGE_MAX_CHARS);
    check(short, "message", "takes at most 100000 characters");
    let what = match (&body.message, body.tokens) {
        (Some(text), None) => Some(What::Text(text.clone())),
        (None, Some(tokens)) => Some(What::Tokens(tokens)),
        (None, None) => {
            check(false, "message", "is missing: give a message, or its tokens");
            None
        }
        (Some(_), Some(_)) => {
            check(false, "tokens", "does not go together with message");
            None
        }
    };
    match what.filter(|_| wrong.is_empty()) {
        Some(what) => Ok(what),
        None => Err(ApiError::bad_request(wrong)),
    }
}

fn unknown(name: &str, near: &[String]) -> ApiError {
    let quoted = |name: &str| format!("\u{201c}{name}\u{201d}");
    let near: Vec<String> = near.iter().map(|name| quoted(name)).collect();
    let hint = if near.is_empty() { String::new() } else { format!(": did you mean {}?", near.join(" or ")) };
    ApiError { message: format!("there is no model {}{hint}", quoted(name)), ..ApiError::not_found("model") }
}
