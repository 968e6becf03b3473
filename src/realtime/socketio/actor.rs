//! The actor that hosts a session of a Socket.IO client, on the worker thread where its handshake arrived.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, StreamHandler};
use futures_util::stream::poll_fn;
use greenroom_actors::domain::CharacterId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use greenroom_actors::session::CloseCode;
use serde::Deserialize;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::outbox::{Outbox, Room};
use super::outgoing::{Outgoing, Stage};
use super::packet::{self, Packet, SEPARATOR};
use super::sends::Sends;
use super::sids::{Begun, Incoming, Unsigned};
use crate::error::FieldError;
use crate::realtime::delivery::ToSession;
use crate::realtime::hub::Hub;
use crate::realtime::session::{Outlet, SessionActor};
use crate::realtime::shard::Local;
use crate::realtime::wire::{self, CommandId};

pub(super) struct SocketIoActor {
    pub(super) session: SessionActor,
    pub(super) out: Outgoing,
    pub(super) sends: Sends,
    hub: Hub,
    inbox: Option<mpsc::Receiver<Incoming>>,
    /// Counts until the sign-in.
    unsigned: Option<Unsigned>,
    /// The token that came with the handshake request.
    token: Option<Box<str>>,
    /// The character whose conversation it joins once it is connected.
    character: Option<CharacterId>,
}

impl SocketIoActor {
    /// Starts it on this thread.
    pub(super) fn begin(session: SessionActor, hub: Hub, begun: Begun, token: Option<Box<str>>) {
        Self::create(|context| Self {
            session,
            out: Outgoing::new(begun.carried.outbox, hub.clone(), context.address()),
            sends: Sends::default(),
            hub,
            inbox: Some(begun.inbox),
            unsigned: Some(begun.unsigned),
            token,
            character: None,
        });
    }

    fn on_incoming(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Payload(body, done) => {
                for packet in body.split(SEPARATOR) {
                    self.on_packet(packet);
                }
                // The request may have been given up.
                let _ = done.send(());
            }
            Incoming::Packet(packet) => self.on_packet(&packet),
            Incoming::Binary => self.refuse_binary(),
            Incoming::TooLarge => self.session.close(CloseCode::TooLarge, &mut self.out),
            Incoming::Garbage => self.session.close(CloseCode::NotProtocol, &mut self.out),
        }
    }

    fn on_packet(&mut self, text: &str) {
        if self.session.is_closing() || self.session.heard(&mut self.out) {
            return;
        }
        match packet::read(text) {
            Ok(Packet::Pong | Packet::Noop) => {}
            Ok(Packet::Close | Packet::Disconnect) => self.leave(),
            Ok(Packet::Connect(auth)) if self.out.stage == Stage::Outside => self.connect(auth),
            Ok(Packet::ConnectElsewhere(name)) => self.refuse_namespace(name),
            Ok(Packet::Event { id, payload }) if self.out.stage == Stage::Connected => {
                self.on_event(id, payload);
            }
            Ok(Packet::Ack) if self.out.stage == Stage::Connected => {}
            Ok(Packet::Binary) => self.refuse_binary(),
            // Malformed, or before it was connected to what it speaks to.
            Ok(Packet::Connect(_) | Packet::Event { .. } | Packet::Ack) | Err(_) => {
                self.session.close(CloseCode::NotProtocol, &mut self.out);
            }
        }
    }

    /// The client goes: nothing is said any more.
    fn leave(&mut self) {
        if self.session.begin_closing() {
            self.out.end(None);
        }
    }

    fn refuse_binary(&mut self) {
        self.out.because("binary packets are not taken: send JSON");
        self.session.close(CloseCode::NotProtocol, &mut self.out);
    }

    fn refuse_namespace(&mut self, name: &str) {
        // Taken apart from it by a comma, so that there is none in it; the rest goes back as it came.
        let error = r#"{"message":"Invalid namespace","data":{"code":"not_found"}}"#;
        self.out.packet(format!("44{name},{error}"));
    }

    /// The client connects to the namespace, with a token here or with one that came with its first request.
    fn connect(&mut self, auth: Option<&str>) {
        self.out.stage = Stage::Connecting;
        let (token, character) = match read_auth(auth) {
            Ok(auth) => auth,
            Err(refusal) => return self.deny(&refusal),
        };
        self.character = character;
        let Some(token) = token.or_else(|| self.token.as_deref().map(str::to_owned)) else {
            let refusal = Refusal::new(RefusalCode::Unauthenticated, "sign in: auth.token is missing");
            return self.deny(&refusal);
        };
        self.session.on_token(&token, None, true, &mut self.out);
    }

    fn deny(&mut self, refusal: &Refusal) {
        // This outlet always has a word for it.
        let _ = self.out.deny(refusal);
    }

    fn on_event(&mut self, id: Option<u64>, payload: &str) {
        let id = id.map(|id| i64::try_from(id).map_or(CommandId::Unsigned(id), CommandId::Integer));
        let decoded = wire::decode_event(payload, id, self.hub.settings().content_max_chars);
        if let Some(request) = self.session.admit(decoded, &mut self.out) {
            self.on_request(request);
        }
    }

    fn on_told(&mut self, message: ToSession) {
        if self.session.is_closing() {
            return;
        }
        match message {
            ToSession::Found(answer) => self.on_found(*answer),
            ToSession::Joined(answer) => self.on_joined(*answer),
            message => {
                let before = self.out.stage;
                self.session.on_message(message, &mut self.out);
                if before != self.out.stage && self.out.stage == Stage::Connected {
                    self.on_connected();
                }
            }
        }
    }

    fn on_connected(&mut self) {
        self.unsigned = None;
        self.token = None;
        if let Some(character) = self.character.take() {
            self.follow(character);
        }
    }
}

/// What came with a CONNECT packet: a token and a character.
fn read_auth(auth: Option<&str>) -> Result<(Option<String>, Option<CharacterId>), Refusal> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Auth {
        token: Option<String>,
        character_id: Option<String>,
    }
    let bad = |_| Refusal::from(FieldError::new("auth", "takes an object with token and characterId"));
    let auth: Auth = auth.map(serde_json::from_str).transpose().map_err(bad)?.unwrap_or_default();
    let character = auth.character_id.map(|id| Uuid::try_parse(&id)).transpose();
    let character =
        character.map_err(|_| Refusal::from(FieldError::new("characterId", "takes an id (a UUID)")))?;
    Ok((auth.token, character.map(CharacterId::from_uuid)))
}

/// What the actor's one stream brings: from its shard and from its client, while the client keeps up.
enum Next {
    Shard(ToSession),
    Client(Incoming),
    Over,
}

/// Alternates between both, so that neither keeps the other waiting.
struct Intake {
    outbox: Arc<Outbox>,
    local: Rc<Local>,
    inbox: mpsc::Receiver<Incoming>,
    client_first: bool,
}

impl Intake {
    fn poll(&mut self, task: &mut Task<'_>) -> Poll<Option<Next>> {
        match self.outbox.poll_room(task) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Room::Over) => return Poll::Ready(Some(Next::Over)),
            Poll::Ready(Room::There) => {}
        }
        self.client_first = !self.client_first;
        for client in [self.client_first, !self.client_first] {
            let next = if client {
                // Its senders are in the registry until the session is over.
                self.inbox.poll_recv(task).map(|incoming| incoming.map_or(Next::Over, Next::Client))
            } else {
                self.local.poll_next(task).map(|told| told.map_or(Next::Over, Next::Shard))
            };
            if let Poll::Ready(next) = next {
                return Poll::Ready(Some(next));
            }
        }
        Poll::Pending
    }
}

impl Actor for SocketIoActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        let local = self.session.start(&mut self.out);
        if let Some(inbox) = self.inbox.take() {
            let outbox = Arc::clone(&self.out.outbox);
            let mut intake = Intake { outbox, local, inbox, client_first: false };
            context.add_stream(poll_fn(move |task| intake.poll(task)));
        }
        if self.out.ended {
            context.stop();
        }
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.session.stopped();
    }
}

impl StreamHandler<Next> for SocketIoActor {
    fn handle(&mut self, next: Next, context: &mut Context<Self>) {
        match next {
            Next::Shard(message) => self.on_told(message),
            Next::Client(incoming) => self.on_incoming(incoming),
            Next::Over => context.stop(),
        }
        if self.out.ended {
            context.stop();
        }
    }

    fn finished(&mut self, context: &mut Context<Self>) {
        context.stop();
    }
}

/// From other threads: answers.
impl Handler<ToSession> for SocketIoActor {
    type Result = ();

    fn handle(&mut self, message: ToSession, context: &mut Context<Self>) {
        self.on_told(message);
        if self.out.ended {
            context.stop();
        }
    }
}
