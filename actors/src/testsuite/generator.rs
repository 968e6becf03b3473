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
    Attempt, GenerateError, GenerateErrorKind, GenerateRequest, Generator, NextTry, Opened, Piece,
    PieceStream, Start,
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
    /// Counts from 1 to `to`, a piece a number, each after `pace`; breaks behind `breaks`. Where an earlier try had been
    /// counting, it counts on.
    Count {
        to: u32,
        breaks: Option<u32>,
        pace: Duration,
    },
    /// As this one, by the provider of this name.
    By(&'static str, Box<Script>),
    /// As this one, where another back end stands ready should it fail.
    OrElse(Box<Script>),
    /// As this one, which goes on from what an earlier try said.
    GoOn(Box<Script>),
    /// As this one, out of a cache.
    Cached(Box<Script>),
}

impl Script {
    #[must_use]
    pub fn by(self, provider: &'static str) -> Self {
        Self::By(provider, Box::new(self))
    }

    #[must_use]
    pub fn or_else(self) -> Self {
        Self::OrElse(Box::new(self))
    }

    #[must_use]
    pub fn go_on(self) -> Self {
        Self::GoOn(Box::new(self))
    }

    #[must_use]
    pub fn cached(self) -> Self {
        Self::Cached(Box::new(self))
    }
}

/// The number that a counting text has come to; `None` where it is none, or is not whole.
#[must_use]
pub fn counted(text: &str) -> Option<u32> {
    let mut numbers = text.split(' ');
    let ordered = (1..).zip(&mut numbers).all(|(n, number): (u32, &str)| number == n.to_string());
    ordered.then(|| u32::try_from(text.split(' ').count()).unwrap_or(u32::MAX))
}

/// What a counting script says behind `so_far`: its pieces, and whether it breaks off then.
fn counting(to: u32, breaks: Option<u32>, so_far: u32) -> (Vec<String>, bool) {
    let piece = |n: u32| if n == 1 { n.to_string() } else { format!(" {n}") };
    let last = breaks.unwrap_or(to).min(to);
    ((so_far + 1..=last).map(piece).collect(), breaks.is_some())
}

/// Who answers, and how that is to be taken.
struct Manner {
    back_end: Arc<BackEnd>,
    next: NextTry,
    start: Start,
}

impl Manner {
    /// The script without what was said about its manner.
    fn of(mut script: Option<Script>) -> (Self, Option<Script>) {
        let mut manner =
            Self { back_end: Arc::new(back_end()), next: NextTry::AfterPause, start: Start::Anew };
        loop {
            script = match script {
                Some(Script::By(provider, inner)) => {
                    manner.back_end = Arc::new(BackEnd { provider: provider.into(), ..back_end() });
                    Some(*inner)
                }
                Some(Script::OrElse(inner)) => {
                    manner.next = NextTry::Elsewhere;
                    Some(*inner)
                }
                Some(Script::GoOn(inner)) => {
                    manner.start = Start::Continues;
                    Some(*inner)
                }
                Some(Script::Cached(inner)) => {
                    manner.start = Start::Cached;
                    Some(*inner)
                }
                plain => return (manner, plain),
            };
        }
    }
}

pub struct ScriptedGenerator {
    scripts: Mutex<VecDeque<Script>>,
    /// Scripts of requests whose last message has this text.
    named: Mutex<HashMap<String, VecDeque<Script>>>,
    requests: Mutex<Vec<(Arc<GenerateRequest>, Instant)>>,
    attempts: Mutex<Vec<Attempt>>,
    gate: Arc<Semaphore>,
    open: Arc<AtomicUsize>,
}

impl Default for ScriptedGenerator {
    fn default() -> Self {
        Self {
            scripts: Mutex::default(),
            named: Mutex::default(),
            requests: Mutex::default(),
            attempts: Mutex::default(),
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

    /// What all requests were told of the tries before them.
    pub fn attempts(&self) -> Vec<Attempt> {
        lock(&self.attempts).clone()
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
        attempt: Attempt,
    ) -> BoxFuture<'static, Result<Opened, GenerateError>> {
        lock(&self.requests).push((request.clone(), Instant::now()));
        let own = lock(&self.named).get_mut(asked(&request)).and_then(VecDeque::pop_front);
        let (mut manner, script) = Manner::of(own.or_else(|| lock(&self.scripts).pop_front()));
        let stands_at = attempt.so_far.as_deref().and_then(counted).unwrap_or_default();
        if let (Some(Script::Count { .. }), 1..) = (&script, stands_at) {
            manner.start = Start::Continues;
        }
        attempt.chosen.set(manner.back_end.clone());
        lock(&self.attempts).push(attempt);
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
            let Manner { back_end, next, start } = manner;
            let by = Some(back_end.clone());
            let error = |kind| GenerateError { by, next, ..GenerateError::new(kind, "as the script says") };
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
                Some(Script::Count { to, breaks, pace }) => {
                    let (pieces, breaks) = counting(to, breaks, stands_at);
                    let pieces = stream::iter(pieces).then(move |text| async move {
                        tokio::time::sleep(pace).await;
                        Ok(Piece::Text(text))
                    });
                    if breaks {
                        pieces.chain(stream::iter([Err(error(GenerateErrorKind::Broken))])).boxed()
                    } else {
                        pieces.chain(end).boxed()
                    }
                }
                Some(Script::By(..) | Script::OrElse(_) | Script::GoOn(_) | Script::Cached(_)) => {
                    unreachable!("a manner is no script of its own")
                }
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
            Ok(Opened { back_end, start, pieces })
        })
    }
}
