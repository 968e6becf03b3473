//! WebSocket framing (RFC 6455), as much as a load generator needs: whole, unfragmented frames.

/// The largest payload that is taken from a server, in bytes.
pub const MAX_PAYLOAD: usize = 16 * 1024 * 1024;

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// Constant, because no proxy stands between here and the server.
const MASK: [u8; 4] = [0x1d, 0x8b, 0xe2, 0x57];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub opcode: u8,
    pub payload: &'a [u8],
    /// Bytes of the frame on the wire.
    pub length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    Fragmented,
    Reserved,
    WrongMask,
    TooLarge,
}

impl FrameError {
    pub fn name(self) -> &'static str {
        match self {
            FrameError::Fragmented => "a fragmented frame",
            FrameError::Reserved => "a frame with reserved bits",
            FrameError::WrongMask => "a frame with the wrong masking",
            FrameError::TooLarge => "a frame that is too large",
        }
    }
}

struct Head {
    opcode: u8,
    masked: bool,
    start: usize,
    end: usize,
}

/// `None` while the frame is not whole.
fn head(bytes: &[u8]) -> Result<Option<Head>, FrameError> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(FrameError::Reserved);
    }
    if first & 0x80 == 0 || first & 0x0f == 0 {
        return Err(FrameError::Fragmented);
    }
    let masked = second & 0x80 != 0;
    let (length, mut start) = match second & 0x7f {
        126 => match bytes.get(2..4) {
            Some(raw) => (usize::from(u16::from_be_bytes([raw[0], raw[1]])), 4),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(|raw| <[u8; 8]>::try_from(raw).ok()) {
            Some(raw) => (usize::try_from(u64::from_be_bytes(raw)).unwrap_or(usize::MAX), 10),
            None => return Ok(None),
        },
        short => (usize::from(short), 2),
    };
    if length > MAX_PAYLOAD {
        return Err(FrameError::TooLarge);
    }
    if masked {
        start += 4;
    }
    let end = start + length;
    Ok((bytes.len() >= end).then_some(Head { opcode: first & 0x0f, masked, start, end }))
}

/// The first frame of what a server sent; `None` while it is not whole.
pub fn from_server(bytes: &[u8]) -> Result<Option<Frame<'_>>, FrameError> {
    match head(bytes)? {
        Some(head) if head.masked => Err(FrameError::WrongMask),
        Some(head) => {
            Ok(Some(Frame { opcode: head.opcode, payload: &bytes[head.start..head.end], length: head.end }))
        }
        None => Ok(None),
    }
}

/// The first frame of what a client sent, unmasked in place; `None` while it is not whole.
pub fn from_client(bytes: &mut [u8]) -> Result<Option<Frame<'_>>, FrameError> {
    let Some(head) = head(bytes)? else { return Ok(None) };
    if !head.masked {
        return Err(FrameError::WrongMask);
    }
    let mask = [0, 1, 2, 3].map(|n| bytes[head.start - 4 + n]);
    apply(&mut bytes[head.start..head.end], mask);
    Ok(Some(Frame { opcode: head.opcode, payload: &bytes[head.start..head.end], length: head.end }))
}

/// Appends a masked frame, as clients must send it.
pub fn put_from_client(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_head(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&MASK);
    let start = out.len();
    out.extend_from_slice(payload);
    apply(&mut out[start..], MASK);
}

/// Appends an unmasked frame, as servers send it.
pub fn put_from_server(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_head(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

fn put_head(out: &mut Vec<u8>, opcode: u8, length: usize, mask_bit: u8) {
    out.push(0x80 | opcode);
    match length {
        0..126 => out.push(mask_bit | length as u8),
        126..65_536 => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

fn apply(payload: &mut [u8], mask: [u8; 4]) {
    for part in payload.chunks_mut(4) {
        for (byte, key) in part.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_each_length_form_comes_back_whole() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 70_001] {
            let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let mut wire = Vec::new();
            put_from_client(&mut wire, TEXT, &payload);
            let frame = from_client(&mut wire).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload), (TEXT, &payload[..]));

            let mut wire = Vec::new();
            put_from_server(&mut wire, PING, &payload);
            let frame = from_server(&wire).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload, frame.length), (PING, &payload[..], wire.len()));
        }
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_not_taken_before_it_is_whole() {
        let mut wire = Vec::new();
        put_from_server(&mut wire, TEXT, &[b'x'; 300]);
        for cut in 0..wire.len() {
            assert_eq!(from_server(&wire[..cut]), Ok(None), "cut at {cut}");
        }
        assert!(from_server(&wire).unwrap().is_some());
    }

    #[test]
    fn what_the_protocol_forbids_is_an_error() {
        assert_eq!(from_server(&[0x01, 0]), Err(FrameError::Fragmented));
        assert_eq!(from_server(&[0xc1, 0]), Err(FrameError::Reserved));
        assert_eq!(from_server(&[0x81, 0x80, 0, 0, 0, 0]), Err(FrameError::WrongMask));
        assert_eq!(from_client(&mut [0x81, 0]), Err(FrameError::WrongMask));
        let mut huge = vec![0x81, 127];
        huge.extend_from_slice(&u64::MAX.to_be_bytes());
        assert_eq!(from_server(&huge), Err(FrameError::TooLarge));
    }
}
