//! A server of sockets and nothing else: the real hub, shards and sessions around a stage that stands in for the engine
//! and the features; and a client that holds every frame against the protocol's schema.

pub mod client;
pub mod stage;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use greenroom::realtime::{Hub, HubCounts, Settings, SocketOptions, on_connect, routes};
use greenroom_actors::testsuite::TestClock;
use utoipa_actix_web::AppExt;

pub use stage::Stage;

pub use crate::support::wire::PATIENCE;
use crate::support::{schema, wire};

pub struct Server {
    pub address: SocketAddr,
    pub hub: Hub,
    pub stage: Arc<Stage>,
    pub clock: Arc<TestClock>,
    handle: ServerHandle,
}

impl Server {
    /// With a clock that stands still, and shards that look at it often.
    pub fn start(settings: Settings) -> Self {
        let clock = Arc::new(TestClock::default());
        let settings = Settings { tick: Duration::from_millis(5), ..settings };
        let hub = Hub::with_clock(settings, clock.clone());
        let stage = Arc::new(Stage::new(hub.clone(), clock.clone()));
        hub.attach(stage.clone());
        let data = web::Data::new(hub.clone());
        let server = HttpServer::new(move || {
            App::new().app_data(data.clone()).into_utoipa_app().configure(routes).into_app()
        })
        .workers(2)
        .disable_signals()
        .on_connect(on_connect(SocketOptions::default()))
        .bind(("127.0.0.1", 0))
        .expect("a port");
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { address, hub, stage, clock, handle }
    }

    /// Waits until the hub's numbers are as asked.
    pub async fn until(&self, what: &str, fits: impl Fn(&HubCounts) -> bool) {
        let start = Instant::now();
        while !fits(&self.hub.counts()) {
            assert!(start.elapsed() < PATIENCE, "{what}: {:?}", self.hub.counts());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}
