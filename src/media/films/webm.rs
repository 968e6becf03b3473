//! WebM and Matroska: elements with an id and a length.
//!
//! The masters that lead somewhere are entered, whether they say their length or not (recordings of browsers do not), all
//! others passed over; so a file is one row of elements.

use super::Found;
use crate::media::fault::Fault;

const HEADER: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK: u32 = 0xae;
const VIDEO: u32 = 0xe0;
const CLUSTER: u32 = 0x1f43_b675;
const BLOCK_GROUP: u32 = 0xa0;
const ENTERED: [u32; 7] = [SEGMENT, INFO, TRACKS, TRACK, VIDEO, CLUSTER, BLOCK_GROUP];

const TIME_SCALE: u32 = 0x2a_d7b1;
const DURATION: u32 = 0x4489;
const TRACK_TYPE: u32 = 0x83;
const PIXEL_WIDTH: u32 = 0xb0;
const PIXEL_HEIGHT: u32 = 0xba;
const CLUSTER_TIME: u32 = 0xe7;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK: u32 = 0xa1;
const BLOCK_DURATION: u32 = 0x9b;
const VOID: u8 = 0xec;

/// What is overwritten as a whole: tags, attachments, chapters, titles, dates, file names, names of tracks, sums over what
/// changes, and what was blank before.
const TOLD: [u32; 12] = [
    0x1254_c367,
    0x1941_a469,
    0x1043_a770,
    0x7ba9,
    0x4461,
    0x7384,
    0x3c_83ab,
    0x3e_83bb,
    0x536e,
    0x25_8688,
    0xbf,
    0xec,
];
/// Elements of these that are listed: a film has a few, or a sum and a blank for each cluster of some seconds.
const TOLD_MAX: usize = 100_000;
/// Texts that have to be there: which programs made it.
const MAKERS: [u32; 2] = [0x4d80, 0x5741];

struct Element {
    id: u32,
    start: usize,
    body: usize,
    /// Where it ends; `None`: it does not say.
    end: Option<usize>,
}

/// The element at `at`, which ends within the file.
fn element(bytes: &[u8], at: usize) -> Result<Element, Fault> {
    let first = *bytes.get(at).ok_or(Fault::Truncated)?;
    let id_length = first.leading_zeros() as usize + 1;
    if id_length > 4 {
        return Err(Fault::Broken("it has an element that is none"));
    }
    let id = bytes.get(at..at + id_length).ok_or(Fault::Truncated)?;
    let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let size_at = at + id_length;
    let first = *bytes.get(size_at).ok_or(Fault::Truncated)?;
    let size_length = first.leading_zeros() as usize + 1;
    if size_length > 8 {
        return Err(Fault::Broken("it has an element without a length"));
    }
    let size = bytes.get(size_at..size_at + size_length).ok_or(Fault::Truncated)?;
    let value = size.iter().fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
    let all = (1_u64 << (7 * size_length)) - 1;
    let value = value & all;
    let body = size_at + size_length;
    let end = if value == all {
        None
    } else {
        let end = usize::try_from(value).ok().and_then(|value| body.checked_add(value));
        Some(end.filter(|end| *end <= bytes.len()).ok_or(Fault::Truncated)?)
    };
    Ok(Element { id, start: at, body, end })
}

/// Each element in turn, with its body where it is not entered; ends with the segment.
fn walk(bytes: &[u8], mut each: impl FnMut(&Element, &[u8])) -> Result<usize, Fault> {
    let mut at = 0;
    let mut end = bytes.len();
    let mut segment = false;
    while at < end {
        let next = element(bytes, at)?;
        if !segment && !matches!(next.id, HEADER | SEGMENT | 0xec | 0xbf) {
            return Err(Fault::Broken("it does not begin as it should"));
        }
        // Within the segment, not only within the file.
        if next.end.is_some_and(|stop| stop > end) {
            return Err(Fault::Truncated);
        }
        if ENTERED.contains(&next.id) {
            if next.id == SEGMENT {
                segment = true;
                end = next.end.unwrap_or(end);
            }
            each(&next, &[]);
            at = next.body;
        } else {
            let stop = next.end.ok_or(Fault::Broken("it has an element without a length"))?;
            each(&next, &bytes[next.body..stop]);
            at = stop;
        }
    }
    if segment { Ok(end) } else { Err(Fault::Truncated) }
}

fn whole(body: &[u8]) -> u64 {
    body.iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn float(body: &[u8]) -> f64 {
    match (body.first_chunk(), body.first_chunk()) {
        (_, Some(eight)) if body.len() == 8 => f64::from_be_bytes(*eight),
        (Some(four), _) if body.len() == 4 => f32::from_be_bytes(*four).into(),
        _ => 0.0,
    }
}

pub(super) fn look(bytes: &[u8]) -> Result<Found, Fault> {
    let mut scale = 1_000_000_u64;
    let mut said = 0.0;
    let (mut cluster, mut last, mut reached) = (0_u64, 0_u64, 0_u64);
    // Of the track that is being read.
    let (mut is_picture, mut width, mut height) = (false, 0, 0);
    let mut sides = None;
    walk(bytes, |element, body| {
        match element.id {
            TIME_SCALE => scale = whole(body).max(1),
            DURATION => said = float(body),
            TRACK => (is_picture, width, height) = (false, 0, 0),
            TRACK_TYPE => is_picture = whole(body) == 1,
            PIXEL_WIDTH => width = u32::try_from(whole(body)).unwrap_or(0),
            PIXEL_HEIGHT => height = u32::try_from(whole(body)).unwrap_or(0),
            CLUSTER_TIME => cluster = whole(body),
            SIMPLE_BLOCK | BLOCK => {
                // A track's number, then the time from the cluster's on.
                let number = body.first().map_or(0, |first| first.leading_zeros() as usize + 1);
                if let Some(&[high, low]) = body.get(number..).and_then(|rest| rest.first_chunk()) {
                    last = cluster.saturating_add_signed(i16::from_be_bytes([high, low]).into());
                    reached = reached.max(last);
                }
            }
            BLOCK_DURATION => reached = reached.max(last.saturating_add(whole(body))),
            _ => {}
        }
        if is_picture && sides.is_none() && width > 0 && height > 0 {
            sides = Some((width, height));
        }
    })?;
    let ticks = if said.is_finite() && said >= 1.0 { said } else { reached as f64 };
    // Saturates.
    Ok(Found { duration_ms: (ticks * scale as f64 / 1e6).round() as u64, sides })
}

pub(super) fn clean(bytes: &mut Vec<u8>) -> Result<(), Fault> {
    let mut told = Vec::new();
    let mut makers = Vec::new();
    let mut too_many = false;
    let end = walk(bytes, |element, body| {
        let whole = element.start..element.body + body.len();
        let (list, range) = if TOLD.contains(&element.id) {
            (&mut told, whole)
        } else if MAKERS.contains(&element.id) {
            (&mut makers, element.body..whole.end)
        } else {
            return;
        };
        if list.len() == TOLD_MAX {
            too_many = true;
        } else {
            list.push(range);
        }
    })?;
    if too_many {
        return Err(Fault::Broken("it is in too many pieces"));
    }
    bytes.truncate(end);
    for range in makers {
        // A text may end with zeros.
        bytes[range].fill(0);
    }
    for range in told {
        void(&mut bytes[range]);
    }
    Ok(())
}

/// Makes an element of two bytes or more one that says nothing, of the same length.
fn void(element: &mut [u8]) {
    element.fill(0);
    element[0] = VOID;
    if element.len() < 9 {
        element[1] = 0x80 | (element.len() - 2) as u8;
    } else {
        let size = 1 << 56 | (element.len() - 9) as u64;
        element[1..9].copy_from_slice(&size.to_be_bytes());
    }
}
