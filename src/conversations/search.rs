//! Search in what was said: in one conversation, over all that one may see, and for public conversations.
//!
//! PostgreSQL's full text search over one index, in which a message's room is a word of its own: a search in a room
//! reads nothing of others. Of a common word the newest messages are looked through first, and the index is asked only
//! when they do not fill the page. What was deleted is not in the index, and of a reply only the chosen variant is.
//!
//! Bounds: a query of 200 characters; 500 of one's own and 500 public rooms, those last spoken in; by relevance the
//! newest 200 hits; three seconds, after which the caller is asked for rarer words.

mod cursor;
mod highlight;
mod terms;

use std::collections::HashMap;
use std::time::Duration;

use greenroom_actors::domain::{Message, RoomId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::reader::{Readable, Readership, SeenMessage};
use super::store::{self, Hit};
use super::view::{MessageView, Names, PublicConversationView};
use super::{Conversations, end};
use crate::error::FieldError;
use crate::http::{Page, PageQuery};
use crate::postgres::refusal;

pub use highlight::SegmentView;

/// Characters (Unicode) of a query.
pub const QUERY_MAX_CHARS: usize = 200;
/// Hits among which relevance decides, the newest.
const RANKED_MAX: i64 = 200;
/// Messages through which public conversations are found by what was said in them.
const FOUND_BY_TEXT_MAX: i64 = 300;
/// Public conversations found by their title, their category or a tag.
const FOUND_BY_NAME_MAX: i64 = 200;
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// By what hits come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SearchSort {
    /// How well it fits, the newer of equals first; among the newest 200 hits.
    Relevance,
    /// The newest first.
    #[default]
    Recent,
}

/// Where a search over all conversations looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SearchScope {
    /// One's own and the public ones.
    #[default]
    All,
    Own,
    Public,
}

/// A message that was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MessageHit {
    pub message: SeenMessage,
    pub conversation: HitConversation,
    /// How well it fits; comparable within one answer.
    pub rank: f32,
    /// The place that fits, in pieces: put together they are a part of the content.
    pub highlights: Vec<SegmentView>,
}

/// The conversation of a hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HitConversation {
    pub id: Uuid,
    pub slug: String,
    pub title: String,
}

/// Why a conversation was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FoundBy {
    /// Its title, its category or a tag.
    Name,
    /// Something that was said in it.
    Text,
}

/// A conversation that was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationHit {
    pub conversation: PublicConversationView,
    pub found_by: FoundBy,
    /// What was said, when that is why.
    pub highlights: Vec<SegmentView>,
}

/// A query that has words in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchText {
    text: String,
    /// The parts that are looked for, without those that must not stand there.
    wanted: String,
}

impl SearchText {
    pub fn parse(text: Option<&str>) -> Result<Self, FieldError> {
        let text = text.map(str::trim).unwrap_or_default();
        if text.is_empty() {
            return Err(FieldError::new("q", "is missing"));
        }
        if text.chars().count() > QUERY_MAX_CHARS || text.contains('\0') {
            return Err(FieldError::new("q", "takes at most 200 characters"));
        }
        Ok(Self { text: text.to_owned(), wanted: terms::wanted(text) })
    }
}

fn no_words() -> FieldError {
    FieldError::new("q", "has no word to look for")
}

/// A search that took too long is the caller's to narrow, not the database's fault.
fn searched(error: &deadpool_postgres::PoolError) -> Refusal {
    if store::took_too_long(error) {
        return Refusal::temporary(
            RefusalCode::Overloaded,
            "the search took too long: look for rarer words",
            RETRY_AFTER,
        );
    }
    refusal(error)
}

impl Conversations {
    /// What fits in one conversation.
    pub async fn search_room(
        &self,
        readable: &Readable,
        q: &SearchText,
        sort: SearchSort,
        page: &PageQuery,
    ) -> Result<Page<MessageHit>, Refusal> {
        let from = cursor::position(page, sort)?;
        let language = self.words.language();
        let mut client = self.client().await?;
        let searching = store::searching(&mut client).await.map_err(|error| searched(&error))?;
        let lexemes = self.lexemes(&searching, &language, q).await?;
        let limit = window(sort, page);
        let hits = store::in_room(&searching, &language, readable.room, &q.text, from.before(), limit)
            .await
            .map_err(|error| searched(&error))?;
        end(searching).await?;
        let (hits, next) = cursor::cut(hits, sort, &from, page);
        let rooms = HashMap::from([(readable.room.uuid(), readable.readership)]);
        let items = self.hits(&client, &language, &lexemes, &hits, &rooms).await?;
        Ok(Page::new(page, items, None, next))
    }

    /// What fits in all conversations that the user may see.
    pub async fn search_all(
        &self,
        user: UserId,
        q: &SearchText,
        scope: SearchScope,
        sort: SearchSort,
        page: &PageQuery,
    ) -> Result<Page<MessageHit>, Refusal> {
        let from = cursor::position(page, sort)?;
        let language = self.words.language();
        let mut client = self.client().await?;
        let searching = store::searching(&mut client).await.map_err(|error| searched(&error))?;
        let lexemes = self.lexemes(&searching, &language, q).await?;
        let rooms = visible(&searching, Some(user), scope).await?;
        let ids: Vec<Uuid> = rooms.keys().copied().collect();
        let limit = window(sort, page);
        let hits = store::in_rooms(&searching, &language, &ids, &q.text, from.after(), limit)
            .await
            .map_err(|error| searched(&error))?;
        end(searching).await?;
        let (hits, next) = cursor::cut(hits, sort, &from, page);
        let items = self.hits(&client, &language, &lexemes, &hits, &rooms).await?;
        Ok(Page::new(page, items, None, next))
    }

    /// Public conversations, and the user's own, by their names and by what was said in them: the best 100 of each at
    /// most, those found by name first.
    pub async fn search_conversations(
        &self,
        user: Option<UserId>,
        q: &SearchText,
        page: &PageQuery,
    ) -> Result<Page<ConversationHit>, Refusal> {
        let skip = cursor::skipped(page)?;
        let language = self.words.language();
        let mut client = self.client().await?;
        let searching = store::searching(&mut client).await.map_err(|error| searched(&error))?;
        let lexemes = self.lexemes(&searching, &language, q).await?;
        let searched_names = store::by_name(&searching, user, &q.text, FOUND_BY_NAME_MAX).await;
        let named = searched_names.map_err(|error| searched(&error))?;
        let rooms = visible(&searching, user, SearchScope::All).await?;
        let ids: Vec<Uuid> = rooms.keys().copied().collect();
        let said = store::in_rooms(&searching, &language, &ids, &q.text, None, FOUND_BY_TEXT_MAX)
            .await
            .map_err(|error| searched(&error))?;
        end(searching).await?;
        let mut found: Vec<(RoomId, Option<Hit>)> = named.into_iter().map(|room| (room, None)).collect();
        for hit in said {
            if !found.iter().any(|(room, _)| *room == hit.room) {
                found.push((hit.room, Some(hit)));
            }
        }
        let total = found.len();
        let page_of: Vec<(RoomId, Option<Hit>)> =
            found.into_iter().skip(skip).take(page.limit as usize).collect();
        let next = (skip + page_of.len() < total).then(|| cursor::skip(skip + page_of.len()));
        let hits: Vec<Hit> = page_of.iter().filter_map(|(_, hit)| *hit).collect();
        let texts = self.hits(&client, &language, &lexemes, &hits, &rooms).await?;
        let ids: Vec<RoomId> = page_of.iter().map(|(room, _)| *room).collect();
        let views = store::public_views(&client, &ids).await.map_err(|error| refusal(&error))?;
        let hit = |conversation: PublicConversationView| {
            let by_text = page_of.iter().any(|(room, hit)| room.uuid() == conversation.id && hit.is_some());
            let text = texts.iter().find(|text| by_text && text.conversation.id == conversation.id);
            ConversationHit {
                found_by: if by_text { FoundBy::Text } else { FoundBy::Name },
                highlights: text.map(|text| text.highlights.clone()).unwrap_or_default(),
                conversation,
            }
        };
        let items = views.into_iter().map(hit).collect();
        Ok(Page::new(page, items, Some(total as u64), next))
    }

    /// The words that are looked for, as the index knows them; refused when there are none.
    async fn lexemes(
        &self,
        client: &impl deadpool_postgres::GenericClient,
        language: &str,
        q: &SearchText,
    ) -> Result<Vec<String>, Refusal> {
        let lexemes =
            store::lexemes(client, language, &q.text, &q.wanted).await.map_err(|error| searched(&error))?;
        if lexemes.is_empty() { Err(no_words().into()) } else { Ok(lexemes) }
    }

    /// Loads what was found, and marks in it why. What was deleted meanwhile is left out.
    async fn hits(
        &self,
        client: &impl deadpool_postgres::GenericClient,
        language: &str,
        lexemes: &[String],
        hits: &[Hit],
        readerships: &HashMap<Uuid, Readership>,
    ) -> Result<Vec<MessageHit>, Refusal> {
        if hits.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = hits.iter().map(|hit| hit.message).collect();
        let mut rooms: Vec<Uuid> = hits.iter().map(|hit| hit.room.uuid()).collect();
        rooms.sort_unstable();
        rooms.dedup();
        let load = async {
            let messages = store::by_ids(client, &ids).await?;
            let names = store::names(client, &rooms).await?;
            let titles = store::titles(client, &rooms).await?;
            let contents: Vec<&str> = messages.iter().map(|message| message.content.as_str()).collect();
            let fitting = store::fitting_words(client, language, &contents, lexemes).await?;
            Ok((messages, names, titles, fitting))
        };
        let (messages, names, titles, fitting) =
            load.await.map_err(|error: deadpool_postgres::PoolError| searched(&error))?;
        let nobody = Names::default();
        let by_id: HashMap<Uuid, (&Message, &Vec<String>)> = messages
            .iter()
            .zip(&fitting)
            .map(|(message, words)| (message.id.uuid(), (message, words)))
            .collect();
        let hit = |hit: &Hit| {
            let (message, words) = by_id.get(&hit.message)?;
            let room = hit.room.uuid();
            let (slug, title) = titles.get(&room)?;
            let seen = match readerships.get(&room)? {
                Readership::Member(_) => SeenMessage::Member(Box::new(MessageView::from(*message))),
                Readership::Reader => {
                    SeenMessage::Public(Box::new(names.get(&room).unwrap_or(&nobody).message(message)))
                }
            };
            Some(MessageHit {
                message: seen,
                conversation: HitConversation { id: room, slug: slug.clone(), title: title.clone() },
                rank: hit.rank,
                highlights: highlight::excerpt(message.content.as_str(), words),
            })
        };
        Ok(hits.iter().filter_map(hit).collect())
    }
}

/// Hits that are read for one page.
fn window(sort: SearchSort, page: &PageQuery) -> i64 {
    match sort {
        SearchSort::Recent => i64::from(page.limit) + 1,
        SearchSort::Relevance => RANKED_MAX,
    }
}

/// The rooms in which the user may search, and as what.
async fn visible(
    client: &impl deadpool_postgres::GenericClient,
    user: Option<UserId>,
    scope: SearchScope,
) -> Result<HashMap<Uuid, Readership>, Refusal> {
    let mut rooms = HashMap::new();
    if scope != SearchScope::Own {
        let public = store::public_rooms(client).await.map_err(|error| searched(&error))?;
        rooms.extend(public.into_iter().map(|room| (room, Readership::Reader)));
    }
    if let Some(user) = user {
        let own = store::own_rooms(client, user).await.map_err(|error| searched(&error))?;
        match scope {
            // What is public and one's own is read there as anybody would.
            SearchScope::Public => {}
            SearchScope::All | SearchScope::Own => {
                rooms.extend(own.into_iter().map(|room| (room, Readership::Member(user))));
            }
        }
    }
    Ok(rooms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_one_to_two_hundred_characters() {
        for text in [None, Some(""), Some("  \n"), Some("a\0b"), Some(&*"ö".repeat(QUERY_MAX_CHARS + 1))] {
            assert_eq!(SearchText::parse(text).unwrap_err().field, "q", "{text:?}");
        }
        assert_eq!(SearchText::parse(Some(" tea -milk ")).unwrap().wanted, "tea");
    }
}
