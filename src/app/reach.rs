//! What tests and tools reach of a running server.

use std::net::SocketAddr;

use greenroom_actors::engine::Engine;

use super::App;
use crate::billing::stripe::standin::StandIn;
use crate::conversations::Conversations;
use crate::realtime::Hub;

impl App {
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

    /// The stand-in of Stripe that was started with it.
    #[must_use]
    pub fn stripe_stand_in(&self) -> Option<&StandIn> {
        self.stripe_stand_in.as_ref()
    }
}
