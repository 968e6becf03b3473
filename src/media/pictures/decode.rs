//! The one decode: pixels as they are stored, the first frame of an animation.

use std::io::Cursor;

use image::error::ImageError;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::Bounds;
use super::header::Head;
use crate::media::FileType;
use crate::media::fault::Fault;

/// Bytes that a decoder may take beside what its header promises: tables, lines, and a colour profile.
const BESIDE: u64 = 4 * 1024 * 1024;

/// Of the file that was built anew, by its head: a decoder takes no more than was claimed for it, and reads nothing that was
/// left out.
pub(super) fn decode(bytes: &[u8], head: &Head, bounds: &Bounds) -> Result<DynamicImage, Fault> {
    let format = match head.file_type {
        FileType::Jpeg => ImageFormat::Jpeg,
        FileType::Png => ImageFormat::Png,
        FileType::Webp => ImageFormat::WebP,
        _ => ImageFormat::Gif,
    };
    let max = head.memory() + BESIDE;
    let mut limits = Limits::default();
    limits.max_image_width = Some(bounds.side);
    limits.max_image_height = Some(bounds.side);
    limits.max_alloc = Some(max);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| fault(&error, max))?;
    if decoder.dimensions() != (head.width, head.height) {
        return Err(Fault::Broken("it is of another size than it says"));
    }
    let needed = decoder.total_bytes();
    if needed > max {
        return Err(Fault::TooHeavy { needed, max });
    }
    DynamicImage::from_decoder(decoder).map_err(|error| fault(&error, max))
}

fn fault(error: &ImageError, max: u64) -> Fault {
    tracing::debug!(%error, "a picture could not be decoded");
    match error {
        ImageError::Limits(_) => Fault::TooHeavy { needed: max + 1, max },
        ImageError::Unsupported(_) => Fault::Broken("it is of a kind that is not supported"),
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Fault::Truncated,
        _ => Fault::Broken("it cannot be decoded"),
    }
}
