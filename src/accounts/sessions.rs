//! A user's sign-ins: the list of them, and the one place that ends them and tells all who act on it.

use std::sync::Arc;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{SessionId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;

use super::history::{AuthEvent, Happened};
use super::{Accounts, Origin, Profile, RefreshToken, store};
use crate::http::{Page, PageQuery};
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

/// An open sign-in as its owner sees it.
#[derive(Clone, Debug)]
pub struct SignInInfo {
    pub id: SessionId,
    /// As the client called itself.
    pub user_agent: Option<String>,
    /// Where it signed in from.
    pub address: Option<String>,
    pub created_at: Timestamp,
    /// When it last exchanged its refresh token.
    pub last_used_at: Timestamp,
}

impl Accounts {
    /// Ends open sign-ins in the caller's transaction and tells whoever listens; answers how many.
    ///
    /// Their sockets close within a second, on every node, once that is committed, and here at once. `why` is a word for
    /// programs, such as `logout` or `password_changed`.
    pub async fn end_sign_ins(
        &self,
        client: &impl GenericClient,
        user: UserId,
        which: Which,
        why: &'static str,
    ) -> Result<u64, Refusal> {
        let at = Timestamp::now();
        let ended =
            store::end_sign_ins(client, user, which, why, at).await.map_err(|error| refusal(&error))?;
        for sign_in in &ended {
            self.tell_ended_at(user, Some(*sign_in), at);
        }
        if which == Which::All {
            // Also those that came with a token of somebody else's making.
            self.tell_ended_at(user, None, at);
        }
        Ok(ended.len() as u64)
    }

    /// Sets who is told of ended sign-ins; once, before requests are answered.
    pub fn on_ended(&self, tell: OnEnded) {
        if self.0.on_ended.set(tell).is_err() {
            tracing::error!("ended sign-ins are told to somebody already");
        }
    }

    /// On this node, and at this moment: access tokens of theirs hold no more, and their sockets close.
    pub(super) fn tell_ended(&self, user: UserId, sign_in: Option<SessionId>) {
        self.tell_ended_at(user, sign_in, Timestamp::now());
    }

    /// The same of what ended at `at`.
    pub(super) fn tell_ended_at(&self, user: UserId, sign_in: Option<SessionId>, at: Timestamp) {
        self.0.tokens.revoke(user, sign_in, at);
        self.forget_identities(user);
        if let Some(tell) = self.0.on_ended.get() {
            tell(user, sign_in);
        }
    }

    /// The account behind a token of this sign-in; `unauthenticated` if the sign-in has ended.
    pub async fn profile_of(&self, user: UserId, sign_in: SessionId) -> Result<Profile, Refusal> {
        let client = self.client().await?;
        let found = store::sign_ins::account_of(&client, user, sign_in).await;
        match found.map_err(|error| refusal(&error))? {
            Some((_, true)) => {
                Err(Refusal::new(RefusalCode::Unauthenticated, "this sign-in has ended: sign in again"))
            }
            found => Ok(super::standing_of(found.map(|(account, _)| account))?.profile),
        }
    }

    /// The user's open sign-ins, the newest first.
    pub async fn sign_ins(&self, user: UserId, page: &PageQuery) -> Result<Page<SignInInfo>, Refusal> {
        let before = page.after_id()?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let total = store::sign_ins::count_open(&client, user).await.map_err(|error| refusal(&error))?;
        let found = store::sign_ins::open(&client, user, before, skip, limit + 1)
            .await
            .map_err(|error| refusal(&error))?;
        Ok(Page::cut_by_id(page, found, u64::try_from(total).ok(), |sign_in| sign_in.id.uuid()))
    }

    /// Ends one sign-in of the user, seen from another or from itself.
    pub async fn end_session(
        &self,
        user: UserId,
        sign_in: SessionId,
        own: SessionId,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        let (event, why) = if sign_in == own {
            (AuthEvent::SignedOut, "logout")
        } else {
            (AuthEvent::SessionEnded, "session_ended")
        };
        if self.end_and_note(user, sign_in, event, why, origin).await? {
            Ok(())
        } else {
            Err(Refusal::new(RefusalCode::NotFound, "there is no such session"))
        }
    }

    /// Ends all of the user's sign-ins, or all but the one to keep; answers how many.
    pub async fn logout_all(
        &self,
        user: UserId,
        kept: Option<SessionId>,
        own: SessionId,
        origin: &Origin,
    ) -> Result<u64, Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let which = kept.map_or(Which::All, Which::AllBut);
        let ended = self.end_sign_ins(&transaction, user, which, "logout_all").await?;
        let event =
            Happened { sign_in: Some(own), ..Happened::new(user, AuthEvent::SignedOutEverywhere, origin) };
        event.record(&transaction).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(ended)
    }

    /// Ends the sign-in, and the one that `token` belongs to where that is another of the same user.
    pub async fn logout(
        &self,
        user: UserId,
        sign_in: SessionId,
        token: Option<&RefreshToken>,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        self.end_and_note(user, sign_in, AuthEvent::SignedOut, "logout", origin).await?;
        let Some(token) = token else { return Ok(()) };
        let client = self.client().await?;
        let other =
            store::sign_ins::of_token(&client, &token.hash(), user).await.map_err(|error| refusal(&error))?;
        drop(client);
        if let Some(other) = other {
            self.end_and_note(user, other, AuthEvent::SignedOut, "logout", origin).await?;
        }
        Ok(())
    }

    /// Answers whether it had been open.
    async fn end_and_note(
        &self,
        user: UserId,
        sign_in: SessionId,
        event: AuthEvent,
        why: &'static str,
        origin: &Origin,
    ) -> Result<bool, Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        if self.end_sign_ins(&transaction, user, Which::One(sign_in), why).await? == 0 {
            return Ok(false);
        }
        let ended = Happened { sign_in: Some(sign_in), ..Happened::new(user, event, origin) };
        ended.record(&transaction).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(true)
    }
}
