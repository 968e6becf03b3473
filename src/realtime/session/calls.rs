//! Calls out of a session, and how their answers come back into its mailbox.

use std::future::Future;
use std::time::Duration;

use bytestring::ByteString;
use greenroom_actors::domain::{SessionId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode, Responder};

use super::{SessionActor, SocketContext};
use crate::realtime::delivery::{ProfileAnswer, ToSession};
use crate::realtime::wire::{self, CommandId};

/// What the client is told of a command; nothing where it wants no ack and all went well.
fn answer<T>(
    id: Option<&CommandId>,
    command: &str,
    result: Result<T, Refusal>,
    encode: impl FnOnce(&CommandId, T) -> ByteString,
) -> Option<ByteString> {
    match (id, result) {
        (Some(id), Ok(value)) => Some(encode(id, value)),
        (None, Ok(_)) => None,
        (Some(id), Err(refusal)) => Some(wire::refused(id, &refusal)),
        (None, Err(refusal)) => Some(wire::refused_silently(command, &refusal)),
    }
}

pub(in crate::realtime) fn too_many() -> Refusal {
    Refusal::temporary(
        RefusalCode::Overloaded,
        "too many commands of this socket wait for their answer",
        Duration::from_secs(1),
    )
}

impl SessionActor {
    /// A responder for the engine, which encodes the answer where it is made and puts it into this mailbox. `None`: too
    /// many are under way, and the client has been told.
    pub(super) fn engine_call<T: Send + 'static>(
        &mut self,
        id: Option<CommandId>,
        command: &'static str,
        encode: impl FnOnce(&CommandId, T) -> ByteString + Send + 'static,
        context: &mut SocketContext,
    ) -> Option<Responder<T>> {
        if self.engine_calls >= self.hub.settings().engine_calls_max {
            self.refuse(id.as_ref(), command, &too_many(), context);
            return None;
        }
        self.engine_calls += 1;
        let address = context.address();
        Some(Responder::new(move |result| {
            let text = answer(id.as_ref(), command, result, encode);
            // An address of its own always has a place; where the session has ended nobody wants to know.
            drop(address.try_send(ToSession::EngineAnswer(text)));
        }))
    }

    /// The same for a call to a feature.
    pub(super) fn feature_call<T: Send + 'static>(
        &mut self,
        id: Option<CommandId>,
        command: &'static str,
        encode: impl FnOnce(&CommandId, T) -> ByteString + Send + 'static,
        context: &mut SocketContext,
    ) -> Option<Responder<T>> {
        let address = context.address();
        self.count_feature_call(id.as_ref(), command, context)?;
        Some(Responder::new(move |result| {
            let text = answer(id.as_ref(), command, result, encode);
            drop(address.try_send(ToSession::FeatureAnswer(text)));
        }))
    }

    /// Counts a call that answers with a message of its own.
    pub(super) fn count_feature_call(
        &mut self,
        id: Option<&CommandId>,
        command: &str,
        context: &mut SocketContext,
    ) -> Option<()> {
        if self.feature_calls >= self.hub.settings().feature_calls_max {
            self.refuse(id, command, &too_many(), context);
            return None;
        }
        self.feature_calls += 1;
        Some(())
    }

    /// Counts a call whose answer a host takes; false: too many are under way.
    pub(in crate::realtime) fn begin_feature_call(&mut self) -> bool {
        let may = self.feature_calls < self.hub.settings().feature_calls_max;
        self.feature_calls += usize::from(may);
        may
    }

    pub(in crate::realtime) fn end_feature_call(&mut self) {
        self.feature_calls -= 1;
    }

    /// Commands that may wait for the engine.
    pub(in crate::realtime) fn engine_calls_max(&self) -> usize {
        self.hub.settings().engine_calls_max
    }

    pub(super) fn ask_profile(
        &mut self,
        (user, sign_in): (UserId, SessionId),
        id: Option<CommandId>,
        ready: bool,
        context: &mut SocketContext,
    ) {
        if self.count_feature_call(id.as_ref(), "auth", context).is_none() {
            return;
        }
        let (address, backend) = (context.address(), self.backend.clone());
        let responder = Responder::new(move |result| {
            drop(address.try_send(ToSession::Profile(Box::new(ProfileAnswer { id, ready, result }))));
        });
        run(responder, async move { backend.profile(user, sign_in).await });
    }
}

/// Runs a feature's future as a task of this thread. If it panics, its responder answers for it.
pub(in crate::realtime) fn run<T: 'static>(
    responder: Responder<T>,
    future: impl Future<Output = Result<T, Refusal>> + 'static,
) {
    actix_web::rt::spawn(async move { responder.answer(future.await) });
}
