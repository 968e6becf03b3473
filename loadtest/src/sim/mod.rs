//! A stand-in for a provider that speaks the OpenAI API: `/v1/chat/completions` (streamed and whole), `/v1/moderations`,
//! `/v1/audio/speech`, `/v1/audio/transcriptions`, `/v1/images/…`, `/v1/videos…` (OpenAI's and xAI's) and `/v1/models`, with a pace and faults of one's choice, which counts
//! what it was asked.
//!
//! One thread, one `epoll`, one heap of timers whose entries are served in millisecond batches: 500 streams of 50
//! tokens a second are 25,000 small writes a second on the core that it shares with Postgres and the clients.
//! Beside the API: `GET|PUT /sim/config`, `GET|DELETE /sim/stats`, `GET /sim/asked`,
//! `GET /sim/files/…` (what lies at addresses).

mod audio;
mod chat;
mod connection;
mod fault;
mod moderation;
mod other;
mod reply;
pub(crate) mod request;
mod server;
mod settings;
mod stats;
mod stream;
mod studio;

use std::io;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

pub use audio::{Format, speech};
pub use fault::{Fault, Outcome, Plan, Struck};
pub use reply::{Stamp, Words, beginning, known_text, prompt_hash, stamp_of};
pub use server::Simulator;
pub use settings::{Endpoint, Insert, Results, Settings, Verdict};

/// A simulator on a thread of its own, which ends when this is dropped.
pub struct Background {
    address: SocketAddrV4,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Background {
    pub fn start(port: u16, settings: Settings) -> io::Result<Background> {
        let mut simulator = Simulator::bind(port, settings)?;
        let address = simulator.address();
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let thread = std::thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || simulator.run(|| seen.load(Ordering::Relaxed)))?;
        Ok(Background { address, stop, thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It can only have failed, and then there is nothing left to end.
            let _ = thread.join();
        }
    }
}
