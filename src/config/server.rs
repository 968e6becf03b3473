//! Where the server listens, and how much it takes from one connection.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Network;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSettings {
    pub host: String,
    pub port: u16,
    /// The address that people reach the server at, for links: `https://chat.example.com`, with a path where it has one.
    pub public_url: String,
    /// HTTP worker threads; 0 is one per core.
    pub workers: usize,
    /// Threads of the engine's runtime; 0 is one per core.
    pub engine_threads: usize,
    /// Origins (`https://chat.example.com`) whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Addresses or networks (`10.0.0.0/8`) whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    pub body_max_bytes: usize,
    /// Open connections of one worker.
    pub connections_max: usize,
    pub keep_alive_ms: u64,
    /// For the head of a request to arrive.
    pub request_timeout_ms: u64,
    /// For running replies to finish after SIGTERM.
    pub drain_timeout_ms: u64,
    pub compression: bool,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 7070,
            public_url: String::new(),
            workers: 0,
            engine_threads: 0,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            body_max_bytes: 65_536,
            connections_max: 25_000,
            keep_alive_ms: 75_000,
            request_timeout_ms: 10_000,
            drain_timeout_ms: 25_000,
            compression: true,
        }
    }
}

impl ServerSettings {
    /// Whether only this machine can reach the address.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// What links start with, without a slash at the end: `public_url`, or else the address that is listened on.
    #[must_use]
    pub fn public_base(&self) -> String {
        match self.public_url.trim_end_matches('/') {
            "" if self.host.contains(':') => format!("http://[{}]:{}", self.host, self.port),
            "" => format!("http://{}:{}", self.host, self.port),
            url => url.to_owned(),
        }
    }

    #[must_use]
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }

    /// The proxies to believe. What does not parse was refused when the settings were validated.
    #[must_use]
    pub fn trusted_networks(&self) -> Vec<Network> {
        self.trusted_proxies.iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// HTTP worker threads, with 0 resolved.
    #[must_use]
    pub fn worker_threads(&self) -> usize {
        or_one_per_core(self.workers)
    }

    /// Engine threads, with 0 resolved.
    #[must_use]
    pub fn engine_worker_threads(&self) -> usize {
        or_one_per_core(self.engine_threads)
    }
}

fn or_one_per_core(threads: usize) -> usize {
    if threads > 0 { threads } else { std::thread::available_parallelism().map_or(2, usize::from) }
}
