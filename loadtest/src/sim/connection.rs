//! One connection of a provider client.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::stream::Reply;

pub struct Connection {
    pub stream: TcpStream,
    /// Bytes of a request that is not whole yet.
    pub incoming: Vec<u8>,
    pub outgoing: Vec<u8>,
    pub waits_to_write: bool,
    pub closes_when_written: bool,
    pub state: State,
    /// Distinguishes a timer of this reply from one of an earlier one.
    pub generation: u32,
}

pub enum State {
    Idle,
    /// Taken, and never answered, or not to the end.
    Hanging,
    Replying(Box<Reply>),
    /// A line without an end is on its way; so many bytes of it are left.
    Flooding {
        left: usize,
    },
}

impl Connection {
    pub fn new(stream: TcpStream) -> Connection {
        Connection {
            stream,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            waits_to_write: false,
            closes_when_written: false,
            state: State::Idle,
            generation: 0,
        }
    }

    /// Writes what the kernel takes; false if the connection is broken.
    pub fn flush(&mut self) -> bool {
        let mut written = 0;
        let intact = loop {
            if written == self.outgoing.len() {
                break true;
            }
            match self.stream.write(&self.outgoing[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error.kind() == ErrorKind::WouldBlock,
            }
        };
        self.outgoing.drain(..written);
        intact
    }

    /// Appends a whole answer in JSON. `headers` are lines with their ends.
    pub fn answer(&mut self, status: u16, headers: &str, body: &Value, keep_alive: bool) {
        self.answer_with(status, headers, "application/json", body.to_string().as_bytes(), keep_alive);
    }

    /// Appends a whole answer of any type.
    pub fn answer_with(
        &mut self,
        status: u16,
        headers: &str,
        content_type: &str,
        body: &[u8],
        keep_alive: bool,
    ) {
        let reason = match status {
            200 => "OK",
            302 => "Found",
            401 => "Unauthorized",
            404 => "Not Found",
            429 => "Too Many Requests",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            _ => "Bad Request",
        };
        let connection = if keep_alive { "keep-alive" } else { "close" };
        self.outgoing.extend_from_slice(
            format!(
                "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
                 Connection: {connection}\r\n{headers}\r\n",
                body.len()
            )
            .as_bytes(),
        );
        self.outgoing.extend_from_slice(body);
        self.closes_when_written |= !keep_alive;
    }
}
