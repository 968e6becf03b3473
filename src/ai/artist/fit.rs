//! A picture that a video is to begin with, in the sides that the video will have.

use std::io::Cursor;

use bytes::Bytes;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

/// Pixels of a picture that is looked at, and bytes that decoding it may take.
const PIXELS_MAX: u64 = 50_000_000;
const DECODE_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Fills these sides with the middle of the picture, in JPEG.
pub fn fitted(file: &[u8], (width, height): (u32, u32)) -> Result<Bytes, String> {
    let mut reader =
        ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|it| it.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODE_MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (wide, high) = decoder.dimensions();
    if u64::from(wide) * u64::from(high) > PIXELS_MAX {
        return Err("it has too many pixels".to_owned());
    }
    let orientation = decoder.orientation().map_err(|error| error.to_string())?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    picture.apply_orientation(orientation);
    let picture = picture.resize_to_fill(width, height, FilterType::Triangle).to_rgb8();
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Jpeg).map_err(|error| error.to_string())?;
    Ok(bytes.into_inner().into())
}
