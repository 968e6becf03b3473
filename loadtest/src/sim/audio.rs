//! Speech as a provider would send it: real WAV and MP3 files, made here, which carry what they say as a comment, so
//! that the transcription of such a file is the text that was spoken.

use std::time::Duration;

/// Samples a second of WAV and PCM, 16 bit, one channel.
const SAMPLE_RATE: u32 = 24_000;
/// As people speak, about.
const CHARACTER: Duration = Duration::from_millis(60);
/// However short or long the text is.
const SHORTEST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(30);
const HERTZ: f64 = 220.0;
/// MPEG-1 layer III, 32 kbit/s, 44.1 kHz, one channel, without a checksum: 104 bytes and 1,152 samples a frame.
const MP3_FRAME_HEAD: [u8; 4] = [0xff, 0xfb, 0x10, 0xc4];
const MP3_FRAME_BYTES: usize = 104;
const MP3_FRAME_SECONDS: f64 = 1_152.0 / 44_100.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Mp3,
    Wav,
    /// Samples alone.
    Pcm,
}

impl Format {
    pub fn named(name: &str) -> Option<Format> {
        match name {
            "mp3" => Some(Format::Mp3),
            "wav" => Some(Format::Wav),
            "pcm" => Some(Format::Pcm),
            _ => None,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Format::Mp3 => "audio/mpeg",
            Format::Wav => "audio/wav",
            Format::Pcm => "audio/pcm",
        }
    }
}

/// How long `text` takes to say.
pub fn duration(text: &str, speed: f64) -> Duration {
    let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let said = CHARACTER.saturating_mul(characters);
    said.div_f64(speed.clamp(0.25, 4.0)).clamp(SHORTEST, LONGEST)
}

/// A file in which `text` is said: a hum in WAV and PCM, silence in MP3.
pub fn speech(text: &str, speed: f64, format: Format) -> Vec<u8> {
    let duration = duration(text, speed);
    match format {
        Format::Mp3 => mp3(text, duration),
        Format::Wav => wav(text, &samples(duration)),
        Format::Pcm => samples(duration),
    }
}

fn samples(duration: Duration) -> Vec<u8> {
    let count = (duration.as_secs_f64() * f64::from(SAMPLE_RATE)) as u32;
    let sample = |number: u32| {
        let angle = f64::from(number) / f64::from(SAMPLE_RATE) * HERTZ * std::f64::consts::TAU;
        (angle.sin() * 8_000.0) as i16
    };
    (0..count).flat_map(|number| sample(number).to_le_bytes()).collect()
}

fn wav(text: &str, samples: &[u8]) -> Vec<u8> {
    // Chunks have an even length.
    let mut comment = text.as_bytes().to_vec();
    comment.resize(comment.len() + 2 - comment.len() % 2, 0);
    let list_bytes = 4 + 8 + comment.len();
    let riff_bytes = 4 + 24 + 8 + list_bytes + 8 + samples.len();
    let mut file = Vec::with_capacity(riff_bytes + 8);
    let mut put = |bytes: &[u8]| file.extend_from_slice(bytes);
    let long = |number: usize| (number as u32).to_le_bytes();
    put(b"RIFF");
    put(&long(riff_bytes));
    put(b"WAVEfmt ");
    put(&long(16));
    put(&1u16.to_le_bytes());
    put(&1u16.to_le_bytes());
    put(&SAMPLE_RATE.to_le_bytes());
    put(&(SAMPLE_RATE * 2).to_le_bytes());
    put(&2u16.to_le_bytes());
    put(&16u16.to_le_bytes());
    put(b"LIST");
    put(&long(list_bytes));
    put(b"INFOICMT");
    put(&long(comment.len()));
    put(&comment);
    put(b"data");
    put(&long(samples.len()));
    put(samples);
    file
}

fn mp3(text: &str, duration: Duration) -> Vec<u8> {
    // An ID3v2.4 tag whose title, in UTF-8, is the text.
    let seven_bits = |number: usize| {
        [number >> 21 & 0x7f, number >> 14 & 0x7f, number >> 7 & 0x7f, number & 0x7f].map(|bits| bits as u8)
    };
    let content = text.len() + 1;
    let mut file = b"ID3\x04\x00\x00".to_vec();
    file.extend_from_slice(&seven_bits(10 + content));
    file.extend_from_slice(b"TIT2");
    file.extend_from_slice(&seven_bits(content));
    file.extend_from_slice(&[0, 0, 3]);
    file.extend_from_slice(text.as_bytes());
    let frames = (duration.as_secs_f64() / MP3_FRAME_SECONDS).ceil() as usize;
    for _ in 0..frames {
        file.extend_from_slice(&MP3_FRAME_HEAD);
        // Side information that is all zero says that there is nothing to decode: silence.
        file.resize(file.len() + MP3_FRAME_BYTES - MP3_FRAME_HEAD.len(), 0);
    }
    file
}

/// What a file that was made here says; of any other file how large it is.
pub fn transcript(file: &[u8]) -> String {
    let said = after(file, b"ICMT", 4).or_else(|| after(file, b"TIT2", 7));
    said.unwrap_or_else(|| format!("{} bytes of sound", file.len()))
}

/// The text behind a mark, its length in four bytes, and as many other bytes as make `head` together with it.
fn after(file: &[u8], mark: &[u8], head: usize) -> Option<String> {
    let at = file.windows(mark.len()).position(|part| part == mark)? + mark.len();
    let length = file.get(at..at + 4)?;
    let text = file.get(at + head..)?;
    let length = if head == 4 {
        u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize
    } else {
        // Of the content, to which the last byte of the head belongs.
        let bits = length.iter().fold(0usize, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        bits.checked_sub(1)?
    };
    let text = text.get(..length)?;
    Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
}

/// The part with that name of a `multipart/form-data` body.
pub fn part<'a>(body: &'a [u8], content_type: &str, name: &str) -> Option<&'a [u8]> {
    let boundary = content_type.split("boundary=").nth(1)?.split(';').next()?.trim().trim_matches('"');
    let delimiter = format!("--{boundary}");
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|part| part == what);
    let mut rest = &body[find(body, delimiter.as_bytes())? + delimiter.len()..];
    let next = format!("\r\n{delimiter}");
    while let Some(head_end) = find(rest, b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&rest[..head_end]).into_owned();
        let content = &rest[head_end + 4..];
        let end = find(content, next.as_bytes())?;
        if head.contains(&format!("name=\"{name}\"")) {
            return Some(&content[..end]);
        }
        rest = &content[end + next.len()..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spoken_can_be_read_from_the_file() {
        for text in ["Good evening", "odd", "grün 🌙", ""] {
            for format in [Format::Wav, Format::Mp3] {
                assert_eq!(transcript(&speech(text, 1.0, format)), text, "{format:?}");
            }
        }
        assert_eq!(transcript(b"noise"), "5 bytes of sound");
    }

    #[test]
    fn a_wav_file_tells_its_own_length() {
        let file = speech("A sentence of some length, spoken slowly.", 0.5, Format::Wav);
        let long = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((&file[..4], &file[8..16], long(4)), (&b"RIFF"[..], &b"WAVEfmt "[..], file.len() - 8));
        let data = file.windows(4).position(|part| part == b"data").unwrap();
        assert_eq!(data + 8 + long(data + 4), file.len());
        let seconds = long(data + 4) as f64 / f64::from(SAMPLE_RATE * 2);
        assert!((4.9..=5.0).contains(&seconds), "{seconds}");
    }

    #[test]
    fn an_mp3_file_is_a_row_of_frames() {
        let file = speech("Good evening", 1.0, Format::Mp3);
        let first = file.windows(4).position(|part| part == MP3_FRAME_HEAD).unwrap();
        let frames: Vec<&[u8]> = file[first..].chunks(MP3_FRAME_BYTES).collect();
        assert!(frames.iter().all(|frame| frame.len() == MP3_FRAME_BYTES && frame[..4] == MP3_FRAME_HEAD));
        let seconds = frames.len() as f64 * MP3_FRAME_SECONDS;
        assert!((0.72..0.76).contains(&seconds), "{seconds}");
    }

    #[test]
    fn parts_of_a_form_are_told_apart() {
        let body = b"--xy\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--xy\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n\
            RI\r\n\r\nFF\r\n--xy--\r\n";
        let kind = "multipart/form-data; boundary=xy";
        assert_eq!(part(body, kind, "model"), Some(&b"whisper-1"[..]));
        assert_eq!(part(body, kind, "file"), Some(&b"RI\r\n\r\nFF"[..]));
        assert_eq!((part(body, kind, "prompt"), part(body, "text/plain", "file")), (None, None));
    }
}
