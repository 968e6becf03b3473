//! Pictures: what a file shows and how large it is, told from its header ([`look`]); and from one decode its smaller
//! versions, its blurhash, and the file itself without all that it tells of place, device and time ([`make`]).
//!
//! Pure and blocking; for threads that may block. Hostile files are the usual case: sizes are read and bounded before
//! anything is decoded, the original is built anew from the parts of its format that are known and needed ([`clean`]), so
//! that what was put between or behind them is gone, also for the decoder, and a decoder's panic is the file's fault.
//!
//! The original's pixels stay as they are, to the bit: its way up is told by an EXIF block that holds nothing else, its colours
//! by its ICC profile. The versions are turned, in sRGB, and never larger than the original: of a smaller one each
//! version has the original's size (the thumbnail the square that fits in it). Limits: [`Bounds`].

mod clean;
mod decode;
mod exif;
mod header;
mod sizes;

use bytes::Bytes;
use image::DynamicImage;

pub use header::file_type;

use super::FileType;
use super::fault::{Fault, guarded};
use super::files::Size;

/// What of a picture is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Pixels of one side.
    pub side: u32,
    /// Pixels in all.
    pub pixels: u64,
    /// Of an animation.
    pub frames: u32,
    /// Pixels of all frames of an animation: what a browser that shows it has to draw.
    pub animated_pixels: u64,
    /// Bytes that decoding may take at once.
    pub memory: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            side: 10_000,
            pixels: 50_000_000,
            frames: 2_000,
            animated_pixels: 2_000_000_000,
            memory: 448 * 1024 * 1024,
        }
    }
}

/// What the header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub file_type: FileType,
    /// Pixels, as it is shown: turned as its EXIF says, where that comes first.
    pub width: u32,
    pub height: u32,
    /// Bytes that decoding it takes, about.
    pub memory: u64,
}

/// What was made of a picture.
#[derive(Clone, Debug)]
pub struct Made {
    pub file_type: FileType,
    /// The file without what it told beside its picture.
    pub original: Bytes,
    /// Pixels, as it is shown.
    pub width: u32,
    pub height: u32,
    pub blurhash: String,
    /// WebP, by size: all sizes, each once.
    pub variants: Vec<Version>,
}

/// One smaller version, as WebP.
#[derive(Clone, Debug)]
pub struct Version {
    pub size: Size,
    pub bytes: Bytes,
    /// Pixels.
    pub width: u32,
    pub height: u32,
}

/// Reads the header; the first bytes of a file are enough, as many as lead to its size. Nothing is decoded.
pub fn look(bytes: &[u8], bounds: &Bounds) -> Result<Look, Fault> {
    let head = header::read(bytes)?;
    head.within(bounds)?;
    let (width, height) = head.shown();
    Ok(Look { file_type: head.file_type, width, height, memory: head.memory() })
}

/// All that is made of a picture.
pub fn make(bytes: &[u8], bounds: &Bounds) -> Result<Made, Fault> {
    guarded(|| {
        let head = header::read(bytes)?;
        head.within(bounds)?;
        let parts = clean::clean(bytes, head.file_type, bounds)?;
        let picture = decode::decode(&parts.original, &head, bounds)?;
        let (width, height) = exif::shown(parts.orientation, head.width, head.height);
        let (variants, blurhash) = sizes::make(picture, parts.orientation, parts.icc.as_deref())?;
        let original = parts.original.into();
        Ok(Made { file_type: head.file_type, original, width, height, blurhash, variants })
    })
}

/// The version of this size alone.
pub fn version(bytes: &[u8], bounds: &Bounds, size: Size) -> Result<Version, Fault> {
    guarded(|| {
        let (picture, parts) = taken_apart(bytes, bounds)?;
        sizes::one(picture, parts.orientation, parts.icc.as_deref(), size)
    })
}

/// The picture alone, in its own size, as WebP: for what is kept in that form whatever it came in.
pub fn as_webp(bytes: &[u8], bounds: &Bounds) -> Result<Bytes, Fault> {
    guarded(|| {
        let (picture, parts) = taken_apart(bytes, bounds)?;
        sizes::whole(picture, parts.orientation, parts.icc.as_deref())
    })
}

/// Its pixels, and what is known beside them.
fn taken_apart(bytes: &[u8], bounds: &Bounds) -> Result<(DynamicImage, clean::Parts), Fault> {
    let head = header::read(bytes)?;
    head.within(bounds)?;
    let parts = clean::clean(bytes, head.file_type, bounds)?;
    Ok((decode::decode(&parts.original, &head, bounds)?, parts))
}

#[cfg(test)]
mod tests;
