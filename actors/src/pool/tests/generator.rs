//! A generator that follows a script per job, by the job's name, and keeps the order in which it was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use tokio::sync::Semaphore;

use crate::domain::{CharacterId, CharacterRecord, Finish, ModelChoice, TokenUsage, UserId};
use crate::ports::{
    GenerateError, GenerateErrorKind, GenerateRequest, Generator, Piece, PieceStream, PromptMessage,
    PromptRole,
};

#[derive(Clone, Debug)]
pub enum Act {
    /// These texts and a good end. What a job without a script does, with its own name.
    Say(Vec<&'static str>),
    /// As `Say`, but the end waits for the test to let it go.
    Hold(Vec<&'static str>),
    Fail(GenerateErrorKind),
    FailFor(Duration),
    /// These texts, then an error.
    Break(Vec<&'static str>),
    /// These texts, then nothing more.
    Silent(Vec<&'static str>),
    /// A stream that ends without an end.
    Short,
    /// Never answers.
    Hang,
    Panic,
    PanicIn(&'static str),
}

#[derive(Default)]
pub struct TestGenerator {
    scripts: Mutex<HashMap<String, VecDeque<Act>>>,
    asked: Mutex<Vec<(String, tokio::time::Instant)>>,
    open: Arc<AtomicUsize>,
    gate: Gate,
}

struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl TestGenerator {
    /// Tries of the job `name` go so, one after the other.
    pub fn script(&self, name: &str, acts: impl IntoIterator<Item = Act>) {
        self.scripts.lock().unwrap().insert(name.to_owned(), acts.into_iter().collect());
    }

    pub fn let_go(&self, jobs: usize) {
        self.gate.0.add_permits(jobs);
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }

    /// Time between one asking and the next.
    pub fn pauses(&self) -> Vec<Duration> {
        self.asked.lock().unwrap().windows(2).map(|pair| pair[1].1 - pair[0].1).collect()
    }

    /// Answers under way: connecting or streaming.
    pub fn open(&self) -> usize {
        self.open.load(SeqCst)
    }
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Generator for TestGenerator {
    fn generate(
        &self,
        request: Arc<GenerateRequest>,
    ) -> BoxFuture<'static, Result<PieceStream, GenerateError>> {
        let name = request.messages.last().unwrap().content.clone();
        self.asked.lock().unwrap().push((name.clone(), tokio::time::Instant::now()));
        let act = self.scripts.lock().unwrap().get_mut(&name).and_then(VecDeque::pop_front);
        let gate = self.gate.0.clone();
        self.open.fetch_add(1, SeqCst);
        let open = Open(self.open.clone());
        Box::pin(async move {
            let texts =
                |texts: Vec<&'static str>| stream::iter(texts).map(|text| Ok(Piece::Text(text.to_owned())));
            let end =
                stream::iter([Ok(Piece::End { finish: Finish::Complete, usage: TokenUsage::default() })]);
            let error = |kind| GenerateError::new(kind, "as the script says");
            let pieces: PieceStream = match act {
                None => stream::iter([Ok(Piece::Text(name))]).chain(end).boxed(),
                Some(Act::Say(said)) => texts(said).chain(end).boxed(),
                Some(Act::Hold(said)) => {
                    let held = end.then(move |end| {
                        let gate = gate.clone();
                        async move {
                            gate.acquire().await.unwrap().forget();
                            end
                        }
                    });
                    texts(said).chain(held).boxed()
                }
                Some(Act::Fail(kind)) => return Err(error(kind)),
                Some(Act::FailFor(pause)) => {
                    let mut error = error(GenerateErrorKind::RateLimited);
                    error.retry_after = Some(pause);
                    return Err(error);
                }
                Some(Act::Break(said)) => {
                    texts(said).chain(stream::iter([Err(error(GenerateErrorKind::Broken))])).boxed()
                }
                Some(Act::Silent(said)) => texts(said).chain(stream::pending()).boxed(),
                Some(Act::Short) => stream::empty().boxed(),
                Some(Act::Hang) => std::future::pending().await,
                Some(Act::Panic) => panic!("as the script says"),
                Some(Act::PanicIn(said)) => {
                    texts(vec![said]).chain(stream::once(async { panic!("as the script says") })).boxed()
                }
            };
            Ok(pieces
                .map(move |piece| {
                    let _open = &open;
                    piece
                })
                .boxed())
        })
    }
}

pub fn request(name: &str, user: UserId) -> Arc<GenerateRequest> {
    let character = CharacterRecord {
        id: CharacterId::new(),
        slug: "test".into(),
        name: "Test".into(),
        tagline: String::new(),
        description: String::new(),
        personality: String::new(),
        scenario: String::new(),
        greeting: String::new(),
        traits: Vec::new(),
        examples: Vec::new(),
        knowledge: Vec::new(),
        system_prompt: None,
        talkativeness: 0.5,
        model: ModelChoice {
            provider: None,
            model: None,
            temperature: 1.0,
            max_tokens: 100,
            context_tokens: 1_000,
        },
        version: 1,
    };
    Arc::new(GenerateRequest {
        character: Arc::new(character),
        user,
        user_name: "Somebody".into(),
        messages: vec![PromptMessage { role: PromptRole::User, content: name.into() }],
        max_tokens: 100,
    })
}
