//! A stand-in for a provider that speaks and listens: real HTTP/1.1 on a local port, `/audio/speech` and
//! `/audio/transcriptions` as OpenAI answers them. Keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::request::Request;

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Act {
    /// A success with this body.
    Raw(&'static str),
    Status(u16),
    /// Never.
    Hang,
}

#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub authorization: String,
    pub body: Vec<u8>,
    /// The other side has gone before it was answered.
    pub gone: Arc<Mutex<bool>>,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn holds(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(text)
    }
}

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<Asked>>,
}

#[derive(Clone)]
pub struct Provider {
    port: u16,
    state: Arc<State>,
}

impl Provider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, shared.clone()));
            }
        });
        Self { port, state }
    }

    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The next requests are answered so; then all by as much sound as there are characters (a frame of 26 ms each), or by a
    /// transcript.
    pub fn script(&self, acts: impl IntoIterator<Item = Act>) {
        self.state.script.lock().unwrap().extend(acts);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }
}

async fn serve(socket: TcpStream, state: Arc<State>) -> Option<()> {
    let mut reader = BufReader::new(socket);
    loop {
        let request = Request::read(&mut reader).await?;
        let authorization = request.header("authorization").unwrap_or_default().to_owned();
        let Request { path, body, .. } = request;
        let asked = Asked { path, authorization, body, gone: Arc::default() };
        state.asked.lock().unwrap().push(asked.clone());
        let act = state.script.lock().unwrap().pop_front();
        let (status, kind, body) = match act {
            Some(Act::Hang) => {
                let mut more = [0_u8; 1];
                // Ends when the other side closes.
                let _ = reader.read(&mut more).await;
                *asked.gone.lock().unwrap() = true;
                return None;
            }
            Some(Act::Status(status)) => {
                (status, "application/json", br#"{"error":{"message":"not now"}}"#.to_vec())
            }
            Some(Act::Raw(body)) => (200, "application/octet-stream", body.as_bytes().to_vec()),
            None if asked.path.ends_with("/audio/speech") => {
                let text = asked.json()["input"].as_str().unwrap().chars().count();
                (200, "audio/mpeg", sound(text))
            }
            None => (200, "application/json", br#"{"text":" Good evening, Mira. "}"#.to_vec()),
        };
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
        reader.get_mut().write_all(head.as_bytes()).await.ok()?;
        reader.get_mut().write_all(&body).await.ok()?;
    }
}

/// Frames of MPEG 1 layer III: 128 kbit/s, 44.1 kHz, 417 bytes and 26.12 ms each.
pub fn sound(frames: usize) -> Vec<u8> {
    let mut frame = vec![0_u8; 417];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
    frame.repeat(frames.max(4))
}
