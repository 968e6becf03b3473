//! Rows turned into columns: the arrays that the journal's statements take.

use std::collections::BTreeMap;

use greenroom_actors::domain::{MeterKey, Revision, TokenUsage};
use greenroom_actors::journal::decide::{EndedTurn, NewCall, NewMessage, Touched, Writes};
use greenroom_actors::ports::OpenTurn;
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use super::super::calls::{Account, CallColumns};
use super::super::rows::{
    StoredAttachment, into_columns, refund_text, reply_state_number, scope_columns, sender_kind,
};

use super::memories::MemoryColumns;

type Parameter<'a> = &'a (dyn ToSql + Sync);

/// The keys of what a batch touches.
pub(super) struct ReadColumns<'a> {
    pub rooms: Vec<Uuid>,
    pub turns: Vec<Uuid>,
    pub meters: MeterColumns,
    pub said_in: Vec<Uuid>,
    pub said_by: Vec<Uuid>,
    pub said_as: Vec<&'a str>,
    pub read_in: Vec<Uuid>,
    pub read_by: Vec<Uuid>,
}

impl<'a> ReadColumns<'a> {
    pub(super) fn of(touched: &'a Touched) -> Self {
        Self {
            rooms: touched.rooms.iter().map(|room| room.uuid()).collect(),
            turns: touched.turns.iter().map(|turn| turn.uuid()).collect(),
            meters: MeterColumns::of(touched.meters.iter().map(|key| (*key, 0))),
            said_in: touched.client_keys.iter().map(|(room, _, _)| room.uuid()).collect(),
            said_by: touched.client_keys.iter().map(|(_, sender, _)| *sender).collect(),
            said_as: touched.client_keys.iter().map(|(_, _, client_id)| client_id.as_str()).collect(),
            read_in: touched.reads.iter().map(|(room, _)| room.uuid()).collect(),
            read_by: touched.reads.iter().map(|(_, user)| user.uuid()).collect(),
        }
    }
}

/// What a batch writes.
pub(super) struct WriteColumns<'a> {
    pub messages: MessageColumns<'a>,
    pub heads: RevisionColumns,
    pub meters: MeterColumns,
    pub opened: OpenedColumns,
    pub ended: EndedColumns<'a>,
    pub memories: MemoryColumns<'a>,
    pub calls: CallColumns<'a>,
    pub changed: RevisionColumns,
    pub reads: ReadMarkColumns,
    pub deleted: RevisionColumns,
}

impl<'a> WriteColumns<'a> {
    pub(super) fn of(writes: &'a Writes) -> Self {
        Self {
            messages: MessageColumns::of(&writes.messages),
            heads: RevisionColumns::of(&writes.heads),
            meters: MeterColumns::of(writes.meters.iter().map(|(key, used)| (*key, *used))),
            opened: OpenedColumns::of(&writes.opened),
            ended: EndedColumns::of(&writes.ended),
            memories: MemoryColumns::of(&writes.memories),
            calls: CallColumns::of(writes.calls.iter().map(|new| (account(new), &new.call))),
            changed: RevisionColumns::of(&writes.changed),
            reads: ReadMarkColumns::of(writes),
            deleted: RevisionColumns::of(&writes.deleted),
        }
    }
}

impl WriteColumns<'_> {
    /// Of messages with heads, meters and turns, in this order.
    pub(super) fn said<'a>(&'a self, node: &'a Uuid) -> [Parameter<'a>; 33] {
        let mut all: [Parameter<'a>; 33] = [node; 33];
        let parts: [&[Parameter<'a>]; 4] = [
            &self.messages.parameters(),
            &[&self.heads.ids, &self.heads.revisions],
            &self.meters.parameters(),
            &self.opened.parameters(node),
        ];
        for (place, parameter) in all.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *parameter;
        }
        all
    }
}

fn account(new: &NewCall) -> Account {
    Account {
        user: Some(new.user),
        character: Some(new.character),
        room: Some(new.room),
        turn: Some(new.turn),
    }
}

/// An id and a revision: heads, changed messages, deleted rooms.
#[derive(Default)]
pub(super) struct RevisionColumns {
    pub ids: Vec<Uuid>,
    pub revisions: Vec<Revision>,
}

impl RevisionColumns {
    fn of<K: Copy + Into<Uuid>>(rows: &BTreeMap<K, Revision>) -> Self {
        Self {
            ids: rows.keys().map(|id| (*id).into()).collect(),
            revisions: rows.values().copied().collect(),
        }
    }
}

#[derive(Default)]
pub(super) struct MeterColumns {
    pub users: Vec<Uuid>,
    pub characters: Vec<Uuid>,
    pub kinds: Vec<i16>,
    pub periods: Vec<Date>,
    pub used: Vec<i32>,
}

impl MeterColumns {
    pub(super) fn of(rows: impl Iterator<Item = (MeterKey, u32)>) -> Self {
        let mut columns = Self::default();
        for (key, used) in rows {
            let (character, kind) = scope_columns(key.scope);
            columns.users.push(key.user.uuid());
            columns.characters.push(character);
            columns.kinds.push(kind);
            columns.periods.push(key.period);
            columns.used.push(used.cast_signed());
        }
        columns
    }

    /// The keys alone.
    pub(super) fn keys(&self) -> [Parameter<'_>; 4] {
        [&self.users, &self.characters, &self.kinds, &self.periods]
    }

    pub(super) fn parameters(&self) -> [Parameter<'_>; 5] {
        [&self.users, &self.characters, &self.kinds, &self.periods, &self.used]
    }
}

#[derive(Default)]
pub(super) struct MessageColumns<'a> {
    pub ids: Vec<Uuid>,
    rooms: Vec<Uuid>,
    offsets: Vec<Revision>,
    sender_kinds: Vec<i16>,
    senders: Vec<Uuid>,
    client_ids: Vec<&'a str>,
    kinds: Vec<i16>,
    contents: Vec<&'a str>,
    attachments: Vec<Option<Json<StoredAttachment>>>,
    replies_to: Vec<Option<Uuid>>,
    finishes: Vec<i16>,
    created_at: Vec<Timestamp>,
}

impl<'a> MessageColumns<'a> {
    fn of(messages: &'a [NewMessage]) -> Self {
        let mut columns = Self::default();
        for message in messages {
            columns.ids.push(message.id.uuid());
            columns.rooms.push(message.room.uuid());
            columns.offsets.push(message.offset);
            columns.sender_kinds.push(sender_kind(message.sender));
            columns.senders.push(message.sender.uuid());
            columns.client_ids.push(message.client_id.as_str());
            columns.kinds.push(message.kind as i16);
            columns.contents.push(message.content.as_str());
            columns.attachments.push(message.attachment.as_deref().map(|one| Json(one.into())));
            columns.replies_to.push(message.reply_to.map(|id| id.uuid()));
            columns.finishes.push(message.finish as i16);
            columns.created_at.push(message.created_at);
        }
        columns
    }

    pub(super) fn parameters(&self) -> [Parameter<'_>; 12] {
        [
            &self.ids,
            &self.rooms,
            &self.offsets,
            &self.sender_kinds,
            &self.senders,
            &self.client_ids,
            &self.kinds,
            &self.contents,
            &self.replies_to,
            &self.finishes,
            &self.created_at,
            &self.attachments,
        ]
    }
}

#[derive(Default)]
pub(super) struct OpenedColumns {
    pub ids: Vec<Uuid>,
    rooms: Vec<Uuid>,
    characters: Vec<Uuid>,
    asked: Vec<Uuid>,
    asked_offsets: Vec<Revision>,
    users: Vec<Uuid>,
    priorities: Vec<i16>,
    fences: Vec<i32>,
    refunds: Vec<String>,
    into_kinds: Vec<i16>,
    into_ids: Vec<Option<Uuid>>,
    depths: Vec<i16>,
    kinds: Vec<i16>,
}

impl OpenedColumns {
    fn of(turns: &[OpenTurn]) -> Self {
        let mut columns = Self::default();
        for turn in turns {
            columns.ids.push(turn.message.uuid());
            columns.rooms.push(turn.room.uuid());
            columns.characters.push(turn.character.uuid());
            columns.asked.push(turn.asked.uuid());
            columns.asked_offsets.push(turn.asked_offset);
            columns.users.push(turn.user.uuid());
            columns.priorities.push(i16::from(turn.priority.0));
            columns.fences.push(turn.fence);
            columns.refunds.push(refund_text(&turn.refund));
            let (kind, id) = into_columns(turn.into);
            columns.into_kinds.push(kind);
            columns.into_ids.push(id);
            columns.depths.push(i16::from(turn.depth));
            columns.kinds.push(turn.kind as i16);
        }
        columns
    }

    pub(super) fn parameters<'a>(&'a self, node: &'a Uuid) -> [Parameter<'a>; 14] {
        [
            &self.ids,
            &self.rooms,
            &self.characters,
            &self.asked,
            &self.asked_offsets,
            &self.users,
            &self.priorities,
            &self.fences,
            &self.refunds,
            node,
            &self.into_kinds,
            &self.into_ids,
            &self.depths,
            &self.kinds,
        ]
    }
}

#[derive(Default)]
pub(super) struct EndedColumns<'a> {
    pub ids: Vec<Uuid>,
    states: Vec<i16>,
    codes: Vec<Option<&'static str>>,
    revisions: Vec<Revision>,
    prompt_tokens: Vec<i32>,
    completion_tokens: Vec<i32>,
    cached_tokens: Vec<i32>,
    reasons: Vec<Option<&'a str>>,
    providers: Vec<Option<&'a str>>,
    models: Vec<Option<&'a str>>,
    tries: Vec<i32>,
}

impl<'a> EndedColumns<'a> {
    fn of(turns: &'a [EndedTurn]) -> Self {
        let count = |tokens: u32| i32::try_from(tokens).unwrap_or(i32::MAX);
        let mut columns = Self::default();
        for turn in turns {
            let TokenUsage { prompt_tokens, completion_tokens, cached_tokens } = turn.usage;
            columns.ids.push(turn.turn.uuid());
            columns.states.push(reply_state_number(turn.state));
            columns.codes.push(turn.code.map(|code| code.as_str()));
            columns.revisions.push(turn.revision);
            columns.prompt_tokens.push(count(prompt_tokens));
            columns.completion_tokens.push(count(completion_tokens));
            columns.cached_tokens.push(count(cached_tokens));
            let trouble = turn.trouble.as_ref();
            let by = trouble.and_then(|trouble| trouble.by.as_ref());
            columns.reasons.push(trouble.map(|trouble| trouble.reason.as_str()));
            columns.providers.push(by.map(|by| &*by.provider));
            columns.models.push(by.map(|by| &*by.model));
            columns.tries.push(trouble.map_or(0, |trouble| count(trouble.tries)));
        }
        columns
    }

    pub(super) fn parameters(&self) -> [Parameter<'_>; 11] {
        [
            &self.ids,
            &self.states,
            &self.codes,
            &self.revisions,
            &self.prompt_tokens,
            &self.completion_tokens,
            &self.cached_tokens,
            &self.reasons,
            &self.providers,
            &self.models,
            &self.tries,
        ]
    }
}

#[derive(Default)]
pub(super) struct ReadMarkColumns {
    pub rooms: Vec<Uuid>,
    users: Vec<Uuid>,
    offsets: Vec<Revision>,
    revisions: Vec<Revision>,
}

impl ReadMarkColumns {
    fn of(writes: &Writes) -> Self {
        let mut columns = Self::default();
        for ((room, user), (offset, revision)) in &writes.reads {
            columns.rooms.push(room.uuid());
            columns.users.push(user.uuid());
            columns.offsets.push(*offset);
            columns.revisions.push(*revision);
        }
        columns
    }

    pub(super) fn parameters(&self) -> [Parameter<'_>; 4] {
        [&self.rooms, &self.users, &self.offsets, &self.revisions]
    }
}
