//! What every node has to hear at once: sign-ins that ended, accounts that changed.
//!
//! It is told in the transaction that makes it true, and the database passes it on when that commits, to this node too: a
//! socket that signed in just before hears of it. A node that listens again after a break first looks for what it missed.
//! At its start that is what ended within the life of an access token, so that none outlives a restart.

use std::time::Duration;

use greenroom_actors::domain::{SessionId, UserId};
use greenroom_actors::protocol::Refusal;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Accounts, store};
use crate::postgres::{Connector, refusal};

/// Between two tries to connect.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// For connecting: a peer that takes the connection and says nothing must not hold us for ever.
const DEADLINE: Duration = Duration::from_secs(10);
/// A transaction that is open for so long has lost its connection: what began before that has been told.
const TRANSACTION_MAX: Duration = Duration::from_secs(60);

/// One piece of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// A sign-in of this user has ended; `None`: all that they had.
    Ended(UserId, Option<SessionId>),
    /// The engine knows an older form of this user.
    Changed(UserId),
}

impl News {
    pub(super) fn write(self) -> String {
        match self {
            Self::Ended(user, Some(sign_in)) => format!("ended {user} {sign_in}"),
            Self::Ended(user, None) => format!("ended {user}"),
            Self::Changed(user) => format!("changed {user}"),
        }
    }

    /// `None`: of a newer server, or by another hand.
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (what, user) = (words.next()?, words.next()?.parse().ok()?);
        match (what, words.next()) {
            ("ended", None) => Some(Self::Ended(user, None)),
            ("ended", Some(sign_in)) => Some(Self::Ended(user, Some(sign_in.parse().ok()?))),
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
        let mut deaf_since: Option<Instant> = None;
        loop {
            match tokio::time::timeout(DEADLINE, connector.listen(store::news::CHANNEL)).await {
                Ok(Ok(mut listening)) => {
                    let missed = deaf_since.map_or(self.0.tokens.ttl(), |since| since.elapsed());
                    if self.catch_up(missed + TRANSACTION_MAX).await.is_ok() {
                        pause = RETRY_MIN;
                        while let Some(text) = listening.heard().await {
                            self.pass_on(News::read(&text));
                        }
                        deaf_since = Some(Instant::now());
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
            Some(News::Ended(user, sign_in)) => self.tell_ended(user, sign_in),
            Some(News::Changed(user)) => self.tell_changed(user),
            None => tracing::debug!("a notification of an unknown form"),
        }
    }

    async fn catch_up(&self, span: Duration) -> Result<(), Refusal> {
        let client = self.client().await?;
        let missed = store::news::missed(&client, span).await.map_err(|error| refusal(&error))?;
        for (user, sign_in) in missed {
            self.tell_ended(user, sign_in);
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_read_as_they_were_written() {
        let (user, sign_in) = (UserId::new(), SessionId::new());
        for news in [News::Ended(user, None), News::Ended(user, Some(sign_in)), News::Changed(user)] {
            assert_eq!(News::read(&news.write()), Some(news));
        }
        for text in [
            "",
            "ended",
            "ended x",
            "begun 0198",
            &format!("ended {user} x"),
            &format!("changed {user} {user}"),
        ] {
            assert_eq!(News::read(text), None, "{text}");
        }
    }
}
