//! A character as its prompts are made: what depends on it alone, made once and the same at each turn.

use std::sync::Arc;

use super::lore::Book;
use super::macros::{Macros, seed_of};
use super::{ANYBODY, LAST_HEAD, budget, system};
use crate::domain::CharacterRecord;
use crate::ports::TokenCounter;

/// A character's record with its system message and its lorebook, ready for use.
#[derive(Debug)]
pub struct Script {
    pub(super) record: Arc<CharacterRecord>,
    /// Tokens that a prompt may have.
    pub(super) budget: usize,
    pub(super) system: String,
    /// Of the system message.
    pub(super) system_tokens: usize,
    pub(super) book: Book,
    /// What stands after the history, and its tokens.
    pub(super) post_history: String,
    pub(super) post_history_tokens: usize,
}

impl Script {
    #[must_use]
    pub fn new(record: Arc<CharacterRecord>, counter: &dyn TokenCounter) -> Self {
        let budget = budget::tokens(&record.model, counter.margin());
        let system = system::within(&record, budget, counter);
        let system_tokens = budget::message_tokens(&system, counter);
        let macros = of_character(&record);
        let book = Book::compile(&record.lorebook, &macros, counter);
        let post_history =
            record.post_history.as_deref().map(|text| macros.resolve(text)).unwrap_or_default();
        let most = budget.saturating_sub(system_tokens) / 4;
        let post_history = match post_history.trim() {
            "" => String::new(),
            text => budget::cut_to_fit(&format!("{LAST_HEAD}\n{text}"), most, counter),
        };
        let post_history_tokens = if post_history.is_empty() { 0 } else { counter.count(&post_history) };
        Self { record, budget, system, system_tokens, book, post_history, post_history_tokens }
    }

    #[must_use]
    pub fn record(&self) -> &Arc<CharacterRecord> {
        &self.record
    }
}

/// The macros of what depends on the character alone: nobody's name is in it, and its choices are always the same.
pub(super) fn of_character(record: &CharacterRecord) -> Macros<'_> {
    Macros { character: &record.name, user: ANYBODY, original: "", seed: seed_of(record.id.uuid()) }
}
