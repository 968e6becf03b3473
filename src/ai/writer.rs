//! One text by the default chain of providers, beside all conversations: an avatar's profile, a better prompt for a picture.
//!
//! What is asked about is data of somebody's and goes as a user's message; the instruction above it is ours. Every call is
//! accounted to the user with its purpose, also one that was let go. Bounds: [`ASK_MAX_CHARS`] of what is asked, the tokens that the caller allows, three
//! back ends within a minute each (`once`). Without a provider the built-in one answers, which is no writer: it gives back what
//! it was asked, and [`Written::offline`] says so, for callers who can do better by rules.

use std::sync::Arc;

use deadpool_postgres::Pool;
use greenroom_actors::domain::{
    AiCall, BackEnd, CharacterId, CharacterRecord, Dials, ModelChoice, Purpose, ResponseCache, UserId,
};
use greenroom_actors::ports::{
    Cause, Freshness, GenerateError, GenerateErrorKind, GenerateRequest, Generator, PromptMessage,
    PromptRole, TokenCounter,
};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::Providers;
use super::once::ask_noting;
use crate::postgres::calls::{Account, record};

/// Characters (Unicode) of what is asked about; the rest is cut.
const ASK_MAX_CHARS: usize = 40_000;
/// Tokens of instruction, question and answer together.
const CONTEXT_TOKENS: u32 = 32_000;
/// Lively, and still to the point.
const TEMPERATURE: f32 = 0.7;

/// What is to be written.
#[derive(Clone, Debug)]
pub struct WriteRequest {
    /// The instruction: the house's own words.
    pub system: String,
    /// What it is about: what people wrote.
    pub ask: String,
    /// Of the answer.
    pub max_tokens: u32,
    pub purpose: Purpose,
    /// Whom it is accounted to.
    pub user: UserId,
}

/// What was written, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub text: String,
    pub by: Arc<BackEnd>,
    /// The built-in provider, which gave back what it was asked.
    pub offline: bool,
}

impl Written {
    /// `provider/model`, or `offline`.
    #[must_use]
    pub fn writer(&self) -> String {
        if self.offline { "offline".to_owned() } else { format!("{}/{}", self.by.provider, self.by.model) }
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    pool: Pool,
    providers: Providers,
    tokens: Arc<dyn TokenCounter>,
}

impl Writer {
    #[must_use]
    pub fn new(pool: Pool, providers: Providers, tokens: Arc<dyn TokenCounter>) -> Self {
        Self { pool, providers, tokens }
    }

    /// The text. Refused with `dependency_down` where no provider answers, or none as it is set up, `rate_limited` where all ask for
    /// patience, and `content_refused` where the provider will not write it.
    pub async fn write(&self, request: WriteRequest) -> Result<String, Refusal> {
        Ok(self.written(request).await?.text)
    }

    /// The same, with who wrote it.
    pub async fn written(&self, request: WriteRequest) -> Result<Written, Refusal> {
        let user = request.user;
        let asked = Arc::new(asked(request));
        let mut noted = Noted { calls: Vec::new(), user, pool: self.pool.clone() };
        let answer =
            ask_noting(&self.providers as &dyn Generator, asked, &*self.tokens, &mut noted.calls).await;
        noted.written_down().await;
        let (text, by) = answer.map_err(|error| refused(&error))?;
        let offline = self.providers.is_offline(&by.provider);
        Ok(Written { text: text.trim().to_owned(), by, offline })
    }
}

/// Calls that are written down when they have ended or are let go: a caller whose time is over drops the future.
struct Noted {
    calls: Vec<AiCall>,
    user: UserId,
    pool: Pool,
}

impl Noted {
    async fn written_down(mut self) {
        if let Some(writing) = self.begin() {
            // Whoever lets go of it now does not end the task.
            let _ = writing.await;
        }
    }

    fn begin(&mut self) -> Option<JoinHandle<()>> {
        let (calls, user, pool) = (std::mem::take(&mut self.calls), self.user, self.pool.clone());
        let runtime = Handle::try_current().ok().filter(|_| !calls.is_empty())?;
        Some(runtime.spawn(async move {
            let written = async {
                let client = pool.get().await.map_err(|_| "the database is away".to_owned())?;
                let account = Account { user: Some(user), ..Account::default() };
                record(&**client, account, &calls).await.map_err(|error| error.to_string())
            };
            if let Err(error) = written.await {
                tracing::error!(error, %user, "calls of a writer are missing in the accounts");
            }
        }))
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        drop(self.begin());
    }
}

fn asked(request: WriteRequest) -> GenerateRequest {
    let WriteRequest { system, ask, max_tokens, purpose, user } = request;
    let message = |role, content| PromptMessage::new(role, content);
    GenerateRequest {
        character: Arc::new(nobody(max_tokens)),
        user,
        user_name: String::new(),
        messages: vec![
            message(PromptRole::System, system),
            message(PromptRole::User, ask.chars().take(ASK_MAX_CHARS).collect()),
        ],
        max_tokens,
        temperature: TEMPERATURE,
        stop: Vec::new(),
        purpose,
        freshness: Freshness::Fresh,
    }
}

/// Nobody in particular speaks: the default provider's own model.
fn nobody(max_tokens: u32) -> CharacterRecord {
    CharacterRecord {
        id: CharacterId::from_uuid(uuid::Uuid::nil()),
        slug: String::new(),
        name: "writer".to_owned(),
        tagline: String::new(),
        description: String::new(),
        personality: String::new(),
        scenario: String::new(),
        greeting: String::new(),
        alternate_greetings: Vec::new(),
        tone: String::new(),
        dials: Dials::default(),
        traits: Vec::new(),
        examples: Vec::new(),
        knowledge: Vec::new(),
        restricted_topics: Vec::new(),
        lorebook: greenroom_actors::domain::Lorebook::default(),
        post_history: None,
        system_prompt: None,
        talkativeness: 0.5,
        model: ModelChoice {
            provider: None,
            model: None,
            fallbacks: Vec::new(),
            temperature: TEMPERATURE,
            max_tokens,
            context_tokens: CONTEXT_TOKENS.max(max_tokens.saturating_mul(2)),
            response_cache: ResponseCache::Off,
        },
        voice: None,
        version: 1,
    }
}

fn refused(error: &GenerateError) -> Refusal {
    tracing::warn!(%error, "a text could not be written");
    let away = "no provider could write it: try again later";
    match error.kind {
        GenerateErrorKind::Refused if error.cause == Cause::Content => {
            Refusal::new(RefusalCode::ContentRefused, "the provider will not write this")
        }
        GenerateErrorKind::RateLimited => Refusal {
            retry_after: error.retry_after,
            ..Refusal::new(RefusalCode::RateLimited, "the provider asks for patience: try again later")
        },
        // A wrong key or an empty account is the operator's to mend, and says nothing of what was asked.
        GenerateErrorKind::Refused
        | GenerateErrorKind::Unavailable
        | GenerateErrorKind::Timeout
        | GenerateErrorKind::Broken => {
            Refusal { retry_after: error.retry_after, ..Refusal::new(RefusalCode::DependencyDown, away) }
        }
    }
}
