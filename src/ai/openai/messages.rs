//! The prompt as a list of messages in the roles that a model takes.

use greenroom_actors::ports::{PromptMessage, PromptRole};
use serde_json::{Value, json};

use crate::ai::eyes::Seen;
use crate::config::Continues;

/// Asks to go on. It is the server's own: no person reads or wrote it.
const GO_ON: &str = "Your last message was cut off. Go on from exactly where it ends, in the middle of the sentence or word \
    if it ends there. Do not repeat any of it, do not comment on the break, do not begin anew.";
/// Stands where a model wants a person to speak first and a character did.
const BEGINNING: &str = "(The conversation begins.)";

/// By what name what the server says goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SystemRole {
    #[default]
    System,
    Developer,
    /// There is no such role: it goes with the person's words.
    User,
}

/// What a model takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Roles {
    pub system: SystemRole,
    /// One system message, then a person's and the model's in turn.
    pub alternate: bool,
}

/// A reply that is gone on with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Continuing<'a> {
    pub so_far: &'a str,
    pub how: Continues,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    System,
    User,
    Assistant,
}

struct Message {
    role: Role,
    content: String,
    /// Data URLs.
    images: Vec<String>,
}

impl Message {
    fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), images: Vec::new() }
    }
}

pub(super) fn messages(
    prompt: &[PromptMessage],
    roles: Roles,
    seen: &Seen,
    continuing: Option<Continuing<'_>>,
) -> Vec<Value> {
    let mut list: Vec<Message> = prompt.iter().map(|message| of_prompt(message, seen)).collect();
    if let Some(Continuing { so_far, how }) = continuing.filter(|it| it.how != Continues::Never) {
        list.push(Message::new(Role::Assistant, so_far));
        if how == Continues::Ask {
            list.push(Message::new(Role::System, GO_ON));
        }
    }
    if roles.alternate {
        list = in_turn(list);
    }
    if roles.system == SystemRole::User {
        list.iter_mut().filter(|it| it.role == Role::System).for_each(|it| it.role = Role::User);
        if roles.alternate {
            list = merged(list);
        }
    }
    list.iter().map(|message| written(message, roles.system)).collect()
}

fn of_prompt(message: &PromptMessage, seen: &Seen) -> Message {
    let role = match message.role {
        PromptRole::System => Role::System,
        PromptRole::User | PromptRole::Note => Role::User,
        PromptRole::Assistant => Role::Assistant,
    };
    let shown = message.images.iter().filter_map(|image| seen.get(&image.object));
    Message { role, content: message.content.clone(), images: shown.map(str::to_owned).collect() }
}

/// All that the server says in one message at the start, then the two in turn, a person first.
fn in_turn(list: Vec<Message>) -> Vec<Message> {
    let (system, said): (Vec<Message>, Vec<Message>) =
        list.into_iter().partition(|message| message.role == Role::System);
    let first = said.first().map(|message| message.role);
    let begins = (first == Some(Role::Assistant)).then(|| Message::new(Role::User, BEGINNING));
    merged(system.into_iter().chain(begins).chain(said).collect())
}

/// Messages of one role that follow each other become one.
fn merged(list: Vec<Message>) -> Vec<Message> {
    let mut merged: Vec<Message> = Vec::with_capacity(list.len());
    for message in list {
        match merged.last_mut().filter(|last| last.role == message.role) {
            Some(last) => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
                last.images.extend(message.images);
            }
            None => merged.push(message),
        }
    }
    merged
}

fn written(message: &Message, system: SystemRole) -> Value {
    let role = match (message.role, system) {
        (Role::Assistant, _) => "assistant",
        (Role::System, SystemRole::System) => "system",
        (Role::System, SystemRole::Developer) => "developer",
        (Role::System, SystemRole::User) | (Role::User, _) => "user",
    };
    if message.images.is_empty() {
        return json!({ "role": role, "content": message.content });
    }
    let mut parts = vec![json!({ "type": "text", "text": message.content })];
    let images = message.images.iter();
    parts.extend(images.map(|url| json!({ "type": "image_url", "image_url": { "url": url } })));
    json!({ "role": role, "content": parts })
}

#[cfg(test)]
mod tests {
    use greenroom_actors::ports::PromptImage;

    use super::*;

    fn of(roles: Roles, continuing: Option<Continuing<'_>>) -> Vec<String> {
        let said = |role, content: &str| PromptMessage::new(role, content);
        let prompt = [
            said(PromptRole::System, "You are Mara."),
            said(PromptRole::Assistant, "Come in."),
            said(PromptRole::User, "Thanks."),
            said(PromptRole::Note, "Anna likes tea."),
            said(PromptRole::System, "Be brief."),
            said(PromptRole::User, "Tea?"),
        ];
        let list = messages(&prompt, roles, &Seen::default(), continuing);
        let line =
            |it: &Value| format!("{}: {}", it["role"].as_str().unwrap(), it["content"].as_str().unwrap());
        list.iter().map(line).collect()
    }

    #[test]
    fn usually_all_stand_as_they_are() {
        let expected = [
            "system: You are Mara.",
            "assistant: Come in.",
            "user: Thanks.",
            "user: Anna likes tea.",
            "system: Be brief.",
            "user: Tea?",
        ];
        assert_eq!(of(Roles::default(), None), expected);
        let developer = of(Roles { system: SystemRole::Developer, ..Roles::default() }, None);
        assert_eq!(
            (developer[0].as_str(), developer[4].as_str()),
            ("developer: You are Mara.", "developer: Be brief.")
        );
    }

    #[test]
    fn a_picture_stands_behind_the_words_of_its_message() {
        let image = PromptImage { object: "a/b.webp".into(), width: 8, height: 6, bytes: 9, inline: None };
        let asked = PromptMessage {
            images: vec![image],
            ..PromptMessage::new(PromptRole::User, "[image: The harbour]")
        };
        let prompt = [
            PromptMessage::new(PromptRole::System, "You are Mara."),
            PromptMessage::new(PromptRole::User, "Look!"),
            asked,
        ];
        let seen = Seen::of("a/b.webp", "data:image/webp;base64,AAAA");
        let shown = messages(&prompt, Roles::default(), &seen, None);
        let url = json!({ "type": "image_url", "image_url": { "url": "data:image/webp;base64,AAAA" } });
        let parts = json!([{ "type": "text", "text": "[image: The harbour]" }, url]);
        assert_eq!((&shown[1]["content"], &shown[2]["content"]), (&json!("Look!"), &parts));
        let strict = Roles { alternate: true, ..Roles::default() };
        let merged = messages(&prompt, strict, &seen, None);
        let parts = json!([{ "type": "text", "text": "Look!\n\n[image: The harbour]" }, url]);
        assert_eq!((merged.len(), &merged[1]["content"]), (2, &parts));
        let told = messages(&prompt, Roles::default(), &Seen::default(), None);
        assert_eq!(told[2]["content"], "[image: The harbour]");
    }

    #[test]
    fn a_strict_model_gets_one_system_message_and_the_two_in_turn() {
        let expected = [
            "system: You are Mara.\n\nBe brief.",
            "user: (The conversation begins.)",
            "assistant: Come in.",
            "user: Thanks.\n\nAnna likes tea.\n\nTea?",
        ];
        assert_eq!(of(Roles { alternate: true, ..Roles::default() }, None), expected);
        let expected = [
            "user: You are Mara.\n\nBe brief.\n\n(The conversation begins.)",
            "assistant: Come in.",
            "user: Thanks.\n\nAnna likes tea.\n\nTea?",
        ];
        assert_eq!(of(Roles { alternate: true, system: SystemRole::User }, None), expected);
    }

    #[test]
    fn a_broken_reply_stands_last_and_is_asked_for_by_the_server_alone() {
        let continuing = |how| Some(Continuing { so_far: "With", how });
        let prefill = of(Roles::default(), continuing(Continues::Prefill));
        assert_eq!((prefill.len(), prefill[6].as_str()), (7, "assistant: With"));
        let ask = of(Roles::default(), continuing(Continues::Ask));
        assert_eq!((ask.len(), ask[6].as_str()), (8, "assistant: With"));
        assert!(ask[7].starts_with("system: Your last message was cut off."));
        assert_eq!(of(Roles::default(), continuing(Continues::Never)).len(), 6);
    }
}
