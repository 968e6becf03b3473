//! How the engine's words look as columns, and back: the one place that knows the numbers in the tables.

mod attachment;

use std::sync::Arc;

use greenroom_actors::domain::{
    Changes, CharacterId, ClientId, Content, Emoji, FailureCode, Finish, Into, Message, MessageId,
    MessageKind, MeterKey, Reaction, Reply, ReplyMode, ReplyState, RoomCharacter, RoomId, RoomMember, Scope,
    Sender, UserId, Visibility,
};
use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

pub(super) use attachment::StoredAttachment;

/// Columns of `messages m` that [`message`] reads, in its order. Reactions are looked up only where a message changed
/// after it was made: most never do.
pub const MESSAGE_COLUMNS: &str = "m.id, m.room_id, m.\"offset\", m.revision, m.sender_kind, m.sender_id, m.client_id, \
                                   m.kind, m.content, m.reply_to, m.finish, m.created_at, m.attachment, m.edited_at, \
                                   m.deleted_at, m.variant, m.variants, \
                                   case when m.revision <> m.\"offset\" then \
                                       array(select e.emoji from reactions e where e.message_id = m.id \
                                           order by e.created_at, e.emoji, e.user_id) end, \
                                   case when m.revision <> m.\"offset\" then \
                                       array(select e.user_id from reactions e where e.message_id = m.id \
                                           order by e.created_at, e.emoji, e.user_id) end";
/// How many they are: the index of the first column after them.
pub const MESSAGE_COLUMN_COUNT: usize = 19;

/// A message whose row starts with [`MESSAGE_COLUMNS`]; its replies are elsewhere and left empty.
#[must_use]
pub fn message(row: &Row) -> Message {
    Message {
        id: MessageId::from_uuid(row.get(0)),
        room: RoomId::from_uuid(row.get(1)),
        offset: row.get(2),
        revision: row.get(3),
        sender: sender(row.get(4), row.get(5)),
        client_id: client_id(row.get(6), row.get(0)),
        kind: message_kind(row.get(7)),
        content: Content::trusted(row.get::<_, &str>(8)),
        reply_to: row.get::<_, Option<Uuid>>(9).map(MessageId::from_uuid),
        finish: finish(row.get(10)),
        attachment: row
            .get::<_, Option<Json<StoredAttachment>>>(12)
            .map(|Json(stored)| Arc::new(stored.into())),
        replies: Vec::new(),
        changes: Changes {
            edited_at: row.get(13),
            deleted_at: row.get(14),
            variant: row.get::<_, i16>(15).cast_unsigned(),
            variants: row.get::<_, i16>(16).cast_unsigned(),
            reactions: reactions(row.get(17), row.get(18)).unwrap_or_default(),
        },
        created_at: row.get(11),
    }
}

fn reactions(emoji: Option<Vec<&str>>, users: Option<Vec<Uuid>>) -> Option<Vec<Reaction>> {
    let reactions = emoji?
        .into_iter()
        .zip(users?)
        .filter_map(|(emoji, user)| {
            Some(Reaction { emoji: Emoji::parse(emoji).ok()?, user: UserId::from_uuid(user) })
        })
        .collect();
    Some(reactions)
}

/// A member from the columns `id, username, display_name`.
#[must_use]
pub fn room_member(row: &Row) -> RoomMember {
    RoomMember {
        id: UserId::from_uuid(row.get(0)),
        username: row.get::<_, &str>(1).into(),
        display_name: row.get::<_, &str>(2).into(),
    }
}

/// A character from the columns `id, slug, name, tagline,` [`FACE`](crate::characters::FACE)`, color, talkativeness, since_revision, reply_kind`.
#[must_use]
pub fn room_character(row: &Row) -> RoomCharacter {
    RoomCharacter {
        id: CharacterId::from_uuid(row.get(0)),
        slug: row.get::<_, &str>(1).into(),
        name: row.get::<_, &str>(2).into(),
        tagline: row.get::<_, &str>(3).into(),
        avatar_url: row.get::<_, Option<&str>>(4).map(Arc::from),
        color: row.get::<_, &str>(5).into(),
        talkativeness: row.get(6),
        since: row.get(7),
        reply_kind: message_kind(row.get(8)),
    }
}

/// What a room's `visibility` says; unknown words are private.
#[must_use]
pub fn visibility(text: &str) -> Visibility {
    match text {
        "public" => Visibility::Public,
        "unlisted" => Visibility::Unlisted,
        _ => Visibility::Private,
    }
}

#[must_use]
pub fn visibility_text(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Unlisted => "unlisted",
        Visibility::Private => "private",
    }
}

#[must_use]
pub fn reply_mode(number: i16) -> ReplyMode {
    match number {
        1 => ReplyMode::TurnOrder,
        2 => ReplyMode::Talkativeness,
        3 => ReplyMode::ByHand,
        _ => ReplyMode::Mention,
    }
}

/// `into_kind` and `into_id` of a turn's row.
pub(super) fn into_columns(into: Into) -> (i16, Option<Uuid>) {
    match into {
        Into::New => (0, None),
        Into::Variant(message) => (1, Some(message.uuid())),
        Into::Continuation(message) => (2, Some(message.uuid())),
    }
}

/// What a turn becomes, from its two columns.
pub(crate) fn into_of(kind: i16, message: Option<Uuid>) -> Into {
    match (kind, message) {
        (1, Some(message)) => Into::Variant(MessageId::from_uuid(message)),
        (2, Some(message)) => Into::Continuation(MessageId::from_uuid(message)),
        _ => Into::New,
    }
}

fn client_id(text: &str, message: Uuid) -> ClientId {
    ClientId::parse(text).unwrap_or_else(|_| ClientId::of_message(MessageId::from_uuid(message)))
}

/// A reply from the columns `id, character_id, state, code` of `turns`, the first of them at `at`.
#[must_use]
pub fn reply(row: &Row, at: usize) -> Reply {
    Reply {
        message: MessageId::from_uuid(row.get(at)),
        character: CharacterId::from_uuid(row.get(at + 1)),
        state: reply_state(row.get(at + 2)),
        code: row.get::<_, Option<&str>>(at + 3).map(FailureCode::from_text),
    }
}

/// What a row of `usage` counts; `None`: messages of any kind.
#[must_use]
pub fn counted_kind(number: i16) -> Option<MessageKind> {
    (number >= 0).then(|| message_kind(number))
}

pub(super) fn sender_kind(sender: Sender) -> i16 {
    match sender {
        Sender::User(_) => 0,
        Sender::Character(_) => 1,
    }
}

fn sender(kind: i16, id: Uuid) -> Sender {
    if kind == 0 { Sender::User(id.into()) } else { Sender::Character(id.into()) }
}

#[must_use]
pub fn message_kind(number: i16) -> MessageKind {
    match number {
        1 => MessageKind::Audio,
        2 => MessageKind::Media,
        _ => MessageKind::Text,
    }
}

#[must_use]
pub fn finish(number: i16) -> Finish {
    match number {
        1 => Finish::Stopped,
        2 => Finish::Length,
        3 => Finish::Interrupted,
        4 => Finish::Refused,
        _ => Finish::Complete,
    }
}

/// An open turn's finer state is known to the engine alone and is 0 here.
pub(super) fn reply_state_number(state: ReplyState) -> i16 {
    match state {
        ReplyState::Queued | ReplyState::Thinking | ReplyState::Streaming => 0,
        ReplyState::Done => 1,
        ReplyState::Failed => 2,
        ReplyState::Stopped => 3,
        ReplyState::Interrupted => 4,
    }
}

fn reply_state(number: i16) -> ReplyState {
    match number {
        0 => ReplyState::Queued,
        1 => ReplyState::Done,
        2 => ReplyState::Failed,
        3 => ReplyState::Stopped,
        _ => ReplyState::Interrupted,
    }
}

/// `character_id` and `kind` of a meter's row: the daily meter has the nil character and kind -1.
pub(super) fn scope_columns(scope: Scope) -> (Uuid, i16) {
    match scope {
        Scope::Character(character, kind) => (character.uuid(), kind as i16),
        Scope::Daily => (Uuid::nil(), -1),
    }
}

pub(super) fn meter_key(user: Uuid, character: Uuid, kind: i16, period: Date) -> MeterKey {
    let scope = if kind < 0 { Scope::Daily } else { Scope::Character(character.into(), message_kind(kind)) };
    MeterKey { user: UserId::from_uuid(user), scope, period }
}

/// Meters of one user as the text that a turn's row keeps.
pub(super) fn refund_text(meters: &[MeterKey]) -> String {
    let line = |meter: &MeterKey| match meter.scope {
        Scope::Character(character, kind) => format!("{character} {} {}", kind as i16, meter.period),
        Scope::Daily => format!("- -1 {}", meter.period),
    };
    meters.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads what [`refund_text`] wrote; a line that cannot be read gives nothing back.
pub(super) fn refund_of(user: Uuid, text: &str) -> Vec<MeterKey> {
    let parse = |line: &str| {
        let mut words = line.split(' ');
        let character = match words.next()? {
            "-" => Uuid::nil(),
            id => id.parse().ok()?,
        };
        Some(meter_key(user, character, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    text.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meters_to_give_back_come_out_of_their_text_as_they_went_in() {
        let user = UserId::new();
        let key = |scope| MeterKey { user, scope, period: Date::constant(2026, 11, 20) };
        let meters = [
            key(Scope::Character(CharacterId::new(), MessageKind::Media)),
            key(Scope::Daily),
            key(Scope::Character(CharacterId::new(), MessageKind::Text)),
        ];
        assert_eq!(refund_of(user.uuid(), &refund_text(&meters)), meters);
        assert_eq!(refund_of(user.uuid(), &refund_text(&[])), []);
    }

    #[test]
    fn numbers_of_states_read_back_as_what_they_were() {
        for state in [ReplyState::Done, ReplyState::Failed, ReplyState::Stopped, ReplyState::Interrupted] {
            assert_eq!(reply_state(reply_state_number(state)), state);
        }
        for kind in [MessageKind::Text, MessageKind::Audio, MessageKind::Media] {
            assert_eq!(message_kind(kind as i16), kind);
        }
        for how in [Finish::Complete, Finish::Stopped, Finish::Length, Finish::Interrupted, Finish::Refused] {
            assert_eq!(finish(how as i16), how);
        }
    }
}
