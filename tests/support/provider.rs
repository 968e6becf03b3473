//! A stand-in for an OpenAI-compatible provider: real HTTP/1.1 and server-sent events on a local port, with faults.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::request::Request;

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Act {
    Say {
        texts: Vec<String>,
        finish: &'static str,
        usage: bool,
    },
    /// An error with this status and `Retry-After`; its text holds the key that was sent.
    Status(u16, Option<&'static str>),
    /// An error with this status and body.
    Refusal(u16, String),
    /// The field is not known to the model.
    Unsupported(String),
    /// These texts, then the connection is reset.
    Cut(Vec<String>),
    /// These texts, then a proper end of the body without a finish.
    EndEarly(Vec<String>),
    /// These texts, then silence.
    Stall(Vec<String>),
    /// Never answers.
    Hang,
    /// Text without end, as fast as it is taken.
    Endless,
    /// 200 with this body.
    Raw(String),
    /// 200 with a body that comes in these parts, wherever they are cut.
    Parts(Vec<Vec<u8>>),
}

impl Act {
    pub fn say<const N: usize>(texts: [&str; N]) -> Self {
        Self::Say { texts: texts.map(ToOwned::to_owned).to_vec(), finish: "stop", usage: true }
    }
}

#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<Asked>>,
    open: AtomicUsize,
    sent: AtomicU64,
}

pub struct Provider {
    port: u16,
    state: Arc<State>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Provider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        let accepting = tokio::spawn(async move {
            // Dropped with this task, which ends all connections.
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, shared.clone()));
            }
        });
        Self { port, state, accepting }
    }

    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/", self.port)
    }

    /// The next requests are answered so, one after the other; then with `Hello.`
    pub fn script(&self, acts: impl IntoIterator<Item = Act>) {
        *self.state.script.lock().unwrap() = acts.into_iter().collect();
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Waits until an answer is under way.
    pub async fn open(&self) {
        self.until(|state| state.open.load(SeqCst) > 0).await;
    }

    /// Waits until no answer is under way.
    pub async fn none_open(&self) {
        self.until(|state| state.open.load(SeqCst) == 0).await;
    }

    /// Waits until no more is taken, and tells how many bytes were.
    pub async fn sent_when_still(&self) -> u64 {
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let sent = self.state.sent.load(SeqCst);
            if sent == before || sent > 100_000_000 {
                return sent;
            }
            before = sent;
        }
    }

    pub async fn stop(self) {
        self.accepting.abort();
        let _ = self.accepting.await;
    }

    async fn until(&self, reached: impl Fn(&State) -> bool) {
        let wait = async {
            while !reached(&self.state) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the provider's connections end");
    }
}

/// Counts an answer for as long as it is under way.
struct Open(Arc<State>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, SeqCst);
    }
}

async fn serve(socket: TcpStream, state: Arc<State>) {
    let (reader, mut writer) = socket.into_split();
    let mut reader = BufReader::new(reader);
    while let Some(request) = Request::read(&mut reader).await {
        let key = request.bearer().to_owned();
        let Ok(body) = serde_json::from_slice(&request.body) else { return };
        let asked = Asked { path: request.path, headers: request.headers, body };
        state.asked.lock().unwrap().push(asked);
        let act = state.script.lock().unwrap().pop_front().unwrap_or_else(|| Act::say(["Hello."]));
        state.open.fetch_add(1, SeqCst);
        let open = Open(state.clone());
        let mut nothing = [0; 1];
        // A client that closes ends its answer, wherever that stands.
        let kept = tokio::select! {
            kept = answer(&mut writer, act, &key, &state) => kept,
            _ = reader.read(&mut nothing) => false,
        };
        drop(open);
        if !kept {
            return;
        }
    }
}

/// Answers, and tells whether the connection may be used again.
async fn answer(writer: &mut OwnedWriteHalf, act: Act, key: &str, state: &State) -> bool {
    match act {
        Act::Say { texts, finish, usage } => {
            begin(writer, state).await
                && say(writer, &texts, state).await
                && end(writer, finish, texts.len(), usage, state).await
        }
        Act::Status(status, retry_after) => {
            let message = format!("no, {key}");
            error(writer, status, retry_after, json!({ "message": message, "code": "some_code" })).await
        }
        Act::Refusal(status, body) => {
            let told: Value = serde_json::from_str(&body).unwrap();
            error(writer, status, None, told["error"].clone()).await
        }
        Act::Unsupported(field) => {
            let message = format!("Unsupported parameter: '{field}' is not supported with this model.");
            let told = json!({ "message": message, "param": field, "code": "unsupported_parameter" });
            error(writer, 400, None, told).await
        }
        Act::Cut(texts) => {
            begin(writer, state).await && say(writer, &texts, state).await && {
                // In the middle of a chunk.
                let _ = writer.write_all(b"ff\r\ndata: {\"cho").await;
                false
            }
        }
        Act::EndEarly(texts) => {
            begin(writer, state).await && say(writer, &texts, state).await && last(writer).await
        }
        Act::Stall(texts) => {
            let _ = begin(writer, state).await && say(writer, &texts, state).await;
            std::future::pending().await
        }
        Act::Hang => std::future::pending().await,
        Act::Endless => {
            let mut taken = begin(writer, state).await;
            let texts = vec!["word ".to_owned(); 50];
            while taken {
                taken = say(writer, &texts, state).await;
            }
            false
        }
        Act::Parts(parts) => {
            let mut taken = begin(writer, state).await;
            for part in parts {
                let head = format!("{:x}\r\n", part.len()).into_bytes();
                taken = taken && writer.write_all(&[head, part, b"\r\n".to_vec()].concat()).await.is_ok();
                // Each in a packet of its own.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            taken && last(writer).await
        }
        Act::Raw(body) => {
            begin(writer, state).await && chunk(writer, &body, state).await && last(writer).await
        }
    }
}

async fn begin(writer: &mut OwnedWriteHalf, state: &State) -> bool {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    write(writer, head, state).await
}

/// One chunk of the body per text, as a provider flushes them.
async fn say(writer: &mut OwnedWriteHalf, texts: &[String], state: &State) -> bool {
    for text in texts {
        let delta = json!({ "index": 0, "delta": { "content": text }, "finish_reason": null });
        if !chunk(writer, &event(&json!([delta]), &Value::Null), state).await {
            return false;
        }
    }
    true
}

async fn end(writer: &mut OwnedWriteHalf, finish: &str, said: usize, usage: bool, state: &State) -> bool {
    let mut body = event(&json!([{ "index": 0, "delta": {}, "finish_reason": finish }]), &Value::Null);
    if usage {
        let usage = json!({
            "prompt_tokens": 42,
            "completion_tokens": said,
            "total_tokens": 42 + said,
            "prompt_tokens_details": { "cached_tokens": 32 },
        });
        body.push_str(&event(&json!([]), &usage));
    }
    body.push_str("data: [DONE]\n\n");
    chunk(writer, &body, state).await && last(writer).await
}

fn event(choices: &Value, usage: &Value) -> String {
    let event = json!({
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "house-model",
        "choices": choices,
        "usage": usage,
    });
    format!("data: {event}\n\n")
}

async fn error(writer: &mut OwnedWriteHalf, status: u16, retry_after: Option<&str>, told: Value) -> bool {
    let body = json!({ "error": told }).to_string();
    let mut head = format!("HTTP/1.1 {status} No\r\ncontent-type: application/json\r\n");
    if let Some(seconds) = retry_after {
        let _ = write!(head, "retry-after: {seconds}\r\n");
    }
    if status == 302 {
        head.push_str("location: http://127.0.0.1:9/elsewhere\r\n");
    }
    let _ = write!(head, "content-length: {}\r\n\r\n{body}", body.len());
    writer.write_all(head.as_bytes()).await.is_ok()
}

async fn chunk(writer: &mut OwnedWriteHalf, text: &str, state: &State) -> bool {
    text.is_empty() || write(writer, &format!("{:x}\r\n{text}\r\n", text.len()), state).await
}

async fn last(writer: &mut OwnedWriteHalf) -> bool {
    writer.write_all(b"0\r\n\r\n").await.is_ok()
}

async fn write(writer: &mut OwnedWriteHalf, text: &str, state: &State) -> bool {
    let written = writer.write_all(text.as_bytes()).await.is_ok();
    state.sent.fetch_add(text.len() as u64, SeqCst);
    written
}
