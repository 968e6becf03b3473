//! How long a sound file is, from the file itself: its headers and frames are read, nothing is decoded.

use std::io::Cursor;

use lofty::config::{ParseOptions, ParsingMode};
use lofty::file::AudioFile;
use lofty::probe::Probe;

/// Milliseconds, or `None` for what is no sound file of a known format. Hostile files cost no more than their size.
#[must_use]
pub fn duration_ms(bytes: &[u8]) -> Option<u32> {
    // Names and pictures in it are not looked at: a file that has broken ones is a file.
    let options =
        ParseOptions::new().read_tags(false).read_cover_art(false).parsing_mode(ParsingMode::Relaxed);
    let probe = Probe::new(Cursor::new(bytes)).options(options).guess_file_type().ok()?;
    let file = probe.read().ok()?;
    let duration = file.properties().duration();
    u32::try_from(duration.as_millis()).ok().filter(|span| *span > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PCM of 8 bits, 8,000 a second.
    fn wav(samples: u32) -> Vec<u8> {
        let mut file = Vec::new();
        file.extend_from_slice(b"RIFF");
        file.extend_from_slice(&(36 + samples).to_le_bytes());
        file.extend_from_slice(b"WAVEfmt ");
        file.extend_from_slice(&16_u32.to_le_bytes());
        for (number, bytes) in [(1_u32, 2), (1, 2), (8_000, 4), (8_000, 4), (1, 2), (8, 2)] {
            file.extend_from_slice(&number.to_le_bytes()[..bytes]);
        }
        file.extend_from_slice(b"data");
        file.extend_from_slice(&samples.to_le_bytes());
        file.resize(file.len() + samples as usize, 128);
        file
    }

    /// Frames of MPEG 1 layer III: 128 kbit/s, 44.1 kHz, 417 bytes and 26.12 ms each.
    fn mp3(frames: usize) -> Vec<u8> {
        let mut frame = vec![0_u8; 417];
        frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
        frame.repeat(frames)
    }

    #[test]
    fn the_length_is_the_files_own() {
        assert_eq!(duration_ms(&wav(12_000)), Some(1_500));
        let spoken = duration_ms(&mp3(100)).unwrap();
        assert!((2_600..=2_625).contains(&spoken), "{spoken}");
    }

    #[test]
    fn what_is_no_sound_has_no_length() {
        let mut cut = wav(12_000);
        cut.truncate(20);
        for bytes in [b"".as_slice(), b"<html>", b"{\"error\":\"no\"}", &cut, &[0xff; 4_000]] {
            assert_eq!(duration_ms(bytes), None, "{:?}", &bytes[..bytes.len().min(9)]);
        }
    }
}
