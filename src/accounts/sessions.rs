//! The end of sign-ins: one place that ends them in the database and tells all who act on it.

use std::sync::Arc;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{SessionId, UserId};
use greenroom_actors::protocol::Refusal;

use super::{Accounts, store};
use crate::postgres::refusal;

/// Which of a user's sign-ins end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    One(SessionId),
    /// The one that asks stays.
    AllBut(SessionId),
    All,
}

/// Told of ended sign-ins: the user, and which one; `None`: all of theirs.
pub type OnEnded = Arc<dyn Fn(UserId, Option<SessionId>) + Send + Sync>;

impl Accounts {
    /// Ends open sign-ins in the caller's transaction and tells whoever listens; answers how many.
    ///
    /// Their sockets close within a second. `why` is a word for programs, such as `logout` or `password_changed`.
    pub async fn end_sign_ins(
        &self,
        client: &impl GenericClient,
        user: UserId,
        which: Which,
        why: &'static str,
    ) -> Result<u64, Refusal> {
        let ended = store::end_sign_ins(client, user, which, why).await.map_err(|error| refusal(&error))?;
        for sign_in in &ended {
            self.tell_ended(user, Some(*sign_in));
        }
        if which == Which::All {
            // Also those that came with a token of somebody else's making.
            self.tell_ended(user, None);
        }
        Ok(ended.len() as u64)
    }

    /// Sets who is told of ended sign-ins; once, before requests are answered.
    pub fn on_ended(&self, tell: OnEnded) {
        if self.0.on_ended.set(tell).is_err() {
            tracing::error!("ended sign-ins are told to somebody already");
        }
    }

    pub(super) fn tell_ended(&self, user: UserId, sign_in: Option<SessionId>) {
        if let Some(tell) = self.0.on_ended.get() {
            tell(user, sign_in);
        }
    }
}
