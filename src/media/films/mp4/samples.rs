//! Where a track's samples lie, and where those of fragments end in time.

use std::ops::Range;

use super::{Box4, PIECES, down, inside, u32_at, u64_at};
use crate::media::fault::Fault;

/// Stretches of one track: recorders write a chunk of data for each second or each picture.
const CHUNKS_MAX: usize = 100_000;

/// The stretches of the file in which a track's samples lie, chunk by chunk. What they take goes off `room`: tables of a few
/// bytes may name the whole file in each of their lines.
pub(super) fn of(bytes: &[u8], track: &Box4, room: &mut usize) -> Result<Vec<Range<usize>>, Fault> {
    let Some(table) = down(bytes, track, &[b"mdia", b"minf", b"stbl"])? else { return Ok(Vec::new()) };
    let table = inside(bytes, &table)?;
    let body = |kind: &[u8; 4]| {
        table.iter().find(|found| &found.kind == kind).map(|found| &bytes[found.body.clone()])
    };
    // Behind their version and count.
    let (offsets, width) = match (body(b"stco"), body(b"co64")) {
        (Some(short), _) => (short.get(8..).unwrap_or_default(), 4),
        (None, Some(long)) => (long.get(8..).unwrap_or_default(), 8),
        (None, None) => return Ok(Vec::new()),
    };
    let offsets = offsets.chunks_exact(width).filter_map(|at| u64_at(at, 0).or(u32_at(at, 0).map(u64::from)));
    // First chunk, samples in a chunk, and what they are.
    let runs = body(b"stsc").and_then(|body| body.get(8..)).unwrap_or_default();
    let mut runs =
        runs.chunks_exact(12).filter_map(|run| Some((u32_at(run, 0)?, u32_at(run, 4)?))).peekable();
    let sizes = body(b"stsz").unwrap_or_default();
    let each = u32_at(sizes, 4).unwrap_or(0);
    let mut listed = sizes.get(12..).unwrap_or_default().chunks_exact(4).filter_map(|size| u32_at(size, 0));
    // The first run is that of the first chunk, whatever it says.
    let mut count = runs.next().map_or(0, |(_, count)| count);
    let mut found = Vec::new();
    for (chunk, offset) in (1_u32..).zip(offsets) {
        while let Some((_, next)) = runs.next_if(|(first, _)| *first <= chunk) {
            count = next;
        }
        let length = if each > 0 {
            u64::from(each) * u64::from(count)
        } else {
            // As many as are listed: a table is no longer than the file.
            listed.by_ref().take(count as usize).map(u64::from).sum()
        };
        let end = offset.saturating_add(length).min(bytes.len() as u64);
        let start = offset.min(end);
        let range = start as usize..end as usize;
        if range.is_empty() {
            continue;
        }
        *room = room.checked_sub(range.len()).ok_or(Fault::Broken("its samples overlap"))?;
        if found.len() == CHUNKS_MAX {
            return Err(PIECES);
        }
        found.push(range);
    }
    Ok(found)
}

/// For each track of a fragment (by its id) where its samples end, in the track's ticks.
pub(super) fn ends(bytes: &[u8], fragment: &Box4) -> Result<Vec<(u32, u64)>, Fault> {
    let mut found = Vec::new();
    for track in inside(bytes, fragment)?.iter().filter(|found| &found.kind == b"traf") {
        let parts = inside(bytes, track)?;
        let (mut id, mut usual, mut at) = (0, 0, 0_u64);
        for part in &parts {
            let body = &bytes[part.body.clone()];
            match &part.kind {
                b"tfhd" => {
                    let flags = u32_at(body, 0).unwrap_or(0);
                    id = u32_at(body, 4).unwrap_or(0);
                    let before =
                        [(1, 8), (2, 4)].iter().map(|(flag, size)| if flags & flag == 0 { 0 } else { *size });
                    let place = 8 + before.sum::<usize>();
                    usual = if flags & 8 == 0 { 0 } else { u32_at(body, place).unwrap_or(0) };
                }
                b"tfdt" if body.first() == Some(&1) => at = u64_at(body, 4).unwrap_or(0),
                b"tfdt" => at = u32_at(body, 4).unwrap_or(0).into(),
                b"trun" => at = at.saturating_add(run(body, usual)),
                _ => {}
            }
        }
        found.push((id, at));
    }
    Ok(found)
}

/// Ticks of a run of samples.
fn run(body: &[u8], usual: u32) -> u64 {
    const DURATION: u32 = 0x100;
    let flags = u32_at(body, 0).unwrap_or(0);
    let count = u32_at(body, 4).unwrap_or(0);
    if flags & DURATION == 0 {
        return u64::from(usual) * u64::from(count);
    }
    let head = 8 + [1, 4].iter().filter(|flag| flags & **flag != 0).count() * 4;
    let size = (flags >> 8 & 0xf).count_ones() as usize * 4;
    let samples = body.get(head..).unwrap_or_default().chunks_exact(size.max(4));
    samples.take(count as usize).filter_map(|sample| u32_at(sample, 0)).map(u64::from).sum()
}
