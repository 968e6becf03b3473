//! What the actors behind sockets share: commands out to the engine and the features, answers and events back out through
//! an [`Outlet`]. What may be done and seen is decided by [`greenroom_actors::session::Session`]; here is the I/O, whatever
//! the transport. `ws` hosts it behind a WebSocket, `socketio` behind whatever transport its client has.
//!
//! It never awaits: engine calls carry a responder that puts the ack into the actor's mailbox, feature calls run as tasks
//! of their own that do the same. (A future of the actor's own would stand still while the peer does not read.)
//!
//! Limits: both kinds of calls are counted and refused beyond their bound, which bounds the mailbox that their answers
//! come by; what comes from the shard has a queue of its own, which the shard bounds.

mod outlet;
mod commands;
mod calls;
mod joins;
mod sign_in;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytestring::ByteString;
use greenroom_actors::domain::{RoomId, SessionId, UserId};
use greenroom_actors::protocol::{Notification, NotificationLevel, Refusal, RefusalCode};
use greenroom_actors::session::{CloseCode, Session};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::backend::SharedBackend;
use super::delivery::{Body, ToSession, text_cost};
use super::hub::{Hub, Pace};
use super::shard::{Local, Shard};
use super::socket::Connection;
use super::wire::{self, CommandId, DecodeError, Hello, Request};

pub(super) use calls::{run, too_many};
pub(super) use outlet::Outlet;

/// What a session's methods send through.
type SocketContext = dyn Outlet;

pub(super) struct SessionActor {
    core: Session<Body>,
    hub: Hub,
    backend: SharedBackend,
    shard: Rc<Shard>,
    connection: Rc<Connection>,
    /// What the shard holds of this session; set when it starts.
    local: Option<Rc<Local>>,
    address: Option<IpAddr>,
    connected_at: Timestamp,
    engine_calls: usize,
    feature_calls: usize,
    /// Whether the user's messages are paced, as their plan is now.
    pace: Pace,
    /// A token of an identity provider is being checked.
    verifying: bool,
    /// Rooms whose open replies were asked for, and whether to ask once more.
    asked: Vec<(RoomId, bool)>,
    /// Rooms in which the user types by this socket.
    typing: Vec<RoomId>,
    /// Messages for which something has to be looked up first, and those that came after them: one behind the other.
    line: Arc<Mutex<()>>,
    closing: bool,
}

impl SessionActor {
    pub(super) fn new(
        hub: Hub,
        backend: SharedBackend,
        connection: Rc<Connection>,
        address: Option<IpAddr>,
    ) -> Self {
        let now = hub.now();
        let shard = Shard::of_this_thread(&hub);
        Self {
            core: Session::new(SessionId::new(), hub.settings().session.clone(), now),
            hub,
            backend,
            shard,
            connection,
            local: None,
            address,
            connected_at: now,
            engine_calls: 0,
            feature_calls: 0,
            pace: Pace::default(),
            verifying: false,
            asked: Vec::new(),
            typing: Vec::new(),
            line: Arc::default(),
            closing: false,
        }
    }

    /// Takes its place at the shard and greets the client. What comes from the shard is in the queue that this gives.
    pub(super) fn start(&mut self, context: &mut SocketContext) -> Rc<Local> {
        let local = Rc::new(Local::new(self.core.id(), Rc::clone(&self.connection), self.core.next_due()));
        self.shard.add(Rc::clone(&local));
        self.local = Some(Rc::clone(&local));
        context.greet(self.hello());
        if self.hub.is_draining() {
            // Draining began between the upgrade and now.
            self.close(CloseCode::Draining, context);
        }
        local
    }

    /// Gives up its place: the socket is gone.
    pub(super) fn stopped(&mut self) {
        let id = self.core.id();
        self.shard.remove(id, self.core.rooms());
        self.hub.unwatch_all(id);
        if let Some(identity) = self.core.identity() {
            let user = identity.user;
            if self.hub.people().remove(id, self.hub.now()) {
                self.shard.user_left(user);
            } else {
                self.hub.presence_changed(user);
            }
            for room in std::mem::take(&mut self.typing) {
                self.stop_typing(user, room);
            }
        }
    }

    /// Whose session it is; `None` before the sign-in.
    pub(super) fn user(&self) -> Option<UserId> {
        self.core.identity().map(|identity| identity.user)
    }

    pub(super) fn backend(&self) -> &SharedBackend {
        &self.backend
    }

    /// Whether the room is joined or being joined.
    pub(super) fn is_in(&self, room: RoomId) -> bool {
        self.core.is_in(room)
    }

    /// Whether the room is joined.
    pub(super) fn is_live(&self, room: RoomId) -> bool {
        self.core.is_live(room)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    pub(super) fn max_frame_bytes(&self) -> usize {
        self.hub.settings().max_frame_bytes
    }

    pub(super) fn close(&mut self, code: CloseCode, context: &mut SocketContext) {
        // Of one that lost something on the way here its shard has taken note.
        let lost = self.local.as_ref().is_some_and(|local| local.is_lost());
        if code == CloseCode::OutOfStep && !self.closing && !lost {
            self.hub.counters().out_of_step.fetch_add(1, Relaxed);
        }
        if self.begin_closing() {
            context.close(code);
        }
    }

    /// From here on nothing comes after the close that its outlet is to send; the peer gets some time to take it. False:
    /// it has been sent.
    pub(super) fn begin_closing(&mut self) -> bool {
        if std::mem::replace(&mut self.closing, true) {
            return false;
        }
        self.shard.closing(&self.connection);
        true
    }

    fn set_due(&self) {
        if let Some(local) = &self.local {
            local.set_due(self.core.next_due());
        }
    }

    fn hello(&self) -> ByteString {
        let settings = self.hub.settings();
        wire::hello(&Hello {
            protocol: 1,
            server: concat!("greenroom/", env!("CARGO_PKG_VERSION")),
            epoch: self.backend.epoch(),
            heartbeat_interval_ms: settings.session.heartbeat_interval.as_millis() as u64,
            auth_timeout_ms: settings.session.auth_timeout.as_millis() as u64,
            max_frame_bytes: settings.max_frame_bytes,
        })
    }

    /// The peer lives: it sent something. True when that was more than any client needs, and the socket is being closed.
    pub(super) fn heard(&mut self, context: &mut SocketContext) -> bool {
        let code = self.core.on_frame(self.hub.now());
        if let Some(code) = code {
            self.close(code, context);
        }
        code.is_some()
    }

    pub(super) fn on_text(&mut self, text: &str, context: &mut SocketContext) {
        let decoded = wire::decode(text, self.hub.settings().content_max_chars);
        if let Some(request) = self.admit(decoded, context) {
            self.on_command(request, context);
        }
    }

    /// The command, if it is one that may be carried out now; if not, the client is told.
    pub(super) fn admit(
        &mut self,
        decoded: Result<Request, DecodeError>,
        context: &mut SocketContext,
    ) -> Option<Request> {
        let request = match decoded {
            Ok(request) => request,
            Err(DecodeError::NotProtocol) => {
                self.close(CloseCode::NotProtocol, context);
                return None;
            }
            Err(DecodeError::Refused { id, command, refusal }) => {
                self.refuse(id.as_ref(), &command, &refusal, context);
                // A text that is not taken is a person's doing, the rest a client's.
                let bad = matches!(refusal.code, RefusalCode::BadRequest | RefusalCode::UnknownCommand);
                if bad && let Some(code) = self.core.on_bad_frame() {
                    self.close(code, context);
                }
                return None;
            }
        };
        self.core.set_pacing(self.pace.get());
        match self.core.admit(request.command.class(), self.hub.now()) {
            Ok(()) => Some(request),
            Err(refusal) => {
                self.refuse(request.id.as_ref(), request.command.name(), &refusal, context);
                None
            }
        }
    }

    /// Says no: by an ack where one is wanted, else by an `error` event.
    pub(super) fn refuse(
        &self,
        id: Option<&CommandId>,
        command: &str,
        refusal: &Refusal,
        context: &mut SocketContext,
    ) {
        context.text(match id {
            Some(id) => wire::refused(id, refusal),
            None => wire::refused_silently(command, refusal),
        });
    }

    fn on_tick(&mut self, context: &mut SocketContext) {
        let due = self.core.on_tick(self.hub.now());
        if due.token_ends {
            context.text(wire::notification(&Notification {
                kind: "token_expiring".to_owned(),
                title: "Your sign-in ends soon".to_owned(),
                body: "Send auth with a newer token to stay connected.".to_owned(),
                level: NotificationLevel::Warning,
            }));
        }
        if due.ping {
            context.ping();
        }
        if let Some(code) = due.close {
            self.close(code, context);
        }
        self.set_due();
    }

    /// What its shard or an answer brought.
    pub(super) fn on_message(&mut self, message: ToSession, context: &mut SocketContext) {
        if self.closing {
            return;
        }
        match message {
            ToSession::Frames { room, batch } => {
                self.taken(batch.cost);
                self.on_frames(room, &batch.frames, context);
            }
            ToSession::Resync { room, head } => {
                self.taken(0);
                if let Some(code) = self.core.on_resync(room, head) {
                    self.close(code, context);
                }
            }
            ToSession::Text(text) => {
                self.taken(text_cost(&text));
                context.text(text);
            }
            ToSession::Tick => self.on_tick(context),
            ToSession::Close(code) => self.close(code, context),
            ToSession::EngineAnswer(text) => {
                self.engine_calls -= 1;
                if let Some(text) = text {
                    context.text(text);
                }
            }
            ToSession::FeatureAnswer(text) => {
                self.feature_calls -= 1;
                if let Some(text) = text {
                    context.text(text);
                }
            }
            ToSession::Verified(answer) => {
                self.feature_calls -= 1;
                self.on_verified(*answer, context);
            }
            ToSession::Profile(answer) => {
                self.feature_calls -= 1;
                self.on_profile(*answer, context);
            }
            ToSession::Joined(answer) => {
                self.feature_calls -= 1;
                self.on_joined(*answer, context);
            }
            // Whoever asked has taken it before.
            ToSession::Found(_) => self.feature_calls -= 1,
            ToSession::Replies { room, replies } => self.on_replies(room, &replies, context),
        }
    }

    fn taken(&self, cost: usize) {
        if let Some(local) = &self.local {
            local.taken(cost);
        }
    }
}
