//! Who is asked for a character, in which order: names alone, pure.
//!
//! Its own back end first, then those that it names as fallbacks, then the default provider and those that stand in for it.
//! What is not switched on in the settings is left out, and each back end stands once.

use greenroom_actors::domain::ModelChoice;

use crate::config::{AiSettings, OFFLINE, parted};

/// Back ends that are looked at for one request.
const CHAIN_MAX: usize = 32;

/// A provider, and its model where it is not the provider's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub provider: String,
    pub model: Option<String>,
}

impl Named {
    fn read(link: &str) -> Self {
        let (provider, model) = parted(link);
        Self { provider: provider.to_owned(), model: model.map(ToOwned::to_owned) }
    }

    fn provider(name: &str) -> Self {
        Self { provider: name.to_owned(), model: None }
    }
}

/// The default provider, and who stands in for it.
pub(super) fn default_chain(settings: &AiSettings) -> Vec<Named> {
    let mut chain = vec![Named::provider(settings.default_name())];
    if settings.fallback.is_empty() {
        chain.extend(settings.in_auto_order().map(Named::provider));
    } else {
        chain.extend(settings.fallback.iter().map(|link| Named::read(link)));
    }
    if settings.offline_fallback {
        chain.push(Named::provider(OFFLINE));
    }
    let mut once = Vec::with_capacity(chain.len());
    for link in chain {
        if !once.contains(&link) {
            once.push(link);
        }
    }
    once
}

/// Provider and model of each back end, in order. `own_model` tells the model of a provider that is on, for those who name
/// none; `None` leaves the provider out.
pub(super) fn chain<'a>(
    choice: &'a ModelChoice,
    default: &'a [Named],
    own_model: impl Fn(&str) -> Option<&'a str>,
) -> Vec<(&'a str, &'a str)> {
    let model = choice.model.as_deref();
    let own = match choice.provider.as_deref() {
        Some(provider) => Some((provider, model)),
        // A model without a provider is one of the default provider's.
        None => default.first().filter(|_| model.is_some()).map(|first| (first.provider.as_str(), model)),
    };
    let fallbacks = choice.fallbacks.iter().map(|link| parted(link));
    let default = default.iter().map(|link| (link.provider.as_str(), link.model.as_deref()));
    let mut chain = Vec::new();
    for (provider, model) in own.into_iter().chain(fallbacks).chain(default) {
        // A model's name means nothing at another provider.
        let Some(own) = own_model(provider) else { continue };
        let link = (provider, model.unwrap_or(own));
        if !chain.contains(&link) && chain.len() < CHAIN_MAX {
            chain.push(link);
        }
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ProviderSettings;

    fn choice(provider: Option<&str>, model: Option<&str>, fallbacks: &[&str]) -> ModelChoice {
        ModelChoice {
            provider: provider.map(ToOwned::to_owned),
            model: model.map(ToOwned::to_owned),
            fallbacks: fallbacks.iter().map(|link| (*link).to_owned()).collect(),
            temperature: 0.8,
            max_tokens: 100,
            context_tokens: 1_000,
            response_cache: greenroom_actors::domain::ResponseCache::Off,
        }
    }

    fn of(choice: &ModelChoice, default: &[&str]) -> String {
        let default: Vec<Named> = default.iter().map(|link| Named::read(link)).collect();
        let own = |provider: &str| ["a", "b", "c"].iter().find(|name| **name == provider).map(|_| "own");
        let links: Vec<String> = chain(choice, &default, own)
            .iter()
            .map(|(provider, model)| format!("{provider}:{model}"))
            .collect();
        links.join(" ")
    }

    #[test]
    fn a_characters_own_choice_goes_first_and_the_default_chain_last_each_once() {
        assert_eq!(of(&choice(None, None, &[]), &["a", "b"]), "a:own b:own");
        assert_eq!(of(&choice(Some("b"), None, &[]), &["a", "b"]), "b:own a:own");
        assert_eq!(
            of(&choice(Some("b"), Some("big"), &["c/x/y", "a"]), &["a", "b"]),
            "b:big c:x/y a:own b:own"
        );
        assert_eq!(of(&choice(None, Some("big"), &[]), &["a", "b"]), "a:big a:own b:own");
    }

    #[test]
    fn a_provider_that_is_off_is_left_out_with_its_model() {
        assert_eq!(of(&choice(Some("gone"), Some("big"), &["gone/x"]), &["a", "off", "b"]), "a:own b:own");
    }

    fn settings(fallback: &[&str], offline_fallback: bool) -> AiSettings {
        let on = ProviderSettings { base_url: "http://x".into(), ..ProviderSettings::default() };
        let mut settings = AiSettings { offline_fallback, ..AiSettings::default() };
        settings.fallback = fallback.iter().map(|link| (*link).to_owned()).collect();
        for name in ["grok", "gemini", "house"] {
            settings.providers.insert(name.to_owned(), on.clone());
        }
        settings
    }

    #[test]
    fn all_others_stand_in_unless_the_settings_say_who() {
        let names = |settings: &AiSettings| {
            let links = default_chain(settings);
            links.iter().map(|link| link.provider.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&settings(&[], false)), "gemini grok house");
        assert_eq!(names(&settings(&["house/big"], false)), "gemini house");
        assert_eq!(names(&settings(&[], true)), "gemini grok house offline");
        assert_eq!(names(&AiSettings::default()), "offline");
        assert_eq!(names(&AiSettings { offline_fallback: true, ..AiSettings::default() }), "offline");
    }
}
