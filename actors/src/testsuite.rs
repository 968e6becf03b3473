//! A whole engine in memory: a store that journals by the real `decide`, a generator that follows a script, a fan-out that
//! keeps what it was given, a clock that stands still. Faults at will. For tests and benchmarks; the server does not link it.

mod store;
mod commands;
mod generator;
mod fanout;
mod moderator;
mod quota;
mod voice;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::{
    Catalogue, CharacterId, CharacterRecord, ClientId, Content, Dials, Features, Lorebook, Message,
    MessageKind, ModelChoice, PerCharacter, Plan, Plans, Priority, ResponseCache, RoomCharacter, RoomId,
    RoomMember, Term, UserId, Window,
};
use crate::engine::{Engine, Ports};
use crate::ports::{Clock, Summaries, SummaryWish, TokenCounter};
use crate::protocol::{Refusal, ReplyWish, Responder, Send, Sent};
use crate::settings::Settings;

pub use commands::{content, emoji};
pub use fanout::MemoryFanout;
pub use generator::{Script, ScriptedGenerator, back_end, counted};
pub use moderator::{Judgement, ScriptedModerator};
pub use quota::QuotaProbe;
pub use store::{CommitFault, MemoryStore};
pub use voice::{ScriptedGallery, ScriptedSpeech, SpeechScript};

/// A clock that moves only when it is told to.
pub struct TestClock(Mutex<Timestamp>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Mutex::new("2026-01-01T12:00:00Z".parse().expect("a valid time")))
    }
}

impl TestClock {
    pub fn advance(&self, by: Duration) {
        let mut now = lock(&self.0);
        *now += by;
    }

    /// It is that time now.
    pub fn set(&self, now: &str) {
        *lock(&self.0) = now.parse().expect("a valid time");
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }
}

/// One token per four bytes.
pub struct ByteCounter;

impl TokenCounter for ByteCounter {
    fn count(&self, text: &str) -> usize {
        text.len().div_ceil(4)
    }
}

/// A running engine and all of its outside, within reach.
pub struct TestEngine {
    pub engine: Engine,
    pub store: Arc<MemoryStore>,
    pub generator: Arc<ScriptedGenerator>,
    pub moderator: Arc<ScriptedModerator>,
    pub fanout: Arc<MemoryFanout>,
    pub clock: Arc<TestClock>,
    pub speech: Arc<ScriptedSpeech>,
    pub gallery: Arc<ScriptedGallery>,
    pub summaries: Arc<MemorySummaries>,
}

/// Keeps what was wished for, and makes nothing.
#[derive(Default)]
pub struct MemorySummaries(Mutex<Vec<SummaryWish>>);

impl MemorySummaries {
    pub fn wishes(&self) -> Vec<SummaryWish> {
        lock(&self.0).clone()
    }
}

impl Summaries for MemorySummaries {
    fn wanted(&self, wish: SummaryWish) {
        lock(&self.0).push(wish);
    }
}

impl TestEngine {
    pub async fn start(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_on(Arc::new(MemoryStore::default()), change).await
    }

    /// A second life on the same store: what a restart after a crash finds.
    pub async fn start_on(store: Arc<MemoryStore>, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_judged(store, ScriptedModerator::default(), change).await
    }

    /// The same with somebody who judges.
    pub async fn start_judged(
        store: Arc<MemoryStore>,
        moderator: ScriptedModerator,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings::new(plans());
        settings.turn.delta_merge = Duration::from_millis(1);
        settings.turn.delta_merge_max = Duration::ZERO;
        settings.pool.backoff = Duration::from_millis(1);
        settings.journal.retry = Duration::from_millis(1);
        settings.room.read_merge = Duration::from_millis(1);
        change(&mut settings);
        store.new_life();
        let moderator = Arc::new(moderator);
        let (generator, fanout) = (Arc::new(ScriptedGenerator::default()), Arc::new(MemoryFanout::default()));
        let (clock, summaries) = (Arc::new(TestClock::default()), Arc::new(MemorySummaries::default()));
        let (speech, gallery) = (Arc::new(ScriptedSpeech::default()), Arc::new(ScriptedGallery::default()));
        let ports = Ports {
            archive: store.clone(),
            journal: store.clone(),
            drafts: store.clone(),
            charges: store.clone(),
            generator: generator.clone(),
            tokens: Arc::new(ByteCounter),
            moderator: Arc::new(moderator.clone()),
            fanout: fanout.clone(),
            clock: clock.clone(),
            speech: speech.clone(),
            gallery: gallery.clone(),
            summaries: summaries.clone(),
        };
        let engine = Engine::start(settings, ports).await.expect("the engine starts");
        Self { engine, store, generator, moderator, fanout, clock, speech, gallery, summaries }
    }

    /// What a live room keeps for its prompts is what the log says; answers whether it keeps anything.
    pub async fn tail_is_the_logs_end(&self, room: RoomId) -> bool {
        let Some((held, from)) = self.engine.tail(room).await else { return false };
        let shown = |message: &Message| Message { revision: 0, replies: Vec::new(), ..message.clone() };
        let held: Vec<Message> = held.iter().map(|message| shown(message)).collect();
        let log = self.store.messages(room);
        let stands = log.iter().filter(|one| one.offset > from && one.changes.deleted_at.is_none());
        assert_eq!(held, stands.map(shown).collect::<Vec<_>>());
        true
    }

    /// Sends a text and waits for the answer.
    pub async fn say(
        &self,
        room: RoomId,
        user: UserId,
        text: &str,
        reply: ReplyWish,
    ) -> Result<Sent, Refusal> {
        self.say_as(room, user, text, None, reply).await
    }

    /// As [`say`](Self::say), with a client id.
    pub async fn say_as(
        &self,
        room: RoomId,
        user: UserId,
        text: &str,
        client_id: Option<&str>,
        reply: ReplyWish,
    ) -> Result<Sent, Refusal> {
        let client_id = client_id.map(|id| ClientId::parse(id).expect("a valid client id"));
        self.send(Send { client_id, reply, ..text_of(room, user, text) }).await
    }

    /// Sends a text that asks for a reply of this kind.
    pub async fn say_for(
        &self,
        room: RoomId,
        user: UserId,
        text: &str,
        kind: MessageKind,
    ) -> Result<Sent, Refusal> {
        self.send(Send { reply_kind: Some(kind), ..text_of(room, user, text) }).await
    }

    pub async fn send(&self, send: Send) -> Result<Sent, Refusal> {
        let (responder, answer) = Responder::channel();
        self.engine.send(send, responder);
        answer.await.expect("every command is answered")
    }
}

/// A text message as a socket would send it.
#[must_use]
pub fn text_of(room: RoomId, user: UserId, text: &str) -> Send {
    Send {
        room,
        user,
        session: None,
        content: Content::parse(text, 5_000).expect("a valid text"),
        kind: MessageKind::Text,
        attachment: None,
        client_id: None,
        reply_to: None,
        reply: ReplyWish::Auto,
        reply_kind: None,
    }
}

/// The plans `free` (3 texts to a character, ever), `basic` (5 a day) and `premium` (no limit).
#[must_use]
pub fn plans() -> Catalogue {
    let plan = |name: &str, premium, priority, per_day, text: Option<u32>| {
        Arc::new(Plan {
            name: name.into(),
            premium,
            priority: Priority(priority),
            messages_per_day: per_day,
            per_character: text.map(|text| PerCharacter {
                text: Some(text),
                audio: Some(0),
                media: Some(0),
                window: Window::Lifetime,
            }),
            price_cents: if premium { 700 } else { 0 },
            term: if premium { Term::Days(15) } else { Term::Endless },
            stripe_price: None,
            credits: 0,
            avatars: 1,
            media_bytes: None,
            features: if premium { Features::ALL } else { Features::default() },
        })
    };
    let all = [
        plan("free", false, 3, None, Some(3)),
        plan("basic", false, 3, Some(5), None),
        plan("premium", true, 1, None, None),
    ];
    Catalogue::new(Plans {
        default: all[0].clone(),
        by_name: all.into_iter().map(|plan| (plan.name.clone(), plan)).collect(),
        replaced: BTreeMap::new(),
    })
}

/// A character of that name.
#[must_use]
pub fn character(name: &str) -> CharacterRecord {
    CharacterRecord {
        id: CharacterId::new(),
        slug: name.to_lowercase(),
        name: name.into(),
        tagline: String::new(),
        description: format!("{name} is here for tests."),
        personality: "patient".into(),
        scenario: String::new(),
        greeting: "Hello.".into(),
        alternate_greetings: Vec::new(),
        tone: String::new(),
        dials: Dials::default(),
        traits: vec!["calm".into()],
        examples: Vec::new(),
        knowledge: Vec::new(),
        restricted_topics: Vec::new(),
        lorebook: Lorebook::default(),
        post_history: None,
        system_prompt: None,
        talkativeness: 0.5,
        model: ModelChoice {
            provider: None,
            model: None,
            fallbacks: Vec::new(),
            temperature: 0.8,
            max_tokens: 200,
            context_tokens: 4_000,
            response_cache: ResponseCache::Off,
        },
        voice: None,
        version: 1,
    }
}

/// A person as a room knows them.
#[must_use]
pub fn member(name: &str) -> RoomMember {
    RoomMember { id: UserId::new(), username: name.to_lowercase().into(), display_name: name.into() }
}

/// A character as a room knows it.
#[must_use]
pub fn room_character(name: &str) -> RoomCharacter {
    RoomCharacter {
        id: CharacterId::new(),
        slug: name.to_lowercase().into(),
        name: name.into(),
        tagline: "".into(),
        avatar_url: None,
        color: "#336699".into(),
        talkativeness: 0.5,
        since: 0,
        reply_kind: MessageKind::Text,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
