//! Films: how long and how large they are, and the file without what it tells of place, device and time.
//!
//! Pure and blocking. MP4 and WebM are read by their boxes and elements, each bounded by the file; nothing is decoded. What is
//! taken out is overwritten in its place ([`clean`]), so that no offset within the file has to change; the streams of
//! picture and sound stay as they are. Tracks of positions and other data are taken out with their samples.

mod mp4;
mod webm;

use super::FileType;
use super::fault::{Fault, guarded};

/// In the words of a fault.
const TAKEN: &str = "MP4 or WebM";

/// What a film's file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Film {
    pub file_type: FileType,
    pub duration_ms: u32,
    /// Pixels, as it is shown.
    pub width: u32,
    pub height: u32,
}

/// Of what is looked for while a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    duration_ms: u64,
    /// Of its first picture track.
    sides: Option<(u32, u32)>,
}

/// Reads what it is. A file without a picture track is none.
pub fn look(bytes: &[u8]) -> Result<Film, Fault> {
    guarded(|| {
        let file_type = file_type(bytes)?;
        let found = match file_type {
            FileType::Mp4 => mp4::look(bytes)?,
            _ => webm::look(bytes)?,
        };
        let (width, height) = found.sides.ok_or(Fault::Broken("there is no film in it"))?;
        if width == 0 || height == 0 {
            return Err(Fault::Broken("it has no pixels"));
        }
        let duration_ms = u32::try_from(found.duration_ms).map_err(|_| Fault::Broken("it has no end"))?;
        if duration_ms == 0 {
            return Err(Fault::Broken("it has no length"));
        }
        Ok(Film { file_type, duration_ms, width, height })
    })
}

/// The file without what it tells beside its film; of the same length, or cut where it ends.
pub fn clean(mut bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
    guarded(move || {
        match file_type(&bytes)? {
            FileType::Mp4 => mp4::clean(&mut bytes)?,
            _ => webm::clean(&mut bytes)?,
        }
        Ok(bytes)
    })
}

/// The type by content: of sounds in such a file too.
pub fn file_type(bytes: &[u8]) -> Result<FileType, Fault> {
    match bytes {
        [] => Err(Fault::Empty),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Ok(FileType::Mp4),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Ok(FileType::Webm),
        _ => Err(Fault::Unknown(TAKEN)),
    }
}

#[cfg(test)]
mod tests;
