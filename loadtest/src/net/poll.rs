//! A thin wrapper of `epoll`, level-triggered.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// What a socket waits for. Hang-ups and errors are always told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    pub readable: bool,
    pub writable: bool,
}

/// One socket that has something to do.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    pub token: u64,
    pub readable: bool,
    pub writable: bool,
    pub hung_up: bool,
}

pub struct Poll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Poll {
    /// At most `batch` ready sockets are told per wait.
    #[allow(unsafe_code)]
    pub fn new(batch: usize) -> io::Result<Poll> {
        // SAFETY: epoll_create1 takes a flag; a descriptor that it returned is new and ours alone.
        let fd = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Poll { fd, events: vec![libc::epoll_event { events: 0, u64: 0 }; batch.max(1)] })
    }

    pub fn add(&self, socket: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket, token, interest)
    }

    pub fn change(&self, socket: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, socket, token, interest)
    }

    #[allow(unsafe_code)]
    fn control(&self, operation: i32, socket: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        let mut events = 0;
        if interest.readable {
            events |= libc::EPOLLIN;
        }
        if interest.writable {
            events |= libc::EPOLLOUT;
        }
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        let fd = socket.as_fd().as_raw_fd();
        // SAFETY: both descriptors are open, and the event lives through the call, which copies it.
        match unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &raw mut event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Waits until a socket is ready or the time is over (rounded up to a millisecond), and says how many are ready.
    #[allow(unsafe_code)]
    pub fn wait(&mut self, timeout: Duration) -> io::Result<usize> {
        let timeout_ms = timeout.as_micros().div_ceil(1_000).min(60_000) as i32;
        // SAFETY: the kernel writes at most as many events as the vector has.
        let count = unsafe {
            let room = self.events.len() as i32;
            libc::epoll_wait(self.fd.as_raw_fd(), self.events.as_mut_ptr(), room, timeout_ms)
        };
        if count >= 0 {
            return Ok(count as usize);
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            error => Err(error),
        }
    }

    /// The `nth` of those that the last wait found.
    pub fn ready(&self, nth: usize) -> Ready {
        let event = self.events[nth];
        let has = |bits: i32| event.events & bits as u32 != 0;
        Ready {
            token: event.u64,
            readable: has(libc::EPOLLIN),
            writable: has(libc::EPOLLOUT),
            hung_up: has(libc::EPOLLHUP | libc::EPOLLERR),
        }
    }
}
