//! Character cards over a whole server: files of other programs become characters that one can talk with, and come back.

mod refusals;
mod round_trip;

use reqwest::{Method, Response};
use serde_json::Value;

use crate::support::app::{TestApp, TestUser};

/// A file that was made for the tests as another program makes it.
fn file(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/files/cards/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a client says that a file is.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("charx") => "application/zip",
        _ => "application/octet-stream",
    }
}

async fn send(app: &TestApp, path: &str, token: Option<&str>, kind: &str, body: Vec<u8>) -> (u16, Value) {
    let mut request = app.http.request(Method::POST, app.url(path)).header("Content-Type", kind).body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

const IMPORT: &str = "/api/characters/import";

async fn import(app: &TestApp, admin: &TestUser, kind: &str, body: Vec<u8>) -> Value {
    let (status, answer) = send(app, IMPORT, Some(&admin.token), kind, body).await;
    assert_eq!(status, 201, "{answer}");
    answer
}

/// A form with a file as the part `card` between two others.
fn form(part: &str, body: &[u8]) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "----greenroom-test";
    let mut form = Vec::new();
    for (head, body) in [
        ("form-data; name=\"before\"".to_owned(), &b"x"[..]),
        (format!("form-data; name=\"{part}\"; filename=\"../../x.txt\""), body),
        ("form-data; name=\"after\"".to_owned(), b"y"),
    ] {
        form.extend(format!("--{BOUNDARY}\r\nContent-Disposition: {head}\r\n\r\n").into_bytes());
        form.extend_from_slice(body);
        form.extend_from_slice(b"\r\n");
    }
    form.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), form)
}

async fn download(app: &TestApp, admin: &TestUser, id: &str, format: &str) -> Response {
    let path = format!("/api/characters/{id}/card?format={format}");
    app.send(Method::GET, &path, Some(&admin.token), None).await
}

async fn card(app: &TestApp, admin: &TestUser, id: &str, format: &str) -> Value {
    let response = download(app, admin, id, format).await;
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

/// A character as an admin sees it, without what differs from one to the next.
async fn character(app: &TestApp, admin: &TestUser, id: &str) -> Value {
    let (status, mut view) = app.get(&format!("/api/characters/{id}"), Some(&admin.token)).await;
    assert_eq!(status, 200, "{view}");
    for name in ["id", "slug", "version", "createdAt", "updatedAt", "statistics", "avatarUrl"] {
        view.as_object_mut().unwrap().remove(name);
    }
    view
}
