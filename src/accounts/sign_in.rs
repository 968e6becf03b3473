//! Signing up, in and out, and staying signed in.

use greenroom_actors::domain::{SessionId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::history::{AuthEvent, Happened};
use super::passwords::Verdict;
use super::refresh::{Exchange, RefreshToken, decide};
use super::rules::{self, Email, Username};
use super::store::{self, Account, NewAccount, Taken};
use super::{Accounts, Origin, Profile, Role, standing};
use crate::error::FieldError;
use crate::postgres::refusal;

/// Somebody new, checked.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub(super) email: Email,
    pub(super) username: Username,
    pub(super) display_name: String,
    password: String,
}

impl NewUser {
    /// Checks all fields and answers every one that is wrong.
    pub fn check(
        email: &str,
        username: &str,
        display_name: Option<&str>,
        password: &str,
    ) -> Result<Self, Vec<FieldError>> {
        let email = rules::email(email);
        let checked_username = rules::username(username);
        let display_name = rules::display_name(display_name.unwrap_or(username));
        let fits = rules::password(password);
        match (email, checked_username, display_name, fits) {
            (Ok(email), Ok(username), Ok(display_name), Ok(())) => {
                Ok(Self { email, username, display_name, password: password.to_owned() })
            }
            (email, username, display_name, fits) => {
                // A display name that was not given is the username: then it is wrong only once.
                let display_name = display_name.err().filter(|_| username.is_ok());
                Err([email.err(), username.err(), display_name, fits.err()].into_iter().flatten().collect())
            }
        }
    }

    /// What limits count tries by.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.email.key
    }
}

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

fn bad_refresh_token() -> Refusal {
    Refusal::new(RefusalCode::Unauthenticated, "the refresh token is not valid: sign in again")
}

impl Accounts {
    /// Makes an account and signs it in. `conflict` names what is taken.
    pub async fn register(&self, new: &NewUser, origin: Origin) -> Result<Opened, Refusal> {
        if !self.0.config.auth.registration {
            return Err(Refusal::new(RefusalCode::Forbidden, "this server takes no new accounts"));
        }
        let hash = self.0.passwords.hash(&new.password).await?;
        let profile = self.insert(new, &hash).await?;
        tracing::info!(user = %profile.id, "an account was made");
        self.open_sign_in(profile, &origin).await
    }

    async fn insert(&self, new: &NewUser, password_hash: &str) -> Result<Profile, Refusal> {
        let id = UserId::new();
        self.make(&NewAccount {
            id,
            email: Some(&new.email),
            email_verified: false,
            mobile: None,
            username: &new.username,
            display_name: &new.display_name,
            role: Role::User,
            plan: &self.0.config.default_plan,
            password_hash: Some(password_hash),
            seeded: false,
        })
        .await?;
        self.profile(id).await
    }

    /// Stores a new account. `conflict` names what is taken.
    pub(super) async fn make(&self, new: &NewAccount<'_>) -> Result<(), Refusal> {
        let client = self.client().await?;
        let made = store::insert(&client, new).await.map_err(|error| refusal(&error))?;
        made.map_err(|taken| {
            let message = match taken {
                Taken::Email => "this e-mail address has an account already",
                Taken::Mobile => "this mobile number has an account already",
                Taken::Username => "this username is taken",
            };
            Refusal::new(RefusalCode::Conflict, message)
        })
    }

    /// Signs in by e-mail address or username. What is wrong is not told, and takes as long as what is right.
    pub async fn login(&self, name: &str, password: &str, origin: Origin) -> Result<Opened, Refusal> {
        let key = rules::key(name);
        let account = self.find(&key).await?;
        let kept = account.as_ref().and_then(|account| account.password_hash.as_deref());
        let verdict = self.0.passwords.verify(password, kept).await?;
        let Some(account) = account.filter(|_| verdict != Verdict::Wrong) else {
            tracing::info!("a sign-in was refused");
            return Err(wrong_credentials());
        };
        if let Some((why, refused)) = standing::refused(&account, self.0.config.auth.erase_after_days) {
            let event = Happened {
                refused_why: Some(why),
                ..Happened::new(account.profile.id, AuthEvent::SignedIn, &origin)
            };
            let client = self.client().await?;
            event.record(&client).await.map_err(|error| refusal(&error))?;
            return Err(refused);
        }
        if verdict == Verdict::Outdated {
            let hash = self.0.passwords.hash(password).await?;
            let client = self.client().await?;
            store::set_password(&client, account.profile.id, &hash).await.map_err(|error| refusal(&error))?;
        }
        self.open_sign_in(account.profile, &origin).await
    }

    async fn find(&self, key: &str) -> Result<Option<Account>, Refusal> {
        let client = self.client().await?;
        let found = if key.contains('@') {
            store::by_email(&client, key).await
        } else {
            store::by_username(&client, key).await
        };
        found.map_err(|error| refusal(&error))
    }

    pub(super) async fn open_sign_in(&self, profile: Profile, origin: &Origin) -> Result<Opened, Refusal> {
        let (sign_in, token) = (SessionId::new(), RefreshToken::make());
        let auth = &self.0.config.auth;
        let mut client = self.client().await?;
        store::open_sign_in(
            &mut client,
            sign_in,
            profile.id,
            origin,
            &token.hash(),
            auth.refresh_ttl().as_secs_f64(),
            i64::from(auth.sign_ins_max.max(1)),
        )
        .await
        .map_err(|error| refusal(&error))?;
        Ok(self.opened(profile, sign_in, token))
    }

    fn opened(&self, profile: Profile, sign_in: SessionId, refresh_token: RefreshToken) -> Opened {
        let claims = self.0.tokens.claims(profile.id, profile.role, sign_in, &profile.plan);
        Opened {
            access_token: self.0.tokens.sign(&claims),
            expires_in_s: self.0.tokens.ttl().as_secs(),
            profile,
            sign_in,
            refresh_token,
        }
    }

    /// Exchanges a refresh token for a new pair, by the rules of [`super::refresh`].
    pub async fn refresh(&self, token: &RefreshToken, origin: &Origin) -> Result<Opened, Refusal> {
        let auth = &self.0.config.auth;
        let hash = token.hash();
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let found = store::find_token(&transaction, &hash).await.map_err(|error| refusal(&error))?;
        let Some(found) = found else { return Err(bad_refresh_token()) };
        let grace = std::time::Duration::from_secs(auth.refresh_grace_s);
        let profile = found.account.profile;
        match decide(found.kept, found.now, grace) {
            Exchange::Rotate | Exchange::Again => {
                let fresh = RefreshToken::make();
                let ttl_s = auth.refresh_ttl().as_secs_f64();
                store::exchange(&transaction, &hash, found.sign_in, &fresh.hash(), ttl_s)
                    .await
                    .map_err(|error| refusal(&error))?;
                transaction.commit().await.map_err(|error| refusal(&error))?;
                Ok(self.opened(profile, found.sign_in, fresh))
            }
            Exchange::Reused => {
                tracing::warn!(user = %profile.id, sign_in = %found.sign_in, "a used refresh token came again: the sign-in ends");
                store::end_sign_in(&transaction, found.sign_in, profile.id, "token_reused")
                    .await
                    .map_err(|error| refusal(&error))?;
                let reused = Happened {
                    sign_in: Some(found.sign_in),
                    ..Happened::new(profile.id, AuthEvent::TokenReused, origin)
                };
                reused.record(&transaction).await.map_err(|error| refusal(&error))?;
                transaction.commit().await.map_err(|error| refusal(&error))?;
                Err(bad_refresh_token())
            }
            Exchange::Refused => Err(bad_refresh_token()),
        }
    }

    /// Ends the sign-in, and the one that `token` belongs to where that is another of the same user.
    pub async fn logout(
        &self,
        user: UserId,
        sign_in: SessionId,
        token: Option<&RefreshToken>,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        let client = self.client().await?;
        if store::end_sign_in(&client, sign_in, user, "logout").await.map_err(|error| refusal(&error))? {
            let out =
                Happened { sign_in: Some(sign_in), ..Happened::new(user, AuthEvent::SignedOut, origin) };
            out.record(&client).await.map_err(|error| refusal(&error))?;
        }
        if let Some(token) = token {
            store::end_by_token(&client, &token.hash(), user, "logout")
                .await
                .map_err(|error| refusal(&error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_with_somebody_new_is_told_at_once() {
        let wrong = NewUser::check("mira", "x", None, "short").unwrap_err();
        let fields: Vec<&str> = wrong.iter().map(|error| error.field.as_ref()).collect();
        assert_eq!(fields, ["email", "username", "password"]);
        let wrong = NewUser::check("mira@example.com", "mira", Some(" "), "long enough").unwrap_err();
        assert_eq!(wrong[0].field, "displayName");
    }

    #[test]
    fn who_gives_no_display_name_is_called_by_the_username() {
        let new = NewUser::check("Mira@example.com", "Mira", None, "long enough").unwrap();
        assert_eq!((new.display_name.as_str(), new.identity()), ("Mira", "mira@example.com"));
    }
}
