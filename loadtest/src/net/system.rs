//! The system calls that std does not offer. All `unsafe` of this crate is here, in `dial` and in `poll`.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use crate::clock::Moment;

/// How many descriptors this process may have open.
#[derive(Clone, Copy, Debug)]
pub struct DescriptorLimit(pub u64);

impl DescriptorLimit {
    /// Refuses a run that cannot fit, before it opens anything.
    pub fn check(self, sockets: usize) -> anyhow::Result<()> {
        const OWN: u64 = 32;
        anyhow::ensure!(
            sockets as u64 + OWN <= self.0,
            "{sockets} sockets need {} file descriptors, but this process may only open {}: raise the hard limit \
             (`ulimit -Hn`) or ask for at most {} sockets",
            sockets as u64 + OWN,
            self.0,
            self.0 - OWN
        );
        Ok(())
    }
}

/// Raises the soft limit on open files to the hard one.
#[allow(unsafe_code)]
pub fn raise_descriptor_limit() -> io::Result<DescriptorLimit> {
    // SAFETY: both calls get a valid pointer to a struct that lives through the call.
    unsafe {
        let mut limit: libc::rlimit = zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return Err(io::Error::last_os_error());
        }
        limit.rlim_cur = limit.rlim_max;
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(DescriptorLimit(limit.rlim_cur))
    }
}

#[allow(unsafe_code)]
pub fn clock_ticks_per_second() -> f64 {
    // SAFETY: sysconf takes a number and touches no memory of ours.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    if ticks > 0 { ticks as f64 } else { 100.0 }
}

#[allow(unsafe_code)]
pub fn send_signal(pid: u32, signal: i32) -> io::Result<()> {
    // SAFETY: kill takes two numbers; the caller names a process it started.
    match unsafe { libc::kill(pid as libc::pid_t, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Lets process `to` run on the cores of process `from` only, so that two servers are compared on the same core.
#[allow(unsafe_code)]
pub fn copy_affinity(from: u32, to: u32) -> io::Result<()> {
    // SAFETY: the set is a plain bit mask of the size that is told, and lives through both calls.
    unsafe {
        let mut set: libc::cpu_set_t = zeroed();
        let size = size_of::<libc::cpu_set_t>();
        if libc::sched_getaffinity(from as libc::pid_t, size, &raw mut set) != 0
            || libc::sched_setaffinity(to as libc::pid_t, size, &raw const set) != 0
        {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Reads once. The time is the one at which the kernel took the last of these bytes from the network, if the socket
/// was asked to stamp (see [`stamp_arrivals`]), otherwise the time after the read.
#[allow(unsafe_code)]
pub fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, Moment)> {
    // The union of a header and enough room for one timespec, aligned as the kernel wants it.
    let mut control = [0u64; 8];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: the message points at `part` and `control`, which outlive the call; a control header is only read where
    // CMSG_FIRSTHDR found a whole one inside `control`.
    unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of::<[u64; 8]>();
        let count = libc::recvmsg(stream.as_raw_fd(), &raw mut message, 0);
        if count < 0 {
            return Err(io::Error::last_os_error());
        }
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if !header.is_null()
            && (*header).cmsg_level == libc::SOL_SOCKET
            && (*header).cmsg_type == libc::SCM_TIMESTAMPNS
        {
            let at: libc::timespec = libc::CMSG_DATA(header).cast::<libc::timespec>().read_unaligned();
            let nanos = at.tv_sec as u64 * 1_000_000_000 + at.tv_nsec as u64;
            return Ok((count as usize, Moment::from_unix_nanos(nanos)));
        }
        Ok((count as usize, Moment::now()))
    }
}

/// Asks the kernel to stamp what arrives, so that the time this process waited for its core is not counted.
pub fn stamp_arrivals(stream: &TcpStream) -> io::Result<()> {
    set_option(stream, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)
}

/// Makes the next close a reset, as a network that fails would look to the server.
pub(super) fn reset_on_close(stream: &TcpStream) -> io::Result<()> {
    set_raw(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, &libc::linger { l_onoff: 1, l_linger: 0 })
}

/// `bytes` of the kernel's buffer for what arrives.
pub(super) fn set_receive_buffer(stream: &TcpStream, bytes: i32) -> io::Result<()> {
    set_option(stream, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes)
}

fn set_option(stream: &TcpStream, level: i32, name: i32, value: i32) -> io::Result<()> {
    set_raw(stream.as_raw_fd(), level, name, &value)
}

#[allow(unsafe_code)]
pub(super) fn set_raw<T: Copy>(fd: i32, level: i32, name: i32, value: &T) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of one live value of a plain type.
    let done = unsafe {
        libc::setsockopt(fd, level, name, std::ptr::from_ref(value).cast(), size_of::<T>() as libc::socklen_t)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
