//! The one decode: pixels as they are stored, the first frame of an animation.

use std::io::Cursor;

use image::error::ImageError;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::Bounds;
use crate::media::FileType;
use crate::media::fault::Fault;

pub(super) fn decode(bytes: &[u8], file_type: FileType, bounds: &Bounds) -> Result<DynamicImage, Fault> {
    let format = match file_type {
        FileType::Jpeg => ImageFormat::Jpeg,
        FileType::Png => ImageFormat::Png,
        FileType::Webp => ImageFormat::WebP,
        _ => ImageFormat::Gif,
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(bounds.side);
    limits.max_image_height = Some(bounds.side);
    limits.max_alloc = Some(bounds.memory);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(|error| fault(&error, bounds))?;
    decoder.set_limits(limits).map_err(|error| fault(&error, bounds))?;
    let needed = decoder.total_bytes();
    if needed > bounds.memory {
        return Err(Fault::TooHeavy { needed, max: bounds.memory });
    }
    DynamicImage::from_decoder(decoder).map_err(|error| fault(&error, bounds))
}

fn fault(error: &ImageError, bounds: &Bounds) -> Fault {
    tracing::debug!(%error, "a picture could not be decoded");
    match error {
        ImageError::Limits(_) => Fault::TooHeavy { needed: bounds.memory + 1, max: bounds.memory },
        ImageError::Unsupported(_) => Fault::Broken("it is of a kind that is not supported"),
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Fault::Truncated,
        _ => Fault::Broken("it cannot be decoded"),
    }
}
