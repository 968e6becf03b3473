//! What a session sends through, whatever its transport is.

use std::ops::ControlFlow;

use actix::Recipient;
use bytestring::ByteString;
use greenroom_actors::domain::SessionId;
use greenroom_actors::protocol::Refusal;
use greenroom_actors::session::CloseCode;

use crate::realtime::delivery::{Body, ToSession};

/// The way out to one client. All texts are of the native protocol; an outlet of another one translates them.
pub(in crate::realtime) trait Outlet {
    fn text(&mut self, text: ByteString);

    /// One of a batch, whose bytes many sessions share.
    fn frame(&mut self, frame: &Body);

    /// Asks for a sign of life.
    fn ping(&mut self);

    /// Tells why it ends, and ends.
    fn close(&mut self, code: CloseCode);

    /// Where answers from other threads go. An address of its own always has a place for one message.
    fn address(&self) -> Recipient<ToSession>;

    /// The first thing that a client hears.
    fn greet(&mut self, hello: ByteString) {
        self.text(hello);
    }

    /// The token that came with the opening holds.
    fn ready(&mut self, _: SessionId, ready: ByteString) {
        self.text(ready);
    }

    /// The token that came with the opening was refused. `Break`: the client has been told, and may try again.
    fn deny(&mut self, _: &Refusal) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Whether a join that wants no ack is answered too, by an event.
    fn tells_joins(&self) -> bool {
        false
    }
}
