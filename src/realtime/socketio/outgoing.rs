//! The way out of a session to its client: native texts become packets, the end becomes what a Socket.IO client
//! understands.

use std::ops::ControlFlow;
use std::sync::Arc;

use actix::{Addr, Recipient};
use bytestring::ByteString;
use greenroom_actors::domain::SessionId;
use greenroom_actors::protocol::Refusal;
use greenroom_actors::session::CloseCode;
use serde_json::json;

use super::actor::SocketIoActor;
use super::outbox::Outbox;
use super::packet::{DISCONNECT, PING};
use crate::realtime::delivery::{Body, ToSession};
use crate::realtime::hub::Hub;
use crate::realtime::session::Outlet;
use crate::realtime::wire;

/// How far the client is in connecting to the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has not asked yet, or was refused.
    Outside,
    Connecting,
    Connected,
}

pub(super) struct Outgoing {
    pub(super) outbox: Arc<Outbox>,
    pub(super) stage: Stage,
    hub: Hub,
    address: Addr<SocketIoActor>,
    /// Told once it is connected.
    hello: Option<ByteString>,
    /// The actor has nothing more to do.
    pub(super) ended: bool,
    /// What the client did that ends the session, where the close code alone says too little.
    because: Option<&'static str>,
}

impl Outgoing {
    pub(super) fn new(outbox: Arc<Outbox>, hub: Hub, address: Addr<SocketIoActor>) -> Self {
        Self { outbox, stage: Stage::Outside, hub, address, hello: None, ended: false, because: None }
    }

    pub(super) fn packet(&self, packet: impl Into<ByteString>) {
        self.outbox.push(packet.into());
    }

    /// Says why the close that follows comes.
    pub(super) fn because(&mut self, reason: &'static str) {
        self.because = Some(reason);
    }

    /// Ends it without a word: without a code, as the client asked.
    pub(super) fn end(&mut self, code: Option<CloseCode>) {
        self.ended = true;
        self.outbox.close(code, self.hub.now());
    }
}

/// Whether the client is to come back by itself: with the same token it would be let in, and not be sent away again.
fn is_worth_coming_back(code: CloseCode) -> bool {
    match code {
        CloseCode::Draining | CloseCode::SignInTimeout | CloseCode::NoHeartbeat | CloseCode::OutOfStep => {
            true
        }
        CloseCode::TooLarge
        | CloseCode::TokenEnded
        | CloseCode::NotProtocol
        | CloseCode::Kicked
        | CloseCode::TooManySockets
        | CloseCode::Flooding => false,
    }
}

impl Drop for Outgoing {
    /// However the actor went, by a panic too, nobody waits for it.
    fn drop(&mut self) {
        if !self.ended {
            self.outbox.kill();
        }
    }
}

impl Outlet for Outgoing {
    fn text(&mut self, text: ByteString) {
        self.packet(wire::socketio_packet(&text));
    }

    fn frame(&mut self, frame: &Body) {
        self.packet(frame.socketio().clone());
    }

    fn ping(&mut self) {
        self.packet(ByteString::from_static(PING));
    }

    /// An `error` event says why. Then the client is disconnected in the way that makes it come back by itself, or stay
    /// away.
    fn close(&mut self, code: CloseCode) {
        let error = self.because.unwrap_or(code.reason());
        let (number, reconnect) = (code.number(), is_worth_coming_back(code));
        match self.stage {
            Stage::Connected => {
                self.text(wire::closed(error, number, reconnect));
                if !reconnect {
                    self.packet(ByteString::from_static(DISCONNECT));
                }
            }
            Stage::Connecting => {
                let data = json!({ "code": "closed", "closeCode": number, "reconnect": reconnect });
                self.packet(format!("44{}", json!({ "message": error, "data": data })));
            }
            Stage::Outside => {}
        }
        self.end(Some(code));
    }

    fn address(&self) -> Recipient<ToSession> {
        self.address.clone().recipient()
    }

    fn greet(&mut self, hello: ByteString) {
        self.hello = Some(hello);
    }

    fn ready(&mut self, session: SessionId, ready: ByteString) {
        self.stage = Stage::Connected;
        self.packet(format!(r#"40{{"sid":"{session}"}}"#));
        if let Some(hello) = self.hello.take() {
            self.text(hello);
        }
        self.text(ready);
    }

    fn deny(&mut self, refusal: &Refusal) -> ControlFlow<()> {
        self.stage = Stage::Outside;
        let mut data = json!({ "code": refusal.code.as_str() });
        if let Some(wait) = refusal.retry_after {
            data["retryAfterMs"] = json!(wait.as_micros().div_ceil(1_000) as u64);
        }
        self.packet(format!("44{}", json!({ "message": refusal.message, "data": data })));
        ControlFlow::Break(())
    }

    fn tells_joins(&self) -> bool {
        true
    }
}
