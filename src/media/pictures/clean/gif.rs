//! GIF: a screen, and blocks of frames and extensions.

use image::metadata::Orientation;

use super::{Frames, Parts, UNFIT_FRAME};
use crate::media::fault::Fault;
use crate::media::pictures::Bounds;

const EXTENSION: u8 = 0x21;
const FRAME: u8 = 0x2c;
const TRAILER: u8 = 0x3b;
const CONTROL: u8 = 0xf9;
const APPLICATION: u8 = 0xff;
/// Applications whose extension says how often an animation runs.
const LOOPS: [&[u8]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let taken = self.bytes.get(self.at..self.at + count).ok_or(Fault::Truncated)?;
        self.at += count;
        Ok(taken)
    }

    /// Blocks with their lengths, up to and with the empty one; and what is in the first.
    fn blocks(&mut self) -> Result<(&'a [u8], &'a [u8]), Fault> {
        let start = self.at;
        let mut first = None;
        loop {
            let length = usize::from(self.take(1)?[0]);
            let body = self.take(length)?;
            first.get_or_insert(body);
            if length == 0 {
                return Ok((&self.bytes[start..self.at], first.unwrap_or_default()));
            }
        }
    }
}

/// Bytes of a colour table by its flags.
fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

pub(super) fn clean(bytes: &[u8], bounds: &Bounds) -> Result<Parts, Fault> {
    let mut reader = Reader { bytes, at: 0 };
    let mut frames = Frames::new(bounds);
    let mut out = Vec::with_capacity(bytes.len());
    let screen = reader.take(13)?;
    let side = |of: &[u8], at: usize| u32::from(u16::from_le_bytes([of[at], of[at + 1]]));
    out.extend_from_slice(screen);
    out.extend_from_slice(reader.take(table(screen[10]))?);
    loop {
        match reader.take(1)?[0] {
            EXTENSION => match reader.take(1)?[0] {
                CONTROL => {
                    let (_, control) = reader.blocks()?;
                    let control =
                        control.first_chunk::<4>().ok_or(Fault::Broken("a frame has no control"))?;
                    out.extend_from_slice(&[EXTENSION, CONTROL, 4]);
                    out.extend_from_slice(control);
                    out.push(0);
                }
                APPLICATION => {
                    let length = usize::from(reader.take(1)?[0]);
                    let name = reader.take(length)?;
                    let (_, said) = reader.blocks()?;
                    if let (true, Some([1, low, high])) = (LOOPS.contains(&name), said.first_chunk::<3>()) {
                        out.extend_from_slice(&[EXTENSION, APPLICATION, 11]);
                        out.extend_from_slice(LOOPS[0]);
                        out.extend_from_slice(&[3, 1, *low, *high, 0]);
                    }
                }
                // Comments, plain text, and what nobody knows.
                _ => drop(reader.blocks()?),
            },
            FRAME => {
                let frame = reader.take(9)?;
                let (width, height) = (side(frame, 4), side(frame, 6));
                frames.add(width, height)?;
                // Some stick out by where they lie, and are cut off there.
                if width > side(screen, 6) || height > side(screen, 8) {
                    return Err(UNFIT_FRAME);
                }
                out.push(FRAME);
                out.extend_from_slice(frame);
                out.extend_from_slice(reader.take(table(frame[8]))?);
                out.extend_from_slice(reader.take(1)?);
                out.extend_from_slice(reader.blocks()?.0);
            }
            TRAILER => break,
            // Some writers put empty blocks between.
            0 => {}
            _ => return Err(Fault::Broken("it has a block that is none")),
        }
    }
    if frames.count == 0 {
        return Err(Fault::Truncated);
    }
    out.push(TRAILER);
    Ok(Parts { original: out, orientation: Orientation::NoTransforms, icc: None })
}
