//! Where a session stands in one room: joining, with live frames held back; or live at a position of the room's log.

use super::frame::{Frame, Mark, rank};
use crate::domain::{MessageId, ReplyState, Revision, RoomId};

/// Deltas of one reply that wait while its text is asked for again.
const STREAM_HELD_MAX: usize = 64;

/// A reply under way as the client was told of it: how much of its text the client holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyMark {
    pub message: MessageId,
    pub attempt: u32,
    pub state: ReplyState,
    /// Length of the text in UTF-16 code units.
    pub length: u32,
}

/// What the snapshot of a room told the client.
#[derive(Clone, Copy, Debug)]
pub struct Joined<'a> {
    /// The revision up to which the snapshot goes.
    pub position: Revision,
    pub replies: &'a [ReplyMark],
    /// Replies that had ended when the snapshot was taken.
    pub ended: &'a [MessageId],
}

/// What to send to the client to make a reply's text whole again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair<'a, B> {
    /// The reply's text from this position (UTF-16 code units) on.
    Text { message: MessageId, from: u32 },
    /// A frame that had waited.
    Frame(&'a B),
}

#[derive(Debug)]
pub(super) enum Place<B> {
    Joining(Box<Joining<B>>),
    Live(Live<B>),
}

#[derive(Debug)]
pub(super) struct Joining<B> {
    pub(super) ticket: u32,
    held: Vec<Frame<B>>,
    /// More came than may be held: the join is refused.
    pub(super) overflowed: bool,
    /// The room said that its log goes at least this far.
    pub(super) head: Revision,
    /// Where the session stood before it joined again; it stands there again if the join fails.
    pub(super) before: Option<Live<B>>,
}

impl<B: Clone> Joining<B> {
    pub(super) fn new(ticket: u32, before: Option<Live<B>>) -> Self {
        Self { ticket, held: Vec::new(), overflowed: false, head: 0, before }
    }

    pub(super) fn hold(&mut self, frame: &Frame<B>, held_max: usize) {
        if self.overflowed {
            return;
        }
        if self.held.len() < held_max {
            self.held.push(frame.clone());
        } else {
            // What must not be lost is lost with it: the client has to ask again.
            self.overflowed = true;
            self.held = Vec::new();
        }
    }

    /// The session's place after the snapshot, and the frames that came since the subscription, less the pieces of
    /// replies whose end is among them.
    pub(super) fn release(self, joined: &Joined<'_>) -> (Live<B>, Vec<Frame<B>>) {
        let Self { mut held, .. } = self;
        let ended: Vec<MessageId> = held
            .iter()
            .filter_map(|frame| match frame.mark {
                Mark::Logged { closes, .. } => closes,
                _ => None,
            })
            .collect();
        held.retain(|frame| match frame.mark {
            Mark::Delta { message, .. } | Mark::Status { message, .. } => !ended.contains(&message),
            Mark::Logged { .. } | Mark::Removed { .. } | Mark::Deleted { .. } | Mark::Passing => true,
        });
        let streams = joined
            .replies
            .iter()
            .filter(|reply| !joined.ended.contains(&reply.message))
            .map(|reply| Stream {
                message: reply.message,
                attempt: reply.attempt,
                rank: rank(reply.state),
                end: reply.length,
                held: None,
                missed: false,
            })
            .collect();
        (Live { position: joined.position, ended: joined.ended.into(), streams }, held)
    }

    /// The join failed: back to where the session stood before, with what came meanwhile.
    pub(super) fn give_up(self) -> Option<(Live<B>, Vec<Frame<B>>)> {
        // With an overflow frames are missing; the gap is seen at the next one.
        self.before.map(|live| (live, self.held))
    }
}

#[derive(Debug)]
pub(super) struct Live<B> {
    /// Offset of the last logged frame that the client has.
    pub(super) position: Revision,
    /// Replies that had ended when the room was joined. Pieces of them may still be on their way, in front of the
    /// first frame that is new to the client; empty from then on.
    ended: Box<[MessageId]>,
    /// Replies under way; almost always none or one.
    streams: Vec<Stream<B>>,
}

/// What the client was told of a reply, and how much of its text it holds.
#[derive(Debug)]
struct Stream<B> {
    message: MessageId,
    attempt: u32,
    /// How far its state has come.
    rank: u8,
    end: u32,
    /// `Some`: a piece is missing, later ones wait here until the text has been asked for.
    held: Option<Vec<Frame<B>>>,
    /// It was not among the open replies that were asked for last.
    missed: bool,
}

/// What becomes of one live frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Send,
    /// Sent, and the room is gone.
    SendLast,
    /// The client has it already, or it waits.
    Drop,
    /// A logged frame before it is missing.
    Gap,
    /// A piece of a reply before it is missing.
    Stale,
}

impl<B: Clone> Live<B> {
    pub(super) fn take(&mut self, frame: &Frame<B>) -> Taken {
        match frame.mark {
            Mark::Delta { message, .. } | Mark::Status { message, .. } if self.ended.contains(&message) => {
                Taken::Drop
            }
            Mark::Logged { offset, closes } => {
                let taken = self.advance(offset, Taken::Send);
                if let Some(message) = closes {
                    self.streams.retain(|stream| stream.message != message);
                }
                taken
            }
            Mark::Removed { offset, .. } => self.advance(offset, Taken::Send),
            Mark::Deleted { offset } => self.advance(offset, Taken::SendLast),
            Mark::Delta { message, attempt, position, end } => {
                self.take_delta(frame, message, attempt, position, end)
            }
            Mark::Status { message, attempt, state } => match self.stream(message) {
                Some(stream) if (attempt, rank(state)) <= (stream.attempt, stream.rank) => Taken::Drop,
                Some(stream) => {
                    if attempt == stream.attempt {
                        stream.rank = rank(state);
                    }
                    Taken::Send
                }
                None => Taken::Send,
            },
            Mark::Passing => Taken::Send,
        }
    }

    fn advance(&mut self, offset: Revision, next: Taken) -> Taken {
        if offset <= self.position {
            return Taken::Drop;
        }
        if offset > self.position + 1 {
            return Taken::Gap;
        }
        self.position = offset;
        self.ended = Box::default();
        next
    }

    fn stream(&mut self, message: MessageId) -> Option<&mut Stream<B>> {
        self.streams.iter_mut().find(|stream| stream.message == message)
    }

    fn take_delta(
        &mut self,
        frame: &Frame<B>,
        message: MessageId,
        attempt: u32,
        position: u32,
        end: u32,
    ) -> Taken {
        let Some(stream) = self.stream(message) else {
            // The first that is heard of this reply: whole from its start, or else its start is missing.
            let whole = position == 0;
            self.streams.push(Stream {
                message,
                attempt,
                rank: rank(ReplyState::Streaming),
                end: if whole { end } else { 0 },
                held: (!whole).then(|| vec![frame.clone()]),
                missed: false,
            });
            return if whole { Taken::Send } else { Taken::Stale };
        };
        if attempt < stream.attempt {
            return Taken::Drop;
        }
        if let Some(held) = &mut stream.held {
            if held.len() == STREAM_HELD_MAX {
                // The text that is on its way may not reach up to here: then it is asked for once more.
                held.clear();
            }
            held.push(frame.clone());
            return Taken::Drop;
        }
        let known = if attempt == stream.attempt { stream.end } else { 0 };
        if position > known {
            stream.held = Some(vec![frame.clone()]);
            return Taken::Stale;
        }
        if attempt == stream.attempt && end <= stream.end {
            return Taken::Drop;
        }
        stream.attempt = attempt;
        stream.rank = rank(ReplyState::Streaming);
        stream.end = end;
        Taken::Send
    }

    /// Makes the stale replies whole with the text that was asked for. Returns whether one is stale still.
    pub(super) fn repair(&mut self, replies: &[ReplyMark], mut send: impl FnMut(Repair<'_, B>)) -> bool {
        let (mut waited, mut stale) = (Vec::new(), false);
        self.streams.retain_mut(|stream| {
            if stream.held.is_none() {
                return true;
            }
            let found = replies
                .iter()
                .find(|reply| reply.message == stream.message && reply.attempt >= stream.attempt);
            let Some(reply) = found else {
                // Either it began after these were asked for, and the next answer has it; or it is not under way any
                // more, and its end is on its way here.
                let first_miss = !std::mem::replace(&mut stream.missed, true);
                stale |= first_miss;
                return first_miss;
            };
            stream.missed = false;
            let from = if reply.attempt == stream.attempt { stream.end } else { 0 };
            if reply.length > from {
                send(Repair::Text { message: stream.message, from });
                stream.end = reply.length;
            } else if reply.attempt > stream.attempt {
                stream.end = 0;
            }
            stream.attempt = reply.attempt;
            stream.rank = rank(reply.state);
            waited.extend(stream.held.take().into_iter().flatten());
            true
        });
        for frame in waited {
            match self.take(&frame) {
                Taken::Send => send(Repair::Frame(&frame.body)),
                Taken::Stale => stale = true,
                Taken::SendLast | Taken::Drop | Taken::Gap => {}
            }
        }
        stale
    }
}

impl<B: Clone> super::Session<B> {
    /// Whether the room is joined or being joined.
    #[must_use]
    pub fn is_in(&self, room: RoomId) -> bool {
        self.rooms.iter().any(|(known, _)| *known == room)
    }

    /// Whether the room is joined and its frames are sent as they come.
    #[must_use]
    pub fn is_live(&self, room: RoomId) -> bool {
        self.rooms.iter().any(|(known, place)| *known == room && matches!(place, Place::Live(_)))
    }
}
