//! JSON bodies: bounded, typed, and refused in the one form with the field that was wrong.

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::StreamExt;
use futures_util::future::{FutureExt, LocalBoxFuture};
use serde::de::DeserializeOwned;

use crate::error::{ApiError, FieldError};

/// Bytes that a JSON body may have, as `web::Data` of the app.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit(pub usize);

impl Default for BodyLimit {
    fn default() -> Self {
        Self(64 * 1024)
    }
}

/// A request's JSON body: 415 when it is not JSON, 413 when it is too large, 400 with details when it is not a `T`.
/// `MAX` is how many bytes it may have where that is not the app's [`BodyLimit`].
#[derive(Debug)]
pub struct Json<T, const MAX: usize = 0>(pub T);

impl<T, const MAX: usize> Json<T, MAX> {
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: DeserializeOwned + 'static, const MAX: usize> FromRequest for Json<T, MAX> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limit =
            request.app_data::<web::Data<BodyLimit>>().map_or_else(BodyLimit::default, |limit| ***limit);
        let limit = if MAX > 0 { BodyLimit(MAX) } else { limit };
        let checked = check_head(request, limit);
        let mut payload = payload.take();
        async move {
            checked?;
            let mut body = BytesMut::new();
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|_| ApiError::malformed("the body broke off"))?;
                if body.len() + chunk.len() > limit.0 {
                    return Err(too_large(limit));
                }
                body.extend_from_slice(&chunk);
            }
            parse(&body).map(Self)
        }
        .boxed_local()
    }
}

/// The same where the body may be left out as a whole.
#[derive(Debug)]
pub struct MaybeJson<T>(pub T);

impl<T> MaybeJson<T> {
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: DeserializeOwned + Default + 'static> FromRequest for MaybeJson<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
        if empty && !headers.contains_key(header::TRANSFER_ENCODING) {
            return async { Ok(Self(T::default())) }.boxed_local();
        }
        let body = Json::<T>::from_request(request, payload);
        async move { body.await.map(|Json(body)| Self(body)) }.boxed_local()
    }
}

fn check_head(request: &HttpRequest, limit: BodyLimit) -> Result<(), ApiError> {
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > limit.0) {
        return Err(too_large(limit));
    }
    let is_json =
        request.mime_type().ok().flatten().is_some_and(|mime| {
            mime.subtype() == "json" || mime.suffix().is_some_and(|suffix| suffix == "json")
        });
    if is_json {
        Ok(())
    } else {
        Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send JSON, with Content-Type: application/json",
        ))
    }
}

fn too_large(limit: BodyLimit) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("the body is larger than {} bytes", limit.0),
    )
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        // The position is for a person at a terminal; the name is for the form that shows the error.
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned();
        if !error.is_data() {
            return ApiError::malformed(format!("the body is not JSON: {text}"));
        }
        let named = ["missing field `", "unknown field `", "duplicate field `"]
            .iter()
            .find_map(|start| reason.strip_prefix(start)?.split_once('`'))
            .map(|(name, _)| name.to_owned());
        match named {
            Some(name) if reason.starts_with("missing") => {
                ApiError::bad_request(vec![FieldError::new(name, "is missing")])
            }
            Some(name) => ApiError::bad_request(vec![FieldError::new(name, reason)]),
            None => ApiError::bad_request(vec![FieldError::new("body", text)]),
        }
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Form {
        email: String,
        age: Option<u8>,
    }

    async fn send(kind: &str, body: &str, limit: usize) -> Result<Form, ApiError> {
        let (request, mut payload) = TestRequest::post()
            .insert_header((header::CONTENT_TYPE, kind))
            .set_payload(body.to_owned())
            .app_data(web::Data::new(BodyLimit(limit)))
            .to_http_parts();
        Json::<Form>::from_request(&request, &mut payload).await.map(Json::into_inner)
    }

    #[actix_web::test]
    async fn a_missing_field_is_named() {
        let error = send("application/json", "{}", 100).await.unwrap_err();
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
        assert_eq!(error.details, [FieldError::new("email", "is missing")]);
    }

    #[actix_web::test]
    async fn a_field_of_the_wrong_type_is_refused_with_details() {
        let error = send("application/json", r#"{"email":"a","age":300}"#, 100).await.unwrap_err();
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
        assert!(error.details[0].message.contains("300"));
    }

    #[actix_web::test]
    async fn what_is_not_json_is_400_or_415_and_what_is_large_413() {
        assert!(send("application/json; charset=utf-8", r#"{"email":"a"}"#, 100).await.is_ok());
        assert_eq!(send("application/json", "{", 100).await.unwrap_err().status.as_u16(), 400);
        assert_eq!(send("text/plain", "{}", 100).await.unwrap_err().status.as_u16(), 415);
        assert_eq!(
            send("application/json", r#"{"email":"aaaaaaaa"}"#, 10).await.unwrap_err().status.as_u16(),
            413
        );
    }
}
