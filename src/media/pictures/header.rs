//! What a picture's first bytes tell: its type by content, its size, and from that what decoding it takes.

use image::metadata::Orientation;

use super::clean::{jpeg, png, webp};
use super::{Bounds, exif};
use crate::media::FileType;
use crate::media::fault::Fault;

/// In the words of a fault.
const TAKEN: &str = "PNG, JPEG, WebP or GIF";

#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) file_type: FileType,
    /// Pixels as they are stored.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    /// Bytes that a decoder holds for each pixel, times 4.
    pub(super) quarter_bytes: u64,
}

impl Head {
    pub(super) fn shown(&self) -> (u32, u32) {
        exif::shown(self.orientation, self.width, self.height)
    }

    fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(super) fn memory(&self) -> u64 {
        self.pixels() * self.quarter_bytes / 4
    }

    pub(super) fn within(&self, bounds: &Bounds) -> Result<(), Fault> {
        let (width, height) = (self.width, self.height);
        let &Bounds { side, pixels, memory, .. } = bounds;
        if width == 0 || height == 0 {
            return Err(Fault::Broken("it has no pixels"));
        }
        if width > side || height > side || self.pixels() > pixels {
            return Err(Fault::TooLarge { width, height, side, pixels });
        }
        if self.memory() > memory {
            return Err(Fault::TooHeavy { needed: self.memory(), max: memory });
        }
        Ok(())
    }
}

/// The type by content.
pub fn file_type(bytes: &[u8]) -> Result<FileType, Fault> {
    match bytes {
        [] => Err(Fault::Empty),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(FileType::Png),
        [0xff, 0xd8, 0xff, ..] => Ok(FileType::Jpeg),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(FileType::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(FileType::Webp),
        _ => Err(Fault::Unknown(TAKEN)),
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<Head, Fault> {
    let file_type = file_type(bytes)?;
    match file_type {
        FileType::Jpeg => jpeg::head(bytes),
        FileType::Png => png::head(bytes),
        FileType::Webp => webp::head(bytes),
        _ => {
            let &[w0, w1, h0, h1] = bytes.get(6..10).and_then(|b| b.first_chunk()).ok_or(Fault::Truncated)?;
            Ok(Head {
                file_type,
                width: u16::from_le_bytes([w0, w1]).into(),
                height: u16::from_le_bytes([h0, h1]).into(),
                orientation: Orientation::NoTransforms,
                // The screen, and a frame on its way to it: as large at most, its pixels and their places in the palette.
                quarter_bytes: 9 * 4,
            })
        }
    }
}
