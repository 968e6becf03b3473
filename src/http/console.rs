//! The console's files, embedded in the binary: `/` and `/assets/…`. Nothing is read from the disk.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::{ApiError, ApiResult};

#[derive(RustEmbed)]
#[folder = "web/"]
#[exclude = "tests/*"]
#[exclude = "*.md"]
struct Files;

pub fn routes(config: &mut web::ServiceConfig) {
    config.service(index).service(asset);
}

#[get("/")]
async fn index(request: HttpRequest) -> ApiResult<HttpResponse> {
    serve(&request, "index.html")
}

#[get("/assets/{path:.*}")]
async fn asset(request: HttpRequest, path: web::Path<String>) -> ApiResult<HttpResponse> {
    serve(&request, &path)
}

fn serve(request: &HttpRequest, path: &str) -> ApiResult<HttpResponse> {
    let file = Files::get(path).ok_or_else(|| ApiError::not_found("file"))?;
    let etag = etag(&file);
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| known.split(',').any(|one| one.trim() == etag)) {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    // A new binary has new files: browsers ask each time, and mostly hear that nothing changed.
    response.insert_header((header::CACHE_CONTROL, "no-cache")).insert_header((header::ETAG, etag));
    if response.finish().status() == 304 {
        return Ok(response.finish());
    }
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let text = mime.type_() == mime_guess::mime::TEXT || mime.subtype() == mime_guess::mime::JAVASCRIPT;
    let content_type = if text { format!("{mime}; charset=utf-8") } else { mime.to_string() };
    Ok(response.content_type(content_type).body(file.data.into_owned()))
}

/// The first half of the file's SHA-256 tells its versions apart.
fn etag(file: &EmbeddedFile) -> String {
    use std::fmt::Write;
    file.metadata.sha256_hash()[..16].iter().fold(String::from("\""), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }) + "\""
}
