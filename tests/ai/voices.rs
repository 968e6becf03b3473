//! Replies that are spoken or shown with something of the gallery, recordings that are listened to, and the files of all of
//! them: against a stand-in that speaks the real wire format.

mod passed_on;
mod provider;

use std::path::PathBuf;

use greenroom::media::{Media, Objects};
use provider::{Act, Provider};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, eventually};

struct Stage {
    app: TestApp,
    provider: Provider,
    files: PathBuf,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start() -> Self {
        let (provider, folder) = (Provider::start().await, tempfile::tempdir().unwrap());
        let (data, base_url) = (folder.path().to_owned(), provider.base_url());
        let app = TestApp::start_with(|config| {
            config.data_dir = data.clone();
            config.ai.default_provider = "offline".to_owned();
            config.ai.offline_word_delay_ms = 0;
            let voice = config.ai.providers.get_mut("openai").expect("a preset");
            voice.base_url = base_url;
            voice.api_key = "sk-voice".to_owned().into();
            // The stand-in judges nothing.
            config.moderation.provider = "none".to_owned();
            config.speech.model = "openai/tts-1".to_owned();
            config.speech.transcription_model = "openai/whisper-1".to_owned();
        })
        .await;
        Self { app, provider, files: folder.path().join("media"), _folder: folder }
    }

    async fn ask(&self, user: &TestUser, room: &str, text: &str, kind: &str) -> (u16, Value) {
        let body = json!({ "content": text, "responseType": kind });
        self.app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await
    }

    /// The reply to a message, once it is stored.
    async fn reply(&self, user: &TestUser, room: &str, sent: &Value) -> Value {
        let id = sent["replies"][0]["messageId"].as_str().unwrap_or_else(|| panic!("a reply: {sent}"));
        self.message(user, room, id, |_| true).await
    }

    async fn message(&self, user: &TestUser, room: &str, id: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut found = Value::Null;
        eventually("the message", async || {
            let path = format!("/api/conversations/{room}/messages");
            let (_, page) = self.app.get(&path, Some(&user.token)).await;
            let items = page["items"].as_array().unwrap().clone();
            found =
                items.into_iter().find(|message| message["id"] == id && fits(message)).unwrap_or_default();
            !found.is_null()
        })
        .await;
        found
    }

    async fn spoken(&self, user: &TestUser, room: &str) -> Value {
        let (status, sent) = self.ask(user, room, "Sing to me", "audio").await;
        assert_eq!(status, 201, "{sent}");
        let reply = self.reply(user, room, &sent).await;
        assert_eq!(reply["type"], "audio", "{reply}");
        reply
    }

    async fn file(&self, url: &str, headers: &[(&str, &str)]) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
        let mut request = self.app.http.get(self.app.url(url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (status, headers, answer.bytes().await.unwrap().to_vec())
    }

    /// Rows of `ai_calls` of this purpose: outcome, tokens, cost.
    async fn calls(&self, purpose: &str) -> Vec<(String, i32, i64)> {
        let client = self.app.database.pool().get().await.unwrap();
        let sql = "select outcome, prompt_tokens, cost_micros from ai_calls where purpose = $1 order by id";
        let rows = client.query(sql, &[&purpose]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    /// Sweeps as the job does that comes once a minute.
    async fn sweep(&self) -> u64 {
        let media = Media::new(Objects::local(&self.files).unwrap(), self.app.database.pool());
        media.sweep().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_spoken_and_its_file_opens_for_those_who_were_given_it() {
    let stage = Stage::start().await;
    let user = stage.app.premium().await;
    let room = stage.app.conversation(&user).await;
    let reply = stage.spoken(&user, &room).await;
    let (text, attachment) = (reply["content"].as_str().unwrap(), &reply["attachment"]);
    let frames = text.chars().count();
    assert_eq!((&attachment["type"], &attachment["mime"]), (&json!("audio"), &json!("audio/mpeg")));
    let told = attachment["durationMs"].as_f64().unwrap();
    assert!((told - frames as f64 * 26.12).abs() < 60.0, "{told} ms of {frames} frames");
    let asked = stage.provider.asked().remove(0);
    assert_eq!((asked.path.as_str(), asked.authorization.as_str()), ("/v1/audio/speech", "Bearer sk-voice"));
    let body = asked.json();
    assert_eq!((&body["input"], &body["model"]), (&json!(text), &json!("tts-1")));
    assert_eq!(body["response_format"], "mp3");
    // $15 per million characters.
    assert_eq!(stage.calls("speech").await, [("done".to_owned(), frames as i32, frames as i64 * 15)]);

    let url = attachment["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("/media/content/{}/audio_", user.id)), "{url}");
    let (status, headers, bytes) = stage.file(url, &[]).await;
    assert_eq!((status, bytes.len()), (200, frames * 417));
    let first = headers.clone();
    let header = |name: &str| first[name].to_str().unwrap().to_owned();
    assert_eq!(
        (header("content-type"), header("x-content-type-options")),
        ("audio/mpeg".into(), "nosniff".into())
    );
    assert!(header("cache-control").starts_with("private, max-age="));
    assert!(header("content-security-policy").contains("sandbox"));
    let (status, headers, part) = stage.file(url, &[("range", "bytes=10-19")]).await;
    assert_eq!((status, part.as_slice()), (206, &bytes[10..20]));
    assert_eq!(headers["content-range"], format!("bytes 10-19/{}", bytes.len()));
    let (status, headers, _) = stage.file(url, &[("range", "bytes=99999999-")]).await;
    assert_eq!(
        (status, headers["content-range"].to_str().unwrap()),
        (416, &*format!("bytes */{}", bytes.len()))
    );
    let (status, _, none) = stage.file(url, &[("if-none-match", &header("etag"))]).await;
    assert_eq!((status, none.len()), (304, 0));
    let head = stage.app.http.head(stage.app.url(url)).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), head.headers()["content-length"].to_str().unwrap()),
        (200, &*bytes.len().to_string())
    );

    // A range is of GET alone.
    for range in ["bytes=10-19", "bytes=99999999-"] {
        let head = stage.app.http.head(stage.app.url(url)).header("range", range).send().await.unwrap();
        assert_eq!(
            (head.status().as_u16(), head.headers()["content-length"].to_str().unwrap()),
            (200, &*bytes.len().to_string()),
            "{range}"
        );
    }
    // Whole or in part, it is the same bytes under one tag: what broke off goes on.
    let (status, headers, whole) = stage.file(url, &[("accept-encoding", "br, gzip")]).await;
    assert_eq!((status, headers["content-length"].to_str().unwrap()), (200, &*bytes.len().to_string()));
    assert_eq!((&headers["etag"].to_str().unwrap(), &whole), (&&*header("etag"), &bytes));
    let rest = [("accept-encoding", "br, gzip"), ("range", "bytes=100-"), ("if-range", &*header("etag"))];
    let (status, _, rest) = stage.file(url, &rest).await;
    assert_eq!((status, [&whole[..100], &rest[..]].concat()), (206, bytes.clone()));

    let (path, query) = url.split_once('?').unwrap();
    let other = path.replace("audio_", "audio-");
    for shut in [
        path.to_owned(),
        format!("{other}?{query}"),
        format!("{path}?{}", query.replace("expires=1", "expires=2")),
        format!("{path}?expires=1&signature=AAAA"),
        format!("/media/content/../../postgres?{query}"),
        format!("/media/%2e%2e/jwt?{query}"),
    ] {
        let (status, _, body) = stage.file(&shut, &[]).await;
        assert!(matches!(status, 403 | 404), "{shut}: {status} {}", String::from_utf8_lossy(&body));
    }
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_spoken_is_a_text() {
    let stage = Stage::start().await;
    let user = stage.app.premium().await;
    let room = stage.app.conversation(&user).await;
    stage.provider.script([Act::Status(400), Act::Raw("<html>no sound</html>")]);
    for _ in 0..2 {
        let (_, sent) = stage.ask(&user, &room, "Sing to me", "audio").await;
        let reply = stage.reply(&user, &room, &sent).await;
        assert_eq!((&reply["type"], &reply["attachment"]), (&json!("text"), &Value::Null));
        assert_eq!(reply["finish"], "complete");
    }
    let outcomes: Vec<String> =
        stage.calls("speech").await.into_iter().map(|(outcome, ..)| outcome).collect();
    assert_eq!(outcomes, ["failed", "done"], "both are told");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_a_reply_that_is_spoken_ends_the_work_and_keeps_the_text() {
    let stage = Stage::start().await;
    let user = stage.app.premium().await;
    let room = stage.app.conversation(&user).await;
    stage.provider.script([Act::Hang]);
    let (_, sent) = stage.ask(&user, &room, "Sing to me", "audio").await;
    eventually("it is being spoken", async || !stage.provider.asked().is_empty()).await;
    let path = format!("/api/conversations/{room}/stop");
    assert_eq!(stage.app.post(&path, Some(&user.token), json!({})).await, (200, json!({ "stopped": 1 })));
    let reply = stage.reply(&user, &room, &sent).await;
    assert_eq!((&reply["type"], &reply["finish"]), (&json!("text"), &json!("stopped")));
    let gone = stage.provider.asked()[0].gone.clone();
    eventually("the provider is left alone", async || *gone.lock().unwrap()).await;
    assert_eq!(stage.calls("speech").await[0].0, "stopped");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_plan_or_without_a_voice_it_is_refused() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let room = stage.app.conversation(&user).await;
    let (status, refused) = stage.ask(&user, &room, "Sing to me", "audio").await;
    assert_eq!((status, &refused["error"]), (402, &json!("premium_required")));
    let (status, wrong) = stage.ask(&user, &room, "Sing to me", "smell").await;
    assert_eq!(status, 400, "{wrong}");
    let mut socket = stage.app.socket(&user).await;
    let send = json!({ "conversationId": room, "content": "Sing", "responseType": "audio" });
    assert_eq!(socket.ask("message:send", send).await["code"], "premium_required");
    stage.app.stop().await;

    let app = TestApp::start().await;
    let user = app.premium().await;
    let room = app.conversation(&user).await;
    let body = json!({ "content": "Sing to me", "responseType": "audio" });
    let (status, refused) =
        app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await;
    assert_eq!((status, &refused["error"]), (503, &json!("reply_type_unavailable")));
    assert!(
        refused["message"].as_str().unwrap().contains("OPENAI_API_KEY"),
        "it says what to set: {refused}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_client_may_ask_for_a_voice_too() {
    let stage = Stage::start().await;
    let (user, free) = (stage.app.premium().await, stage.app.user().await);
    let room = stage.app.conversation(&user).await;
    let say = json!({ "content": "Sing to me", "responseType": "audio" });
    let path = format!("/api/chatroom/{room}/message");
    let (status, sent) = stage.app.post(&path, Some(&user.token), say.clone()).await;
    assert_eq!(status, 202, "{sent}");
    let reply = stage.message(&user, &room, sent["job"]["id"].as_str().unwrap(), |_| true).await;
    assert_eq!(reply["type"], "audio", "{reply}");
    let wrong = json!({ "content": "Sing to me", "responseType": "smell" });
    assert_eq!(stage.app.post(&path, Some(&user.token), wrong).await.0, 400);
    let path = format!("/api/chatroom/{}/message", stage.app.conversation(&free).await);
    let (status, refused) = stage.app.post(&path, Some(&free.token), say).await;
    assert_eq!((status, &refused["error"]), (402, &json!("premium_required")));
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_spoke_and_no_message_carries_does_not_stay() {
    let stage = Stage::start().await;
    let user = stage.app.premium().await;
    let room = stage.app.conversation(&user).await;
    let reply = stage.spoken(&user, &room).await;
    let url = reply["attachment"]["url"].as_str().unwrap();
    // As it was left: noted, then written, and the server died before the message was stored.
    let carried = url.split('?').next().unwrap().trim_start_matches("/media/");
    let (path, name) = carried.rsplit_once('/').unwrap();
    let orphan = format!("{path}/{}", name.replace("audio_", "audio_0"));
    std::fs::copy(stage.files.join(carried), stage.files.join(&orphan)).unwrap();
    let client = stage.app.database.pool().get().await.unwrap();
    let noted = "insert into media_objects (key, bytes) values ($1, 1)";
    client.execute(noted, &[&orphan]).await.unwrap();
    assert_eq!(stage.sweep().await, 0, "its message may be on its way");
    client.execute("update media_objects set check_at = now()", &[]).await.unwrap();
    drop(client);
    assert_eq!(stage.sweep().await, 1);
    assert!(!stage.files.join(&orphan).exists());
    assert_eq!(stage.file(url, &[]).await.0, 200, "what is carried stays");
    let client = stage.app.database.pool().get().await.unwrap();
    let due = "select count(*) from media_objects where check_at is not null";
    let due: i64 = client.query_one(due, &[]).await.unwrap().get(0);
    assert_eq!(due, 0, "until its message goes");
    drop(client);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_without_a_text_is_listened_to_and_answered() {
    let stage = Stage::start().await;
    let user = stage.app.premium().await;
    let room = stage.app.conversation(&user).await;
    let reply = stage.spoken(&user, &room).await;
    let mut socket = stage.app.socket(&user).await;
    socket.ask("conversation:join", json!({ "conversationId": room })).await;
    let attachment = json!({ "url": reply["attachment"]["url"], "type": "audio", "durationMs": 2_000 });
    let send = json!({ "conversationId": room, "type": "audio", "attachment": attachment });
    let sent = socket.ask("message:send", send).await;
    let id = sent["message"]["id"].as_str().unwrap_or_else(|| panic!("{sent}")).to_owned();
    let told = socket
        .find(|frame| frame["event"] == "message:update" && frame["data"]["message"]["id"] == *id)
        .await
        .unwrap();
    let message = &told["data"]["message"];
    assert_eq!((&message["content"], &message["editedAt"]), (&json!("Good evening, Mira."), &Value::Null));
    let asked = stage.provider.asked().pop().unwrap();
    assert_eq!(asked.path, "/v1/audio/transcriptions");
    assert!(asked.holds("whisper-1") && asked.holds("audio.mp3"), "the model and a name with its ending");
    assert_eq!(stage.calls("transcription").await[0].0, "done");
    stage.reply(&user, &room, &sent).await;
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_premium_picture_is_shown_to_nobody_who_may_not_see_it() {
    let stage = Stage::start().await;
    let (admin, premium, free) = (stage.app.admin().await, stage.app.premium().await, stage.app.user().await);
    let character = stage.app.character().await;
    for (name, tags, is_premium) in [("secret", json!(["harbour"]), true), ("open", json!(["market"]), false)]
    {
        let item = json!({ "type": "image", "url": format!("https://example.com/{name}.webp"), "tags": tags,
            "premium": is_premium });
        let path = format!("/api/characters/{character}/gallery");
        assert_eq!(stage.app.post(&path, Some(&admin.token), item).await.0, 201);
    }
    let shown = async |user: &TestUser, room: &str, text: &str| {
        let (status, sent) = stage.ask(user, room, text, "media").await;
        assert_eq!(status, 201, "{sent}");
        stage.reply(user, room, &sent).await["attachment"]["url"].as_str().unwrap_or("nothing").to_owned()
    };
    let theirs = stage.app.conversation(&premium).await;
    assert_eq!(shown(&premium, &theirs, "The harbour?").await, "https://example.com/secret.webp");
    assert_eq!(shown(&premium, &theirs, "The market?").await, "https://example.com/open.webp");
    let plain = stage.app.conversation(&free).await;
    assert_eq!(shown(&free, &plain, "The market?").await, "https://example.com/open.webp");
    assert_ne!(shown(&free, &plain, "The harbour?").await, "https://example.com/secret.webp");
    // What was shown to who may see it is not shown in public.
    let path = format!("/api/conversations/{theirs}");
    let public = json!({ "visibility": "public" });
    assert_eq!(stage.app.call(Method::PUT, &path, Some(&premium.token), Some(public)).await.0, 200);
    let (status, page) = stage.app.get(&format!("{path}/messages"), None).await;
    assert_eq!(status, 200, "{page}");
    let text = page.to_string();
    assert!(text.contains("open.webp") && !text.contains("secret.webp"), "{text}");
    assert_ne!(
        shown(&premium, &theirs, "The harbour?").await,
        "https://example.com/secret.webp",
        "others read along"
    );
    // Nor to a friend without the plan who is there.
    let friends = stage.app.conversation(&premium).await;
    let member = json!({ "userId": free.id });
    let added =
        stage.app.post(&format!("/api/conversations/{friends}/members"), Some(&premium.token), member).await;
    assert!(added.0 < 300, "{added:?}");
    assert_ne!(shown(&premium, &friends, "The harbour?").await, "https://example.com/secret.webp");
    stage.app.stop().await;
}
