//! A whole server with a provider that is a simulator, and files as uploads leave them.

use bytes::Bytes;
use greenroom::config::{Capability, Config, ModelSettings, ProviderSettings};
use greenroom::media::files::{self, FileId, Made, MediaFile, Purpose, Size, State, Variant};
use greenroom::media::{Media, ObjectKey, Objects};
use greenroom_actors::domain::{AttachmentKind, UserId};
use loadtest::net::http;
use loadtest::sim::{Background, Settings};
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, eventually};

pub struct Stage {
    pub app: TestApp,
    provider: Background,
    media: Media,
    _folder: tempfile::TempDir,
}

/// What the file of a test looks like when it is ready.
pub const PICTURE: &[u8] = b"RIFF....WEBPVP8 the very picture";

impl Stage {
    pub async fn start() -> Self {
        Self::start_with(&[Capability::Chat, Capability::Vision], |_| {}).await
    }

    /// `able`: what the provider's model can do.
    pub async fn start_with(able: &[Capability], change: impl FnOnce(&mut Config)) -> Self {
        let settings = Settings {
            first_token_delay_ms: 1.0,
            tokens_per_second: 2_000.0,
            length_tokens: 5,
            stamped: false,
            ..Settings::default()
        };
        let provider = Background::start(0, settings).expect("a simulator");
        let folder = tempfile::tempdir().unwrap();
        let (data, base_url) = (folder.path().to_owned(), format!("http://{}/v1", provider.address()));
        let model = ModelSettings { capabilities: able.to_vec(), ..ModelSettings::default() };
        let app = TestApp::start_with(|config| {
            config.data_dir = data;
            config.auth.argon2_memory_kib = 64;
            config.auth.argon2_iterations = 1;
            config.default_plan = "enterprise".to_owned();
            config.moderation.provider = "none".to_owned();
            config.ai.default_provider = "sim".to_owned();
            let sim = ProviderSettings {
                base_url,
                model: "sim-1".to_owned(),
                models: [("sim-1".to_owned(), model)].into_iter().collect(),
                ..ProviderSettings::default()
            };
            config.ai.providers.insert("sim".to_owned(), sim);
            config.speech.transcription_model = "sim/whisper-1".to_owned();
            change(config);
        })
        .await;
        let objects = Objects::local(&folder.path().join("media")).unwrap();
        let media = Media::new(objects, app.database.pool());
        Self { app, provider, media, _folder: folder }
    }

    /// A file of theirs that is being processed.
    pub async fn upload(&self, user: &TestUser, kind: AttachmentKind) -> MediaFile {
        self.upload_for(user, kind, Purpose::Upload).await
    }

    pub async fn upload_for(&self, user: &TestUser, kind: AttachmentKind, purpose: Purpose) -> MediaFile {
        let (id, owner) = (FileId::new(), UserId::from_uuid(user.id.parse().unwrap()));
        let (ending, mime) = match kind {
            AttachmentKind::Image => ("webp", "image/webp"),
            AttachmentKind::Video => ("mp4", "video/mp4"),
            AttachmentKind::Audio => ("ogg", "audio/ogg"),
        };
        let file = MediaFile {
            id,
            owner,
            purpose,
            character: None,
            kind,
            state: State::Processing,
            name: Some(format!("holiday.{ending}")),
            key: ObjectKey::parse(&format!("user-content/{owner}/{id}.{ending}")).unwrap(),
            mime: mime.to_owned(),
            bytes: 9_000,
            total_bytes: 9_000,
            width: None,
            height: None,
            duration_ms: None,
            blurhash: None,
            peaks: None,
            variants: Vec::new(),
            created_at: jiff::Timestamp::now(),
        };
        let client = self.app.database.pool().get().await.unwrap();
        files::insert(&client, &file).await.unwrap();
        file
    }

    /// It was looked at: its objects lie where they belong.
    pub async fn ready(&self, file: &MediaFile) {
        let objects = self.media.objects();
        let client = self.app.database.pool().get().await.unwrap();
        let mut made = Made { mime: file.mime.clone(), bytes: 9_000, ..Made::default() };
        files::note_objects(&client, file, &[(&file.key, 9_000)]).await.unwrap();
        objects.put(&file.key, Bytes::from_static(b"the original")).await.unwrap();
        match file.kind {
            AttachmentKind::Image => {
                (made.width, made.height) = (Some(2_000), Some(1_500));
                made.blurhash = Some("LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned());
                for (size, width, height) in [(Size::Thumbnail, 150, 150), (Size::Medium, 800, 600)] {
                    let (key, bytes) = (file.key.variant(size), PICTURE.len() as u64);
                    files::note_objects(&client, file, &[(&key, bytes)]).await.unwrap();
                    objects.put(&key, Bytes::from_static(PICTURE)).await.unwrap();
                    made.variants.push(Variant { size, key: key.to_string(), width, height, bytes });
                }
            }
            AttachmentKind::Audio => {
                made.duration_ms = Some(1_500);
                made.peaks = Some(vec![0, 128, 255]);
            }
            AttachmentKind::Video => {
                (made.width, made.height, made.duration_ms) = (Some(640), Some(360), Some(4_000));
            }
        }
        assert!(self.media.finish(file.id, &made).await.unwrap().is_some());
    }

    pub async fn failed(&self, file: &MediaFile) {
        assert!(self.media.fail(file.id, "this is no picture").await.unwrap().is_some());
    }

    pub async fn deleted(&self, file: &MediaFile) {
        self.media.delete(file.owner, file.id).await.unwrap();
    }

    /// One that is ready.
    pub async fn picture(&self, user: &TestUser) -> MediaFile {
        let file = self.upload(user, AttachmentKind::Image).await;
        self.ready(&file).await;
        file
    }

    pub async fn send(&self, user: &TestUser, room: &str, body: Value) -> (u16, Value) {
        self.app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await
    }

    /// A message that carries the file and asks nobody.
    pub async fn sent(&self, user: &TestUser, room: &str, file: &MediaFile) -> Value {
        let body = json!({"attachment": {"mediaId": file.id.uuid()}, "reply": "none"});
        let (status, sent) = self.send(user, room, body).await;
        assert_eq!(status, 201, "{sent}");
        sent["message"].clone()
    }

    pub async fn message(&self, user: &TestUser, room: &str, id: &Value) -> Value {
        let path = format!("/api/conversations/{room}/messages?limit=100");
        let (_, page) = self.app.get(&path, Some(&user.token)).await;
        let items = page["items"].as_array().unwrap();
        items.iter().find(|message| message["id"] == *id).cloned().unwrap_or_default()
    }

    /// Waits until the message's file is in this state.
    pub async fn becomes(&self, user: &TestUser, room: &str, id: &Value, state: &str) -> Value {
        let mut found = Value::Null;
        eventually("the file's state", async || {
            found = self.message(user, room, id).await;
            found["attachment"]["state"] == state
        })
        .await;
        found
    }

    /// Sends and waits for the reply's message.
    pub async fn answered(&self, user: &TestUser, room: &str, body: Value) -> Value {
        let (status, sent) = self.send(user, room, body).await;
        assert_eq!(status, 201, "{sent}");
        let mut found = Value::Null;
        eventually("the reply", async || {
            found = self.message(user, room, &sent["replies"][0]["messageId"]).await;
            !found.is_null()
        })
        .await;
        found
    }

    /// The bodies of the requests for replies, the latest last.
    pub fn asked(&self) -> Vec<Value> {
        let answer = http::get(self.provider.address(), "/sim/asked", None).expect("an answer");
        let mut asked: Value = answer.json().expect("JSON");
        let items = asked["items"].as_array_mut().expect("a list").iter_mut();
        let chats = items.filter(|item| item["path"] == "/v1/chat/completions");
        chats.map(|item| item["body"].take()).collect()
    }

    pub fn saw(&self) -> u64 {
        let answer = http::get(self.provider.address(), "/sim/stats", None).expect("an answer");
        let stats: Value = answer.json().expect("JSON");
        stats["imagesSeen"].as_u64().expect("a count")
    }
}
