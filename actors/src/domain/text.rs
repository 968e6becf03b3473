//! Text that people send: parsed once at the door, valid ever after.

use std::fmt;
use std::sync::Arc;

/// Characters (Unicode scalar values) that one message may have when the operator set nothing else.
pub const CONTENT_MAX_CHARS: usize = 5_000;
const CLIENT_ID_MAX_CHARS: usize = 64;

/// What a message says: trimmed, without NUL, within the length limit; empty only as the caption of an attachment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Content(Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    #[error("the message is empty")]
    Empty,
    #[error("the message is longer than {max_chars} characters")]
    TooLong { max_chars: usize },
    #[error("the message holds a NUL character")]
    Nul,
}

impl Content {
    /// Trims `text` and checks it: 1 to `max_chars` characters, no NUL (Postgres cannot store one).
    pub fn parse(text: &str, max_chars: usize) -> Result<Self, ContentError> {
        if text.trim().is_empty() {
            return Err(ContentError::Empty);
        }
        Self::caption(text, max_chars)
    }

    /// What goes along with an attachment, its caption or its transcript: as [`parse`](Self::parse), but it may be empty.
    pub fn caption(text: &str, max_chars: usize) -> Result<Self, ContentError> {
        let text = text.trim();
        // A character is at most four bytes: short texts need no count.
        if text.len() > max_chars && text.chars().nth(max_chars).is_some() {
            return Err(ContentError::TooLong { max_chars });
        }
        if text.contains('\0') {
            return Err(ContentError::Nul);
        }
        Ok(Self(text.into()))
    }

    /// Text that was checked before: read back from the journal, or written by a character.
    #[must_use]
    pub fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Content {
    // What people say stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.0.len())
    }
}

/// The id that a client gave its message, so that the same send twice is one message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("clientId takes 1 to 64 characters, none of them a control character")]
pub struct ClientIdError;

impl ClientId {
    pub fn parse(text: &str) -> Result<Self, ClientIdError> {
        let fits = !text.is_empty() && text.chars().count() <= CLIENT_ID_MAX_CHARS;
        if fits && !text.chars().any(char::is_control) { Ok(Self(text.into())) } else { Err(ClientIdError) }
    }

    /// Stands in for the id of a message whose sender gave none, and of a reply: its own id is unique.
    #[must_use]
    pub fn of_message(id: super::MessageId) -> Self {
        Self(id.to_string().into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Length of `text` as the protocol counts it: UTF-16 code units, as JavaScript's `length`.
#[must_use]
pub fn utf16_len(text: &str) -> u32 {
    text.chars().map(|c| c.len_utf16() as u32).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_trimmed_and_bounded_in_characters_not_bytes() {
        assert_eq!(Content::parse("  hi \n", 5).unwrap().as_str(), "hi");
        assert!(Content::parse("ååååå", 5).is_ok());
        assert_eq!(Content::parse("åååååå", 5), Err(ContentError::TooLong { max_chars: 5 }));
        assert_eq!(Content::parse(" \t", 5), Err(ContentError::Empty));
        assert_eq!(Content::parse("a\0b", 5), Err(ContentError::Nul));
    }

    #[test]
    fn a_caption_may_be_empty_and_is_bounded_all_the_same() {
        assert_eq!(Content::caption(" \t", 5).unwrap().as_str(), "");
        assert_eq!(Content::caption(" hi ", 5).unwrap().as_str(), "hi");
        assert_eq!(Content::caption("123456", 5), Err(ContentError::TooLong { max_chars: 5 }));
        assert_eq!(Content::caption("\0", 5), Err(ContentError::Nul));
    }

    #[test]
    fn a_client_id_is_short_and_printable() {
        assert!(ClientId::parse("a-1").is_ok());
        assert!(ClientId::parse("").is_err());
        assert!(ClientId::parse("a\nb").is_err());
        assert!(ClientId::parse(&"x".repeat(65)).is_err());
    }

    #[test]
    fn positions_count_as_javascript_does() {
        assert_eq!(utf16_len("a😀é"), 4);
    }
}
