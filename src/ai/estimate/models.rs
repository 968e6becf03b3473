//! Which models there are, and which one a name stands for.

use greenroom_actors::domain::Price;

use crate::config::{AiSettings, Capability, ModelSettings, OFFLINE, ProviderKind, parted};

/// Names that are suggested for an unknown one.
const NEAREST_MAX: usize = 3;
/// How alike they have to be, from 0 to 1.
const ALIKE: f64 = 0.5;

/// A model that the settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ai) struct Known {
    pub provider: String,
    pub model: String,
    /// `None`: the settings do not tell it.
    pub price: Option<Price>,
}

/// All of them, those first that characters would get: of the default provider, then of others that are on, then of the rest:
/// what a call costs can be asked before there is a key.
pub(super) fn known(settings: &AiSettings) -> Vec<Known> {
    let default = settings.default_name();
    let rank = |name: &str| match settings.providers.get(name) {
        _ if name == default => 0,
        Some(provider) if provider.is_active() => 1,
        _ => 2,
    };
    let mut names: Vec<&String> = settings.providers.keys().collect();
    names.sort_by_key(|name| (rank(name), name.as_str()));
    let mut all = Vec::new();
    for name in names {
        let provider = &settings.providers[name];
        let of = |model: &str, price| Known { provider: name.clone(), model: model.to_owned(), price };
        if provider.kind == ProviderKind::Offline {
            all.push(of(OFFLINE, Some(Price::default())));
            continue;
        }
        let chats = |model: &ModelSettings| model.capabilities.contains(&Capability::Chat);
        let told = provider.models.iter().filter(|(_, settings)| chats(settings));
        all.extend(told.map(|(model, settings)| of(model, settings.price.map(|price| price.per_tokens()))));
        // Characters speak with it, whether the settings tell of it or not.
        if !provider.model.is_empty() && !provider.models.contains_key(&provider.model) {
            all.push(of(&provider.model, None));
        }
    }
    all
}

/// The model of this name, which may have its provider before it: `openai/gpt-5.4-mini`. Else the nearest names.
pub(super) fn find(settings: &AiSettings, provider: Option<&str>, name: &str) -> Result<Known, Vec<String>> {
    let all = known(settings);
    let name = name.trim();
    let of_provider = |one: &&Known| provider.is_none_or(|provider| one.provider == provider);
    let exact = || all.iter().filter(of_provider).find(|one| one.model == name);
    // Names of models have slashes too: a provider's own goes first.
    let (of, model) = parted(name);
    let with_provider =
        all.iter().find(|one| provider.is_none() && one.provider == of && Some(&*one.model) == model);
    if let Some(found) = with_provider.or_else(exact) {
        return Ok(found.clone());
    }
    let wanted = name.to_lowercase();
    let bare = wanted.rsplit('/').next().unwrap_or(&wanted);
    let mut near: Vec<(f64, &str)> = all
        .iter()
        .map(|one| {
            let known = one.model.to_lowercase();
            let likeness = strsim::normalized_damerau_levenshtein(&known, &wanted)
                .max(strsim::normalized_damerau_levenshtein(&known, bare));
            (likeness, one.model.as_str())
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup_by(|a, b| a.1 == b.1);
    Err(near.into_iter().take(NEAREST_MAX).map(|(_, model)| model.to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_by_its_name_with_and_without_its_provider() {
        let settings = AiSettings::default();
        let found = |name: &str| find(&settings, None, name).map(|known| (known.provider, known.model));
        let mini = ("openai".to_owned(), "gpt-5.4-mini".to_owned());
        assert_eq!(found("gpt-5.4-mini").unwrap(), mini);
        assert_eq!(found("openai/gpt-5.4-mini").unwrap(), mini);
        assert_eq!(found("offline").unwrap().0, "offline");
        assert_eq!(found("openrouter/x-ai/grok-4.3").unwrap().1, "x-ai/grok-4.3");
        assert!(found("tts-1").is_err(), "its calls are not counted in tokens");
        let known = find(&settings, None, "gpt-5.4-mini").unwrap();
        assert_eq!(known.price.map(|price| price.input), Some(750_000));
        assert!(find(&settings, Some("gemini"), "gpt-5.4-mini").is_err());
    }

    #[test]
    fn an_unknown_model_is_answered_with_the_nearest_names() {
        let near = |name: &str| find(&AiSettings::default(), None, name).unwrap_err();
        assert_eq!(near("gpt-5.4-mni")[0], "gpt-5.4-mini");
        assert_eq!(near("openai/GPT-5.4-MINI")[0], "gpt-5.4-mini");
        assert!(near("gpt-5").len() <= NEAREST_MAX);
        assert_eq!(near("x"), [""; 0]);
    }
}
