//! What the settings of moderation must hold.

use greenroom_actors::moderation::WINDOW_MAX_CHARS;

use super::Broken;
use crate::config::{Capability, Config, MODERATION_AUTO, MODERATION_NONE, ProviderKind};

/// Of one question: a person waits for it.
const TIMEOUT_MAX_MS: u64 = 60_000;

impl Config {
    pub(super) fn check_moderation(&self, broken: &mut Broken) {
        let moderation = &self.moderation;
        for error in moderation.rules().err().into_iter().flatten() {
            let name = format!("moderation.patterns.{}", error.category);
            broken.unless(false, name.trim_end_matches('.'), &error.to_string());
        }
        let scores =
            moderation.thresholds.iter().map(|(name, score)| (format!("thresholds.{name:?}"), *score));
        for (name, score) in scores.chain([("threshold".to_owned(), moderation.threshold)]) {
            broken.unless(
                score > 0.0 && score <= 2.0,
                &format!("moderation.{name}"),
                "takes a score above 0, such as 0.5; above 1 refuses nothing",
            );
        }
        broken.unless(
            (1..=WINDOW_MAX_CHARS).contains(&moderation.window_chars),
            "moderation.window_chars",
            &format!("takes 1 to {WINDOW_MAX_CHARS}"),
        );
        broken.unless(moderation.concurrency > 0, "moderation.concurrency", "takes 1 or more");
        broken.unless(
            (1..=TIMEOUT_MAX_MS).contains(&moderation.timeout_ms),
            "moderation.timeout_ms",
            &format!("takes 1 to {TIMEOUT_MAX_MS}"),
        );
        broken.unless(
            moderation.timeout_ms < self.engine.commit_deadline_ms,
            "moderation.timeout_ms",
            "is not shorter than engine.commit_deadline_ms: the sender would be told nothing",
        );
        broken.unless(
            moderation.cache_max == 0 || moderation.cache_s > 0,
            "moderation.cache_s",
            "takes a span longer than zero; cache_max = 0 keeps nothing",
        );
        let provider = moderation.provider.as_str();
        let named = ![MODERATION_AUTO, MODERATION_NONE].contains(&provider);
        let on = self.ai.active().find(|(name, _)| *name == provider).map(|(_, provider)| provider);
        let compatible = on.is_some_and(|provider| provider.kind == ProviderKind::OpenAiCompatible);
        broken.unless(
            !named || compatible,
            "moderation.provider",
            &format!(
                "no OpenAI-compatible provider {provider:?} is on; auto takes the first with a model for it"
            ),
        );
        let able = on.is_some_and(|provider| provider.model_for(Capability::Moderation).is_some());
        broken.unless(
            !compatible || able || !moderation.model.is_empty(),
            "moderation.model",
            &format!("takes the model to ask: ai.providers.{provider} has none for moderation"),
        );
    }
}
