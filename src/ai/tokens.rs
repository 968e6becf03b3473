//! Counting tokens as the models' tokeniser does, without its table until it is needed.
//!
//! The table (o200k) takes 46 MB and a good part of a second to build, so that is done on a thread of its own: when a
//! server with a provider has started, else at the first count. Counts are answered by [`estimate`] until it is there.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};

use greenroom_actors::ports::TokenCounter;
use tiktoken_rs::{CoreBPE, o200k_base_singleton};

/// Texts from this length on are remembered by their hash: system prompts are counted again at each turn.
const REMEMBERED_MIN_BYTES: usize = 512;
const REMEMBERED_MAX: usize = 4_096;

static TABLE: OnceLock<&'static CoreBPE> = OnceLock::new();
static LOADING: Once = Once::new();

/// The engine's token counter. Cheap to clone; all share one table.
#[derive(Clone, Default)]
pub struct Tokens {
    margin: f32,
    remembered: Arc<Mutex<HashMap<u64, usize>>>,
    hasher: RandomState,
}

impl Tokens {
    /// Prompts leave this share free, for models whose tokenisers count more. Counts stay as they are.
    #[must_use]
    pub fn with_margin(self, margin: f32) -> Self {
        Self { margin, ..self }
    }

    /// Builds the table now, on this thread: for tests, and for who wants exact counts from the start.
    pub fn load() {
        TABLE.get_or_init(o200k_base_singleton);
    }

    /// Builds the table on a thread of its own, once; counts are estimates until it is there.
    pub fn load_aside() {
        LOADING.call_once(|| {
            let started = std::thread::Builder::new().name("tokens".into()).spawn(Self::load);
            if let Err(error) = started {
                tracing::warn!(%error, "the token table cannot be loaded; counts stay estimates");
            }
        });
    }

    #[must_use]
    pub fn is_loaded() -> bool {
        TABLE.get().is_some()
    }

    fn exact(&self, table: &CoreBPE, text: &str) -> usize {
        if text.len() < REMEMBERED_MIN_BYTES {
            return table.encode_ordinary(text).len();
        }
        let key = self.hasher.hash_one(text);
        let remembered = || self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = remembered().get(&key) {
            return *count;
        }
        let count = table.encode_ordinary(text).len();
        let mut remembered = remembered();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(key, count);
        count
    }
}

impl TokenCounter for Tokens {
    fn count(&self, text: &str) -> usize {
        if let Some(table) = TABLE.get() {
            return self.exact(table, text);
        }
        Self::load_aside();
        estimate(text)
    }

    fn margin(&self) -> f32 {
        self.margin
    }
}

/// At least as many tokens as `text` has, but for oddities: too many rather than too few.
pub(super) fn estimate(text: &str) -> usize {
    let mut tokens = 0;
    // Letters of the word so far; digits go in threes, of other scripts nearly each character is a token.
    let (mut letters, mut digits) = (0, 0);
    for c in text.chars() {
        if c.is_ascii_alphabetic() {
            tokens += usize::from(letters % 4 == 0);
            (letters, digits) = (letters + 1, 0);
        } else if c.is_ascii_digit() {
            tokens += usize::from(digits % 3 == 0);
            (letters, digits) = (0, digits + 1);
        } else {
            // One space before a word belongs to it.
            tokens += usize::from(c != ' ') + usize::from(c as u32 > 0xFFFF) * 2;
            (letters, digits) = (0, 0);
        }
    }
    tokens.max(usize::from(!text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_a_little_above_the_true_count() {
        Tokens::load();
        let counter = Tokens::default();
        let texts = [
            include_str!("../characters/seed.toml"),
            "Hello, how are you?",
            "Ärgerlich: 1234567 Übungen, naïve cafés.",
            "你好，世界。今天天气怎么样？",
            "👩‍🚀🎉 wow",
            "fn main() { println!(\"{}\", 1 + 2); }",
        ];
        for text in texts {
            let (exact, estimated) = (counter.count(text), estimate(text));
            assert!(estimated >= exact, "{estimated} < {exact}: {text:.40}");
            assert!(estimated <= exact * 3 + 2, "{estimated} is far above {exact}: {text:.40}");
        }
    }

    #[test]
    fn a_long_text_is_counted_the_same_when_remembered() {
        Tokens::load();
        let counter = Tokens::default();
        let text = "The lamp was lit in 1871. ".repeat(100);
        assert_eq!(counter.count(&text), counter.count(&text));
        assert_eq!(counter.count(""), 0);
    }
}
