//! A plain client of the native protocol, from outside: tokio-tungstenite and JSON.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Longer than any machine needs: a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Events that came while something else was awaited.
    kept: VecDeque<Value>,
    next_id: u64,
    pub hello: Value,
}

/// Why a socket gave nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed(pub Option<u16>);

impl Socket {
    /// Connects without signing in.
    pub async fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[]).await.expect("an open socket")
    }

    /// Connects with headers of one's own; `Err` is the HTTP status of a refusal.
    pub async fn open_with(address: SocketAddr, headers: &[(&'static str, String)]) -> Result<Self, u16> {
        let mut request = format!("ws://{address}/ws").into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        let stream = match tokio_tungstenite::connect_async(request).await {
            Ok((stream, _)) => stream,
            Err(Error::Http(response)) => return Err(response.status().as_u16()),
            Err(error) => panic!("no socket: {error}"),
        };
        let mut socket = Self { stream, kept: VecDeque::new(), next_id: 0, hello: Value::Null };
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
        // A socket that the server has closed tells so when it is read.
        let _ = self.stream.send(Message::text(text)).await;
    }

    pub async fn binary(&mut self, bytes: Vec<u8>) {
        let _ = self.stream.send(Message::binary(bytes)).await;
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
            let frame = self.read().await?;
            if fits(&frame) {
                return Ok(frame);
            }
            self.kept.push_back(frame);
        }
    }

    /// The next frame in order, kept ones first.
    pub async fn next(&mut self) -> Result<Value, Closed> {
        match self.kept.pop_front() {
            Some(frame) => Ok(frame),
            None => self.read().await,
        }
    }

    /// Waits for the end of the connection: its close code.
    pub async fn closed(&mut self) -> Option<u16> {
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
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(frame))) => return Err(Closed(frame.map(|frame| frame.code.into()))),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Closed(None)),
            }
        }
    }
}
