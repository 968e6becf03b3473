//! The conversation as the offline voice sees it: what it said itself, what its partner told, what is asked now.

use greenroom_actors::ports::{GenerateRequest, PromptRole};

pub struct Talk<'a> {
    /// The character's own lines, oldest first.
    pub own: Vec<&'a str>,
    /// The asker's lines before the asked one, oldest first.
    pub told: Vec<&'a str>,
    pub asked: &'a str,
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
        Self { own: own.map(|message| message.content.as_str()).collect(), told, asked }
    }
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
