//! The actor that hosts one socket's session: frames in, commands out to the engine and the features, answers and events
//! back out as frames. What may be done and seen is decided by [`greenroom_actors::session::Session`]; here is the I/O.
//!
//! It never awaits: engine calls carry a responder that puts the ack into this mailbox, feature calls run as tasks of
//! their own that do the same. (A future of the actor's own would stand still while the peer does not read.)
//!
//! Limits: both kinds of calls are counted and refused beyond their bound, which bounds the mailbox that their answers
//! come by; what comes from the shard has a queue of its own, which the shard bounds.

mod commands;
mod calls;
mod joins;
mod sign_in;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use actix::{Actor, ActorContext, Handler, StreamHandler};
use actix_http::ws::Item;
use actix_web_actors::ws::{self, WebsocketContext};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::stream::poll_fn;
use greenroom_actors::domain::{RoomId, SessionId};
use greenroom_actors::protocol::{Notification, NotificationLevel, Refusal, RefusalCode};
use greenroom_actors::session::{CloseCode, Session};
use jiff::Timestamp;

use super::backend::SharedBackend;
use super::delivery::{ToSession, text_cost};
use super::hub::Hub;
use super::shard::{Local, Shard};
use super::socket::Connection;
use super::wire::{self, CommandId, DecodeError, Hello};

type SocketContext = WebsocketContext<SessionActor>;

pub(super) struct SessionActor {
    core: Session<ByteString>,
    hub: Hub,
    backend: SharedBackend,
    shard: Rc<Shard>,
    connection: Rc<Connection>,
    /// What the shard holds of this session; set when it starts.
    local: Option<Rc<Local>>,
    /// The token that came with the upgrade.
    token: Option<Box<str>>,
    address: Option<IpAddr>,
    connected_at: Timestamp,
    /// A text frame that comes in pieces.
    partial: Option<Box<BytesMut>>,
    engine_calls: usize,
    feature_calls: usize,
    /// A token of an identity provider is being checked.
    verifying: bool,
    /// Rooms whose open replies were asked for, and whether to ask once more.
    asked: Vec<(RoomId, bool)>,
    closing: bool,
}

impl SessionActor {
    pub(super) fn new(
        hub: Hub,
        backend: SharedBackend,
        connection: Rc<Connection>,
        token: Option<Box<str>>,
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
            token,
            address,
            connected_at: now,
            partial: None,
            engine_calls: 0,
            feature_calls: 0,
            verifying: false,
            asked: Vec::new(),
            closing: false,
        }
    }

    fn close(&mut self, code: CloseCode, context: &mut SocketContext) {
        // Of one that lost something on the way here its shard has taken note.
        let lost = self.local.as_ref().is_some_and(|local| local.is_lost());
        if code == CloseCode::OutOfStep && !self.closing && !lost {
            self.hub.counters().out_of_step.fetch_add(1, Relaxed);
        }
        let reason = ws::CloseReason {
            code: ws::CloseCode::from(code.number()),
            description: Some(code.reason().into()),
        };
        self.end(Some(reason), context);
    }

    /// Sends a close frame and nothing after it. The peer gets some time to take it.
    fn end(&mut self, reason: Option<ws::CloseReason>, context: &mut SocketContext) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        context.close(reason);
        context.stop();
        self.shard.closing(&self.connection);
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

    fn on_text(&mut self, text: &str, context: &mut SocketContext) {
        let request = match wire::decode(text, self.hub.settings().content_max_chars) {
            Ok(request) => request,
            Err(DecodeError::NotProtocol) => return self.close(CloseCode::NotProtocol, context),
            Err(DecodeError::Refused { id, command, refusal }) => {
                self.refuse(id.as_ref(), &command, &refusal, context);
                // A text that is not taken is a person's doing, the rest a client's.
                let bad = matches!(refusal.code, RefusalCode::BadRequest | RefusalCode::UnknownCommand);
                if bad && let Some(code) = self.core.on_bad_frame() {
                    self.close(code, context);
                }
                return;
            }
        };
        let name = request.command.name();
        match self.core.admit(request.command.class(), self.hub.now()) {
            Ok(()) => self.on_command(request, context),
            Err(refusal) => self.refuse(request.id.as_ref(), name, &refusal, context),
        }
    }

    /// A piece of a text frame. The codec has seen to it that the pieces follow one another.
    fn on_piece(&mut self, piece: &Bytes, last: bool, context: &mut SocketContext) {
        let mut whole = self.partial.take().unwrap_or_default();
        if whole.len() + piece.len() > self.hub.settings().max_frame_bytes {
            return self.close(CloseCode::TooLarge, context);
        }
        whole.extend_from_slice(piece);
        if !last {
            self.partial = Some(whole);
            return;
        }
        match std::str::from_utf8(&whole) {
            Ok(text) => self.on_text(text, context),
            Err(_) => self.close(CloseCode::NotProtocol, context),
        }
    }

    /// Says no: by an ack where one is wanted, else by an `error` event.
    fn refuse(&self, id: Option<&CommandId>, command: &str, refusal: &Refusal, context: &mut SocketContext) {
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
            context.ping(b"");
        }
        if let Some(code) = due.close {
            self.close(code, context);
        }
        self.set_due();
    }
}

impl Actor for SessionActor {
    type Context = SocketContext;

    fn started(&mut self, context: &mut SocketContext) {
        let local = Rc::new(Local::new(self.core.id(), Rc::clone(&self.connection), self.core.next_due()));
        self.shard.add(Rc::clone(&local));
        let deliveries = Rc::clone(&local);
        <Self as StreamHandler<ToSession>>::add_stream(
            poll_fn(move |task| deliveries.poll_next(task)),
            context,
        );
        self.local = Some(local);
        context.text(self.hello());
        if self.hub.is_draining() {
            // Draining began between the upgrade and now.
            self.close(CloseCode::Draining, context);
        } else if let Some(token) = self.token.take() {
            self.on_token(&token, None, true, context);
        }
    }

    fn stopped(&mut self, _: &mut SocketContext) {
        let id = self.core.id();
        self.shard.remove(id, self.core.rooms());
        self.hub.unwatch_all(id);
        if let Some(identity) = self.core.identity() {
            let before = self.hub.online(identity.user);
            if self.hub.people().remove(id) {
                self.shard.user_left(identity.user);
            } else {
                self.hub.presence_changed(identity.user, before);
            }
        }
    }
}

/// From other threads: answers.
impl Handler<ToSession> for SessionActor {
    type Result = ();

    fn handle(&mut self, message: ToSession, context: &mut SocketContext) {
        StreamHandler::handle(self, message, context);
    }
}

/// From this thread's shard.
impl StreamHandler<ToSession> for SessionActor {
    fn handle(&mut self, message: ToSession, context: &mut SocketContext) {
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
            ToSession::Replies { room, replies } => self.on_replies(room, &replies, context),
        }
    }
}

impl SessionActor {
    fn taken(&self, cost: usize) {
        if let Some(local) = &self.local {
            local.taken(cost);
        }
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for SessionActor {
    fn handle(&mut self, frame: Result<ws::Message, ws::ProtocolError>, context: &mut SocketContext) {
        if self.closing {
            return;
        }
        if let Some(code) = self.core.on_frame(self.hub.now()) {
            return self.close(code, context);
        }
        match frame {
            Ok(ws::Message::Text(text)) => self.on_text(&text, context),
            Ok(ws::Message::Ping(payload)) => context.pong(&payload),
            Ok(ws::Message::Pong(_) | ws::Message::Nop) => {}
            Ok(ws::Message::Continuation(piece)) => match piece {
                Item::FirstText(piece) | Item::Continue(piece) => self.on_piece(&piece, false, context),
                Item::Last(piece) => self.on_piece(&piece, true, context),
                Item::FirstBinary(_) => self.close(CloseCode::NotProtocol, context),
            },
            Ok(ws::Message::Binary(_)) => self.close(CloseCode::NotProtocol, context),
            Ok(ws::Message::Close(reason)) => self.end(reason, context),
            Err(ws::ProtocolError::Overflow) => self.close(CloseCode::TooLarge, context),
            // No WebSocket frame, or text that is not UTF-8, or the peer is gone.
            Err(_) => self.close(CloseCode::NotProtocol, context),
        }
    }
}
