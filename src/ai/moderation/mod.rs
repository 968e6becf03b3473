//! A provider's moderation: the engine's [`Moderator`] through `/v1/moderations`, as OpenAI and others have it.
//!
//! Whom it asks is looked up each time, so that it follows what admins switch. What it cannot ask is an outage, and what that
//! means is set: `moderation.on_outage`. Each question is accounted, beside the work that waits for the answer.
//!
//! Bounds: `concurrency` questions at the same time, each answered or given up within `timeout_ms`, the wait for a place
//! counted; one that fails too often is left alone for a while, as all that is asked beside chat (`aside`). The same text
//! is judged once in `cache_s`, for the latest `cache_max` texts.

mod answer;
mod ledger;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{AiCall, BackEnd, CallOutcome, Counted, Purpose, TokenUsage};
use greenroom_actors::ports::{GenerateError, GenerateErrorKind, Moderator, Side, Verdict, Who};
use moka::sync::Cache;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use self::answer::Scores;
use self::ledger::Ledger;
use super::capable::Capable;
use super::{Providers, tokens};
use crate::config::{
    AiSettings, Capability, Config, MODERATION_AUTO, MODERATION_NONE, ModerationSettings, OnOutage,
    ProviderSettings,
};
use crate::postgres::calls::Account;

/// Between two lines in the log about an outage.
const TOLD_EVERY: Duration = Duration::from_secs(60);

const CHECKS: &str = "greenroom_moderation_checks_total";
const SECONDS: &str = "greenroom_moderation_seconds";

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct ProviderModeration(Arc<Inner>);

struct Inner {
    settings: ModerationSettings,
    providers: Providers,
    /// `None`: nobody.
    whom: Option<Whom>,
    /// By the text's hash: the category it was refused for, or `None` for a fine one.
    kept: Cache<[u8; 32], Option<Arc<str>>>,
    places: Semaphore,
    /// When the log was told of an outage.
    told: Mutex<Option<Instant>>,
    ledger: Ledger,
}

impl ProviderModeration {
    /// Begins to keep its accounts; asks nobody yet.
    #[must_use]
    pub fn start(config: &Config, providers: Providers, pool: Pool) -> Self {
        describe();
        let settings = config.moderation.clone();
        let whom = Whom::of(&settings, &config.ai);
        if whom.is_some() {
            let (provider, on_outage) = (&settings.provider, settings.on_outage);
            tracing::info!(%provider, ?on_outage, "texts are judged by a provider");
        }
        let kept = Cache::builder()
            .max_capacity(settings.cache_max)
            .time_to_live(Duration::from_secs(settings.cache_s.max(1)))
            .build();
        Self(Arc::new(Inner {
            places: Semaphore::new(settings.concurrency.min(Semaphore::MAX_PERMITS)),
            ledger: Ledger::start(pool),
            told: Mutex::default(),
            settings,
            providers,
            whom,
            kept,
        }))
    }

    /// Writes what is left of the accounts; nothing is judged after it.
    pub async fn close(&self) {
        self.0.ledger.close().await;
    }
}

impl Moderator for ProviderModeration {
    fn judges(&self, side: Side) -> bool {
        let on = match side {
            Side::Message => self.0.settings.messages,
            Side::Reply => self.0.settings.replies,
        };
        on && self.0.whom.is_some()
    }

    fn check(&self, text: String, side: Side, who: Who) -> BoxFuture<'static, Verdict> {
        let inner = self.0.clone();
        Box::pin(async move { inner.check(&text, side, who).await })
    }
}

impl Inner {
    async fn check(&self, text: &str, side: Side, who: Who) -> Verdict {
        let key: [u8; 32] = Sha256::digest(text).into();
        if let Some(kept) = self.kept.get(&key) {
            return counted(side, "kept", verdict(kept));
        }
        match self.ask(text, side, who).await {
            Ok(category) => {
                if self.settings.cache_max > 0 {
                    self.kept.insert(key, category.clone());
                }
                let word = if category.is_some() { "refused" } else { "fine" };
                counted(side, word, verdict(category))
            }
            Err(error) => {
                if self.is_to_be_told() {
                    let open = self.settings.on_outage == OnOutage::Open;
                    tracing::warn!(%error, open, "texts cannot be judged");
                }
                counted(side, "unavailable", self.unjudged())
            }
        }
    }

    /// Whether the log is to be told of an outage again.
    fn is_to_be_told(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = told.is_none_or(|told| now >= told + TOLD_EVERY);
        if due {
            *told = Some(now);
        }
        due
    }

    fn unjudged(&self) -> Verdict {
        match self.settings.on_outage {
            OnOutage::Open => Verdict::Fine,
            OnOutage::Closed => Verdict::Unavailable,
        }
    }

    /// The category that the text is to be refused for, if any.
    async fn ask(&self, text: &str, side: Side, who: Who) -> Result<Option<Arc<str>>, GenerateError> {
        let nobody = || GenerateError::new(GenerateErrorKind::Unavailable, "there is nobody to ask");
        let begun = Instant::now();
        let place = timeout(self.settings.timeout(), self.places.acquire()).await;
        let late = |_| GenerateError::new(GenerateErrorKind::Timeout, "no answer in time");
        let _place = place.map_err(late)?.map_err(|_| nobody())?;
        let capable = self.whom.as_ref().and_then(|whom| whom.now(&self.providers)).ok_or_else(nobody)?;
        let mut asking = capable.admitted(self.settings.timeout().saturating_sub(begun.elapsed())).await?;
        let mut bill = Bill {
            ledger: &self.ledger,
            account: Account { user: who.user, character: who.character, room: who.room, turn: who.turn },
            back_end: capable.back_end.clone(),
            asked: Instant::now(),
            outcome: CallOutcome::Stopped,
            usage: (TokenUsage { prompt_tokens: estimated(text), ..TokenUsage::default() }, Counted::Here),
        };
        let body = json!({ "model": &*capable.back_end.model, "input": text });
        let answered: Result<Value, _> = asking.hear(capable.client.moderations().create_byot(body)).await;
        metrics::histogram!(SECONDS, "side" => side.as_str()).record(bill.asked.elapsed().as_secs_f64());
        let late = |error: &GenerateError| error.kind == GenerateErrorKind::Timeout;
        if !answered.as_ref().is_err_and(late) {
            bill.outcome = CallOutcome::Failed;
        }
        let value = answered?;
        let Some(scores) = Scores::read(&value) else {
            // What it was may hold the text: not for the log.
            return Err(asking.broken("its answer is no moderation"));
        };
        asking.done();
        bill.outcome = CallOutcome::Done;
        if let Some(told) = answer::usage(&value) {
            bill.usage = (told, Counted::ByProvider);
        }
        Ok(scores.refused(&self.settings))
    }
}

/// Who is asked, by the settings.
#[derive(Debug)]
enum Whom {
    /// The first that is able and stands ready, each time; with this model, where one is set.
    First {
        model: Option<String>,
    },
    One {
        provider: String,
        model: String,
    },
}

impl Whom {
    fn of(settings: &ModerationSettings, ai: &AiSettings) -> Option<Self> {
        match settings.provider.as_str() {
            MODERATION_NONE => None,
            MODERATION_AUTO => {
                let able = |provider: &ProviderSettings| provider.model_for(Capability::Moderation).is_some();
                let model = Some(settings.model.clone()).filter(|model| !model.is_empty());
                ai.active().any(|(_, provider)| able(provider)).then_some(Self::First { model })
            }
            name => {
                let (_, provider) = ai.active().find(|(active, _)| *active == name)?;
                let model = match settings.model.as_str() {
                    "" => provider.model_for(Capability::Moderation)?,
                    model => model,
                };
                Some(Self::One { provider: name.to_owned(), model: model.to_owned() })
            }
        }
    }

    fn now(&self, providers: &Providers) -> Option<Capable> {
        match self {
            Self::First { model: None } => providers.with_capability(Capability::Moderation),
            Self::First { model: Some(model) } => {
                let first = providers.with_capability(Capability::Moderation)?;
                providers.capable(&first.back_end.provider, model, Capability::Moderation)
            }
            Self::One { provider, model } => providers.capable(provider, model, Capability::Moderation),
        }
    }
}

fn verdict(category: Option<Arc<str>>) -> Verdict {
    category.map_or(Verdict::Fine, |category| Verdict::Refused { category })
}

fn estimated(text: &str) -> u32 {
    u32::try_from(tokens::estimate(text)).unwrap_or(u32::MAX)
}

/// One question, accounted when it is dropped: also where its asker has gone.
struct Bill<'a> {
    ledger: &'a Ledger,
    account: Account,
    back_end: Arc<BackEnd>,
    asked: Instant,
    outcome: CallOutcome,
    usage: (TokenUsage, Counted),
}

impl Drop for Bill<'_> {
    fn drop(&mut self) {
        let (usage, counted) = self.usage;
        let call = AiCall {
            id: Uuid::now_v7(),
            back_end: self.back_end.clone(),
            purpose: Purpose::Moderation,
            outcome: self.outcome,
            usage,
            counted,
            first_token: None,
            took: self.asked.elapsed(),
        };
        self.ledger.note(self.account, call);
    }
}

fn describe() {
    metrics::describe_counter!(CHECKS, "Texts judged, by side (message, reply) and outcome.");
    metrics::describe_histogram!(SECONDS, metrics::Unit::Seconds, "A provider's answers, by side.");
}

fn counted(side: Side, outcome: &'static str, verdict: Verdict) -> Verdict {
    metrics::counter!(CHECKS, "side" => side.as_str(), "outcome" => outcome).increment(1);
    if let Verdict::Refused { category } = &verdict {
        tracing::info!(side = side.as_str(), %category, "a text was refused by the provider's moderation");
    }
    verdict
}
