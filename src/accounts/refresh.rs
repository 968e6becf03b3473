//! Refresh tokens: opaque, known by their hash, good for one exchange. A sign-in is a family of them.
//!
//! A token that is used again within the grace period is a request repeated on a bad line and gets a new pair of the
//! same family. Later it is a copy in wrong hands, and the family ends: whoever holds it has to sign in again.

use std::fmt;
use std::time::Duration;

use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::history::{AuthEvent, Happened};
use super::{Accounts, Opened, Origin, Which, random_hex, store};
use crate::postgres::refusal;

const PREFIX: &str = "grt_";
const RANDOM_BYTES: usize = 32;
const LENGTH: usize = PREFIX.len() + 2 * RANDOM_BYTES;

/// A refresh token, in the clear only on its way to its holder.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// A fresh one.
    #[must_use]
    pub fn make() -> Self {
        Self(format!("{PREFIX}{}", random_hex::<RANDOM_BYTES>()))
    }

    /// Reads what a client sent; `None` for what cannot be one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits =
            text.len() == LENGTH && text.starts_with(PREFIX) && text.bytes().all(|it| it.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// What the database knows of it.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken")
    }
}

/// A token as it is kept, and its sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    pub sign_in_ended: bool,
    /// The account is neither blocked nor deactivated.
    pub account_active: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// Its first use.
    Rotate,
    /// A repeated request.
    Again,
    /// Used before, and not just now: the sign-in ends.
    Reused,
    /// It is over anyway.
    Refused,
}

/// Decides on a use of a kept token at `now`.
pub(super) fn decide(kept: Kept, now: Timestamp, grace: Duration) -> Exchange {
    if kept.sign_in_ended || !kept.account_active || kept.expires_at <= now {
        return Exchange::Refused;
    }
    match kept.used_at {
        None => Exchange::Rotate,
        Some(used_at) if Duration::try_from(now.duration_since(used_at)).unwrap_or_default() <= grace => {
            Exchange::Again
        }
        Some(_) => Exchange::Reused,
    }
}

fn bad_refresh_token() -> Refusal {
    Refusal::new(RefusalCode::Unauthenticated, "the refresh token is not valid: sign in again")
}

impl Accounts {
    /// Exchanges a refresh token for a new pair, by [`decide`].
    pub async fn refresh(&self, token: &RefreshToken, origin: &Origin) -> Result<Opened, Refusal> {
        let auth = &self.0.config.auth;
        let hash = token.hash();
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let found = store::find_token(&transaction, &hash).await.map_err(|error| refusal(&error))?;
        let Some(found) = found else { return Err(bad_refresh_token()) };
        let grace = Duration::from_secs(auth.refresh_grace_s);
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
                self.end_sign_ins(&transaction, profile.id, Which::One(found.sign_in), "token_reused")
                    .await?;
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash_and_not_shown() {
        let token = RefreshToken::make();
        assert_eq!(RefreshToken::parse(token.expose()), Some(token.clone()));
        assert_eq!(token.hash().len(), 32);
        assert_eq!(format!("{token:?}"), "RefreshToken");
        for foreign in ["", "grt_short", &"x".repeat(LENGTH), &format!("grt_{}", "ü".repeat(32))] {
            assert_eq!(RefreshToken::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_token_is_good_once_and_forgiven_within_the_grace() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let grace = Duration::from_secs(10);
        let at = |seconds: i64| now + jiff::SignedDuration::from_secs(seconds);
        let fresh = Kept { expires_at: at(100), used_at: None, sign_in_ended: false, account_active: true };
        let used = |seconds: i64| Kept { used_at: Some(at(seconds)), ..fresh };
        assert_eq!(decide(fresh, now, grace), Exchange::Rotate);
        assert_eq!(decide(used(-10), now, grace), Exchange::Again);
        assert_eq!(decide(used(1), now, grace), Exchange::Again, "another node's clock may be ahead");
        assert_eq!(decide(used(-11), now, grace), Exchange::Reused);
    }

    #[test]
    fn what_is_over_is_refused_and_not_taken_for_a_theft() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let old = Some(now - jiff::SignedDuration::from_secs(60));
        let kept = Kept {
            expires_at: now + jiff::SignedDuration::from_secs(1),
            used_at: old,
            sign_in_ended: false,
            account_active: true,
        };
        for over in [
            Kept { expires_at: now, ..kept },
            Kept { sign_in_ended: true, ..kept },
            Kept { account_active: false, ..kept },
        ] {
            assert_eq!(decide(over, now, Duration::from_secs(10)), Exchange::Refused);
        }
    }
}
