//! Many clients of an OpenAI-compatible API on one thread: each asks for a streamed reply on a connection that is kept,
//! and hands the data of each event to a [`Listener`] as it arrives.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use super::dial::{DialOptions, Sources, dial};
use super::poll::{Interest, Poll};
use super::system::receive;
use crate::clock::Moment;

const READ_BYTES: usize = 256 * 1024;
/// A head or a line that is longer ends its connection, in bytes.
const MAX_LINE: usize = 1024 * 1024;

/// How an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// `[DONE]` came, and the end of the body.
    Done,
    /// Another status than 200.
    Refused(u16),
    /// The connection, or what came over it, broke.
    Broken(String),
}

/// What reacts to the answers.
pub trait Listener {
    /// The data of one event.
    fn data(&mut self, reader: usize, data: &[u8], arrived: Moment);
    fn over(&mut self, reader: usize, over: Over);
}

/// Where answers come from.
#[derive(Clone, Debug)]
pub struct Api {
    pub address: SocketAddrV4,
    /// Of `/v1/chat/completions`.
    pub path: String,
    pub key: String,
}

pub struct Readers {
    api: Api,
    sources: Sources,
    poll: Poll,
    readers: Vec<Option<Reader>>,
    buffer: Vec<u8>,
}

struct Reader {
    stream: TcpStream,
    outgoing: Vec<u8>,
    connected: bool,
    answer: Answer,
}

/// How far an answer was read.
struct Answer {
    /// Nothing was asked.
    idle: bool,
    /// Not taken apart yet.
    raw: Vec<u8>,
    /// A line of the body that is not whole.
    line: Vec<u8>,
    part: Part,
    status: u16,
    keeps: bool,
    done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    /// The line with a chunk's size.
    Size,
    /// So many bytes of a chunk, and the end of its line.
    Chunk(usize),
    /// So many bytes of a body of known length.
    Body(usize),
    /// All is read.
    End,
}

impl Readers {
    pub fn new(api: Api, readers: usize, sources: Sources) -> io::Result<Readers> {
        let poll = Poll::new(1024)?;
        let readers = (0..readers).map(|_| None).collect();
        Ok(Readers { api, sources, poll, readers, buffer: vec![0; READ_BYTES] })
    }

    /// Asks with this JSON. The reader is not busy.
    pub fn ask(&mut self, number: usize, body: &str) -> io::Result<()> {
        let Api { address, path, key } = &self.api;
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nAccept: text/event-stream\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let fresh = self.readers[number].is_none();
        if fresh {
            let options = DialOptions { stamped: true, ..DialOptions::default() };
            let stream = dial(self.sources.address(number), *address, options)?;
            self.poll.add(&stream, number as u64, Interest { readable: true, writable: true })?;
            let answer = Answer::new();
            self.readers[number] = Some(Reader { stream, outgoing: Vec::new(), connected: false, answer });
        }
        let Some(reader) = self.readers[number].as_mut() else { return Ok(()) };
        reader.answer = Answer { idle: false, ..Answer::new() };
        reader.outgoing = request.into_bytes();
        if !fresh {
            self.flush(number)?;
        }
        Ok(())
    }

    /// Ends all connections at once.
    pub fn cut(&mut self) {
        self.readers.iter_mut().for_each(|reader| *reader = None);
    }

    fn flush(&mut self, number: usize) -> io::Result<()> {
        let Some(reader) = self.readers[number].as_mut() else { return Ok(()) };
        while !reader.outgoing.is_empty() {
            match reader.stream.write(&reader.outgoing) {
                Ok(count) => drop(reader.outgoing.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let interest = Interest { readable: true, writable: !reader.outgoing.is_empty() };
        self.poll.change(&reader.stream, number as u64, interest)
    }

    /// Waits at most `timeout`, then serves each ready connection once.
    pub fn turn(&mut self, timeout: Duration, listener: &mut impl Listener) -> io::Result<()> {
        let count = self.poll.wait(timeout)?;
        for nth in 0..count {
            let ready = self.poll.ready(nth);
            let number = ready.token as usize;
            let Some(reader) = self.readers[number].as_mut() else { continue };
            if !reader.connected && ready.writable {
                reader.connected = true;
            }
            if ready.writable
                && let Err(error) = self.flush(number)
            {
                self.end(number, Over::Broken(error.to_string()), listener);
                continue;
            }
            if ready.readable || ready.hung_up {
                self.read(number, listener);
            }
        }
        Ok(())
    }

    fn end(&mut self, number: usize, over: Over, listener: &mut impl Listener) {
        let Some(reader) = self.readers[number].take() else { return };
        // What ends between two answers is no answer.
        if !reader.answer.idle {
            listener.over(number, over);
        }
    }

    fn read(&mut self, number: usize, listener: &mut impl Listener) {
        let Some(reader) = self.readers[number].as_mut() else { return };
        let (count, arrived) = match receive(&reader.stream, &mut self.buffer) {
            Ok((0, _)) => return self.end(number, Over::Broken("closed in the middle".to_owned()), listener),
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(error) => return self.end(number, Over::Broken(error.to_string()), listener),
        };
        let answer = &mut reader.answer;
        answer.raw.extend_from_slice(&self.buffer[..count]);
        if let Err(what) = answer.take_apart(|data| listener.data(number, data, arrived)) {
            return self.end(number, Over::Broken(what.to_owned()), listener);
        }
        if answer.part != Part::End || answer.idle {
            return;
        }
        let over = match (answer.status, answer.done) {
            (200, true) => Over::Done,
            (200, false) => Over::Broken("an end without [DONE]".to_owned()),
            (status, _) => Over::Refused(status),
        };
        if answer.keeps {
            answer.idle = true;
            listener.over(number, over);
        } else {
            self.end(number, over, listener);
        }
    }
}

impl Answer {
    fn new() -> Answer {
        Answer {
            idle: true,
            raw: Vec::new(),
            line: Vec::new(),
            part: Part::Head,
            status: 0,
            keeps: true,
            done: false,
        }
    }

    /// Reads as far as it can, and hands on the data of each event that is whole.
    fn take_apart(&mut self, mut data: impl FnMut(&[u8])) -> Result<(), &'static str> {
        let raw = std::mem::take(&mut self.raw);
        let mut at = 0;
        loop {
            let rest = &raw[at..];
            match self.part {
                Part::Head => {
                    let Some(end) = find(rest, b"\r\n\r\n") else { break };
                    at += end + 4;
                    self.head(std::str::from_utf8(&rest[..end]).map_err(|_| "a head that is no text")?)?;
                }
                Part::Size => {
                    let Some(end) = find(rest, b"\r\n") else { break };
                    at += end + 2;
                    let size = std::str::from_utf8(&rest[..end]).ok();
                    let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
                    self.part = Part::Chunk(size.ok_or("a chunk without a size")?);
                }
                Part::Chunk(size) => {
                    let Some(chunk) = rest.get(..size + 2) else { break };
                    at += size + 2;
                    self.lines(&chunk[..size], &mut data);
                    self.part = if size == 0 { Part::End } else { Part::Size };
                }
                Part::Body(left) => {
                    let taken = left.min(rest.len());
                    at += taken;
                    self.lines(&rest[..taken], &mut data);
                    self.part = if left == taken { Part::End } else { Part::Body(left - taken) };
                    if taken == 0 {
                        break;
                    }
                }
                Part::End => break,
            }
        }
        self.raw = raw[at..].to_vec();
        if self.raw.len() > MAX_LINE || self.line.len() > MAX_LINE { Err("too long a line") } else { Ok(()) }
    }

    fn head(&mut self, head: &str) -> Result<(), &'static str> {
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        self.status = status.ok_or("not an HTTP answer")?;
        self.part = Part::Body(0);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("transfer-encoding") {
                self.part = Part::Size;
            } else if name.eq_ignore_ascii_case("content-length") {
                self.part = Part::Body(value.parse().map_err(|_| "a length that is no number")?);
            } else if name.eq_ignore_ascii_case("connection") {
                self.keeps = !value.eq_ignore_ascii_case("close");
            }
        }
        Ok(())
    }

    fn lines(&mut self, mut bytes: &[u8], data: &mut impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let whole = &bytes[..end];
            if self.line.is_empty() {
                self.done |= event(whole, data);
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(whole);
                self.done |= event(&line, data);
            }
            bytes = &bytes[end + 1..];
        }
        self.line.extend_from_slice(bytes);
    }
}

/// Hands on the data of a line, if it has any; says whether it was the last one.
fn event(line: &[u8], data: &mut impl FnMut(&[u8])) -> bool {
    match line.strip_prefix(b"data:").map(<[u8]>::trim_ascii) {
        Some(b"[DONE]") => true,
        Some(json) => {
            data(json);
            false
        }
        None => false,
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_however_it_is_cut() {
        let wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            b\r\ndata: {\"a\":\r\n5\r\n1}\n\n:\r\nd\r\n\ndata: [DONE]\r\n2\r\n\n\n\r\n0\r\n\r\n";
        for size in 1..wire.len() {
            let (mut answer, mut found) = (Answer::new(), Vec::new());
            for part in wire.chunks(size) {
                answer.raw.extend_from_slice(part);
                answer.take_apart(|data| found.push(data.to_vec())).unwrap();
            }
            assert_eq!(found, [b"{\"a\":1}".to_vec()], "parts of {size}");
            assert_eq!((answer.part, answer.done, answer.status), (Part::End, true, 200));
        }
    }

    #[test]
    fn a_refusal_has_a_body_of_known_length() {
        let mut answer = Answer::new();
        answer.raw.extend_from_slice(b"HTTP/1.1 429 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
        answer.take_apart(|_| {}).unwrap();
        assert_eq!((answer.part, answer.status, answer.keeps), (Part::End, 429, false));
    }
}
