//! Signing in by password, and what every way in ends with: an open sign-in.

use greenroom_actors::domain::SessionId;
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::history::{AuthEvent, Happened};
use super::passwords::Verdict;
use super::refresh::RefreshToken;
use super::store::{self, Account, NewSignIn};
use super::{Accounts, Origin, Profile, rules, standing};
use crate::postgres::refusal;

/// A sign-in that was opened or renewed.
#[derive(Clone, Debug)]
pub struct Opened {
    pub profile: Profile,
    pub sign_in: SessionId,
    pub access_token: String,
    pub refresh_token: RefreshToken,
    /// Seconds that the access token holds.
    pub expires_in_s: u64,
}

fn wrong_credentials() -> Refusal {
    Refusal::new(RefusalCode::Unauthenticated, "the name or the password is wrong")
}

impl Accounts {
    /// Signs in by e-mail address, mobile number (E.164) or username. What is wrong is not told to one without the right
    /// password, and takes as long as what is right.
    pub async fn login(&self, name: &str, password: &str, origin: &Origin) -> Result<Opened, Refusal> {
        let account = self.find(&rules::key(name)).await?;
        let kept = account.as_ref().and_then(|account| account.password_hash.as_deref());
        let verdict = self.0.passwords.verify(password, kept).await?;
        let Some(account) = account else {
            tracing::info!("a sign-in was refused");
            return Err(wrong_credentials());
        };
        if verdict == Verdict::Wrong {
            tracing::info!("a sign-in was refused");
            self.note_refused(&account, "wrong_password", origin);
            return Err(wrong_credentials());
        }
        if let Some((why, refused)) = standing::refused(&account, self.0.config.auth.erase_after_days) {
            self.note_refused(&account, why, origin);
            return Err(refused);
        }
        let mut kept = account.password_hash;
        if verdict == Verdict::Outdated {
            let hash = self.0.passwords.hash(password).await?;
            let client = self.client().await?;
            // If it was changed meanwhile, the newer one stays, and this sign-in is refused below.
            store::rehash(&client, account.profile.id, kept.as_deref(), &hash)
                .await
                .map_err(|error| refusal(&error))?;
            kept = Some(hash);
        }
        self.open_as(account.profile, kept.as_deref(), origin).await
    }

    async fn find(&self, key: &str) -> Result<Option<Account>, Refusal> {
        // Nobody is called so, and the database takes no NUL.
        if key.chars().any(char::is_control) {
            return Ok(None);
        }
        let client = self.client().await?;
        let found = if key.contains('@') {
            store::by_email(&client, key).await
        } else if key.starts_with('+') {
            store::by_mobile(&client, key).await
        } else {
            store::by_username(&client, key).await
        };
        found.map_err(|error| refusal(&error))
    }

    /// Writes a refusal into the account's history, after the answer: the time it takes would tell that there is an
    /// account. No more are under way than passwords can be checked in the time that a connection is waited for.
    fn note_refused(&self, account: &Account, why: &'static str, origin: &Origin) {
        let (accounts, user, origin) = (self.clone(), account.profile.id, origin.clone());
        tokio::spawn(async move {
            let refused =
                Happened { refused_why: Some(why), ..Happened::new(user, AuthEvent::SignedIn, &origin) };
            let Ok(client) = accounts.client().await else { return };
            if let Err(error) = refused.record(&client).await {
                tracing::warn!(%user, %error, "a refused sign-in is missing in the history");
            }
        });
    }

    /// Signs in somebody who has proved who they are otherwise than by password.
    pub(super) async fn open_sign_in(&self, profile: Profile, origin: &Origin) -> Result<Opened, Refusal> {
        self.open_as(profile, None, origin).await
    }

    async fn open_as(
        &self,
        profile: Profile,
        password_hash: Option<&str>,
        origin: &Origin,
    ) -> Result<Opened, Refusal> {
        let (sign_in, token) = (SessionId::new(), RefreshToken::make());
        let auth = &self.0.config.auth;
        let new = NewSignIn {
            id: sign_in,
            user: profile.id,
            password_hash,
            origin,
            token_hash: &token.hash(),
            ttl_s: auth.refresh_ttl().as_secs_f64(),
            most: i64::from(auth.sign_ins_max.max(1)),
        };
        let mut client = self.client().await?;
        let made_room = store::open_sign_in(&mut client, &new).await.map_err(|error| refusal(&error))?;
        let Some(made_room) = made_room else { return Err(wrong_credentials()) };
        for ended in made_room {
            self.tell_ended(profile.id, Some(ended));
        }
        Ok(self.opened(profile, sign_in, token))
    }

    pub(super) fn opened(&self, profile: Profile, sign_in: SessionId, refresh_token: RefreshToken) -> Opened {
        let claims = self.0.tokens.claims(profile.id, profile.role, sign_in, &profile.plan);
        Opened {
            access_token: self.0.tokens.sign(&claims),
            expires_in_s: self.0.tokens.ttl().as_secs(),
            profile,
            sign_in,
            refresh_token,
        }
    }
}
