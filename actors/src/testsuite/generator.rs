//! A generator that does what its script says, and counts what it was asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use tokio::sync::Semaphore;

use super::lock;
use crate::domain::{Finish, TokenUsage};
use crate::ports::{GenerateError, GenerateErrorKind, GenerateRequest, Generator, Piece, PieceStream};

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Script {
    /// These pieces, then a good end.
    Say(Vec<&'static str>),
    /// These pieces, then each further one only when the test lets it (`ScriptedGenerator::let_go`).
    Held(Vec<&'static str>),
    /// An error before the first word.
    Fail(GenerateErrorKind),
    /// These pieces, then the stream breaks.
    Break(Vec<&'static str>),
    /// Never answers.
    Hang,
    Panic,
}

pub struct ScriptedGenerator {
    scripts: Mutex<VecDeque<Script>>,
    requests: Mutex<Vec<Arc<GenerateRequest>>>,
    gate: Arc<Semaphore>,
    open: Arc<AtomicUsize>,
}

impl Default for ScriptedGenerator {
    fn default() -> Self {
        Self {
            scripts: Mutex::default(),
            requests: Mutex::default(),
            gate: Arc::new(Semaphore::new(0)),
            open: Arc::default(),
        }
    }
}

impl ScriptedGenerator {
    /// The next request is answered so; without a script it is `re: <the asked text>`.
    pub fn script(&self, script: Script) {
        lock(&self.scripts).push_back(script);
    }

    pub fn requests(&self) -> Vec<Arc<GenerateRequest>> {
        lock(&self.requests).clone()
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
    ) -> BoxFuture<'static, Result<PieceStream, GenerateError>> {
        lock(&self.requests).push(request.clone());
        let script = lock(&self.scripts).pop_front();
        let gate = self.gate.clone();
        self.open.fetch_add(1, SeqCst);
        let open = Open(self.open.clone());
        Box::pin(async move {
            let end = Ok(Piece::End {
                finish: Finish::Complete,
                usage: TokenUsage { prompt_tokens: 10, completion_tokens: 5, cached_tokens: 0 },
            });
            let pieces =
                |pieces: Vec<&'static str>| pieces.into_iter().map(|text| Ok(Piece::Text(text.to_owned())));
            let stream: PieceStream = match script {
                None => {
                    let asked = request.messages.last().map_or("", |message| &message.content);
                    stream::iter([Ok(Piece::Text(format!("re: {asked}"))), end]).boxed()
                }
                Some(Script::Say(texts)) => {
                    stream::iter(pieces(texts).chain([end]).collect::<Vec<_>>()).boxed()
                }
                Some(Script::Held(texts)) => stream::iter(pieces(texts).chain([end]).collect::<Vec<_>>())
                    .then(move |piece| {
                        let gate = gate.clone();
                        async move {
                            gate.acquire().await.expect("the gate is never closed").forget();
                            piece
                        }
                    })
                    .boxed(),
                Some(Script::Fail(kind)) => return Err(GenerateError::new(kind, "as the script says")),
                Some(Script::Break(texts)) => {
                    let broken = Err(GenerateError::new(GenerateErrorKind::Broken, "as the script says"));
                    stream::iter(pieces(texts).chain([broken]).collect::<Vec<_>>()).boxed()
                }
                Some(Script::Hang) => std::future::pending().await,
                Some(Script::Panic) => panic!("as the script says"),
            };
            Ok(stream
                .map(move |piece| {
                    let _open = &open;
                    piece
                })
                .boxed())
        })
    }
}
