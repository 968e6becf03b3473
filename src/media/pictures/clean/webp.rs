//! WebP: chunks in a RIFF file.

use image::metadata::Orientation;

use super::{Frames, Parts, UNFIT_FRAME, sane_icc};
use crate::media::FileType;
use crate::media::fault::Fault;
use crate::media::pictures::header::Head;
use crate::media::pictures::{Bounds, exif};

/// Flags of the extended header.
const ICC: u8 = 0x20;
const ALPHA: u8 = 0x10;
const EXIF: u8 = 0x08;
const ANIMATION: u8 = 0x02;

const NO_PICTURE: Fault = Fault::Broken("its first chunk is none");
const OTHER_SIZE: Fault = Fault::Broken("it is of another size than it says");

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

/// Width and height of a picture's data by its own head, which a decoder goes by.
fn sides(kind: [u8; 4], body: &[u8]) -> Result<(u32, u32), Fault> {
    match &kind {
        b"VP8L" => {
            let &[0x2f, b0, b1, b2, b3] = body.first_chunk().ok_or(Fault::Truncated)? else {
                return Err(NO_PICTURE);
            };
            let bits = u32::from_le_bytes([b0, b1, b2, b3]);
            Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        _ => {
            let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = body.first_chunk().ok_or(Fault::Truncated)?
            else {
                return Err(NO_PICTURE);
            };
            let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
            Ok((side([w0, w1]), side([h0, h1])))
        }
    }
}

pub(in crate::media::pictures) fn head(bytes: &[u8]) -> Result<Head, Fault> {
    // The beginning of a file is enough, and the rest may be missing here.
    let kind = *bytes.get(12..).and_then(|bytes| bytes.first_chunk()).ok_or(Fault::Truncated)?;
    let body = bytes.get(20..).ok_or(Fault::Truncated)?;
    let ((width, height), flags) = match &kind {
        b"VP8X" => {
            let sides = (whole24(body, 4)? + 1, whole24(body, 7)? + 1);
            (sides, body[0])
        }
        b"VP8 " | b"VP8L" => (sides(kind, body)?, 0),
        _ => return Err(NO_PICTURE),
    };
    let mut orientation = Orientation::NoTransforms;
    let mut rest = &bytes[12..];
    while let Ok(Some(next)) = chunk(&mut rest) {
        if &next.kind == b"EXIF" {
            orientation = exif::orientation(next.body);
        }
    }
    // Four bytes of a pixel; while it is decoded as much again, for an animation's screen once more, and beside them the alpha
    // and the colours that they are put together from.
    let quarter_bytes = match flags {
        flags if flags & ANIMATION != 0 => 12 * 4,
        flags if flags & ALPHA != 0 => 10 * 4 + 2,
        _ => 8 * 4,
    };
    Ok(Head { file_type: FileType::Webp, width, height, orientation, quarter_bytes })
}

pub(super) fn clean(bytes: &[u8], bounds: &Bounds) -> Result<Parts, Fault> {
    let mut rest = within(bytes)?;
    let Head { width, height, .. } = head(bytes)?;
    let mut orientation = Orientation::NoTransforms;
    let mut icc = None;
    let mut is_first = true;
    let mut frames = Frames::new(bounds);
    let mut extended = None;
    let mut picture = Vec::with_capacity(bytes.len());
    let mut animation = Vec::new();
    while let Some(Chunk { kind, body }) = chunk(&mut rest)? {
        match &kind {
            // By the first the size was told; another one is none.
            b"VP8X" if is_first => extended = Some(*body.first_chunk::<10>().ok_or(Fault::Truncated)?),
            b"EXIF" => orientation = exif::orientation(body),
            b"ICCP" if icc.is_none() => icc = sane_icc(body.to_vec()),
            b"ANIM" => put(&mut animation, *b"ANIM", body.get(..6).ok_or(Fault::Truncated)?),
            b"ANMF" => {
                let (x, y) = (whole24(body, 0)? * 2, whole24(body, 3)? * 2);
                let (across, down) = (whole24(body, 6)? + 1, whole24(body, 9)? + 1);
                frames.add(across, down)?;
                if x + across > width || y + down > height {
                    return Err(UNFIT_FRAME);
                }
                put(&mut picture, *b"ANMF", &frame(body, (across, down))?);
            }
            b"VP8 " | b"VP8L" | b"ALPH" => put_picture(&mut picture, kind, body, (width, height))?,
            _ => {}
        }
        is_first = false;
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
fn frame(body: &[u8], size: (u32, u32)) -> Result<Vec<u8>, Fault> {
    let (head, mut rest) = body.split_at_checked(16).ok_or(Fault::Truncated)?;
    let mut out = head.to_vec();
    while let Some(Chunk { kind, body }) = chunk(&mut rest)? {
        if matches!(&kind, b"VP8 " | b"VP8L" | b"ALPH") {
            put_picture(&mut out, kind, body, size)?;
        }
    }
    Ok(out)
}

/// A decoder makes room for what the picture's data says of itself, before it compares that with what stands around it.
fn put_picture(out: &mut Vec<u8>, kind: [u8; 4], body: &[u8], size: (u32, u32)) -> Result<(), Fault> {
    if &kind != b"ALPH" && sides(kind, body)? != size {
        return Err(OTHER_SIZE);
    }
    put(out, kind, body);
    Ok(())
}

fn put(out: &mut Vec<u8>, kind: [u8; 4], body: &[u8]) {
    out.extend_from_slice(&kind);
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
}
