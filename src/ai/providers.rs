//! All providers of the settings, and the engine's generator that asks them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::Price;
use greenroom_actors::ports::{
    Attempt, GenerateError, GenerateErrorKind, GenerateRequest, Generator, Opened, PromptMessage,
};
use tokio::time::{Instant, timeout_at};

use super::call::{Call, Spans, Watched};
use super::chain::{Named, chain, default_chain};
use super::eyes::Eyes;
use super::openai::{Answer, Ask};
use super::provider::{Provider, Voice};
use super::route::{Link, Plan, Taken};
use super::status::{ProviderState, ProviderStatus};
use super::tokens::Tokens;
use crate::config::{AiSettings, ProviderKind};
use crate::http::Finding;
use crate::media::Objects;

/// For a first text, until the pool's is told.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("ai.providers.{name}: {cause}")]
    Settings { name: String, cause: String },
    #[error("ai.default_provider: \u{201c}{name}\u{201d} is not switched on")]
    NoDefault { name: String },
}

/// All providers, with those that are off. Cheap to clone; all clones share one state but the spans that they are given.
#[derive(Clone)]
pub struct Providers {
    shared: Arc<Shared>,
    patience: Duration,
    /// `None`: nobody is shown pictures.
    eyes: Option<Eyes>,
}

pub(super) struct Shared {
    pub by_name: BTreeMap<String, Arc<Provider>>,
    pub default: Arc<str>,
    pub chain: Vec<Named>,
    pub pause_max: Duration,
    pub place_wait: Duration,
    tokens: Tokens,
}

impl Providers {
    /// Makes a client for each provider that is on. Connects to none.
    pub fn new(settings: &AiSettings) -> Result<Self, ProviderError> {
        let mut by_name = BTreeMap::new();
        for (name, provider) in &settings.providers {
            let failed = |cause| ProviderError::Settings { name: name.clone(), cause };
            by_name.insert(name.clone(), Arc::new(Provider::new(name, provider, settings).map_err(failed)?));
        }
        let default = settings.default_name();
        if !by_name.get(default).is_some_and(|provider| provider.is_active()) {
            return Err(ProviderError::NoDefault { name: default.to_owned() });
        }
        let shared = Shared {
            by_name,
            default: default.into(),
            chain: default_chain(settings),
            pause_max: settings.pause_max(),
            place_wait: settings.place_wait(),
            tokens: Tokens::default(),
        };
        Ok(Self { shared: Arc::new(shared), patience: PATIENCE, eyes: None })
    }

    /// What whoever asks waits for a first text, and for each next one: a call that is dropped after so long has failed.
    #[must_use]
    pub fn waited_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Models that see are shown the pictures of a prompt, which lie in this store; `max_bytes` bounds those of one request.
    #[must_use]
    pub fn seeing(self, objects: Objects, max_bytes: u64) -> Self {
        Self { eyes: Some(Eyes::new(objects, max_bytes)), ..self }
    }

    /// Whether some model of a provider that is on is shown pictures.
    #[must_use]
    pub fn sees(&self) -> bool {
        let on = self.shared.by_name.values().filter(|provider| provider.is_active());
        let able = |provider: &Arc<Provider>| {
            provider.kind != ProviderKind::Offline && provider.models.keys().any(|model| provider.sees(model))
        };
        self.eyes.is_some() && on.into_iter().any(able)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether some provider is elsewhere, so that its tokens are to be counted.
    #[must_use]
    pub fn counts_tokens(&self) -> bool {
        self.shared.by_name.values().any(|provider| matches!(provider.voice, Some(Voice::OpenAi(_))))
    }

    /// Whether a provider is on, in the settings and by its switch.
    #[must_use]
    pub fn is_on(&self, provider: &str) -> bool {
        self.shared.by_name.get(provider).is_some_and(|provider| provider.is_open())
    }

    /// Whether it is the built-in one, which is no language model.
    #[must_use]
    pub fn is_offline(&self, provider: &str) -> bool {
        let found = self.shared.by_name.get(provider);
        found.is_some_and(|provider| matches!(provider.voice, Some(Voice::Offline(_))))
    }

    /// The provider of characters that name none.
    #[must_use]
    pub fn default_name(&self) -> &str {
        &self.shared.default
    }

    /// What the provider's own model is; `None` for one that the settings do not have on.
    #[must_use]
    pub fn default_model(&self, provider: &str) -> Option<&str> {
        Some(&*self.shared.by_name.get(provider).filter(|it| it.is_active())?.model)
    }

    /// Of a model that the settings do not tell of, nothing.
    #[must_use]
    pub fn price(&self, provider: &str, model: &str) -> Price {
        self.known_price(provider, model).unwrap_or_default()
    }

    /// `None`: the settings do not tell it.
    #[must_use]
    pub fn known_price(&self, provider: &str, model: &str) -> Option<Price> {
        self.shared.by_name.get(provider)?.known_price(model)
    }

    /// Those that the settings have on, by name.
    #[must_use]
    pub fn status(&self) -> Vec<ProviderStatus> {
        let now = Instant::now();
        let active = self.shared.by_name.values().filter(|provider| provider.is_active());
        let status = |provider: &Arc<Provider>| ProviderStatus {
            name: provider.name.to_string(),
            kind: provider.kind.as_str(),
            state: provider.state(now),
            model: (provider.kind != ProviderKind::Offline).then(|| provider.model.to_string()),
        };
        active.map(status).collect()
    }

    /// Whether characters can speak: how the default provider does, and whether another stands in where it does not.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let now = Instant::now();
        let state = |name: &str| self.shared.by_name.get(name).map(|it| it.state(now));
        let name = &*self.shared.default;
        let serves =
            |state| matches!(state, Some(ProviderState::Idle | ProviderState::Up | ProviderState::Degraded));
        let stands_in = || {
            let others = self.shared.chain.iter().map(|link| link.provider.as_str());
            others.filter(|other| *other != name).find(|other| serves(state(other)))
        };
        let own = match state(name) {
            Some(ProviderState::Idle | ProviderState::Up) => {
                let kind = self.shared.by_name[name].kind.as_str();
                return Finding { detail: Some(format!("{name} ({kind})")), ..Finding::up() };
            }
            Some(ProviderState::Degraded) => {
                return Finding::degraded(format!("{name}: the latest request failed"));
            }
            Some(ProviderState::Off) | None => format!("{name} is switched off"),
            Some(ProviderState::Down) => format!("{name}: the latest requests failed"),
        };
        match stands_in() {
            Some(other) => Finding::degraded(format!("{own}; {other} stands in")),
            None => Finding::down(own),
        }
    }

    /// The back ends that this request may go to, in order.
    fn plan(&self, request: &GenerateRequest, attempt: &Attempt) -> Result<Plan, GenerateError> {
        let shared = &self.shared;
        let own_model =
            |name: &str| Some(&*shared.by_name.get(name).filter(|provider| provider.is_active())?.model);
        let chain = chain(&request.character.model, &shared.chain, own_model);
        let mut counted = None;
        let mut links = Vec::with_capacity(chain.len());
        for (provider, model) in &chain {
            let provider = &shared.by_name[*provider];
            if let Some(most) = provider.context_tokens(model)
                // The prompt was made to fit what the character asks for.
                && most < request.character.model.context_tokens
            {
                let tokens = *counted.get_or_insert_with(|| count(&shared.tokens, &request.messages));
                let shown = request.messages.iter().map(PromptMessage::image_tokens).sum::<usize>();
                let shown = if provider.sees(model) { shown } else { 0 };
                if tokens + shown + request.max_tokens as usize > most as usize {
                    continue;
                }
            }
            links.push(Link { provider: provider.clone(), back_end: provider.back_end(model) });
        }
        if links.is_empty() && !chain.is_empty() {
            let detail = "the prompt is longer than any model of the chain reads";
            return Err(GenerateError::new(GenerateErrorKind::Refused, detail));
        }
        Ok(Plan::new(links, attempt.failed.clone()))
    }

    async fn ask(self, request: Arc<GenerateRequest>, attempt: Attempt) -> Result<Opened, GenerateError> {
        let plan = Arc::new(self.plan(&request, &attempt)?);
        let Taken { link, place, passes } = plan.take(self.shared.place_wait).await?;
        let Link { provider, back_end } = link;
        attempt.chosen.set(back_end.clone());
        let spans = Spans { patience: self.patience, pause_max: self.shared.pause_max };
        let mut call = Call::new(provider.clone(), back_end.clone(), (passes, place), plan, spans);
        let answer = match &provider.voice {
            Some(Voice::OpenAi(openai)) => {
                let Attempt { so_far, pace, .. } = attempt;
                let model = back_end.model.clone();
                let eyes = self.eyes.clone().filter(|_| provider.sees(&model));
                openai.generate(Ask { request, model, so_far, pace, eyes })
            }
            Some(Voice::Offline(offline)) => offline.answer(request),
            // One that is off is in no chain.
            None => return Err(GenerateError::new(GenerateErrorKind::Unavailable, "no provider is on")),
        };
        let answer = match call.deadline() {
            Some(deadline) => timeout_at(deadline, answer).await.unwrap_or_else(|_| Err(Call::late())),
            None => answer.await,
        };
        match answer {
            Ok(Answer { start, pieces }) => {
                Ok(Opened { back_end, start, pieces: Watched::new(call, pieces).boxed() })
            }
            Err(fault) => Err(call.failed(fault)),
        }
    }
}

fn count(tokens: &Tokens, messages: &[PromptMessage]) -> usize {
    messages.iter().map(|message| message.tokens(tokens)).sum()
}

impl Generator for Providers {
    fn generate(
        &self,
        request: Arc<GenerateRequest>,
        attempt: Attempt,
    ) -> BoxFuture<'static, Result<Opened, GenerateError>> {
        Box::pin(self.clone().ask(request, attempt))
    }
}
