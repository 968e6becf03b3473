//! Reading back: what an actor loads when it starts, and the history that a prompt is made of.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Draft, StoreError};
use crate::domain::{
    CharacterId, CharacterRecord, Into, Memory, Message, MessageId, MessageKind, MeterKey, Plan, Priority,
    Revision, RoomCharacter, RoomDetails, RoomId, RoomMember, UserId,
};

/// A room as its actor loads it.
#[derive(Clone, Debug)]
pub struct RoomRecord {
    pub id: RoomId,
    pub owner: UserId,
    pub details: RoomDetails,
    /// The owner first, then in the order in which they joined.
    pub members: Vec<RoomMember>,
    /// In the order in which they joined; the first answers when nothing else decides.
    pub characters: Vec<RoomCharacter>,
    /// Who of them spoke last.
    pub last_speaker: Option<CharacterId>,
    /// The revision of the log's last entry.
    pub head: Revision,
}

impl RoomRecord {
    #[must_use]
    pub fn is_member(&self, user: UserId) -> bool {
        self.members.iter().any(|member| member.id == user)
    }

    #[must_use]
    pub fn character(&self, character: CharacterId) -> Option<&RoomCharacter> {
        self.characters.iter().find(|one| one.id == character)
    }
}

#[derive(Clone, Debug)]
pub struct UserRecord {
    pub id: UserId,
    /// How a character addresses the person.
    pub display_name: String,
    pub plan: Arc<Plan>,
    pub time_zone: TimeZone,
    /// When the plan or the time zone ends by itself; the record is read anew then.
    pub valid_until: Option<Timestamp>,
}

/// A reply that was asked for and has not ended: a row of `turns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTurn {
    /// Id of the turn and of the message it is to become.
    pub message: MessageId,
    pub room: RoomId,
    pub character: CharacterId,
    /// The message that asked.
    pub asked: MessageId,
    /// That message's offset: the prompt's history ends there.
    pub asked_offset: Revision,
    /// Who asked, and so who pays.
    pub user: UserId,
    pub priority: Priority,
    /// What it becomes when it ends well.
    pub into: Into,
    /// The kind of message that was asked for: spoken, shown with something, or neither.
    pub kind: MessageKind,
    /// Characters that answered one another before this one, since a person spoke.
    pub depth: u8,
    /// Raised by every node that takes the turn up; the end of an older holder is refused.
    pub fence: i32,
    /// Meters to give back if the reply produces nothing.
    pub refund: Vec<MeterKey>,
}

/// An open turn that is this node's now, and what its last holder had said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenUp {
    pub turn: OpenTurn,
    pub draft: Option<Draft>,
}

/// A message and the characters' replies to it.
#[derive(Clone, Debug)]
pub struct Answered {
    pub message: Message,
    /// In the order of the log, tombstones left out; at most a few dozen, the latest.
    pub replies: Vec<Message>,
}

/// What a character keeps of turns that its prompts have no room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub text: Arc<str>,
    /// It is of messages above this revision: the character was there.
    pub since: Revision,
    /// And up to this one.
    pub up_to: Revision,
}

/// A summary, where there is one.
pub type StoredSummary = Option<Summary>;

/// Which open turns to take up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeUp {
    /// Those held by nodes that are gone.
    DeadNodes,
    /// Those of one room that this node held before the room's actor crashed.
    Room(RoomId),
}

pub trait Archive: Send + Sync + 'static {
    /// `None`: there is no such room, or it was deleted.
    fn room(&self, room: RoomId) -> BoxFuture<'_, Result<Option<RoomRecord>, StoreError>>;

    fn user(&self, user: UserId) -> BoxFuture<'_, Result<Option<UserRecord>, StoreError>>;

    /// What a user's meters of these periods stand at; one that is missing stands at zero.
    fn used(
        &self,
        user: UserId,
        periods: Vec<Date>,
    ) -> BoxFuture<'_, Result<Vec<(MeterKey, u32)>, StoreError>>;

    fn character(&self, character: CharacterId)
    -> BoxFuture<'_, Result<Option<CharacterRecord>, StoreError>>;

    /// The last `limit` messages of the room that were not deleted, with an offset above `since` and of at most `up_to`,
    /// oldest first.
    fn history(
        &self,
        room: RoomId,
        since: Revision,
        up_to: Revision,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>>;

    /// A message of the room, a tombstone too, and what answers it. `None`: there is none of this id in this room.
    fn answered(
        &self,
        room: RoomId,
        message: MessageId,
    ) -> BoxFuture<'_, Result<Option<Answered>, StoreError>>;
    /// What the character may know here of the people who are in the room, the latest `limit`, oldest first: alone with one
    /// person all that this one ever told it, among several what was told in this very room.
    fn memories(
        &self,
        room: RoomId,
        character: CharacterId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Memory>, StoreError>>;

    /// The character's summary of older turns of the room. None that stands covers a message that was changed since.
    fn summary(
        &self,
        room: RoomId,
        character: CharacterId,
    ) -> BoxFuture<'_, Result<StoredSummary, StoreError>>;
    /// What a character may know of a person who asks from outside of every room: all that this one told it, the latest
    /// `limit`, oldest first.
    fn own_memories(
        &self,
        user: UserId,
        character: CharacterId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Memory>, StoreError>>;

    /// Raises the fence of at most `limit` open turns, makes this node their holder, and returns them.
    fn take_up(&self, which: TakeUp, limit: usize) -> BoxFuture<'_, Result<Vec<TakenUp>, StoreError>>;
}
