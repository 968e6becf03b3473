//! Links sent by mail: a random token, known by its hash, good once and for one address.
//!
//! A new link voids the older ones of its purpose, and another address in the account voids all that went to the one
//! before. Using a link proves the address, whatever it was sent for. Those who change an account or its links lock the
//! account's row first, and so come one after the other.

use std::fmt;

use deadpool_postgres::{GenericClient, Transaction};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use sha2::{Digest, Sha256};

use super::history::{AuthEvent, Happened};
use super::{Accounts, Origin, Profile, random_hex, store};
use crate::error::FieldError;
use crate::outbound::{Channel, Letter};
use crate::postgres::refusal;

const RANDOM_BYTES: usize = 32;
const VERIFY_HOURS: u32 = 24;
const RESET_MINUTES: u32 = 60;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    VerifyEmail,
    ResetPassword,
}

impl LinkPurpose {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }

    fn minutes(self) -> u32 {
        match self {
            Self::VerifyEmail => VERIFY_HOURS * 60,
            Self::ResetPassword => RESET_MINUTES,
        }
    }
}

/// The token of a link, in the clear only on its way to its holder.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkToken(String);

impl LinkToken {
    fn make() -> Self {
        Self(random_hex::<RANDOM_BYTES>())
    }

    /// Reads what a client sent. What cannot be one of ours is refused as one that is over.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        let fits = text.len() == 2 * RANDOM_BYTES && text.bytes().all(|it| it.is_ascii_hexdigit());
        if fits { Ok(Self(text.to_ascii_lowercase())) } else { Err(bad_link()) }
    }

    /// What the database knows of it.
    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken")
    }
}

/// Of a link that does not hold, whatever is wrong with it.
pub(super) fn bad_link() -> FieldError {
    FieldError::new("token", "is not valid, used, or over: ask for a new link")
}

impl Accounts {
    /// Sends a link that proves the account's address, in the caller's transaction, which holds the account's row.
    /// Where no mail is sent the address stays unproved.
    pub(super) async fn send_verification(
        &self,
        client: &impl GenericClient,
        profile: &Profile,
    ) -> Result<(), Refusal> {
        if self.0.outbound.mail() == Channel::Off {
            tracing::debug!(user = %profile.id, "no mail is set up: an e-mail address stays unproved");
            return Ok(());
        }
        let name = profile.display_name.clone();
        self.send_link(client, profile, LinkPurpose::VerifyEmail, |token| Letter::VerifyEmail {
            name,
            link: self.0.outbound.link(&format!("/api/auth/verify-email/{}", token.0)),
            hours: VERIFY_HOURS,
        })
        .await
    }

    /// The same with a link that sets a new password.
    pub(super) async fn send_reset(
        &self,
        client: &impl GenericClient,
        profile: &Profile,
    ) -> Result<(), Refusal> {
        let name = profile.display_name.clone();
        self.send_link(client, profile, LinkPurpose::ResetPassword, |token| Letter::ResetPassword {
            name,
            link: self.0.outbound.link(&format!("/#/reset/{}", token.0)),
            minutes: RESET_MINUTES,
        })
        .await
    }

    async fn send_link(
        &self,
        client: &impl GenericClient,
        profile: &Profile,
        purpose: LinkPurpose,
        letter: impl FnOnce(&LinkToken) -> Letter,
    ) -> Result<(), Refusal> {
        let Some(address) = &profile.email else {
            return Err(Refusal::new(RefusalCode::Conflict, "this account has no e-mail address"));
        };
        let token = LinkToken::make();
        store::links::renew(client, profile.id, purpose, &token.hash(), purpose.minutes())
            .await
            .map_err(|error| refusal(&error))?;
        self.0.outbound.send_mail(client, address, &profile.locale, &letter(&token)).await
    }

    /// Whose link it is; `None`: it does not hold. Nothing is used up yet.
    pub async fn holder_of_link(
        &self,
        token: &LinkToken,
        purpose: LinkPurpose,
    ) -> Result<Option<Profile>, Refusal> {
        let client = self.client().await?;
        let user =
            store::links::user(&client, &token.hash(), purpose).await.map_err(|error| refusal(&error))?;
        let Some(user) = user else { return Ok(None) };
        let account = store::by_id(&client, user).await.map_err(|error| refusal(&error))?;
        Ok(account.filter(store::Account::is_active).map(|account| account.profile))
    }

    /// Uses a link up and proves its address; answers the account as it was before. `None`: it does not hold.
    pub(super) async fn use_link(
        &self,
        transaction: &Transaction<'_>,
        token: &LinkToken,
        purpose: LinkPurpose,
    ) -> Result<Option<Profile>, Refusal> {
        let hash = token.hash();
        let stored = async {
            let Some(user) = store::links::user(transaction, &hash, purpose).await? else { return Ok(None) };
            let account = store::lock(transaction, user).await?;
            let Some(account) = account.filter(store::Account::is_active) else { return Ok(None) };
            let used = store::links::use_up(transaction, &hash, purpose).await?;
            if used {
                store::links::prove_email(transaction, user).await?;
            }
            Ok(used.then_some(account.profile))
        };
        stored.await.map_err(|error: deadpool_postgres::PoolError| refusal(&error))
    }

    /// Proves an address by the link that went there; answers the account.
    pub async fn verify_email(
        &self,
        token: &LinkToken,
        origin: &Origin,
    ) -> Result<Result<Profile, FieldError>, Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let Some(profile) = self.use_link(&transaction, token, LinkPurpose::VerifyEmail).await? else {
            return Ok(Err(bad_link()));
        };
        let verified = Happened::new(profile.id, AuthEvent::EmailVerified, origin);
        verified.record(&transaction).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(Ok(Profile { email_verified: true, ..profile }))
    }

    /// Whether this link was used and its address still stands as proved: programs that look at mails before people do
    /// may have opened it.
    pub async fn was_verified_by(&self, token: &LinkToken) -> Result<bool, Refusal> {
        let client = self.client().await?;
        store::links::was_used(&client, &token.hash()).await.map_err(|error| refusal(&error))
    }

    /// Sends the link once more.
    pub async fn resend_verification(&self, user: greenroom_actors::domain::UserId) -> Result<(), Refusal> {
        let conflict = |message: &str| Err(Refusal::new(RefusalCode::Conflict, message));
        self.0.outbound.needs_mail()?;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let account = store::lock(&transaction, user).await.map_err(|error| refusal(&error))?;
        let Some(account) = account.filter(store::Account::is_active) else {
            return Err(Refusal::new(RefusalCode::NotFound, "there is no such account"));
        };
        match (&account.profile.email, account.profile.email_verified) {
            (None, _) => return conflict("this account has no e-mail address"),
            (Some(_), true) => return conflict("this e-mail address is verified already"),
            (Some(_), false) => self.send_verification(&transaction, &account.profile).await?,
        }
        transaction.commit().await.map_err(|error| refusal(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash_and_not_shown() {
        let token = LinkToken::make();
        assert_eq!(LinkToken::parse(&format!(" {} ", token.0.to_uppercase())), Ok(token.clone()));
        assert_eq!((token.hash().len(), format!("{token:?}").as_str()), (32, "LinkToken"));
        for foreign in ["", "abc", &"x".repeat(64), &"ü".repeat(32), &"a".repeat(65)] {
            assert_eq!(LinkToken::parse(foreign), Err(bad_link()), "{foreign}");
        }
    }
}
