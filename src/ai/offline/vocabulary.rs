//! The words that the rules understand, from `vocabulary.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    pub stop: Vec<String>,
    pub no_name: Vec<String>,
    pub no_trade: Vec<String>,
    pub pets: Vec<String>,
    pub kin: Vec<String>,
    pub fields: BTreeMap<String, Vec<String>>,
    pub manners: BTreeMap<String, Vec<String>>,
    signs: BTreeMap<String, Vec<String>>,
}

pub static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    toml::from_str(include_str!("vocabulary.toml")).expect("vocabulary.toml is checked by tests")
});

impl Vocabulary {
    /// The phrases that show an intent.
    pub fn signs(&self, name: &str) -> &[String] {
        self.signs.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Whether a list of the vocabulary has this word.
pub fn lists(list: &[String], word: &str) -> bool {
    list.iter().any(|known| known == word)
}
