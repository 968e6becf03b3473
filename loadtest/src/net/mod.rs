//! Sockets without ceremony: the generator shares one core with Postgres, so one thread drives all of them with
//! `epoll`, one read buffer serves them all, and frames are looked at where they were read.

mod dial;
pub mod frame;
pub mod http;
mod poll;
mod socket;
pub mod sse;
mod swarm;
mod system;

pub use dial::Sources;
pub use poll::{Interest, Poll, Ready};
pub use socket::Ending;
pub use swarm::{Driver, Sockets, Swarm};
pub use system::{
    DescriptorLimit, clock_ticks_per_second, copy_affinity, raise_descriptor_limit, receive, send_signal,
    stamp_arrivals,
};

/// The example of RFC 6455: one key for all, because its answer is then known without hashing.
const UPGRADE_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const UPGRADE_ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
