//! The floor: the least that a fan-out costs. A bare tokio server on one thread with a task and a bounded queue per
//! socket, rooms by query, and nothing else: what one says, all in the room get.
//!
//! It is what the real server's CPU per delivery is compared with, in the same run and on the same core.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes};
use sha1::{Digest, Sha1};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::net::frame;

/// Frames that may wait for one socket; one that is further behind is dropped from its room.
const QUEUE: usize = 64;
/// Frames that go into one write.
const BATCH: usize = 32;
const MAX_REQUEST: usize = 8 * 1024;
/// A peer that takes nothing for so long is given up.
const STUCK: Duration = Duration::from_secs(10);

type Rooms = Rc<RefCell<HashMap<u64, Vec<Member>>>>;

struct Member {
    id: u64,
    queue: mpsc::Sender<Bytes>,
}

/// Serves on the loopback address until the process ends; `ready` gets the address once.
pub fn run(port: u16, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        ready(listener.local_addr()?);
        let rooms = Rooms::default();
        let mut next = 0;
        loop {
            // A peer may be gone before it is accepted, and descriptors may be short for a while.
            let Ok((stream, _)) = listener.accept().await else { continue };
            next += 1;
            let (rooms, id) = (rooms.clone(), next);
            tokio::task::spawn_local(async move {
                // A broken socket ends its own task; nobody waits for the reason.
                let _ = session(stream, rooms, id).await;
            });
        }
    })
}

async fn session(stream: TcpStream, rooms: Rooms, id: u64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (room, mut pending) = upgrade(&stream).await?;
    let (queue, inbox) = mpsc::channel(QUEUE);
    rooms.borrow_mut().entry(room).or_default().push(Member { id, queue });
    let result = converse(&stream, &rooms, room, inbox, &mut pending).await;
    if let Some(members) = rooms.borrow_mut().get_mut(&room) {
        members.retain(|member| member.id != id);
    }
    result
}

async fn converse(
    stream: &TcpStream,
    rooms: &Rooms,
    room: u64,
    mut inbox: mpsc::Receiver<Bytes>,
    pending: &mut Vec<u8>,
) -> io::Result<()> {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            count = inbox.recv_many(&mut batch, BATCH) => {
                if count == 0 {
                    return Err(ErrorKind::ConnectionAborted.into());
                }
                write_all(stream, &mut batch).await?;
            }
            readable = stream.readable() => {
                readable?;
                match stream.try_read_buf(pending) {
                    Ok(0) => return Ok(()),
                    Ok(_) => take_frames(pending, rooms, room)?,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

fn take_frames(pending: &mut Vec<u8>, rooms: &Rooms, room: u64) -> io::Result<()> {
    let mut used = 0;
    loop {
        let frame = match frame::from_client(&mut pending[used..]) {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(error) => return Err(io::Error::new(ErrorKind::InvalidData, error.name())),
        };
        used += frame.length;
        match frame.opcode {
            frame::TEXT => say(rooms, room, frame.payload),
            frame::CLOSE => return Err(ErrorKind::ConnectionAborted.into()),
            _ => {}
        }
    }
    pending.drain(..used);
    if pending.is_empty() {
        // An idle socket keeps no buffer.
        *pending = Vec::new();
    }
    Ok(())
}

fn say(rooms: &Rooms, room: u64, payload: &[u8]) {
    let mut encoded = Vec::with_capacity(payload.len() + 10);
    frame::put_from_server(&mut encoded, frame::TEXT, payload);
    let encoded = Bytes::from(encoded);
    if let Some(members) = rooms.borrow_mut().get_mut(&room) {
        members.retain(|member| member.queue.try_send(encoded.clone()).is_ok());
    }
}

pub(crate) async fn write_all(stream: &TcpStream, batch: &mut Vec<Bytes>) -> io::Result<()> {
    let mut rest = &mut batch[..];
    while !rest.is_empty() {
        let mut parts = [IoSlice::new(&[]); BATCH];
        for (part, bytes) in parts.iter_mut().zip(rest.iter()) {
            *part = IoSlice::new(bytes);
        }
        match stream.try_write_vectored(&parts[..rest.len().min(BATCH)]) {
            Ok(mut written) => {
                while let Some(first) = rest.first_mut().filter(|first| written >= first.len()) {
                    written -= first.len();
                    rest = &mut rest[1..];
                }
                if let Some(first) = rest.first_mut() {
                    first.advance(written);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                tokio::time::timeout(STUCK, stream.writable()).await??;
            }
            Err(error) => return Err(error),
        }
    }
    batch.clear();
    Ok(())
}

/// Answers the upgrade; gives the room and what came behind the request.
async fn upgrade(stream: &TcpStream) -> io::Result<(u64, Vec<u8>)> {
    let bad = || io::Error::new(ErrorKind::InvalidData, "not a WebSocket upgrade");
    let mut request = Vec::with_capacity(512);
    let head = loop {
        stream.readable().await?;
        match stream.try_read_buf(&mut request) {
            Ok(0) => return Err(bad()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if request.len() > MAX_REQUEST {
            return Err(bad());
        }
    };
    let text = std::str::from_utf8(&request[..head]).map_err(|_| bad())?;
    let room = text.split(' ').nth(1).and_then(room_of).unwrap_or(0);
    let key = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .map(|(_, value)| value.trim())
        .ok_or_else(bad)?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept(key)
    );
    write_all(stream, &mut vec![Bytes::from(answer)]).await?;
    Ok((room, request.split_off(head)))
}

fn room_of(target: &str) -> Option<u64> {
    let query = target.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.strip_prefix("room="))?.parse().ok()
}

pub(crate) fn accept(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_is_that_of_the_standard() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn the_room_is_in_the_query() {
        assert_eq!(room_of("/ws?a=1&room=42"), Some(42));
        assert_eq!(room_of("/ws"), None);
    }
}
