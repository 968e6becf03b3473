//! One user on one socket: who it is, where it is going, and where it stands in its room.

use crate::clock::Moment;
use crate::measure::OffsetTracker;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No socket.
    Away,
    Opening,
    SigningIn,
    Joining,
    /// Signed in and, if it has a room to join, live in it.
    Live,
}

/// A user, its room, and its socket, which has the same number as the seat.
pub struct Seat {
    pub user: usize,
    /// The room in which it speaks.
    pub room: usize,
    /// Whether it also wants the events of that room.
    pub joins: bool,
    pub phase: Phase,
    /// Its place in the room; kept over reconnects.
    pub offsets: OffsetTracker,
    /// Set once it has joined for the first time.
    pub epoch: Option<Box<str>>,
    /// Began to connect at this time.
    pub opened_at: Moment,
    /// How often a resume was answered with a fresh snapshot instead.
    pub resets: u32,
    /// Bytes of the kernel's receive buffer; `None` leaves it to the kernel.
    pub receive_buffer: Option<i32>,
    pub(super) token: Box<str>,
}

impl Seat {
    pub(super) fn new(user: usize, room: usize, joins: bool, token: String) -> Seat {
        Seat {
            user,
            room,
            joins,
            phase: Phase::Away,
            offsets: OffsetTracker::default(),
            epoch: None,
            opened_at: Moment::default(),
            resets: 0,
            receive_buffer: None,
            token: token.into(),
        }
    }

    /// The place from which to resume, once there is one.
    pub(super) fn place(&self) -> Option<(&str, u64)> {
        self.epoch.as_deref().map(|epoch| (epoch, self.offsets.at()))
    }
}
