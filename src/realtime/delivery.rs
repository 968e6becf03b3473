//! What goes from the hub to a worker's shard, and from there to a session.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Release};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytestring::ByteString;
use greenroom_actors::domain::{CharacterId, Revision, RoomId, SessionId, UserId};
use greenroom_actors::protocol::{OpenReply, Refusal};
use greenroom_actors::session::{CloseCode, Frame, JoinTicket};
use jiff::Timestamp;

use super::backend::{Profile, Verified};
use super::wire::{self, CommandId};
use crate::conversations::Snapshot;

/// What an entry of a mailbox costs beside its bytes, about.
const ENTRY_BYTES: usize = 128;

/// One commit's events of a room, or one passing event: one entry in each queue on the way.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) frames: Box<[Frame<Body>]>,
    /// What it counts for in a mailbox.
    pub(super) cost: usize,
    /// Something in it is stored: it is delivered or the socket is closed.
    pub(super) committed: bool,
}

impl Batch {
    pub(super) fn new(frames: impl Iterator<Item = Frame<ByteString>>) -> Self {
        let frames: Box<[Frame<Body>]> =
            frames.map(|frame| Frame { mark: frame.mark, body: Body::new(frame.body) }).collect();
        let cost = ENTRY_BYTES + frames.iter().map(|frame| frame.body.native.len()).sum::<usize>();
        let committed = frames.iter().any(|frame| frame.mark.is_committed());
        Self { frames, cost, committed }
    }
}

/// An event as text, for all sessions of a batch: the native one, and that of Socket.IO once the first session needs it.
#[derive(Clone, Debug)]
pub(super) struct Body {
    native: ByteString,
    socketio: OnceLock<ByteString>,
}

impl Body {
    fn new(native: ByteString) -> Self {
        Self { native, socketio: OnceLock::new() }
    }

    pub(super) fn native(&self) -> &ByteString {
        &self.native
    }

    pub(super) fn socketio(&self) -> &ByteString {
        self.socketio.get_or_init(|| wire::socketio_packet(&self.native))
    }
}

/// What one text for a user's sockets costs.
pub(super) fn text_cost(text: &ByteString) -> usize {
    ENTRY_BYTES + text.len()
}

#[derive(Debug)]
pub(super) enum ToShard {
    Room {
        room: RoomId,
        batch: Arc<Batch>,
    },
    Resync {
        room: RoomId,
        head: Revision,
    },
    Sessions {
        sessions: Vec<SessionId>,
        text: ByteString,
    },
    Everybody(ByteString),
    /// Something stands on the board.
    Look,
}

/// What must reach a shard even when its queue is full. Read before each delivery and at each tick.
#[derive(Default)]
pub(super) struct Board {
    written: AtomicBool,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Rooms of which a stored event did not fit into the queue.
    pub(super) refused: HashSet<RoomId>,
    pub(super) close: Vec<(SessionId, CloseCode)>,
    pub(super) close_all: Option<CloseCode>,
}

impl Board {
    fn write(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        self.written.store(true, Release);
    }

    pub(super) fn refuse(&self, room: RoomId) {
        self.write(|notes| {
            notes.refused.insert(room);
        });
    }

    pub(super) fn close(&self, sessions: Vec<SessionId>, code: CloseCode) {
        self.write(|notes| notes.close.extend(sessions.into_iter().map(|session| (session, code))));
    }

    pub(super) fn close_all(&self, code: CloseCode) {
        self.write(|notes| notes.close_all = Some(code));
    }

    /// What was written since the last look.
    pub(super) fn take(&self) -> Option<Notes> {
        self.written
            .swap(false, AcqRel)
            .then(|| std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// A snapshot, and the replies that were under way just after it.
#[derive(Debug)]
pub(super) struct RoomNow {
    pub(super) snapshot: Snapshot,
    pub(super) replies: Vec<OpenReply>,
    /// When members who are not connected were last seen, where that is known.
    pub(super) seen: Vec<(UserId, Timestamp)>,
}

/// What a join came to.
#[derive(Debug)]
pub(super) struct JoinedAnswer {
    pub(super) room: RoomId,
    pub(super) ticket: JoinTicket,
    pub(super) id: Option<CommandId>,
    pub(super) result: Result<RoomNow, Refusal>,
}

/// What came of a token that had to be asked about.
#[derive(Debug)]
pub(super) struct VerifiedAnswer {
    pub(super) id: Option<CommandId>,
    /// The token came with the upgrade.
    pub(super) ready: bool,
    pub(super) result: Result<Verified, Refusal>,
}

/// Whose socket it is, for the answer to `auth`.
#[derive(Debug)]
pub(super) struct ProfileAnswer {
    pub(super) id: Option<CommandId>,
    /// The token came with the upgrade: `ready` is the answer.
    pub(super) ready: bool,
    pub(super) result: Result<Profile, Refusal>,
}

/// Which room is the user's own with that character.
#[derive(Debug)]
pub(super) struct FoundAnswer {
    pub(super) character: CharacterId,
    pub(super) result: Result<RoomId, Refusal>,
}

/// What a session is told: by its shard through the queue of its `Local`, by calls through its mailbox. Small, since each
/// delivery is one: what is large and rare is boxed.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(super) enum ToSession {
    Frames {
        room: RoomId,
        batch: Arc<Batch>,
    },
    Resync {
        room: RoomId,
        head: Revision,
    },
    Text(ByteString),
    /// Something is due.
    Tick,
    Close(CloseCode),
    /// The engine answered a command; `None` when nobody wants to know.
    EngineAnswer(Option<ByteString>),
    /// A feature answered a command.
    FeatureAnswer(Option<ByteString>),
    Verified(Box<VerifiedAnswer>),
    Profile(Box<ProfileAnswer>),
    Joined(Box<JoinedAnswer>),
    /// Asked by Socket.IO sessions alone.
    Found(Box<FoundAnswer>),
    Replies {
        room: RoomId,
        replies: Vec<OpenReply>,
    },
}
