//! The protocol by hand: polling with plain HTTP, and a WebSocket frame by frame.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::support::app::{TestApp, TestUser};
use crate::support::socket::PATIENCE;

pub const SEPARATOR: char = '\u{1e}';

/// A session by polling.
pub struct Polling {
    pub sid: String,
    pub open: Value,
    http: reqwest::Client,
    url: String,
}

impl Polling {
    pub async fn open(app: &TestApp) -> Self {
        let url = app.url("/socket.io/?EIO=4&transport=polling");
        let answer = app.http.get(&url).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/plain; charset=UTF-8");
        let text = answer.text().await.expect("text");
        let open: Value =
            serde_json::from_str(text.strip_prefix('0').expect("an open packet")).expect("JSON");
        let sid = open["sid"].as_str().expect("an id").to_owned();
        Self { url: format!("{url}&sid={sid}"), sid, open, http: app.http.clone() }
    }

    /// Opens and connects to the namespace; what came with that is left out.
    pub async fn connected(app: &TestApp, user: &TestUser) -> Self {
        let polling = Self::open(app).await;
        let connect = format!("40{}", json!({ "token": user.token }));
        assert_eq!(polling.post(&connect).await, (200, "ok".to_owned()));
        let packets = polling.packets(|packet| packet.starts_with(r#"42["ready""#)).await;
        assert!(packets[0].starts_with(r#"40{"sid":""#), "{packets:?}");
        assert!(packets[1].starts_with(r#"42["hello""#), "{packets:?}");
        polling
    }

    pub async fn post(&self, body: &str) -> (u16, String) {
        let sent = self.http.post(&self.url).body(body.to_owned()).send();
        let answer = tokio::time::timeout(PATIENCE, sent).await.expect("in time").expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    pub async fn get(&self) -> (u16, String) {
        let asked = self.http.get(&self.url).send();
        let answer = tokio::time::timeout(PATIENCE, asked).await.expect("in time").expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// Polls until a packet fits: all up to that poll's end.
    pub async fn packets(&self, fits: impl Fn(&str) -> bool) -> Vec<String> {
        let mut packets: Vec<String> = Vec::new();
        loop {
            let (status, payload) = self.get().await;
            assert_eq!(status, 200, "{payload}");
            packets.extend(payload.split(SEPARATOR).map(str::to_owned));
            if packets.iter().any(|packet| fits(packet)) {
                return packets;
            }
        }
    }

    /// A poll of its own task.
    pub fn hanging(&self) -> tokio::task::JoinHandle<(u16, String)> {
        let asked = self.http.get(&self.url).send();
        tokio::spawn(async move {
            let answer = asked.await.expect("an answer");
            (answer.status().as_u16(), answer.text().await.expect("text"))
        })
    }
}

pub struct Frames(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Frames {
    /// `Err` is the HTTP status of a refusal.
    pub async fn open(app: &TestApp, query: &str) -> Result<Self, u16> {
        let url = format!("ws://{}/socket.io/?{query}", app.address);
        match tokio_tungstenite::connect_async(url).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no socket: {error}"),
        }
    }

    pub async fn upgrade(app: &TestApp, sid: &str) -> Result<Self, u16> {
        Self::open(app, &format!("EIO=4&transport=websocket&sid={sid}")).await
    }

    /// A session of its own, connected to the namespace.
    pub async fn connected(app: &TestApp, user: &TestUser) -> Self {
        let mut frames = Self::open(app, "EIO=4&transport=websocket").await.expect("open");
        assert!(frames.next().await.expect("open").starts_with('0'));
        frames.send(&format!("40{}", json!({ "token": user.token }))).await;
        frames.until(|packet| packet.starts_with(r#"42["ready""#)).await;
        frames
    }

    pub async fn send(&mut self, text: &str) {
        self.raw(Message::text(text)).await;
    }

    pub async fn raw(&mut self, message: Message) {
        // One that the server has closed tells so when it is read.
        let _ = self.0.send(message).await;
    }

    /// The next text; `Err` is the close code. Pings below it do not make the patience any longer.
    pub async fn next(&mut self) -> Result<String, Option<u16>> {
        tokio::time::timeout(PATIENCE, self.text()).await.expect("a frame in time")
    }

    async fn text(&mut self) -> Result<String, Option<u16>> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// All packets up to the first that fits.
    pub async fn until(&mut self, fits: impl Fn(&str) -> bool) -> Vec<String> {
        let mut packets = Vec::new();
        loop {
            packets.push(self.next().await.expect("a packet"));
            if packets.last().is_some_and(|packet| fits(packet)) {
                return packets;
            }
        }
    }

    /// The texts up to the end, and its close code.
    pub async fn closed(&mut self) -> (Vec<String>, Option<u16>) {
        let mut packets = Vec::new();
        loop {
            match self.next().await {
                Ok(packet) => packets.push(packet),
                Err(code) => return (packets, code),
            }
        }
    }
}

/// The data of an event packet.
pub fn data(packet: &str) -> Value {
    let list: Value = serde_json::from_str(packet.strip_prefix("42").expect("an event")).expect("JSON");
    list[1].clone()
}

/// For what must not happen.
pub const A_WHILE: Duration = Duration::from_millis(200);
