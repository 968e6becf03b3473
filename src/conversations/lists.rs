//! One's own conversations, page by page; the first page, which is asked for again and again, from a cache.
//!
//! A copy is never given by its age alone: a small statement reads how the user's rooms stand (which they are, and the
//! revision of each), and only the copy of that very state is given. So whoever changed something, on whatever node,
//! finds it in the next list. Names of people and characters are in no room's log: when one changes, all copies of this
//! node go, and those of others when they hear of it.

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::{RoomId, UserId};
use greenroom_actors::protocol::Refusal;

use super::view::ConversationView;
use super::{Conversations, cursor, end, reading, store};
use crate::cache::{Cache, Counted};
use crate::http::{Page, PageQuery};
use crate::postgres::refusal;

/// First pages in memory; one of 20 conversations takes some 30 KB.
const PAGES_MAX: u64 = 1_000;
const LIFE: Duration = Duration::from_secs(300);

/// Whose page, of how many, and of which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    user: UserId,
    limit: u32,
    /// A first page that was asked for by its number says so.
    numbered: bool,
    standing: store::Standing,
}

#[derive(Clone)]
pub(super) struct Lists(Cache<Key, Arc<Page<ConversationView>>>);

impl Default for Lists {
    fn default() -> Self {
        Self(Cache::new("conversation-lists", PAGES_MAX, LIFE))
    }
}

impl Conversations {
    /// A page of the user's conversations, the one last spoken in first.
    pub async fn list(&self, user: UserId, page: &PageQuery) -> Result<Page<ConversationView>, Refusal> {
        if page.cursor.is_some() || page.page.is_some_and(|page| page != 1) {
            return self.read_list(user, page).await;
        }
        let standing = {
            let client = self.client().await?;
            store::standing_of(&client, user).await.map_err(|error| refusal(&error))?
        };
        let key = Key { user, limit: page.limit, numbered: page.page.is_some(), standing };
        // Read after the state that it is kept under, it can only be newer: then that state is not found again.
        let read = async { self.read_list(user, page).await.map(|page| Some(Arc::new(page))) };
        match self.lists.0.get_or(key, read).await? {
            Some(page) => Ok(Arc::unwrap_or_clone(page)),
            None => self.read_list(user, page).await,
        }
    }

    async fn read_list(&self, user: UserId, page: &PageQuery) -> Result<Page<ConversationView>, Refusal> {
        let after = cursor::position(page)?;
        let limit = page.limit as usize;
        let mut client = self.client().await?;
        let reading = reading(&mut client).await?;
        let mut found = store::list(&reading, user, after, limit as i64 + 1, page.skip() as i64)
            .await
            .map_err(|error| refusal(&error))?;
        let more = found.rooms.len() > limit;
        found.rooms.truncate(limit);
        let next_cursor = found.rooms.last().filter(|_| more).copied().map(cursor::write);
        let rooms: Vec<RoomId> = found.rooms.iter().map(|position| position.room).collect();
        let items = store::views(&reading, user, &rooms).await.map_err(|error| refusal(&error))?;
        end(reading).await?;
        Ok(Page::new(page, items, Some(found.total.unsigned_abs()), next_cursor))
    }

    /// For the status of the caches.
    #[must_use]
    pub fn cache(&self) -> Box<dyn Counted> {
        Box::new(self.lists.0.clone())
    }

    /// A person or a character is called otherwise, or looks otherwise.
    pub fn names_changed(&self) {
        self.lists.0.forget_all();
    }
}
