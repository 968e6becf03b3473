//! WebP: chunks in a RIFF file.

use image::metadata::Orientation;

use super::{Frames, Parts, sane_icc};
use crate::media::FileType;
use crate::media::fault::Fault;
use crate::media::pictures::header::Head;
use crate::media::pictures::{Bounds, exif};

/// Flags of the extended header.
const ICC: u8 = 0x20;
const ALPHA: u8 = 0x10;
const EXIF: u8 = 0x08;
const ANIMATION: u8 = 0x02;

struct Chunk<'a> {
    kind: [u8; 4],
    body: &'a [u8],
}

/// What the file says is its own, without its head.
fn within(bytes: &[u8]) -> Result<&[u8], Fault> {
    let size = bytes.get(4..8).and_then(|size| size.first_chunk()).ok_or(Fault::Truncated)?;
    let end = 8 + u32::from_le_bytes(*size) as usize;
    bytes.get(12..end).ok_or(Fault::Truncated)
}

/// `None`: the end.
fn chunk<'a>(rest: &mut &'a [u8]) -> Result<Option<Chunk<'a>>, Fault> {
    if rest.is_empty() {
        return Ok(None);
    }
    let Some((&[a, b, c, d, s0, s1, s2, s3], after)) = rest.split_first_chunk() else {
        return Err(Fault::Truncated);
    };
    let size = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
    let body = after.get(..size).ok_or(Fault::Truncated)?;
    // An odd one has a byte more; some writers leave it out at the end.
    *rest = after.get(size + size % 2..).unwrap_or_default();
    Ok(Some(Chunk { kind: [a, b, c, d], body }))
}

fn whole24(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let &[a, b, c] = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or(Fault::Truncated)?;
    Ok(u32::from_le_bytes([a, b, c, 0]))
}

pub(in crate::media::pictures) fn head(bytes: &[u8]) -> Result<Head, Fault> {
    // The beginning of a file is enough, and the rest may be missing here.
    let kind = bytes.get(12..16).ok_or(Fault::Truncated)?;
    let body = bytes.get(20..30).ok_or(Fault::Truncated)?;
    let (width, height) = match kind {
        b"VP8X" => (whole24(body, 4)? + 1, whole24(body, 7)? + 1),
        b"VP8L" => {
            let bits = u32::from_le_bytes([body[1], body[2], body[3], body[4]]);
            ((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)
        }
        b"VP8 " if body[3..6] == [0x9d, 0x01, 0x2a] => {
            let side = |at: usize| u32::from(u16::from_le_bytes([body[at], body[at + 1]]) & 0x3fff);
            (side(6), side(8))
        }
        _ => return Err(Fault::Broken("its first chunk is none")),
    };
    let mut orientation = Orientation::NoTransforms;
    let mut rest = &bytes[12..];
    while let Ok(Some(next)) = chunk(&mut rest) {
        if &next.kind == b"EXIF" {
            orientation = exif::orientation(next.body);
        }
    }
    // Four bytes of a pixel, and as much again while it is decoded.
    Ok(Head { file_type: FileType::Webp, width, height, orientation, quarter_bytes: 8 * 4 })
}

pub(super) fn clean(bytes: &[u8], bounds: &Bounds) -> Result<Parts, Fault> {
    let mut rest = within(bytes)?;
    let mut orientation = Orientation::NoTransforms;
    let mut icc = None;
    let mut frames = Frames::new(bounds);
    let mut extended = None;
    let mut picture = Vec::with_capacity(bytes.len());
    let mut animation = Vec::new();
    while let Some(Chunk { kind, body }) = chunk(&mut rest)? {
        match &kind {
            b"VP8X" => extended = Some(*body.first_chunk::<10>().ok_or(Fault::Truncated)?),
            b"EXIF" => orientation = exif::orientation(body),
            b"ICCP" if icc.is_none() => icc = sane_icc(body.to_vec()),
            b"ANIM" => put(&mut animation, *b"ANIM", body.get(..6).ok_or(Fault::Truncated)?),
            b"ANMF" => {
                frames.add(whole24(body, 6)? + 1, whole24(body, 9)? + 1)?;
                put(&mut picture, *b"ANMF", &frame(body)?);
            }
            b"VP8 " | b"VP8L" | b"ALPH" => put(&mut picture, kind, body),
            _ => {}
        }
    }
    if picture.is_empty() {
        return Err(Fault::Truncated);
    }
    let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
    if let Some(mut head) = extended {
        let block = exif::minimal(orientation);
        head[0] &= ALPHA | ANIMATION;
        head[0] |= if icc.is_some() { ICC } else { 0 };
        head[0] |= if block.is_some() { EXIF } else { 0 };
        put(&mut out, *b"VP8X", &head);
        if let Some(icc) = &icc {
            put(&mut out, *b"ICCP", icc);
        }
        out.append(&mut animation);
        out.append(&mut picture);
        if let Some(block) = block {
            put(&mut out, *b"EXIF", &block);
        }
    } else {
        // A plain one has nothing beside its picture.
        (orientation, icc) = (Orientation::NoTransforms, None);
        out.append(&mut picture);
    }
    let size = u32::try_from(out.len() - 8).map_err(|_| Fault::Broken("it is too long"))?;
    out[4..8].copy_from_slice(&size.to_le_bytes());
    Ok(Parts { original: out, orientation, icc })
}

/// A frame of an animation without chunks that are not its picture.
fn frame(body: &[u8]) -> Result<Vec<u8>, Fault> {
    let (head, mut rest) = body.split_at_checked(16).ok_or(Fault::Truncated)?;
    let mut out = head.to_vec();
    while let Some(Chunk { kind, body }) = chunk(&mut rest)? {
        if matches!(&kind, b"VP8 " | b"VP8L" | b"ALPH") {
            put(&mut out, kind, body);
        }
    }
    Ok(out)
}

fn put(out: &mut Vec<u8>, kind: [u8; 4], body: &[u8]) {
    out.extend_from_slice(&kind);
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
}
