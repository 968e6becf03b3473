//! The double on the wire: keys, idempotency, faults, JSON out.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::Value;

use super::super::transport::digest;
use super::Shared;
use super::api::{Caller, answer};
use super::errors::ApiError;
use super::faults::Fault;
use super::form::Params;
use super::state::{Saved, State};

pub(super) async fn call(request: HttpRequest, body: Bytes, shared: Data<Arc<Shared>>) -> HttpResponse {
    let fault = {
        let mut state = shared.state();
        let folder = request.path().trim_start_matches("/v1/").split('/').next().unwrap_or_default();
        *state.calls.entry(format!("{} {folder}", request.method())).or_default() += 1;
        state.faults.pop_front()
    };
    match fault {
        Some(Fault::Status { status, retry_after, should_retry }) => {
            return refused_with(status, retry_after, should_retry);
        }
        Some(Fault::Hang { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            return cut();
        }
        Some(Fault::Cut) => return cut(),
        Some(Fault::Garbage) => {
            return HttpResponse::Ok().content_type("text/html").body("<html>at work</html>");
        }
        Some(Fault::Slow { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(Fault::Lose) | None => {}
    }
    let (status, body, replayed, id) = {
        let mut state = shared.state();
        let done = done(&mut state, &request, &body);
        state.request = None;
        done
    };
    shared.wake.notify_one();
    if fault == Some(Fault::Lose) {
        return cut();
    }
    let mut response = builder(status);
    response.insert_header(("Request-Id", id)).insert_header(("Stripe-Version", super::VERSION));
    if let Some(key) = text(request.headers(), "idempotency-key") {
        response.insert_header(("Idempotency-Key", key));
    }
    if replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    response.json(body)
}

/// Status, body, whether it was answered before, and the call's id.
fn done(state: &mut State, request: &HttpRequest, body: &Bytes) -> (u16, Value, bool, String) {
    let id = state.id("req");
    let key = text(request.headers(), "idempotency-key").map(str::to_owned);
    state.request = Some((id.clone(), key.clone()));
    let path = request.path().trim_start_matches("/v1/").to_owned();
    let method = request.method().as_str();
    let caller = match caller(state, request.headers()) {
        Ok(caller) => caller,
        Err(error) => return (error.status, error.body(), false, id),
    };
    let text = match method {
        "POST" => std::str::from_utf8(body).unwrap_or_default(),
        _ => request.query_string(),
    };
    // A key is for what changes something.
    let key = key.filter(|_| method == "POST");
    let of = digest(&format!("{path}\n{}", sorted(text)));
    if let Some(saved) = key.as_deref().and_then(|key| state.saved(key)) {
        if saved.of != of {
            let error = ApiError::other_params(key.as_deref().unwrap_or_default());
            return (error.status, error.body(), false, id);
        }
        return (saved.status, saved.body.clone(), true, id);
    }
    let answered = Params::read(text).and_then(|params| answer(state, caller, method, &path, &params));
    let (status, body) = match answered {
        Ok(body) => (200, body),
        Err(error) => (error.status, error.body()),
    };
    // What did not get as far as being done may be asked for again.
    if let Some(key) = key
        && matches!(status, 200 | 402)
    {
        let at = state.now();
        state.save(&key, Saved { of, status, body: body.clone(), at });
    }
    (status, body, false, id)
}

/// The same parameters in another order are the same.
fn sorted(text: &str) -> String {
    let mut pairs: Vec<_> = url::form_urlencoded::parse(text.as_bytes()).collect();
    pairs.sort();
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn caller(state: &State, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let given = text(headers, "authorization").unwrap_or_default();
    let key = given.strip_prefix("Bearer ").unwrap_or_default().trim();
    match key {
        "" => Err(ApiError::no_key()),
        key if key == state.keys.secret => Ok(Caller::Server),
        key if key == state.keys.publishable => Ok(Caller::Browser),
        key => Err(ApiError::wrong_key(key)),
    }
}

pub(super) fn is_ours(state: &State, headers: &HeaderMap) -> bool {
    caller(state, headers).is_ok_and(|caller| caller == Caller::Server)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn builder(status: u16) -> HttpResponseBuilder {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}

fn refused_with(status: u16, retry_after: Option<u64>, should_retry: Option<bool>) -> HttpResponse {
    let error = match status {
        429 => ApiError::too_many(),
        409 => ApiError::locked(),
        _ => ApiError::broken(),
    };
    let mut response = builder(status);
    if let Some(seconds) = retry_after {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    if let Some(again) = should_retry {
        response.insert_header(("Stripe-Should-Retry", again.to_string()));
    }
    response.json(error.body())
}

/// The body breaks off before its first byte, and the connection with it.
fn cut() -> HttpResponse {
    let broken = futures_util::stream::once(async {
        Err::<Bytes, std::io::Error>(std::io::ErrorKind::ConnectionReset.into())
    });
    HttpResponse::Ok().content_type("application/json").streaming(broken)
}
