//! JPEG: markers with segments, and scans of compressed data between them.

use image::metadata::Orientation;

use super::{ICC_MAX, Parts, sane_icc};
use crate::media::FileType;
use crate::media::fault::Fault;
use crate::media::pictures::exif;
use crate::media::pictures::header::Head;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;
const ICC_MARK: &[u8] = b"ICC_PROFILE\0";
/// Bytes of a profile in one segment.
const ICC_PART: usize = 65_519;

enum Part<'a> {
    Segment(u8, &'a [u8]),
    /// Compressed data, with its restart markers.
    Scan(&'a [u8]),
}

/// The parts of one picture, in order; ends with it, whatever follows.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// After a start of scan, its data.
    in_scan: bool,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2, in_scan: false }
    }

    /// `None`: the picture's end.
    fn next(&mut self) -> Result<Option<Part<'a>>, Fault> {
        if std::mem::take(&mut self.in_scan) {
            return Ok(Some(Part::Scan(self.scan()?)));
        }
        loop {
            // What stands between segments is skipped, as decoders do.
            let rest = self.bytes.get(self.at..).ok_or(Fault::Truncated)?;
            self.at += rest.iter().position(|byte| *byte == 0xff).ok_or(Fault::Truncated)?;
            while self.bytes.get(self.at) == Some(&0xff) {
                self.at += 1;
            }
            let marker = *self.bytes.get(self.at).ok_or(Fault::Truncated)?;
            self.at += 1;
            match marker {
                0x00 | 0x01 | 0xd0..=0xd7 | SOI => {}
                EOI => return Ok(None),
                marker => {
                    let rest = &self.bytes[self.at..];
                    let length =
                        usize::from(u16::from_be_bytes(*rest.first_chunk().ok_or(Fault::Truncated)?));
                    if length < 2 {
                        return Err(Fault::Broken("a segment has no length"));
                    }
                    let body = rest.get(2..length).ok_or(Fault::Truncated)?;
                    self.at += length;
                    self.in_scan = marker == SOS;
                    return Ok(Some(Part::Segment(marker, body)));
                }
            }
        }
    }

    fn scan(&mut self) -> Result<&'a [u8], Fault> {
        let start = self.at;
        loop {
            let rest = self.bytes.get(self.at..).ok_or(Fault::Truncated)?;
            self.at += memchr::memchr(0xff, rest).ok_or(Fault::Truncated)?;
            match self.bytes.get(self.at + 1) {
                Some(0x00 | 0xd0..=0xd7) => self.at += 2,
                Some(0xff) => self.at += 1,
                Some(_) => return Ok(&self.bytes[start..self.at]),
                None => return Err(Fault::Truncated),
            }
        }
    }
}

fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf)
}

fn is_exif(marker: u8, body: &[u8]) -> bool {
    marker == APP1 && body.starts_with(exif::MARK)
}

pub(in crate::media::pictures) fn head(bytes: &[u8]) -> Result<Head, Fault> {
    let mut walk = Walk::new(bytes);
    let mut orientation = Orientation::NoTransforms;
    while let Some(part) = walk.next()? {
        match part {
            Part::Segment(marker, body) if is_exif(marker, body) => orientation = exif::orientation(body),
            Part::Segment(marker, body) if is_frame(marker) => {
                let &[_, h0, h1, w0, w1, components] = body.first_chunk().ok_or(Fault::Truncated)?;
                return Ok(Head {
                    file_type: FileType::Jpeg,
                    width: u16::from_be_bytes([w0, w1]).into(),
                    height: u16::from_be_bytes([h0, h1]).into(),
                    orientation,
                    quarter_bytes: quarter_bytes(marker, components, &body[6..]),
                });
            }
            Part::Segment(SOS, _) | Part::Scan(_) => break,
            Part::Segment(..) => {}
        }
    }
    Err(Fault::Broken("it has no frame"))
}

/// Three bytes of a pixel (one where it is grey); a progressive one keeps its coefficients too, two bytes each.
fn quarter_bytes(marker: u8, components: u8, factors: &[u8]) -> u64 {
    let shown = if components == 1 { 4 } else { 12 };
    let progressive = matches!(marker, 0xc2 | 0xc6 | 0xca | 0xce);
    let factors: Vec<(u64, u64)> =
        factors.chunks_exact(3).map(|c| (u64::from(c[1] >> 4), u64::from(c[1] & 15))).collect();
    let most = factors.iter().map(|(h, _)| *h).max().unwrap_or(1)
        * factors.iter().map(|(_, v)| *v).max().unwrap_or(1);
    let sum: u64 = factors.iter().map(|(h, v)| h * v).sum();
    if progressive { shown + (8 * sum).div_ceil(most.max(1)) } else { shown }
}

pub(super) fn clean(bytes: &[u8]) -> Result<Parts, Fault> {
    let mut orientation = Orientation::NoTransforms;
    let (mut jfif, mut adobe) = (None, None);
    let mut profile = Profile::default();
    // What makes the picture, in order.
    let mut picture: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut walk = Walk::new(bytes);
    let mut scans = 0_u32;
    while let Some(part) = walk.next()? {
        match part {
            Part::Segment(APP0, body) if body.starts_with(b"JFIF\0") && body.len() >= 14 => {
                jfif.get_or_insert(&body[..12]);
            }
            Part::Segment(APP14, body) if body.starts_with(b"Adobe") && body.len() >= 12 => {
                adobe.get_or_insert(&body[..12]);
            }
            Part::Segment(APP2, body) if body.starts_with(ICC_MARK) => profile.add(&body[ICC_MARK.len()..]),
            Part::Segment(marker, body) if is_exif(marker, body) => orientation = exif::orientation(body),
            // Tables, frames, scans, restart intervals, numbers of lines.
            Part::Segment(marker @ (0xc0..=0xcf | 0xda..=0xdd), body) if marker != 0xc8 => {
                segment(&mut picture, marker, &[body]);
            }
            Part::Segment(..) => {}
            Part::Scan(data) => {
                scans += 1;
                picture.extend_from_slice(data);
            }
        }
    }
    if scans == 0 {
        return Err(Fault::Truncated);
    }
    let icc = profile.whole();
    let mut original = Vec::with_capacity(picture.len() + icc.as_ref().map_or(0, Vec::len) + 256);
    original.extend_from_slice(&[0xff, SOI]);
    if let Some(jfif) = jfif {
        // Without its thumbnail.
        segment(&mut original, APP0, &[jfif, &[0, 0]]);
    }
    if let Some(block) = exif::minimal(orientation) {
        segment(&mut original, APP1, &[exif::MARK, &block]);
    }
    if let Some(icc) = &icc {
        let parts = icc.len().div_ceil(ICC_PART);
        for (at, part) in icc.chunks(ICC_PART).enumerate() {
            segment(&mut original, APP2, &[ICC_MARK, &[at as u8 + 1, parts as u8], part]);
        }
    }
    if let Some(adobe) = adobe {
        segment(&mut original, APP14, &[adobe]);
    }
    original.append(&mut picture);
    original.extend_from_slice(&[0xff, EOI]);
    Ok(Parts { original, orientation, icc })
}

fn segment(out: &mut Vec<u8>, marker: u8, body: &[&[u8]]) {
    let length = 2 + body.iter().map(|part| part.len()).sum::<usize>();
    out.extend_from_slice(&[0xff, marker]);
    out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    body.iter().for_each(|part| out.extend_from_slice(part));
}

/// A colour profile in numbered parts.
#[derive(Default)]
struct Profile<'a> {
    parts: Vec<(u8, u8, &'a [u8])>,
}

impl<'a> Profile<'a> {
    fn add(&mut self, body: &'a [u8]) {
        if let [number, count, part @ ..] = body {
            self.parts.push((*number, *count, part));
        }
    }

    /// `None` where there is none, or not all of it once.
    fn whole(mut self) -> Option<Vec<u8>> {
        self.parts.sort_by_key(|(number, ..)| *number);
        let count = self.parts.len();
        let complete = self
            .parts
            .iter()
            .zip(1..)
            .all(|((number, of, _), at)| (*number as usize, *of as usize) == (at, count));
        let size: usize = self.parts.iter().map(|(.., part)| part.len()).sum();
        if !complete || size > ICC_MAX {
            return None;
        }
        sane_icc(self.parts.iter().flat_map(|(.., part)| *part).copied().collect())
    }
}
