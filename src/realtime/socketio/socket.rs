//! A WebSocket that carries a session: its own from the start, or one that takes over from polling.
//!
//! It is the body of the upgrade's response, polled by its connection: it reads frames as far as its session takes them
//! and writes what waits in the outbox, many packets in one write.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::ws::{CloseReason, Codec, Frame, Item, Message, ProtocolError};
use actix_web::http::{StatusCode, header};
use actix_web::rt::time::{Sleep, sleep};
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder, web};
use actix_web_actors::ws;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::Stream;
use greenroom_actors::session::CloseCode;
use tokio_util::codec::{Decoder as _, Encoder as _};
use tokio_util::sync::PollSender;

use super::UPGRADE_TIMEOUT;
use super::outbox::{Outbox, Standing};
use super::packet::{PROBE, PROBED, UPGRADE};
use super::sids::{Carried, Incoming};
use crate::error::ApiError;
use crate::realtime::hub::Hub;
use crate::realtime::shard::Shard;
use crate::realtime::socket::Connection;

/// Bytes that go into one write.
const WRITE_BYTES: usize = 32_768;

/// How far a WebSocket is.
enum Stage {
    /// It may take over until the time is over.
    Waiting(Pin<Box<Sleep>>),
    /// The same, and polling is being wound up for it.
    Probed(Pin<Box<Sleep>>),
    Carrying,
    /// Nothing is read any more; what is to be written goes out.
    Ended,
}

struct Carrier {
    /// `None`: nothing more can be read.
    payload: Option<web::Payload>,
    codec: Codec,
    read: BytesMut,
    write: BytesMut,
    inbox: PollSender<Incoming>,
    outbox: Arc<Outbox>,
    /// A text that comes in pieces.
    partial: Option<BytesMut>,
    max_bytes: usize,
    stage: Stage,
}

/// The answer to a WebSocket's request, if it is one.
pub(super) fn handshake(request: &HttpRequest) -> Result<HttpResponseBuilder, ApiError> {
    ws::handshake(request).map_err(|error| {
        let message = format!("this is a WebSocket: {error}");
        ApiError::new(StatusCode::BAD_REQUEST, "bad_request", message)
            .with_header(header::UPGRADE, header::HeaderValue::from_static("websocket"))
    })
}

/// The WebSocket of a session that has just begun, whose first packet is `open`.
pub(super) fn open(
    mut response: HttpResponseBuilder,
    request: &HttpRequest,
    payload: web::Payload,
    carried: Carried,
    open: String,
    hub: &Hub,
) -> HttpResponse {
    let mut carrier = Carrier::new(request, payload, carried, hub, Stage::Carrying);
    carrier.text(open.into());
    response.streaming(carrier)
}

/// A WebSocket that is to take a session over.
pub(super) fn upgrade(
    request: &HttpRequest,
    payload: web::Payload,
    carried: Carried,
    hub: &Hub,
) -> Result<HttpResponse, ApiError> {
    let mut response = handshake(request)?;
    let stage = Stage::Waiting(Box::pin(sleep(UPGRADE_TIMEOUT)));
    Ok(response.streaming(Carrier::new(request, payload, carried, hub, stage)))
}

impl Carrier {
    fn new(request: &HttpRequest, payload: web::Payload, carried: Carried, hub: &Hub, stage: Stage) -> Self {
        // The connection of one that takes nothing is ended by this thread's shard.
        Shard::of_this_thread(hub).watch(Connection::of(request), Arc::clone(&carried.outbox));
        let max_bytes = hub.settings().max_frame_bytes;
        Self {
            payload: Some(payload),
            codec: Codec::new().max_size(max_bytes),
            read: BytesMut::new(),
            write: BytesMut::new(),
            inbox: PollSender::new(carried.inbox),
            outbox: carried.outbox,
            partial: None,
            max_bytes,
            stage,
        }
    }

    fn text(&mut self, text: ByteString) {
        self.encode(Message::Text(text));
    }

    fn encode(&mut self, message: Message) {
        // It fails for pieces out of order alone, and there are no pieces.
        if self.codec.encode(message, &mut self.write).is_err() {
            self.stage = Stage::Ended;
        }
    }

    /// Reads frames as long as there are some and the session takes them.
    fn poll_read(&mut self, task: &mut Context<'_>) {
        if let Stage::Waiting(time) | Stage::Probed(time) = &mut self.stage
            && time.as_mut().poll(task).is_ready()
        {
            return self.give_up();
        }
        while !matches!(self.stage, Stage::Ended) {
            let Some(payload) = &mut self.payload else { return };
            match self.inbox.poll_reserve(task) {
                Poll::Pending => return,
                // The session is over; the outbox says how.
                Poll::Ready(Err(_)) => return,
                Poll::Ready(Ok(())) => {}
            }
            match self.codec.decode(&mut self.read) {
                Ok(Some(frame)) => self.on_frame(frame),
                Ok(None) => match Pin::new(payload).poll_next(task) {
                    Poll::Pending => return,
                    Poll::Ready(Some(Ok(bytes))) => self.read.extend_from_slice(&bytes),
                    Poll::Ready(Some(Err(_)) | None) => return self.gone(),
                },
                Err(ProtocolError::Overflow) => return self.pass_last(Incoming::TooLarge),
                Err(_) => return self.pass_last(Incoming::Garbage),
            }
        }
    }

    fn on_frame(&mut self, frame: Frame) {
        match frame {
            Frame::Text(text) => self.on_text(text),
            Frame::Continuation(Item::FirstText(piece) | Item::Continue(piece)) => {
                self.on_piece(&piece);
            }
            Frame::Continuation(Item::Last(piece)) => {
                self.on_piece(&piece);
                if let Some(whole) = self.partial.take() {
                    self.on_text(whole.freeze());
                }
            }
            Frame::Binary(_) | Frame::Continuation(Item::FirstBinary(_)) => self.pass(Incoming::Binary),
            Frame::Ping(payload) => self.encode(Message::Pong(payload)),
            Frame::Pong(_) => {}
            Frame::Close(reason) => {
                self.encode(Message::Close(reason));
                self.gone();
            }
        }
    }

    fn on_piece(&mut self, piece: &Bytes) {
        let mut whole = self.partial.take().unwrap_or_default();
        if whole.len() + piece.len() > self.max_bytes {
            return self.pass_last(Incoming::TooLarge);
        }
        whole.extend_from_slice(piece);
        self.partial = Some(whole);
    }

    fn on_text(&mut self, text: Bytes) {
        let Ok(text) = ByteString::try_from(text) else { return self.pass(Incoming::Garbage) };
        self.stage = match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Waiting(time) if text == PROBE && self.outbox.probe().is_ok() => {
                self.text(ByteString::from_static(PROBED));
                Stage::Probed(time)
            }
            Stage::Probed(_) if text == UPGRADE => {
                self.outbox.upgrade();
                Stage::Carrying
            }
            // Not what takes a session over, or the session has a WebSocket: this one goes, the session stays.
            Stage::Waiting(_) | Stage::Ended => Stage::Ended,
            Stage::Probed(_) => {
                self.outbox.give_up_probe();
                Stage::Ended
            }
            Stage::Carrying => {
                self.stage = Stage::Carrying;
                return self.pass(Incoming::Packet(text));
            }
        };
    }

    /// Hands it to the session, for which there is a place: it was reserved.
    fn pass(&mut self, incoming: Incoming) {
        if matches!(self.stage, Stage::Carrying) {
            // Closed: then the session is over, which the outbox tells.
            let _ = self.inbox.send_item(incoming);
        } else {
            self.give_up();
        }
    }

    /// The same; nothing can be read after it.
    fn pass_last(&mut self, incoming: Incoming) {
        self.pass(incoming);
        // The session's answer is still to be written.
        self.payload = None;
        self.read = BytesMut::new();
        self.partial = None;
    }

    /// The peer went.
    fn gone(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Carrying => self.outbox.kill(),
            Stage::Probed(_) => self.outbox.give_up_probe(),
            Stage::Waiting(_) | Stage::Ended => {}
        }
    }

    /// It did not take the session over.
    fn give_up(&mut self) {
        self.encode(Message::Close(None));
        self.gone();
    }

    fn poll_write(&mut self, task: &Context<'_>) {
        if !matches!(self.stage, Stage::Carrying) {
            return;
        }
        let (outbox, codec, write) = (&self.outbox, &mut self.codec, &mut self.write);
        let mut failed = false;
        let standing = outbox.poll_packets(task, WRITE_BYTES, |packet| {
            failed |= codec.encode(Message::Text(packet), write).is_err();
        });
        match standing {
            Standing::Open if !failed => {}
            Standing::Closed(code) => {
                self.encode(Message::Close(Some(reason(code))));
                self.stage = Stage::Ended;
                self.outbox.kill();
            }
            Standing::Open | Standing::Dead => self.gone(),
        }
    }
}

/// Without a code: the client left by itself.
fn reason(code: Option<CloseCode>) -> CloseReason {
    CloseReason {
        code: code.map_or(1000, CloseCode::number).into(),
        description: code.map(|code| code.reason().to_owned()),
    }
}

impl Stream for Carrier {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.poll_read(task);
        this.poll_write(task);
        if !this.write.is_empty() {
            // Polled again at once: whatever is left finds its waker then.
            return Poll::Ready(Some(Ok(std::mem::take(&mut this.write).freeze())));
        }
        if matches!(this.stage, Stage::Ended) { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.gone();
    }
}
