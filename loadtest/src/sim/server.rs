//! The simulator's loop: accept, read requests, hand them to their endpoint, and serve the timers of replies.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::time::Duration;

use serde_json::json;

use super::connection::{Connection, State};
use super::request::{self, Request};
use super::settings::{Endpoint, Settings};
use super::stats::Stats;
use super::stream::error;
use super::studio::Films;
use crate::clock::Moment;
use crate::net::{Interest, Poll, receive, stamp_arrivals};

/// More connections are closed at once.
const MAX_CONNECTIONS: usize = 10_000;
/// A client that sends more while a reply is under way is closed, in bytes.
const MAX_INCOMING: usize = 32 * 1024 * 1024;
const LISTENER: u64 = u64::MAX;

pub struct Simulator {
    listener: TcpListener,
    address: SocketAddrV4,
    poll: Poll,
    pub(super) connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// `(due, connection, generation)`
    pub(super) timers: BinaryHeap<Reverse<(Moment, usize, u32)>>,
    pub(super) settings: Settings,
    pub(super) stats: Stats,
    pub(super) replies: u64,
    pub(super) films: Films,
    pub(super) generation: u32,
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
            settings,
            stats: Stats::default(),
            replies: 0,
            films: Films::default(),
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
            self.stats.connected();
        }
    }

    pub(super) fn close(&mut self, number: usize) {
        let Some(connection) = self.connections[number].take() else { return };
        self.stats.disconnected();
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

    pub(super) fn flush(&mut self, number: usize) {
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
    pub(super) fn take_requests(&mut self, number: usize, arrived: Moment) {
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
                    let told = error("malformed request", "invalid_request_error");
                    connection.answer(status, "", &told, false);
                }
            }
            self.flush(number);
        }
    }

    fn serve(&mut self, number: usize, request: &Request<'_>, arrived: Moment) {
        let endpoint = match (request.method, request.path) {
            ("POST", "/v1/chat/completions") => Endpoint::Chat,
            ("POST", "/v1/moderations") => Endpoint::Moderations,
            ("POST", "/v1/audio/speech") => Endpoint::Speech,
            ("POST", "/v1/audio/transcriptions") => Endpoint::Transcriptions,
            ("GET", "/v1/models") => Endpoint::Models,
            ("POST", "/v1/images/generations" | "/v1/images/edits") => Endpoint::Images,
            ("POST", "/v1/videos" | "/v1/videos/generations") => Endpoint::Videos,
            ("GET", path) if path.starts_with("/v1/videos/") && path.ends_with("/content") => {
                Endpoint::VideoContents
            }
            ("GET" | "DELETE", path) if path.starts_with("/v1/videos/") => Endpoint::VideoJobs,
            ("GET", path) if path.starts_with("/sim/files/") => return self.serve_file(number, request),
            _ => return self.serve_own(number, request),
        };
        self.stats.called(endpoint, request);
        let wrong_key = self.settings.api_key.as_deref().is_some_and(|key| request.api_key != Some(key));
        if wrong_key {
            self.answer(number, 401, &error("the key does not fit", "invalid_api_key"), request.keep_alive);
        } else if endpoint == Endpoint::Chat {
            self.chat(number, request, arrived);
        } else {
            self.serve_other(number, endpoint, request);
        }
    }

    /// Its own paths: settings and counts.
    fn serve_own(&mut self, number: usize, request: &Request<'_>) {
        let (status, body) = match (request.method, request.path) {
            ("GET", "/sim/config") => (200, json!(self.settings)),
            ("PUT", "/sim/config") => match self.settings.changed_by(&request.body) {
                Ok(settings) => {
                    self.settings = settings;
                    (200, json!(self.settings))
                }
                Err(what) => (400, error(&what, "invalid_request_error")),
            },
            ("GET", "/sim/stats") => (200, self.stats.json()),
            ("GET", "/sim/asked") => (200, self.stats.asked_json()),
            ("DELETE", "/sim/stats") => {
                self.stats.reset();
                (200, self.stats.json())
            }
            _ => (404, error("no such path", "invalid_request_error")),
        };
        self.answer(number, status, &body, request.keep_alive);
    }

    pub(super) fn answer(&mut self, number: usize, status: u16, body: &serde_json::Value, keep_alive: bool) {
        if let Some(connection) = self.connections[number].as_mut() {
            connection.answer(status, "", body, keep_alive);
        }
    }
}
