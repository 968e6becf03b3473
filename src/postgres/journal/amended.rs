//! Changes of stored messages as columns, and what they are decided against.

use std::sync::Arc;

use greenroom_actors::domain::{Content, Emoji, Message, MessageId, RoomId, UserId};
use greenroom_actors::journal::decide::{Locked, Touched, Variant, Writes};
use jiff::Timestamp;
use tokio_postgres::Error;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use super::{Connection, stored_before};
use crate::postgres::rows::{self, StoredAttachment};

type Parameter<'a> = &'a (dyn ToSql + Sync);

/// The keys of changes; all empty in most batches.
pub(super) struct ChangeKeys {
    messages: Vec<Uuid>,
    variants: Vec<Uuid>,
    changes: Vec<Uuid>,
    slugs: Vec<String>,
}

impl ChangeKeys {
    pub(super) fn of(touched: &Touched) -> Self {
        Self {
            messages: touched.messages.iter().map(|message| message.uuid()).collect(),
            variants: touched.variants.iter().map(|message| message.uuid()).collect(),
            changes: touched.changes.clone(),
            slugs: touched.slugs.iter().map(ToString::to_string).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.changes.is_empty()
    }
}

/// What changes are decided against.
#[derive(Default)]
pub(super) struct Standing {
    messages: Vec<Message>,
    variants: Vec<((MessageId, u16), Variant)>,
    done: Vec<(Uuid, i64)>,
    slugs: Vec<(Arc<str>, RoomId)>,
}

impl Standing {
    pub(super) fn put_into(self, locked: &mut Locked) {
        locked.messages = self.messages.into_iter().map(|message| (message.id, message)).collect();
        locked.variants = self.variants.into_iter().collect();
        locked.done = self.done.into_iter().collect();
        locked.slugs = self.slugs.into_iter().collect();
    }
}

impl Connection {
    /// Reads it under the heads' locks; asks nothing where no change is in the batch.
    pub(super) async fn standing(&self, keys: &ChangeKeys) -> Result<Standing, Error> {
        if keys.is_empty() {
            return Ok(Standing::default());
        }
        let statements = &self.statements;
        let (messages, variants, changes, slugs) = tokio::join!(
            biased;
            self.query(!keys.messages.is_empty(), &statements.find_messages, [&keys.messages]),
            self.query(!keys.variants.is_empty(), &statements.find_variants, [&keys.variants]),
            self.query(!keys.changes.is_empty(), &statements.find_changes, [&keys.changes]),
            self.query(!keys.slugs.is_empty(), &statements.find_slugs, [&keys.slugs]),
        );
        Ok(Standing {
            messages: stored_before(&messages?).into_values().map(|stored| stored.message).collect(),
            variants: variants?
                .iter()
                .map(|row| {
                    let key = (MessageId::from_uuid(row.get(0)), row.get::<_, i16>(1).cast_unsigned());
                    let attachment = row.get::<_, Option<Json<StoredAttachment>>>(4);
                    let variant = Variant {
                        content: Content::trusted(row.get::<_, &str>(2)),
                        finish: rows::finish(row.get(3)),
                        attachment: attachment.map(|Json(stored)| Arc::new(stored.into())),
                    };
                    (key, variant)
                })
                .collect(),
            done: changes?.iter().map(|row| (row.get(0), row.get(1))).collect(),
            slugs: slugs?
                .iter()
                .map(|row| (Arc::from(row.get::<_, &str>(0)), RoomId::from_uuid(row.get(1))))
                .collect(),
        })
    }

    /// Writes the changes of messages; nothing in most batches. All is sent before the first answer is awaited.
    pub(super) async fn write_changes(&self, writes: &Writes) -> Result<(), Error> {
        if writes.changes.is_empty() && writes.amended.is_empty() {
            return Ok(());
        }
        let (amended, variants) = (AmendedColumns::of(writes), VariantColumns::of(writes));
        let (come, gone) = (ReactionColumns::coming(writes), ReactionColumns::going(writes));
        let changes = ChangeColumns::of(writes);
        let (reworded, places): (Vec<Uuid>, Vec<i64>) =
            writes.reworded.iter().map(|(room, place)| (room.uuid(), *place)).unzip();
        let erased: Vec<Uuid> = writes.erased.iter().map(|message| message.uuid()).collect();
        let released: Vec<Uuid> = writes.released.iter().map(|message| message.uuid()).collect();
        let statements = &self.statements;
        let (a, b, c, d, e, f, g, h, i, j) = tokio::join!(
            biased;
            self.query(!amended.ids.is_empty(), &statements.amend_messages, amended.parameters()),
            self.query(!erased.is_empty(), &statements.erase_variants, [&erased]),
            self.query(!erased.is_empty(), &statements.erase_reactions, [&erased]),
            self.query(!erased.is_empty(), &statements.forget_told, [&erased]),
            self.query(!variants.messages.is_empty(), &statements.upsert_variants, variants.parameters()),
            self.query(
                !gone.messages.is_empty(),
                &statements.delete_reactions,
                [&gone.messages, &gone.emoji, &gone.users],
            ),
            self.query(!come.messages.is_empty(), &statements.insert_reactions, come.parameters()),
            self.query(!changes.ids.is_empty(), &statements.insert_changes, changes.parameters()),
            self.query(!reworded.is_empty(), &statements.void_summaries, [&reworded, &places]),
            self.query(!released.is_empty(), &statements.release_objects, [&released]),
        );
        for result in [a, b, c, d, e, f, g, h, i, j] {
            result?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct AmendedColumns<'a> {
    ids: Vec<Uuid>,
    contents: Vec<&'a str>,
    finishes: Vec<i16>,
    edited: Vec<Option<Timestamp>>,
    deleted: Vec<Option<Timestamp>>,
    variant: Vec<i16>,
    variants: Vec<i16>,
    revisions: Vec<i64>,
    attachments: Vec<Option<Json<StoredAttachment>>>,
    kinds: Vec<i16>,
}

impl<'a> AmendedColumns<'a> {
    fn of(writes: &'a Writes) -> Self {
        let mut columns = Self::default();
        for message in writes.amended.values() {
            columns.ids.push(message.id.uuid());
            columns.contents.push(message.content.as_str());
            columns.finishes.push(message.finish as i16);
            columns.edited.push(message.changes.edited_at);
            columns.deleted.push(message.changes.deleted_at);
            columns.variant.push(message.changes.variant.cast_signed());
            columns.variants.push(message.changes.variants.cast_signed());
            columns.revisions.push(message.revision);
            columns.attachments.push(message.attachment.as_deref().map(|one| Json(one.into())));
            columns.kinds.push(message.kind as i16);
        }
        columns
    }

    fn parameters(&self) -> [Parameter<'_>; 10] {
        [
            &self.ids,
            &self.contents,
            &self.finishes,
            &self.edited,
            &self.deleted,
            &self.variant,
            &self.variants,
            &self.revisions,
            &self.attachments,
            &self.kinds,
        ]
    }
}

#[derive(Default)]
struct VariantColumns<'a> {
    messages: Vec<Uuid>,
    indexes: Vec<i16>,
    rooms: Vec<Uuid>,
    contents: Vec<&'a str>,
    finishes: Vec<i16>,
    at: Vec<Timestamp>,
    attachments: Vec<Option<Json<StoredAttachment>>>,
}

impl<'a> VariantColumns<'a> {
    fn of(writes: &'a Writes) -> Self {
        let mut columns = Self::default();
        for ((message, index), row) in &writes.variants {
            columns.messages.push(message.uuid());
            columns.indexes.push(index.cast_signed());
            columns.rooms.push(row.room.uuid());
            columns.contents.push(row.variant.content.as_str());
            columns.finishes.push(row.variant.finish as i16);
            columns.at.push(row.at);
            columns.attachments.push(row.variant.attachment.as_deref().map(|one| Json(one.into())));
        }
        columns
    }

    fn parameters(&self) -> [Parameter<'_>; 7] {
        [
            &self.messages,
            &self.indexes,
            &self.rooms,
            &self.contents,
            &self.finishes,
            &self.at,
            &self.attachments,
        ]
    }
}

#[derive(Default)]
struct ReactionColumns<'a> {
    messages: Vec<Uuid>,
    emoji: Vec<&'a str>,
    users: Vec<Uuid>,
    rooms: Vec<Uuid>,
    at: Vec<Timestamp>,
}

impl<'a> ReactionColumns<'a> {
    fn coming(writes: &'a Writes) -> Self {
        let mut columns = Self::default();
        for ((message, emoji, user), placed) in &writes.reactions {
            if let Some((room, at)) = placed {
                columns.key(*message, emoji, *user);
                columns.rooms.push(room.uuid());
                columns.at.push(*at);
            }
        }
        columns
    }

    /// Their keys alone.
    fn going(writes: &'a Writes) -> Self {
        let mut columns = Self::default();
        for ((message, emoji, user), placed) in &writes.reactions {
            if placed.is_none() {
                columns.key(*message, emoji, *user);
            }
        }
        columns
    }

    fn key(&mut self, message: MessageId, emoji: &'a Emoji, user: UserId) {
        self.messages.push(message.uuid());
        self.emoji.push(emoji.as_str());
        self.users.push(user.uuid());
    }

    fn parameters(&self) -> [Parameter<'_>; 5] {
        [&self.messages, &self.emoji, &self.users, &self.rooms, &self.at]
    }
}

#[derive(Default)]
struct ChangeColumns {
    ids: Vec<Uuid>,
    rooms: Vec<Uuid>,
    revisions: Vec<i64>,
    users: Vec<Uuid>,
    kinds: Vec<&'static str>,
    at: Vec<Timestamp>,
}

impl ChangeColumns {
    fn of(writes: &Writes) -> Self {
        let mut columns = Self::default();
        for change in &writes.changes {
            columns.ids.push(change.id);
            columns.rooms.push(change.room.uuid());
            columns.revisions.push(change.revision);
            columns.users.push(change.by.uuid());
            columns.kinds.push(change.kind);
            columns.at.push(change.at);
        }
        columns
    }

    fn parameters(&self) -> [Parameter<'_>; 6] {
        [&self.ids, &self.rooms, &self.revisions, &self.users, &self.kinds, &self.at]
    }
}
