//! The messages of a request: who said what, and what was shown with it.

use greenroom_actors::completion::Speaker;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::pictures::{self, ImageUrl, Sent};
use super::wrong;
use crate::error::ApiResult;

const MESSAGES_MAX: usize = 1_000;
/// Characters (Unicode) of one message.
const MESSAGE_MAX_CHARS: usize = 32_000;
/// Characters of all messages together.
const MESSAGES_MAX_CHARS: usize = 200_000;

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ChatMessage {
    /// `system`, `developer`, `user` or `assistant`.
    role: String,
    content: Option<Content>,
    #[schema(value_type = Option<Vec<Object>>)]
    tool_calls: Option<Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "takes a text or a list of parts")]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize, ToSchema)]
struct Part {
    /// `text`; of a user's message `image_url` too.
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
    image_url: Option<ImageUrl>,
}

/// A line of the history. It has words, pictures, or both.
#[derive(Debug)]
pub(in crate::completions) struct Said {
    pub by: Speaker,
    pub text: String,
    pub pictures: Vec<Sent>,
}

/// The lines that were said, and what system messages add.
pub(super) fn read_messages(messages: Vec<ChatMessage>) -> ApiResult<(Vec<Said>, Option<String>)> {
    if messages.len() > MESSAGES_MAX {
        return Err(wrong("messages", format!("takes at most {MESSAGES_MAX} messages")));
    }
    let (mut lines, mut program, mut chars) = (Vec::new(), Vec::new(), 0);
    let mut count = 0;
    for (at, message) in messages.into_iter().enumerate() {
        let field = |name: &str| format!("messages[{at}].{name}");
        if message.tool_calls.is_some_and(|calls| !calls.is_null()) {
            return Err(wrong(field("tool_calls"), "is not offered: characters have no tools"));
        }
        let by = match message.role.as_str() {
            "system" | "developer" => None,
            "user" => Some(Speaker::Person),
            "assistant" => Some(Speaker::Character),
            "tool" | "function" => {
                return Err(wrong(field("role"), "is not offered: characters have no tools"));
            }
            _ => return Err(wrong(field("role"), "takes system, developer, user or assistant")),
        };
        let (text, pictures) = match message.content {
            None => Default::default(),
            Some(Content::Text(text)) => (text, Vec::new()),
            Some(Content::Parts(parts)) => taken_apart(parts, by, at)?,
        };
        let length = text.chars().count();
        chars += length;
        if length > MESSAGE_MAX_CHARS {
            return Err(wrong(field("content"), format!("is longer than {MESSAGE_MAX_CHARS} characters")));
        }
        if chars > MESSAGES_MAX_CHARS {
            let message = format!("are longer than {MESSAGES_MAX_CHARS} characters together");
            return Err(wrong("messages", message));
        }
        count += pictures.len();
        if count > pictures::MAX {
            return Err(wrong("messages", format!("take at most {} pictures together", pictures::MAX)));
        }
        match by {
            _ if text.trim().is_empty() && pictures.is_empty() => {}
            Some(by) => {
                // Blanks beside a picture say nothing.
                let text = if text.trim().is_empty() { String::new() } else { text };
                lines.push(Said { by, text, pictures });
            }
            None => program.push(text),
        }
    }
    if !lines.iter().any(|line| line.by == Speaker::Person) {
        return Err(wrong("messages", "takes at least one message of the user that says something"));
    }
    let program = (!program.is_empty()).then(|| program.join("\n\n"));
    Ok((lines, program))
}

/// The text of a message's parts, and its pictures in order.
fn taken_apart(parts: Vec<Part>, by: Option<Speaker>, at: usize) -> ApiResult<(String, Vec<Sent>)> {
    let (mut text, mut sent) = (String::new(), Vec::new());
    for (index, part) in parts.into_iter().enumerate() {
        let field = |name: &str| format!("messages[{at}].content[{index}].{name}");
        let more = match part.kind.as_str() {
            "text" => part.text.ok_or_else(|| wrong(field("text"), "is missing"))?,
            "refusal" => part.refusal.unwrap_or_default(),
            "image_url" if by == Some(Speaker::Person) => {
                let image = part.image_url.ok_or_else(|| wrong(field("image_url"), "is missing"))?;
                sent.push(pictures::read(image, &field("image_url"))?);
                continue;
            }
            "image_url" => {
                return Err(wrong(field("type"), "takes text: pictures come in messages of the user"));
            }
            "input_audio" | "file" => {
                return Err(wrong(
                    field("type"),
                    "takes text and image_url: sounds and files are not offered",
                ));
            }
            _ => return Err(wrong(field("type"), "takes text and image_url")),
        };
        if !text.is_empty() && !more.is_empty() {
            text.push('\n');
        }
        text.push_str(&more);
    }
    Ok((text, sent))
}
