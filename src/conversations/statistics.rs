//! The numbers of a conversation, and of all of them.
//!
//! A conversation's are counted when they are asked for, over its newest [`COUNTED_MAX`] messages: of a longer one the
//! answer says from which message on (`since`), and only its first message, its last and their total number are told of
//! all of it.

use std::collections::BTreeMap;

use greenroom_actors::domain::{Sender, UserId};
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::reader::{Readable, Readership};
use super::store::{self, Counted, OwnTotals, PublicTotals};
use super::view::{SenderKind, wire_time};
use super::{Conversations, end, reading};
use crate::postgres::refusal;

/// Messages that are counted one by one.
pub const COUNTED_MAX: i64 = 20_000;
/// Days that are told, the last ones on which something was said.
const DAYS_MAX: usize = 366;

/// Of one who spoke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpeakerStatisticsView {
    pub kind: SenderKind,
    pub name: String,
    /// Of a character; of a person only for members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    pub messages: u64,
    pub words: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DayStatisticsView {
    /// In UTC.
    #[schema(value_type = String, format = "date")]
    pub day: Date,
    pub messages: u64,
}

/// The numbers of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomStatisticsView {
    /// All of them, those that were deleted too.
    pub messages: u64,
    /// False: what follows is of the newest 20,000 messages alone, those from the offset `since` on.
    pub complete: bool,
    pub since: i64,
    /// Those that are counted here, without those that were deleted.
    pub counted: u64,
    pub from_people: u64,
    pub from_characters: u64,
    pub deleted: u64,
    pub words: u64,
    /// Unicode characters.
    pub letters: u64,
    /// Milliseconds from what a person said to the reply that came next; null without one.
    pub average_reply_ms: Option<u64>,
    /// Who spoke, the most first.
    pub speakers: Vec<SpeakerStatisticsView>,
    /// The last 366 days on which something was said, the earliest first.
    pub days: Vec<DayStatisticsView>,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
}

/// The numbers of all public conversations, and of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConversationStatisticsView {
    pub public: PublicStatisticsView,
    /// With a token.
    pub own: Option<OwnStatisticsView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PublicStatisticsView {
    pub conversations: u64,
    pub featured: u64,
    pub categories: u64,
    /// Counted within a minute.
    pub messages: u64,
    pub views: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OwnStatisticsView {
    /// Those that one is in.
    pub conversations: u64,
    pub owned: u64,
    /// Of those that one owns.
    pub public: u64,
    pub featured: u64,
    pub views: u64,
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

impl Conversations {
    pub async fn statistics(&self, user: Option<UserId>) -> Result<ConversationStatisticsView, Refusal> {
        let client = self.client().await?;
        let PublicTotals { conversations, featured, categories, messages, views } =
            store::totals(&client).await.map_err(|error| refusal(&error))?;
        let own = match user {
            Some(user) => {
                let own = store::own_totals(&client, user).await.map_err(|error| refusal(&error))?;
                let OwnTotals { conversations, owned, public, featured, views } = own;
                Some(OwnStatisticsView {
                    conversations: unsigned(conversations),
                    owned: unsigned(owned),
                    public: unsigned(public),
                    featured: unsigned(featured),
                    views: unsigned(views),
                })
            }
            None => None,
        };
        Ok(ConversationStatisticsView {
            public: PublicStatisticsView {
                conversations: unsigned(conversations),
                featured: unsigned(featured),
                categories: unsigned(categories),
                messages: unsigned(messages),
                views: unsigned(views),
            },
            own,
        })
    }

    /// The numbers of one conversation.
    pub async fn room_statistics(&self, readable: &Readable) -> Result<RoomStatisticsView, Refusal> {
        let room = readable.room;
        let mut client = self.client().await?;
        let reading = reading(&mut client).await?;
        let read = async {
            let frame = store::frame(&reading, room, COUNTED_MAX).await?;
            let counted = store::counted(&reading, room, frame.since).await?;
            let reply_ms = store::average_reply_ms(&reading, room, frame.since).await?;
            let names = store::names(&reading, &[room.uuid()]).await?;
            Ok((frame, counted, reply_ms, names))
        };
        let (frame, counted, reply_ms, mut names) =
            read.await.map_err(|error: deadpool_postgres::PoolError| refusal(&error))?;
        end(reading).await?;
        let names = names.remove(&room.uuid()).unwrap_or_default();
        let mut view = RoomStatisticsView {
            messages: unsigned(frame.messages),
            complete: frame.messages <= COUNTED_MAX,
            since: frame.since,
            counted: 0,
            from_people: 0,
            from_characters: 0,
            deleted: 0,
            words: 0,
            letters: 0,
            average_reply_ms: reply_ms.map(unsigned),
            speakers: Vec::new(),
            days: Vec::new(),
            first_at: frame.first_at.map(wire_time),
            last_at: frame.last_at.map(wire_time),
        };
        let mut speakers: BTreeMap<(Uuid, bool), (Sender, u64, u64)> = BTreeMap::new();
        let mut days: BTreeMap<Date, u64> = BTreeMap::new();
        for Counted { day, sender, messages, deleted, words, letters } in counted {
            let messages = unsigned(messages);
            view.counted += messages;
            view.deleted += unsigned(deleted);
            view.words += unsigned(words);
            view.letters += unsigned(letters);
            let person = matches!(sender, Sender::User(_));
            if person {
                view.from_people += messages;
            } else {
                view.from_characters += messages;
            }
            let speaker = speakers.entry((sender.uuid(), person)).or_insert((sender, 0, 0));
            speaker.1 += messages;
            speaker.2 += unsigned(words);
            *days.entry(day).or_default() += messages;
        }
        let member = matches!(readable.readership, Readership::Member(_));
        view.speakers = speakers
            .into_values()
            .map(|(sender, messages, words)| {
                let called = names.sender(sender);
                let id = if member { Some(sender.uuid()) } else { called.character_id };
                SpeakerStatisticsView { kind: called.kind, name: called.name, id, messages, words }
            })
            .collect();
        view.speakers.sort_by_key(|speaker| std::cmp::Reverse(speaker.messages));
        let skip = days.len().saturating_sub(DAYS_MAX);
        view.days =
            days.into_iter().skip(skip).map(|(day, messages)| DayStatisticsView { day, messages }).collect();
        Ok(view)
    }
}
