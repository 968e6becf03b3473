//! A room's tail: the last messages that stand, so that composing a prompt asks no database.
//!
//! It holds nothing until the first prompt is made. That prompt's turn reads the end of the log and hands it in; what the
//! room commits meanwhile is noted and laid over it. From then on it follows the room's own commits: what is said, and
//! what is edited, deleted, made anew, selected or continued. A revision that this room did not write (another node's)
//! shows as a gap: then the tail is let go and read again with the next prompt.
//!
//! Bounds: `tail_max_messages` and `tail_max_bytes`, counted with what a message costs beside its text; the oldest go.

use std::collections::{BTreeMap, VecDeque};
use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::State;
use crate::copies::Copies;
use crate::domain::{CharacterId, Message, MessageId, Revision, Sender, UserId};
use crate::ports::{StoredSummary, Summary};
use crate::protocol::RoomEvent;
use crate::settings::TurnSettings;

/// Beside a message and its text: the counters of shared parts, and their allocations.
const MESSAGE_BYTES: usize = size_of::<Message>() + 120;
/// Summaries of characters that one room remembers to have read.
const SUMMARIES_MAX: usize = 16;

/// Names one reading of the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TailTicket(u64);

/// What a turn knows of its room's log when it begins.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// What was said, from the tail.
    Held(History),
    /// Nothing yet: the turn is to read the end of the log, and to hand it in under this ticket.
    Unread(TailTicket),
    /// The tail does not reach back to where this turn asks.
    Elsewhere,
}

/// Messages that stand, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub messages: Vec<Arc<Message>>,
    /// All that stands above this revision is in them.
    pub from: Revision,
    pub reach: Reach,
    /// The character's summary of what came before, if it has been looked for.
    pub summary: SummaryCopy,
}

/// How far back a history goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To where its character came, or to the room's beginning.
    All,
    /// As many messages as a prompt is made from.
    Most,
    /// Less than that.
    Part,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SummaryCopy {
    /// It has to be looked for, if it is needed.
    Unread,
    None,
    Is(Arc<Summary>),
}

impl SummaryCopy {
    pub fn of(stored: StoredSummary) -> Self {
        stored.map_or(Self::None, |summary| Self::Is(Arc::new(summary)))
    }

    pub fn get(&self) -> Option<&Summary> {
        match self {
            Self::Is(summary) => Some(summary),
            Self::Unread | Self::None => None,
        }
    }
}

/// What a turn read.
pub(crate) struct TailRead {
    pub ticket: TailTicket,
    /// The last messages that stand, oldest first.
    pub messages: Vec<Arc<Message>>,
    /// All that stands above this revision is in them.
    pub from: Revision,
}

pub(super) struct Tail {
    held: Held,
    summaries: Vec<(CharacterId, SummaryCopy)>,
    readings: u64,
    copies: Arc<Copies>,
}

enum Held {
    Nothing,
    Reading(Box<Reading>),
    Filled(Box<Filled>),
}

struct Reading {
    ticket: TailTicket,
    /// As the room committed them meanwhile, by their place.
    changed: BTreeMap<Revision, Arc<Message>>,
}

struct Filled {
    messages: VecDeque<Arc<Message>>,
    bytes: usize,
    /// All messages that stand above this revision are here.
    from: Revision,
}

fn bytes(message: &Message) -> usize {
    let attachment = message.attachment.as_ref().map_or(0, |attachment| attachment.memory() + 100);
    MESSAGE_BYTES + message.content.as_str().len() + attachment + message.changes.reactions.len() * 80
}

fn stands(message: &Message) -> bool {
    message.changes.deleted_at.is_none()
}

impl Filled {
    fn of(messages: impl IntoIterator<Item = Arc<Message>>, from: Revision) -> Self {
        let messages: VecDeque<_> = messages.into_iter().collect();
        let bytes = messages.iter().map(|message| bytes(message)).sum();
        Self { messages, bytes, from }
    }

    /// False: this does not fit what is known, which is void then.
    fn follow(&mut self, message: &Arc<Message>) -> bool {
        if message.offset <= self.from {
            return true;
        }
        match self.messages.binary_search_by_key(&message.offset, |known| known.offset) {
            Ok(at) => {
                self.bytes -= bytes(&self.messages[at]);
                if stands(message) {
                    self.bytes += bytes(message);
                    self.messages[at] = message.clone();
                } else {
                    self.messages.remove(at);
                }
                true
            }
            Err(at) if at == self.messages.len() => {
                if stands(message) {
                    self.bytes += bytes(message);
                    self.messages.push_back(message.clone());
                }
                true
            }
            // A tombstone that was none for us: it is gone either way.
            Err(_) => !stands(message),
        }
    }

    fn trim(&mut self, settings: &TurnSettings) {
        while self.messages.len() > settings.tail_max_messages || self.bytes > settings.tail_max_bytes {
            let Some(oldest) = self.messages.pop_front() else { return };
            self.bytes -= bytes(&oldest);
            self.from = oldest.offset;
        }
        // What a burst took is given back.
        if self.messages.capacity() > self.messages.len() * 2 + 8 {
            self.messages.shrink_to_fit();
        }
    }

    /// Up to and with the message at `up_to`, which must be `last`.
    fn history(
        &self,
        since: Revision,
        (up_to, last): (Revision, MessageId),
        most: usize,
    ) -> Option<(Vec<Arc<Message>>, Revision, Reach)> {
        let place = |offset| self.messages.partition_point(|message| message.offset <= offset);
        let (begin, end) = (place(since), place(up_to));
        if end <= begin || self.messages[end - 1].id != last {
            return None;
        }
        let (most_begin, all) = (end.saturating_sub(most), self.from <= since);
        let (begin, from, reach) = match begin {
            _ if begin < most_begin => (most_begin, self.messages[most_begin - 1].offset, Reach::Most),
            _ if all => (begin, since, Reach::All),
            _ if begin == most_begin && end - begin == most => (begin, self.from, Reach::Most),
            _ => (begin, self.from, Reach::Part),
        };
        Some((self.messages.range(begin..end).cloned().collect(), from, reach))
    }
}

impl Tail {
    pub fn new(copies: Arc<Copies>) -> Self {
        Self { held: Held::Nothing, summaries: Vec::new(), readings: 0, copies }
    }

    fn hold(&mut self, held: Held) {
        let count = |held: &Held| u64::from(matches!(held, Held::Filled(_)));
        let (before, now) = (count(&self.held), count(&held));
        self.held = held;
        // Wraps where it sinks, and comes out right.
        self.copies.tails.held.fetch_add(now.wrapping_sub(before), Relaxed);
    }

    /// For tests.
    #[cfg(any(test, feature = "testsuite"))]
    pub fn shown(&self) -> Option<(Vec<Arc<Message>>, Revision)> {
        match &self.held {
            Held::Filled(filled) => Some((filled.messages.iter().cloned().collect(), filled.from)),
            Held::Nothing | Held::Reading(_) => None,
        }
    }

    /// Others may have changed what it holds.
    pub fn forget(&mut self) {
        self.hold(Held::Nothing);
        self.summaries.clear();
    }

    /// What a turn of this character may know, from behind `since` up to its last message.
    pub fn known(
        &mut self,
        character: CharacterId,
        since: Revision,
        up_to: (Revision, MessageId),
        settings: &TurnSettings,
    ) -> Known {
        match &self.held {
            Held::Filled(filled) => {
                let Some((messages, from, reach)) =
                    filled.history(since, up_to, settings.history_max_messages)
                else {
                    return Known::Elsewhere;
                };
                let read = self.summaries.iter().find(|(of, _)| *of == character);
                let summary = read.map_or(SummaryCopy::Unread, |(_, summary)| summary.clone());
                Known::Held(History { messages, from, reach, summary })
            }
            Held::Reading(reading) => Known::Unread(reading.ticket),
            Held::Nothing if settings.tail_max_messages == 0 => Known::Elsewhere,
            Held::Nothing => {
                self.readings += 1;
                let ticket = TailTicket(self.readings);
                self.hold(Held::Reading(Box::new(Reading { ticket, changed: BTreeMap::new() })));
                Known::Unread(ticket)
            }
        }
    }

    /// A turn has read the end of the log; what was committed meanwhile is newer.
    pub fn fill(&mut self, read: TailRead, settings: &TurnSettings) {
        let Held::Reading(reading) = &mut self.held else { return };
        if reading.ticket != read.ticket {
            return;
        }
        let mut messages: BTreeMap<Revision, Arc<Message>> =
            read.messages.into_iter().map(|message| (message.offset, message)).collect();
        for (offset, message) in std::mem::take(&mut reading.changed) {
            let newer = messages.get(&offset).is_none_or(|known| known.revision <= message.revision);
            if offset > read.from && newer {
                messages.insert(offset, message);
            }
        }
        messages.retain(|_, message| stands(message));
        let mut filled = Filled::of(messages.into_values(), read.from);
        filled.trim(settings);
        self.hold(Held::Filled(Box::new(filled)));
    }

    /// A turn has looked for its character's summary.
    pub fn summary_read(&mut self, character: CharacterId, summary: SummaryCopy) {
        if !matches!(self.held, Held::Filled(_)) {
            return;
        }
        self.summaries.retain(|(of, _)| *of != character);
        if self.summaries.len() < SUMMARIES_MAX {
            self.summaries.push((character, summary));
        }
    }

    /// The room's log went from `stood` to `revision`, and these events tell of it.
    pub(super) fn follow(
        &mut self,
        (stood, revision): (Revision, Revision),
        events: &[RoomEvent],
        settings: &TurnSettings,
    ) {
        if revision > stood + 1 {
            self.forget();
        }
        for event in events {
            let (RoomEvent::Received(message) | RoomEvent::Updated { message, .. }) = event else { continue };
            if matches!(event, RoomEvent::Updated { .. }) {
                // The journal has dropped those that cover it.
                self.summaries.retain(|(_, copy)| copy.get().is_none_or(|one| one.up_to < message.offset));
            }
            let fits = match &mut self.held {
                Held::Nothing => continue,
                Held::Reading(reading) => {
                    reading.changed.insert(message.offset, message.clone());
                    reading.changed.len() <= settings.tail_max_messages
                }
                Held::Filled(filled) => {
                    let fits = filled.follow(message);
                    filled.trim(settings);
                    fits
                }
            };
            if !fits {
                self.forget();
            }
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.hold(Held::Nothing);
    }
}

impl State {
    /// Brings what is kept for prompts to what one commit changed.
    pub(super) fn follow_for_prompts(
        &mut self,
        stood: Revision,
        events: &[RoomEvent],
        learned_of: Option<UserId>,
        (settings, copies): (&TurnSettings, &Copies),
    ) {
        self.tail.follow((stood, self.head()), events, settings);
        if learned_of.is_some() {
            copies.forget_in(self.id, learned_of);
        }
        for event in events {
            match event {
                // Who was alone is no more, or the other way round; and one who read at that moment saw either.
                RoomEvent::MemberAdded { .. } | RoomEvent::MemberRemoved { .. } => {
                    let members = self.record.iter().flat_map(|record| &record.members);
                    members.for_each(|member| copies.forget_in(self.id, Some(member.id)));
                }
                // What was only told in a message goes with it.
                RoomEvent::Updated { message, .. } if !stands(message) => {
                    if let Sender::User(user) = message.sender {
                        copies.forget_in(self.id, Some(user));
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
