//! Connecting from several addresses of 127/8: one address has some 28,000 ports towards one server port.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::system::{set_raw, set_receive_buffer, stamp_arrivals};

/// The local addresses `127.0.0.2` and up, taken in turn.
#[derive(Clone, Copy, Debug)]
pub struct Sources {
    count: u8,
}

impl Sources {
    /// At least one address, at most 200.
    pub fn new(count: u8) -> Sources {
        Sources { count: count.clamp(1, 200) }
    }

    pub fn address(self, socket: usize) -> Ipv4Addr {
        Ipv4Addr::new(127, 0, 0, 2 + (socket % usize::from(self.count)) as u8)
    }
}

/// How a socket is made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DialOptions {
    /// Bytes of the kernel's receive buffer; `None` leaves it to the kernel.
    pub receive_buffer: Option<i32>,
    /// Let the kernel stamp arrivals.
    pub stamped: bool,
}

/// Starts a connection; it is open once `epoll` says that it can be written.
pub(super) fn dial(from: Ipv4Addr, to: SocketAddrV4, options: DialOptions) -> io::Result<TcpStream> {
    let stream = open()?;
    // Bind to the address only: the kernel picks the port at connect, when it knows the whole pair.
    set_raw(stream.as_raw_fd(), libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, &1i32)?;
    if let Some(bytes) = options.receive_buffer {
        set_receive_buffer(&stream, bytes)?;
    }
    if options.stamped {
        stamp_arrivals(&stream)?;
    }
    stream.set_nodelay(true)?;
    // A server that is not on a loopback address is reached from whatever address the route gives.
    if to.ip().is_loopback() {
        bind(&stream, from)?;
    }
    match connect(&stream, to) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(stream),
        Err(error) => Err(error),
        Ok(()) => Ok(stream),
    }
}

#[allow(unsafe_code)]
fn open() -> io::Result<TcpStream> {
    // SAFETY: socket takes numbers; a descriptor that it returned is new and ours alone.
    unsafe {
        let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let fd = libc::socket(libc::AF_INET, kind, 0);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(TcpStream::from(OwnedFd::from_raw_fd(fd)))
    }
}

fn bind(stream: &TcpStream, from: Ipv4Addr) -> io::Result<()> {
    name(stream, SocketAddrV4::new(from, 0), libc::bind)
}

fn connect(stream: &TcpStream, to: SocketAddrV4) -> io::Result<()> {
    name(stream, to, libc::connect)
}

type NameCall = unsafe extern "C" fn(i32, *const libc::sockaddr, libc::socklen_t) -> i32;

#[allow(unsafe_code)]
fn name(stream: &TcpStream, address: SocketAddrV4, call: NameCall) -> io::Result<()> {
    // SAFETY: `call` is bind or connect; both read one whole sockaddr_in, which lives through the call.
    let done = unsafe {
        let mut raw: libc::sockaddr_in = zeroed();
        raw.sin_family = libc::AF_INET as libc::sa_family_t;
        raw.sin_port = address.port().to_be();
        raw.sin_addr.s_addr = u32::from(*address.ip()).to_be();
        call(stream.as_raw_fd(), (&raw const raw).cast(), size_of::<libc::sockaddr_in>() as libc::socklen_t)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
