//! A picture's file built anew from the parts that showing it takes.
//!
//! What is copied is named here, format by format, and everything else is left out: EXIF, GPS, XMP, IPTC, comments, texts,
//! times, thumbnails, unknown blocks, and what stands between and behind the blocks. A file that ends within a block, or
//! without its last one, is cut off.

mod gif;
pub(super) mod jpeg;
pub(super) mod png;
pub(super) mod webp;

use image::metadata::Orientation;

use super::Bounds;
use crate::media::FileType;
use crate::media::fault::Fault;

/// Bytes of a colour profile: those of printers are the largest in use, half a megabyte.
const ICC_MAX: usize = 1024 * 1024;

pub(super) struct Parts {
    pub(super) original: Vec<u8>,
    pub(super) orientation: Orientation,
    /// The colour profile.
    pub(super) icc: Option<Vec<u8>>,
}

pub(super) fn clean(bytes: &[u8], file_type: FileType, bounds: &Bounds) -> Result<Parts, Fault> {
    match file_type {
        FileType::Jpeg => jpeg::clean(bytes),
        FileType::Png => png::clean(bytes, bounds),
        FileType::Webp => webp::clean(bytes, bounds),
        _ => gif::clean(bytes, bounds),
    }
}

/// Of a frame that a decoder would make room for beyond what was claimed by the picture's own size.
const UNFIT_FRAME: Fault = Fault::Broken("a frame does not fit into the picture");

/// A profile is kept if it is one by its header, and nothing but it.
fn sane_icc(profile: Vec<u8>) -> Option<Vec<u8>> {
    let said = u32::from_be_bytes(*profile.first_chunk()?) as usize;
    let marked = profile.get(36..40)? == b"acsp";
    (marked && said == profile.len() && said <= ICC_MAX).then_some(profile)
}

/// Counts the frames of an animation against the bounds.
struct Frames<'a> {
    bounds: &'a Bounds,
    count: u32,
    pixels: u64,
}

impl<'a> Frames<'a> {
    fn new(bounds: &'a Bounds) -> Self {
        Self { bounds, count: 0, pixels: 0 }
    }

    fn add(&mut self, width: u32, height: u32) -> Result<(), Fault> {
        self.count += 1;
        self.pixels = self.pixels.saturating_add(u64::from(width) * u64::from(height));
        let &Bounds { side, frames, animated_pixels, .. } = self.bounds;
        if self.count > frames || self.pixels > animated_pixels {
            return Err(Fault::TooManyFrames(self.count.min(frames)));
        }
        if width > side || height > side {
            return Err(Fault::TooLarge { width, height, side, pixels: self.bounds.pixels });
        }
        Ok(())
    }
}
