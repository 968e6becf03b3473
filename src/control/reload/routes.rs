//! `POST /api/admin/config/reload`.

use actix_web::{post, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Reloader;
use crate::accounts::Origin;
use crate::billing::plans::NotTaken;
use crate::config::{ConfigError, Problem, Reloaded};
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::AdminCaller;

/// What reading the settings anew came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReloadedView {
    /// Settings that hold from now on.
    #[schema(example = json!(["plans.basic.messages_per_day"]))]
    changed: Vec<String>,
    /// Settings that differ from those in force and hold from the next start on.
    #[schema(example = json!(["server.port"]))]
    needs_restart: Vec<String>,
}

impl From<NotTaken> for ApiError {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::Refused(refusal) => refusal.into(),
            NotTaken::Settings(ConfigError { problems }) => {
                let field = |problem: Problem| {
                    let field = if problem.name.is_empty() { problem.source } else { problem.name };
                    FieldError::new(field, problem.message)
                };
                let details: Vec<FieldError> = problems.into_iter().map(field).collect();
                let told: Vec<String> =
                    details.iter().map(|one| format!("{}: {}", one.field, one.message)).collect();
                let message =
                    format!("the settings do not hold, and nothing was changed: {}", told.join("; "));
                Self { details, ..Self::conflict(message) }
            }
        }
    }
}

/// Read the settings anew
///
/// The file and the environment of each node, on all nodes. Plans and their replacements, the default plan, the log level
/// and the limits of HTTP hold at once; the rest is told and waits for a restart. Settings that do not hold, or that know
/// nothing of a plan which somebody has, change nothing. The act is written to the audit log.
#[utoipa::path(
    operation_id = "reloadConfig",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "What changed here, and what waits for a restart", body = ReloadedView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 409, description = "The settings do not hold: nothing was changed", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/admin/config/reload")]
pub async fn reload(
    caller: AdminCaller,
    origin: Origin,
    reloader: web::Data<Reloader>,
) -> ApiResult<web::Json<ReloadedView>> {
    let Reloaded { changed, needs_restart, .. } = reloader.reload(&caller.0, &origin).await?;
    tracing::warn!(admin = %caller.0.user, ?changed, ?needs_restart, "an admin had the settings read anew");
    Ok(web::Json(ReloadedView { changed, needs_restart }))
}
