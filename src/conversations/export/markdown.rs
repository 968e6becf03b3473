//! A conversation as Markdown in which what was said is what is read: signs that Markdown would take for its own are
//! escaped, line by line, and lines stay lines.

use std::fmt::Write as _;

use greenroom_actors::domain::{Message, Place};

use crate::conversations::view::{AttachmentView, ConversationView, PublicSenderView, wire_time};

use super::is_character;

/// The title and who is in it.
pub(super) fn head(view: &ConversationView) -> String {
    let mut text = format!("# {}\n\n", line(&view.title));
    let characters: Vec<String> = view.characters.iter().map(|character| line(&character.name)).collect();
    let people: Vec<String> = view.members.iter().map(|member| line(&member.display_name)).collect();
    // Writing to a String does not fail.
    let _ = writeln!(text, "- Characters: {}", characters.join(", "));
    let _ = writeln!(text, "- People: {}", people.join(", "));
    if let Some(category) = &view.category {
        let _ = writeln!(text, "- Category: {}", line(category));
    }
    if !view.tags.is_empty() {
        let tags: Vec<String> = view.tags.iter().map(|tag| line(tag)).collect();
        let _ = writeln!(text, "- Tags: {}", tags.join(", "));
    }
    let _ = writeln!(text, "- Begun: {}", view.created_at);
    text
}

/// One message, after a rule that sets it off from the one before.
pub(super) fn message(message: &Message, sender: &PublicSenderView) -> String {
    let name = line(&sender.name);
    let kind = if is_character(sender.kind) { " (character)" } else { "" };
    let mut text = format!("\n---\n\n**{name}**{kind} · {}", wire_time(message.created_at));
    if message.changes.edited_at.is_some() {
        text.push_str(" · edited");
    }
    text.push_str("\n\n");
    if message.changes.deleted_at.is_some() {
        text.push_str("_This message was deleted._\n");
        return text;
    }
    let said = body(message.content.as_str());
    if !said.is_empty() {
        text.push_str(&said);
        text.push('\n');
    }
    if let Some(attachment) = message.attachment.as_deref() {
        let _ = match AttachmentView::from(attachment).url {
            Some(url) => writeln!(text, "\n[Attachment]({})", address(&url)),
            None if attachment.place == Place::Gone => writeln!(text, "\n_The attachment was deleted._"),
            None => writeln!(text, "\n_The attachment cannot be opened._"),
        };
    }
    if !message.changes.reactions.is_empty() {
        let emoji: Vec<&str> =
            message.changes.reactions.iter().map(|reaction| reaction.emoji.as_str()).collect();
        let _ = writeln!(text, "\nReactions: {}", line(&emoji.join(" ")));
    }
    text
}

/// A text of one line.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    escaped(&words.join(" "))
}

/// A text of several lines: each ends as a line there too, and an empty one begins a paragraph.
fn body(text: &str) -> String {
    let mut body = String::with_capacity(text.len() + text.len() / 8);
    let normal = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = normal.trim_end_matches('\n').split('\n').peekable();
    while let Some(line) = lines.next() {
        let rest = line.trim_start_matches([' ', '\t']);
        // Spaces at the beginning would be lost, or make it code.
        for space in line[..line.len() - rest.len()].chars() {
            body.push_str(if space == '\t' { "&nbsp;&nbsp;&nbsp;&nbsp;" } else { "&nbsp;" });
        }
        body.push_str(&escaped(rest.trim_end()));
        match lines.peek() {
            None => {}
            Some(next) if line.trim().is_empty() || next.trim().is_empty() => body.push('\n'),
            Some(_) => body.push_str("\\\n"),
        }
    }
    body
}

/// Every sign of ASCII that can mean something in Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for (at, sign) in text.char_indices() {
        let means = match sign {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '(' | ')' | '#' | '!' | '|'
            | '~' | '&' | '$' | '^' => true,
            // At the beginning of a line: a list, a rule, a heading.
            '+' | '-' | '=' => at == 0,
            // After a number at the beginning of a line: a list. In an address: a link made by the reader's program.
            '.' => text[..at].bytes().all(|byte| byte.is_ascii_digit()),
            ':' => true,
            '@' => true,
            _ => false,
        };
        if means {
            escaped.push('\\');
        }
        escaped.push(sign);
    }
    escaped
}

/// An address as the target of a link.
fn address(url: &str) -> String {
    let mut address = String::with_capacity(url.len());
    for sign in url.chars() {
        match sign {
            ' ' | '<' | '>' | '(' | ')' | '\\' | '"' | '`' => {
                let _ = write!(address, "%{:02X}", u32::from(sign));
            }
            sign if sign.is_control() => {}
            sign => address.push(sign),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    use super::*;

    /// What a reader of the Markdown sees, and whether anything but paragraphs is in it.
    fn read(markdown: &str) -> (String, bool) {
        let (mut text, mut plain) = (String::new(), true);
        // But for the typography, which changes signs on purpose.
        let options = Options::all().difference(Options::ENABLE_SMART_PUNCTUATION);
        for event in Parser::new_ext(markdown, options) {
            match event {
                Event::Text(part) => text.push_str(&part),
                Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph) => text.push('\n'),
                Event::Start(Tag::Paragraph) => {}
                _ => plain = false,
            }
        }
        (text, plain)
    }

    /// Lines without the blanks at their ends, without empty ones: Markdown keeps neither.
    fn lines(text: &str) -> Vec<String> {
        let text = text.replace(['\u{a0}', '\t'], " ");
        text.split(['\n', '\r'])
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|line| !line.is_empty())
            .collect()
    }

    #[test]
    fn what_was_said_is_what_is_read() {
        for said in [
            "# no heading",
            "1. no list\n2. either",
            "- a\n+ b\n* c",
            "*smiles* and _nods_, `code`",
            "```\nfenced\n```",
            "<script>alert(1)</script> & &amp;",
            "[link](javascript:alert(1)) ![image](x)",
            "> quoted\n===\n---",
            "| a | b |\n|---|---|",
            "    four spaces\n\n\ttab",
            "ends with a backslash\\\nnext",
            "~~~\nx\n~~~",
            "https://example.com me@example.com",
            "[^1] footnote $x^2$ ==mark== :::",
            "term\n: definition",
        ] {
            let (text, plain) = read(&body(said));
            assert!(plain, "{said:?} became {:?}", body(said));
            assert_eq!(lines(&text), lines(said), "{said:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_stays_what_it_was(said in "[ -~\n]{0,80}") {
            let (text, plain) = read(&body(&said));
            prop_assert!(plain, "{:?}", body(&said));
            prop_assert_eq!(lines(&text), lines(&said));
        }
    }
}
