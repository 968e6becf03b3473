//! Many WebSocket clients on one thread.
//!
//! [`Swarm::turn`] waits once, reads each ready socket once, and hands whole text frames to a [`Driver`]. What the
//! driver sends meanwhile is written together at the end of each socket's turn, so an answer to five acks is one write.

use std::io::{self, ErrorKind};
use std::net::SocketAddrV4;
use std::time::Duration;

use super::dial::{DialOptions, Sources, dial};
use super::frame::{self, CLOSE, PING, PONG, TEXT};
use super::poll::{Interest, Poll};
use super::socket::{Ending, Socket, Stage, upgrade_answer};
use super::system::{receive, reset_on_close, set_receive_buffer};
use crate::clock::Moment;

const READ_BYTES: usize = 256 * 1024;

/// What reacts to the sockets.
pub trait Driver {
    /// The upgrade was accepted.
    fn opened(&mut self, sockets: &mut Sockets, socket: usize);
    /// A whole text frame arrived.
    fn text(&mut self, sockets: &mut Sockets, socket: usize, payload: &[u8], arrived: Moment);
    /// The socket is gone; its number may be opened again.
    fn ended(&mut self, sockets: &mut Sockets, socket: usize, ending: Ending);
}

/// The sockets themselves: what a driver may act upon.
pub struct Sockets {
    poll: Poll,
    slots: Vec<Slot>,
    queue: Vec<usize>,
    server: SocketAddrV4,
    sources: Sources,
    stamped: bool,
}

#[derive(Default)]
struct Slot {
    socket: Option<Socket>,
    /// Distinguishes events of a socket from those of its predecessor in the same slot.
    generation: u32,
}

pub struct Swarm {
    sockets: Sockets,
    buffer: Vec<u8>,
}

impl Sockets {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub fn is_open(&self, socket: usize) -> bool {
        self.slots.get(socket).is_some_and(|slot| slot.socket.is_some())
    }

    /// Starts to connect socket number `socket` and to upgrade it at `path`. `receive_buffer` is in bytes.
    pub fn open(
        &mut self,
        socket: usize,
        path: &str,
        authorization: Option<&str>,
        receive_buffer: Option<i32>,
    ) -> io::Result<()> {
        let options = DialOptions { receive_buffer, stamped: self.stamped };
        let stream = dial(self.sources.address(socket), self.server, options)?;
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
            self.server,
            super::UPGRADE_KEY
        );
        if let Some(token) = authorization {
            request.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        request.push_str("\r\n");
        if self.slots.len() <= socket {
            self.slots.resize_with(socket + 1, Slot::default);
        }
        let slot = &mut self.slots[socket];
        slot.generation = slot.generation.wrapping_add(1);
        self.poll.add(
            &stream,
            token(slot.generation, socket),
            Interest { readable: true, writable: true },
        )?;
        slot.socket = Some(Socket::new(stream, request.into_bytes()));
        Ok(())
    }

    /// Queues a text frame; dropped without a word if the socket is gone.
    pub fn send(&mut self, socket: usize, payload: &[u8]) {
        self.put(socket, TEXT, payload);
    }

    fn put(&mut self, number: usize, opcode: u8, payload: &[u8]) {
        let Some(socket) = self.slots.get_mut(number).and_then(|slot| slot.socket.as_mut()) else { return };
        socket.put(opcode, payload);
        if !socket.queued {
            socket.queued = true;
            self.queue.push(number);
        }
    }

    /// Ends a socket at once with a reset, as a failing network would.
    pub fn cut(&mut self, socket: usize) {
        if let Some(gone) = self.slots.get_mut(socket).and_then(|slot| slot.socket.take()) {
            // The worst that a refusal does is a polite close.
            let _ = reset_on_close(&gone.stream);
        }
    }

    /// Stops or goes on reading from a socket.
    pub fn pause(&mut self, number: usize, paused: bool) {
        if let Some(socket) = self.slots[number].socket.as_mut() {
            socket.paused = paused;
        }
        self.watch(number);
    }

    /// Changes the kernel's receive buffer of an open socket, in bytes.
    pub fn widen(&mut self, socket: usize, receive_buffer: i32) -> io::Result<()> {
        match self.slots.get(socket).and_then(|slot| slot.socket.as_ref()) {
            Some(socket) => set_receive_buffer(&socket.stream, receive_buffer),
            None => Ok(()),
        }
    }

    /// Writes all that was queued.
    pub fn flush(&mut self) {
        while let Some(number) = self.queue.pop() {
            let Some(socket) = self.slots[number].socket.as_mut() else { continue };
            socket.queued = false;
            if socket.stage == Stage::Connecting {
                continue;
            }
            let waits = !socket.flush();
            if waits != socket.waits_to_write {
                socket.waits_to_write = waits;
                self.watch(number);
            }
        }
    }

    fn watch(&mut self, number: usize) {
        let slot = &self.slots[number];
        if let Some(socket) = &slot.socket {
            let interest = Interest { readable: !socket.paused, writable: socket.waits_to_write };
            // Fails only for a descriptor that is not registered, and ours all are.
            let _ = self.poll.change(&socket.stream, token(slot.generation, number), interest);
        }
    }
}

fn token(generation: u32, socket: usize) -> u64 {
    u64::from(generation) << 32 | socket as u64
}

impl Swarm {
    /// `stamped`: frames carry the kernel's time of arrival, not the time at which they were read.
    pub fn new(server: SocketAddrV4, sources: Sources, stamped: bool) -> io::Result<Swarm> {
        let poll = Poll::new(1024)?;
        let sockets = Sockets { poll, slots: Vec::new(), queue: Vec::new(), server, sources, stamped };
        Ok(Swarm { sockets, buffer: vec![0; READ_BYTES] })
    }

    pub fn sockets(&mut self) -> &mut Sockets {
        &mut self.sockets
    }

    /// Waits at most `timeout`, then serves each ready socket once. Says how many were ready.
    pub fn turn(&mut self, timeout: Duration, driver: &mut impl Driver) -> io::Result<usize> {
        self.sockets.flush();
        let count = self.sockets.poll.wait(timeout)?;
        for nth in 0..count {
            let ready = self.sockets.poll.ready(nth);
            let (number, generation) = (ready.token as u32 as usize, (ready.token >> 32) as u32);
            let slot = &mut self.sockets.slots[number];
            if slot.generation != generation {
                continue;
            }
            let Some(socket) = slot.socket.as_mut() else { continue };
            if socket.stage == Stage::Connecting {
                if let Err(error) = socket.connected() {
                    self.end(number, Ending::NotConnected(error.kind()), driver);
                    continue;
                }
                if !ready.writable {
                    continue;
                }
                socket.stage = Stage::Upgrading;
            }
            if ready.writable && !socket.queued {
                socket.queued = true;
                self.sockets.queue.push(number);
            }
            // A paused socket reads only to learn that it is gone.
            if ready.readable || ready.hung_up {
                self.read(number, driver);
            }
            self.sockets.flush();
        }
        Ok(count)
    }

    fn end(&mut self, number: usize, ending: Ending, driver: &mut impl Driver) {
        self.sockets.slots[number].socket = None;
        driver.ended(&mut self.sockets, number, ending);
    }

    fn read(&mut self, number: usize, driver: &mut impl Driver) {
        let Some(socket) = self.sockets.slots[number].socket.as_mut() else { return };
        let kept = socket.tail.len();
        if self.buffer.len() < kept + READ_BYTES {
            self.buffer.resize(kept + READ_BYTES, 0);
        }
        self.buffer[..kept].copy_from_slice(&socket.tail);
        let (count, arrived) = match receive(&socket.stream, &mut self.buffer[kept..]) {
            Ok((0, _)) => return self.end(number, Ending::Eof, driver),
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(error) => return self.end(number, Ending::Broken(error.kind()), driver),
        };
        match self.consume(number, kept + count, arrived, driver) {
            Ok(used) => {
                let left = used..kept + count;
                if let Some(socket) = self.sockets.slots[number].socket.as_mut() {
                    socket.tail.clear();
                    if left.is_empty() {
                        socket.tail.shrink_to(4096);
                    }
                    socket.tail.extend_from_slice(&self.buffer[left]);
                }
            }
            Err(Some(ending)) => self.end(number, ending, driver),
            Err(None) => {}
        }
    }

    /// Says how many of the first `length` bytes of the buffer were used, or how the socket ended (`None`: by the
    /// driver's own hand).
    fn consume(
        &mut self,
        number: usize,
        length: usize,
        arrived: Moment,
        driver: &mut impl Driver,
    ) -> Result<usize, Option<Ending>> {
        let Swarm { sockets, buffer } = self;
        let generation = sockets.slots[number].generation;
        let stage = |sockets: &mut Sockets| {
            let slot = &sockets.slots[number];
            slot.socket.as_ref().filter(|_| slot.generation == generation).map(|socket| socket.stage)
        };
        let mut used = 0;
        loop {
            let bytes = &buffer[used..length];
            if stage(sockets).ok_or(None)? == Stage::Upgrading {
                match upgrade_answer(bytes) {
                    None => return Ok(used),
                    Some(Err(ending)) => return Err(Some(ending)),
                    Some(Ok(head)) => used += head,
                }
                if let Some(socket) = sockets.slots[number].socket.as_mut() {
                    socket.stage = Stage::Open;
                }
                driver.opened(sockets, number);
                continue;
            }
            let frame = match frame::from_server(bytes) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(used),
                Err(error) => return Err(Some(Ending::Protocol(error.name()))),
            };
            used += frame.length;
            match frame.opcode {
                TEXT => driver.text(sockets, number, frame.payload, arrived),
                PING => sockets.put(number, PONG, frame.payload),
                PONG => {}
                CLOSE => {
                    let code =
                        frame.payload.get(..2).map_or(1005, |raw| u16::from_be_bytes([raw[0], raw[1]]));
                    return Err(Some(Ending::Closed(code)));
                }
                _ => return Err(Some(Ending::Protocol("a frame that is not text"))),
            }
        }
    }
}
