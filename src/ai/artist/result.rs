//! What came: a picture or a video, by its content and not by what is said of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use greenroom_actors::ports::{Cause, GenerateError, GenerateErrorKind};

use crate::media::{FileType, films, pictures};
use crate::outbound::fetch::{FetchError, Fetcher};

/// The media type of a picture that is taken.
pub fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    pictures::file_type(bytes).ok().map(FileType::mime)
}

/// The media type of a video that is taken.
pub fn video_type(bytes: &[u8]) -> Option<&'static str> {
    films::file_type(bytes).ok().map(FileType::mime)
}

/// Bytes that were sent as text, with or without the beginning of a data URL.
pub fn from_base64(text: &str, max: usize) -> Result<Bytes, &'static str> {
    let text = match text.strip_prefix("data:") {
        Some(rest) => rest.split_once(";base64,").map(|(_, text)| text).ok_or("its data URL is none")?,
        None => text,
    };
    if text.len() / 4 * 3 > max.saturating_add(2) {
        return Err("it is larger than allowed");
    }
    STANDARD.decode(text.trim()).map(Bytes::from).map_err(|_| "it is not base64")
}

/// A picture as others take it in JSON.
pub fn data_url(bytes: &[u8], mime: &str) -> String {
    format!("data:{mime};base64,{}", STANDARD.encode(bytes))
}

/// What lies at the address that a provider gave. It is somebody else's word: it leads nowhere but to public hosts.
pub async fn fetched(fetcher: &Fetcher, url: &str, kinds: &[&str], max: u64) -> Result<Bytes, GenerateError> {
    let error = |kind, error: &FetchError| {
        GenerateError::new(kind, format!("the result at the provider's address: {error}"))
    };
    match fetcher.get_within(url, kinds, max).await {
        Ok(fetched) => Ok(fetched.bytes),
        Err(large @ FetchError::TooLarge(_)) => {
            Err(GenerateError { cause: Cause::TooLarge, ..error(GenerateErrorKind::Broken, &large) })
        }
        Err(again @ FetchError::Again(_)) => Err(error(GenerateErrorKind::Unavailable, &again)),
        Err(other) => Err(error(GenerateErrorKind::Broken, &other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_as_text_is_bounded_and_read() {
        assert_eq!(from_base64("aGVsbG8=", 5).unwrap(), "hello");
        assert_eq!(from_base64("data:image/png;base64,aGVsbG8=", 5).unwrap(), "hello");
        for bad in ["aGVsbG8gd29ybGQ=", "nonsense!", "data:image/png,hello"] {
            assert!(from_base64(bad, 5).is_err(), "{bad}");
        }
    }

    #[test]
    fn kinds_are_told_by_content() {
        assert_eq!(picture_type(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some("image/png"));
        assert_eq!(picture_type(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(picture_type(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), None);
        assert_eq!(video_type(b"\0\0\0\x18ftypisom\0\0\0\0isommp42"), Some("video/mp4"));
        assert_eq!((picture_type(b"{}"), video_type(b"<html>")), (None, None));
    }
}
