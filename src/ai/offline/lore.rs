//! What a character has to say of itself, and which of it fits what was asked.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_actors::domain::CharacterRecord;

use super::vocabulary::{VOCABULARY, lists};
use super::words::{Word, sentences};

/// Lore that is longer is for reading, not for saying.
const SAID_MAX_BYTES: usize = 400;

/// A thing that the character can say, and the words that call it up.
pub struct Line {
    pub text: String,
    cues: BTreeSet<String>,
    /// The user's line that an example answers.
    answers: Option<BTreeSet<String>>,
}

pub struct Lore {
    lines: Vec<Line>,
    /// In how many lines a cue stands: rare ones say more.
    spread: BTreeMap<String, usize>,
}

impl Lore {
    /// `brought_up` is what the lorebook has to say to this talk.
    pub fn new(record: &CharacterRecord, brought_up: &[&str]) -> Self {
        let mut lines: Vec<Line> = Vec::new();
        let brought_up = brought_up.iter().copied().filter(|entry| entry.len() <= SAID_MAX_BYTES);
        for fact in record.knowledge.iter().map(String::as_str).chain(brought_up) {
            let text = own_words(fact, &record.name);
            lines.push(Line { cues: cues(&text), text, answers: None });
        }
        let mut asked: Option<&str> = None;
        for line in &record.examples {
            if line.from_user {
                asked = Some(&line.text);
                continue;
            }
            // What was asked calls it up again; its own words would call it up where it answers nothing.
            let answers = asked.take().map(cues).unwrap_or_default();
            let cues = answers.iter().filter(|cue| !cue.starts_with('@')).cloned().collect();
            lines.push(Line { text: line.text.trim().to_owned(), cues, answers: Some(answers) });
        }
        if lines.iter().all(|line| line.answers.is_some()) {
            lines.extend(of_description(record));
        }
        let mut spread = BTreeMap::new();
        for cue in lines.iter().flat_map(|line| &line.cues) {
            *spread.entry(cue.clone()).or_default() += 1;
        }
        Self { lines, spread }
    }

    /// The answer of an example whose question is nearly the asked one.
    pub fn example(&self, asked: &str) -> Option<&Line> {
        let asked = cues(asked);
        let alike = |line: &&Line| {
            line.answers.as_ref().is_some_and(|question| {
                let shared = question.iter().filter(|cue| asked.contains(*cue)).count();
                let all = question.union(&asked).count();
                shared > 0 && shared * 5 >= all * 3
            })
        };
        self.lines.iter().find(alike)
    }

    /// Lines that can be said out of the blue: never empty.
    pub fn free(&self) -> Vec<&Line> {
        self.lines.iter().filter(|line| line.answers.is_none()).collect()
    }

    /// Lines that have to do with what was asked, the nearest first, and none that is far behind it.
    pub fn related(&self, asked: &str) -> Vec<&Line> {
        let asked = cues(asked);
        let weight = |cue: &String| self.spread.get(cue).map_or(0, |spread| 1_000 / (spread + 1));
        let mut scored: Vec<(usize, &Line)> = self
            .lines
            .iter()
            .filter(|line| line.answers.is_none() || line.cues.iter().all(|cue| asked.contains(cue)))
            .map(|line| (line.cues.iter().filter(|cue| asked.contains(*cue)).map(weight).sum(), line))
            .filter(|(score, _)| *score > 0)
            .collect();
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        let least = scored.first().map_or(0, |(score, _)| score * 2 / 5);
        scored.retain(|(score, _)| *score >= least);
        scored.into_iter().map(|(_, line)| line).collect()
    }
}

/// A character that tells nothing of itself is spoken of by its description.
fn of_description(record: &CharacterRecord) -> Vec<Line> {
    let name = &record.name;
    let texts = [&record.description, &record.personality, &record.scenario];
    let sentences = texts.iter().flat_map(|text| text.split_inclusive(['.', '!', '?'])).map(str::trim);
    let mut said: Vec<String> = sentences
        .filter(|sentence| sentence.len() > 2)
        .map(|sentence| format!("Of {name} they say: {}", sentence.replace("{{char}}", name)))
        .collect();
    said.push(format!("I am {name}, and most of what I am is still to be written."));
    said.into_iter().map(|text| Line { cues: cues(&text), text, answers: None }).collect()
}

/// A fact as the character itself would say it.
fn own_words(fact: &str, name: &str) -> String {
    let fact = fact.trim().replace("{{char}}", name).replace("{{user}}", "you");
    let turns = [
        (format!("{name} is "), "I am "),
        (format!("{name} was "), "I was "),
        (format!("{name} has "), "I have "),
        (format!("{name}'s "), "My "),
        ("You are ".to_owned(), "I am "),
        ("You have ".to_owned(), "I have "),
        ("Your ".to_owned(), "My "),
    ];
    for (from, to) in turns {
        if let Some(rest) = fact.strip_prefix(&from) {
            return format!("{to}{rest}");
        }
    }
    fact
}

/// The words that carry a text's meaning, as stems, and the fields that they belong to.
fn cues(text: impl AsRef<str>) -> BTreeSet<String> {
    let mut cues = BTreeSet::new();
    for word in
        sentences(text.as_ref()).iter().flat_map(|sentence| &sentence.words).filter(|word| is_content(word))
    {
        let stem = stem(&word.low);
        for (field, words) in &VOCABULARY.fields {
            if lists(words, &word.low) || lists(words, &stem) {
                cues.insert(format!("@{field}"));
            }
        }
        cues.insert(stem);
    }
    cues
}

pub fn is_content(word: &Word) -> bool {
    word.low != "," && word.low.chars().count() > 2 && !lists(&VOCABULARY.stop, &word.low)
}

fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").unwrap_or(word);
    for (ending, least) in [("ing", 6), ("ies", 5), ("ed", 5), ("es", 6), ("s", 4), ("ly", 6)] {
        let long = word.len() >= least && !word.ends_with("ss");
        if let Some(stem) = word.strip_suffix(ending).filter(|_| long) {
            return stem.to_owned();
        }
    }
    word.to_owned()
}
