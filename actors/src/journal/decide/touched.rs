//! The keys that a batch touches.

use std::sync::Arc;

use uuid::Uuid;

use super::ClientKey;
use crate::domain::{Into, MessageId, MeterKey, RoomId, UserId};
use crate::ports::{Entry, EntryKind, TurnEnd};
use crate::protocol::{Amendment, RoomChange};

/// The keys that a batch touches, each list sorted and without repeats: the order in which to lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    pub rooms: Vec<RoomId>,
    pub turns: Vec<MessageId>,
    pub meters: Vec<MeterKey>,
    pub client_keys: Vec<ClientKey>,
    pub reads: Vec<(RoomId, UserId)>,
    /// Messages that changes are about.
    pub messages: Vec<MessageId>,
    /// Those of which a variant is to be selected, or carries a file that became another.
    pub variants: Vec<MessageId>,
    /// Ids of entries that may have been stored before.
    pub changes: Vec<Uuid>,
    pub slugs: Vec<Arc<str>>,
}

impl Touched {
    #[must_use]
    pub fn of(batch: &[Entry]) -> Self {
        let mut touched = Self::default();
        for entry in batch {
            touched.rooms.push(entry.room);
            match &entry.kind {
                EntryKind::Say(say) => {
                    touched.meters.extend(say.meters.iter().map(|meter| meter.key));
                    touched.client_keys.push((entry.room, say.sender.uuid(), say.client_id.clone()));
                }
                EntryKind::Close(close) => {
                    touched.turns.push(close.turn);
                    touched.meters.extend(&close.refund_if_gone);
                    if let TurnEnd::Nothing { refund, .. } | TurnEnd::Refused { refund, .. } = &close.end {
                        touched.meters.extend(refund);
                    }
                }
                EntryKind::Read(mark) => touched.reads.push((entry.room, mark.user)),
                EntryKind::Amend(amend) => {
                    touched.changes.push(amend.id);
                    if let Amendment::Select(_) | Amendment::File(_) = amend.what {
                        touched.variants.push(amend.message);
                    }
                }
                EntryKind::Ask(ask) => {
                    touched.changes.push(ask.id);
                    touched.meters.extend(ask.meters.iter().map(|meter| meter.key));
                }
                EntryKind::Change(change) => {
                    touched.changes.push(change.id);
                    if let RoomChange::Details(details) = &change.what {
                        touched.slugs.extend(details.slug.clone());
                    }
                }
                EntryKind::Delete { .. } => {}
            }
        }
        touched.messages = batch.iter().flat_map(messages).collect();
        fn sorted<T: Ord>(keys: &mut Vec<T>) {
            keys.sort_unstable();
            keys.dedup();
        }
        sorted(&mut touched.rooms);
        sorted(&mut touched.turns);
        sorted(&mut touched.meters);
        sorted(&mut touched.client_keys);
        sorted(&mut touched.reads);
        sorted(&mut touched.messages);
        sorted(&mut touched.variants);
        sorted(&mut touched.changes);
        sorted(&mut touched.slugs);
        touched
    }
}

/// The messages that an entry is about, beside those that it makes.
pub(super) fn messages(entry: &Entry) -> Vec<MessageId> {
    let part = |into: Into| match into {
        Into::New => None,
        Into::Variant(of) | Into::Continuation(of) => Some(of),
    };
    match &entry.kind {
        EntryKind::Amend(amend) => vec![amend.message],
        EntryKind::Ask(ask) => {
            let edited = ask.edit.iter().map(|(message, _)| *message);
            let asked = ask.turns.iter().flat_map(|turn| [Some(turn.asked), part(turn.into)]);
            edited.chain(asked.flatten()).collect()
        }
        EntryKind::Close(close) => part(close.into).into_iter().collect(),
        EntryKind::Say(_) | EntryKind::Read(_) | EntryKind::Change(_) | EntryKind::Delete { .. } => {
            Vec::new()
        }
    }
}
