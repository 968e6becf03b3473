//! The characters that come with Greenroom: read from `seed.toml`, checked, and stored by slug.

use std::collections::HashSet;

use serde::Deserialize;

use super::draft::{AiChoice, CharacterDraft, Dials, ExampleLine};
use super::{LoreEntry, Lorebook, rules};

/// The file as it is built into the program.
pub const SHIPPED: &str = include_str!("seed.toml");

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedCharacter {
    pub slug: String,
    pub name: String,
    pub tagline: String,
    pub description: String,
    pub category: String,
    #[serde(default)]
    pub tags: Vec<String>,
    /// `#rrggbb`.
    pub color: String,
    pub greeting: String,
    #[serde(default)]
    pub alternate_greetings: Vec<String>,
    pub personality: String,
    #[serde(default)]
    pub scenario: String,
    #[serde(default)]
    pub tone: String,
    #[serde(default)]
    pub dials: Dials,
    #[serde(default)]
    pub traits: Vec<String>,
    #[serde(default)]
    pub examples: Vec<ExampleLine>,
    #[serde(default)]
    pub knowledge: Vec<String>,
    #[serde(default)]
    pub restricted_topics: Vec<String>,
    #[serde(default)]
    pub lore: Vec<LoreEntry>,
    /// 0 to 1.
    #[serde(default = "half")]
    pub talkativeness: f32,
    /// 0 to 2.
    #[serde(default = "usual_temperature")]
    pub temperature: f32,
}

fn half() -> f32 {
    0.5
}

fn usual_temperature() -> f32 {
    0.8
}

#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("the characters' file cannot be read: {0}")]
    Malformed(#[from] toml::de::Error),
    #[error("character `{slug}`: {what}")]
    Invalid { slug: String, what: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedFile {
    #[serde(default)]
    character: Vec<SeedCharacter>,
}

/// Reads and checks a file of `[[character]]` tables.
pub fn parse(text: &str) -> Result<Vec<SeedCharacter>, SeedError> {
    let SeedFile { character: characters } = toml::from_str(text)?;
    let mut slugs = HashSet::new();
    for character in &characters {
        let invalid = |what| SeedError::Invalid { slug: character.slug.clone(), what };
        character.check().map_err(invalid)?;
        if !slugs.insert(character.slug.as_str()) {
            return Err(invalid("its slug stands in the file twice".to_owned()));
        }
    }
    Ok(characters)
}

impl SeedCharacter {
    /// The same as any other character is written.
    #[must_use]
    pub fn draft(&self) -> CharacterDraft {
        let one = self.clone();
        CharacterDraft {
            slug: Some(one.slug),
            name: one.name,
            tagline: one.tagline,
            description: one.description,
            category: one.category,
            tags: one.tags,
            color: one.color,
            greeting: one.greeting,
            alternate_greetings: one.alternate_greetings,
            personality: one.personality,
            scenario: one.scenario,
            tone: one.tone,
            dials: one.dials,
            traits: one.traits,
            talkativeness: one.talkativeness,
            examples: one.examples,
            knowledge: one.knowledge,
            restricted_topics: one.restricted_topics,
            lorebook: Lorebook { entries: one.lore, ..Lorebook::default() },
            ai: AiChoice { temperature: one.temperature, ..AiChoice::default() },
            ..CharacterDraft::default()
        }
    }

    /// All that holds for other characters, and that nothing is left blank which a shipped one should have.
    fn check(&self) -> Result<(), String> {
        let filled = [
            ("tagline", &self.tagline),
            ("description", &self.description),
            ("greeting", &self.greeting),
            ("personality", &self.personality),
        ];
        if let Some((name, _)) = filled.iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(format!("{name} is missing"));
        }
        let first = |faults: Vec<crate::error::FieldError>| {
            faults
                .into_iter()
                .next()
                .map_or_else(String::new, |fault| format!("{} {}", fault.field, fault.message))
        };
        rules::checked(self.draft()).map(drop).map_err(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::characters::Speaker;

    const ONE: &str = r##"
        [[character]]
        slug = "mira"
        name = "Mira"
        tagline = "Keeps the light"
        description = "A keeper of a lighthouse."
        category = "companions"
        tags = ["sea"]
        color = "#7a5cff"
        greeting = "Come in out of the wind."
        personality = "Dry and kind."
        examples = [{ from = "user", text = "Hello" }, { from = "character", text = "Mind the step." }]
    "##;

    #[test]
    fn the_shipped_characters_are_valid() {
        assert!(parse(SHIPPED).unwrap().len() >= 8);
    }

    #[test]
    fn a_character_is_read_with_its_defaults() {
        let characters = parse(ONE).unwrap();
        assert_eq!((characters[0].talkativeness, characters[0].temperature), (0.5, 0.8));
        assert_eq!(characters[0].examples[1].from, Speaker::Character);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_character() {
        let message = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(message(&ONE.replace("#7a5cff", "violet")), "character `mira`: color takes #rrggbb");
        assert_eq!(message(&format!("{ONE}{ONE}")), "character `mira`: its slug stands in the file twice");
        assert!(message(&ONE.replace("tagline", "tag_line")).contains("tag_line"));
        assert!(message(&ONE.replace("\"mira\"", "\"Mira!\"")).contains("slug takes"));
    }
}
