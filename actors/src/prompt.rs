//! The prompt that makes a model speak as a character: pure text in, text out.
//!
//! The system message comes first and depends on the character alone, so that it is the same at each turn, in each room
//! and for each user, and a provider's prompt cache holds it. What people wrote never gets into a system message. The
//! history follows within the token budget, oldest dropped first, behind the summary of what it has no room for ([window],
//! in the role of the notes). What changes from turn to turn stands behind all
//! that, right before the asked message: the [notes] on the people (in a role of their own), then one system message with
//! the lore that was brought up and the character's last instructions. The asked message stands last and is always there.

mod budget;
mod dials;
mod images;
mod lore;
mod macros;
mod notes;
mod program;
mod script;
mod system;
mod traits;
mod window;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::collections::BTreeSet;

use crate::domain::{
    AttachmentKind, CharacterRecord, FileState, Memory, Message, Purpose, Revision, RoomId, Sender, UserId,
};
use crate::ports::{Freshness, GenerateRequest, PromptMessage, PromptRole, TokenCounter};
use crate::settings::PromptSettings;
use lore::Scan;
use macros::{Macros, seed_of};

pub use self::lore::runs_as_pattern;
pub use self::program::compose_for_program;
pub use self::script::Script;
pub use self::system::system_prompt;
pub use self::traits::{Trait, trait_named, traits};
pub use self::window::Older;

/// What stands for `{{user}}` where a person's own name may not: in system messages.
const ANYBODY: &str = "the user";
/// Names longer than this are cut where they label a line.
const NAME_MAX_CHARS: usize = 60;

/// What a reply is asked of.
pub struct Asked<'a, M = Message> {
    pub user: UserId,
    pub user_name: &'a str,
    /// Oldest first; ends with the asked message.
    pub history: &'a [M],
    /// What a sender is called; the lines of all but the character are labelled with it once more than one other
    /// speaks in the history.
    pub names: &'a dyn Fn(Sender) -> Option<String>,
    /// What the character may know here, oldest first.
    pub memories: &'a [Memory],
}

/// Makes the request for one reply of the script's character.
///
/// Tokens of all messages and of the reply together stay below the character's `context_tokens`, as `counter` counts them.
/// What the injected text may take is set aside whether it is taken or not: how much history there is room for, and so
/// where the prompt begins, does not hang on what was brought up this time.
pub fn compose<M: Borrow<Message>>(
    script: &Script,
    asked: &Asked<'_, M>,
    settings: &PromptSettings,
    counter: &dyn TokenCounter,
) -> GenerateRequest {
    compile(script, asked, Older::default(), settings, counter).request
}

/// A prompt, and what it has no room for.
pub struct Compiled {
    pub request: GenerateRequest,
    /// All of the history that was given got in, and more of it would be told if it were given.
    pub takes_more: bool,
    /// Older turns are told in no way, neither word for word nor in the summary: one that reaches up to this revision would
    /// tell them, and leave half of what is told now to be told word for word.
    pub summary_wanted: Option<Revision>,
}

/// [`compose`], where there may be more than the history that is given.
pub fn compile<M: Borrow<Message>>(
    script: &Script,
    asked: &Asked<'_, M>,
    older: Older<'_>,
    settings: &PromptSettings,
    counter: &dyn TokenCounter,
) -> Compiled {
    compile_within(script.budget, script, asked, older, settings, counter)
}

/// The same within so many tokens.
fn compile_within<M: Borrow<Message>>(
    budget: usize,
    script: &Script,
    asked: &Asked<'_, M>,
    older: Older<'_>,
    settings: &PromptSettings,
    counter: &dyn TokenCounter,
) -> Compiled {
    let user_name = label(asked.user_name);
    let left = budget.saturating_sub(script.system_tokens);
    let (injected, set_aside) = inject(script, asked, &user_name, settings, left / 2, counter);
    let offsets: Vec<_> = asked.history.iter().map(|message| message.borrow().offset).collect();
    let mut lines = lines(&script.record, &user_name, asked.history, asked.names);
    images::choose(&mut lines, left.saturating_sub(set_aside) / 2, settings);
    let room = window::Room { tokens: left - set_aside, summary: settings.summary_max_tokens };
    let mut window = window::fitting(lines, &offsets, older, room, counter);
    let last = window.lines.pop();
    let mut messages = vec![PromptMessage::new(PromptRole::System, script.system.clone())];
    messages.extend(window.summary.into_iter().chain(window.lines).chain(injected).chain(last));
    let request = GenerateRequest {
        character: script.record.clone(),
        user: asked.user,
        user_name,
        messages,
        max_tokens: script.record.model.max_tokens,
        temperature: script.record.model.temperature,
        stop: Vec::new(),
        purpose: Purpose::Reply,
        freshness: Freshness::Any,
    };
    Compiled { request, takes_more: window.takes_more, summary_wanted: window.summary_wanted }
}

/// What stands between the history and the asked message, and the tokens that are set aside for it: `most` or less.
fn inject<M: Borrow<Message>>(
    script: &Script,
    asked: &Asked<'_, M>,
    user_name: &str,
    settings: &PromptSettings,
    most: usize,
    counter: &dyn TokenCounter,
) -> (Vec<PromptMessage>, usize) {
    let message = |role, content| PromptMessage::new(role, content);
    let fixed = budget::message_tokens("", counter) + script.post_history_tokens + counter.count(LORE_HEAD);
    if fixed > most {
        // A model that small has room for the question alone.
        return (Vec::new(), 0);
    }
    let for_lore = if script.book.is_empty() { 0 } else { settings.lore_max_tokens.min(most - fixed) };
    let for_notes = settings.memory_max_tokens.min(most - fixed - for_lore);

    let latest_first: Vec<&str> =
        asked.history.iter().rev().map(|message| message.borrow().content.as_str()).collect();
    let own = Sender::Character(script.record.id);
    let scan = Scan {
        latest_first: &latest_first,
        own_messages: asked.history.iter().filter(|message| (*message).borrow().sender == own).count(),
        scan_depth: settings.lore_scan_depth,
        token_budget: for_lore,
    };
    let mut injected = Vec::with_capacity(2);
    injected.extend(
        notes::written(asked.user, user_name, asked.memories, for_notes, counter)
            .map(|notes| message(PromptRole::Note, notes)),
    );
    let lore = script.book.brought_up(&scan).text();
    if !lore.is_empty() || !script.post_history.is_empty() {
        let apart = if lore.is_empty() || script.post_history.is_empty() { "" } else { "\n\n" };
        injected.push(message(PromptRole::System, format!("{lore}{apart}{}", script.post_history)));
    }
    (injected, fixed + for_lore + for_notes)
}

/// Above the lore that was brought up, in the last system message.
pub const LORE_HEAD: &str = "## What you know of this";
/// Above the character's last instructions, which follow it.
pub const LAST_HEAD: &str = "## Before you answer";

/// The history in the model's terms: the character's own lines are the assistant's, all others the user's.
fn lines<M: Borrow<Message>>(
    record: &CharacterRecord,
    user_name: &str,
    history: &[M],
    names: &dyn Fn(Sender) -> Option<String>,
) -> Vec<PromptMessage> {
    let own = Sender::Character(record.id);
    let others: BTreeSet<Sender> =
        history.iter().map(|message| message.borrow().sender).filter(|s| *s != own).collect();
    let said = |message: &M| {
        let message: &Message = message.borrow();
        if message.sender == own {
            // What it spoke or showed it said: a model that reads of files in its own lines writes of them.
            let text = message.content.as_str();
            // Rooms of before have their greeting as it was written.
            let content = match message.reply_to {
                None => addressed(text, &record.name, user_name, seed_of(message.id.uuid())),
                Some(_) => text.to_owned(),
            };
            return PromptMessage::new(PromptRole::Assistant, content);
        }
        let text = &shown(message);
        let content = if others.len() > 1 {
            let name = names(message.sender).map(|name| label(&name)).filter(|name| !name.is_empty());
            let nobody = match message.sender {
                Sender::User(_) => "Another person",
                Sender::Character(_) => "Another character",
            };
            format!("{}: {text}", name.as_deref().unwrap_or(nobody))
        } else {
            text.clone()
        };
        let images = message.attachment.as_deref().and_then(images::of).into_iter().collect();
        PromptMessage { images, ..PromptMessage::new(PromptRole::User, content) }
    };
    history.iter().map(said).collect()
}

/// The text of a message; of a file its caption or transcript, and that there is one.
fn shown(message: &Message) -> String {
    let text = message.content.as_str();
    let Some(attachment) = &message.attachment else { return text.to_owned() };
    let what = match attachment.kind {
        AttachmentKind::Image => "image",
        AttachmentKind::Video => "video",
        // Its text is what was said.
        AttachmentKind::Audio if text.is_empty() => return "(sends a voice message)".to_owned(),
        AttachmentKind::Audio => return format!("(sends a voice message) {text}"),
    };
    let deleted = if attachment.state() == Some(FileState::Deleted) { "deleted " } else { "" };
    if text.is_empty() { format!("[{deleted}{what}]") } else { format!("[{deleted}{what}: {text}]") }
}

/// A character's greeting as it is said in `room` to the person of this name: its macros resolved, and its choices made
/// for this room.
#[must_use]
pub fn greeting(text: &str, character_name: &str, user_name: &str, room: RoomId) -> String {
    addressed(text, character_name, &label(user_name), seed_of(room.uuid()))
}

fn addressed(text: &str, character: &str, user: &str, seed: u64) -> String {
    let user = if user.is_empty() { "you" } else { user };
    Macros { character, user, original: "", seed }.resolve(text)
}

/// A name fit to stand in a line: one line, no control characters, not endless.
fn label(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME_MAX_CHARS).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
