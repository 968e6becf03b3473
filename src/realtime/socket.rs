//! The TCP connection under a socket: its options, and a handle by which a stuck one is ended.
//!
//! A connection's service is polled only while less than 32 KiB wait to be written, so a peer that stops reading stops
//! its session's timers and its close too. What ends it then is the kernel (`TCP_USER_TIMEOUT`), or [`Connection::shut`]
//! from outside.

use std::any::Any;
use std::cell::Cell;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use socket2::SockRef;

use super::socketio::Outbox;

/// What is set on each accepted connection.
#[derive(Clone, Copy, Debug)]
pub struct SocketOptions {
    /// How long sent bytes may stay unacknowledged, or the peer's window closed, before the kernel gives up.
    pub user_timeout: Duration,
    /// The kernel's send buffer: bounds what it holds for a slow peer.
    pub send_buffer_bytes: usize,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { user_timeout: Duration::from_secs(15), send_buffer_bytes: 65_536 }
    }
}

/// For `HttpServer::on_connect`: sets the options and keeps a handle of the connection for its requests.
pub fn on_connect(
    options: SocketOptions,
) -> impl Fn(&dyn Any, &mut Extensions) + Clone + Send + Sync + 'static {
    move |io, extensions| {
        let Some(stream) = io.downcast_ref::<TcpStream>() else { return };
        let socket = SockRef::from(stream);
        // A connection that refuses an option still works.
        let set = [
            stream.set_nodelay(true),
            socket.set_send_buffer_size(options.send_buffer_bytes),
            #[cfg(target_os = "linux")]
            socket.set_tcp_user_timeout(Some(options.user_timeout)),
        ];
        if let Some(error) = set.into_iter().find_map(Result::err) {
            tracing::debug!(%error, "a socket option was not set");
        }
        extensions.insert(Guard(Rc::new(Connection::Stream(Cell::new(Some(stream.as_raw_fd()))))));
    }
}

/// Lives in the connection's extensions, which are dropped together with its stream.
struct Guard(Rc<Connection>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Connection::Stream(fd) = &*self.0 {
            fd.set(None);
        }
    }
}

/// What a session stands on, as long as it does.
#[derive(Debug)]
pub(super) enum Connection {
    /// A connection of this worker thread.
    Stream(Cell<Option<RawFd>>),
    /// A session that requests and connections of any thread carry.
    Session(Arc<Outbox>),
}

impl Connection {
    /// The connection that a request came by; a closed one where the server was built without [`on_connect`].
    pub(super) fn of(request: &HttpRequest) -> Rc<Self> {
        request
            .conn_data::<Guard>()
            .map_or_else(|| Rc::new(Self::Stream(Cell::new(None))), |guard| Rc::clone(&guard.0))
    }

    pub(super) fn of_session(outbox: Arc<Outbox>) -> Self {
        Self::Session(outbox)
    }

    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Stream(fd) => fd.get().is_some(),
            Self::Session(outbox) => !outbox.is_dead(),
        }
    }

    /// Ends the connection both ways at once: its service wakes up, fails, and drops all that it holds. A session's
    /// actor and transports end.
    pub(super) fn shut(&self) {
        match self {
            Self::Stream(fd) => {
                if let Some(fd) = fd.get() {
                    shut(fd);
                }
            }
            Self::Session(outbox) => outbox.kill(),
        }
    }
}

#[allow(unsafe_code)]
fn shut(fd: RawFd) {
    // SAFETY: the descriptor is open. A `Connection` holds it only until its `Guard` is dropped, which happens in the
    // same drop, on this same thread (`Rc` keeps both from leaving it), that closes the stream.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    if let Err(error) = SockRef::from(&borrowed).shutdown(std::net::Shutdown::Both) {
        tracing::debug!(%error, "a stuck connection was gone already");
    }
}
