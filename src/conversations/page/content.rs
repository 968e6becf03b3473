//! What the page shows of a conversation, ready for its template.

use greenroom_actors::domain::Revision;
use jiff::Timestamp;
use serde::Serialize;

use super::markdown::{html_of, preview_of};
use super::own_url;
use crate::conversations::view::{
    AttachedState, AttachmentType, AttachmentView, ConversationCharacterView, FinishView, Names,
    PublicConversationView, PublicMessageView, ReactionCountView,
};
use crate::conversations::{Listed, MessageRange};
use crate::media::files::Size;

/// Characters of a description: what previews show.
const DESCRIPTION_CHARS: usize = 200;

#[derive(Serialize)]
pub(super) struct RoomPage {
    title: String,
    description: String,
    listed: bool,
    canonical: String,
    url: String,
    image: Option<String>,
    category: Option<String>,
    tags: Vec<String>,
    messages: u64,
    views: u64,
    created_at: Timestamp,
    created_on: String,
    cast: Vec<Face>,
    log: Vec<Said>,
    previous: Option<String>,
    next: Option<String>,
    #[serde(skip)]
    colors: Vec<String>,
}

/// A character as the head of the page shows it.
#[derive(Serialize)]
struct Face {
    name: String,
    line: String,
    initial: String,
    tone: String,
    image: Option<String>,
}

#[derive(Serialize)]
struct Said {
    offset: Revision,
    name: String,
    initial: String,
    tone: String,
    image: Option<String>,
    at: Timestamp,
    on: String,
    html: String,
    edited: bool,
    cut: Option<&'static str>,
    file: Option<File>,
    reactions: Vec<ReactionCountView>,
}

#[derive(Serialize)]
struct File {
    /// What is shown here, if it is ours.
    own: Option<&'static str>,
    /// None: an address that nobody should follow.
    url: Option<String>,
    label: &'static str,
}

/// A day and a time as people read them; in UTC, since nobody knows where they are.
fn on(time: Timestamp, format: &str) -> String {
    time.strftime(format).to_string()
}

fn initial(name: &str) -> String {
    name.trim()
        .chars()
        .find(|sign| sign.is_alphanumeric())
        .map_or_else(|| "·".to_owned(), |sign| sign.to_uppercase().collect())
}

impl RoomPage {
    pub(super) fn new(
        base: &str,
        view: &PublicConversationView,
        messages: &[PublicMessageView],
        names: &Names,
        range: MessageRange,
        more: bool,
        listed: Listed,
    ) -> Self {
        let path = format!("/c/{}", view.slug);
        let (first, last) =
            (messages.first().map(|said| said.offset), messages.last().map(|said| said.offset));
        let (earlier, later) = match range {
            MessageRange::After(after) => (after > 0, more),
            MessageRange::Before(_) => (more, true),
            MessageRange::Latest => (more, false),
        };
        let previous = match (range, first) {
            (_, Some(first)) => earlier.then(|| format!("{path}?before={first}")),
            // Beyond the end, where nothing is: back to where something may be.
            (MessageRange::After(after), None) => (after > 0).then(|| path.clone()),
            _ => None,
        };
        let next = match (range, last) {
            (_, Some(last)) => later.then(|| format!("{path}?after={last}")),
            (MessageRange::Before(before), None) => Some(format!("{path}?after={}", (before - 1).max(0))),
            _ => None,
        };
        let url = format!("{base}{path}");
        let canonical = match range {
            MessageRange::After(after) if after > 0 => format!("{url}?after={after}"),
            _ => first
                .filter(|_| earlier)
                .map_or_else(|| url.clone(), |first| format!("{url}?after={}", first - 1)),
        };
        let mut colors = Vec::new();
        let cast: Vec<Face> = view
            .characters
            .iter()
            .map(|one| Face {
                name: one.name.clone(),
                line: one.tagline.clone(),
                initial: initial(&one.name),
                tone: tone(&mut colors, one),
                image: image(base, one),
            })
            .collect();
        let log = messages
            .iter()
            .filter(|message| message.deleted_at.is_none())
            .map(|message| said(base, message, names, &mut colors))
            .collect();
        let opening =
            messages.iter().find(|message| message.deleted_at.is_none() && !message.content.is_empty());
        let description = opening.map_or_else(
            || format!("A conversation with {}.", joined(&view.characters)),
            |message| preview_of(&message.content, DESCRIPTION_CHARS),
        );
        let picture = view.characters.iter().find_map(|one| image(base, one));
        Self {
            title: view.title.clone(),
            description,
            listed: listed == Listed::Yes,
            canonical,
            image: picture.map(|url| if url.starts_with('/') { format!("{base}{url}") } else { url }),
            url,
            category: view.category.clone(),
            tags: view.tags.clone(),
            messages: view.message_count,
            views: view.views,
            created_at: view.created_at,
            created_on: on(view.created_at, "%-d %B %Y"),
            cast,
            log,
            previous,
            next,
            colors,
        }
    }

    /// The style of each character's colour, in the order in which their classes are numbered.
    pub(super) fn tones(&self) -> String {
        let rule = |(number, color): (usize, &String)| {
            format!(".t{number}{{background:{color};color:{}}}\n", ink_on(color))
        };
        self.colors.iter().enumerate().map(rule).collect()
    }
}

fn joined(characters: &[ConversationCharacterView]) -> String {
    let names: Vec<&str> = characters.iter().map(|one| one.name.as_str()).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

fn said(base: &str, message: &PublicMessageView, names: &Names, colors: &mut Vec<String>) -> Said {
    let character = message.sender.character_id.and_then(|id| names.character(id));
    Said {
        offset: message.offset,
        name: message.sender.name.clone(),
        initial: initial(&message.sender.name),
        tone: character.map(|one| tone(colors, one)).unwrap_or_default(),
        image: character.and_then(|one| image(base, one)),
        at: message.created_at,
        on: on(message.created_at, "%-d %b %Y, %H:%M UTC"),
        html: html_of(&message.content),
        edited: message.edited_at.is_some(),
        cut: match message.finish {
            FinishView::Complete => None,
            FinishView::Stopped => Some("stopped"),
            FinishView::Length => Some("cut at its longest"),
            FinishView::Interrupted => Some("interrupted"),
            FinishView::Refused => Some("declined"),
        },
        file: message.attachment.as_ref().map(|attachment| file(base, attachment)),
        reactions: message.reactions.clone(),
    }
}

fn file(base: &str, attachment: &AttachmentView) -> File {
    let (own, label, gone) = match attachment.kind {
        AttachmentType::Image => ("image", "Picture", "Picture (deleted)"),
        AttachmentType::Video => ("video", "Video", "Video (deleted)"),
        AttachmentType::Audio => ("audio", "Recording", "Recording (deleted)"),
    };
    let file = attachment.file.as_ref();
    let Some(url) = &attachment.url else {
        let is_gone = file.is_some_and(|file| file.state == AttachedState::Deleted);
        return File { own: None, url: None, label: if is_gone { gone } else { label } };
    };
    // The picture as large as a page shows it, where there is one.
    let large = file.and_then(|file| file.variants.get(&Size::Large));
    let url = large.map_or(url, |large| &large.url);
    let is_own = own_url(base, url);
    let leads_out = url.starts_with("https://") || url.starts_with("http://");
    File { own: is_own.then_some(own), url: (is_own || leads_out).then(|| url.clone()), label }
}

fn image(base: &str, character: &ConversationCharacterView) -> Option<String> {
    character.avatar_url.as_ref().filter(|url| own_url(base, url)).cloned()
}

/// The class of a character's colour. What is no colour has none: it would stand in the style.
fn tone(colors: &mut Vec<String>, character: &ConversationCharacterView) -> String {
    let color = &character.color;
    let digits = color.strip_prefix('#').filter(|digits| digits.len() == 6);
    if !digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return String::new();
    }
    let number = colors.iter().position(|known| known == color).unwrap_or_else(|| {
        colors.push(color.clone());
        colors.len() - 1
    });
    format!("t{number}")
}

/// Black or white, whichever is read better on the colour (WCAG's contrast).
fn ink_on(color: &str) -> &'static str {
    let part = |at: usize| {
        let value = color.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let value = f64::from(value.unwrap_or_default()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let light = 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
    if (light + 0.05) * (light + 0.05) > 1.05 * 0.05 { "#000" } else { "#fff" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn character(color: &str) -> ConversationCharacterView {
        ConversationCharacterView {
            id: uuid::Uuid::now_v7(),
            slug: "mira".into(),
            name: "Mira".into(),
            tagline: String::new(),
            avatar_url: None,
            color: color.into(),
        }
    }

    #[test]
    fn what_is_no_colour_never_reaches_the_style() {
        let mut colors = Vec::new();
        for color in ["red", "#12345", "#12345g", "#fff}</style>", "", "#ééé"] {
            assert_eq!(tone(&mut colors, &character(color)), "", "{color}");
        }
        assert_eq!(tone(&mut colors, &character("#7a5cff")), "t0");
        assert_eq!(tone(&mut colors, &character("#7a5cff")), "t0");
        assert_eq!(colors, ["#7a5cff"]);
    }

    #[test]
    fn letters_on_a_colour_can_be_read() {
        assert_eq!((ink_on("#ffffff"), ink_on("#000000"), ink_on("#ffe066")), ("#000", "#fff", "#000"));
    }

    #[test]
    fn a_name_has_an_initial() {
        assert_eq!(
            (initial(" mira "), initial("\"Ölaf\""), initial("…")),
            ("M".into(), "Ö".into(), "·".into())
        );
    }
}
