//! A card's file as it comes in a request: as the body, or as the part `card` of a form. It is read piece by piece up to its
//! bound, and its kind is told by what is in it, not by what the request says of it.

use std::cell::Cell;
use std::rc::Rc;

use actix_multipart::{Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpMessage, HttpRequest, web};
use futures_util::{Stream, StreamExt, TryStreamExt};

use crate::error::{ApiError, ApiResult, FieldError};

/// What a form may have beside the file.
const FORM_MAX_BYTES: usize = 64 * 1024;
/// Parts of a form.
const PARTS_MAX: usize = 16;
/// The part with the file.
const PART: &str = "card";

/// Types that a body may say it has: programs name cards in many ways.
const TYPES: [&str; 8] = [
    "application/json",
    "image/png",
    "image/apng",
    "image/jpeg",
    "application/zip",
    "application/x-zip-compressed",
    "application/charx",
    "application/octet-stream",
];

/// The file of a request, of at most so many bytes.
pub async fn file(request: &HttpRequest, payload: web::Payload, most: usize) -> ApiResult<Bytes> {
    let kind = request.content_type().to_ascii_lowercase();
    let is_form = kind == "multipart/form-data";
    if !is_form && !TYPES.contains(&kind.as_str()) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send a card as multipart/form-data with the part `card`, or as application/json, image/png or application/zip",
        ));
    }
    let allowed = if is_form { most + FORM_MAX_BYTES } else { most };
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > allowed) {
        return Err(too_large(most));
    }
    let payload = bounded(payload, allowed);
    let file = if is_form { part(request, payload, most).await? } else { whole(payload, most).await? };
    if file.is_empty() {
        return Err(FieldError::new(PART, "is empty").into());
    }
    Ok(file)
}

/// The payload up to a bound; beyond it, an overflow.
fn bounded(payload: web::Payload, most: usize) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let read = Rc::new(Cell::new(0_usize));
    payload.map(move |chunk| {
        let chunk = chunk?;
        read.set(read.get() + chunk.len());
        if read.get() > most { Err(PayloadError::Overflow) } else { Ok(chunk) }
    })
}

async fn whole(payload: impl Stream<Item = Result<Bytes, PayloadError>>, most: usize) -> ApiResult<Bytes> {
    let mut payload = std::pin::pin!(payload);
    let mut file = BytesMut::new();
    while let Some(chunk) = payload.try_next().await.map_err(|error| broken(&error, most))? {
        file.extend_from_slice(&chunk);
    }
    Ok(file.freeze())
}

async fn part(
    request: &HttpRequest,
    payload: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
    most: usize,
) -> ApiResult<Bytes> {
    let form_error = |error: &MultipartError| match error {
        MultipartError::Payload(error) => broken(error, most),
        error => ApiError::malformed(format!("the form cannot be read: {error}")),
    };
    let mut form = Multipart::new(request.headers(), payload);
    let (mut file, mut parts) = (None, 0);
    while let Some(mut part) = form.try_next().await.map_err(|error| form_error(&error))? {
        parts += 1;
        if parts > PARTS_MAX {
            return Err(ApiError::malformed("the form has too many parts"));
        }
        let wanted = part.name() == Some(PART);
        if wanted && file.is_some() {
            return Err(FieldError::new(PART, "is there twice").into());
        }
        let mut bytes = BytesMut::new();
        // Other parts are read too, so that the connection can go on, and thrown away.
        while let Some(chunk) = part.try_next().await.map_err(|error| form_error(&error))? {
            if wanted && bytes.len() + chunk.len() > most {
                return Err(too_large(most));
            }
            if wanted {
                bytes.extend_from_slice(&chunk);
            }
        }
        if wanted {
            file = Some(bytes.freeze());
        }
    }
    file.ok_or_else(|| FieldError::new(PART, "is missing").into())
}

fn broken(error: &PayloadError, most: usize) -> ApiError {
    match error {
        PayloadError::Overflow => too_large(most),
        _ => ApiError::malformed("the body broke off"),
    }
}

fn too_large(most: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("a card's file is larger than {most} bytes"),
    )
}
