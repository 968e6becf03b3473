//! A plain client of the native protocol, from outside: tokio-tungstenite and JSON.

use std::collections::VecDeque;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::wire::Wire;
pub use super::wire::{Closed, PATIENCE};

pub struct Socket {
    wire: Wire,
    /// Events that came while something else was awaited.
    kept: VecDeque<Value>,
    next_id: u64,
    pub hello: Value,
}

impl Socket {
    /// Connects without signing in.
    pub async fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[]).await.expect("an open socket")
    }

    /// Connects with headers of one's own; `Err` is the HTTP status of a refusal.
    pub async fn open_with(address: SocketAddr, headers: &[(&'static str, String)]) -> Result<Self, u16> {
        let wire = Wire::open(address, headers).await.map_err(|(status, _)| status)?;
        let mut socket = Self { wire, kept: VecDeque::new(), next_id: 0, hello: Value::Null };
        socket.hello = socket.event("hello").await;
        Ok(socket)
    }

    /// Connects and signs in by the first frame.
    pub async fn signed_in(address: SocketAddr, token: &str) -> Self {
        let mut socket = Self::open(address).await;
        let ack = socket.ask("auth", json!({ "token": token })).await;
        assert_eq!(ack["success"], true, "{ack}");
        socket
    }

    /// Sends a command and waits for its ack.
    pub async fn ask(&mut self, event: &str, data: Value) -> Value {
        let id = self.tell(event, data).await;
        self.ack(&id).await
    }

    /// Sends a command with an id and does not wait.
    pub async fn tell(&mut self, event: &str, data: Value) -> String {
        self.next_id += 1;
        let id = self.next_id.to_string();
        self.raw(json!({ "event": event, "id": id, "data": data }).to_string()).await;
        id
    }

    pub async fn raw(&mut self, text: String) {
        self.wire.send(Message::text(text)).await;
    }

    pub async fn binary(&mut self, bytes: Vec<u8>) {
        self.wire.send(Message::binary(bytes)).await;
    }

    pub async fn ack(&mut self, id: &str) -> Value {
        self.find(|frame| frame["event"] == "ack" && frame["id"] == id).await.expect("an ack")["data"].take()
    }

    /// The next event of that name: its data.
    pub async fn event(&mut self, name: &str) -> Value {
        self.find(|frame| frame["event"] == name).await.unwrap_or_else(|closed| panic!("{name}: {closed:?}"))
            ["data"]
            .take()
    }

    /// The next frame that fits; the others are kept for later.
    pub async fn find(&mut self, fits: impl Fn(&Value) -> bool) -> Result<Value, Closed> {
        if let Some(at) = self.kept.iter().position(&fits) {
            return Ok(self.kept.remove(at).expect("it is there"));
        }
        loop {
            let frame = self.wire.read().await?;
            if fits(&frame) {
                return Ok(frame);
            }
            self.kept.push_back(frame);
        }
    }

    /// What came before what was waited for, and was not taken yet.
    pub fn kept(&self) -> &VecDeque<Value> {
        &self.kept
    }

    /// The next frame in order, kept ones first.
    pub async fn next(&mut self) -> Result<Value, Closed> {
        match self.kept.pop_front() {
            Some(frame) => Ok(frame),
            None => self.wire.read().await,
        }
    }

    /// Waits for the end of the connection: its close code.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Err(Closed(code)) = self.wire.read().await {
                return code;
            }
        }
    }
}
