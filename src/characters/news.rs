//! What every node has to hear of characters at once: that one was made, changed or deleted.
//!
//! It is told in the transaction that makes it true, and the database passes it on when that commits. The node that did it
//! forgets its copies and tells its engine without waiting for that, so that who changed something reads what they
//! wrote; sockets hear of it by the news alone, once. A node that listens again after a break looks for what it missed.

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::view::CharacterView;
use super::{Characters, store};
use crate::postgres::{Connector, refusal};

/// Between two tries to connect.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// For connecting.
const DEADLINE: Duration = Duration::from_secs(10);
/// A transaction that is open for so long has lost its connection: what began before that has been told.
const TRANSACTION_MAX: Duration = Duration::from_secs(60);
/// Changes that are looked for at once after a break.
const MISSED_MAX: i64 = 10_000;

/// One piece of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Changed(CharacterId),
    Deleted(CharacterId),
}

/// What the rest of the server is told.
#[derive(Clone, Debug)]
pub enum Changed {
    /// Made anew prompts from now on: the engine reads it again. Told at once on the node that did it, and again with the
    /// news.
    Record(CharacterId),
    /// It speaks no more. Told as the record is.
    Gone(CharacterId),
    /// For those who look at it: as it is now.
    View(Arc<CharacterView>),
    /// The same of an avatar that is kept for its owner, for the owner alone; to all others it is gone, as it is to the rooms
    /// that its owner is not in.
    Kept { view: Arc<CharacterView>, owner: UserId },
    /// For those who look at it: it is gone.
    Deleted(CharacterId),
}

/// Called on any thread; must not block.
pub type OnChanged = Arc<dyn Fn(Changed) + Send + Sync>;

impl News {
    pub(super) fn write(self) -> String {
        match self {
            Self::Changed(id) => format!("changed {id}"),
            Self::Deleted(id) => format!("deleted {id}"),
        }
    }

    /// `None`: of a newer server, or by another hand.
    fn read(text: &str) -> Option<Self> {
        match text.split_once(' ')? {
            ("changed", id) => Some(Self::Changed(id.parse().ok()?)),
            ("deleted", id) => Some(Self::Deleted(id.parse().ok()?)),
            _ => None,
        }
    }

    fn character(self) -> CharacterId {
        match self {
            Self::Changed(id) | Self::Deleted(id) => id,
        }
    }
}

impl Characters {
    /// Sets who is told of changed characters; once, before requests are answered.
    pub fn on_changed(&self, tell: OnChanged) {
        if self.0.on_changed.set(tell).is_err() {
            tracing::error!("changed characters are told to somebody already");
        }
    }

    fn tell(&self, changed: Changed) {
        if let Some(tell) = self.0.on_changed.get() {
            tell(changed);
        }
    }

    /// It is committed: nothing older is given or spoken from here on.
    pub(super) fn changed_here(&self, news: News) {
        self.forget(news.character());
        // It may have another slug now, and be in other lists.
        self.0.slugs.forget_all();
        self.0.counts.forget_all();
        self.tell(match news {
            News::Changed(id) => Changed::Record(id),
            News::Deleted(id) => Changed::Gone(id),
        });
    }

    /// Has all nodes look at these characters again: who is in a room with them has changed.
    pub async fn look_again(&self, characters: &[CharacterId]) -> Result<(), Refusal> {
        let client = self.client().await?;
        for character in characters {
            let told = store::notify(&client, News::Changed(*character)).await;
            told.map_err(|error| refusal(&error))?;
        }
        Ok(())
    }

    pub(super) fn forget(&self, character: CharacterId) {
        self.0.views.forget(&character.uuid());
    }

    /// Listens on a connection of its own until it is aborted, and passes on what it hears.
    #[must_use]
    pub fn listen(&self, connector: &Connector) -> JoinHandle<()> {
        let (characters, connector) = (self.clone(), connector.with_setup("characters", "SELECT 1"));
        tokio::spawn(async move { characters.hear(&connector).await })
    }

    async fn hear(&self, connector: &Connector) {
        let mut pause = RETRY_MIN;
        let mut deaf_since = Instant::now();
        loop {
            match tokio::time::timeout(DEADLINE, connector.listen(store::CHANNEL)).await {
                Ok(Ok(mut listening)) => {
                    if self.catch_up(deaf_since.elapsed() + TRANSACTION_MAX).await.is_ok() {
                        pause = RETRY_MIN;
                        while let Some(text) = listening.heard().await {
                            match News::read(&text) {
                                Some(news) => self.pass_on(news).await,
                                None => tracing::debug!("a notification of an unknown form"),
                            }
                        }
                        deaf_since = Instant::now();
                        tracing::warn!("changed characters are not told for now: the connection was lost");
                    }
                }
                Ok(Err(error)) => tracing::debug!(%error, "changed characters cannot be listened for"),
                Err(_) => tracing::debug!("changed characters cannot be listened for: no answer in time"),
            }
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    async fn pass_on(&self, news: News) {
        self.changed_here(news);
        match news {
            News::Deleted(id) => self.tell(Changed::Deleted(id)),
            News::Changed(id) => match self.known(id).await {
                Ok(known) => {
                    let view = known.view.clone();
                    self.tell(match known.access.owner.filter(|_| known.access.is_kept()) {
                        Some(owner) => Changed::Kept { view, owner },
                        None => Changed::View(view),
                    });
                }
                // Deleted meanwhile: the news of that follow. Or the database is away: the break is noticed.
                Err(refusal) => {
                    tracing::debug!(%id, code = ?refusal.code, "a changed character was not found");
                }
            },
        }
    }

    /// What changed within `span`.
    async fn catch_up(&self, span: Duration) -> Result<(), Refusal> {
        let after = Timestamp::now().checked_sub(span).unwrap_or(Timestamp::UNIX_EPOCH);
        let missed = {
            let client = self.client().await?;
            store::changed_after(&client, after, MISSED_MAX).await.map_err(|error| refusal(&error))?
        };
        if missed.len() as i64 == MISSED_MAX {
            self.0.views.forget_all();
        }
        for news in missed.into_iter().rev() {
            self.pass_on(news).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_read_as_they_were_written() {
        let id = CharacterId::new();
        for news in [News::Changed(id), News::Deleted(id)] {
            assert_eq!(News::read(&news.write()), Some(news));
        }
        for text in ["", "changed", "changed x", "begun 0198", &format!("changed {id} {id}")] {
            assert_eq!(News::read(text), None, "{text}");
        }
    }
}
