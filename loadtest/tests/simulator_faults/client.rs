//! A blocking client of the simulator that shows what came over the wire.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use loadtest::net::http;
use loadtest::sim::{Background, Settings};
use serde_json::{Value, json};

pub struct Client {
    sim: Background,
    pub settings: Settings,
    key: Option<String>,
}

impl Client {
    pub fn of(settings: Settings) -> Client {
        Client { sim: Background::start(0, settings.clone()).unwrap(), settings, key: None }
    }

    pub fn with_key(mut self, key: &str) -> Client {
        self.key = Some(key.to_owned());
        self
    }

    pub fn question(&self, model: &str, text: &str) -> Value {
        json!({ "model": model, "stream": true, "stream_options": { "include_usage": true },
            "messages": [{ "role": "system", "content": "Be kind" }, { "role": "user", "content": text }] })
    }

    fn send(&self, path: &str, content_type: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.sim.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let key = self.key.as_ref().map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nContent-Type: {content_type}\r\n{key}\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        stream
    }

    pub fn open(&self, body: &Value) -> TcpStream {
        self.send("/v1/chat/completions", "application/json", body.to_string().as_bytes())
    }

    pub fn bytes(&self, body: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A connection that is cut may end with a reset.
        let _ = self.open(body).read_to_end(&mut bytes);
        bytes
    }

    pub fn bytes_of(&self, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.send(path, content_type, body).read_to_end(&mut bytes).unwrap();
        bytes
    }

    pub fn asks(&self, text: &str) -> String {
        self.asks_model("m", text)
    }

    /// What came, as far as it is text.
    pub fn asks_model(&self, model: &str, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(&self.question(model, text))).into_owned()
    }

    /// The same with a part of the reply sent along.
    pub fn continues(&self, text: &str, so_far: &str) -> String {
        let mut body = self.question("m", text);
        let part = json!({ "role": "assistant", "content": so_far });
        body["messages"].as_array_mut().unwrap().push(part);
        String::from_utf8(self.bytes(&body)).unwrap()
    }

    /// Status and body.
    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let bytes = self.bytes_of(path, "application/json", body.to_string().as_bytes());
        let answer = String::from_utf8(bytes).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap())
    }

    pub fn get(&self, path: &str) -> Value {
        http::get(self.sim.address(), path, None).unwrap().json().unwrap()
    }

    pub fn change(&self, settings: &Value) {
        http::put(self.sim.address(), "/sim/config", settings.to_string().as_bytes()).unwrap();
    }

    pub fn stats(&self) -> Value {
        self.get("/sim/stats")
    }

    /// Waits until a count is reached: the simulator learns of a closed socket a little later.
    pub fn stats_when(&self, name: &str, count: u64) -> Value {
        let begun = Instant::now();
        loop {
            let stats = self.stats();
            if stats[name] == count {
                return stats;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{name}: {stats}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub fn events(answer: &str) -> Vec<Value> {
    let lines = answer.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

/// What is said in a stream, put together.
pub fn text(answer: &str) -> String {
    events(answer).iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

/// The body of an answer in chunks.
pub fn unchunked(answer: &[u8]) -> String {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let (mut rest, mut body) = (&answer[head..], Vec::new());
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return String::from_utf8(body).unwrap();
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 2 + size + 2..];
    }
}
