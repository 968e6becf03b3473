//! `/api/credits` for oneself, and what an admin gives and takes.

use actix_web::{get, post, web};
use greenroom_actors::domain::UserId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::ledger::decide::AMOUNT_MAX;
use super::ledger::{BalanceView, Ledger, Note, Order, TransferView};
use super::plans;
use crate::accounts::{Origin, People};
use crate::audit::Act;
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{AdminCaller, Caller, Json, Page, PageParams, PageQuery};

const REASON_MAX_CHARS: usize = 500;
const KEY_MAX_CHARS: usize = 100;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(credits).service(transactions).service(adjust);
    config.configure(plans::routes).configure(super::books::routes);
}

/// What an admin gives or takes.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AdjustBody {
    /// Above zero is granted and stays; below zero is taken, as much as there is. At most a thousand million either way.
    #[schema(example = 50)]
    amount: i64,
    /// Why: its person sees it. 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// The same key twice is one transfer. Without one, each request is its own.
    #[schema(max_length = 100)]
    idempotency_key: Option<String>,
}

/// What it came to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Adjusted {
    transaction_id: Uuid,
    /// What was really given (above zero) or taken (below).
    amount: i64,
    balance: BalanceView,
}

/// Your credits
#[utoipa::path(
    operation_id = "credits",
    tag = "credits",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "What you have", body = BalanceView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/credits")]
async fn credits(caller: Caller, ledger: web::Data<Ledger>) -> ApiResult<web::Json<BalanceView>> {
    Ok(web::Json(ledger.balance(caller.user).await?))
}

/// Where your credits came from and where they went
///
/// The latest first.
#[utoipa::path(
    operation_id = "creditTransactions",
    tag = "credits",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "A page of transfers", body = Page<TransferView>),
        (status = 400, description = "There is no such page", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/credits/transactions")]
async fn transactions(
    caller: Caller,
    page: PageQuery,
    ledger: web::Data<Ledger>,
) -> ApiResult<web::Json<Page<TransferView>>> {
    Ok(web::Json(ledger.transfers(caller.user, &page).await?))
}

/// Give a user credits, or take some
///
/// What is taken never goes below zero: the answer says how much it was. The act is written to the audit log.
#[utoipa::path(
    operation_id = "adjustCredits",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The user's id")),
    request_body = AdjustBody,
    responses(
        (status = 200, description = "What was given or taken, and what there is now", body = Adjusted),
        (status = 400, description = "No such amount, or no reason", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "For admins", body = ErrorBody),
        (status = 404, description = "There is no such user", body = ErrorBody),
        (status = 409, description = "There is nothing to take, or the key stands for another transfer", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/admin/users/{id}/credits")]
async fn adjust(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    body: Json<AdjustBody>,
    ledger: web::Data<Ledger>,
    people: web::Data<People>,
) -> ApiResult<web::Json<Adjusted>> {
    let body = body.into_inner();
    let user: UserId = id.parse().map_err(|_| ApiError::not_found("account"))?;
    people.get(user).await?;
    let reason = body.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_MAX_CHARS || reason.contains('\0') {
        return Err(FieldError::new("reason", "takes 1 to 500 characters").into());
    }
    let size = body.amount.checked_abs().filter(|size| (1..=AMOUNT_MAX).contains(size));
    let Some(size) = size else {
        return Err(FieldError::new("amount", "takes 1 to 1000000000, or as much below zero").into());
    };
    let key = match body.idempotency_key.as_deref() {
        Some(key) if key.is_empty() || key.chars().count() > KEY_MAX_CHARS || key.contains('\0') => {
            return Err(FieldError::new("idempotencyKey", "takes 1 to 100 characters").into());
        }
        Some(key) => format!("admin:{key}"),
        None => format!("admin:{}", Uuid::now_v7()),
    };
    let order = if body.amount > 0 {
        Order::Grant { amount: size }
    } else {
        Order::Revoke { amount: size, of: None }
    };
    let note = Note { key: &key, reference: "admin", reason, actor: Some(caller.0.user) };
    let act = Act {
        reason: Some(reason),
        detail: json!({ "amount": body.amount }),
        ..Act::new(&caller.0, "user.credits", ("user", user.to_string()), &origin)
    };
    let recorded = ledger.adjust(user, &order, &note, &act).await?;
    let amount = if body.amount > 0 { recorded.amount } else { -recorded.amount };
    let balance = ledger.balance(user).await?;
    Ok(web::Json(Adjusted { transaction_id: recorded.id, amount, balance }))
}
