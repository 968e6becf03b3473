//! HTTP: threads of its own, and what its workers share.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle as Thread;

use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use actix_web::web::{Data, ServiceConfig};
use anyhow::Context;
use tokio::sync::oneshot;

use crate::config::Config;
use crate::http::{self, Site};
use crate::realtime;

/// What all workers share, by clone. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Shared(Vec<Share>);

type Share = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

impl Shared {
    /// Handlers find `one` as `web::Data`.
    pub fn with<T: Clone + Send + Sync + 'static>(mut self, one: &T) -> Self {
        let one = one.clone();
        self.0.push(Arc::new(move |config| {
            config.app_data(Data::new(one.clone()));
        }));
        self
    }

    fn configure(&self, config: &mut ServiceConfig) {
        self.0.iter().for_each(|share| share(config));
    }
}

/// A server that answers.
pub(super) struct Serving {
    pub address: SocketAddr,
    pub handle: ServerHandle,
    pub thread: Thread<()>,
}

/// Answers on `listener` until the handle is stopped.
pub(super) async fn serve(
    config: &Config,
    listener: TcpListener,
    site: Site,
    shared: Shared,
) -> anyhow::Result<Serving> {
    let address = listener.local_addr()?;
    let (server, options) = (config.server.clone(), config.socket_options());
    let app = move || http::app(&site).configure(|config| shared.configure(config));
    let (started, handle) = oneshot::channel();
    let thread = std::thread::Builder::new().name("http".to_owned()).spawn(move || {
        let result = actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(app)
                .workers(server.worker_threads())
                .max_connections(server.connections_max)
                .keep_alive(server.keep_alive())
                .client_request_timeout(server.request_timeout())
                .shutdown_timeout(1)
                // Who closes while an answer is made for it is gone: that ends the work, upstream too.
                .h1_allow_half_closed(false)
                .disable_signals()
                .on_connect(realtime::on_connect(options))
                .listen(listener)?
                .run();
            // Whoever waits for it is gone only if the start was given up.
            drop(started.send(server.handle()));
            server.await
        });
        if let Err(error) = result {
            tracing::error!(%error, "the HTTP server ended");
        }
    })?;
    let handle = handle.await.context("the HTTP server did not start")?;
    Ok(Serving { address, handle, thread })
}
