//! Which provider speaks for which character.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{BackEnd, Price};
use greenroom_actors::ports::{
    Attempt, GenerateError, GenerateErrorKind, GenerateRequest, Generator, Opened, Piece, Start,
};

use super::offline::Offline;
use super::openai::OpenAi;
use super::status::{Health, ProviderState, ProviderStatus};
use crate::config::{AiSettings, ProviderKind};
use crate::http::Finding;

#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("ai.providers.{name}: {cause}")]
    Settings { name: String, cause: String },
    #[error("ai.default_provider: \u{201c}{name}\u{201d} is not switched on")]
    NoDefault { name: String },
}

/// All providers that are switched on. Cheap to clone.
#[derive(Clone)]
pub struct Providers {
    by_name: Arc<BTreeMap<String, Provider>>,
    default: Arc<str>,
    read_every: Duration,
}

#[derive(Clone)]
struct Provider {
    voice: Voice,
    health: Health,
}

#[derive(Clone)]
enum Voice {
    OpenAi(OpenAi),
    Offline(Offline),
}

impl Providers {
    /// Makes a client for each provider that is on. Connects to none.
    pub fn new(settings: &AiSettings) -> Result<Self, ProviderError> {
        let mut by_name = BTreeMap::new();
        for (name, provider) in settings.active() {
            let voice = match provider.kind {
                ProviderKind::Offline => {
                    Voice::Offline(Offline::new(Duration::from_millis(settings.offline_word_delay_ms)))
                }
                ProviderKind::OpenAiCompatible => {
                    let failed = |cause| ProviderError::Settings { name: name.to_owned(), cause };
                    Voice::OpenAi(OpenAi::new(provider).map_err(failed)?)
                }
            };
            by_name.insert(name.to_owned(), Provider { voice, health: Health::default() });
        }
        let default = settings.default_name();
        if !by_name.contains_key(default) {
            return Err(ProviderError::NoDefault { name: default.to_owned() });
        }
        Ok(Self { by_name: Arc::new(by_name), default: default.into(), read_every: Duration::ZERO })
    }

    /// Reads a reply that is under way only so often, each time all that came: nothing is gained by reading more often
    /// than it is passed on. Zero, from the start, is at once.
    #[must_use]
    pub fn read_every(self, read_every: Duration) -> Self {
        Self { read_every, ..self }
    }

    /// Whether some provider is elsewhere, so that its tokens are to be counted.
    #[must_use]
    pub fn counts_tokens(&self) -> bool {
        self.by_name.values().any(|provider| matches!(provider.voice, Voice::OpenAi(_)))
    }

    /// The provider of characters that name none.
    #[must_use]
    pub fn default_name(&self) -> &str {
        &self.default
    }

    /// By name.
    #[must_use]
    pub fn status(&self) -> Vec<ProviderStatus> {
        self.by_name.iter().map(|(name, provider)| provider.status(name)).collect()
    }

    /// The default provider's state, for the health of the whole.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let provider = &self.by_name[&*self.default];
        let name = &self.default;
        match provider.health.state(provider.kind()) {
            ProviderState::Idle | ProviderState::Up => {
                Finding { detail: Some(format!("{name} ({})", provider.kind().as_str())), ..Finding::up() }
            }
            ProviderState::Degraded => Finding::degraded(format!("{name}: the latest request failed")),
            ProviderState::Down => Finding::down(format!("{name}: the latest requests failed")),
        }
    }

    fn name_of(&self, provider: &Provider) -> &str {
        self.by_name
            .iter()
            .find(|(_, one)| std::ptr::eq(*one, provider))
            .map_or(&*self.default, |(name, _)| name)
    }

    /// The character's own provider with its model, or the default one with its own: a model's name means nothing
    /// elsewhere.
    fn route<'a>(&'a self, request: &'a GenerateRequest) -> (&'a Provider, Option<&'a str>) {
        let choice = &request.character.model;
        let model = choice.model.as_deref();
        match choice.provider.as_deref() {
            None => (&self.by_name[&*self.default], model),
            Some(name) => match self.by_name.get(name) {
                Some(provider) => (provider, model),
                None => (&self.by_name[&*self.default], None),
            },
        }
    }
}

impl Provider {
    fn kind(&self) -> ProviderKind {
        match self.voice {
            Voice::OpenAi(_) => ProviderKind::OpenAiCompatible,
            Voice::Offline(_) => ProviderKind::Offline,
        }
    }

    fn status(&self, name: &str) -> ProviderStatus {
        let model = match &self.voice {
            Voice::OpenAi(provider) => Some(provider.model().to_owned()),
            Voice::Offline(_) => None,
        };
        let kind = self.kind();
        ProviderStatus { name: name.to_owned(), kind: kind.as_str(), state: self.health.state(kind), model }
    }
}

impl Generator for Providers {
    fn generate(
        &self,
        request: Arc<GenerateRequest>,
        attempt: Attempt,
    ) -> BoxFuture<'static, Result<Opened, GenerateError>> {
        let (provider, model) = self.route(&request);
        let name = self.name_of(provider);
        let health = provider.health.clone();
        let answer = match &provider.voice {
            Voice::Offline(offline) => return offline.generate(request.clone(), attempt),
            Voice::OpenAi(provider) => provider.generate(&request, model, self.read_every),
        };
        let model = match &provider.voice {
            Voice::OpenAi(provider) => model.unwrap_or(provider.model()),
            Voice::Offline(_) => name,
        };
        let price = Price::default();
        let back_end = Arc::new(BackEnd { provider: name.into(), model: model.into(), price });
        Box::pin(async move {
            let by = back_end.clone();
            let failed = |error: GenerateError| {
                health.failed();
                GenerateError { by: Some(by), ..error }
            };
            let pieces = answer.await.map_err(failed)?;
            let watched = pieces.inspect(move |piece| match piece {
                Ok(Piece::Text(_)) => {}
                Ok(Piece::End { .. }) => health.succeeded(),
                // A refusal in the stream is about what was said: the provider is well.
                Err(error) if error.kind == GenerateErrorKind::Refused => health.succeeded(),
                Err(_) => health.failed(),
            });
            Ok(Opened { back_end, start: Start::Anew, pieces: watched.boxed() })
        })
    }
}
