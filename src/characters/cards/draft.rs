//! What a card makes of a character: every field within its bound, and a word on what did not fit. A pure function of the
//! card, so that an export can tell what was changed since.

use greenroom_actors::domain::ExampleLine;
use greenroom_actors::prompt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::card::{Card, number};
use super::{Warnings, examples, lore, picture};
use crate::characters::Lorebook;
use crate::characters::rules::TRAITS_MAX;

/// A card's texts are bounded as those of any character.
pub use crate::characters::rules::{
    FACT_MAX, KNOWLEDGE_MAX as LONG_LIST_MAX, LINE_MAX, LIST_MAX, NAME_MAX, TEXT_MAX,
};

/// Bytes of all texts of one list: what is used of a card is to fit into a character.
const LIST_MAX_BYTES: usize = 128 * 1024;

/// The name under which a card keeps what only Greenroom knows.
pub const EXTENSION: &str = "greenroom";

/// A character as a card tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub name: String,
    pub description: String,
    pub personality: String,
    pub scenario: String,
    pub greeting: String,
    pub alternate_greetings: Vec<String>,
    pub examples: Vec<ExampleLine>,
    pub system_prompt: Option<String>,
    pub post_history: Option<String>,
    pub tags: Vec<String>,
    /// 0 to 1.
    pub talkativeness: f32,
    pub lorebook: Lorebook,
    pub extras: Extras,
}

/// What no specification has a field for; in a card it stands under `extensions.greenroom`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Extras {
    pub tagline: String,
    pub category: String,
    /// `#rrggbb`; empty: one that goes with the name.
    pub color: String,
    pub traits: Vec<String>,
    pub tone: String,
    pub formality: f32,
    pub humor: f32,
    pub empathy: f32,
    pub creativity: f32,
    pub confidence: f32,
    pub emoji: f32,
    pub knowledge: Vec<String>,
    pub restricted_topics: Vec<String>,
    pub voice: Option<String>,
    /// 0 to 2.
    pub temperature: f32,
}

impl Default for Extras {
    fn default() -> Self {
        Self {
            tagline: String::new(),
            category: "general".to_owned(),
            color: String::new(),
            traits: Vec::new(),
            tone: String::new(),
            formality: 0.5,
            humor: 0.5,
            empathy: 0.5,
            creativity: 0.5,
            confidence: 0.5,
            emoji: 0.5,
            knowledge: Vec::new(),
            restricted_topics: Vec::new(),
            voice: None,
            temperature: 0.8,
        }
    }
}

/// The beginning of a text, and whether that is not all of it.
#[must_use]
pub fn cut(text: &str, most: usize) -> (String, bool) {
    match text.char_indices().nth(most) {
        Some((end, _)) => (text[..end].trim_end().to_owned(), true),
        None => (text.to_owned(), false),
    }
}

/// Brings texts within their bounds and tells of each that it shortened.
struct Fit<'a>(&'a mut Warnings);

impl Fit<'_> {
    fn text(&mut self, field: &'static str, text: &str, most: usize) -> String {
        let (text, was_cut) = cut(text.trim(), most);
        if was_cut {
            self.0.add(field, format!("only its first {most} characters are used; all of it is kept"));
        }
        text
    }

    /// One line: without line breaks and other control characters.
    fn line(&mut self, field: &'static str, text: &str, most: usize) -> String {
        self.text(field, &text.replace(char::is_control, " "), most)
    }

    fn list(&mut self, field: &'static str, list: &[String], most: usize, each: usize) -> Vec<String> {
        let mut fit: Vec<String> = Vec::new();
        let (mut bytes, mut left_out) = (0, 0);
        for text in list.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            let (text, was_cut) = cut(text, each);
            if fit.len() == most || bytes + text.len() > LIST_MAX_BYTES {
                left_out += 1;
            } else if !fit.iter().any(|there| there.to_lowercase() == text.to_lowercase()) {
                left_out += usize::from(was_cut);
                bytes += text.len();
                fit.push(text);
            }
        }
        if left_out > 0 {
            self.0.add(field, format!("{left_out} are left out or shortened; all are kept"));
        }
        fit
    }
}

impl Draft {
    /// Reads a card. The same card always gives the same draft.
    #[must_use]
    pub fn of(card: &Card, warnings: &mut Warnings) -> Self {
        let first = |name: &str| card.first_field(name).unwrap_or_default();
        let mut fit = Fit(warnings);
        let name = fit.line("name", &first("name"), NAME_MAX);
        let description = fit.text("description", &first("description"), TEXT_MAX);
        let personality = fit.text("personality", &first("personality"), TEXT_MAX);
        let scenario = fit.text("scenario", &first("scenario"), TEXT_MAX);
        let mut greetings = card.texts("alternate_greetings");
        let mut greeting = first("first_mes");
        if greeting.trim().is_empty() && !greetings.is_empty() {
            greeting = greetings.remove(0);
        }
        let greeting = fit.text("first_mes", &greeting, TEXT_MAX);
        let alternate_greetings = fit.list("alternate_greetings", &greetings, LIST_MAX, TEXT_MAX);
        let examples = read_examples(&first("mes_example"), &name, fit.0);
        let mut fit = Fit(warnings);
        let prompt = |text: String| Some(text).filter(|text| !text.is_empty());
        let system_prompt = prompt(fit.text("system_prompt", &card.text("system_prompt"), TEXT_MAX));
        let post_history =
            prompt(fit.text("post_history_instructions", &card.text("post_history_instructions"), TEXT_MAX));
        let tags = fit.list("tags", &card.texts("tags"), LIST_MAX, NAME_MAX);
        let extras = read_extras(card, &name, warnings);
        let lorebook = card.book().map(|book| lore::read(book, warnings)).unwrap_or_default();
        tell_unused(card, warnings);
        let talkativeness = card.extension("talkativeness").or_else(|| card.data().get("talkativeness"));
        Self {
            name,
            description,
            personality,
            scenario,
            greeting,
            alternate_greetings,
            examples,
            system_prompt,
            post_history,
            tags,
            talkativeness: talkativeness.and_then(number).map_or(0.5, |number| number.clamp(0.0, 1.0) as f32),
            lorebook,
            extras,
        }
    }
}

fn read_examples(text: &str, name: &str, warnings: &mut Warnings) -> Vec<ExampleLine> {
    let lines = examples::parse(text, name);
    let all = lines.len();
    let (mut bytes, mut shortened) = (0, false);
    let mut used = Vec::new();
    for mut line in lines.into_iter().take(LONG_LIST_MAX) {
        let (text, was_cut) = cut(&line.text, FACT_MAX);
        bytes += text.len();
        if bytes > LIST_MAX_BYTES {
            break;
        }
        shortened |= was_cut;
        line.text = text;
        used.push(line);
    }
    if shortened || used.len() < all {
        warnings.add("mes_example", "is too long: its beginning is used, all of it is kept");
    }
    used
}

fn read_extras(card: &Card, name: &str, warnings: &mut Warnings) -> Extras {
    let read = card.extension(EXTENSION).map(Extras::deserialize);
    let mut extras = match read {
        Some(Ok(extras)) => extras,
        None => Extras::default(),
        Some(Err(error)) => {
            warnings.add("extensions.greenroom", format!("cannot be read: {error}"));
            Extras::default()
        }
    };
    let mut fit = Fit(warnings);
    extras.tagline = fit.line("extensions.greenroom.tagline", &extras.tagline, LINE_MAX);
    extras.category = fit.line("extensions.greenroom.category", &extras.category, NAME_MAX);
    if extras.category.is_empty() {
        extras.category = Extras::default().category;
    }
    extras.tone = fit.line("extensions.greenroom.tone", &extras.tone, NAME_MAX);
    extras.traits = fit.list("extensions.greenroom.traits", &extras.traits, TRAITS_MAX, NAME_MAX);
    let all = extras.traits.len();
    extras.traits.retain(|name| prompt::trait_named(name).is_some());
    if extras.traits.len() < all {
        fit.0.add("extensions.greenroom.traits", "some are not known here and were left out");
    }
    extras.knowledge = fit.list("extensions.greenroom.knowledge", &extras.knowledge, LONG_LIST_MAX, FACT_MAX);
    extras.restricted_topics =
        fit.list("extensions.greenroom.restrictedTopics", &extras.restricted_topics, LIST_MAX, LINE_MAX);
    extras.voice = extras
        .voice
        .map(|voice| fit.line("extensions.greenroom.voice", &voice, NAME_MAX))
        .filter(|voice| !voice.is_empty());
    if !picture::is_color(&extras.color) {
        extras.color = picture::color_of(name);
    }
    let dials = [
        &mut extras.formality,
        &mut extras.humor,
        &mut extras.empathy,
        &mut extras.creativity,
        &mut extras.confidence,
        &mut extras.emoji,
    ];
    for dial in dials {
        *dial = if dial.is_finite() { dial.clamp(0.0, 1.0) } else { 0.5 };
    }
    extras.temperature =
        if extras.temperature.is_finite() { extras.temperature.clamp(0.0, 2.0) } else { 0.8 };
    extras
}

/// Parts that are kept and have no effect here.
fn tell_unused(card: &Card, warnings: &mut Warnings) {
    let filled = |value: Option<&Value>| match value {
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::String(text)) => !text.trim().is_empty(),
        _ => false,
    };
    if filled(card.data().get("group_only_greetings")) {
        warnings.add("group_only_greetings", "are kept, but not used");
    }
    if card.data().get("nickname").and_then(Value::as_str).is_some_and(|nickname| !nickname.trim().is_empty())
    {
        warnings.add("nickname", "is kept; {{char}} stands for the name");
    }
    if filled(card.extension("depth_prompt").and_then(|prompt| prompt.get("prompt"))) {
        warnings.add("extensions.depth_prompt", "is kept, but not used");
    }
    if filled(card.extension("regex_scripts")) {
        warnings.add("extensions.regex_scripts", "are kept, and never run");
    }
}
