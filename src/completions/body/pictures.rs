//! Pictures of a request as they are sent: in a data URL, or at an address.

use actix_web::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use utoipa::ToSchema;

use super::wrong;
use crate::error::{ApiError, ApiResult, FieldError};
use crate::media::files::Size;

/// Pictures of one request.
pub(super) const MAX: usize = 8;
/// Bytes of a picture in a data URL. Larger ones are taken by address.
const DATA_MAX_BYTES: usize = 5 * 1024 * 1024;
/// Characters of an address.
const ADDRESS_MAX_CHARS: usize = 2_048;

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ImageUrl {
    /// `data:image/png;base64,…`, or an `https` address that everybody reaches.
    url: String,
    /// `low` (within 400 by 400 pixels), `auto` (800) or `high` (1200).
    detail: Option<String>,
}

/// A picture that was sent.
#[derive(Debug)]
pub(in crate::completions) struct Sent {
    /// The field that it stands in, for refusals.
    pub field: String,
    pub whence: Whence,
    /// How large a model is shown it.
    pub size: Size,
}

#[derive(Debug)]
pub(in crate::completions) enum Whence {
    Data(Bytes),
    Address(String),
}

/// An error as OpenAI gives it for pictures.
pub(in crate::completions) fn refused(
    field: &str,
    code: &'static str,
    message: impl std::fmt::Display,
) -> ApiError {
    let details = vec![FieldError::new(field.to_owned(), message.to_string())];
    ApiError { details, ..ApiError::new(StatusCode::BAD_REQUEST, code, format!("{field}: {message}")) }
}

/// `field` is where it stands in the request. What it is is seen later.
pub(super) fn read(image: ImageUrl, field: &str) -> ApiResult<Sent> {
    let size = match image.detail.as_deref() {
        None | Some("auto") => Size::Medium,
        Some("low") => Size::Small,
        Some("high") => Size::Large,
        Some(_) => return Err(wrong(format!("{field}.detail"), "takes auto, low or high")),
    };
    let field = format!("{field}.url");
    let whence = match image.url.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("data") => Whence::Data(decoded(rest, &field)?),
        Some((scheme, _)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            if image.url.chars().count() > ADDRESS_MAX_CHARS {
                let message = format!("is longer than {ADDRESS_MAX_CHARS} characters");
                return Err(refused(&field, "invalid_image_url", message));
            }
            Whence::Address(image.url)
        }
        _ => return Err(refused(&field, "invalid_image_url", "takes a data URL or an https address")),
    };
    Ok(Sent { field, whence, size })
}

/// What a data URL holds, of which `rest` is what stands behind its scheme. The type that it names is nobody's word.
fn decoded(rest: &str, field: &str) -> ApiResult<Bytes> {
    let text =
        rest.split_once(',').filter(|(head, _)| head.ends_with(";base64")).map(|(_, text)| text.trim());
    let text = text.ok_or_else(|| {
        refused(field, "invalid_base64_image", "takes data URLs in base64: data:image/png;base64,…")
    })?;
    if text.len() / 4 * 3 > DATA_MAX_BYTES + 2 {
        let message = format!("is larger than {DATA_MAX_BYTES} bytes: make it smaller, or give its address");
        return Err(refused(field, "image_file_too_large", message));
    }
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| refused(field, "invalid_base64_image", "what stands behind the comma is not base64"))?;
    if bytes.is_empty() {
        return Err(refused(field, "empty_image_file", "is empty"));
    }
    Ok(bytes.into())
}
