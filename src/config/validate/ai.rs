//! Providers, their models, and who stands in for whom.

use super::super::{AiSettings, Config, OFFLINE, ProviderKind, ProviderSettings, parted};
use super::{Broken, is_name};

/// Back ends of one chain.
const CHAIN_MAX: usize = 16;
/// Models of one provider that are told of.
const MODELS_MAX: usize = 1_000;
/// Characters of a model's name.
const MODEL_NAME_MAX: usize = 200;
/// A hundred years.
const CALLS_KEEP_DAYS_MAX: u32 = 36_500;
/// A day: what a character said yesterday is no answer of today.
const RESPONSE_CACHE_MAX_S: u64 = 86_400;
const RESPONSE_CACHE_MAX_BYTES: u64 = 4 * 1_024 * 1_024 * 1_024;
/// A pause of an hour is no pause.
const PAUSE_MAX_MS: u64 = 3_600_000;

impl Config {
    pub(super) fn check_ai(&self, broken: &mut Broken) {
        broken.unless((0.0..=1.0).contains(&self.ai.token_margin), "ai.token_margin", "takes 0 to 1");
        for (name, provider) in &self.ai.providers {
            check_provider(name, provider, broken);
        }
        let default = self.ai.default_name();
        let usable = default == OFFLINE || self.ai.active().any(|(name, _)| name == default);
        broken.unless(
            usable,
            "ai.default_provider",
            &match self.ai.providers.get(default) {
                Some(provider) if provider.enabled => {
                    format!("{default:?} has no key: set {}", provider.api_key_env.join(" or "))
                }
                Some(_) => format!("{default:?} is switched off: set ai.providers.{default}.enabled = true"),
                None => format!("there is no provider {default:?} in ai.providers"),
            },
        );
        check_chain(&self.ai, broken);
        broken.unless(
            self.ai.calls_keep_days <= CALLS_KEEP_DAYS_MAX,
            "ai.calls_keep_days",
            "takes at most 36500 days; 0 is for ever",
        );
        broken.unless(
            (1..=RESPONSE_CACHE_MAX_S).contains(&self.ai.response_cache_s),
            "ai.response_cache_s",
            "takes 1 to 86400 seconds; each character says whether its answers are kept at all",
        );
        broken.unless(
            self.ai.response_cache_max_bytes <= RESPONSE_CACHE_MAX_BYTES,
            "ai.response_cache_max_bytes",
            "takes at most 4 GB",
        );
        let breaker = &self.ai.breaker;
        broken.unless(breaker.failures >= 1, "ai.breaker.failures", "takes 1 or more");
        broken.unless((1..=1_000).contains(&breaker.window), "ai.breaker.window", "takes 1 to 1000");
        let share = (1..=100).contains(&breaker.share_percent);
        broken.unless(share, "ai.breaker.share_percent", "takes 1 to 100");
        broken.unless(breaker.open_ms > 0, "ai.breaker.open_ms", "takes a span longer than zero");
        broken.unless(
            (breaker.open_ms..=PAUSE_MAX_MS).contains(&breaker.open_max_ms),
            "ai.breaker.open_max_ms",
            "takes ai.breaker.open_ms to 3600000",
        );
        broken.unless(
            (1..=PAUSE_MAX_MS).contains(&self.ai.pause_max_ms),
            "ai.pause_max_ms",
            "takes 1 to 3600000",
        );
    }
}

fn check_provider(name: &str, provider: &ProviderSettings, broken: &mut Broken) {
    let at = format!("ai.providers.{name}");
    let offline = provider.kind == ProviderKind::Offline;
    broken.unless(is_name(name), &at, "a name has small letters, digits, - and _");
    let web = provider.base_url.starts_with("https://") || provider.base_url.starts_with("http://");
    broken.unless(
        offline || web,
        &format!("{at}.base_url"),
        "takes an address such as https://api.openai.com/v1",
    );
    broken.unless(
        offline || !provider.is_active() || !provider.model.is_empty(),
        &format!("{at}.model"),
        "takes the model for characters that name none",
    );
    broken.unless(provider.models.len() <= MODELS_MAX, &format!("{at}.models"), "takes at most 1000");
    for (model, settings) in &provider.models {
        let at = format!("{at}.models.{model:?}");
        let named = !model.trim().is_empty()
            && model.chars().count() <= MODEL_NAME_MAX
            && !model.chars().any(char::is_control);
        broken.unless(named, &at, "a model has a name of at most 200 characters");
        broken.unless(
            settings.context_tokens != Some(0),
            &format!("{at}.context_tokens"),
            "takes 1 or more; leave it out where it is not known",
        );
        if let Some((field, problem)) = settings.price.as_ref().and_then(|price| price.problem()) {
            broken.unless(false, &format!("{at}.price.{field}"), problem);
        }
        broken.unless(
            !settings.capabilities.is_empty(),
            &format!("{at}.capabilities"),
            "takes what the model can do, such as [\"chat\"]",
        );
    }
}

fn check_chain(ai: &AiSettings, broken: &mut Broken) {
    broken.unless(ai.fallback.len() <= CHAIN_MAX, "ai.fallback", "takes at most 16");
    for link in &ai.fallback {
        let (provider, model) = parted(link);
        broken.unless(
            ai.providers.contains_key(provider),
            "ai.fallback",
            &format!("{link:?}: there is no provider {provider:?} in ai.providers"),
        );
        broken.unless(
            model.is_none_or(|model| !model.trim().is_empty()),
            "ai.fallback",
            &format!("{link:?} names no model behind its /"),
        );
    }
}
