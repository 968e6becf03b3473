//! The simulator's loop: accept, read requests, keep the pace of every reply.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::time::Duration;

use serde_json::{Value, json};

use super::connection::{Connection, Reply, State, put_chunk};
use super::reply;
use super::request::{self, ChatRequest};
use super::settings::{Fault, Outcome, Settings};
use super::stats::Stats;
use crate::clock::Moment;
use crate::net::{Interest, Poll, receive, stamp_arrivals};

/// More connections are closed at once.
const MAX_CONNECTIONS: usize = 10_000;
/// A client that sends more while a reply is under way is closed, in bytes.
const MAX_INCOMING: usize = 16 * 1024 * 1024;
/// Timers that are due within this time are served together.
const MERGED: Duration = Duration::from_micros(500);
const LISTENER: u64 = u64::MAX;
const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";

pub struct Simulator {
    listener: TcpListener,
    address: SocketAddrV4,
    poll: Poll,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    timers: BinaryHeap<Reverse<(Moment, usize, u32)>>,
    settings: Settings,
    stats: Stats,
    random: fastrand::Rng,
    replies: u64,
    generation: u32,
    buffer: Vec<u8>,
}

impl Simulator {
    /// Port 0 takes any free one.
    pub fn bind(port: u16, settings: Settings) -> io::Result<Simulator> {
        settings.validate().map_err(|what| io::Error::new(ErrorKind::InvalidInput, what))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let SocketAddr::V4(address) = listener.local_addr()? else {
            return Err(io::Error::other("the loopback address is IPv4"));
        };
        let poll = Poll::new(1024)?;
        poll.add(&listener, LISTENER, Interest { readable: true, writable: false })?;
        Ok(Simulator {
            listener,
            address,
            poll,
            connections: Vec::new(),
            free: Vec::new(),
            timers: BinaryHeap::new(),
            random: fastrand::Rng::with_seed(settings.seed),
            settings,
            stats: Stats::default(),
            replies: 0,
            generation: 0,
            buffer: vec![0; 64 * 1024],
        })
    }

    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// Serves until `stopped` says so; it is asked at least ten times a second.
    pub fn run(&mut self, stopped: impl Fn() -> bool) -> io::Result<()> {
        while !stopped() {
            let now = Moment::now();
            let next = self.timers.peek().map_or(Duration::MAX, |Reverse((due, ..))| due.since(now));
            let count = self.poll.wait(next.min(Duration::from_millis(100)))?;
            for nth in 0..count {
                let ready = self.poll.ready(nth);
                if ready.token == LISTENER {
                    self.accept()?;
                } else {
                    let number = ready.token as usize;
                    if ready.readable || ready.hung_up {
                        self.read(number);
                    }
                    if ready.writable {
                        self.flush(number);
                    }
                }
            }
            self.serve_timers();
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The peer may be gone again, or descriptors may be short for a while.
                Err(_) => return Ok(()),
            };
            if self.connections.len() - self.free.len() >= MAX_CONNECTIONS {
                continue;
            }
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            stamp_arrivals(&stream)?;
            let number = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            self.poll.add(&stream, number as u64, Interest { readable: true, writable: false })?;
            self.connections[number] = Some(Connection::new(stream));
        }
    }

    fn close(&mut self, number: usize) {
        let Some(connection) = self.connections[number].take() else { return };
        if !matches!(connection.state, State::Idle) {
            self.stats.aborted();
        }
        self.free.push(number);
    }

    fn read(&mut self, number: usize) {
        let Some(connection) = self.connections[number].as_mut() else { return };
        match receive(&connection.stream, &mut self.buffer) {
            Ok((0, _)) => self.close(number),
            Ok((count, arrived)) => {
                connection.incoming.extend_from_slice(&self.buffer[..count]);
                if connection.incoming.len() > MAX_INCOMING {
                    return self.close(number);
                }
                self.take_requests(number, arrived);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.close(number),
        }
    }

    fn flush(&mut self, number: usize) {
        let Some(connection) = self.connections[number].as_mut() else { return };
        if !connection.flush() || connection.outgoing.is_empty() && connection.closes_when_written {
            return self.close(number);
        }
        let waits = !connection.outgoing.is_empty();
        if waits != connection.waits_to_write {
            connection.waits_to_write = waits;
            let interest = Interest { readable: true, writable: waits };
            // Fails only for a descriptor that is not registered, and ours all are.
            let _ = self.poll.change(&connection.stream, number as u64, interest);
        }
    }

    /// Serves the requests that are whole, one after the other.
    fn take_requests(&mut self, number: usize, arrived: Moment) {
        loop {
            let Some(connection) = self.connections[number].as_mut() else { return };
            if !matches!(connection.state, State::Idle) || connection.closes_when_written {
                return;
            }
            let incoming = std::mem::take(&mut connection.incoming);
            match request::parse(&incoming) {
                Ok(None) => {
                    connection.incoming = incoming;
                    return;
                }
                Ok(Some(request)) => {
                    connection.incoming.extend_from_slice(&incoming[request.length..]);
                    self.serve(number, &request, arrived);
                }
                Err(status) => {
                    self.stats.bad_request();
                    connection.answer(
                        status,
                        "",
                        &error("malformed request", "invalid_request_error"),
                        false,
                    );
                }
            }
            self.flush(number);
        }
    }

    fn serve(&mut self, number: usize, request: &request::Request<'_>, arrived: Moment) {
        if (request.method, request.path) == ("POST", "/v1/chat/completions") {
            return self.chat(number, request, arrived);
        }
        let (status, body) = match (request.method, request.path) {
            ("GET", "/v1/models") => {
                let model =
                    json!({ "id": self.settings.model, "object": "model", "created": 0, "owned_by": "sim" });
                (200, json!({ "object": "list", "data": [model] }))
            }
            ("GET", "/sim/config") => (200, json!(self.settings)),
            ("PUT", "/sim/config") => match self.settings.changed_by(request.body) {
                Ok(settings) => {
                    if settings.seed != self.settings.seed {
                        self.random = fastrand::Rng::with_seed(settings.seed);
                    }
                    self.settings = settings;
                    (200, json!(self.settings))
                }
                Err(what) => (400, error(&what, "invalid_request_error")),
            },
            ("GET", "/sim/stats") => (200, self.stats.json()),
            ("DELETE", "/sim/stats") => {
                self.stats.reset();
                (200, self.stats.json())
            }
            _ => (404, error("no such path", "invalid_request_error")),
        };
        if let Some(connection) = self.connections[number].as_mut() {
            connection.answer(status, "", &body, request.keep_alive);
        }
    }

    fn chat(&mut self, number: usize, request: &request::Request<'_>, arrived: Moment) {
        let Some(connection) = self.connections[number].as_mut() else { return };
        let chat: ChatRequest = match serde_json::from_slice(request.body) {
            Ok(chat) => chat,
            Err(what) => {
                self.stats.bad_request();
                return connection.answer(
                    400,
                    "",
                    &error(&what.to_string(), "invalid_request_error"),
                    request.keep_alive,
                );
            }
        };
        self.replies += 1;
        let mut reply = Reply::new(&chat, arrived, self.replies);
        self.stats.asked(&reply.prompt);
        let outcome = self.settings.next_outcome(&mut self.random);
        if let Outcome::Fails(fault) = outcome {
            self.stats.failed(fault);
        }
        match outcome {
            Outcome::Fails(Fault::RateLimited) => {
                let header = format!("Retry-After: {}\r\n", self.settings.retry_after_seconds);
                let body = error("too many requests", "rate_limit_exceeded");
                connection.answer(429, &header, &body, request.keep_alive);
            }
            Outcome::Fails(Fault::ServerError) => {
                connection.answer(500, "", &error("the model fell over", "server_error"), request.keep_alive);
            }
            Outcome::Fails(Fault::Hang) => {
                self.stats.opened();
                connection.state = State::Hanging;
            }
            Outcome::Ok | Outcome::Fails(Fault::Broken | Fault::Garbage) => {
                self.stats.opened();
                if let Outcome::Fails(fault) = outcome {
                    reply.fault = Some(fault);
                }
                let settings = &self.settings;
                let wanted = reply::length(reply.hash, settings.length_tokens, settings.length_spread);
                reply.length = chat.max_tokens().map_or(wanted, |most| wanted.min(most)).max(1);
                reply.cut_short = reply.length < wanted;
                reply.micros_per_token = 1e6 / settings.tokens_per_second;
                reply.first_due = arrived.plus(Duration::from_secs_f64(settings.first_token_delay_ms / 1e3));
                reply.keep_alive = request.keep_alive;
                self.generation = self.generation.wrapping_add(1);
                connection.generation = self.generation;
                self.timers.push(Reverse((reply.due(), number, self.generation)));
                connection.state = State::Replying(Box::new(reply));
            }
        }
    }

    fn serve_timers(&mut self) {
        let until = Moment::now().plus(MERGED);
        while let Some(Reverse((due, number, generation))) = self.timers.peek().copied() {
            if due > until {
                return;
            }
            self.timers.pop();
            if let Some(next) = self.step(number, generation) {
                self.timers.push(Reverse((next, number, generation)));
            }
        }
    }

    /// Sends what is due on one connection, and says when the next is.
    fn step(&mut self, number: usize, generation: u32) -> Option<Moment> {
        let connection = self.connections.get_mut(number)?.as_mut()?;
        let State::Replying(reply) = &mut connection.state else { return None };
        if connection.generation != generation {
            return None;
        }
        let now = Moment::now();
        if reply.is_at_fault() {
            match reply.fault.take() {
                Some(Fault::Garbage) => {
                    put_chunk(&mut connection.outgoing, b"data: {\"choices\": [ <!oops>\n\n");
                }
                _ => {
                    connection.state = State::Idle;
                    self.stats.broken();
                    self.close(number);
                    return None;
                }
            }
        }
        let (mut next, mut tokens) = (None, 1);
        if reply.streamed {
            if reply.sent == 0 {
                connection.outgoing.extend_from_slice(STREAM_HEAD);
            }
            reply.put_token(&mut connection.outgoing, now);
            if reply.sent < reply.length {
                next = Some(reply.due());
            } else {
                reply.put_end(&mut connection.outgoing);
                connection.closes_when_written |= !reply.keep_alive;
            }
        } else {
            tokens = u64::from(reply.length);
            let keep_alive = reply.keep_alive;
            let body = if reply.garbled { json!("<!oops>") } else { reply.whole(now) };
            connection.answer(200, "", &body, keep_alive);
        }
        self.stats.tokens(tokens);
        if next.is_none() {
            connection.state = State::Idle;
            self.stats.completed();
        }
        self.flush(number);
        if next.is_none() {
            // A client may have sent its next request already.
            self.take_requests(number, now);
        }
        next
    }
}

fn error(message: &str, code: &str) -> Value {
    json!({ "error": { "message": message, "type": code, "code": code, "param": null } })
}
