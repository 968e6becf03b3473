//! `POST /v1/chat/completions`: what becomes of a request, and the pace of its reply.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::connection::{Connection, State};
use super::fault::{Fault, Struck};
use super::reply::prompt_hash;
use super::request::{ChatRequest, Request};
use super::server::Simulator;
use super::settings::Settings;
use super::stream::{Reply, STREAM_HEAD, error, put_chunk, put_last};
use crate::clock::Moment;

/// Timers that are due within this time are served together.
const MERGED: Duration = Duration::from_micros(500);
/// The second half of an event that was split comes so much later, and so do the next ones of what has no pace.
const SOON: Duration = Duration::from_millis(1);
/// While a client is behind by more than this, in bytes, it is asked later whether it has read.
const MAX_OUTGOING: usize = 256 * 1024;
const READ_AGAIN: Duration = Duration::from_millis(5);
/// Of a line without an end: what is written together, and in all. Then the connection is closed.
const FLOOD: usize = 32 * 1024;
const FLOOD_ENDS: usize = 64 * 1024 * 1024;

/// What came of one step.
enum Step {
    Next(Moment),
    /// The answer is whole, as it was meant.
    Complete,
    /// The answer is over, not as it should be; the connection may be used again.
    Ended,
    /// The connection is to be closed.
    Close,
    /// Nothing more will come.
    Silent,
}

impl Simulator {
    pub(super) fn chat(&mut self, number: usize, request: &Request<'_>, arrived: Moment) {
        let Some(connection) = self.connections[number].as_mut() else { return };
        let chat: ChatRequest = match serde_json::from_slice(&request.body) {
            Ok(chat) => chat,
            Err(what) => {
                self.stats.bad_request();
                let told = error(&what.to_string(), "invalid_request_error");
                return connection.answer(400, "", &told, request.keep_alive);
            }
        };
        let Some(images) = chat.images() else {
            self.stats.bad_request();
            let told = error("image_url: this is no picture", "invalid_request_error");
            return connection.answer(400, "", &told, request.keep_alive);
        };
        self.stats.saw(images);
        self.replies += 1;
        let prompt = chat.prompt();
        let nth = self.stats.asked(&prompt);
        let struck = self.settings.strikes(&chat.model, prompt_hash(&prompt), nth);
        if let Some(Struck { fault, .. }) = struck {
            self.stats.failed(fault);
            if refuse(connection, &self.settings, fault, request.keep_alive) {
                return;
            }
        }
        self.stats.opened();
        match struck {
            Some(Struck { fault: Fault::Hang, .. }) => connection.state = State::Hanging,
            Some(Struck { fault: Fault::HangOpen, .. }) => {
                connection.outgoing.extend_from_slice(STREAM_HEAD);
                connection.state = State::Hanging;
            }
            struck => {
                let share = self.settings.fault_at;
                let fault = struck.map(|struck| (struck.fault, struck.at.unwrap_or(share)));
                let (mut reply, beginning) =
                    Reply::new(&chat, prompt, &self.settings, fault, arrived, self.replies);
                self.stats.began(beginning);
                reply.keep_alive = request.keep_alive;
                self.generation = self.generation.wrapping_add(1);
                connection.generation = self.generation;
                self.timers.push(Reverse((reply.due(), number, self.generation)));
                connection.state = State::Replying(Box::new(reply));
            }
        }
    }

    pub(super) fn serve_timers(&mut self) {
        let until = Moment::now().plus(MERGED);
        while let Some(Reverse((due, number, generation))) = self.timers.peek().copied() {
            if due > until {
                return;
            }
            self.timers.pop();
            if let Some(next) = self.serve_timer(number, generation) {
                self.timers.push(Reverse((next, number, generation)));
            }
        }
    }

    /// Sends what is due on one connection, and says when the next is.
    fn serve_timer(&mut self, number: usize, generation: u32) -> Option<Moment> {
        let connection = self.connections.get_mut(number)?.as_mut()?;
        if connection.generation != generation {
            return None;
        }
        let now = Moment::now();
        let (step, tokens) = step(connection, now);
        self.stats.tokens(u64::from(tokens));
        match step {
            Step::Next(at) => {
                self.flush(number);
                return Some(at);
            }
            Step::Silent => {
                connection.state = State::Hanging;
                self.flush(number);
                return None;
            }
            Step::Close => {
                // What was written goes out with it.
                connection.flush();
                connection.state = State::Idle;
                self.stats.broken();
                self.close(number);
                return None;
            }
            Step::Complete => self.stats.completed(),
            Step::Ended => self.stats.broken(),
        }
        connection.state = State::Idle;
        self.flush(number);
        // A client may have sent its next request already.
        self.take_requests(number, now);
        None
    }
}

/// Answers with an error, if that is what the fault is.
pub(super) fn refuse(
    connection: &mut Connection,
    settings: &Settings,
    fault: Fault,
    keep_alive: bool,
) -> bool {
    let Some(status) = fault.status() else { return false };
    let after = settings.retry_after_seconds;
    let (header, what, code) = match fault {
        Fault::Unauthorized => (String::new(), "the key does not fit", "invalid_api_key"),
        Fault::ServerError => (String::new(), "the model fell over", "server_error"),
        Fault::Unavailable => (String::new(), "come back later", "overloaded"),
        Fault::RateLimitedDate => (date_header(after), "too many requests", "rate_limit_exceeded"),
        Fault::RateLimitedMillis => {
            let header = format!("retry-after-ms: {}\r\n", (after * 1e3).round());
            (header, "too many requests", "rate_limit_exceeded")
        }
        _ => {
            let header = format!("Retry-After: {}\r\n", after.ceil());
            (header, "too many requests", "rate_limit_exceeded")
        }
    };
    connection.answer(status, &header, &error(what, code), keep_alive);
    true
}

/// Dates have whole seconds, so it is never earlier than `seconds` from now.
fn date_header(seconds: f64) -> String {
    let second = (Moment::now().unix_micros() as f64 / 1e6 + seconds).ceil() as i64;
    let date = Timestamp::from_second(second)
        .ok()
        .and_then(|at| jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok());
    date.map_or_else(String::new, |date| format!("Retry-After: {date}\r\n"))
}

/// Does what is due on a connection; says what came of it, and how many tokens were said.
fn step(connection: &mut Connection, now: Moment) -> (Step, u32) {
    let Connection { state, outgoing, closes_when_written, .. } = connection;
    let reply = match state {
        State::Replying(_) | State::Flooding { .. } if outgoing.len() > MAX_OUTGOING => {
            return (Step::Next(now.plus(READ_AGAIN)), 0);
        }
        State::Flooding { left: 0 } => return (Step::Close, 0),
        State::Flooding { left } => {
            put_chunk(outgoing, &[b'x'; FLOOD]);
            *left = left.saturating_sub(FLOOD);
            return (Step::Next(now.plus(SOON)), 0);
        }
        State::Replying(reply) => reply,
        State::Idle | State::Hanging => return (Step::Silent, 0),
    };
    if !reply.streamed {
        return whole(connection, now);
    }
    let mut tokens = 0;
    if reply.held.is_empty() {
        match reply.strikes() {
            None => {}
            Some(Fault::Garbage) => Reply::put_garbage(outgoing),
            Some(Fault::CutCharacter) => {
                reply.put_cut_character(outgoing, now);
                return (Step::Close, 0);
            }
            Some(Fault::Stall) => return (Step::Silent, 0),
            Some(Fault::EndEarly) => {
                put_last(outgoing);
                *closes_when_written |= !reply.keep_alive;
                return (Step::Ended, 0);
            }
            Some(Fault::StreamError) => {
                Reply::put_error(outgoing);
                *closes_when_written |= !reply.keep_alive;
                return (Step::Ended, 0);
            }
            Some(Fault::EndlessLine) => {
                reply.put_line_beginning(outgoing);
                *state = State::Flooding { left: FLOOD_ENDS };
                return (Step::Next(now.plus(SOON)), 0);
            }
            Some(_) => return (Step::Close, 0),
        }
        if !reply.begun {
            reply.put_beginning(outgoing);
        }
        tokens = reply.put_tokens(outgoing, now);
    } else {
        outgoing.append(&mut reply.held);
    }
    if !reply.held.is_empty() {
        return (Step::Next(now.plus(SOON)), tokens);
    }
    if reply.is_over() {
        reply.put_end(outgoing);
        *closes_when_written |= !reply.keep_alive;
        return (Step::Complete, tokens);
    }
    let due = if reply.has_pace() { reply.due() } else { now.plus(SOON) };
    (Step::Next(due), tokens)
}

/// The same for a reply in one piece.
fn whole(connection: &mut Connection, now: Moment) -> (Step, u32) {
    let State::Replying(reply) = &mut connection.state else { return (Step::Silent, 0) };
    let keep_alive = reply.keep_alive;
    let (step, body) = match reply.strikes() {
        Some(Fault::Broken | Fault::CutCharacter) => return (Step::Close, 0),
        Some(Fault::Stall) => return (Step::Silent, 0),
        Some(Fault::Garbage) => (Step::Ended, json!("<!oops>")),
        Some(Fault::StreamError) => (Step::Ended, error("the model fell over", "server_error")),
        Some(Fault::EndEarly) => (Step::Ended, json!({ "choices": [] })),
        Some(Fault::EndlessLine) => (Step::Ended, json!("x".repeat(4 * 1024 * 1024))),
        _ => (Step::Complete, reply.whole(now)),
    };
    let tokens = reply.said();
    connection.answer(200, "", &body, keep_alive);
    (step, tokens)
}
