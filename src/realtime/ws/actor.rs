//! The actor that hosts a session on a WebSocket of the native protocol: each of its texts is a frame.

use std::rc::Rc;

use actix::{Actor, ActorContext, AsyncContext, Handler, Recipient, StreamHandler};
use actix_http::ws::Item;
use actix_web_actors::ws::{self, WebsocketContext};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::stream::poll_fn;
use greenroom_actors::session::CloseCode;

use crate::realtime::delivery::{Body, ToSession};
use crate::realtime::session::{Outlet, SessionActor};

type SocketContext = WebsocketContext<SocketActor>;

pub(super) struct SocketActor {
    session: SessionActor,
    /// The token that came with the upgrade.
    token: Option<Box<str>>,
    /// A text frame that comes in pieces.
    partial: Option<Box<BytesMut>>,
}

impl SocketActor {
    pub(super) fn new(session: SessionActor, token: Option<Box<str>>) -> Self {
        Self { session, token, partial: None }
    }

    /// A piece of a text frame. The codec has seen to it that the pieces follow one another.
    fn on_piece(&mut self, piece: &Bytes, last: bool, context: &mut SocketContext) {
        let mut whole = self.partial.take().unwrap_or_default();
        if whole.len() + piece.len() > self.session.max_frame_bytes() {
            return self.session.close(CloseCode::TooLarge, context);
        }
        whole.extend_from_slice(piece);
        if !last {
            self.partial = Some(whole);
            return;
        }
        match std::str::from_utf8(&whole) {
            Ok(text) => self.session.on_text(text, context),
            Err(_) => self.session.close(CloseCode::NotProtocol, context),
        }
    }

    /// The peer closes: it gets its own reason back.
    fn on_close(&mut self, reason: Option<ws::CloseReason>, context: &mut SocketContext) {
        if self.session.begin_closing() {
            context.close(reason);
            context.stop();
        }
    }
}

impl Outlet for SocketContext {
    fn text(&mut self, text: ByteString) {
        WebsocketContext::text(self, text);
    }

    fn frame(&mut self, frame: &Body) {
        WebsocketContext::text(self, frame.native().clone());
    }

    fn ping(&mut self) {
        WebsocketContext::ping(self, b"");
    }

    fn close(&mut self, code: CloseCode) {
        let reason = ws::CloseReason {
            code: ws::CloseCode::from(code.number()),
            description: Some(code.reason().into()),
        };
        WebsocketContext::close(self, Some(reason));
        self.stop();
    }

    fn address(&self) -> Recipient<ToSession> {
        AsyncContext::address(self).recipient()
    }
}

impl Actor for SocketActor {
    type Context = SocketContext;

    fn started(&mut self, context: &mut SocketContext) {
        let local = self.session.start(context);
        let deliveries = Rc::clone(&local);
        <Self as StreamHandler<ToSession>>::add_stream(
            poll_fn(move |task| deliveries.poll_next(task)),
            context,
        );
        if let Some(token) = self.token.take()
            && !self.session.is_closing()
        {
            self.session.on_token(&token, None, true, context);
        }
    }

    fn stopped(&mut self, _: &mut SocketContext) {
        self.session.stopped();
    }
}

/// From other threads: answers.
impl Handler<ToSession> for SocketActor {
    type Result = ();

    fn handle(&mut self, message: ToSession, context: &mut SocketContext) {
        self.session.on_message(message, context);
    }
}

/// From this thread's shard.
impl StreamHandler<ToSession> for SocketActor {
    fn handle(&mut self, message: ToSession, context: &mut SocketContext) {
        self.session.on_message(message, context);
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for SocketActor {
    fn handle(&mut self, frame: Result<ws::Message, ws::ProtocolError>, context: &mut SocketContext) {
        if self.session.is_closing() || self.session.heard(context) {
            return;
        }
        match frame {
            Ok(ws::Message::Text(text)) => self.session.on_text(&text, context),
            Ok(ws::Message::Ping(payload)) => context.pong(&payload),
            Ok(ws::Message::Pong(_) | ws::Message::Nop) => {}
            Ok(ws::Message::Continuation(piece)) => match piece {
                Item::FirstText(piece) | Item::Continue(piece) => self.on_piece(&piece, false, context),
                Item::Last(piece) => self.on_piece(&piece, true, context),
                Item::FirstBinary(_) => self.session.close(CloseCode::NotProtocol, context),
            },
            Ok(ws::Message::Binary(_)) => self.session.close(CloseCode::NotProtocol, context),
            Ok(ws::Message::Close(reason)) => self.on_close(reason, context),
            Err(ws::ProtocolError::Overflow) => self.session.close(CloseCode::TooLarge, context),
            // No WebSocket frame, or text that is not UTF-8, or the peer is gone.
            Err(_) => self.session.close(CloseCode::NotProtocol, context),
        }
    }
}
