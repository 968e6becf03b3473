//! One client socket: what it has not sent yet, what it has not understood yet, and how it ended.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;

use super::frame;

/// Why a socket is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// No connection was made.
    NotConnected(ErrorKind),
    /// The upgrade was answered with this HTTP status.
    Refused(u16),
    /// The server said a close code (1005: a close frame without one).
    Closed(u16),
    /// The connection ended without a close frame.
    Eof,
    /// The connection broke.
    Broken(ErrorKind),
    /// The server sent what the protocol forbids.
    Protocol(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Upgrading,
    Open,
}

pub(super) struct Socket {
    pub stream: TcpStream,
    pub stage: Stage,
    /// Received bytes that are not yet a whole frame.
    pub tail: Vec<u8>,
    /// Bytes that wait to be written.
    pub out: Vec<u8>,
    pub waits_to_write: bool,
    pub paused: bool,
    pub queued: bool,
}

impl Socket {
    pub fn new(stream: TcpStream, request: Vec<u8>) -> Socket {
        Socket {
            stream,
            stage: Stage::Connecting,
            tail: Vec::new(),
            out: request,
            waits_to_write: true,
            paused: false,
            queued: false,
        }
    }

    pub fn put(&mut self, opcode: u8, payload: &[u8]) {
        frame::put_from_client(&mut self.out, opcode, payload);
    }

    /// Writes what the kernel takes; `Ok(true)` if nothing is left. A broken connection is told by the next read.
    pub fn flush(&mut self) -> bool {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(count) => drop(self.out.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(_) => self.out.clear(),
            }
        }
        if self.out.capacity() > 4096 {
            self.out = Vec::new();
        }
        true
    }

    /// The result of a connection attempt that `epoll` reported.
    pub fn connected(&self) -> io::Result<()> {
        match self.stream.take_error()? {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// What the head of the server's answer says: `None` while it is not whole, else its length or the ending.
pub(super) fn upgrade_answer(bytes: &[u8]) -> Option<Result<usize, Ending>> {
    const MAX_HEAD: usize = 16 * 1024;
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return (bytes.len() > MAX_HEAD).then_some(Err(Ending::Protocol("an endless answer to the upgrade")));
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    if status != 101 {
        return Some(Err(Ending::Refused(status)));
    }
    let accepted = lines.filter_map(|line| line.split_once(':')).any(|(name, value)| {
        name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == super::UPGRADE_ACCEPT
    });
    Some(if accepted { Ok(end + 4) } else { Err(Ending::Protocol("a wrong Sec-WebSocket-Accept")) })
}
