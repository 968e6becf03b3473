//! Access tokens, signed here so that ten thousand users need no sign-in by password.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids;

/// Longer than any run.
const LIFETIME_SECONDS: u64 = 24 * 3600;

#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    pub sub: Uuid,
    pub role: String,
    pub sid: Uuid,
    pub iss: String,
    pub aud: String,
    pub iat: u64,
    pub exp: u64,
    pub plan: String,
}

/// Signs as the server does: HS256 with the shared `JWT_SECRET`, under the name that the server has for that key.
pub struct Signer {
    key: EncodingKey,
    header: Header,
    plan: String,
}

impl Signer {
    pub fn new(secret: &str, plan: &str) -> Signer {
        let key = EncodingKey::from_secret(secret.as_bytes());
        let header = Header { kid: Some(key_name(&key)), ..Header::new(Algorithm::HS256) };
        Signer { key, header, plan: plan.to_owned() }
    }

    /// A token of that user, of a session of its own.
    pub fn sign(&self, user: usize) -> anyhow::Result<String> {
        self.sign_as(user, "user")
    }

    /// A token that lets look at what admins see. The server trusts a token's role.
    pub fn sign_admin(&self, user: usize) -> anyhow::Result<String> {
        self.sign_as(user, "admin")
    }

    fn sign_as(&self, user: usize, role: &str) -> anyhow::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = Claims {
            sub: ids::user(user),
            role: role.to_owned(),
            sid: Uuid::now_v7(),
            iss: "greenroom".to_owned(),
            aud: "greenroom".to_owned(),
            // A second ago, for servers that refuse tokens of the same second.
            iat: now - 1,
            exp: now + LIFETIME_SECONDS,
            plan: self.plan.clone(),
        };
        Ok(encode(&self.header, &claims, &self.key)?)
    }
}

/// The key's `kid`: the first 12 characters of an HMAC under it.
fn key_name(key: &EncodingKey) -> String {
    let name = jsonwebtoken::crypto::sign(b"greenroom access token key", key, Algorithm::HS256);
    name.expect("an HMAC does not fail").chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};

    use super::*;

    #[test]
    fn a_token_carries_the_claims_that_the_server_asks_for() {
        let token = Signer::new("a secret of thirty-two characters", "free").sign(7).unwrap();
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&["greenroom"]);
        rules.set_audience(&["greenroom"]);
        rules.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
        let key = DecodingKey::from_secret(b"a secret of thirty-two characters");
        let claims = decode::<Claims>(&token, &key, &rules).unwrap().claims;
        assert_eq!(claims.sub, ids::user(7));
        assert_eq!((claims.role.as_str(), claims.plan.as_str()), ("user", "free"));
        assert!(claims.exp > claims.iat + 3600);
        assert!(decode::<Claims>(&token, &DecodingKey::from_secret(b"another"), &rules).is_err());
    }
}
