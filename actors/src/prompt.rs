//! The prompt that makes a model speak as a character: pure text in, text out.
//!
//! The system message comes first and depends on the character alone, so that it is the same at each turn, in each room
//! and for each user, and a provider's prompt cache holds it. What people wrote never gets into it. The history
//! follows within the token budget, oldest dropped first; the asked message stands last and is always there.

mod budget;
mod system;
mod traits;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{CharacterRecord, Message, Sender, UserId};
use crate::ports::{GenerateRequest, PromptMessage, PromptRole, TokenCounter};

pub use self::system::system_prompt;
pub use self::traits::{Trait, trait_named, traits};

/// What stands for `{{user}}` where a person's own name may not: in the system message.
const ANYBODY: &str = "the user";
/// Names longer than this are cut where they label a line.
const NAME_MAX_CHARS: usize = 60;

/// Makes the request for one reply of `record`'s character.
///
/// `history` is oldest first and ends with the asked message. `names` tells what a sender is called; the lines of all
/// but the character are labelled with it once more than one other speaks in the history. Tokens of all messages and
/// of the reply together stay below the character's `context_tokens`, as `counter` counts them.
pub fn compose(
    record: &Arc<CharacterRecord>,
    user: UserId,
    user_name: &str,
    history: &[Message],
    names: &dyn Fn(Sender) -> Option<String>,
    counter: &dyn TokenCounter,
) -> GenerateRequest {
    let budget = budget::tokens(&record.model);
    let system = system::within(record, budget, counter);
    let user_name = label(user_name);
    let lines = lines(record, &user_name, history, names);
    let offsets: Vec<_> = history.iter().map(|message| message.offset).collect();
    let left = budget::beside(&system, &lines, budget, counter);
    let lines = budget::latest(lines, &offsets, left, counter);
    let mut messages = vec![PromptMessage { role: PromptRole::System, content: system }];
    messages.extend(lines);
    GenerateRequest {
        character: record.clone(),
        user,
        user_name,
        messages,
        max_tokens: record.model.max_tokens,
    }
}

/// The history in the model's terms: the character's own lines are the assistant's, all others the user's.
fn lines(
    record: &CharacterRecord,
    user_name: &str,
    history: &[Message],
    names: &dyn Fn(Sender) -> Option<String>,
) -> Vec<PromptMessage> {
    let own = Sender::Character(record.id);
    let others: BTreeSet<Sender> =
        history.iter().map(|message| message.sender).filter(|s| *s != own).collect();
    let said = |message: &Message| {
        let text = message.content.as_str();
        if message.sender == own {
            // Greetings are stored as they were written.
            let content = fill_in(text, &record.name, if user_name.is_empty() { "you" } else { user_name });
            return PromptMessage { role: PromptRole::Assistant, content };
        }
        let content = if others.len() > 1 {
            let name = names(message.sender).map(|name| label(&name)).filter(|name| !name.is_empty());
            let nobody = match message.sender {
                Sender::User(_) => "Another person",
                Sender::Character(_) => "Another character",
            };
            format!("{}: {text}", name.as_deref().unwrap_or(nobody))
        } else {
            text.to_owned()
        };
        PromptMessage { role: PromptRole::User, content }
    };
    history.iter().map(said).collect()
}

/// Resolves the macros that character texts are written with.
fn fill_in(text: &str, character: &str, user: &str) -> String {
    if !text.contains("{{") {
        return text.to_owned();
    }
    let mut filled = text.to_owned();
    for (names, value) in
        [(["{{char}}", "{{Char}}", "{{CHAR}}"], character), (["{{user}}", "{{User}}", "{{USER}}"], user)]
    {
        for name in names {
            filled = filled.replace(name, value);
        }
    }
    filled
}

/// A name fit to stand in a line: one line, no control characters, not endless.
fn label(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME_MAX_CHARS).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
