//! Access tokens: short-lived signed JWTs (HS256) that say who calls. Nothing of them is stored.
//!
//! Each names its key (`kid`), so that the signing secret can be changed without signing anybody out: older secrets
//! still verify until they are taken from the settings. A token without a known `kid` is not ours.
//!
//! Nobody has to look a token up, so one that was given out holds until it ends; what ended before that stands in
//! [`revoked`], in this node's memory.

mod revoked;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::{SessionId, UserId};
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use revoked::Revoked;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `iss` and `aud` of our tokens.
const NAME: &str = "greenroom";
/// Longer ones cannot be ours, and need no signature checked.
const TOKEN_MAX_BYTES: usize = 4_096;
/// A key's name is the start of this text's HMAC under it: it tells keys apart and nothing about them.
const KEY_NAME_OF: &[u8] = b"greenroom access token key";
const KEY_NAME_CHARS: usize = 12;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    #[default]
    User,
    Admin,
}

impl Role {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote. Anything else has no rights beyond a user's.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        if text == "admin" { Self::Admin } else { Self::User }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub sub: UserId,
    pub role: Role,
    /// The sign-in that the token belongs to.
    pub sid: SessionId,
    /// The user's plan when the token was made: good for rate limits, never for quotas.
    pub plan: String,
    /// Seconds since 1970.
    pub iat: i64,
    /// Seconds since 1970: the token holds before this second.
    pub exp: i64,
}

impl Claims {
    /// When the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_second(self.exp).unwrap_or(Timestamp::MAX)
    }
}

/// The claims as they stand in the token.
#[derive(Serialize, Deserialize)]
struct Wire {
    sub: Uuid,
    role: Role,
    sid: Uuid,
    #[serde(default)]
    plan: String,
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the access token has expired")]
    Expired,
    #[error("the sign-in of this access token has ended")]
    Ended,
    #[error("the access token is not valid")]
    Invalid,
}

/// Signs and checks access tokens. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct AccessTokens(Arc<Keys>);

struct Keys {
    encoding: EncodingKey,
    header: Header,
    /// The one that signs first.
    verifying: Vec<Key>,
    validation: Validation,
    ttl: Duration,
    revoked: Revoked,
}

/// A secret that verifies.
struct Key {
    kid: String,
    /// How a token that we signed with it begins.
    start: String,
    decoding: DecodingKey,
}

impl Key {
    fn of(secret: &[u8]) -> Self {
        let encoding = EncodingKey::from_secret(secret);
        let name = jsonwebtoken::crypto::sign(KEY_NAME_OF, &encoding, Algorithm::HS256);
        let mut kid = name.expect("an HMAC does not fail");
        kid.truncate(KEY_NAME_CHARS);
        let signed = jsonwebtoken::encode(&header(&kid), &(), &encoding);
        let start = signed.ok().and_then(|token| Some(token.split_once('.')?.0.to_owned()));
        Self { start: start.unwrap_or_default() + ".", kid, decoding: DecodingKey::from_secret(secret) }
    }
}

fn header(kid: &str) -> Header {
    Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessTokens")
    }
}

impl AccessTokens {
    /// `ttl` is how long a token made by [`claims`](Self::claims) holds.
    #[must_use]
    pub fn new(secret: &[u8], ttl: Duration) -> Self {
        Self::rotating(secret, &[], ttl)
    }

    /// Signs with `secret`; tokens of the `previous` ones still verify.
    #[must_use]
    pub fn rotating(secret: &[u8], previous: &[&[u8]], ttl: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[NAME]);
        validation.set_audience(&[NAME]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 0;
        let verifying: Vec<Key> =
            std::iter::once(secret).chain(previous.iter().copied()).map(Key::of).collect();
        Self(Arc::new(Keys {
            encoding: EncodingKey::from_secret(secret),
            header: header(&verifying[0].kid),
            verifying,
            validation,
            revoked: Revoked::new(ttl),
            ttl,
        }))
    }

    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.0.ttl
    }

    /// Claims that hold from now for the tokens' lifetime.
    #[must_use]
    pub fn claims(&self, sub: UserId, role: Role, sid: SessionId, plan: &str) -> Claims {
        let iat = Timestamp::now().as_second();
        let exp = iat + i64::try_from(self.0.ttl.as_secs()).unwrap_or(i64::from(u32::MAX));
        Claims { sub, role, sid, plan: plan.to_owned(), iat, exp }
    }

    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let wire = Wire {
            sub: claims.sub.uuid(),
            role: claims.role,
            sid: claims.sid.uuid(),
            plan: claims.plan.clone(),
            iss: NAME.to_owned(),
            aud: NAME.to_owned(),
            iat: claims.iat,
            exp: claims.exp,
        };
        // Strings and numbers under an HMAC key of our own making: there is nothing in it that can fail.
        jsonwebtoken::encode(&self.0.header, &wire, &self.0.encoding)
            .expect("an HMAC over plain JSON does not fail")
    }

    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenError::Invalid);
        }
        let key = self.key_of(token).ok_or(TokenError::Invalid)?;
        let wire = jsonwebtoken::decode::<Wire>(token, &key.decoding, &self.0.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => TokenError::Expired,
                _ => TokenError::Invalid,
            })?
            .claims;
        let claims = Claims {
            sub: UserId::from_uuid(wire.sub),
            role: wire.role,
            sid: SessionId::from_uuid(wire.sid),
            plan: wire.plan,
            iat: wire.iat,
            exp: wire.exp,
        };
        if self.0.revoked.covers(&claims) { Err(TokenError::Ended) } else { Ok(claims) }
    }

    /// The key that the token names. Nearly all were signed here, and begin as we begin them.
    fn key_of(&self, token: &str) -> Option<&Key> {
        let keys = &self.0.verifying;
        keys.iter().find(|key| token.starts_with(&key.start)).or_else(|| {
            let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
            keys.iter().find(|key| key.kid == kid)
        })
    }

    /// From now on, on this node, tokens are refused that were given out before `now`: those of one sign-in, which
    /// has ended for good, or all of the user's.
    ///
    /// One sign-in: every token of it, whenever it was made. All of the user's: those made in an earlier second than
    /// `now`'s, and in the same second those of sign-ins that were open at `now`; what a later sign-in or a refresh
    /// in a later second gives out holds. (Tokens know whole seconds; a sign-in's id knows its millisecond.)
    pub fn revoke(&self, user: UserId, sign_in: Option<SessionId>, now: Timestamp) {
        self.0.revoked.add(user, sign_in, now);
    }

    /// Refuses all tokens made up to this moment. Their holders refresh them.
    pub(super) fn revoke_all_before(&self, moment: Timestamp) {
        self.0.revoked.raise_floor(moment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"a secret of at least thirty-two characters";

    fn tokens() -> AccessTokens {
        AccessTokens::new(SECRET, Duration::from_secs(900))
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let claims = tokens().claims(UserId::new(), Role::Admin, SessionId::new(), "premium");
        assert_eq!(tokens().verify(&tokens().sign(&claims)), Ok(claims));
    }

    #[test]
    fn an_old_token_is_told_from_a_wrong_one() {
        let mut claims = tokens().claims(UserId::new(), Role::User, SessionId::new(), "free");
        let foreign = AccessTokens::new(b"another secret, long enough for an HMAC", Duration::from_secs(900));
        assert_eq!(tokens().verify(&foreign.sign(&claims)), Err(TokenError::Invalid));
        claims.exp = claims.iat - 1;
        assert_eq!(tokens().verify(&tokens().sign(&claims)), Err(TokenError::Expired));
        assert_eq!(tokens().verify("x.y.z"), Err(TokenError::Invalid));
        assert_eq!(tokens().verify(&"a".repeat(TOKEN_MAX_BYTES + 1)), Err(TokenError::Invalid));
    }

    #[test]
    fn a_token_without_a_signature_or_for_somebody_else_is_refused() {
        let wire = |aud: &str| Wire {
            sub: UserId::new().uuid(),
            role: Role::Admin,
            sid: SessionId::new().uuid(),
            plan: String::new(),
            iss: NAME.to_owned(),
            aud: aud.to_owned(),
            iat: 0,
            exp: i64::from(u32::MAX),
        };
        let key = EncodingKey::from_secret(SECRET);
        let named = header(&Key::of(SECRET).kid);
        let sign = |header: &Header, aud: &str| jsonwebtoken::encode(header, &wire(aud), &key).unwrap();
        let good = sign(&named, NAME);
        assert!(tokens().verify(&good).is_ok());
        let (body, _) = good.rsplit_once('.').unwrap();
        let larger = Header { alg: Algorithm::HS512, ..named.clone() };
        for bad in [sign(&named, "billing"), sign(&larger, NAME), format!("{body}.")] {
            assert_eq!(tokens().verify(&bad), Err(TokenError::Invalid));
        }
        // The right secret, but not said which.
        assert_eq!(tokens().verify(&sign(&Header::new(Algorithm::HS256), NAME)), Err(TokenError::Invalid));
        assert_eq!(tokens().verify(&sign(&header("unknown"), NAME)), Err(TokenError::Invalid));
        // Another writer's order of the header's fields is as good.
        let typed = Header { cty: Some("JWT".to_owned()), ..named };
        assert!(tokens().verify(&sign(&typed, NAME)).is_ok());
    }

    #[test]
    fn a_previous_secret_verifies_until_it_is_taken_away() {
        let (old, new): (&[u8], &[u8]) = (SECRET, b"the secret that came after it, long enough");
        let ttl = Duration::from_secs(900);
        let claims = tokens().claims(UserId::new(), Role::User, SessionId::new(), "free");
        let token = AccessTokens::new(old, ttl).sign(&claims);
        let rotated = AccessTokens::rotating(new, &[old], ttl);
        assert_eq!(rotated.verify(&token), Ok(claims.clone()));
        assert_eq!(AccessTokens::new(new, ttl).verify(&token), Err(TokenError::Invalid));
        let fresh = rotated.sign(&claims);
        assert_eq!(AccessTokens::new(new, ttl).verify(&fresh), Ok(claims.clone()));
        assert_eq!(AccessTokens::new(old, ttl).verify(&fresh), Err(TokenError::Invalid));
        // A token cannot choose the key: under the other key's name its signature does not hold.
        let crossed = jsonwebtoken::encode(
            &header(&Key::of(old).kid),
            &serde_json::json!({"sub": claims.sub.uuid()}),
            &EncodingKey::from_secret(new),
        );
        assert_eq!(rotated.verify(&crossed.unwrap()), Err(TokenError::Invalid));
    }

    #[test]
    fn a_revoked_sign_in_ends_on_every_clone_and_no_other_sign_in_does() {
        let tokens = tokens();
        let user = UserId::new();
        let sign = |sid| tokens.sign(&tokens.claims(user, Role::User, sid, "free"));
        let (ended, kept) = (SessionId::new(), SessionId::new());
        let (first, second) = (sign(ended), sign(kept));
        tokens.clone().revoke(user, Some(ended), Timestamp::now());
        assert_eq!(tokens.verify(&first), Err(TokenError::Ended));
        // A refresh that crossed with the end may have signed another.
        assert_eq!(tokens.verify(&sign(ended)), Err(TokenError::Ended));
        assert!(tokens.verify(&second).is_ok());
    }
}
