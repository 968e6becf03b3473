//! `GET /api/auth/export` and `DELETE /api/auth/me`: taking it along, and leaving.

use std::io;

use actix_web::body::SizedStream;
use actix_web::http::header::{self, ContentDisposition, ContentEncoding, DispositionParam, DispositionType};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, delete, get, web};
use futures_util::stream;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Privacy;
use super::export::Export;
use crate::accounts::{Origin, cookie};
use crate::config::Config;
use crate::error::{ApiResult, ErrorBody};
use crate::http::{Caller, ClientAddress, Json, RateLimits};

/// Bytes that are read from the file at a time.
const CHUNK_BYTES: usize = 64 * 1024;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(export).service(leave);
}

#[derive(Default, Deserialize, ToSchema)]
struct LeaveBody {
    /// Demanded where the account has one.
    #[schema(format = "password", max_length = 128)]
    password: Option<String>,
}

/// Take everything along
///
/// A zip file of JSON with all that is kept of the account. One at a time.
#[utoipa::path(
    operation_id = "exportAccount",
    tag = "auth",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The zip file", content_type = "application/zip", body = Vec<u8>),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 404, description = "The account is gone", body = ErrorBody),
        (status = 429, description = "An export of the account is under way", body = ErrorBody),
        (status = 503, description = "The database is away, or too many exports at once", body = ErrorBody),
    ),
)]
#[get("/auth/export")]
async fn export(caller: Caller, origin: Origin, privacy: web::Data<Privacy>) -> ApiResult<HttpResponse> {
    let Export { file, length, name, turn } = privacy.export(&caller, &origin).await?;
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(name)],
    };
    // The turn goes along: it ends with the download, however that ends, and so does the file.
    let chunks = stream::try_unfold((File::from_std(file), turn), async |(mut file, turn)| {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        Ok::<_, io::Error>((read > 0).then(|| (Bytes::from(chunk), (file, turn))))
    });
    Ok(HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header(disposition)
        // It is compressed.
        .insert_header(ContentEncoding::Identity)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(SizedStream::new(length, Box::pin(chunks))))
}

/// Leave
///
/// Deactivates the account: all devices are signed out, and after some weeks (`auth.erase_after_days`) in which an
/// admin can bring it back, it is erased. `GET /api/auth/export` first gives all of it.
#[utoipa::path(
    operation_id = "deactivateAccount",
    tag = "auth",
    security(("bearer" = [])),
    request_body = Option<LeaveBody>,
    responses(
        (status = 204, description = "The account is deactivated"),
        (status = 400, description = "The password is missing", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The password is wrong", body = ErrorBody),
        (status = 404, description = "The account is gone", body = ErrorBody),
        (status = 409, description = "It is the last active admin", body = ErrorBody),
        (status = 429, description = "Too many tries", body = ErrorBody),
        (status = 503, description = "The database is away, or too many sign in at once", body = ErrorBody),
    ),
)]
#[delete("/auth/me")]
#[allow(clippy::too_many_arguments)]
async fn leave(
    request: HttpRequest,
    caller: Caller,
    address: ClientAddress,
    origin: Origin,
    body: Option<Json<LeaveBody>>,
    privacy: web::Data<Privacy>,
    limits: web::Data<RateLimits>,
    config: web::Data<Config>,
) -> ApiResult<HttpResponse> {
    // A password is tried here too.
    let tried = limits.check_auth(address, &caller.user.to_string()).await?;
    let password = body.and_then(|body| body.into_inner().password);
    privacy.deactivate(&caller, password.as_deref(), &origin).await?;
    tried.was_right().await;
    let mut response = HttpResponse::NoContent();
    if request.cookie(cookie::NAME).is_some() {
        response.cookie(cookie::forget(&config));
    }
    Ok(response.finish())
}
