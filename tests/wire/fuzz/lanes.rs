//! Who sends it: each lane opens connections of one kind, again and again, and sees to it that the server has read what
//! it sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fastrand::Rng;
use reqwest::Client;
use serde_json::json;
use tokio::task::JoinHandle;

use super::frames::{Dialect, World, text};
use super::wire::{After, Gone, Raw, envelope, frame};

/// Messages between two looks whether the server has read them.
const STRETCH: usize = 16;
/// Stretches on one connection.
const STRETCHES: usize = 12;
const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

pub struct Shared {
    pub address: SocketAddr,
    pub world: World,
    pub sent: AtomicU64,
    /// How many are to be sent in all.
    pub frames: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Native,
    SocketIo,
    /// From polling to a WebSocket.
    Upgraded,
    Polling,
}

impl Lane {
    pub const ALL: &[Self] = &[
        Self::Native,
        Self::Native,
        Self::Native,
        Self::SocketIo,
        Self::SocketIo,
        Self::SocketIo,
        Self::Upgraded,
        Self::Polling,
    ];

    /// Answers how many connections it took.
    pub fn start(self, run: Arc<Shared>, seed: u64, number: usize) -> JoinHandle<u64> {
        tokio::spawn(async move {
            let mut rng = Rng::with_seed(seed.wrapping_add(number as u64));
            let http = Client::new();
            let mut connections = 0;
            while run.sent.load(Relaxed) < run.frames {
                connections += 1;
                // Closed by the server: as it should be, after what it was sent.
                let _ = match self {
                    Self::Native => native(&run, &mut rng).await,
                    Self::SocketIo => socketio(&run, &mut rng).await,
                    Self::Upgraded => upgraded(&run, &mut rng, &http).await,
                    Self::Polling => polling(&run, &mut rng, &http).await,
                };
            }
            connections
        })
    }
}

async fn native(run: &Shared, rng: &mut Rng) -> Result<(), Gone> {
    let mut raw = Raw::open(run.address, "/ws").await?;
    if rng.u8(..10) > 0 {
        let auth = json!({ "event": "auth", "id": "in", "data": { "token": run.world.token } });
        raw.write(&frame(0x81, auth.to_string().as_bytes())).await?;
    }
    converse(run, rng, raw, Dialect::Native).await
}

async fn socketio(run: &Shared, rng: &mut Rng) -> Result<(), Gone> {
    let raw = Raw::open(run.address, "/socket.io/?EIO=4&transport=websocket").await?;
    connect(run, rng, raw).await
}

async fn upgraded(run: &Shared, rng: &mut Rng, http: &Client) -> Result<(), Gone> {
    let Some(sid) = handshake(run, http).await else { return Err(Gone) };
    let mut raw = Raw::open(run.address, &format!("/socket.io/?EIO=4&transport=websocket&sid={sid}")).await?;
    if rng.u8(..4) == 0 {
        // Not as it is done.
        let text = text(rng, &run.world, Dialect::SocketIo);
        let (bytes, after) = envelope(rng, &text);
        run.sent.fetch_add(1, Relaxed);
        raw.write(&bytes).await?;
        if after == After::Broken {
            return Ok(());
        }
    }
    raw.write(&frame(0x81, b"2probe")).await?;
    raw.until(b"3probe").await?;
    raw.write(&frame(0x81, b"5")).await?;
    connect(run, rng, raw).await
}

async fn connect(run: &Shared, rng: &mut Rng, mut raw: Raw) -> Result<(), Gone> {
    if rng.u8(..10) > 0 {
        let mut auth = json!({ "token": run.world.token });
        if rng.u8(..10) == 0 {
            auth["characterId"] = json!(run.world.ids[rng.usize(..run.world.ids.len())]);
        }
        raw.write(&frame(0x81, format!("40{auth}").as_bytes())).await?;
        raw.until(b"ready").await?;
    }
    converse(run, rng, raw, Dialect::SocketIo).await
}

async fn converse(run: &Shared, rng: &mut Rng, mut raw: Raw, dialect: Dialect) -> Result<(), Gone> {
    for stretch in 0..rng.usize(1..=STRETCHES) {
        for _ in 0..STRETCH {
            let text = text(rng, &run.world, dialect);
            let (bytes, after) = envelope(rng, &text);
            run.sent.fetch_add(1, Relaxed);
            raw.write(&bytes).await?;
            if after == After::Broken {
                return Ok(());
            }
        }
        // Answered, or closed on the way.
        let (ping, answer) = match dialect {
            Dialect::Native => {
                (format!(r#"{{"event":"ping","id":"read-{stretch}"}}"#), format!("read-{stretch}"))
            }
            Dialect::SocketIo => {
                (format!(r#"42{}["ping"]"#, 7_777_000 + stretch), format!("43{}", 7_777_000 + stretch))
            }
        };
        raw.write(&frame(0x81, ping.as_bytes())).await?;
        raw.until(answer.as_bytes()).await?;
    }
    Ok(())
}

async fn handshake(run: &Shared, http: &Client) -> Option<String> {
    let answer = http.get(format!("http://{}{OPEN}", run.address)).send().await.expect("an answer");
    let open: serde_json::Value = serde_json::from_str(answer.text().await.ok()?.strip_prefix('0')?).ok()?;
    open["sid"].as_str().map(str::to_owned)
}

async fn polling(run: &Shared, rng: &mut Rng, http: &Client) -> Result<(), Gone> {
    let Some(sid) = handshake(run, http).await else { return Err(Gone) };
    let url = format!("http://{}{OPEN}&sid={sid}", run.address);
    if rng.u8(..10) > 0 {
        let auth = format!("40{}", json!({ "token": run.world.token }));
        http.post(&url).body(auth).send().await.map_err(|_| Gone)?;
    }
    for _ in 0..rng.usize(1..20) {
        let mut body = Vec::new();
        for n in 0..rng.usize(1..STRETCH) {
            if n > 0 {
                body.push(0x1e);
            }
            body.extend(text(rng, &run.world, Dialect::SocketIo));
            run.sent.fetch_add(1, Relaxed);
        }
        let mut request = http.post(&url).body(body);
        if rng.u8(..20) == 0 {
            request = request.header("content-type", "application/octet-stream");
        }
        if request.send().await.map_err(|_| Gone)?.status() == 400 {
            return Err(Gone);
        }
        // One at a time, now and then two, and some that nobody waits for.
        let polls = rng.usize(..12) / 10 + 1;
        for _ in 0..polls {
            let poll = http.get(&url).send();
            let _ = tokio::time::timeout(std::time::Duration::from_millis(rng.u64(1..20)), poll).await;
        }
        if rng.u8(..10) == 0 {
            let query: String = (0..rng.usize(..20)).map(|_| rng.alphanumeric()).collect();
            let strange = format!("http://{}/socket.io/?EIO=4&transport={query}&sid={query}", run.address);
            http.get(strange).send().await.map_err(|_| Gone)?;
        }
    }
    let _ = http.post(&url).body("1").send().await;
    Ok(())
}
