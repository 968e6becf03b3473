//! A generator that does what its script says, and keeps what it was asked and when.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::lock;
use crate::domain::{BackEnd, Counted, Finish, Price, TokenUsage};
use crate::ports::{
    Attempt, GenerateError, GenerateErrorKind, GenerateRequest, Generator, Opened, Piece, PieceStream, Start,
};

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Script {
    /// These pieces, then a good end.
    Say(Vec<&'static str>),
    /// These pieces and the end, each only when the test lets it ([`ScriptedGenerator::let_go`]).
    Held(Vec<&'static str>),
    /// These pieces, and the end when the test lets it.
    HeldEnd(Vec<&'static str>),
    /// An error before the first word.
    Fail(GenerateErrorKind),
    /// The provider asks to be left alone for so long.
    FailFor(Duration),
    /// These pieces, then the stream breaks.
    Break(Vec<&'static str>),
    /// These pieces, then nothing more.
    Silent(Vec<&'static str>),
    /// A stream that ends without an end.
    Short,
    /// Never answers.
    Hang,
    Panic,
    /// This piece, then a panic in the stream.
    PanicIn(&'static str),
}

pub struct ScriptedGenerator {
    scripts: Mutex<VecDeque<Script>>,
    /// Scripts of requests whose last message has this text.
    named: Mutex<HashMap<String, VecDeque<Script>>>,
    requests: Mutex<Vec<(Arc<GenerateRequest>, Instant)>>,
    gate: Arc<Semaphore>,
    open: Arc<AtomicUsize>,
}

impl Default for ScriptedGenerator {
    fn default() -> Self {
        Self {
            scripts: Mutex::default(),
            named: Mutex::default(),
            requests: Mutex::default(),
            gate: Arc::new(Semaphore::new(0)),
            open: Arc::default(),
        }
    }
}

fn asked(request: &GenerateRequest) -> &str {
    request.messages.last().map_or("", |message| &message.content)
}

impl ScriptedGenerator {
    /// The next request is answered so; without a script it is `re: <the asked text>`.
    pub fn script(&self, script: Script) {
        lock(&self.scripts).push_back(script);
    }

    /// Requests whose last message is `text` are answered so, one after the other.
    pub fn script_for(&self, text: &str, scripts: impl IntoIterator<Item = Script>) {
        lock(&self.named).insert(text.to_owned(), scripts.into_iter().collect());
    }

    pub fn requests(&self) -> Vec<Arc<GenerateRequest>> {
        lock(&self.requests).iter().map(|(request, _)| request.clone()).collect()
    }

    /// The last messages of all requests, in the order in which they came.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.requests).iter().map(|(request, _)| asked(request).to_owned()).collect()
    }

    /// Time between one request and the next.
    pub fn pauses(&self) -> Vec<Duration> {
        lock(&self.requests).windows(2).map(|pair| pair[1].1 - pair[0].1).collect()
    }

    /// Lets `pieces` pieces of held streams through.
    pub fn let_go(&self, pieces: usize) {
        self.gate.add_permits(pieces);
    }

    /// Streams that are open now: one that was cancelled is closed.
    pub fn open(&self) -> usize {
        self.open.load(SeqCst)
    }
}

/// What all scripts are said by.
#[must_use]
pub fn back_end() -> BackEnd {
    let price = Price { input: 1_000_000, cached_input: 100_000, output: 2_000_000 };
    BackEnd { provider: "scripted".into(), model: "script".into(), price }
}

/// Counts an open stream for as long as it lives.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Generator for ScriptedGenerator {
    fn generate(
        &self,
        request: Arc<GenerateRequest>,
        _attempt: Attempt,
    ) -> BoxFuture<'static, Result<Opened, GenerateError>> {
        lock(&self.requests).push((request.clone(), Instant::now()));
        let own = lock(&self.named).get_mut(asked(&request)).and_then(VecDeque::pop_front);
        let script = own.or_else(|| lock(&self.scripts).pop_front());
        let gate = self.gate.clone();
        self.open.fetch_add(1, SeqCst);
        let open = Open(self.open.clone());
        Box::pin(async move {
            let held = move |piece| {
                let gate = gate.clone();
                async move {
                    gate.acquire().await.expect("the gate is never closed").forget();
                    piece
                }
            };
            let usage = TokenUsage { prompt_tokens: 10, completion_tokens: 5, cached_tokens: 0 };
            let counted = Counted::ByProvider;
            let end = stream::iter([Ok(Piece::End { finish: Finish::Complete, usage, counted })]);
            let say =
                |texts: Vec<&'static str>| stream::iter(texts).map(|text| Ok(Piece::Text(text.to_owned())));
            let error = |kind| GenerateError::new(kind, "as the script says");
            let stream: PieceStream = match script {
                None => {
                    stream::iter([Ok(Piece::Text(format!("re: {}", asked(&request))))]).chain(end).boxed()
                }
                Some(Script::Say(texts)) => say(texts).chain(end).boxed(),
                Some(Script::Held(texts)) => say(texts).chain(end).then(held).boxed(),
                Some(Script::HeldEnd(texts)) => say(texts).chain(end.then(held)).boxed(),
                Some(Script::Fail(kind)) => return Err(error(kind)),
                Some(Script::FailFor(pause)) => {
                    let mut error = error(GenerateErrorKind::RateLimited);
                    error.retry_after = Some(pause);
                    return Err(error);
                }
                Some(Script::Break(texts)) => {
                    say(texts).chain(stream::iter([Err(error(GenerateErrorKind::Broken))])).boxed()
                }
                Some(Script::Silent(texts)) => say(texts).chain(stream::pending()).boxed(),
                Some(Script::Short) => stream::empty().boxed(),
                Some(Script::Hang) => std::future::pending().await,
                Some(Script::Panic) => panic!("as the script says"),
                Some(Script::PanicIn(text)) => {
                    say(vec![text]).chain(stream::once(async { panic!("as the script says") })).boxed()
                }
            };
            let pieces = stream
                .map(move |piece| {
                    let _open = &open;
                    piece
                })
                .boxed();
            Ok(Opened { back_end: Arc::new(back_end()), start: Start::Anew, pieces })
        })
    }
}
