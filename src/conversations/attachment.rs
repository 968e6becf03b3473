//! What a message carries beside its text, checked in the one place, whichever way it came: the file of an audio or media
//! message, and the emoji of a reaction.
//!
//! A file was uploaded here (then its id is given, and what it is is known here), lies here (a path under `/media/`) or
//! elsewhere (`https`). Nothing here fetches it: an address is only kept in a form that every client reads alike. Whose an
//! uploaded file is, and what, is looked up before the message is sent (`carried.rs`).

use std::sync::Arc;

use greenroom_actors::domain::{
    Attachment, AttachmentKind, Content, ContentError, Emoji, MessageKind, Place,
};
use greenroom_actors::protocol::Refusal;
use url::Url;
use uuid::Uuid;

use crate::error::{ApiError, FieldError};
use crate::media::files::FileId;

/// Bytes of an address.
const URL_MAX_BYTES: usize = 2_048;
/// Bytes of a media type.
const MIME_MAX_BYTES: usize = 100;
/// A day.
const DURATION_MAX_MS: i64 = 86_400_000;
/// Pixels of a side.
const SIDE_MAX: i64 = 65_535;
/// Where files of our own lie.
const OWN_FOLDER: &str = "/media/";

/// An attachment as a client gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAttachment {
    /// Something that was uploaded here, in place of all else: what it is is known.
    pub media_id: Option<Uuid>,
    pub url: Option<String>,
    /// `image`, `video` or `audio`.
    pub kind: Option<String>,
    pub mime: Option<String>,
    pub duration_ms: Option<i64>,
    pub width: Option<i64>,
    pub height: Option<i64>,
}

/// What a message carries, as far as it is known without looking anything up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    Given(Arc<Attachment>),
    /// An uploaded file; with the kind of message that is to carry it, where that was said.
    File(FileId, Option<MessageKind>),
}

impl NewAttachment {
    /// What it is, or the field that is wrong. `kind`: of the message, where it was said.
    fn carried(self, kind: Option<MessageKind>) -> Result<Carried, FieldError> {
        match (self.media_id, &self.url) {
            (Some(_), Some(_)) => Err(FieldError::new("attachment.url", "does not go together with mediaId")),
            (Some(id), None) => Ok(Carried::File(FileId::from_uuid(id), kind)),
            (None, _) => self.checked().map(|attachment| Carried::Given(Arc::new(attachment))),
        }
    }

    /// What lies at its address, as it says, or the field that is wrong.
    pub fn checked(self) -> Result<Attachment, FieldError> {
        let missing = |field| FieldError::new(field, "is missing");
        let url = self.url.ok_or_else(|| missing("attachment.url"))?;
        let said = self.kind.ok_or_else(|| missing("attachment.type"))?;
        let kind = match said.as_str() {
            "image" => AttachmentKind::Image,
            "video" => AttachmentKind::Video,
            "audio" => AttachmentKind::Audio,
            _ => return Err(FieldError::new("attachment.type", "takes image, video or audio")),
        };
        let duration_ms = whole("attachment.durationMs", self.duration_ms, DURATION_MAX_MS)?;
        if kind == AttachmentKind::Audio && duration_ms.is_none() {
            return Err(FieldError::new("attachment.durationMs", "is missing: audio has a duration"));
        }
        Ok(Attachment {
            place: Place::Url(address(&url)?),
            kind,
            mime: self.mime.as_deref().map(|mime| media_type(mime, &said)).transpose()?,
            duration_ms,
            width: whole("attachment.width", self.width, SIDE_MAX)?,
            height: whole("attachment.height", self.height, SIDE_MAX)?,
            item: None,
            file: None,
        })
    }
}

/// What does not fit: a field, or the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSaid {
    Field(FieldError),
    Content(ContentError),
}

impl From<FieldError> for NotSaid {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<NotSaid> for Refusal {
    fn from(error: NotSaid) -> Self {
        match error {
            NotSaid::Field(error) => error.into(),
            NotSaid::Content(error) => error.into(),
        }
    }
}

impl From<NotSaid> for ApiError {
    fn from(error: NotSaid) -> Self {
        match error {
            NotSaid::Field(error) => error.into(),
            NotSaid::Content(error) => Refusal::from(error).into(),
        }
    }
}

/// What a message says and carries, once its kind, its text and its attachment fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// With an uploaded file its kind is known when that was looked up, and this is as good as any.
    pub kind: MessageKind,
    pub content: Content,
    pub attachment: Option<Carried>,
}

impl Said {
    /// A text message has a text and no attachment; the text of the others may be empty. `max_chars` bounds it. `kind` may be
    /// left out of texts, and where an uploaded file tells it.
    pub fn checked(
        kind: Option<MessageKind>,
        content: Option<&str>,
        attachment: Option<NewAttachment>,
        max_chars: usize,
    ) -> Result<Self, NotSaid> {
        let attachment = attachment.map(|attachment| attachment.carried(kind)).transpose()?;
        let kind = match (&attachment, kind) {
            (_, Some(kind)) => kind,
            (Some(Carried::File(..)), None) => MessageKind::Media,
            (_, None) => MessageKind::Text,
        };
        let given = |carried: &Carried| match carried {
            Carried::Given(attachment) => attachment.kind,
            // It will be told.
            Carried::File(..) if kind == MessageKind::Audio => AttachmentKind::Audio,
            Carried::File(..) => AttachmentKind::Image,
        };
        let takes = |message| Err(FieldError::new("attachment", message).into());
        match (kind, attachment.as_ref().map(given)) {
            (MessageKind::Text, Some(_)) => return takes("goes with type audio or media"),
            (MessageKind::Text, None)
            | (MessageKind::Audio, Some(AttachmentKind::Audio))
            | (MessageKind::Media, Some(AttachmentKind::Image | AttachmentKind::Video)) => {}
            (_, None) => return takes("is missing"),
            (MessageKind::Audio, Some(_)) => return takes("takes type audio in an audio message"),
            (MessageKind::Media, Some(_)) => return takes("takes type image or video in a media message"),
        }
        let content = match (kind, content) {
            (MessageKind::Text, None) => return Err(FieldError::new("content", "is missing").into()),
            (MessageKind::Text, Some(text)) => Content::parse(text, max_chars),
            (_, text) => Content::caption(text.unwrap_or_default(), max_chars),
        };
        let content = content.map_err(NotSaid::Content)?;
        Ok(Self { kind, content, attachment })
    }
}

fn whole(field: &'static str, value: Option<i64>, max: i64) -> Result<Option<u32>, FieldError> {
    match value {
        None => Ok(None),
        Some(value) if (1..=max).contains(&value) => Ok(u32::try_from(value).ok()),
        Some(_) => Err(FieldError::new(field, format!("takes a whole number of 1 to {max}"))),
    }
}

/// `https` without credentials, or a path under `/media/`, in the normal form of the URL standard: what a browser would
/// make of it.
fn address(text: &str) -> Result<Arc<str>, FieldError> {
    let wrong = |message| Err(FieldError::new("attachment.url", message));
    if text.len() > URL_MAX_BYTES {
        return wrong("takes at most 2048 characters");
    }
    let own = text.starts_with('/');
    let Ok(base) = Url::parse("https://own.invalid") else { return wrong("takes a URL") };
    let parsed = if own { base.join(text) } else { Url::parse(text) };
    let Ok(url) = parsed else { return wrong("takes an https URL, or a path under /media/") };
    let kept = if own {
        if url.origin() != base.origin() || !is_own_file(url.path()) {
            return wrong("takes a path under /media/");
        }
        url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()
    } else {
        if url.scheme() != "https" || url.host().is_none() {
            return wrong("takes an https URL, or a path under /media/");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("takes no name and no password");
        }
        url.into()
    };
    // Encoding what has to be makes it longer.
    if kept.len() > URL_MAX_BYTES { wrong("takes at most 2048 characters") } else { Ok(kept.into()) }
}

fn is_own_file(path: &str) -> bool {
    path.strip_prefix(OWN_FOLDER).is_some_and(|key| !key.is_empty())
}

/// A plain `type/subtype` of that kind.
fn media_type(text: &str, kind: &str) -> Result<Arc<str>, FieldError> {
    let text = text.trim().to_ascii_lowercase();
    let token = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_');
        !part.is_empty() && part.bytes().all(plain)
    };
    let fits = text
        .split_once('/')
        .is_some_and(|(of, subtype)| of == kind && token(subtype) && text.len() <= MIME_MAX_BYTES);
    if fits {
        Ok(text.into())
    } else {
        Err(FieldError::new(
            "attachment.mime",
            "takes a media type of the attachment's type, such as image/webp",
        ))
    }
}

/// One emoji of Unicode's list, in its fully qualified form, so that the same one counts as the same.
pub fn emoji(text: &str) -> Result<Emoji, FieldError> {
    let wrong = || FieldError::new("emoji", "takes one emoji");
    let known = emojis::get(text.trim()).ok_or_else(wrong)?;
    Emoji::parse(known.as_str()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests;
