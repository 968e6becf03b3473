//! Sound files without what they tell beside their sound: titles, pictures, places, devices, times.

use super::FileType;
use crate::media::fault::Fault;
use crate::media::films;

const OTHER_STREAM: Fault = Fault::Broken("it holds a stream that is neither Opus nor Vorbis");

/// The file without it; its sound stays as it is, to the bit.
pub fn clean(bytes: Vec<u8>, file_type: FileType) -> Result<Vec<u8>, Fault> {
    match file_type {
        FileType::Mp3 | FileType::Aac => Ok(frames(&bytes).to_vec()),
        FileType::Flac => flac(&bytes),
        FileType::Wav => wav(&bytes),
        FileType::Ogg | FileType::Opus => ogg(bytes),
        FileType::M4a | FileType::Mp4 | FileType::Weba | FileType::Webm => films::clean(bytes),
        _ => Err(Fault::Unknown(super::TAKEN)),
    }
}

/// Bytes of an ID3 block at the beginning, with its head; 0 where there is none.
pub(super) fn id3_length(bytes: &[u8]) -> usize {
    let Some(&[b'I', b'D', b'3', _, _, flags, a, b, c, d]) = bytes.first_chunk() else { return 0 };
    let size = [a, b, c, d].iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
    10 + size + if flags & 0x10 == 0 { 0 } else { 10 }
}

/// MP3 and AAC: without blocks before the frames, and from behind them ID3v1 and APE.
fn frames(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    loop {
        let length = id3_length(rest);
        if length == 0 {
            break;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    loop {
        let end = rest.len();
        if end >= 128 && rest[end - 128..].starts_with(b"TAG") {
            rest = &rest[..end - 128];
        } else if end >= 32 && rest[end - 32..].starts_with(b"APETAGEX") {
            let foot = &rest[end - 32..];
            let size = u32::from_le_bytes([foot[12], foot[13], foot[14], foot[15]]) as usize;
            let head = if foot[23] & 0x80 == 0 { 0 } else { 32 };
            rest = &rest[..end.saturating_sub(size.max(32).saturating_add(head))];
        } else {
            return rest;
        }
    }
}

/// FLAC: what the stream is, and where to seek in it; then the frames.
fn flac(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    const STREAM: u8 = 0;
    const SEEKING: u8 = 3;
    const LAST: u8 = 0x80;
    let bytes = frames(bytes);
    let mut out = b"fLaC".to_vec();
    let mut head = 0;
    let mut rest = bytes.strip_prefix(b"fLaC").ok_or(Fault::Broken("it is no FLAC"))?;
    loop {
        let &[kind, a, b, c] = rest.first_chunk().ok_or(Fault::Truncated)?;
        let block = rest.get(..4 + u32::from_be_bytes([0, a, b, c]) as usize).ok_or(Fault::Truncated)?;
        rest = &rest[block.len()..];
        if matches!(kind & !LAST, STREAM | SEEKING) {
            head = out.len();
            out.extend_from_slice(block);
            out[head] &= !LAST;
        }
        if kind & LAST != 0 {
            break;
        }
    }
    if head == 0 {
        return Err(Fault::Broken("it does not say what it is"));
    }
    out[head] |= LAST;
    out.extend_from_slice(rest);
    Ok(out)
}

/// WAV: its format and its samples.
fn wav(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut rest = bytes.get(12..).ok_or(Fault::Truncated)?;
    let mut out = b"RIFF\0\0\0\0WAVE".to_vec();
    let mut has_samples = false;
    while let Some((&[a, b, c, d, s0, s1, s2, s3], after)) = rest.split_first_chunk() {
        let kind = [a, b, c, d];
        // A recorder that streams does not know the length and says the most; what is there counts.
        let size = (u32::from_le_bytes([s0, s1, s2, s3]) as usize).min(after.len());
        let (body, after) = after.split_at(size);
        rest = after.get(size % 2..).unwrap_or_default();
        if matches!(&kind, b"fmt " | b"fact" | b"data") {
            has_samples |= &kind == b"data";
            out.extend_from_slice(&kind);
            out.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(body);
            out.resize(out.len() + size % 2, 0);
        }
    }
    if !has_samples {
        return Err(Fault::Truncated);
    }
    let size = u32::try_from(out.len() - 8).unwrap_or(u32::MAX);
    out[4..8].copy_from_slice(&size.to_le_bytes());
    Ok(out)
}

/// Ogg: the comments' bytes become none, in their place, and the pages that held them get their check sums anew.
fn ogg(mut bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let mut at = 0;
    // In the comments of a stream: its serial number, and whether it is Vorbis's.
    let mut comments: Option<(u32, Codec)> = None;
    let mut expected: Vec<(u32, Codec)> = Vec::new();
    loop {
        if at == bytes.len() {
            return Ok(bytes);
        }
        let Some(page) = Page::at(&bytes, at) else {
            // What is no page is no part of it.
            bytes.truncate(at);
            return if at == 0 { Err(Fault::Truncated) } else { Ok(bytes) };
        };
        if page.begins {
            // What another codec's streams tell, and where, is not known here: FLAC has blocks of pictures.
            let codec = Codec::of(&bytes[page.body.clone()]).ok_or(OTHER_STREAM)?;
            expected.push((page.serial, codec));
        } else if comments.is_none()
            && let Some(found) = expected.iter().position(|(serial, _)| *serial == page.serial)
        {
            comments = Some(expected.swap_remove(found));
        }
        if let Some((serial, codec)) = comments
            && serial == page.serial
            && !page.begins
        {
            let end = page.first_packet_end.unwrap_or(page.body.end);
            let start = page.body.start;
            if !page.continues {
                codec.empty(&mut bytes[start..end]);
            } else {
                bytes[start..end].fill(0);
            }
            if page.first_packet_end.is_some() {
                comments = None;
            }
            let sum = Page::sum(&bytes[at..page.body.end]);
            bytes[at + 22..at + 26].copy_from_slice(&sum.to_le_bytes());
        }
        at = page.body.end;
    }
}

#[derive(Clone, Copy)]
enum Codec {
    Opus,
    Vorbis,
}

impl Codec {
    fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"OpusHead") {
            Some(Self::Opus)
        } else if head.starts_with(b"\x01vorbis") {
            Some(Self::Vorbis)
        } else {
            None
        }
    }

    /// The packet's first part becomes one without maker and comments: two lengths of nothing.
    fn empty(self, packet: &mut [u8]) {
        let mark = match self {
            Self::Opus => 8,
            Self::Vorbis => 7,
        };
        let kept = mark.min(packet.len());
        packet[kept..].fill(0);
        // Vorbis ends its comments with a bit that is set.
        if let (Self::Vorbis, Some(byte)) = (self, packet.get_mut(mark + 8)) {
            *byte = 1;
        }
    }
}

struct Page {
    serial: u32,
    begins: bool,
    /// Its first packet began on the page before.
    continues: bool,
    body: std::ops::Range<usize>,
    /// Where its first packet ends, if it does here.
    first_packet_end: Option<usize>,
}

impl Page {
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let page = bytes.get(at..)?;
        let head = page.get(..27).filter(|head| head.starts_with(b"OggS\0"))?;
        let lacing = page.get(27..27 + usize::from(head[26]))?;
        let start = at + 27 + lacing.len();
        let end = start + lacing.iter().map(|length| usize::from(*length)).sum::<usize>();
        let mut first = start;
        let mut first_packet_end = None;
        for length in lacing {
            first += usize::from(*length);
            if *length < 255 {
                first_packet_end = Some(first);
                break;
            }
        }
        (end <= bytes.len()).then_some(Self {
            serial: u32::from_le_bytes([head[14], head[15], head[16], head[17]]),
            begins: head[5] & 2 != 0,
            continues: head[5] & 1 != 0,
            body: start..end,
            first_packet_end,
        })
    }

    /// CRC-32 of Ogg: not reflected, from 0, over the page with a sum of 0.
    fn sum(page: &[u8]) -> u32 {
        let byte = |(at, byte): (usize, &u8)| if (22..26).contains(&at) { 0 } else { *byte };
        page.iter().enumerate().map(byte).fold(0_u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| {
                if sum & 0x8000_0000 == 0 { sum << 1 } else { sum << 1 ^ 0x04c1_1db7 }
            })
        })
    }
}
