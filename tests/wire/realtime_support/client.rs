//! A client of the native protocol, from outside. Every frame that it gets is held against the schema.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;

use super::schema;
pub use super::wire::Closed;
use super::wire::Wire;

pub struct Client {
    wire: Wire,
    /// The commands that wait for their ack.
    asked: HashMap<String, String>,
    /// Events that came while an ack was awaited.
    kept: VecDeque<Value>,
    ids: u64,
    pub hello: Value,
    /// The subprotocol that the server picked.
    pub protocol: Option<String>,
}

impl Client {
    pub async fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[]).await.expect("an open socket")
    }

    /// `Err` is the HTTP status of a refusal, and its body.
    pub async fn open_with(
        address: SocketAddr,
        headers: &[(&'static str, String)],
    ) -> Result<Self, (u16, Value)> {
        let wire = Wire::open(address, headers).await?;
        let protocol = wire.protocol.clone();
        let (asked, kept) = (HashMap::new(), VecDeque::new());
        let mut client = Self { wire, asked, kept, ids: 0, hello: Value::Null, protocol };
        client.hello = client.next().await.expect("hello");
        assert_eq!(client.hello["event"], "hello");
        Ok(client)
    }

    /// Connects and signs in by the first frame.
    pub async fn signed_in(address: SocketAddr, token: &str) -> Self {
        let mut client = Self::open(address).await;
        let ack = client.ask("auth", json!({ "token": token })).await;
        assert_eq!(ack["success"], true, "{ack}");
        client
    }

    /// Sends a command and waits for its ack.
    pub async fn ask(&mut self, event: &str, data: Value) -> Value {
        let id = self.tell(event, data).await;
        self.ack(&id).await.expect("an ack")
    }

    /// Joins a room and gives the snapshot.
    pub async fn join(&mut self, room: impl ToString, from: Option<(Value, i64)>) -> Value {
        let mut data = json!({ "conversationId": room.to_string() });
        if let Some((epoch, offset)) = from {
            data["epoch"] = epoch;
            data["offset"] = json!(offset);
        }
        let ack = self.ask("conversation:join", data).await;
        assert_eq!(ack["success"], true, "{ack}");
        ack
    }

    /// Sends a command with an id and does not wait.
    pub async fn tell(&mut self, event: &str, data: Value) -> String {
        self.ids += 1;
        let id = self.ids.to_string();
        self.asked.insert(id.clone(), event.to_owned());
        self.raw(&json!({ "event": event, "id": id, "data": data }).to_string()).await;
        id
    }

    pub async fn raw(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.wire.send(message).await;
    }

    /// Sends a text in pieces, each a frame.
    pub async fn pieces(&mut self, pieces: &[&str]) {
        use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
        for (index, piece) in pieces.iter().enumerate() {
            let code = if index == 0 { Data::Text } else { Data::Continue };
            let last = index + 1 == pieces.len();
            let frame = Frame::message(piece.as_bytes().to_vec(), OpCode::Data(code), last);
            self.send(Message::Frame(frame)).await;
        }
    }

    /// The data of that ack; events that come before it are kept for [`next`](Self::next).
    pub async fn ack(&mut self, id: &str) -> Result<Value, Closed> {
        loop {
            let mut frame = self.read().await?;
            if frame["event"] == "ack" && frame["id"] == id {
                return Ok(frame["data"].take());
            }
            self.kept.push_back(frame);
        }
    }

    /// The next frame in order.
    pub async fn next(&mut self) -> Result<Value, Closed> {
        match self.kept.pop_front() {
            Some(frame) => Ok(frame),
            None => self.read().await,
        }
    }

    /// The data of the next event of that name; others before it are lost.
    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            let mut frame = self.next().await.unwrap_or_else(|closed| panic!("{name}: {closed:?}"));
            if frame["event"] == name {
                return frame["data"].take();
            }
        }
    }

    /// Waits for the end of the connection: its close code.
    pub async fn closed(&mut self) -> Option<u16> {
        self.kept.clear();
        loop {
            if let Err(Closed(code)) = self.read().await {
                return code;
            }
        }
    }

    async fn read(&mut self) -> Result<Value, Closed> {
        let frame = self.wire.read().await?;
        self.check(&frame);
        Ok(frame)
    }

    fn check(&mut self, frame: &Value) {
        schema::assert_valid("serverFrame", frame);
        if frame["event"] == "ack" && frame["data"]["success"] == true {
            let id = frame["id"].as_str().map_or_else(|| frame["id"].to_string(), str::to_owned);
            if let Some(command) = self.asked.remove(&id) {
                schema::assert_valid(&format!("acks/{command}"), &frame["data"]);
            }
        }
    }
}
