//! The bare socket below the tests' clients: opened with headers of one's own, read frame by frame.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Longer than any machine needs: a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The server closed the socket, with this code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed(pub Option<u16>);

pub struct Wire {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The subprotocol that the server picked.
    pub protocol: Option<String>,
}

impl Wire {
    /// `Err` is the HTTP status of a refusal, and its body.
    pub async fn open(address: SocketAddr, headers: &[(&'static str, String)]) -> Result<Self, (u16, Value)> {
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
        let protocol = response.headers().get("sec-websocket-protocol");
        let protocol = protocol.map(|protocol| protocol.to_str().expect("text").to_owned());
        Ok(Self { stream, protocol })
    }

    pub async fn send(&mut self, message: Message) {
        // A socket that the server has closed tells so when it is read.
        let _ = self.stream.send(message).await;
    }

    /// The next text frame. A server's pings do not make the patience any longer.
    pub async fn read(&mut self) -> Result<Value, Closed> {
        tokio::time::timeout(PATIENCE, self.frame()).await.expect("a frame in time")
    }

    async fn frame(&mut self) -> Result<Value, Closed> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(frame))) => return Err(Closed(frame.map(|frame| frame.code.into()))),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Closed(None)),
            }
        }
    }
}
