//! MP4 (and QuickTime as telephones write it): boxes in boxes.

mod samples;

use std::ops::Range;

use super::Found;
use crate::media::fault::Fault;

/// Boxes of a file, of its movie and of a track that showing it takes; all others are blanked.
const OF_FILE: [&[u8; 4]; 9] =
    [b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"ssix", b"pdin"];
const OF_MOVIE: [&[u8; 4]; 4] = [b"mvhd", b"trak", b"mvex", b"iods"];
const OF_TRACK: [&[u8; 4]; 5] = [b"tkhd", b"edts", b"tref", b"mdia", b"tapt"];
const OF_MEDIA: [&[u8; 4]; 4] = [b"mdhd", b"hdlr", b"elng", b"minf"];
/// Tracks that stay: picture, sound and what is written below the picture. Positions, sensors and times of day are none.
const HANDLERS: [&[u8; 4]; 6] = [b"vide", b"soun", b"subt", b"sbtl", b"text", b"clcp"];
/// Boxes side by side: a film has a few, or two for each second that was recorded.
const BOXES_MAX: usize = 100_000;
/// A film has a few, or some dozens where it is written and dubbed in many languages.
const TRACKS_MAX: usize = 100;

const PIECES: Fault = Fault::Broken("it is in too many pieces");

#[derive(Clone)]
struct Box4 {
    kind: [u8; 4],
    /// Of the whole of it.
    start: usize,
    body: Range<usize>,
}

/// The boxes within a stretch of the file.
fn boxes(bytes: &[u8], within: Range<usize>) -> Result<Vec<Box4>, Fault> {
    let mut found = Vec::new();
    let mut at = within.start;
    while at < within.end {
        let rest = &bytes[at..within.end];
        // A list of boxes may end with a zero.
        if rest.len() < 8 && rest.iter().all(|byte| *byte == 0) {
            break;
        }
        let &[s0, s1, s2, s3, a, b, c, d] = rest.first_chunk().ok_or(Fault::Truncated)?;
        let (head, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 => (8, rest.len()),
            1 => {
                let large = rest.get(8..16).and_then(|large| large.first_chunk()).ok_or(Fault::Truncated)?;
                (16, usize::try_from(u64::from_be_bytes(*large)).map_err(|_| Fault::Truncated)?)
            }
            size => (8, size as usize),
        };
        if size < head {
            return Err(Fault::Broken("it has a box that is none"));
        }
        if size > rest.len() {
            return Err(Fault::Truncated);
        }
        if found.len() == BOXES_MAX {
            return Err(PIECES);
        }
        found.push(Box4 { kind: [a, b, c, d], start: at, body: at + head..at + size });
        at += size;
    }
    Ok(found)
}

fn inside(bytes: &[u8], outer: &Box4) -> Result<Vec<Box4>, Fault> {
    boxes(bytes, outer.body.clone())
}

fn child<'a>(boxes: &'a [Box4], kind: &[u8; 4]) -> Option<&'a Box4> {
    boxes.iter().find(|found| &found.kind == kind)
}

/// A box down a way of names.
fn down(bytes: &[u8], from: &Box4, way: &[&[u8; 4]]) -> Result<Option<Box4>, Fault> {
    let mut at = from.clone();
    for kind in way {
        match child(&inside(bytes, &at)?, kind) {
            Some(found) => at = found.clone(),
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

fn u32_at(body: &[u8], at: usize) -> Option<u32> {
    body.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn u64_at(body: &[u8], at: usize) -> Option<u64> {
    body.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Ticks in a second, and the length in ticks: of `mvhd` and `mdhd`.
fn clock(body: &[u8]) -> Option<(u32, u64)> {
    if body.first() == Some(&1) {
        Some((u32_at(body, 20)?, u64_at(body, 24)?))
    } else {
        Some((u32_at(body, 12)?, u32_at(body, 16)?.into()))
    }
    // A length of all ones is none.
    .map(|(scale, length)| (scale, if length >= u32::MAX.into() { 0 } else { length }))
}

/// Pixels as it is shown, of `tkhd`.
fn sides(body: &[u8]) -> Option<(u32, u32)> {
    let matrix = if body.first() == Some(&1) { 52 } else { 40 };
    let whole = |at: usize| u32_at(body, at).map(|fixed| fixed >> 16);
    let (width, height) = (whole(matrix + 36)?, whole(matrix + 40)?);
    // Turned by a quarter: nothing of across goes to across.
    let turned = u32_at(body, matrix)? == 0 && u32_at(body, matrix + 4)? != 0;
    Some(if turned { (height, width) } else { (width, height) })
}

fn handler(bytes: &[u8], track: &Box4) -> Result<[u8; 4], Fault> {
    let found = down(bytes, track, &[b"mdia", b"hdlr"])?;
    let kind = found.and_then(|found| bytes[found.body].get(8..12)?.first_chunk().copied());
    kind.ok_or(Fault::Broken("it has a track that is none"))
}

/// What is in the movie: each of its tracks is read on its own, and looked up for each fragment.
fn in_movie(bytes: &[u8], movie: &Box4) -> Result<Vec<Box4>, Fault> {
    let found = inside(bytes, movie)?;
    if found.iter().filter(|found| &found.kind == b"trak").count() > TRACKS_MAX {
        return Err(Fault::Broken("it has too many tracks"));
    }
    Ok(found)
}

pub(super) fn look(bytes: &[u8]) -> Result<Found, Fault> {
    let file = boxes(bytes, 0..bytes.len())?;
    let movie = in_movie(bytes, child(&file, b"moov").ok_or(Fault::Truncated)?)?;
    let said = child(&movie, b"mvhd").and_then(|head| clock(&bytes[head.body.clone()]));
    let (scale, length) = said.ok_or(Fault::Broken("it has no head"))?;
    let millis = |ticks: u64, scale: u32| ticks.saturating_mul(1_000).checked_div(scale.into()).unwrap_or(0);
    let mut found = Found { duration_ms: millis(length, scale), sides: None };
    let mut clocks = Vec::new();
    for track in movie.iter().filter(|found| &found.kind == b"trak") {
        let head = down(bytes, track, &[b"tkhd"])?.ok_or(Fault::Broken("it has a track that is none"))?;
        let head = &bytes[head.body];
        if found.sides.is_none() && &handler(bytes, track)? == b"vide" {
            found.sides = sides(head);
        }
        let id = u32_at(head, if head.first() == Some(&1) { 20 } else { 12 });
        let media = down(bytes, track, &[b"mdia", b"mdhd"])?.and_then(|head| clock(&bytes[head.body]));
        if let (Some(id), Some((scale, length))) = (id, media) {
            found.duration_ms =
                if found.duration_ms == 0 { millis(length, scale) } else { found.duration_ms };
            clocks.push((id, scale));
        }
    }
    if found.duration_ms == 0 {
        // What was recorded in fragments says nothing before them.
        for fragment in file.iter().filter(|found| &found.kind == b"moof") {
            for (track, ticks) in samples::ends(bytes, fragment)? {
                let scale = clocks.iter().find(|(id, _)| *id == track).map_or(0, |(_, scale)| *scale);
                found.duration_ms = found.duration_ms.max(millis(ticks, scale));
            }
        }
    }
    Ok(found)
}

pub(super) fn clean(bytes: &mut [u8]) -> Result<(), Fault> {
    let file = boxes(bytes, 0..bytes.len())?;
    let movie = child(&file, b"moov").ok_or(Fault::Truncated)?.clone();
    blank_others(bytes, &file, &OF_FILE);
    let inner = in_movie(bytes, &movie)?;
    blank_others(bytes, &inner, &OF_MOVIE);
    // Samples lie side by side, those of all tracks together, so they fit into the file once.
    let mut room = bytes.len();
    for found in &inner {
        match &found.kind {
            b"mvhd" => forget_times(&mut bytes[found.body.clone()]),
            b"trak" => track(bytes, found, &mut room)?,
            _ => {}
        }
    }
    for fragment in file.iter().filter(|found| &found.kind == b"moof") {
        let inner = inside(bytes, fragment)?;
        blank_others(bytes, &inner, &[b"mfhd", b"traf"]);
    }
    Ok(())
}

/// `room`: bytes of samples that may still be taken out of the file.
fn track(bytes: &mut [u8], track: &Box4, room: &mut usize) -> Result<(), Fault> {
    if !HANDLERS.contains(&&handler(bytes, track)?) {
        for range in samples::of(bytes, track, room)? {
            bytes[range].fill(0);
        }
        blank(bytes, track);
        return Ok(());
    }
    let inner = inside(bytes, track)?;
    blank_others(bytes, &inner, &OF_TRACK);
    for found in &inner {
        match &found.kind {
            b"tkhd" => forget_times(&mut bytes[found.body.clone()]),
            b"mdia" => {
                let media = inside(bytes, found)?;
                blank_others(bytes, &media, &OF_MEDIA);
                for found in &media {
                    match &found.kind {
                        b"mdhd" => forget_times(&mut bytes[found.body.clone()]),
                        // The name of what wrote it, behind its kind.
                        b"hdlr" => bytes[found.body.clone()].iter_mut().skip(24).for_each(|byte| *byte = 0),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// When it was made and changed, behind version and flags.
fn forget_times(body: &mut [u8]) {
    let long = body.first() == Some(&1);
    body.iter_mut().skip(4).take(if long { 16 } else { 8 }).for_each(|byte| *byte = 0);
}

fn blank_others(bytes: &mut [u8], found: &[Box4], kept: &[&[u8; 4]]) {
    found.iter().filter(|found| !kept.contains(&&found.kind)).for_each(|found| blank(bytes, found));
}

/// Free room from now on, of the same length.
fn blank(bytes: &mut [u8], found: &Box4) {
    bytes[found.start + 4..found.start + 8].copy_from_slice(b"free");
    bytes[found.body.clone()].fill(0);
}
