//! The sessions by the id that their clients show with each request. Whoever knows that id speaks for the session, so it
//! is random and stands in no log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytestring::ByteString;
use tokio::sync::{mpsc, oneshot};

use super::INBOX_MAX;
use super::outbox::{BySocket, Outbox};
use crate::accounts::random_hex;
use crate::http::limited_part;

/// Bytes of an id: 128 bits.
const SID_BYTES: usize = 16;

/// What comes from a client.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The body of a POST: packets with separators between them. It is answered when they have been carried out.
    Payload(ByteString, oneshot::Sender<()>),
    /// One packet by WebSocket.
    Packet(ByteString),
    /// A binary frame.
    Binary,
    /// More than a packet or a body may have.
    TooLarge,
    /// What the transport cannot read.
    Garbage,
}

/// The way to one session, from any thread.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    pub(super) inbox: mpsc::Sender<Incoming>,
    pub(super) outbox: Arc<Outbox>,
}

#[derive(Debug, Default)]
pub(in crate::realtime) struct Sids(Mutex<Registry>);

#[derive(Debug, Default)]
struct Registry {
    sessions: HashMap<Box<str>, Carried>,
    /// Sessions that have not signed in, by address.
    unsigned: HashMap<IpAddr, usize>,
}

/// There are as many sessions as is allowed: of that address, or of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// Counts as one session of its address until it is dropped.
#[derive(Debug)]
pub(super) struct Unsigned {
    sids: Arc<Sids>,
    address: IpAddr,
}

impl Drop for Unsigned {
    fn drop(&mut self) {
        let mut registry = self.sids.lock();
        if let Some(count) = registry.unsigned.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                registry.unsigned.remove(&self.address);
            }
        }
    }
}

/// A session that begins.
pub(super) struct Begun {
    pub(super) sid: Box<str>,
    pub(super) carried: Carried,
    pub(super) inbox: mpsc::Receiver<Incoming>,
    pub(super) unsigned: Unsigned,
}

impl Sids {
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a session known, within both bounds.
    pub(super) fn begin(
        self: &Arc<Self>,
        address: IpAddr,
        by_socket: BySocket,
        sessions_max: usize,
        unsigned_max: usize,
    ) -> Result<Begun, TooMany> {
        let address = limited_part(address);
        let sid: Box<str> = random_hex::<SID_BYTES>().into();
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        let outbox = Arc::new(Outbox::new(sid.clone(), self, by_socket));
        let carried = Carried { inbox: sender, outbox };
        let mut registry = self.lock();
        if registry.sessions.len() >= sessions_max {
            return Err(TooMany);
        }
        let count = registry.unsigned.entry(address).or_default();
        if *count >= unsigned_max {
            return Err(TooMany);
        }
        *count += 1;
        registry.sessions.insert(sid.clone(), carried.clone());
        drop(registry);
        Ok(Begun { sid, carried, inbox, unsigned: Unsigned { sids: Arc::clone(self), address } })
    }

    pub(super) fn get(&self, sid: &str) -> Option<Carried> {
        self.lock().sessions.get(sid).cloned()
    }

    pub(super) fn remove(&self, sid: &str) {
        let carried = self.lock().sessions.remove(sid);
        // Dropped without the lock: it may be the last to hold an inbox.
        drop(carried);
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.lock().sessions.len()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn sessions_are_bounded_by_node_and_until_they_sign_in_by_address() {
        let sids = Arc::new(Sids::default());
        let [here, there] = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from([9, 9, 9, 9])];
        let begin = |address| sids.begin(address, BySocket::Perhaps, 3, 2);
        let (one, two) = (begin(here).unwrap(), begin(here).unwrap());
        assert!(begin(here).is_err());
        let three = begin(there).unwrap();
        assert!(begin(there).is_err(), "the node is full");
        drop((one.unsigned, two.unsigned));
        three.carried.outbox.kill();
        assert_eq!(sids.count(), 2);
        assert!(sids.get(&three.sid).is_none());
        let four = begin(here).unwrap();
        assert_eq!(four.sid.len(), 32);
        assert_ne!(four.sid, one.sid);
    }
}
