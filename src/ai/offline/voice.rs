//! How a character speaks: the phrases of its manner, which follows from its traits.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use greenroom_actors::domain::CharacterRecord;

use super::vocabulary::VOCABULARY;
use super::words::{capital, lower_start};

type Phrases = BTreeMap<String, BTreeMap<String, Vec<String>>>;

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    toml::from_str(include_str!("phrases.toml")).expect("phrases.toml is checked by a test")
});

/// Manners, in the order in which a trait that shows several is taken.
const MANNERS: [&str; 6] = ["warm", "wry", "blunt", "formal", "dreamy", "bright"];

/// One answer's choices: the same seed makes the same ones.
pub struct Voice<'a> {
    first: &'static str,
    second: &'static str,
    seed: u64,
    /// What was said before, in this talk.
    said: &'a [&'a str],
    blanks: BTreeMap<&'static str, String>,
}

impl<'a> Voice<'a> {
    pub fn new(record: &CharacterRecord, seed: u64, said: &'a [&'a str]) -> Self {
        let mut manners = record.traits.iter().filter_map(|word| manner(word));
        let own = MANNERS[(hash(&record.name) % MANNERS.len() as u64) as usize];
        let first = manners.next().unwrap_or(own);
        let second = manners.find(|manner| *manner != first).unwrap_or(first);
        let mut blanks = BTreeMap::from([("char", record.name.clone())]);
        let tagline = record.tagline.trim().trim_end_matches('.');
        if !tagline.is_empty() {
            blanks.insert("tagline", lower_start(tagline));
        }
        Self { first, second, seed, said, blanks }
    }

    /// Fills the blank `{name}` of phrases from here on. An empty value leaves it blank.
    pub fn fill(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.blanks.insert(name, value.to_owned());
        }
    }

    /// A phrase for this situation that was not said before, if there is one whose blanks can be filled.
    pub fn phrase(&self, situation: &str) -> Option<String> {
        let turn = self.seed ^ hash(situation);
        // A third of the time the other side of the character speaks.
        let (manner, other) =
            if turn.is_multiple_of(3) { (self.second, self.first) } else { (self.first, self.second) };
        let of =
            |manner: &str| PHRASES.get(manner).and_then(|m| m.get(situation)).map_or(&[][..], Vec::as_slice);
        let rotated = |list: &'static [String]| {
            let from = if list.is_empty() { 0 } else { (turn / 3) as usize % list.len() };
            list[from..].iter().chain(&list[..from]).filter_map(|phrase| self.filled(phrase))
        };
        let candidates = || rotated(of(manner)).chain(rotated(of(other)));
        candidates().find(|phrase| !self.was_said(phrase)).or_else(|| candidates().next())
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A choice with these odds, in percent.
    pub fn chance(&self, what: &str, percent: u64) -> bool {
        (self.seed ^ hash(what)) % 100 < percent
    }

    pub fn was_said(&self, text: &str) -> bool {
        self.said.iter().any(|said| said.contains(text))
    }

    /// The phrase with its blanks filled; `None` where one is missing.
    fn filled(&self, phrase: &str) -> Option<String> {
        let mut text = String::new();
        let mut rest = phrase;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            let value = self.blanks.get(name)?;
            text.push_str(before);
            let begins = text.is_empty() || text.trim_end().ends_with(['.', '!', '?', '…']);
            text.push_str(&if begins { capital(value) } else { value.clone() });
            rest = after;
        }
        text.push_str(rest);
        Some(text)
    }
}

fn manner(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let shows = |manner: &str| {
        VOCABULARY.manners.get(manner).is_some_and(|signs| signs.iter().any(|s| word.contains(s)))
    };
    MANNERS.into_iter().find(|manner| shows(manner))
}

/// FNV-1a: the same on every machine and in every version.
pub fn hash(text: &str) -> u64 {
    let mixed = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manner_has_phrases_for_every_situation_and_only_known_blanks() {
        let situations: Vec<_> = PHRASES["warm"].keys().collect();
        let known = ["char", "user", "topic", "said", "answer", "what", "mirror", "tagline", "caption"];
        for manner in MANNERS {
            assert_eq!(PHRASES[manner].keys().collect::<Vec<_>>(), situations, "{manner}");
            for phrase in PHRASES[manner].values().flatten() {
                for blank in phrase.split('{').skip(1) {
                    assert!(known.contains(&blank.split_once('}').unwrap().0), "{phrase}");
                }
            }
        }
    }
}
