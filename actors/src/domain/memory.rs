//! What a character keeps of a person: facts that the person told it, in their own words.

use std::fmt;
use std::sync::Arc;

use super::UserId;

/// Characters (Unicode scalar values) of one fact.
pub const FACT_MAX_CHARS: usize = 200;

/// One fact, as the person would say it ("I have a dog called Rex"): one line, trimmed, not empty, bounded.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fact(Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    #[error("the fact is empty")]
    Empty,
    #[error("the fact is longer than {FACT_MAX_CHARS} characters")]
    TooLong,
}

impl Fact {
    /// Makes one line of `text` and checks its length.
    pub fn parse(text: &str) -> Result<Self, FactError> {
        let text = one_line(text);
        match text.chars().count() {
            0 => Err(FactError::Empty),
            1..=FACT_MAX_CHARS => Ok(Self(text.into())),
            _ => Err(FactError::TooLong),
        }
    }

    /// The same of what a model wrote: too long is cut. `None`: there is nothing in it.
    #[must_use]
    pub fn cut(text: &str) -> Option<Self> {
        let text: String = one_line(text).chars().take(FACT_MAX_CHARS).collect();
        let text = text.trim_end();
        if text.is_empty() { None } else { Some(Self(text.into())) }
    }

    /// Text that was checked before: read back from the store.
    #[must_use]
    pub fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same for facts that differ in letter case, punctuation and spaces alone: such are one fact.
    #[must_use]
    pub fn key(&self) -> String {
        let low = self.0.to_lowercase();
        let words: Vec<&str> =
            low.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        if words.is_empty() { low } else { words.join(" ") }
    }
}

impl fmt::Debug for Fact {
    // What people tell of themselves stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fact({} bytes)", self.0.len())
    }
}

fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A fact that a character knows in a room, and of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    pub about: UserId,
    /// How that person is called.
    pub name: String,
    pub fact: Fact,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_one_short_line() {
        assert_eq!(Fact::parse(" I live\n in\t Oslo\0 ").unwrap().as_str(), "I live in Oslo");
        assert_eq!(Fact::parse(" \n"), Err(FactError::Empty));
        assert_eq!(Fact::parse(&"é".repeat(201)), Err(FactError::TooLong));
        assert_eq!(Fact::cut(&"é".repeat(300)).unwrap().as_str().chars().count(), 200);
        assert_eq!(Fact::cut(" \u{7}"), None);
    }

    #[test]
    fn the_same_said_otherwise_is_the_same_fact() {
        let key = |text| Fact::parse(text).unwrap().key();
        assert_eq!(key("My dog's name is Rex."), key("my dog s name is REX"));
        assert_ne!(key("I like tea"), key("I like trees"));
        assert_eq!(key("❤"), "❤");
    }
}
