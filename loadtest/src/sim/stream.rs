//! A reply on its way, token by token.

use std::time::Duration;

use serde_json::{Value, json};

use super::fault::Fault;
use super::reply::{self, Stamp, Text};
use super::request::ChatRequest;
use super::settings::Settings;
use crate::clock::Moment;

pub const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
const CHUNK_TAIL: &[u8] = b"\"},\"finish_reason\":null}]}\n\n";
/// Tokens that a huge reply writes together.
const HUGE_BATCH: u32 = 500;

/// A reply under way.
pub struct Reply {
    pub asked: Moment,
    /// The first thing is written at this time; what follows counts from it, so that delays do not add up.
    first_due: Moment,
    micros_per_token: f64,
    per_write: u32,
    text: Option<Text>,
    prompt: String,
    settings: TextSettings,
    /// The token with which this answer begins; above 0 where it goes on from a part.
    from: u32,
    /// So many bytes of that token had been said before.
    skipped_bytes: usize,
    /// The next token.
    at: u32,
    /// The token after the last one.
    end: u32,
    cut_short: bool,
    pub streamed: bool,
    include_usage: bool,
    pub keep_alive: bool,
    pub fault: Option<Fault>,
    /// The token before which a fault in the middle strikes.
    fault_at: u32,
    splits: bool,
    /// The second half of an event that was split.
    pub held: Vec<u8>,
    /// Whether the head of the answer is out.
    pub begun: bool,
    prompt_tokens: usize,
    model: String,
    id: u64,
    /// What stands before the text in every chunk but the first.
    chunk_head: String,
}

struct TextSettings {
    stamped: bool,
    words: reply::Words,
    insert: Option<super::settings::Insert>,
}

/// Where a reply starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    Anew,
    /// Goes on from the part that was sent.
    Continued,
    /// A part was sent that is of another reply: it starts anew, as a model would not know either.
    Foreign,
}

impl Reply {
    /// `fault` is one that leaves something to reply, with the share of the reply after which it strikes.
    pub fn new(
        chat: &ChatRequest,
        prompt: String,
        settings: &Settings,
        fault: Option<(Fault, f64)>,
        asked: Moment,
        id: u64,
    ) -> (Reply, Beginning) {
        let created = asked.unix_micros() / 1_000_000;
        let chunk_head = format!(
            "data: {{\"id\":\"chatcmpl-{id}\",\"object\":\"chat.completion.chunk\",\"created\":{created},\"model\":{},\
             \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"",
            json!(chat.model)
        );
        let (struck, share) = fault.map_or((None, 0.0), |(fault, share)| (Some(fault), share));
        let wanted = match struck {
            Some(Fault::Huge) => settings.huge_tokens,
            Some(Fault::Empty) => 0,
            _ => reply::length(reply::prompt_hash(&prompt), settings.length_tokens, settings.length_spread),
        };
        let mut reply = Reply {
            asked,
            first_due: asked,
            micros_per_token: 1e6 / settings.tokens_per_second,
            per_write: settings.tokens_per_write,
            text: None,
            prompt,
            settings: TextSettings {
                stamped: settings.stamped,
                words: settings.words,
                insert: settings.insert.clone(),
            },
            from: 0,
            skipped_bytes: 0,
            at: 0,
            end: wanted,
            cut_short: false,
            streamed: chat.stream,
            include_usage: chat.include_usage() && struck != Some(Fault::NoUsage),
            keep_alive: true,
            fault: struck,
            fault_at: 0,
            splits: settings.splits_characters,
            held: Vec::new(),
            begun: false,
            prompt_tokens: chat.prompt_tokens(),
            model: chat.model.clone(),
            id,
            chunk_head,
        };
        let beginning = match chat.so_far() {
            None => Beginning::Anew,
            Some(_) if wanted == 0 => Beginning::Continued,
            Some(so_far) => reply.go_on_from(&so_far),
        };
        // A huge reply does not care for what was allowed.
        let most = chat.max_tokens().filter(|_| struck != Some(Fault::Huge)).unwrap_or(u32::MAX);
        let limited = reply.end.min(reply.from.saturating_add(most));
        reply.cut_short = limited < reply.end;
        reply.end = limited;
        let length = reply.end - reply.from;
        reply.fault_at = reply.from + ((f64::from(length) * share) as u32).clamp(1, length.max(1));
        let mut delay_ms = settings.first_token_delay_ms;
        match struck {
            Some(Fault::SlowFirst) => delay_ms += settings.slow_first_ms,
            Some(Fault::SlowTokens) => reply.micros_per_token = 1e6 / settings.slow_tokens_per_second,
            Some(Fault::Huge) => (reply.micros_per_token, reply.per_write) = (0.0, HUGE_BATCH),
            _ => {}
        }
        reply.first_due = asked.plus(Duration::from_secs_f64(delay_ms / 1e3));
        (reply, beginning)
    }

    fn go_on_from(&mut self, so_far: &str) -> Beginning {
        // What was stamped goes on with the stamp that it has.
        let stamp = reply::stamp_of(so_far.as_bytes()).filter(|_| self.settings.stamped);
        let text = self.text_with(stamp);
        let Some((position, bytes)) = text.place_of(so_far, self.end) else { return Beginning::Foreign };
        (self.from, self.at, self.skipped_bytes) = (position, position, bytes);
        self.text = Some(text);
        Beginning::Continued
    }

    fn text_with(&self, stamp: Option<Stamp>) -> Text {
        Text::new(&self.prompt, stamp, self.settings.words, self.settings.insert.clone())
    }

    /// Tokens of this answer that are out.
    pub fn said(&self) -> u32 {
        self.at - self.from
    }

    /// Whether it is to come at some pace, and not as fast as it is taken.
    pub fn has_pace(&self) -> bool {
        self.micros_per_token > 0.0
    }

    pub fn is_over(&self) -> bool {
        self.at >= self.end
    }

    /// When the next thing is due: the next tokens, or the whole reply if it is not streamed.
    pub fn due(&self) -> Moment {
        let tokens = if self.streamed { self.said() } else { self.end - self.from };
        let micros = f64::from(tokens) * self.micros_per_token;
        self.first_due.plus(Duration::from_nanos((micros * 1_000.0) as u64))
    }

    /// The fault that strikes now, once: in the middle of a stream, or before a reply in one piece.
    pub fn strikes(&mut self) -> Option<Fault> {
        let here = !self.streamed || self.at >= self.fault_at;
        self.fault.take_if(|fault| here && fault.is_in_the_middle())
    }

    /// The text of the next token.
    fn next_token(&mut self, now: Moment) -> String {
        if self.text.is_none() {
            let stamp = Stamp { asked: self.asked, first_token: now };
            self.text = Some(self.text_with(Some(stamp).filter(|_| self.settings.stamped)));
        }
        let text = self.text.as_ref().map(|text| text.token(self.at).into_owned());
        let mut token = text.unwrap_or_default();
        if self.at == self.from && self.skipped_bytes > 0 {
            token.drain(..self.skipped_bytes);
        }
        self.at += 1;
        token
    }

    /// Appends the head of the answer and the event that comes before all text.
    pub fn put_beginning(&mut self, out: &mut Vec<u8>) {
        self.begun = true;
        out.extend_from_slice(STREAM_HEAD);
        put_chunk(out, &self.event(&json!({ "role": "assistant", "content": "" }), None));
    }

    /// Appends the tokens that are due together, each as an event of the stream; says how many.
    pub fn put_tokens(&mut self, out: &mut Vec<u8>, now: Moment) -> u32 {
        let before = self.at;
        while !self.is_over() && self.at - before < self.per_write && self.held.is_empty() {
            // What strikes in the middle strikes there and not some tokens later.
            if self.at > before && self.fault.is_some_and(Fault::is_in_the_middle) && self.at >= self.fault_at
            {
                break;
            }
            let first = self.at == 0;
            let token = self.next_token(now);
            if token.is_empty() {
                continue;
            }
            if self.fault == Some(Fault::UsageEach) {
                let mut event =
                    self.body("chat.completion.chunk", &choice(&json!({ "content": token }), None));
                event["usage"] = self.usage();
                put_chunk(out, format!("data: {event}\n\n").as_bytes());
            } else if self.splits && !token.is_ascii() {
                self.put_first_half(out, &token);
            } else if first || self.settings.insert.is_some() {
                // The question that it repeats may need escapes, and so may what is put in.
                put_chunk(out, &self.event(&json!({ "content": token }), None));
            } else {
                // The words need none: this is what is written 25,000 times a second.
                let length = self.chunk_head.len() + token.len() + CHUNK_TAIL.len();
                out.extend_from_slice(format!("{length:x}\r\n").as_bytes());
                out.extend_from_slice(self.chunk_head.as_bytes());
                out.extend_from_slice(token.as_bytes());
                out.extend_from_slice(CHUNK_TAIL);
                out.extend_from_slice(b"\r\n");
            }
        }
        self.at - before
    }

    /// Appends the event as far as the first byte of its last character of several; the rest is held.
    fn put_first_half(&mut self, out: &mut Vec<u8>, token: &str) {
        let event = self.event(&json!({ "content": token }), None);
        let continued = event.iter().rposition(|byte| byte & 0xc0 == 0x80).unwrap_or(event.len());
        put_chunk(out, &event[..continued]);
        put_chunk(&mut self.held, &event[continued..]);
    }

    /// Appends the next token as far as the first byte of a character, in the middle of a chunk.
    pub fn put_cut_character(&mut self, out: &mut Vec<u8>, now: Moment) {
        let token = self.next_token(now);
        let ascii = token.bytes().take_while(u8::is_ascii).count();
        let mut event = self.chunk_head.clone().into_bytes();
        event.extend_from_slice(&token.as_bytes()[..ascii]);
        // The first byte of the character that is there, or of an ellipsis.
        event.push(token.as_bytes().get(ascii).copied().unwrap_or(0xe2));
        out.extend_from_slice(format!("{:x}\r\n", event.len() + CHUNK_TAIL.len()).as_bytes());
        out.extend_from_slice(&event);
    }

    /// Appends an event that is not JSON.
    pub fn put_garbage(out: &mut Vec<u8>) {
        put_chunk(out, b"data: {\"choices\": [ <!oops>\n\n");
    }

    /// Appends an event that tells an error, and the end of the stream.
    pub fn put_error(out: &mut Vec<u8>) {
        let told = error("the model fell over", "server_error");
        put_chunk(out, format!("data: {told}\n\n").as_bytes());
        put_last(out);
    }

    /// Appends the beginning of a line that has no end.
    pub fn put_line_beginning(&self, out: &mut Vec<u8>) {
        put_chunk(out, self.chunk_head.as_bytes());
    }

    /// Appends the end of the stream.
    pub fn put_end(&self, out: &mut Vec<u8>) {
        put_chunk(out, &self.event(&json!({}), Some(self.finish())));
        if self.include_usage {
            let mut last = self.body("chat.completion.chunk", &json!([]));
            last["usage"] = self.usage();
            put_chunk(out, format!("data: {last}\n\n").as_bytes());
        }
        if self.fault != Some(Fault::NoDone) {
            put_chunk(out, b"data: [DONE]\n\n");
        }
        put_last(out);
    }

    /// The reply in one piece.
    pub fn whole(&mut self, now: Moment) -> Value {
        let mut content = String::new();
        while !self.is_over() {
            content.push_str(&self.next_token(now));
        }
        let message = json!({ "role": "assistant", "content": content });
        let choice = json!([{ "index": 0, "message": message, "finish_reason": self.finish() }]);
        let mut body = self.body("chat.completion", &choice);
        if self.fault != Some(Fault::NoUsage) {
            body["usage"] = self.usage();
        }
        body
    }

    fn finish(&self) -> &'static str {
        if self.cut_short { "length" } else { "stop" }
    }

    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.said(),
            "total_tokens": self.prompt_tokens + self.said() as usize,
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
        let body = self.body("chat.completion.chunk", &choice(delta, finish));
        format!("data: {body}\n\n").into_bytes()
    }
}

fn choice(delta: &Value, finish: Option<&str>) -> Value {
    json!([{ "index": 0, "delta": delta, "finish_reason": finish }])
}

/// One chunk of HTTP's chunked transfer coding.
pub fn put_chunk(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// The chunk that ends a body.
pub fn put_last(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

/// An error in OpenAI's form.
pub fn error(message: &str, code: &str) -> Value {
    json!({ "error": { "message": message, "type": code, "code": code, "param": null } })
}
