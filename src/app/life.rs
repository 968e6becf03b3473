//! A server that runs, and its end: what started last ends first, the database last.

use std::net::SocketAddr;

use greenroom_actors::engine::Engine;
use greenroom_actors::session::CloseCode;
use tokio::task::JoinHandle;

use super::{App, stand_in, tasks};
use crate::billing::stripe::standin::StandIn;
use crate::conversations::Conversations;
use crate::realtime::Hub;

impl App {
    /// Where the stand-in of Stripe listens, if it was started.
    #[must_use]
    pub fn stripe_stand_in(&self) -> Option<&StandIn> {
        self.stripe_stand_in.as_ref()
    }

    /// Where it listens; with port 0 in the settings, the port that it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    #[must_use]
    pub fn conversations(&self) -> &Conversations {
        &self.conversations
    }

    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Waits for SIGTERM, Ctrl-C or an admin's drain.
    pub async fn until_asked(&mut self) {
        let asked = self.drain_asked.wait_for(|asked| *asked);
        tokio::select! {
            () = tasks::signal() => {}
            _ = asked => {}
        }
    }

    /// Refuses new sockets and messages from now on, and says that it is not ready.
    pub fn begin_drain(&self) {
        self.health.set_draining();
        self.engine.begin_drain();
    }

    /// Drains: no new sockets and messages, replies finish within the deadline, sockets are told to reconnect, then all
    /// ends, the database last. Answers how many replies did not finish.
    pub async fn stop(self) -> usize {
        tracing::info!("draining");
        self.begin_drain();
        self.chores.iter().for_each(JoinHandle::abort);
        let deadline = self.config.server.drain_timeout();
        let (unfinished, ()) = tokio::join!(self.engine.drain(deadline), self.jobs.stop(deadline));
        self.hub.close_all(CloseCode::Draining);
        self.http.stop(true).await;
        let _ = tokio::task::spawn_blocking(move || self.http_thread.join()).await;
        if self.characters.write_views().await.is_err() {
            tracing::warn!("the latest views of characters were not counted: the database is away");
        }
        if let Err(error) = self.conversations.store_readers().await {
            tracing::warn!(%error, "the last readers were not counted");
        }
        self.last_seen.write(&self.hub).await;
        self.moderation.close().await;
        stand_in::stop(self.stripe_stand_in).await;
        self.lease.close().await;
        self.database.close().await;
        tracing::info!("ended");
        unfinished
    }
}
