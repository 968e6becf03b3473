//! What every node has to hear at once: sign-ins that ended, accounts that changed.
//!
//! It is told in the transaction that makes it true, and the database passes it on when that commits, to this node too: a
//! socket that signed in just before hears of it. A node that listens again after a break first looks for what it missed,
//! and at its start for what ended within the life of an access token, so that none outlives a restart.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{SessionId, UserId};
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Accounts, store};
use crate::postgres::{Connector, Stored, refusal};

/// Between two tries to connect.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// For connecting: a peer that takes the connection and says nothing must not hold us for ever.
const DEADLINE: Duration = Duration::from_secs(10);
/// A transaction that is open for so long has lost its connection: what began before that has been told.
const TRANSACTION_MAX: Duration = Duration::from_secs(60);
/// Ended sign-ins that are looked for at once. Beyond, every older access token has to be refreshed.
const MISSED_MAX: usize = 50_000;

/// One piece of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// A sign-in of this user has ended.
    Ended(UserId, SessionId),
    /// All that this user had at that moment have, whoever made their tokens.
    AllEnded(UserId, Timestamp),
    /// The engine knows an older form of this user.
    Changed(UserId),
}

impl News {
    pub(super) fn write(self) -> String {
        match self {
            Self::Ended(user, sign_in) => format!("ended {user} {sign_in}"),
            Self::AllEnded(user, at) => format!("all-ended {user} {}", at.as_microsecond()),
            Self::Changed(user) => format!("changed {user}"),
        }
    }

    /// `None`: of a newer server, or by another hand.
    fn read(text: &str) -> Option<Self> {
        let mut words = text.splitn(3, ' ');
        let (what, user) = (words.next()?, words.next()?.parse().ok()?);
        match (what, words.next()) {
            ("ended", Some(sign_in)) => Some(Self::Ended(user, sign_in.parse().ok()?)),
            ("all-ended", Some(at)) => {
                Some(Self::AllEnded(user, Timestamp::from_microsecond(at.parse().ok()?).ok()?))
            }
            ("changed", None) => Some(Self::Changed(user)),
            _ => None,
        }
    }
}

impl Accounts {
    /// Listens on a connection of its own until it is aborted, and passes on what it hears.
    #[must_use]
    pub fn listen(&self, connector: &Connector) -> JoinHandle<()> {
        let (accounts, connector) = (self.clone(), connector.with_setup("accounts", "SELECT 1"));
        tokio::spawn(async move { accounts.hear(&connector).await })
    }

    async fn hear(&self, connector: &Connector) {
        let mut pause = RETRY_MIN;
        let mut deaf_since = Instant::now();
        loop {
            match tokio::time::timeout(DEADLINE, connector.listen(store::news::CHANNEL)).await {
                Ok(Ok(mut listening)) => {
                    if self.catch_up(deaf_since.elapsed() + TRANSACTION_MAX).await.is_ok() {
                        pause = RETRY_MIN;
                        while let Some(text) = listening.heard().await {
                            self.pass_on(News::read(&text));
                        }
                        deaf_since = Instant::now();
                        tracing::warn!(
                            "ended sign-ins of other nodes are not told for now: the connection was lost"
                        );
                    }
                }
                Ok(Err(error)) => tracing::debug!(%error, "ended sign-ins cannot be listened for"),
                Err(_) => tracing::debug!("ended sign-ins cannot be listened for: no answer in time"),
            }
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    fn pass_on(&self, news: Option<News>) {
        match news {
            Some(News::Ended(user, sign_in)) => self.tell_ended(user, Some(sign_in)),
            Some(News::AllEnded(user, at)) => self.tell_ended_at(user, None, at),
            Some(News::Changed(user)) => self.tell_changed(user),
            None => tracing::debug!("a notification of an unknown form"),
        }
    }

    /// Refuses the access tokens of what ended before this node started and within their lifetime. To be called at
    /// the start; answers how many entries there are.
    pub async fn load_revoked(&self) -> Result<usize, Refusal> {
        self.catch_up(self.0.tokens.ttl()).await
    }

    async fn catch_up(&self, span: Duration) -> Result<usize, Refusal> {
        let client = self.client().await?;
        let ended = store::revoked::ended_within(&client, span.as_secs_f64(), MISSED_MAX as i64);
        let ended = ended.await.map_err(|error| refusal(&error))?;
        if let Some(oldest) = ended.last().filter(|_| ended.len() == MISSED_MAX) {
            self.0.tokens.revoke_all_before(oldest.at);
        }
        for ended in ended.iter().rev() {
            self.tell_ended_at(ended.user, ended.sign_in, ended.at);
        }
        Ok(ended.len())
    }

    /// What the engine knows of a user has changed: other nodes read it anew.
    pub(super) async fn notify_changed(&self, user: UserId) {
        let told = async {
            let client = self.client().await?;
            store::news::notify(&client, News::Changed(user)).await.map_err(|error| refusal(&error))
        };
        if told.await.is_err() {
            tracing::warn!(%user, "other nodes know an older form of this user until they read it anew");
        }
    }
}

/// Tells every node, once the caller's transaction commits, that what the engine knows of a user has changed.
pub async fn tell_nodes(client: &impl GenericClient, user: UserId) -> Stored<()> {
    store::news::notify(client, News::Changed(user)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_read_as_they_were_written() {
        let (user, at) = (UserId::new(), Timestamp::from_microsecond(1_767_225_600_123_456).unwrap());
        for news in [News::Ended(user, SessionId::new()), News::AllEnded(user, at), News::Changed(user)] {
            assert_eq!(News::read(&news.write()), Some(news));
        }
        for text in [
            "",
            "ended",
            "ended x",
            "begun 0198",
            &format!("ended {user}"),
            &format!("all-ended {user} x"),
            &format!("changed {user} {user}"),
        ] {
            assert_eq!(News::read(text), None, "{text}");
        }
    }
}
