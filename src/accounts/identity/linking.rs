//! Which account an identity belongs to: found, linked or made.
//!
//! - A linked identity signs in to its account.
//! - Otherwise an address decides that the provider has verified. An account that has proved the same address is linked.
//!   One that has it unproved is not: somebody else may have signed up with it, and would then share the account with
//!   its owner. Signing in there and linking, or a new password by mail, which proves the address, is the way.
//! - Otherwise there is a new account. It gets the address only if the provider has verified it.
//!
//! That an identity has one account is the database's word (`unique (issuer, subject)`): of several first sign-ins at
//! once one makes the account, and the others start again and find it.

use deadpool_postgres::Transaction;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use uuid::Uuid;

use super::foreign::session_of;
use super::{IdentityInfo, LINKED_MAX, Person, store};
use crate::accounts::history::{AuthEvent, Happened};
use crate::accounts::news::News;
use crate::accounts::rules::{self, Username};
use crate::accounts::store::{self as accounts, Account, NewAccount, Taken};
use crate::accounts::{Accounts, Opened, Origin, Profile, Role, standing};
use crate::postgres::refusal;

/// Each further try has the work of another one before it; more than a few cannot be needed.
const TRIES: usize = 5;

/// An account that somebody came into by an ID token.
pub(in crate::accounts) struct Entered {
    pub opened: Opened,
    /// It is new.
    pub made: bool,
}

/// What one try came to.
enum Tried {
    Found(Profile),
    Made(Profile),
    /// Refused, and that is written down.
    Refused(Refusal),
    /// Somebody else was quicker: the next try finds what they made.
    Again,
}

fn conflict(message: &str) -> Refusal {
    Refusal::new(RefusalCode::Conflict, message)
}

fn linked_elsewhere() -> Refusal {
    conflict("this identity is linked to another account")
}

impl Accounts {
    /// Signs in with an ID token, and makes the account at the first time.
    pub(super) async fn enter(
        &self,
        person: &Person,
        username: Option<&Username>,
        origin: &Origin,
    ) -> Result<Entered, Refusal> {
        for _ in 0..TRIES {
            let mut client = self.client().await?;
            let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
            let (profile, made) = match self.try_to_enter(&transaction, person, username, origin).await? {
                // Nothing of this try stays.
                Tried::Again => continue,
                Tried::Refused(refused) => {
                    transaction.commit().await.map_err(|error| refusal(&error))?;
                    return Err(refused);
                }
                Tried::Found(profile) => (profile, false),
                Tried::Made(profile) => (profile, true),
            };
            transaction.commit().await.map_err(|error| refusal(&error))?;
            drop(client);
            if made {
                tracing::info!(user = %profile.id, provider = person.provider, "an account was made by an ID token");
            }
            let opened = self.open_sign_in(profile, origin).await?;
            return Ok(Entered { opened, made });
        }
        tracing::error!(provider = person.provider, "an identity finds no account and gets none");
        Err(Refusal::new(RefusalCode::Internal, "an identity finds no account and gets none"))
    }

    async fn try_to_enter(
        &self,
        transaction: &Transaction<'_>,
        person: &Person,
        username: Option<&Username>,
        origin: &Origin,
    ) -> Result<Tried, Refusal> {
        let linked = store::owner(transaction, &person.issuer, &person.subject).await;
        if let Some(account) = linked.map_err(|error| refusal(&error))? {
            if let Some(refused) = self.may_not_enter(transaction, &account, origin).await? {
                return Ok(Tried::Refused(refused));
            }
            let used = store::used(transaction, &person.issuer, &person.subject).await;
            used.map_err(|error| refusal(&error))?;
            return if username.is_some() {
                Ok(Tried::Refused(conflict("this identity has an account already: sign in with it")))
            } else {
                Ok(Tried::Found(account.profile))
            };
        }
        if let Some(key) = person.email.as_ref().map(|email| &email.key).filter(|_| person.email_verified) {
            let found = accounts::by_email(transaction, key).await.map_err(|error| refusal(&error))?;
            if let Some(account) = found {
                return self.link_by_email(transaction, person, key, account.profile.id, origin).await;
            }
        }
        self.make_for(transaction, person, username, origin).await
    }

    /// Why this account is not to be signed in to; its history tells of it.
    async fn may_not_enter(
        &self,
        transaction: &Transaction<'_>,
        account: &Account,
        origin: &Origin,
    ) -> Result<Option<Refusal>, Refusal> {
        let Some((why, refused)) = standing::refused(account, self.0.config.auth.erase_after_days) else {
            return Ok(None);
        };
        let happened = Happened {
            refused_why: Some(why),
            ..Happened::new(account.profile.id, AuthEvent::SignedIn, origin)
        };
        happened.record(transaction).await.map_err(|error| refusal(&error))?;
        Ok(Some(refused))
    }

    /// There is an account with the address that the provider has verified.
    async fn link_by_email(
        &self,
        transaction: &Transaction<'_>,
        person: &Person,
        key: &str,
        user: UserId,
        origin: &Origin,
    ) -> Result<Tried, Refusal> {
        // Under lock: the address may have been changed since.
        let account = accounts::lock(transaction, user).await.map_err(|error| refusal(&error))?;
        let same = |account: &Account| {
            account.profile.email.as_ref().is_some_and(|email| email.to_lowercase() == *key)
        };
        let Some(account) = account.filter(same) else { return Ok(Tried::Again) };
        if !account.profile.email_verified {
            return Ok(Tried::Refused(conflict(
                "an account has this e-mail address without having proved it: sign in there and link this identity, \
                 or reset its password, which proves the address",
            )));
        }
        if let Some(refused) = self.may_not_enter(transaction, &account, origin).await? {
            return Ok(Tried::Refused(refused));
        }
        match self.link_person(transaction, person, account.profile.id, origin).await? {
            Linked::New => Ok(Tried::Found(account.profile)),
            Linked::Before => Ok(Tried::Again),
            Linked::TooMany => Ok(Tried::Refused(too_many())),
        }
    }

    async fn make_for(
        &self,
        transaction: &Transaction<'_>,
        person: &Person,
        username: Option<&Username>,
        origin: &Origin,
    ) -> Result<Tried, Refusal> {
        if !self.0.config.auth.registration {
            return Ok(Tried::Refused(Refusal::new(
                RefusalCode::Forbidden,
                "this server takes no new accounts",
            )));
        }
        let (id, generated) = (UserId::new(), rules::generated_username());
        let name = username.unwrap_or(&generated);
        let said = person.name.as_deref().and_then(|name| rules::display_name(name).ok());
        let new = NewAccount {
            id,
            email: person.email.as_ref().filter(|_| person.email_verified),
            email_verified: person.email_verified,
            mobile: None,
            username: name,
            display_name: said.as_deref().unwrap_or(&name.typed),
            role: Role::User,
            plan: &self.default_plan(),
            password_hash: None,
            seeded: false,
        };
        match accounts::insert(transaction, &new).await.map_err(|error| refusal(&error))? {
            Ok(()) => {}
            Err(Taken::Username) if username.is_some() => {
                return Ok(Tried::Refused(conflict("this username is taken")));
            }
            Err(Taken::Username | Taken::Email | Taken::Mobile) => return Ok(Tried::Again),
        }
        let registered = Happened::new(id, AuthEvent::Registered, origin);
        registered.record(transaction).await.map_err(|error| refusal(&error))?;
        if !matches!(self.link_person(transaction, person, id, origin).await?, Linked::New) {
            return Ok(Tried::Again);
        }
        let account = accounts::by_id(transaction, id).await.map_err(|error| refusal(&error))?;
        Ok(account.map_or(Tried::Again, |account| Tried::Made(account.profile)))
    }

    /// Links the identity and notes it. The account is locked, or new in this transaction.
    async fn link_person(
        &self,
        transaction: &Transaction<'_>,
        person: &Person,
        user: UserId,
        origin: &Origin,
    ) -> Result<Linked, Refusal> {
        let others = store::of_user(transaction, user).await.map_err(|error| refusal(&error))?;
        if others.len() >= LINKED_MAX {
            return Ok(Linked::TooMany);
        }
        let id = Uuid::now_v7();
        if !store::link(transaction, id, user, person).await.map_err(|error| refusal(&error))? {
            return Ok(Linked::Before);
        }
        let linked = Happened::new(user, AuthEvent::IdentityLinked, origin);
        linked.record(transaction).await.map_err(|error| refusal(&error))?;
        Ok(Linked::New)
    }

    /// The user's identities, the oldest first.
    pub async fn identities(&self, user: UserId) -> Result<Vec<IdentityInfo>, Refusal> {
        let client = self.client().await?;
        store::of_user(&client, user).await.map_err(|error| refusal(&error))
    }

    /// Links an ID token's identity to the account that asks. `conflict`: another account has it.
    pub async fn link_identity(
        &self,
        user: UserId,
        token: &str,
        origin: &Origin,
    ) -> Result<IdentityInfo, Refusal> {
        let person = self.0.identities.verify(token).await?;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        self.locked(&transaction, user).await?;
        let found = store::find(&transaction, user, &person).await.map_err(|error| refusal(&error))?;
        if let Some(known) = found {
            return Ok(known);
        }
        match self.link_person(&transaction, &person, user, origin).await? {
            Linked::New => {}
            Linked::Before => return Err(linked_elsewhere()),
            Linked::TooMany => return Err(too_many()),
        }
        let linked = store::find(&transaction, user, &person).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        tracing::info!(%user, provider = person.provider, "an identity was linked");
        linked.ok_or_else(linked_elsewhere)
    }

    /// Takes a link away, and closes the sockets that came by it. `conflict`: it is the account's last way in.
    pub async fn unlink_identity(&self, user: UserId, id: Uuid, origin: &Origin) -> Result<(), Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        // Under lock: of two identities that are taken away at once, one may be the last.
        let account = self.locked(&transaction, user).await?;
        let linked = store::of_user(&transaction, user).await.map_err(|error| refusal(&error))?;
        if !linked.iter().any(|identity| identity.id == id) {
            return Err(Refusal::new(RefusalCode::NotFound, "there is no such identity"));
        }
        if linked.len() == 1 && account.password_hash.is_none() && account.profile.mobile.is_none() {
            return Err(conflict(
                "this is the account's only way in: set a password or prove a mobile number first",
            ));
        }
        let gone = store::unlink(&transaction, id, user).await.map_err(|error| refusal(&error))?;
        let unlinked = Happened::new(user, AuthEvent::IdentityUnlinked, origin);
        unlinked.record(&transaction).await.map_err(|error| refusal(&error))?;
        if let Some((issuer, subject)) = gone {
            let session = session_of(&issuer, &subject);
            let news = News::Ended(user, session);
            accounts::news::notify(&transaction, news).await.map_err(|error| refusal(&error))?;
            transaction.commit().await.map_err(|error| refusal(&error))?;
            self.tell_ended(user, Some(session));
        }
        Ok(())
    }

    async fn locked(&self, transaction: &Transaction<'_>, user: UserId) -> Result<Account, Refusal> {
        let account = accounts::lock(transaction, user).await.map_err(|error| refusal(&error))?;
        account
            .filter(Account::is_active)
            .ok_or_else(|| Refusal::new(RefusalCode::NotFound, "there is no such account"))
    }
}

enum Linked {
    New,
    /// To some account.
    Before,
    TooMany,
}

fn too_many() -> Refusal {
    conflict("this account has as many identities as are allowed: unlink one")
}
