//! Clients for what providers do beside chat: judging texts, speech, transcripts.

use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::error::OpenAIError;
use greenroom_actors::domain::BackEnd;
use tokio::time::Instant;

use super::Providers;
use super::openai::{Endpoint, Fault, Redact, mapped};
use super::provider::{Provider, Voice};
use crate::config::{Capability, UnitPrice};

/// A model that can do what was asked for, and the way to it.
///
/// The client has the provider's address and key; it asks once, takes at most 60 s and 32 MiB, and follows no redirect.
#[derive(Clone)]
pub struct Capable {
    pub client: Client<Endpoint>,
    /// Who it is, with its price per token, for the accounts.
    pub back_end: Arc<BackEnd>,
    /// What is not priced by token.
    pub unit_price: UnitPrice,
    redact: Redact,
    pub(super) provider: Arc<Provider>,
    pub(super) capability: Capability,
    pub(super) place_wait: Duration,
    pub(super) pause_max: Duration,
}

impl Capable {
    /// The client with other bounds, for what takes longer or is larger.
    pub(super) fn client_within(&self, timeout: Duration, max_bytes: usize) -> Client<Endpoint> {
        match &self.provider.voice {
            Some(Voice::OpenAi(openai)) => openai.client_within(timeout, max_bytes),
            _ => self.client.clone(),
        }
    }

    /// What went wrong, in the engine's terms, without the key.
    pub(super) fn fault(&self, error: &OpenAIError) -> Fault {
        mapped(error, &self.back_end.model, &self.redact)
    }
}

impl Providers {
    /// The first model with this capability, in the order of the default chain and then by name: of a provider that is on
    /// and not left alone with this just now. `None`: there is none. Of several models of one provider the first by name.
    #[must_use]
    pub fn with_capability(&self, capability: Capability) -> Option<Capable> {
        let shared = self.shared();
        let in_chain = shared.chain.iter().filter_map(|link| shared.by_name.get(&link.provider));
        in_chain.chain(shared.by_name.values()).find_map(|provider| {
            let model = model(provider, capability)?;
            provider.aside.ready(capability, model, Instant::now()).ok().filter(|()| provider.is_open())?;
            self.capable_of(provider, model, capability)
        })
    }

    /// The same for one model of one provider that is on, which the settings need not tell of.
    #[must_use]
    pub fn capable(&self, provider: &str, model: &str, capability: Capability) -> Option<Capable> {
        let provider = self.shared().by_name.get(provider).filter(|provider| provider.is_enabled())?;
        self.capable_of(provider, model, capability)
    }

    fn capable_of(&self, provider: &Arc<Provider>, model: &str, capability: Capability) -> Option<Capable> {
        let Some(Voice::OpenAi(openai)) = &provider.voice else { return None };
        let settings = provider.models.get(model);
        let unit_price = settings.and_then(|it| it.price).map(|price| price.per_unit()).unwrap_or_default();
        Some(Capable {
            client: openai.client(),
            back_end: provider.back_end(model),
            unit_price,
            redact: openai.redact(),
            provider: provider.clone(),
            capability,
            place_wait: self.shared().place_wait,
            pause_max: self.shared().pause_max,
        })
    }

    /// Whether the settings have a model with this capability, though it may be left alone just now.
    #[must_use]
    pub fn has_capability(&self, capability: Capability) -> bool {
        let able = |provider: &Arc<Provider>| provider.is_enabled() && model(provider, capability).is_some();
        self.shared().by_name.values().any(able)
    }
}

fn model(provider: &Provider, capability: Capability) -> Option<&str> {
    let able = provider.models.iter().find(|(_, settings)| settings.capabilities.contains(&capability));
    able.map(|(name, _)| name.as_str())
}
