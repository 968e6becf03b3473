//! Who has read what is public: each reader of a conversation counts once a day.
//!
//! A read notes its reader in memory and writes nothing. Every few seconds the notes are stored in one transaction, in
//! which the database decides who had been counted: on any number of nodes, after a restart, and when a transaction is
//! tried again because nobody knows whether it was stored, each reader counts once. A reader is kept as a hash under the
//! day's own salt, and both are forgotten with the day: afterwards nobody can tell who it was.
//!
//! Bound: [`NOTED_MAX`] readers between two storings; who reads beyond it is not counted.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use greenroom_actors::domain::{RoomId, UserId};
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::store::readers as store;
use super::{Conversations, Readable, Readership};
use crate::postgres::refusal;

/// Readers between two storings: some 8 MB.
const NOTED_MAX: usize = 100_000;
/// Stored in one transaction.
const BATCH: usize = 5_000;
/// Days after which a day's readers and salt are forgotten: a day's last ones are stored after its end.
const KEPT_DAYS: i32 = 2;
/// Of the hash: enough that two readers of a day do not meet.
const HASH_BYTES: usize = 16;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reader {
    User(UserId),
    /// A guest. Those behind one address are one reader.
    Address(IpAddr),
}

impl Reader {
    /// IPv6 by network: a machine has as many addresses there as it likes.
    #[must_use]
    pub fn guest(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64 << 64;
                Self::Address(IpAddr::V6(network.into()))
            }
            address @ IpAddr::V4(_) => Self::Address(address),
        }
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::User(user) => [b"u", &user.uuid().as_bytes()[..]].concat(),
            Self::Address(IpAddr::V4(address)) => [b"4", &address.octets()[..]].concat(),
            Self::Address(IpAddr::V6(address)) => [b"6", &address.octets()[..]].concat(),
        }
    }
}

type Note = (Date, RoomId, Reader);

/// Those who have read since the last storing.
#[derive(Clone, Debug, Default)]
pub(super) struct Readers(Arc<Mutex<HashSet<Note>>>);

impl Readers {
    fn note(&self, room: RoomId, reader: Reader) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() < NOTED_MAX {
            noted.insert((today(), room, reader));
        }
    }

    fn some(&self) -> Vec<Note> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of one day: they share a salt.
        let day = noted.iter().map(|(day, ..)| *day).min();
        noted.iter().filter(|note| Some(note.0) == day).take(BATCH).copied().collect()
    }

    fn forget(&self, notes: &[Note]) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for note in notes {
            noted.remove(note);
        }
    }
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

impl Conversations {
    /// Notes that somebody who is not in the conversation has read it.
    pub fn viewed(&self, readable: &Readable, reader: Reader) {
        if readable.readership == Readership::Reader {
            self.readers.note(readable.room, reader);
        }
    }

    /// Stores who has read, and forgets the readers of days gone by.
    pub async fn store_readers(&self) -> Result<(), Refusal> {
        loop {
            let notes = self.readers.some();
            let Some((day, ..)) = notes.first().copied() else { break };
            let mut client = self.client().await?;
            let salt = store::salt(&client, day).await.map_err(|error| refusal(&error))?;
            let key = hmac::Key::new(hmac::HMAC_SHA256, &salt);
            let mut rows: Vec<_> = notes
                .iter()
                .map(|(_, room, reader)| {
                    (room.uuid(), hmac::sign(&key, &reader.bytes()).as_ref()[..HASH_BYTES].to_vec())
                })
                .collect();
            // In one order on all nodes, so that they wait for one another and never in a circle.
            rows.sort_unstable();
            store::count(&mut client, day, &rows).await.map_err(|error| refusal(&error))?;
            self.readers.forget(&notes);
        }
        let client = self.client().await?;
        store::forget(&client, KEPT_DAYS).await.map_err(|error| refusal(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_counted_by_their_network() {
        let guest = |text: &str| Reader::guest(text.parse().unwrap());
        assert_eq!(guest("2001:db8:1:2:3::4"), guest("2001:db8:1:2:ffff::"));
        assert_ne!(guest("2001:db8:1:2::"), guest("2001:db8:1:3::"));
        assert_eq!(guest("::ffff:10.0.0.1"), guest("10.0.0.1"));
        assert_ne!(guest("10.0.0.1"), guest("10.0.0.2"));
    }

    #[test]
    fn notes_are_bounded_and_the_same_reader_is_one() {
        let readers = Readers::default();
        let (room, user) = (RoomId::new(), UserId::new());
        readers.note(room, Reader::User(user));
        readers.note(room, Reader::User(user));
        assert_eq!(readers.some().len(), 1);
        for n in 0..=NOTED_MAX as u32 {
            readers.note(room, Reader::Address(IpAddr::V4(n.into())));
        }
        assert_eq!(readers.0.lock().unwrap().len(), NOTED_MAX);
        let some = readers.some();
        assert_eq!(some.len(), BATCH);
        readers.forget(&some);
        assert_eq!(readers.0.lock().unwrap().len(), NOTED_MAX - BATCH);
    }
}
