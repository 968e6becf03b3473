//! A double of Stripe: a server of its own that speaks Stripe's wire format, keeps state, and tells what happens by signed
//! webhooks. For tests, for `loadtest`, and for trying plans out without an account at Stripe.
//!
//! It follows the published API of the version below for what is used here: customers, products, prices, checkout sessions,
//! payment intents, charges, refunds, disputes, invoices, subscriptions of one item, the portal, events. What it does not know
//! it refuses. Its clock can be moved ([`StandIn::advance`]): renewals and second tries happen at their times. It listens on
//! this machine alone.

mod api;
mod catalog;
mod changes;
mod checkout;
mod clock;
mod control;
mod deliver;
mod errors;
mod faults;
mod form;
mod handle;
mod intents;
mod invoices;
mod keep;
mod lists;
mod money;
mod pages;
mod portal;
mod server;
mod shapes;
mod state;
mod subscriptions;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle as Thread;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data, PayloadConfig};
use actix_web::{App, HttpServer};
use anyhow::Context;
use tokio::sync::{Notify, oneshot};

pub use faults::Fault;
pub use handle::{Declined, HeldEvent, signature};
pub use money::Verdict;
pub use state::Keys;

use state::{Endpoint, State, random};

/// The version whose shapes it has: the crates' own.
pub const VERSION: &str = "2026-09-30.endive";
/// A card that pays, and one that does not.
pub const GOOD_CARD: &str = "pm_card_visa";
pub const DECLINED_CARD: &str = "pm_card_chargeDeclined";

/// How often what fell due is looked after, and what is known is written to its file.
const TICK: Duration = Duration::from_millis(500);
const BODY_MAX: usize = 1024 * 1024;

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// 0: any that is free.
    pub port: u16,
    /// Where it keeps what it knows; `None`: nowhere.
    pub file: Option<PathBuf>,
    /// Keys of a given choice; else they are made up, or those of the file.
    pub keys: Option<Keys>,
}

/// A running double. Ends when it is stopped or dropped.
pub struct StandIn {
    shared: Arc<Shared>,
    address: SocketAddr,
    keys: Keys,
    server: ServerHandle,
    thread: Option<Thread<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Something is to be delivered.
    wake: Notify,
    file: Option<PathBuf>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what changed since version `written`; answers the version that is in the file now.
    fn keep(&self, written: u64) -> u64 {
        let Some(file) = &self.file else { return written };
        let (version, text) = {
            let state = self.state();
            if state.version == written {
                return written;
            }
            (state.version, serde_json::to_vec(&*state).unwrap_or_default())
        };
        match keep::store(file, &text) {
            Ok(()) => version,
            Err(error) => {
                tracing::warn!(%error, "what the stand-in of Stripe knows cannot be written");
                written
            }
        }
    }
}

impl StandIn {
    /// Listens when this returns.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", options.port))
            .with_context(|| format!("the stand-in of Stripe cannot listen on port {}", options.port))?;
        let address = listener.local_addr()?;
        let kept = options.file.as_deref().and_then(keep::load);
        let mut state = kept.unwrap_or_else(|| {
            State::new(Keys {
                secret: format!("sk_test_{}", random(32)),
                publishable: format!("pk_test_{}", random(32)),
            })
        });
        if let Some(keys) = options.keys {
            state.keys = keys;
        }
        state.base = format!("http://{address}");
        state.recall();
        let keys = state.keys.clone();
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Notify::new(), file: options.file });
        let (started, handle) = oneshot::channel();
        let own = shared.clone();
        let thread = std::thread::Builder::new().name("stripe stand-in".to_owned()).spawn(move || {
            let result = actix_web::rt::System::new().block_on(serve(listener, own, started));
            if let Err(error) = result {
                tracing::error!(%error, "the stand-in of Stripe ended");
            }
        })?;
        let server = handle.await.context("the stand-in of Stripe did not start")?;
        Ok(Self { shared, address, keys, server, thread: Some(thread) })
    }

    /// For `stripe.api_base`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Sends events to this address from now on, signed with this secret, beside those that were named before.
    pub fn deliver_to(&self, url: &str, secret: &str) {
        let endpoint = Endpoint { url: url.to_owned(), secret: secret.to_owned() };
        let mut state = self.shared.state();
        state.endpoints.retain(|other| other.url != endpoint.url);
        state.endpoints.push(endpoint);
        for event in std::mem::take(&mut state.unsent) {
            state.send(&event);
        }
        drop(state);
        self.shared.wake.notify_one();
    }

    /// What it knows is in its file when this returns.
    pub async fn stop(mut self) {
        self.server.stop(false).await;
        if let Some(thread) = self.thread.take() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        self.shared.keep(u64::MAX);
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // Asked to, not waited for.
        drop(self.server.stop(false));
    }
}

async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    started: oneshot::Sender<ServerHandle>,
) -> std::io::Result<()> {
    let delivering = tokio::task::spawn_local(deliver::run(shared.clone()));
    let own = shared.clone();
    let ticking = tokio::task::spawn_local(async move {
        let mut written = 0;
        loop {
            tokio::time::sleep(TICK).await;
            clock::settle(&mut own.state());
            own.wake.notify_one();
            written = own.keep(written);
        }
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(shared.clone()))
            .app_data(PayloadConfig::new(BODY_MAX))
            .configure(pages::routes)
            .configure(control::routes)
            .default_service(web::to(server::call))
    })
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(listener)?
    .run();
    drop(started.send(server.handle()));
    let ended = server.await;
    delivering.abort();
    ticking.abort();
    ended
}
