//! Sounds: what a file holds, how long it is, how loud it is over time; and the file without what it tells beside that.
//!
//! Pure and blocking. Files are read by `symphonia`, and Opus, which it does not decode, by `opus-decoder`: both without
//! unsafe code, and a panic within them ends nothing else. A sound of which there is more than is decoded here, or that a
//! decoder gives up on, has no peaks, but a length all the same.

mod bins;
mod clean;
mod opus;
mod reading;

use super::FileType;
use super::fault::{Fault, GAVE_UP, guarded};

pub use clean::clean;

/// Bytes of what is kept of the loudness.
pub const PEAKS_MAX: usize = bins::PEAKS_MAX;

/// What a sound file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    pub file_type: FileType,
    pub duration_ms: u32,
    /// The loudest of each stretch, 0 to 255, at most [`PEAKS_MAX`]. `None`: it is too long, or of a codec that is not decoded.
    pub peaks: Option<Vec<u8>>,
}

/// In the words of a fault.
const TAKEN: &str = "MP3, WAV, OGG, M4A, WebM, FLAC or AAC";

/// Reads and decodes it. What a decoder gives up on may play well elsewhere: it is taken without its peaks.
pub fn look(bytes: &[u8]) -> Result<Sound, Fault> {
    let file_type = file_type(bytes)?;
    let read = guarded(|| reading::read(bytes, reading::Depth::Decoded)).or_else(|fault| match fault {
        GAVE_UP => guarded(|| reading::read(bytes, reading::Depth::Packets)),
        fault => Err(fault),
    })?;
    Ok(Sound { file_type, duration_ms: read.duration_ms, peaks: read.peaks })
}

/// Milliseconds, or `None` for what is no sound file of a known format; nothing is decoded.
#[must_use]
pub fn duration_ms(bytes: &[u8]) -> Option<u32> {
    let read = guarded(|| {
        file_type(bytes)?;
        reading::read(bytes, reading::Depth::Packets)
    });
    read.ok().map(|read| read.duration_ms)
}

/// The type by content. M4A and WebM are told from films by what they hold, by [`look`].
pub fn file_type(bytes: &[u8]) -> Result<FileType, Fault> {
    match bytes {
        [] => Err(Fault::Empty),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Ok(FileType::Wav),
        [b'O', b'g', b'g', b'S', ..] => Ok(FileType::Ogg),
        [b'f', b'L', b'a', b'C', ..] => Ok(FileType::Flac),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Ok(FileType::M4a),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Ok(FileType::Weba),
        [b'I', b'D', b'3', ..] => match bytes.get(clean::id3_length(bytes)..) {
            Some([0xff, second, ..]) if second & 0xf6 == 0xf0 => Ok(FileType::Aac),
            Some([b'f', b'L', b'a', b'C', ..]) => Ok(FileType::Flac),
            _ => Ok(FileType::Mp3),
        },
        // Frames in sync: layer 0 is AAC's.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Ok(FileType::Aac),
        [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x06 != 0 => Ok(FileType::Mp3),
        _ => Err(Fault::Unknown(TAKEN)),
    }
}

#[cfg(test)]
mod tests;
