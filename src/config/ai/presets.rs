//! The providers that need nothing but a key, with their models.
//!
//! Names, context sizes and prices as the providers told them in autumn 2026: openai.com/api/pricing,
//! ai.google.dev/gemini-api/docs/pricing, docs.x.ai/developers/models, openrouter.ai/models; those that are no longer
//! listed, as they were last. `config.toml` repeats them for the operator, who knows of changes first.

use std::collections::BTreeMap;

use super::models::{Capability, ModelSettings, Models, PriceSettings};
use super::{Continues, OFFLINE, ProviderKind, ProviderSettings};

/// Requests that a model on one's own machine answers at the same time: as many as Ollama does by itself.
const OLLAMA_CONCURRENCY: usize = 4;

/// A model for chat: name, context, and dollars per million tokens in, cached and out.
type Chat = (&'static str, u32, f64, Option<f64>, f64);

const OPENAI: &[Chat] = &[
    ("gpt-5.5", 1_050_000, 5.0, Some(0.5), 30.0),
    ("gpt-5.4", 1_050_000, 2.5, Some(0.25), 15.0),
    ("gpt-5.4-mini", 400_000, 0.75, Some(0.075), 4.5),
    ("gpt-5.4-nano", 400_000, 0.2, Some(0.02), 1.25),
    ("gpt-5.1", 400_000, 1.25, Some(0.125), 10.0),
    ("gpt-5-mini", 400_000, 0.25, Some(0.025), 2.0),
    ("gpt-4.1", 1_047_576, 2.0, Some(0.5), 8.0),
    ("gpt-4.1-mini", 1_047_576, 0.4, Some(0.1), 1.6),
    ("gpt-4o", 128_000, 2.5, Some(1.25), 10.0),
    ("gpt-4o-mini", 128_000, 0.15, Some(0.075), 0.6),
    // Older characters name these.
    ("gpt-4", 8_192, 30.0, None, 60.0),
    ("gpt-4-turbo", 128_000, 10.0, None, 30.0),
    ("gpt-3.5-turbo", 16_385, 0.5, None, 1.5),
    ("gpt-3.5-turbo-16k", 16_385, 3.0, None, 4.0),
];
const GEMINI: &[Chat] = &[
    // The newest Flash, which is 3.8; its price doubles in January 2027.
    ("gemini-flash-latest", 1_048_576, 0.75, Some(0.075), 3.75),
    ("gemini-3.8-flash", 1_048_576, 0.75, Some(0.075), 3.75),
    ("gemini-3.5-flash", 1_048_576, 1.5, Some(0.15), 9.0),
    ("gemini-3.5-flash-lite", 1_048_576, 0.3, Some(0.03), 2.5),
    ("gemini-3.1-pro-preview", 1_048_576, 2.0, Some(0.2), 12.0),
    ("gemini-3.1-flash-lite", 1_048_576, 0.25, Some(0.025), 1.5),
    ("gemini-2.5-pro", 1_048_576, 1.25, Some(0.125), 10.0),
    ("gemini-2.5-flash", 1_048_576, 0.3, Some(0.03), 2.5),
    ("gemini-2.5-flash-lite", 1_048_576, 0.1, Some(0.01), 0.4),
];
const GROK: &[Chat] = &[
    ("grok-4.3", 1_000_000, 1.25, Some(0.2), 2.5),
    ("grok-4.20-non-reasoning", 1_000_000, 1.25, Some(0.2), 2.5),
    ("grok-4.20-reasoning", 1_000_000, 1.25, Some(0.2), 2.5),
    // Answered by Grok 4.3, at its price.
    ("grok-4-1-fast-non-reasoning", 1_000_000, 1.25, Some(0.2), 2.5),
];
const OLLAMA: &[Chat] = &[("llama3.2", 131_072, 0.0, None, 0.0)];
const OPENROUTER: &[Chat] = &[
    ("openai/gpt-5.4-mini", 400_000, 0.75, Some(0.075), 4.5),
    ("google/gemini-3.5-flash", 1_048_576, 1.5, Some(0.15), 9.0),
    ("x-ai/grok-4.3", 1_000_000, 1.25, Some(0.2), 2.5),
];

/// Those that read no pictures; all others of today do.
const BLIND: [&str; 4] = ["gpt-4", "gpt-3.5-turbo", "gpt-3.5-turbo-16k", "llama3.2"];

fn chat(models: &[Chat]) -> Models {
    let settings = |&(name, context_tokens, input, cached_input, output): &Chat| {
        let price = PriceSettings { input, cached_input, output, ..PriceSettings::default() };
        let model = ModelSettings {
            context_tokens: Some(context_tokens),
            price: Some(price),
            capabilities: if BLIND.contains(&name) {
                vec![Capability::Chat]
            } else {
                vec![Capability::Chat, Capability::Vision]
            },
        };
        (name.to_owned(), model)
    };
    models.iter().map(settings).collect()
}

fn other(name: &str, capability: Capability, price: Option<PriceSettings>) -> (String, ModelSettings) {
    (name.to_owned(), ModelSettings { context_tokens: None, price, capabilities: vec![capability] })
}

/// What OpenAI offers beside chat.
fn openai_others() -> [(String, ModelSettings); 10] {
    let free = PriceSettings::default();
    let speech = |dollars| Some(PriceSettings { per_million_characters: Some(dollars), ..free });
    let minute = |dollars| Some(PriceSettings { per_minute: Some(dollars), ..free });
    [
        other("omni-moderation-latest", Capability::Moderation, Some(free)),
        // Billed by the token: about a cent and a half a minute.
        other("gpt-4o-mini-tts", Capability::Speech, speech(16.0)),
        other("tts-1", Capability::Speech, speech(15.0)),
        other("tts-1-hd", Capability::Speech, speech(30.0)),
        other("gpt-4o-mini-transcribe", Capability::Transcription, minute(0.003)),
        other("gpt-4o-transcribe", Capability::Transcription, minute(0.006)),
        other("whisper-1", Capability::Transcription, minute(0.006)),
        // Billed by the token; what they come to for 1024 x 1024, and for 1024 x 1536.
        other("gpt-image-1.5", Capability::Image, Some(GPT_IMAGE_15)),
        other("sora-2", Capability::Video, second(0.1, None)),
        other("sora-2-pro", Capability::Video, second(0.3, Some(0.5))),
    ]
}

/// Low, medium, high.
const GPT_IMAGE_15: PriceSettings = PriceSettings {
    per_image: Some(0.009),
    per_image_hd: Some(0.034),
    per_image_premium: Some(0.133),
    per_wide_image: Some(0.013),
    per_wide_image_hd: Some(0.05),
    per_wide_image_premium: Some(0.2),
    ..NOTHING
};
const NOTHING: PriceSettings = PriceSettings {
    input: 0.0,
    cached_input: None,
    output: 0.0,
    per_million_characters: None,
    per_minute: None,
    per_image: None,
    per_image_hd: None,
    per_image_premium: None,
    per_wide_image: None,
    per_wide_image_hd: None,
    per_wide_image_premium: None,
    per_second: None,
    per_second_hd: None,
};

/// What xAI offers beside chat; its videos cost by their lines: 480, 720.
fn grok_others() -> [(String, ModelSettings); 3] {
    let image = |dollars| Some(PriceSettings { per_image: Some(dollars), ..NOTHING });
    [
        other("grok-imagine-image", Capability::Image, image(0.02)),
        other("grok-imagine-image-quality", Capability::Image, image(0.05)),
        other("grok-imagine-video", Capability::Video, second(0.05, Some(0.07))),
    ]
}

fn second(dollars: f64, hd: Option<f64>) -> Option<PriceSettings> {
    Some(PriceSettings { per_second: Some(dollars), per_second_hd: hd, ..NOTHING })
}

fn preset(base_url: &str, model: &str, key_env: &[&str], models: Models) -> ProviderSettings {
    ProviderSettings {
        base_url: base_url.to_owned(),
        model: model.to_owned(),
        key_required: !key_env.is_empty(),
        api_key_env: key_env.iter().map(|name| (*name).to_owned()).collect(),
        models,
        ..ProviderSettings::default()
    }
}

/// By name.
pub(super) fn providers() -> BTreeMap<String, ProviderSettings> {
    let mut openai = preset("https://api.openai.com/v1", "gpt-5.4-mini", &["OPENAI_API_KEY"], chat(OPENAI));
    openai.models.extend(openai_others());
    let gemini = "https://generativelanguage.googleapis.com/v1beta/openai";
    let gemini = preset(gemini, "gemini-flash-latest", &["GEMINI_API_KEY"], chat(GEMINI));
    let grok_keys = ["XAI_API_KEY", "GROK_API_KEY"];
    let mut grok = preset("https://api.x.ai/v1", "grok-4.20-non-reasoning", &grok_keys, chat(GROK));
    grok.models.extend(grok_others());
    let ollama = preset("http://127.0.0.1:11434/v1", "llama3.2", &[], chat(OLLAMA));
    let openrouter = "https://openrouter.ai/api/v1";
    let openrouter = preset(openrouter, "openai/gpt-5.4-mini", &["OPENROUTER_API_KEY"], chat(OPENROUTER));
    let offline = ProviderSettings { kind: ProviderKind::Offline, ..ProviderSettings::default() };
    [
        ("openai", ProviderSettings { continues: Continues::Ask, ..openai }),
        // Its models take no instruction behind what they said: they begin anew.
        ("gemini", gemini),
        ("grok", ProviderSettings { continues: Continues::Ask, ..grok }),
        (
            "ollama",
            ProviderSettings {
                enabled: false,
                continues: Continues::Prefill,
                concurrency: OLLAMA_CONCURRENCY,
                ..ollama
            },
        ),
        ("openrouter", ProviderSettings { continues: Continues::Prefill, ..openrouter }),
        (OFFLINE, offline),
    ]
    .into_iter()
    .map(|(name, provider)| (name.to_owned(), provider))
    .collect()
}
