//! A server around a scripted provider, and what is asked of both.

use std::collections::VecDeque;
use std::io::Cursor;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use greenroom::app::Outside;
use greenroom::billing::Ledger;
use greenroom::config::Config;
use greenroom::media::FileType;
use greenroom::studio::content::{
    Film, FilmOrder, FilmState, Kind, Maker, Offer, PaintOrder, Painted, Sheet, Sheets, Ticket, Words,
    WordsOrder,
};
use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::ports::{Cause, GenerateError, GenerateErrorKind};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::support::app::{TestApp, TestUser, eventually};
use crate::support::database::TestDatabase;

/// How one call goes.
#[derive(Clone, Debug)]
pub enum Act {
    Fail(GenerateErrorKind),
    /// Its policy is against it.
    Forbid,
    /// It made more than is taken.
    TooLarge,
    /// It never answers; whoever lets go of it is counted.
    Hang,
    /// It answers when it is let on.
    Wait,
    Bytes(Vec<u8>),
}

#[derive(Default)]
pub struct Provider {
    pub paint: Mutex<VecDeque<Act>>,
    pub begin: Mutex<VecDeque<Act>>,
    pub look: Mutex<VecDeque<Result<FilmState, GenerateErrorKind>>>,
    pub fetch: Mutex<VecDeque<Act>>,
    pub write: Mutex<VecDeque<Act>>,
    /// What the painter was told.
    pub painted: Mutex<Vec<PaintOrder>>,
    pub filmed: Mutex<Vec<FilmOrder>>,
    pub looked: AtomicUsize,
    pub canceled: Mutex<Vec<Ticket>>,
    /// Nobody makes anything while this is set.
    pub shut: AtomicBool,
    /// Calls that were dropped before they ended.
    pub dropped: Arc<AtomicUsize>,
    /// Calls that are under way.
    pub entered: AtomicUsize,
    pub on: Notify,
    /// Looks show a video as running while this is set.
    pub running: Mutex<Option<u8>>,
}

struct Dropped(Arc<AtomicUsize>, bool);

impl Drop for Dropped {
    fn drop(&mut self) {
        if !self.1 {
            self.0.fetch_add(1, SeqCst);
        }
    }
}

pub fn png() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(64, 48).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A video of one picture: an EBML head, and a segment with length, sides and a block.
pub fn webm() -> Vec<u8> {
    let element = |id: &[u8], body: &[u8]| {
        let size = 0x1000_0000_u32 | u32::try_from(body.len()).unwrap();
        [id, &size.to_be_bytes(), body].concat()
    };
    let scale = element(&[0x2a, 0xd7, 0xb1], &1_000_000_u32.to_be_bytes());
    let duration = element(&[0x44, 0x89], &2_500_f64.to_be_bytes());
    let info = element(&[0x15, 0x49, 0xa9, 0x66], &[scale, duration].concat());
    let sides = [element(&[0xb0], &640_u16.to_be_bytes()), element(&[0xba], &360_u16.to_be_bytes())].concat();
    let track = [element(&[0xd7], &[1]), element(&[0x83], &[1]), element(&[0xe0], &sides)].concat();
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &track));
    let block = element(&[0xa3], &[&[0x81, 0, 0, 0x80][..], b"bits"].concat());
    let cluster = element(&[0x1f, 0x43, 0xb6, 0x75], &[element(&[0xe7], &[0]), block].concat());
    let segment = [info, tracks, cluster].concat();
    [
        element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"webm")),
        element(&[0x18, 0x53, 0x80, 0x67], &segment),
    ]
    .concat()
}

impl Provider {
    fn next(&self, script: &Mutex<VecDeque<Act>>) -> Option<Act> {
        script.lock().unwrap().pop_front()
    }

    async fn act(&self, act: Option<Act>, or: Vec<u8>) -> Result<Vec<u8>, GenerateError> {
        self.entered.fetch_add(1, SeqCst);
        let mut dropped = Dropped(self.dropped.clone(), false);
        let answer = match act {
            None => Ok(or),
            Some(Act::Bytes(bytes)) => Ok(bytes),
            Some(Act::Fail(kind)) => Err(GenerateError::new(kind, "as the script says")),
            Some(Act::Forbid) => {
                let error = GenerateError::new(GenerateErrorKind::Refused, "as the script says");
                Err(GenerateError { cause: Cause::Content, ..error })
            }
            Some(Act::TooLarge) => {
                let error = GenerateError::new(GenerateErrorKind::Broken, "as the script says");
                Err(GenerateError { cause: Cause::TooLarge, ..error })
            }
            Some(Act::Wait) => {
                self.on.notified().await;
                Ok(or)
            }
            Some(Act::Hang) => std::future::pending().await,
        };
        dropped.1 = true;
        answer
    }

    /// Until so many calls have begun.
    pub async fn entered(&self, calls: usize) {
        eventually("the provider is asked", async || self.entered.load(SeqCst) >= calls).await;
    }
}

#[derive(Clone)]
pub struct Scripted(pub Arc<Provider>);

impl Maker for Scripted {
    fn offer(&self, _: Kind) -> Option<Offer> {
        (!self.0.shut.load(SeqCst)).then(Offer::default)
    }

    fn paint(&self, order: PaintOrder) -> BoxFuture<'static, Result<Painted, GenerateError>> {
        let provider = self.0.clone();
        Box::pin(async move {
            provider.painted.lock().unwrap().push(order);
            let act = provider.next(&provider.paint);
            let bytes = provider.act(act, png()).await?;
            Ok(Painted {
                bytes: Bytes::from(bytes),
                file_type: FileType::Png,
                provider: "scripted".into(),
                model: "painter".into(),
            })
        })
    }

    fn begin_film(&self, order: FilmOrder) -> BoxFuture<'static, Result<Ticket, GenerateError>> {
        let provider = self.0.clone();
        Box::pin(async move {
            let n = {
                let mut filmed = provider.filmed.lock().unwrap();
                filmed.push(order);
                filmed.len()
            };
            let act = provider.next(&provider.begin);
            provider.act(act, Vec::new()).await?;
            Ok(Ticket { provider: "scripted".into(), model: "filmer".into(), id: format!("film-{n}") })
        })
    }

    fn look_at(&self, _: Ticket) -> BoxFuture<'static, Result<FilmState, GenerateError>> {
        let provider = self.0.clone();
        Box::pin(async move {
            provider.looked.fetch_add(1, SeqCst);
            if let Some(percent) = *provider.running.lock().unwrap() {
                return Ok(FilmState::Running { percent });
            }
            match provider.look.lock().unwrap().pop_front() {
                None => Ok(FilmState::Done),
                Some(Ok(state)) => Ok(state),
                Some(Err(kind)) => Err(GenerateError::new(kind, "as the script says")),
            }
        })
    }

    fn fetch_film(&self, _: Ticket, _: u64) -> BoxFuture<'static, Result<Film, GenerateError>> {
        let provider = self.0.clone();
        Box::pin(async move {
            let act = provider.next(&provider.fetch);
            let bytes = provider.act(act, webm()).await?;
            let pieces: Vec<_> = bytes.chunks(64).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            Ok(Film { file_type: FileType::Webm, bytes: stream::iter(pieces).boxed() })
        })
    }

    fn cancel_film(&self, ticket: Ticket) -> BoxFuture<'static, Result<(), GenerateError>> {
        self.0.canceled.lock().unwrap().push(ticket);
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Words for Scripted {
    fn write(&self, order: WordsOrder) -> BoxFuture<'static, Result<String, Refusal>> {
        let provider = self.0.clone();
        Box::pin(async move {
            let act = provider.next(&provider.write);
            let better = format!("better: {}", order.ask.lines().skip(1).collect::<Vec<_>>().join(" "));
            let away = |_| Refusal::new(RefusalCode::DependencyDown, "away");
            let text = provider.act(act, better.into_bytes()).await.map_err(away)?;
            Ok(String::from_utf8(text).unwrap())
        })
    }
}

/// The one avatar that everybody has here.
pub const AVATAR: &str = "0197f000-0000-7000-8000-00000000a7a7";

impl Sheets for Scripted {
    fn of(&self, _: UserId, avatar: CharacterId) -> BoxFuture<'static, Result<Sheet, Refusal>> {
        let known = avatar.uuid() == Uuid::try_parse(AVATAR).unwrap();
        Box::pin(std::future::ready(if known {
            Ok(Sheet { name: "Ada".into(), appearance: "red hair, green eyes".into(), thumbnail: None })
        } else {
            Err(Refusal::new(RefusalCode::NotFound, "there is no such avatar"))
        }))
    }
}

pub struct Stage {
    pub app: TestApp,
    pub provider: Arc<Provider>,
}

impl Stage {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let provider = Arc::new(Provider::default());
        let scripted = Arc::new(Scripted(provider.clone()));
        let outside =
            Outside { maker: Some(scripted.clone()), words: Some(scripted.clone()), sheets: Some(scripted) };
        let app = TestApp::start_around(TestDatabase::create().await, outside, |config| {
            config.content.retry_ms = 10;
            config.content.video_look_ms = 20;
            config.content.store_look_ms = 50;
            config.jobs.poll_ms = 20;
            config.jobs.backoff_ms = 50;
            // What hangs is cut.
            config.server.drain_timeout_ms = 1_000;
            config.auth.argon2_memory_kib = 64;
            config.auth.argon2_iterations = 1;
            change(config);
        })
        .await;
        Self { app, provider }
    }

    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.app.database.pool())
    }

    /// Somebody with so many credits.
    pub async fn user(&self, credits: i64) -> TestUser {
        let user = self.app.user().await;
        if credits > 0 {
            let admin = self.app.admin().await;
            let path = format!("/api/admin/users/{}/credits", user.id);
            let body = json!({ "amount": credits, "reason": "to try it" });
            let (status, answer) = self.app.post(&path, Some(&admin.token), body).await;
            assert_eq!(status, 200, "{answer}");
        }
        user
    }

    pub async fn ask(&self, user: &TestUser, kind: &str, body: Value) -> (u16, Value) {
        self.app.post(&format!("/api/content/generate/{kind}"), Some(&user.token), body).await
    }

    /// Asks for it, and answers its id.
    pub async fn asked(&self, user: &TestUser, kind: &str, body: Value) -> String {
        let (status, answer) = self.ask(user, kind, body).await;
        assert_eq!(status, 202, "{answer}");
        answer["content"]["id"].as_str().unwrap().to_owned()
    }

    pub async fn get(&self, user: &TestUser, id: &str) -> Value {
        let (status, content) = self.app.get(&format!("/api/content/{id}"), Some(&user.token)).await;
        assert_eq!(status, 200, "{content}");
        content
    }

    /// Waits until it stands so.
    pub async fn until(&self, user: &TestUser, id: &str, state: &str) -> Value {
        eventually(state, async || self.get(user, id).await["state"] == state).await;
        self.get(user, id).await
    }

    pub async fn act(&self, user: &TestUser, id: &str, act: &str) -> (u16, Value) {
        self.app.post(&format!("/api/content/{id}/{act}"), Some(&user.token), json!({})).await
    }

    pub async fn delete(&self, user: &TestUser, id: &str) -> u16 {
        self.app.call(Method::DELETE, &format!("/api/content/{id}"), Some(&user.token), None).await.0
    }

    /// What can be spent, and what is held.
    pub async fn credits(&self, user: &TestUser) -> (i64, i64) {
        let (_, credits) = self.app.get("/api/credits", Some(&user.token)).await;
        (credits["available"].as_i64().unwrap(), credits["held"].as_i64().unwrap())
    }

    /// The user's files.
    pub async fn files(&self, user: &TestUser) -> usize {
        let (_, files) = self.app.get("/api/media/list", Some(&user.token)).await;
        files["items"].as_array().unwrap().len()
    }

    /// Ends the server, and checks what must hold at every end: the ledger is right.
    pub async fn stop(self) {
        assert_eq!(self.ledger().verify().await.unwrap().faults, Vec::<String>::new());
        self.app.stop().await;
    }
}
