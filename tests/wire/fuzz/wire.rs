//! A WebSocket below all rules: any bytes may be written.

use std::net::SocketAddr;

use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::socket::PATIENCE;

pub struct Raw {
    stream: TcpStream,
    /// What was read and not looked through yet.
    read: Vec<u8>,
}

/// The server closed it.
pub struct Gone;

impl Raw {
    /// Opens a WebSocket; `Gone` where the server refuses it.
    pub async fn open(address: SocketAddr, target: &str) -> Result<Self, Gone> {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        let mut raw = Self { stream, read: Vec::new() };
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        raw.write(request.as_bytes()).await?;
        let head = raw.until(b"\r\n\r\n").await?;
        if head.starts_with(b"HTTP/1.1 101") { Ok(raw) } else { Err(Gone) }
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.stream.write_all(bytes).await.map_err(|_| Gone)
    }

    /// Reads until that stands in what was read; what stood before it, with it.
    pub async fn until(&mut self, marker: &[u8]) -> Result<Vec<u8>, Gone> {
        loop {
            if let Some(at) = self.read.windows(marker.len()).position(|part| part == marker) {
                let rest = self.read.split_off(at + marker.len());
                return Ok(std::mem::replace(&mut self.read, rest));
            }
            // What is long gone by is of no interest.
            let keep = self.read.len().saturating_sub(4_096);
            self.read.drain(..keep);
            let read = self.stream.read_buf(&mut self.read);
            match tokio::time::timeout(PATIENCE, read).await.expect("the server answers or closes") {
                Ok(0) | Err(_) => return Err(Gone),
                Ok(_) => {}
            }
        }
    }
}

/// A frame as clients send it.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// How the bytes of one message leave the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Whole frames: what follows is read as frames too.
    Whole,
    /// What follows would be read as the rest of it.
    Broken,
}

/// Puts a text into frames, mostly as it should be.
pub fn envelope(rng: &mut Rng, text: &[u8]) -> (Vec<u8>, After) {
    match rng.u8(..60) {
        // In pieces.
        0..4 => {
            let cut = rng.usize(..=text.len());
            let mut bytes = frame(0x01, &text[..cut]);
            if rng.bool() {
                bytes.extend(frame(0x89, b"between"));
            }
            bytes.extend(frame(0x80, &text[cut..]));
            (bytes, After::Whole)
        }
        4 => (frame(0x82, text), After::Whole),
        // Control frames, with more in them than may be.
        5 => (frame(0x88 | rng.u8(..3), &text[..text.len().min(rng.usize(..200))]), After::Whole),
        // Reserved bits and opcodes, pieces of nothing.
        6 => (frame(rng.u8(..), text), After::Whole),
        // Without its mask.
        7 => {
            let short = &text[..text.len().min(100)];
            let mut bytes = vec![0x81, short.len() as u8];
            bytes.extend(short);
            (bytes, After::Broken)
        }
        // A length that never comes, or that no memory holds.
        8 => {
            let mut bytes = frame(0x81, text);
            bytes.truncate(rng.usize(..=bytes.len()));
            (bytes, After::Broken)
        }
        9 => {
            let mut bytes = vec![0x81, 0xff];
            bytes.extend(rng.u64(..).to_be_bytes());
            bytes.extend(text);
            (bytes, After::Broken)
        }
        10 => ((0..rng.usize(..100)).map(|_| rng.u8(..)).collect(), After::Broken),
        _ => (frame(0x81, text), After::Whole),
    }
}
