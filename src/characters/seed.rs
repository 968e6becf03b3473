//! The characters that come with Greenroom: read from `seed.toml`, checked, and stored by slug.

use std::collections::HashSet;

use serde::Deserialize;

/// The file as it is built into the program.
pub const SHIPPED: &str = include_str!("seed.toml");

/// Longest name, in characters.
pub const NAME_MAX: usize = 80;
const LINE_MAX: usize = 200;
const TEXT_MAX: usize = 8_000;
const LIST_MAX: usize = 64;

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
    pub personality: String,
    #[serde(default)]
    pub scenario: String,
    #[serde(default)]
    pub traits: Vec<String>,
    #[serde(default)]
    pub examples: Vec<SeedLine>,
    #[serde(default)]
    pub knowledge: Vec<String>,
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

/// One line of an example dialogue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedLine {
    pub from: Speaker,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    User,
    Character,
}

impl Speaker {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Character => "character",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("the characters' file cannot be read: {0}")]
    Malformed(#[from] toml::de::Error),
    #[error("character `{slug}`: {what}")]
    Invalid { slug: String, what: &'static str },
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
            return Err(invalid("its slug stands in the file twice"));
        }
    }
    Ok(characters)
}

impl SeedCharacter {
    fn check(&self) -> Result<(), &'static str> {
        let fits = |text: &str, most: usize| !text.trim().is_empty() && text.chars().count() <= most;
        let all_fit =
            |list: &[String], most: usize| list.len() <= LIST_MAX && list.iter().all(|text| fits(text, most));
        let rules = [
            (super::is_slug(&self.slug), "slug takes 1 to 80 of a-z, 0-9 and -"),
            (fits(&self.name, NAME_MAX), "name takes 1 to 80 characters"),
            (fits(&self.tagline, LINE_MAX), "tagline takes 1 to 200 characters"),
            (fits(&self.description, TEXT_MAX), "description takes 1 to 8000 characters"),
            (fits(&self.category, NAME_MAX), "category takes 1 to 80 characters"),
            (fits(&self.greeting, TEXT_MAX), "greeting takes 1 to 8000 characters"),
            (fits(&self.personality, TEXT_MAX), "personality takes 1 to 8000 characters"),
            (self.scenario.chars().count() <= TEXT_MAX, "scenario takes at most 8000 characters"),
            (all_fit(&self.tags, NAME_MAX), "tags are at most 64, of 1 to 80 characters"),
            (all_fit(&self.traits, NAME_MAX), "traits are at most 64, of 1 to 80 characters"),
            (all_fit(&self.knowledge, TEXT_MAX), "knowledge is at most 64 facts of 1 to 8000 characters"),
            (
                self.examples.len() <= LIST_MAX
                    && self.examples.iter().all(|line| fits(&line.text, TEXT_MAX)),
                "examples are at most 64 lines of 1 to 8000 characters",
            ),
            (is_color(&self.color), "color is #rrggbb"),
            ((0.0..=1.0).contains(&self.talkativeness), "talkativeness is 0 to 1"),
            ((0.0..=2.0).contains(&self.temperature), "temperature is 0 to 2"),
        ];
        rules.iter().find(|(kept, _)| !kept).map_or(Ok(()), |(_, what)| Err(*what))
    }
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|d| d.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(message(&ONE.replace("#7a5cff", "violet")), "character `mira`: color is #rrggbb");
        assert_eq!(message(&format!("{ONE}{ONE}")), "character `mira`: its slug stands in the file twice");
        assert!(message(&ONE.replace("tagline", "tag_line")).contains("tag_line"));
        assert!(message(&ONE.replace("\"mira\"", "\"Mira!\"")).contains("slug takes"));
    }
}
