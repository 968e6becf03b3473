//! A server with a store that can be looked into, forms made by hand, and files that are what they are called.

use std::io::Cursor;
use std::path::PathBuf;

use greenroom::config::Config;
use greenroom::media::{Media, Objects};
use image::{DynamicImage, ImageFormat, RgbImage};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::{TestApp, TestUser, eventually};

pub const BOUNDARY: &str = "xxBoundaryxx";

pub struct Stage {
    pub app: TestApp,
    pub files: PathBuf,
    _folder: tempfile::TempDir,
}

/// One part of a form.
pub struct Part<'a> {
    pub field: &'a str,
    pub name: Option<&'a str>,
    pub bytes: &'a [u8],
}

pub fn file<'a>(field: &'a str, name: &'a str, bytes: &'a [u8]) -> Part<'a> {
    Part { field, name: Some(name), bytes }
}

pub fn text<'a>(field: &'a str, text: &'a str) -> Part<'a> {
    Part { field, name: None, bytes: text.as_bytes() }
}

pub fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        body.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"", part.field).bytes(),
        );
        if let Some(name) = part.name {
            body.extend(format!("; filename=\"{name}\"\r\nContent-Type: application/octet-stream").bytes());
        }
        body.extend(b"\r\n\r\n");
        body.extend(part.bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

/// A picture that no encoder makes much smaller.
pub fn picture(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut seed = 0x2545_f491_u32;
    let pixels = RgbImage::from_fn(width, height, |_, _| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Rgb(seed.to_be_bytes()[..3].try_into().unwrap())
    });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(pixels).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// So many bytes of silence with their header of 44.
pub fn wav(bytes: u32) -> Vec<u8> {
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    wav.extend([8_000_u32, 16_000].map(u32::to_le_bytes).concat());
    wav.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    wav.resize(wav.len() + bytes as usize, 0);
    wav
}

impl Stage {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_owned();
        let app = TestApp::start_with(|config| {
            config.data_dir = data;
            config.auth.argon2_memory_kib = 64;
            config.auth.argon2_iterations = 1;
            change(config);
        })
        .await;
        Self { app, files: folder.path().join("media"), _folder: folder }
    }

    pub async fn upload(&self, kind: &str, token: Option<&str>, body: Vec<u8>) -> (u16, Value) {
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        self.upload_as(kind, token, &content_type, body).await
    }

    pub async fn upload_as(
        &self,
        kind: &str,
        token: Option<&str>,
        content_type: &str,
        body: Vec<u8>,
    ) -> (u16, Value) {
        let mut request = self.app.http.post(self.app.url(&format!("/api/media/upload/{kind}")));
        request = request.header("content-type", content_type).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }

    /// One picture of the user's: its view.
    pub async fn image(&self, user: &TestUser) -> Value {
        let png = picture(ImageFormat::Png, 40, 30);
        let (status, taken) =
            self.upload("image", Some(&user.token), form(&[file("image", "a.png", &png)])).await;
        assert_eq!(status, 202, "{taken}");
        taken["file"].clone()
    }

    pub fn media(&self) -> Media {
        Media::new(Objects::local(&self.files).unwrap(), self.app.database.pool())
    }

    /// The file when it is ready: its view as its owner sees it.
    pub async fn ready(&self, user: &TestUser, view: &Value) -> Value {
        let mut found = Value::Null;
        eventually("the file is ready", async || {
            let (_, list) = self.app.get("/api/media/list?limit=100", Some(&user.token)).await;
            let items = list["items"].as_array().unwrap();
            found = items.iter().find(|file| file["id"] == view["id"]).cloned().unwrap_or_default();
            found["state"] == "ready"
        })
        .await;
        found
    }

    pub async fn delete(&self, user: &TestUser, body: Value) -> (u16, Value) {
        self.app.call(Method::DELETE, "/api/media/delete", Some(&user.token), Some(body)).await
    }

    pub async fn sign(&self, user: &TestUser, key: &Value) -> (u16, Value) {
        self.app.post("/api/media/signed-url", Some(&user.token), json!({ "key": key })).await
    }

    pub async fn count(&self, sql: &str) -> i64 {
        let client = self.app.database.pool().get().await.unwrap();
        client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
    }

    pub async fn execute(&self, sql: &str) -> u64 {
        let client = self.app.database.pool().get().await.unwrap();
        client.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// Files in the folder of the store, unfinished ones too.
    pub fn stored(&self) -> Vec<String> {
        fn walk(folder: &std::path::Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    walk(&entry.path(), found);
                } else {
                    found.push(entry.path().to_string_lossy().into_owned());
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.files, &mut found);
        found
    }
}

pub fn uuid(value: &Value) -> Uuid {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("an id: {value}"))
}
