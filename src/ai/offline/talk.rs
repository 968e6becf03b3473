//! The conversation as the offline voice sees it: what it said itself, what its partner told, what is asked now.

use greenroom_actors::ports::{GenerateRequest, PromptRole};
use greenroom_actors::prompt::{LAST_HEAD, LORE_HEAD};

pub struct Talk<'a> {
    /// The character's own lines, oldest first.
    pub own: Vec<&'a str>,
    /// The asker's lines before the asked one, oldest first.
    pub told: Vec<&'a str>,
    /// Without the brackets around what is said of a picture.
    pub asked: &'a str,
    /// It came with a picture or a video, which nobody here can look at.
    pub picture: bool,
    /// What the asker told in other talks, oldest first.
    pub noted: Vec<&'a str>,
    /// The lore that the talk has brought up.
    pub lore: Vec<&'a str>,
}

impl<'a> Talk<'a> {
    pub fn new(request: &'a GenerateRequest) -> Self {
        let said = |role| move |message: &&greenroom_actors::ports::PromptMessage| message.role == role;
        let own = request.messages.iter().filter(said(PromptRole::Assistant));
        let lines: Vec<&str> = request
            .messages
            .iter()
            .filter(said(PromptRole::User))
            .map(|message| message.content.as_str())
            .collect();
        let mut told = of_the_asker(&lines);
        let asked = told.pop().unwrap_or_default();
        let caption = captioned(asked);
        let notes = request.messages.iter().filter(said(PromptRole::Note));
        let lore = request.messages.iter().skip(1).find(|message| message.role == PromptRole::System);
        Self {
            own: own.map(|message| message.content.as_str()).collect(),
            told,
            asked: caption.unwrap_or(asked),
            picture: caption.is_some(),
            noted: notes.flat_map(|notes| noted(&notes.content, &request.user_name)).collect(),
            lore: lore.map(|lore| entries(&lore.content)).unwrap_or_default(),
        }
    }
}

/// What is said of a picture or a video: "[image: a caption]".
fn captioned(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('[')?.strip_suffix(']')?;
    let inner = inner.strip_prefix("image").or_else(|| inner.strip_prefix("video"))?;
    if inner.is_empty() { Some(inner) } else { inner.strip_prefix(": ") }
}

/// The facts of the asker: lines with their name before them, or with none; and what a summary says that they said.
fn noted<'a>(notes: &'a str, name: &str) -> Vec<&'a str> {
    let fact = |line: &'a str| {
        let (who, fact) = line.strip_prefix("- ").unwrap_or(line).split_once('“')?;
        let (noted, said) = (who.strip_suffix(": "), who.strip_suffix(" said: "));
        let own = (who.is_empty() && line.starts_with("- ")) || noted == Some(name) || said == Some(name);
        fact.strip_suffix('”').filter(|_| own)
    };
    notes.lines().filter_map(fact).collect()
}

fn entries(message: &str) -> Vec<&str> {
    let Some(lore) = message.strip_prefix(LORE_HEAD) else { return Vec::new() };
    let lore = lore.split_once(LAST_HEAD).map_or(lore, |(lore, _)| lore);
    lore.split("\n\n").map(str::trim).filter(|entry| !entry.is_empty()).collect()
}

/// In a room of several each line begins with its speaker: then only the last speaker's lines are the asker's.
fn of_the_asker<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let labels: Option<Vec<(&str, &str)>> = lines.iter().map(|line| line.split_once(": ")).collect();
    let Some(labels) = labels else { return lines.to_vec() };
    let Some((asker, _)) = labels.last() else { return Vec::new() };
    // One line with a colon is only a line with a colon.
    if labels.iter().all(|(name, _)| name == asker) {
        return lines.to_vec();
    }
    labels.iter().filter(|(name, _)| name == asker).map(|(_, text)| *text).collect()
}
