//! Names of objects: `content/<user>/audio_<message>_<time>.mp3`, and what lies under such a name.

use std::fmt;
use std::sync::Arc;

use greenroom_actors::domain::{CharacterId, MessageId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use super::files::{FileId, Size};

/// Bytes of a key.
const KEY_MAX_BYTES: usize = 512;
/// Folder of what was not looked at yet.
pub(super) const TEMP: &str = "temp";

/// What a file is, by the ending of its key. Types that a browser would run are none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileType {
    Mp3,
    Wav,
    Ogg,
    Opus,
    Aac,
    M4a,
    Flac,
    /// A recording of a browser: WebM without a picture.
    Weba,
    Webm,
    Mp4,
    Png,
    Jpeg,
    Gif,
    Webp,
    /// Anything else: to be kept, not to be shown.
    Other,
}

impl FileType {
    /// The first ending of a type is the one that it is given here.
    const ENDINGS: [(&'static str, Self, &'static str); 16] = [
        ("mp3", Self::Mp3, "audio/mpeg"),
        ("wav", Self::Wav, "audio/wav"),
        ("ogg", Self::Ogg, "audio/ogg"),
        ("opus", Self::Opus, "audio/ogg"),
        ("aac", Self::Aac, "audio/aac"),
        ("m4a", Self::M4a, "audio/mp4"),
        ("flac", Self::Flac, "audio/flac"),
        ("weba", Self::Weba, "audio/webm"),
        ("webm", Self::Webm, "video/webm"),
        ("mp4", Self::Mp4, "video/mp4"),
        ("png", Self::Png, "image/png"),
        ("jpg", Self::Jpeg, "image/jpeg"),
        ("jpeg", Self::Jpeg, "image/jpeg"),
        ("gif", Self::Gif, "image/gif"),
        ("webp", Self::Webp, "image/webp"),
        ("bin", Self::Other, "application/octet-stream"),
    ];

    #[must_use]
    pub fn of_ending(ending: &str) -> Self {
        Self::ENDINGS.iter().find(|(known, ..)| *known == ending).map_or(Self::Other, |(_, of, _)| *of)
    }

    /// By the first bytes of a file, some hundreds of them; of a container that sounds and films share it is the film's. It goes
    /// by brands and document types, so that no relative of a type passes for it.
    #[must_use]
    pub fn of_bytes(head: &[u8]) -> Self {
        infer::get(head).map_or(Self::Other, |found| Self::of_mime(found.mime_type()))
    }

    /// Of a media type, without its parameters.
    #[must_use]
    pub fn of_mime(mime: &str) -> Self {
        match mime {
            "audio/mp3" => Self::Mp3,
            "audio/x-wav" | "audio/wave" => Self::Wav,
            "audio/opus" | "application/ogg" => Self::Ogg,
            "audio/x-m4a" | "audio/m4a" => Self::M4a,
            "audio/x-flac" => Self::Flac,
            "video/x-m4v" => Self::Mp4,
            mime => {
                Self::ENDINGS.iter().find(|(.., known)| *known == mime).map_or(Self::Other, |(_, of, _)| *of)
            }
        }
    }

    #[must_use]
    pub fn ending(self) -> &'static str {
        Self::ENDINGS.iter().find(|(_, of, _)| *of == self).map_or("bin", |(ending, ..)| ending)
    }

    /// Its media type.
    #[must_use]
    pub fn mime(self) -> &'static str {
        Self::ENDINGS
            .iter()
            .find(|(_, of, _)| *of == self)
            .map_or("application/octet-stream", |(.., mime)| mime)
    }
}

/// Where an object lies: folders and a name, each of letters, digits, `.`, `-` and `_`, none beginning with a dot. So there
/// is no way up, and no name that the store keeps for itself.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no name of an object")]
pub struct NoKey;

impl ObjectKey {
    pub fn parse(text: &str) -> Result<Self, NoKey> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain);
        let folders = text.bytes().filter(|byte| *byte == b'/').count();
        if text.len() <= KEY_MAX_BYTES && folders > 0 && text.split('/').all(part) {
            Ok(Self(text.into()))
        } else {
            Err(NoKey)
        }
    }

    /// The voice of a reply that was made for this user.
    #[must_use]
    pub fn of_speech(user: UserId, message: MessageId, at: Timestamp, file: FileType) -> Self {
        let (at, ending) = (at.as_millisecond(), file.ending());
        Self(format!("content/{user}/audio_{message}_{at}.{ending}").into())
    }

    /// What a user uploaded to be sent.
    #[must_use]
    pub fn of_upload(user: UserId, id: FileId, file: FileType) -> Self {
        Self(format!("user-content/{user}/{id}.{}", file.ending()).into())
    }

    /// Of a character's gallery.
    #[must_use]
    pub fn of_gallery(character: CharacterId, id: FileId, file: FileType) -> Self {
        Self(format!("characters/{character}/gallery/{id}.{}", file.ending()).into())
    }

    /// An avatar's thumbnail. The first one lies under the plain name; another one, since no object ever changes, tells when it
    /// was made.
    #[must_use]
    pub fn of_thumbnail(user: UserId, avatar: CharacterId, again: Option<Timestamp>) -> Self {
        let at = again.map(|at| format!("_{}", at.as_millisecond())).unwrap_or_default();
        Self(format!("avatars/{user}/thumbnail_{avatar}{at}.webp").into())
    }

    /// A picture that was generated.
    #[must_use]
    pub fn of_image(user: UserId, content: Uuid, at: Timestamp, file: FileType) -> Self {
        Self(format!("content/{user}/image_{content}_{}.{}", at.as_millisecond(), file.ending()).into())
    }

    /// A video that was generated.
    #[must_use]
    pub fn of_video(user: UserId, content: Uuid, at: Timestamp, file: FileType) -> Self {
        Self(format!("content/{user}/video_{content}_{}.{}", at.as_millisecond(), file.ending()).into())
    }

    /// A file as it came, until it was looked at. Nobody is ever given an address of it.
    #[must_use]
    pub fn temp(id: FileId) -> Self {
        Self(format!("{TEMP}/{id}").into())
    }

    /// Whose temporary object it is; `None`: it is none.
    #[must_use]
    pub fn temp_of(&self) -> Option<FileId> {
        let id = self.0.strip_prefix(TEMP)?.strip_prefix('/')?;
        Uuid::try_parse(id).ok().map(FileId::from_uuid)
    }

    /// The smaller picture beside the one that lies here.
    #[must_use]
    pub fn variant(&self, size: Size) -> Self {
        let name = self.0.rsplit('/').next().unwrap_or_default().len();
        let stem = match self.0.rfind('.') {
            Some(dot) if dot >= self.0.len() - name => &self.0[..dot],
            _ => &*self.0,
        };
        Self(format!("{stem}_{}.webp", size.as_str()).into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn file_type(&self) -> FileType {
        let name = self.0.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or(FileType::Other, |(_, ending)| FileType::of_ending(ending))
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<&ObjectKey> for Arc<str> {
    fn from(key: &ObjectKey) -> Self {
        key.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_nowhere_else() {
        let key = ObjectKey::parse("content/0198/audio_1.mp3").unwrap();
        assert_eq!((key.as_str(), key.file_type().mime()), ("content/0198/audio_1.mp3", "audio/mpeg"));
        let long = format!("content/{}", "a".repeat(KEY_MAX_BYTES));
        for wrong in [
            "",
            "a.mp3",
            "/etc/passwd",
            "content/",
            "content//a",
            "content/../a",
            "../a/b",
            "content/.hidden",
            "content/a b",
            "content/a%2e",
            "content\\a/b",
            "content/a\0",
            "content/a#1",
            "content/ä",
            &long,
        ] {
            assert_eq!(ObjectKey::parse(wrong), Err(NoKey), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_made_here_is_a_key() {
        let made =
            ObjectKey::of_speech(UserId::new(), MessageId::new(), Timestamp::UNIX_EPOCH, FileType::Mp3);
        assert_eq!(ObjectKey::parse(made.as_str()).unwrap(), made);
        assert_eq!(made.file_type(), FileType::Mp3);
        let (user, character, id) = (UserId::new(), CharacterId::new(), FileId::new());
        let (content, at) = (Uuid::now_v7(), Timestamp::UNIX_EPOCH);
        for (key, wanted) in [
            (ObjectKey::of_upload(user, id, FileType::Weba), format!("user-content/{user}/{id}.weba")),
            (
                ObjectKey::of_gallery(character, id, FileType::Jpeg),
                format!("characters/{character}/gallery/{id}.jpg"),
            ),
            (
                ObjectKey::of_thumbnail(user, character, None),
                format!("avatars/{user}/thumbnail_{character}.webp"),
            ),
            (
                ObjectKey::of_thumbnail(user, character, Some(at)),
                format!("avatars/{user}/thumbnail_{character}_0.webp"),
            ),
            (
                ObjectKey::of_image(user, content, at, FileType::Png),
                format!("content/{user}/image_{content}_0.png"),
            ),
            (
                ObjectKey::of_video(user, content, at, FileType::Mp4),
                format!("content/{user}/video_{content}_0.mp4"),
            ),
            (ObjectKey::temp(id), format!("temp/{id}")),
            (
                ObjectKey::of_upload(user, id, FileType::Png).variant(Size::Small),
                format!("user-content/{user}/{id}_small.webp"),
            ),
        ] {
            assert_eq!(key.as_str(), wanted);
            assert_eq!(ObjectKey::parse(&wanted), Ok(key));
        }
        assert_eq!(ObjectKey::temp(id).temp_of(), Some(id));
        assert_eq!(made.temp_of(), None);
    }

    #[test]
    fn what_a_browser_would_run_is_of_no_type() {
        for ending in ["html", "svg", "js", "xml", "pdf", "", "MP3"] {
            assert_eq!(FileType::of_ending(ending).mime(), "application/octet-stream", "{ending}");
        }
    }
}
