//! A client of the native protocol, from outside. Every frame that it gets is held against the schema.

use std::collections::HashMap;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{PATIENCE, schema};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub struct Client {
    stream: Stream,
    /// The commands that wait for their ack.
    asked: HashMap<String, String>,
    /// Events that came while an ack was awaited.
    kept: std::collections::VecDeque<Value>,
    ids: u64,
    pub hello: Value,
    /// The subprotocol that the server picked.
    pub protocol: Option<String>,
}

/// The server closed the socket, with this code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed(pub Option<u16>);

impl Client {
    pub async fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[]).await.expect("an open socket")
    }

    /// `Err` is the HTTP status of a refusal, and its body.
    pub async fn open_with(
        address: SocketAddr,
        headers: &[(&'static str, String)],
    ) -> Result<Self, (u16, Value)> {
        let mut request = format!("ws://{address}/ws").into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        let (stream, response) = match tokio_tungstenite::connect_async(request).await {
            Ok(open) => open,
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                return Err((response.status().as_u16(), serde_json::from_slice(body).unwrap_or_default()));
            }
            Err(error) => panic!("no socket: {error}"),
        };
        let protocol = response
            .headers()
            .get("sec-websocket-protocol")
            .map(|protocol| protocol.to_str().expect("text").to_owned());
        let mut client = Self {
            stream,
            asked: HashMap::new(),
            kept: std::collections::VecDeque::new(),
            ids: 0,
            hello: Value::Null,
            protocol,
        };
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
        // A socket that the server has closed tells so when it is read.
        let _ = self.stream.send(message).await;
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
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    self.check(&frame);
                    return Ok(frame);
                }
                Some(Ok(Message::Close(frame))) => return Err(Closed(frame.map(|frame| frame.code.into()))),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Closed(None)),
            }
        }
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
