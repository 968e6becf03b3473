//! What admins send of a character: all of it for a new one, any part of it for a change. What is left out stays as it
//! is; `null` empties what may be empty. A character as an admin reads it can be sent back as it is.

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::Lorebook;
use super::draft::{CharacterDraft, ExampleLine, ResponseCache};
use crate::conversations::view::MessageType;

/// A character, or a part of one.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CharacterBody {
    /// For a change: refused with `conflict` if the character is no longer of this version.
    pub version: Option<i64>,
    /// 1 to 80 of `a-z`, `0-9` and `-`; made of the name where a new character has none.
    pub slug: Option<String>,
    /// Needed for a new character.
    #[schema(min_length = 1, max_length = 80)]
    pub name: Option<String>,
    #[schema(max_length = 200)]
    pub tagline: Option<String>,
    #[schema(max_length = 16_000)]
    pub description: Option<String>,
    #[schema(max_length = 80)]
    pub category: Option<String>,
    #[schema(max_items = 64)]
    pub tags: Option<Vec<String>>,
    /// `https:`, or a path of this server under `/media/`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub avatar_url: Option<Option<String>>,
    /// `#rrggbb`.
    pub color: Option<String>,
    #[schema(max_length = 16_000)]
    pub greeting: Option<String>,
    #[schema(max_items = 64)]
    pub alternate_greetings: Option<Vec<String>>,
    #[schema(max_length = 80)]
    pub tone: Option<String>,
    pub dials: Option<DialsBody>,
    /// Names of `GET /api/characters/traits`, at most 24.
    pub traits: Option<Vec<String>>,
    /// 0 to 1.
    pub talkativeness: Option<f32>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub voice: Option<Option<String>>,
    /// What kind of message it usually answers with.
    pub reply_type: Option<MessageType>,
    pub premium: Option<bool>,
    pub settings: Option<SettingsBody>,
}

/// Each 0 to 1; a half changes nothing.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]

pub struct DialsBody {
    pub formality: Option<f32>,
    pub humor: Option<f32>,
    pub empathy: Option<f32>,
    pub creativity: Option<f32>,
    pub confidence: Option<f32>,
    pub emoji: Option<f32>,
}

/// What the public never sees.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsBody {
    #[schema(max_length = 16_000)]
    pub personality: Option<String>,
    #[schema(max_length = 16_000)]
    pub scenario: Option<String>,
    #[schema(max_items = 256)]
    pub examples: Option<Vec<ExampleLine>>,
    #[schema(max_items = 256)]
    pub knowledge: Option<Vec<String>>,
    #[schema(max_items = 64)]
    pub restricted_topics: Option<Vec<String>>,
    pub lorebook: Option<Lorebook>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub system_prompt: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub post_history: Option<Option<String>>,
    pub ai: Option<AiBody>,
}

/// Which model speaks for it, and how freely.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AiBody {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub provider: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub model: Option<Option<String>>,
    /// `provider` or `provider/model`, at most 8.
    #[schema(max_items = 8)]
    pub fallbacks: Option<Vec<String>>,
    /// 0 to 2.
    pub temperature: Option<f32>,
    /// 1 to 32000.
    pub max_tokens: Option<u32>,
    /// 500 to 2000000.
    pub context_tokens: Option<u32>,
    /// `on`: the same prompt gets the same answer for an hour, without asking the model.
    pub response_cache: Option<ResponseCache>,
}

/// The AI settings alone, without the rest of a character.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AiSettingsBody {
    /// Refused with `conflict` if the character is no longer of this version.
    pub version: Option<i64>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub provider: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub model: Option<Option<String>>,
    /// `provider` or `provider/model`, at most 8.
    #[schema(max_items = 8)]
    pub fallbacks: Option<Vec<String>>,
    /// 0 to 2.
    pub temperature: Option<f32>,
    /// 1 to 32000.
    pub max_tokens: Option<u32>,
    /// 500 to 2000000.
    pub context_tokens: Option<u32>,
    /// `on`: the same prompt gets the same answer for an hour, without asking the model.
    pub response_cache: Option<ResponseCache>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub system_prompt: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub post_history: Option<Option<String>>,
}

/// Tells a `null` from what is not there.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

impl CharacterBody {
    /// Writes what is given over the draft.
    pub fn apply(self, draft: &mut CharacterDraft) {
        if self.slug.is_some() {
            draft.slug = self.slug;
        }
        set(&mut draft.name, self.name);
        set(&mut draft.tagline, self.tagline);
        set(&mut draft.description, self.description);
        set(&mut draft.category, self.category);
        set(&mut draft.tags, self.tags);
        set(&mut draft.avatar_url, self.avatar_url);
        set(&mut draft.color, self.color);
        set(&mut draft.greeting, self.greeting);
        set(&mut draft.alternate_greetings, self.alternate_greetings);
        set(&mut draft.tone, self.tone);
        set(&mut draft.traits, self.traits);
        set(&mut draft.talkativeness, self.talkativeness);
        set(&mut draft.voice, self.voice);
        set(&mut draft.reply_type, self.reply_type);
        set(&mut draft.premium, self.premium);
        if let Some(given) = self.dials {
            let dials = &mut draft.dials;
            set(&mut dials.formality, given.formality);
            set(&mut dials.humor, given.humor);
            set(&mut dials.empathy, given.empathy);
            set(&mut dials.creativity, given.creativity);
            set(&mut dials.confidence, given.confidence);
            set(&mut dials.emoji, given.emoji);
        }
        if let Some(settings) = self.settings {
            settings.apply(draft);
        }
    }
}

impl SettingsBody {
    fn apply(self, draft: &mut CharacterDraft) {
        set(&mut draft.personality, self.personality);
        set(&mut draft.scenario, self.scenario);
        set(&mut draft.examples, self.examples);
        set(&mut draft.knowledge, self.knowledge);
        set(&mut draft.restricted_topics, self.restricted_topics);
        set(&mut draft.lorebook, self.lorebook);
        set(&mut draft.system_prompt, self.system_prompt);
        set(&mut draft.post_history, self.post_history);
        if let Some(ai) = self.ai {
            let AiBody {
                provider,
                model,
                fallbacks,
                temperature,
                max_tokens,
                context_tokens,
                response_cache,
            } = ai;
            set(&mut draft.ai.provider, provider);
            set(&mut draft.ai.model, model);
            set(&mut draft.ai.fallbacks, fallbacks);
            set(&mut draft.ai.temperature, temperature);
            set(&mut draft.ai.max_tokens, max_tokens);
            set(&mut draft.ai.context_tokens, context_tokens);
            set(&mut draft.ai.response_cache, response_cache);
        }
    }
}

impl From<AiSettingsBody> for CharacterBody {
    fn from(body: AiSettingsBody) -> Self {
        let AiSettingsBody { provider, model, fallbacks, temperature, max_tokens, context_tokens, .. } = body;
        let response_cache = body.response_cache;
        let settings = SettingsBody {
            system_prompt: body.system_prompt,
            post_history: body.post_history,
            ai: Some(AiBody {
                provider,
                model,
                fallbacks,
                temperature,
                max_tokens,
                context_tokens,
                response_cache,
            }),
            ..SettingsBody::default()
        };
        Self { version: body.version, settings: Some(settings), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_stays_and_null_empties() {
        let mut draft = CharacterDraft { voice: Some("alto".to_owned()), ..CharacterDraft::default() };
        draft.avatar_url = Some("/media/a.webp".to_owned());
        let body =
            r#"{"name": "Mira", "voice": null, "dials": {"humor": 1}, "settings": {"ai": {"maxTokens": 9}}}"#;
        serde_json::from_str::<CharacterBody>(body).unwrap().apply(&mut draft);
        assert_eq!((draft.name.as_str(), draft.voice.as_deref()), ("Mira", None));
        assert_eq!(draft.avatar_url.as_deref(), Some("/media/a.webp"));
        assert_eq!((draft.dials.humor, draft.dials.empathy), (1.0, 0.5));
        assert_eq!((draft.ai.max_tokens, draft.ai.context_tokens), (9, 8_000));
    }
}
