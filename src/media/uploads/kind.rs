//! What a file is, by its beginning. What it is called, and what the request says of it, is nobody's word.

use actix_web::http::StatusCode;
use greenroom_actors::domain::AttachmentKind;

use super::types;
use crate::config::MediaSettings;
use crate::error::ApiError;
use crate::media::pictures::{self, Bounds};
use crate::media::{Fault, FileType};

/// The type of a file that begins so, if it is one of these kinds.
pub(super) fn told(head: &[u8], wanted: &[AttachmentKind]) -> Result<(AttachmentKind, FileType), ApiError> {
    let found = FileType::of_bytes(head);
    let of = |kind: AttachmentKind| Some((kind, of_kind(found, kind)?)).filter(|_| wanted.contains(&kind));
    [AttachmentKind::Image, AttachmentKind::Video, AttachmentKind::Audio]
        .into_iter()
        .find_map(of)
        .ok_or_else(|| wrong_type(wanted))
}

/// Recorders of browsers put sounds alone into the containers of videos.
fn of_kind(found: FileType, kind: AttachmentKind) -> Option<FileType> {
    let found = match (kind, found) {
        (AttachmentKind::Audio, FileType::Mp4) => FileType::M4a,
        (AttachmentKind::Audio, FileType::Webm) => FileType::Weba,
        (_, found) => found,
    };
    types(kind).contains(&found).then_some(found)
}

fn wrong_type(wanted: &[AttachmentKind]) -> ApiError {
    let names: Vec<&str> = wanted.iter().flat_map(|kind| types(*kind)).map(|file| file.mime()).collect();
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        format!("the file is none of these, whatever it is called: {}", names.join(", ")),
    )
}

/// What the head of a picture tells.
#[derive(Debug)]
pub(super) enum Looked {
    Fits,
    /// More of it is needed to say.
    Unknown,
    Refused(ApiError),
}

/// Whether a picture is one, and within the bounds: nothing is decoded.
pub(super) fn look(bytes: &[u8], settings: &MediaSettings, whole: Whole) -> Looked {
    let bounds =
        Bounds { side: settings.image_max_side, pixels: settings.image_max_pixels, ..Bounds::default() };
    let refused =
        |status, code, fault: Fault| Looked::Refused(ApiError::new(status, code, fault.to_string()));
    match pictures::look(bytes, &bounds) {
        Ok(_) => Looked::Fits,
        Err(Fault::Truncated) if whole == Whole::No => Looked::Unknown,
        Err(fault @ (Fault::TooLarge { .. } | Fault::TooHeavy { .. } | Fault::TooManyFrames(_))) => {
            refused(StatusCode::PAYLOAD_TOO_LARGE, "too_large", fault)
        }
        Err(fault @ (Fault::Empty | Fault::Unknown(_) | Fault::Truncated | Fault::Broken(_))) => {
            refused(StatusCode::BAD_REQUEST, "file_invalid", fault)
        }
    }
}

/// Whether that is all of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [AttachmentKind; 3] = [AttachmentKind::Image, AttachmentKind::Audio, AttachmentKind::Video];

    #[test]
    fn a_file_is_what_it_begins_with() {
        let mp4 = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2mp41";
        let mut webm =
            b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm".to_vec();
        webm.resize(300, 0);
        for (head, wanted, told_as) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &ALL[..], (AttachmentKind::Image, FileType::Png)),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", &ALL, (AttachmentKind::Image, FileType::Jpeg)),
            (b"GIF89a\x01\0\x01\0", &ALL, (AttachmentKind::Image, FileType::Gif)),
            (b"RIFF\x24\0\0\0WAVEfmt ", &ALL, (AttachmentKind::Audio, FileType::Wav)),
            (b"OggS\0\x02\0\0\0\0\0\0\0\0", &ALL, (AttachmentKind::Audio, FileType::Ogg)),
            (b"ID3\x04\0\0\0\0\0\0", &ALL, (AttachmentKind::Audio, FileType::Mp3)),
            (mp4, &ALL, (AttachmentKind::Video, FileType::Mp4)),
            (mp4, &[AttachmentKind::Audio], (AttachmentKind::Audio, FileType::M4a)),
            (&webm, &[AttachmentKind::Audio], (AttachmentKind::Audio, FileType::Weba)),
            (&webm, &[AttachmentKind::Video], (AttachmentKind::Video, FileType::Webm)),
        ] {
            assert_eq!(told(head, wanted).unwrap(), told_as);
        }
    }

    #[test]
    fn what_a_browser_would_run_or_nobody_can_show_is_refused() {
        for head in [
            &b"<!DOCTYPE html><script>alert(1)</script>"[..],
            b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
            b"<?xml version=\"1.0\"?><svg/>",
            b"%PDF-1.7",
            b"PK\x03\x04",
            b"MZ\x90\0",
            b"BM\0\0\0\0",
            b"",
            b"\0\0\0\x14ftypqt  ",
            b"\0\0\0\x18ftypheic\0\0\0\0",
            b"fLaC\0\0\0\x22",
            b"\xff\xf1\x50\x80\0\x1f\xfc",
        ] {
            assert_eq!(told(head, &ALL).unwrap_err().status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{head:?}");
        }
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        assert!(told(png, &[AttachmentKind::Audio]).is_err(), "a picture is no sound");
    }
}
