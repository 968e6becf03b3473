//! Access tokens: short-lived signed JWTs (HS256) that say who calls. Nothing of them is stored.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::{SessionId, UserId};
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `iss` and `aud` of our tokens.
const NAME: &str = "greenroom";
/// Longer ones cannot be ours, and need no signature checked.
const TOKEN_MAX_BYTES: usize = 4_096;

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
    #[error("the access token is not valid")]
    Invalid,
}

/// Signs and checks access tokens. Cheap to clone.
#[derive(Clone)]
pub struct AccessTokens(Arc<Keys>);

struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    ttl: Duration,
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
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[NAME]);
        validation.set_audience(&[NAME]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 0;
        Self(Arc::new(Keys {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
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
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &wire, &self.0.encoding)
            .expect("an HMAC over plain JSON does not fail")
    }

    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenError::Invalid);
        }
        let wire = jsonwebtoken::decode::<Wire>(token, &self.0.decoding, &self.0.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => TokenError::Expired,
                _ => TokenError::Invalid,
            })?
            .claims;
        Ok(Claims {
            sub: UserId::from_uuid(wire.sub),
            role: wire.role,
            sid: SessionId::from_uuid(wire.sid),
            plan: wire.plan,
            iat: wire.iat,
            exp: wire.exp,
        })
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
        let other = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &wire("billing"), &key).unwrap();
        assert_eq!(tokens().verify(&other), Err(TokenError::Invalid));
        let larger = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &wire(NAME), &key).unwrap();
        assert_eq!(tokens().verify(&larger), Err(TokenError::Invalid));
        let good = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &wire(NAME), &key).unwrap();
        let (body, _) = good.rsplit_once('.').unwrap();
        assert_eq!(tokens().verify(&format!("{body}.")), Err(TokenError::Invalid));
    }
}
