//! A stand-in for a provider that speaks and judges: real HTTP on a local port, in the wire format of OpenAI.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::config::{Capability, ModelSettings, ProviderSettings};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::request::Request;

/// How the judge is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judge {
    #[default]
    Well,
    /// Answers with this status.
    Status(u16),
    /// Answers something else.
    Garbage,
    /// Never answers.
    Hangs,
}

#[derive(Default)]
struct State {
    judge: Mutex<Judge>,
    /// What the model says next, piece by piece; then that it heard.
    says: Mutex<Vec<String>>,
    /// It goes on after the first two of them once the judge was asked about those.
    waits: AtomicBool,
    judged: Mutex<Vec<Value>>,
    keys: Mutex<Vec<String>>,
}

pub struct House {
    port: u16,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl House {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, shared.clone()));
            }
        });
        Self { port, state, accepting }
    }

    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// As a provider of the settings: a model that speaks, and one that judges.
    pub fn settings(&self) -> ProviderSettings {
        let judge = ModelSettings { capabilities: vec![Capability::Moderation], ..ModelSettings::default() };
        ProviderSettings {
            base_url: self.base_url(),
            api_key: "sk-of-the-house".to_owned().into(),
            model: "house-model".to_owned(),
            models: [("house-judge".to_owned(), judge)].into(),
            ..ProviderSettings::default()
        }
    }

    pub fn set(&self, judge: Judge) {
        *self.state.judge.lock().unwrap() = judge;
    }

    /// The next reply comes in these pieces.
    pub fn say<const N: usize>(&self, pieces: [&str; N]) {
        *self.state.says.lock().unwrap() = pieces.map(ToOwned::to_owned).to_vec();
    }

    /// The next reply comes in these pieces, which are new to the judge: the first two so long before the others that they
    /// are judged alone.
    pub fn say_slowly<const N: usize>(&self, pieces: [&str; N]) {
        self.say(pieces);
        self.state.waits.store(true, SeqCst);
    }

    /// The texts that were judged.
    pub fn judged(&self) -> Vec<String> {
        let judged = self.state.judged.lock().unwrap();
        judged.iter().map(|body| body["input"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The models and the keys that judging was asked with.
    pub fn asked_with(&self) -> Vec<(String, String)> {
        let (judged, keys) = (self.state.judged.lock().unwrap(), self.state.keys.lock().unwrap());
        let models = judged.iter().map(|body| body["model"].as_str().unwrap_or_default().to_owned());
        models.zip(keys.iter().cloned()).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(socket: TcpStream, state: Arc<State>) {
    let (reader, mut writer) = socket.into_split();
    let mut reader = BufReader::new(reader);
    while let Some(request) = Request::read(&mut reader).await {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let answer = if request.path.ends_with("/moderations") {
            state.judged.lock().unwrap().push(body.clone());
            state.keys.lock().unwrap().push(request.bearer().to_owned());
            let judge = *state.judge.lock().unwrap();
            match judge {
                Judge::Well => plain(200, &verdict(body["input"].as_str().unwrap())),
                Judge::Status(status) => plain(status, &json!({ "error": { "message": "no" } })),
                Judge::Garbage => plain(200, &json!({ "results": "what?" })),
                Judge::Hangs => std::future::pending().await,
            }
        } else {
            streamed(&std::mem::take(&mut *state.says.lock().unwrap()))
        };
        let mut ends = answer.match_indices("\n\n").map(|(at, end)| at + end.len());
        let at = ends.nth(1).filter(|_| state.waits.swap(false, SeqCst)).unwrap_or_default();
        let (first, rest) = answer.split_at(at);
        let before = state.judged.lock().unwrap().len();
        if writer.write_all(first.as_bytes()).await.is_err() {
            return;
        }
        while at > 0 && state.judged.lock().unwrap().len() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if writer.write_all(rest.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// By the words in it: `hateful` is surely hate, `rough` perhaps violence.
fn verdict(text: &str) -> Value {
    let score = |word: &str, score: f64| if text.contains(word) { score } else { 0.001 };
    let (hate, violence) = (score("hateful", 0.97), score("rough", 0.6));
    json!({
        "id": "modr-1",
        "model": "house-judge-1",
        "results": [{
            "flagged": hate > 0.5,
            "categories": { "hate": hate > 0.5, "violence": false },
            "category_scores": { "hate": hate, "violence": violence },
            "category_applied_input_types": { "hate": ["text"], "violence": ["text"] },
        }],
    })
}

fn plain(status: u16, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn streamed(pieces: &[String]) -> String {
    let heard = ["I heard you.".to_owned()];
    let pieces = if pieces.is_empty() { &heard[..] } else { pieces };
    let event = |choices: Value, usage: Value| {
        let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, "usage": usage });
        format!("data: {chunk}\n\n")
    };
    let mut body: String = pieces
        .iter()
        .map(|piece| {
            event(json!([{ "index": 0, "delta": { "content": piece }, "finish_reason": null }]), Value::Null)
        })
        .collect();
    body.push_str(&event(json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }]), Value::Null));
    body.push_str(&event(
        json!([]),
        json!({ "prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10 }),
    ));
    body.push_str("data: [DONE]\n\n");
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
