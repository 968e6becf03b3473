//! How providers fare, as it is told: to all, to users, to admins.

use std::sync::Arc;

use greenroom_actors::domain::Price;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::breaker::Stand;
use super::provider::Provider;
use super::{Providers, statistics};
use crate::config::{Capability, ProviderKind};
use crate::conversations::view::wire_time;

/// From its latest requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderState {
    /// Nothing was asked of it yet.
    Idle,
    Up,
    /// The latest request failed; or, for admins, what it is asked beside replies fails: speech, judgements, transcripts.
    Degraded,
    /// The latest three or more requests failed, or it is left alone because too many did.
    Down,
    /// Switched off.
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    pub name: String,
    /// `openai-compatible`, or `offline`: the built-in one, which is no language model.
    pub kind: &'static str,
    pub state: ProviderState,
    /// Of characters that name none; null for the offline provider.
    pub model: Option<String>,
}

/// In micro-dollars (a millionth of a US dollar) per million tokens: $2.50 per million is 2500000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceView {
    pub input: u64,
    /// Of prompt tokens that the provider had in its cache.
    pub cached_input: u64,
    pub output: u64,
}

impl From<Price> for PriceView {
    fn from(Price { input, cached_input, output }: Price) -> Self {
        Self { input, cached_input, output }
    }
}

/// A model of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelView {
    pub name: String,
    /// Tokens of prompt and reply together; null where it is not known.
    pub context_tokens: Option<u32>,
    /// Null where it is not known: its calls are accounted at nothing.
    pub price: Option<PriceView>,
    #[schema(value_type = Vec<Capability>)]
    pub capabilities: Vec<Capability>,
    /// Its own, while its calls fail and others of the provider do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerView>,
}

/// Whether calls go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    Closed,
    /// Too many failed: it is left alone for a while.
    Open,
    /// One call tries.
    HalfOpen,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakerView {
    pub state: BreakerState,
    /// Open until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// In a row.
    pub failures: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConcurrencyView {
    /// Replies at the same time; 0 is no limit.
    pub limit: usize,
    pub running: usize,
    pub waiting: usize,
    /// Calls beside replies (speech, judgements, transcripts): they have places of their own.
    pub aside: usize,
}

/// Of the latest replies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatencyView {
    /// Null before the first reply.
    #[serde(rename = "firstTokenP50Ms")]
    pub first_token_p50_ms: Option<u32>,
    #[serde(rename = "firstTokenP95Ms")]
    pub first_token_p95_ms: Option<u32>,
    pub samples: usize,
}

/// Since this node started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestsView {
    pub total: u64,
    pub failed: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorCount {
    /// `unavailable`, `rate_limited`, `timeout`, `refused` or `broken`.
    #[schema(value_type = String)]
    pub kind: &'static str,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastErrorView {
    pub at: Timestamp,
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// As the provider told it, without the key.
    pub detail: String,
}

/// A provider as admins see it; its numbers are those of the node that answers.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderView {
    pub name: String,
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// By the settings and by admins.
    pub enabled: bool,
    /// Replies under way end, new ones go elsewhere.
    pub draining: bool,
    /// Whether it speaks for characters that name none.
    pub default: bool,
    pub state: ProviderState,
    pub breaker: BreakerView,
    /// It asked to be left alone until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Timestamp>,
    pub concurrency: ConcurrencyView,
    pub latency: LatencyView,
    pub requests: RequestsView,
    pub errors: Vec<ErrorCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastErrorView>,
    /// Those of the settings, and others that were asked.
    pub models: Vec<ModelView>,
}

impl Providers {
    /// All of the settings, those that are off too, by name.
    #[must_use]
    pub fn views(&self) -> Vec<ProviderView> {
        self.shared().by_name.values().map(|provider| self.view(provider)).collect()
    }

    /// `None`: the settings know none of this name.
    #[must_use]
    pub fn view_of(&self, name: &str) -> Option<ProviderView> {
        self.shared().by_name.get(name).map(|provider| self.view(provider))
    }

    /// Who is asked for characters that name none, in order: `provider`, or `provider/model`.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        let written = |link: &super::chain::Named| match &link.model {
            Some(model) => format!("{}/{model}", link.provider),
            None => link.provider.clone(),
        };
        self.shared().chain.iter().map(written).collect()
    }

    /// The models of those that the settings have on: provider, and model.
    #[must_use]
    pub fn models(&self) -> Vec<(String, ModelView)> {
        let active = self.shared().by_name.values().filter(|provider| provider.is_active());
        active
            .flat_map(|provider| models(provider).into_iter().map(|it| (provider.name.to_string(), it)))
            .collect()
    }

    /// Tells Prometheus what stands now.
    pub fn record(&self) {
        let now = Instant::now();
        for provider in self.shared().by_name.values().filter(|provider| provider.is_active()) {
            let name = || provider.name.to_string();
            let breaker = match provider.standing(now).0 {
                Stand::Closed => 0.0,
                Stand::HalfOpen => 1.0,
                Stand::Open { .. } => 2.0,
            };
            metrics::gauge!(BREAKER, "provider" => name()).set(breaker);
            metrics::gauge!(RUNNING, "provider" => name()).set(provider.places.running() as f64);
            metrics::gauge!(WAITING, "provider" => name()).set(provider.places.waiting() as f64);
        }
    }

    fn view(&self, provider: &Arc<Provider>) -> ProviderView {
        let now = Instant::now();
        let (stand, failures, paused) = provider.standing(now);
        let report = provider.statistics.report();
        ProviderView {
            name: provider.name.to_string(),
            kind: provider.kind.as_str(),
            enabled: provider.is_enabled(),
            draining: provider.is_draining(),
            default: *provider.name == *self.default_name(),
            state: match provider.state(now) {
                ProviderState::Idle | ProviderState::Up if provider.aside.is_troubled() => {
                    ProviderState::Degraded
                }
                state => state,
            },
            breaker: BreakerView::of(stand, failures, now),
            paused_until: paused.map(|until| wall(until, now)),
            concurrency: ConcurrencyView {
                limit: provider.places.limit(),
                running: provider.places.running(),
                waiting: provider.places.waiting(),
                aside: provider.aside.running(),
            },
            latency: LatencyView {
                first_token_p50_ms: report.p50,
                first_token_p95_ms: report.p95,
                samples: report.samples,
            },
            requests: RequestsView {
                total: report.total,
                failed: report.errors.iter().map(|(_, count)| count).sum(),
            },
            errors: report.errors.iter().map(|&(kind, count)| ErrorCount { kind, count }).collect(),
            last_error: report.last_error.map(|error| {
                let statistics::LastError { at, kind, detail } = error;
                LastErrorView { at: wire_time(at), kind, detail }
            }),
            models: models(provider),
        }
    }
}

const BREAKER: &str = "greenroom_ai_breaker_state";
const RUNNING: &str = "greenroom_ai_running";
const WAITING: &str = "greenroom_ai_waiting";

/// Says what the metrics mean; after the recorder is there.
pub fn describe_metrics() {
    statistics::describe();
    metrics::describe_gauge!(BREAKER, "Breaker of an AI provider: 0 closed, 1 half-open, 2 open.");
    metrics::describe_gauge!(RUNNING, "Calls to an AI provider that are under way.");
    metrics::describe_gauge!(WAITING, "Replies that wait for a place at an AI provider.");
}

impl BreakerView {
    fn of(stand: Stand, failures: u32, now: Instant) -> Self {
        let (state, until) = match stand {
            Stand::Closed => (BreakerState::Closed, None),
            Stand::Open { until } => (BreakerState::Open, Some(wall(until, now))),
            Stand::HalfOpen => (BreakerState::HalfOpen, None),
        };
        Self { state, until, failures }
    }
}

fn wall(moment: Instant, now: Instant) -> Timestamp {
    let from_now = moment.saturating_duration_since(now);
    wire_time(Timestamp::now().checked_add(from_now).unwrap_or(Timestamp::MAX))
}

/// Those of the settings, its own, and others that were asked.
fn models(provider: &Provider) -> Vec<ModelView> {
    if provider.kind == ProviderKind::Offline {
        return Vec::new();
    }
    let now = Instant::now();
    let known = provider.models.iter().map(|(name, settings)| ModelView {
        name: name.clone(),
        context_tokens: settings.context_tokens,
        price: settings.price.map(|price| price.per_tokens().into()),
        capabilities: settings.capabilities.clone(),
        breaker: provider.trouble(name, now).map(|(stand, failures)| BreakerView::of(stand, failures, now)),
    });
    let own = std::iter::once(provider.model.clone()).filter(|name| !name.is_empty());
    let mut untold: Vec<Arc<str>> = own.chain(provider.untold()).collect();
    untold.sort();
    untold.dedup();
    let untold = untold.into_iter().filter(|name| !provider.models.contains_key(&**name));
    let untold = untold.map(|name| ModelView {
        name: name.to_string(),
        context_tokens: None,
        price: None,
        breaker: provider.trouble(&name, now).map(|(stand, failures)| BreakerView::of(stand, failures, now)),
        capabilities: vec![Capability::Chat],
    });
    known.chain(untold).collect()
}
