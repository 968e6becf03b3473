//! The web console: the files of `web/`, inside the binary.

use actix_web::http::header::{self, ETag, EntityTag, Header, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse, get, web};
use data_encoding::HEXLOWER;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::{ApiError, ApiResult};

/// In a debug build the files are read from the folder at each request: an edit shows at the next reload.
#[derive(RustEmbed)]
#[folder = "web/"]
#[allow_missing = true]
struct Files;

const PAGE: &str = "index.html";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(page).service(asset);
}

#[get("/")]
async fn page(request: HttpRequest) -> ApiResult<HttpResponse> {
    serve(&request, PAGE)
}

#[get("/assets/{path:.*}")]
async fn asset(request: HttpRequest, path: web::Path<String>) -> ApiResult<HttpResponse> {
    serve(&request, &path)
}

/// A page of the console that has an address of its own: a file of `web/`.
pub fn console_page(request: &HttpRequest, file: &str) -> ApiResult<HttpResponse> {
    serve(request, file)
}

fn serve(request: &HttpRequest, path: &str) -> ApiResult<HttpResponse> {
    // The folder also has the console's own tests.
    let hidden =
        path.split('/').any(|part| part.starts_with('.') || part.is_empty()) || path.starts_with("tests/");
    let file = Files::get(path).filter(|_| !hidden).ok_or_else(|| ApiError::not_found("file"))?;
    Ok(answer(request, file))
}

fn answer(request: &HttpRequest, file: EmbeddedFile) -> HttpResponse {
    let hash = file.metadata.sha256_hash();
    let tag = EntityTag::new_strong(HEXLOWER.encode(&hash[..16]));
    // Names do not change with their content, so browsers ask each time; mostly they hear "not modified".
    let cached = (header::CACHE_CONTROL, "no-cache");
    if is_known(request, &tag) {
        return HttpResponse::NotModified().insert_header(cached).insert_header(ETag(tag)).finish();
    }
    HttpResponse::Ok()
        .insert_header(cached)
        .insert_header(ETag(tag))
        .insert_header((header::CONTENT_TYPE, content_type(file.metadata.mimetype())))
        .body(file.data)
}

fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        // Weakly: a proxy that compresses makes a strong tag weak.
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

fn content_type(mime: &str) -> String {
    let is_text = mime.starts_with("text/") || mime.ends_with("javascript") || mime.ends_with("json");
    if is_text { format!("{mime}; charset=utf-8") } else { mime.to_owned() }
}
