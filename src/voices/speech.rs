//! A text becomes a sound file: in one request, or in a few where it is longer than one takes.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{Attachment, AttachmentKind, Place};
use greenroom_actors::ports::{Calls, SpeakRequest, Speech, SpeechError};
use jiff::Timestamp;

use crate::ai::Audio;
use crate::config::{SpeechFormat, SpeechSettings};
use crate::media::sounds::duration_ms;
use crate::media::{FileType, Media, ObjectKey, Owner};

/// Requests for one reply.
const PARTS_MAX: usize = 8;

/// What is told where nothing speaks.
const MISSING: &str = "this server cannot speak: no provider that is on has a model for speech (set OPENAI_API_KEY, or \
                       speech.model and its provider)";

/// The engine's voice. Cheap to clone.
#[derive(Clone)]
pub struct Voice(Arc<Inner>);

struct Inner {
    audio: Audio,
    settings: SpeechSettings,
    media: Media,
}

impl Voice {
    #[must_use]
    pub fn new(audio: Audio, settings: SpeechSettings, media: Media) -> Self {
        Self(Arc::new(Inner { audio, settings, media }))
    }
}

impl Speech for Voice {
    fn missing(&self) -> Option<String> {
        (!self.0.audio.speaks()).then(|| MISSING.to_owned())
    }

    fn speak(
        &self,
        request: SpeakRequest,
        calls: Calls,
    ) -> BoxFuture<'static, Result<Arc<Attachment>, SpeechError>> {
        let inner = self.0.clone();
        async move { inner.speak(request, &calls).await }.boxed()
    }
}

impl Inner {
    async fn speak(&self, request: SpeakRequest, calls: &Calls) -> Result<Arc<Attachment>, SpeechError> {
        let voice = request.character.voice.as_deref().unwrap_or(&self.settings.voice);
        let parts = parts(&request.text, self.settings.max_chars);
        if parts.len() > most_parts(self.settings.format) {
            return Err(SpeechError(format!("{} characters are too many to speak", request.text.len())));
        }
        let mut sound = BytesMut::new();
        for part in parts {
            let spoken = self.audio.speak(voice, part, calls).await;
            sound.extend_from_slice(&spoken.map_err(|error| SpeechError(error.to_string()))?);
        }
        self.kept(&request, sound.freeze()).await
    }

    /// The file in the store, as its message carries it.
    async fn kept(&self, request: &SpeakRequest, sound: Bytes) -> Result<Arc<Attachment>, SpeechError> {
        let Some(duration) = duration_ms(&sound) else {
            return Err(SpeechError("what the provider sent is no sound file".to_owned()));
        };
        let file = file_type(self.settings.format);
        let key = ObjectKey::of_speech(request.user, request.message, Timestamp::now(), file);
        let owner =
            Owner { user: Some(request.user), room: Some(request.room), message: Some(request.message) };
        self.media.keep(&key, owner, sound).await.map_err(|error| SpeechError(error.to_string()))?;
        let attachment = Attachment::new(Place::Object((&key).into()), AttachmentKind::Audio);
        Ok(Arc::new(Attachment { mime: Some(file.mime().into()), duration_ms: Some(duration), ..attachment }))
    }
}

fn file_type(format: SpeechFormat) -> FileType {
    match format {
        SpeechFormat::Mp3 => FileType::Mp3,
        SpeechFormat::Opus => FileType::Opus,
        SpeechFormat::Aac => FileType::Aac,
        SpeechFormat::Flac => FileType::Flac,
        SpeechFormat::Wav => FileType::Wav,
    }
}

/// Files that are nothing but frames one after the other can be joined; the others have a head that tells their length.
fn most_parts(format: SpeechFormat) -> usize {
    match format {
        SpeechFormat::Mp3 | SpeechFormat::Aac => PARTS_MAX,
        SpeechFormat::Opus | SpeechFormat::Flac | SpeechFormat::Wav => 1,
    }
}

/// The text in parts of at most so many characters, each as long as can be: cut behind a sentence where there is one in its
/// second half, else behind a word. Blank parts, which nobody can speak, are left out.
fn parts(text: &str, max_chars: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while let Some((end, _)) = rest.char_indices().nth(max_chars) {
        let part = &rest[..end];
        let after = |found: Option<(usize, char)>| found.map(|(at, c)| at + c.len_utf8());
        let half = part.char_indices().nth(max_chars / 2).map_or(0, |(at, _)| at);
        let sentence =
            |(at, c): &(usize, char)| *at >= half && matches!(c, '.' | '!' | '?' | '…' | '\n' | '。');
        let cut = after(part.char_indices().rev().find(sentence))
            .or_else(|| after(part.char_indices().rev().find(|(_, c)| c.is_whitespace())))
            .unwrap_or(end);
        parts.push(part[..cut].trim());
        rest = rest[cut..].trim_start();
    }
    parts.push(rest);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_spoken_in_sentences() {
        assert_eq!(parts("Short.", 20), ["Short."]);
        let text = "One two three. Four five six! Seven eight nine eleven";
        assert_eq!(parts(text, 20), ["One two three.", "Four five six!", "Seven eight nine", "eleven"]);
        assert_eq!(parts("Seven eight nine ten", 20), ["Seven eight nine ten"], "as long as can be");
        assert_eq!(parts("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(parts("äöü äöü äöü", 5), ["äöü", "äöü", "äöü"]);
        assert_eq!(parts("   ", 5), Vec::<&str>::new());
    }

    #[test]
    fn nothing_of_a_text_is_left_out() {
        let text = "A b, c. ".repeat(99) + &"x".repeat(50);
        let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        for max in 1..60 {
            let parts = parts(&text, max);
            assert!(parts.iter().all(|part| (1..=max).contains(&part.chars().count())), "{max}");
            assert_eq!(bare(&parts.concat()), bare(&text), "{max}");
        }
    }
}
