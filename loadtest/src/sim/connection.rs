//! One connection of a provider client, and the reply that is on its way to it.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::reply::{self, Stamp};
use super::request::ChatRequest;
use super::settings::Fault;
use crate::clock::Moment;

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
    /// Taken, and never answered.
    Hanging,
    Replying(Box<Reply>),
}

/// A reply under way.
pub struct Reply {
    pub prompt: String,
    pub hash: u64,
    pub asked: Moment,
    /// When the token at `sent` is due, counted from the first one so that delays do not add up.
    pub first_due: Moment,
    pub micros_per_token: f64,
    pub sent: u32,
    pub length: u32,
    pub cut_short: bool,
    pub streamed: bool,
    pub include_usage: bool,
    pub keep_alive: bool,
    pub fault: Option<Fault>,
    /// The answer in one piece is not what it should be.
    pub garbled: bool,
    pub prompt_tokens: usize,
    model: String,
    id: u64,
    /// What stands before the text in every chunk but the first.
    chunk_head: String,
}

const CHUNK_TAIL: &[u8] = b"\"},\"finish_reason\":null}]}\n\n";

impl Reply {
    pub fn new(chat: &ChatRequest, asked: Moment, id: u64) -> Reply {
        let prompt = chat.prompt();
        let created = asked.unix_micros() / 1_000_000;
        let chunk_head = format!(
            "data: {{\"id\":\"chatcmpl-{id}\",\"object\":\"chat.completion.chunk\",\"created\":{created},\"model\":{},\
             \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"",
            json!(chat.model)
        );
        Reply {
            hash: reply::prompt_hash(&prompt),
            prompt,
            asked,
            first_due: asked,
            micros_per_token: 0.0,
            sent: 0,
            length: 1,
            cut_short: false,
            streamed: chat.stream,
            include_usage: chat.include_usage(),
            keep_alive: true,
            fault: None,
            garbled: false,
            prompt_tokens: chat.prompt_tokens(),
            model: chat.model.clone(),
            id,
            chunk_head,
        }
    }

    /// When the next thing is due: the next token, or the whole reply if it is not streamed.
    pub fn due(&self) -> Moment {
        let tokens = if self.streamed { self.sent } else { self.length };
        let micros = f64::from(tokens) * self.micros_per_token;
        self.first_due.plus(std::time::Duration::from_nanos((micros * 1_000.0) as u64))
    }

    /// Whether the fault of this reply is due: in the middle of a stream, or with a reply in one piece.
    pub fn is_at_fault(&self) -> bool {
        self.fault.is_some() && (!self.streamed || self.sent == (self.length / 2).max(1))
    }

    /// The text of the next token.
    fn next_token(&self, now: Moment) -> String {
        match self.sent {
            0 => reply::first_token(&self.prompt, Stamp { asked: self.asked, first_token: now }),
            position => format!(" {}", reply::token(self.hash, position)),
        }
    }

    /// Appends the next token as a chunk of the stream.
    pub fn put_token(&mut self, out: &mut Vec<u8>, now: Moment) {
        let token = self.next_token(now);
        if self.sent == 0 {
            put_chunk(out, &self.event(&json!({ "role": "assistant", "content": "" }), None));
            put_chunk(out, &self.event(&json!({ "content": token }), None));
        } else {
            // The words need no escapes: this is what is written 25,000 times a second.
            let length = self.chunk_head.len() + token.len() + CHUNK_TAIL.len();
            out.extend_from_slice(format!("{length:x}\r\n").as_bytes());
            out.extend_from_slice(self.chunk_head.as_bytes());
            out.extend_from_slice(token.as_bytes());
            out.extend_from_slice(CHUNK_TAIL);
            out.extend_from_slice(b"\r\n");
        }
        self.sent += 1;
    }

    /// Appends the end of the stream.
    pub fn put_end(&self, out: &mut Vec<u8>) {
        put_chunk(out, &self.event(&json!({}), Some(self.finish())));
        if self.include_usage {
            let mut last = self.body("chat.completion.chunk", &json!([]));
            last["usage"] = self.usage();
            put_chunk(out, format!("data: {last}\n\n").as_bytes());
        }
        put_chunk(out, b"data: [DONE]\n\n");
        out.extend_from_slice(b"0\r\n\r\n");
    }

    /// The reply in one piece.
    pub fn whole(&mut self, now: Moment) -> Value {
        let mut content = String::new();
        while self.sent < self.length {
            content.push_str(&self.next_token(now));
            self.sent += 1;
        }
        let message = json!({ "role": "assistant", "content": content });
        let choice = json!([{ "index": 0, "message": message, "finish_reason": self.finish() }]);
        let mut body = self.body("chat.completion", &choice);
        body["usage"] = self.usage();
        body
    }

    fn finish(&self) -> &'static str {
        if self.cut_short { "length" } else { "stop" }
    }

    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.sent,
            "total_tokens": self.prompt_tokens + self.sent as usize,
        })
    }

    fn body(&self, object: &str, choices: &Value) -> Value {
        json!({
            "id": format!("chatcmpl-{}", self.id),
            "object": object,
            "created": self.asked.unix_micros() / 1_000_000,
            "model": self.model,
            "choices": choices,
        })
    }

    fn event(&self, delta: &Value, finish: Option<&str>) -> Vec<u8> {
        let choice = json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
        format!("data: {}\n\n", self.body("chat.completion.chunk", &choice)).into_bytes()
    }
}

/// One chunk of HTTP's chunked transfer coding.
pub fn put_chunk(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
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
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }

    /// Appends a whole answer.
    pub fn answer(&mut self, status: u16, headers: &str, body: &Value, keep_alive: bool) {
        let reason = match status {
            200 => "OK",
            404 => "Not Found",
            429 => "Too Many Requests",
            500 => "Internal Server Error",
            _ => "Bad Request",
        };
        let body = body.to_string();
        let connection = if keep_alive { "keep-alive" } else { "close" };
        self.outgoing.extend_from_slice(
            format!(
                "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: {connection}\r\n{headers}\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
        self.closes_when_written |= !keep_alive;
    }
}
