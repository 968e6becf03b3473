//! Proving a number by its code: that signs in, makes an account, or adds the number to the account that asks.

use deadpool_postgres::{GenericClient, Transaction};
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::decide::{Guess, judge};
use super::store::{self, SignUp};
use super::{Code, Mobile, Purpose};
use crate::accounts::history::{AuthEvent, Happened};
use crate::accounts::rules;
use crate::accounts::store::{self as accounts, Account, NewAccount, Taken};
use crate::accounts::{Accounts, Opened, Origin, Profile, Role, standing};
use crate::postgres::refusal;

/// Names that are tried for a new account; that one of them is free is next to certain.
const NAMES_TRIED: usize = 8;
const DISPLAY_NAME: &str = "Guest";

/// What a right code did.
#[derive(Clone, Debug)]
pub enum Proved {
    SignedIn(Box<Opened>),
    /// The number was unknown: there is a new account, signed in.
    Registered(Box<Opened>),
    /// The number belongs to the account that asked now.
    Linked(Box<Profile>),
}

/// What every code is refused with that does not hold: nobody learns why.
pub(super) fn wrong_code() -> Refusal {
    Refusal::new(RefusalCode::Unauthenticated, "the code is wrong or over: ask for a new one")
}

/// A code that was right, and what had waited for it. It is used up with the caller's transaction.
pub(super) struct Right {
    pub sign_up: SignUp,
    /// Who has the number.
    pub account: Option<Account>,
}

impl Accounts {
    /// Proves a number. Without a caller that signs in its account or makes one; with a caller it becomes theirs.
    ///
    /// `unauthenticated` for a code that does not hold, whatever is wrong with it; after a right one `forbidden` for an
    /// account that is blocked or deactivated, and `conflict` for a number that another account has.
    pub async fn verify_code(
        &self,
        mobile: &Mobile,
        code: &Code,
        caller: Option<UserId>,
        origin: &Origin,
    ) -> Result<Proved, Refusal> {
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let right = self.guess(&mut transaction, mobile, Purpose::SignIn, code, origin).await?;
        // What comes out of it, a refusal too, is committed with the code's use before anybody hears of it.
        let done = match (right, caller) {
            (None, _) => Err(wrong_code()),
            (Some(right), Some(user)) => self.link(&transaction, mobile, user, right, origin).await?,
            (Some(Right { account: Some(account), .. }), None) => self
                .may_enter(&transaction, &account, AuthEvent::SignedIn, origin)
                .await?
                .map(|()| Done::Found(account.profile)),
            (Some(right), None) => self.found(&transaction, mobile, right.sign_up, origin).await?,
        };
        transaction.commit().await.map_err(|error| refusal(&error))?;
        drop(client);
        match done? {
            Done::Linked(profile) => Ok(Proved::Linked(Box::new(profile))),
            Done::Found(profile) => Ok(Proved::SignedIn(Box::new(self.open_sign_in(profile, origin).await?))),
            Done::Made(user) => {
                tracing::info!(%user, "an account was made by a mobile number");
                let profile = self.profile(user).await?;
                Ok(Proved::Registered(Box::new(self.open_sign_in(profile, origin).await?)))
            }
        }
    }

    /// Counts a guess and judges it; a right code is used up. A known account's history tells of a wrong one. To be
    /// committed whatever comes out.
    pub(super) async fn guess(
        &self,
        transaction: &mut Transaction<'_>,
        mobile: &Mobile,
        purpose: Purpose,
        code: &Code,
        origin: &Origin,
    ) -> Result<Option<Right>, Refusal> {
        let counted =
            store::count_guess(&*transaction, mobile, purpose).await.map_err(|error| refusal(&error))?;
        let same = self.0.codes.is(&counted.hash, mobile, purpose, code);
        let guess = judge(counted.kept, counted.now, same, self.0.config.auth.otp.tries_max);
        let account =
            accounts::by_mobile(&*transaction, mobile.as_str()).await.map_err(|error| refusal(&error))?;
        if guess == Guess::Right {
            store::use_up(&*transaction, mobile, purpose).await.map_err(|error| refusal(&error))?;
            return Ok(Some(Right { sign_up: counted.sign_up, account }));
        }
        tracing::info!(?mobile, why = guess.why(), "a code was refused");
        let noted = transaction.transaction().await.map_err(|error| refusal(&error))?;
        let ended = if let Some(account) = account {
            let event = match purpose {
                Purpose::SignIn => AuthEvent::SignedIn,
                Purpose::ResetPassword => AuthEvent::PasswordReset,
            };
            let refused =
                Happened { refused_why: guess.why(), ..Happened::new(account.profile.id, event, origin) };
            refused.record(&noted).await.map_err(|error| refusal(&error))?;
            noted.commit().await
        } else {
            // Nobody's history is written to; a row as large is, and taken back: time tells no account from none.
            store::note_send(&noted, mobile).await.map_err(|error| refusal(&error))?;
            noted.rollback().await
        };
        ended.map_err(|error| refusal(&error))?;
        Ok(None)
    }

    /// Refuses accounts that nobody enters, and tells their history. The outer error is the database's.
    pub(super) async fn may_enter(
        &self,
        client: &impl GenericClient,
        account: &Account,
        event: AuthEvent,
        origin: &Origin,
    ) -> Result<Result<(), Refusal>, Refusal> {
        let Some((why, told)) = standing::refused(account, self.0.config.auth.erase_after_days) else {
            return Ok(Ok(()));
        };
        let refused = Happened { refused_why: Some(why), ..Happened::new(account.profile.id, event, origin) };
        refused.record(client).await.map_err(|error| refusal(&error))?;
        Ok(Err(told))
    }

    async fn link(
        &self,
        client: &impl GenericClient,
        mobile: &Mobile,
        user: UserId,
        right: Right,
        origin: &Origin,
    ) -> Result<Result<Done, Refusal>, Refusal> {
        if right.account.is_some_and(|owner| owner.profile.id != user) {
            return Ok(Err(taken()));
        }
        if !store::set_mobile(client, user, mobile).await.map_err(|error| refusal(&error))? {
            return Ok(Err(Refusal::new(RefusalCode::Forbidden, "this account is blocked or deactivated")));
        }
        let linked = Happened::new(user, AuthEvent::MobileVerified, origin);
        linked.record(client).await.map_err(|error| refusal(&error))?;
        let account = accounts::by_id(client, user).await.map_err(|error| refusal(&error))?;
        let gone = || Refusal::new(RefusalCode::NotFound, "there is no such account");
        Ok(account.map(|account| Done::Linked(account.profile)).ok_or_else(gone))
    }

    /// Makes the account of a proved number.
    async fn found(
        &self,
        client: &impl GenericClient,
        mobile: &Mobile,
        sign_up: SignUp,
        origin: &Origin,
    ) -> Result<Result<Done, Refusal>, Refusal> {
        if !self.0.config.auth.registration {
            return Ok(Err(wrong_code()));
        }
        let id = UserId::new();
        for _ in 0..NAMES_TRIED {
            let username = rules::generated_username();
            let new = NewAccount {
                id,
                email: None,
                email_verified: false,
                mobile: Some(mobile.as_str()),
                username: &username,
                display_name: sign_up.name.as_deref().unwrap_or(DISPLAY_NAME),
                role: Role::User,
                plan: &self.default_plan(),
                password_hash: sign_up.password_hash.as_deref(),
                seeded: false,
            };
            match accounts::insert(client, &new).await.map_err(|error| refusal(&error))? {
                Ok(()) => {
                    let made = Happened::new(id, AuthEvent::Registered, origin);
                    made.record(client).await.map_err(|error| refusal(&error))?;
                    return Ok(Ok(Done::Made(id)));
                }
                Err(Taken::Username) => {}
                // The number got an account between the look at it and now: the next code signs in there.
                Err(Taken::Mobile | Taken::Email) => return Ok(Err(wrong_code())),
            }
        }
        tracing::error!("no free username was found for a new account");
        Err(Refusal::new(RefusalCode::Internal, "no free username was found"))
    }
}

enum Done {
    Found(Profile),
    Made(UserId),
    Linked(Profile),
}

fn taken() -> Refusal {
    Refusal::new(RefusalCode::Conflict, "another account has this mobile number")
}
