//! PNG, and animated PNG: chunks with a name, each with its check sum.

use bytes::Bytes;
use image::metadata::Orientation;
use img_parts::png::PngChunk;
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use super::{Frames, ICC_MAX, Parts, sane_icc};
use crate::media::FileType;
use crate::media::fault::Fault;
use crate::media::pictures::header::Head;
use crate::media::pictures::{Bounds, exif};

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
/// What showing it takes: size, palette, pixels, transparency, colours, and the frames of an animation.
const KEPT: [&[u8; 4]; 14] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"cICP", b"mDCV",
    b"cLLI", b"acTL", b"fcTL",
];
const FRAME_DATA: &[u8; 4] = b"fdAT";

struct Chunk<'a> {
    kind: [u8; 4],
    body: &'a [u8],
    /// With its length and its check sum.
    whole: &'a [u8],
}

fn chunk<'a>(bytes: &'a [u8], at: &mut usize) -> Result<Chunk<'a>, Fault> {
    let rest = bytes.get(*at..).ok_or(Fault::Truncated)?;
    let length = u32::from_be_bytes(*rest.first_chunk().ok_or(Fault::Truncated)?) as usize;
    let whole = length.checked_add(12).and_then(|end| rest.get(..end)).ok_or(Fault::Truncated)?;
    *at += whole.len();
    let kind = [whole[4], whole[5], whole[6], whole[7]];
    Ok(Chunk { kind, body: &whole[8..8 + length], whole })
}

pub(in crate::media::pictures) fn head(bytes: &[u8]) -> Result<Head, Fault> {
    let mut at = SIGNATURE.len();
    let first = chunk(bytes, &mut at)?;
    let Some(&[w0, w1, w2, w3, h0, h1, h2, h3, depth, colour]) = first.body.first_chunk() else {
        return Err(Fault::Broken("its first chunk is none"));
    };
    if &first.kind != b"IHDR" {
        return Err(Fault::Broken("it does not begin with its size"));
    }
    // With transparency, which may be told further behind: `tRNS`.
    let channels = match colour {
        0 | 4 => 2,
        2 | 3 | 6 => 4,
        _ => return Err(Fault::Broken("it has no colours that are known")),
    };
    // An orientation before the pixels is told too.
    let mut orientation = Orientation::NoTransforms;
    while let Ok(next) = chunk(bytes, &mut at) {
        match &next.kind {
            b"eXIf" => orientation = exif::orientation(next.body),
            b"IDAT" | b"IEND" => break,
            _ => {}
        }
    }
    Ok(Head {
        file_type: FileType::Png,
        width: u32::from_be_bytes([w0, w1, w2, w3]),
        height: u32::from_be_bytes([h0, h1, h2, h3]),
        orientation,
        quarter_bytes: 4 * channels * if depth == 16 { 2 } else { 1 },
    })
}

pub(super) fn clean(bytes: &[u8], bounds: &Bounds) -> Result<Parts, Fault> {
    let mut orientation = Orientation::NoTransforms;
    let mut icc = None;
    let mut frames = Frames::new(bounds);
    let mut at = SIGNATURE.len();
    let mut original = Vec::with_capacity(bytes.len());
    original.extend_from_slice(SIGNATURE);
    // Where what belongs before palette and pixels goes: behind the first chunk.
    let mut early = 0;
    let mut pixels = false;
    loop {
        let next = chunk(bytes, &mut at)?;
        match &next.kind {
            b"eXIf" => orientation = exif::orientation(next.body),
            b"iCCP" if icc.is_none() => icc = profile(next.body),
            b"fcTL" => {
                let Some(&[_, _, _, _, w0, w1, w2, w3, h0, h1, h2, h3]) = next.body.first_chunk() else {
                    return Err(Fault::Broken("a frame has no size"));
                };
                frames.add(u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]))?;
            }
            _ => {}
        }
        pixels |= &next.kind == b"IDAT";
        if KEPT.contains(&&next.kind) || &next.kind == FRAME_DATA {
            original.extend_from_slice(next.whole);
        }
        if early == 0 {
            early = original.len();
        }
        if &next.kind == b"IEND" {
            break;
        }
    }
    if !pixels {
        return Err(Fault::Truncated);
    }
    let mut extra = Vec::new();
    if let Some(icc) = &icc {
        // Its name, as whoever wrote it liked, is left out.
        let body = [b"ICC\0\0".as_slice(), &compress_to_vec_zlib(icc, 6)].concat();
        extra.extend_from_slice(&PngChunk::new(*b"iCCP", body.into()).encoder().bytes());
    }
    if let Some(block) = exif::minimal(orientation) {
        extra.extend_from_slice(&PngChunk::new(*b"eXIf", Bytes::copy_from_slice(&block)).encoder().bytes());
    }
    original.splice(early..early, extra);
    Ok(Parts { original, orientation, icc })
}

/// A name, a zero, the method, and the profile compressed.
fn profile(body: &[u8]) -> Option<Vec<u8>> {
    let name = body.iter().take(80).position(|byte| *byte == 0)?;
    let [0, packed @ ..] = body.get(name + 1..)? else { return None };
    sane_icc(decompress_to_vec_zlib_with_limit(packed, ICC_MAX).ok()?)
}
