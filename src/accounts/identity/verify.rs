//! Whether an ID token holds, and whom it names.
//!
//! The issuer in it only chooses the provider to ask; nothing else is believed before the signature is checked. The
//! algorithm is one of those that the settings pin to this provider, and its key is of the type that fits. Then: whose
//! token it is (`iss`), for whom (`aud`), and when (`exp`, `nbf`, `iat`), with a minute for clocks that differ.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::jwks::NoKey;
use super::provider::Provider;
use crate::accounts::rules::{self, Email};

/// The largest that providers give have some 4 KB, of claims that they were told to add.
const TOKEN_MAX_BYTES: usize = 8_192;
const LEEWAY_S: i64 = 60;
/// OpenID Connect Core §2: at most 255 characters.
const SUBJECT_MAX_BYTES: usize = 255;
const KID_MAX_BYTES: usize = 256;
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(5);

/// Somebody whom a provider vouches for.
#[derive(Clone, Debug)]
pub(in crate::accounts) struct Person {
    /// The provider's name in the settings.
    pub provider: String,
    pub issuer: String,
    /// Who it is there; never given to anybody else.
    pub subject: String,
    pub email: Option<Email>,
    /// The provider has seen that the address is theirs.
    pub email_verified: bool,
    pub name: Option<String>,
    /// Until when the token holds, the leeway included.
    pub expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("the ID token has expired")]
    Expired,
    #[error("the ID token is not valid: {0}")]
    Invalid(&'static str),
    #[error("the identity provider's keys cannot be had now: try again")]
    KeysUnavailable,
}

impl From<Wrong> for Refusal {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::KeysUnavailable => {
                Self::temporary(RefusalCode::DependencyDown, wrong.to_string(), RETRY_AFTER)
            }
            _ => Self::new(RefusalCode::Unauthenticated, wrong.to_string()),
        }
    }
}

/// Its three parts.
struct Parts<'a> {
    header: &'a str,
    claims: &'a str,
    /// What is signed: the first two.
    message: &'a str,
    signature: &'a str,
}

fn parts(token: &str) -> Option<Parts<'_>> {
    if token.len() > TOKEN_MAX_BYTES {
        return None;
    }
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    (!claims.contains('.')).then_some(Parts { header, claims, message, signature })
}

fn json<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood (RFC 7515 §4.1.11). We understand none.
    crit: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    /// Named are those that we go by, and no others: a token for somebody else too could be shown to us by them.
    fn is_of(&self, ours: &[String]) -> bool {
        match self {
            Self::One(one) => ours.contains(one),
            Self::Several(all) => !all.is_empty() && all.iter().all(|one| ours.contains(one)),
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    auth_time: Option<f64>,
    email: Option<String>,
    /// Some providers write "true".
    email_verified: Option<Value>,
    name: Option<String>,
}

/// Who the token says has made it, unchecked. `None`: it is no JWT.
pub(super) fn issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issued {
        iss: String,
    }
    json::<Issued>(parts(token)?.claims).map(|issued| issued.iss)
}

/// Checks a token that says to be of this provider.
pub(super) async fn verify(provider: &Provider, token: &str, now: Timestamp) -> Result<Person, Wrong> {
    let invalid = Wrong::Invalid;
    let parts = parts(token).ok_or(invalid("it is no JWT, or too long"))?;
    let header: Header = json(parts.header).ok_or(invalid("its header cannot be read"))?;
    if header.crit.is_some() {
        return Err(invalid("it has critical extensions"));
    }
    // Access tokens (at+jwt) and logout tokens (logout+jwt) of the same provider are no ID tokens.
    if header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt")) {
        return Err(invalid("it is a token of another type"));
    }
    let pinned = |algorithm: &Algorithm| provider.algorithms.contains(algorithm);
    let algorithm: Algorithm =
        header.alg.parse().ok().filter(pinned).ok_or(invalid("its algorithm is not this provider's"))?;
    let kid = header.kid.as_deref();
    if kid.is_some_and(|kid| kid.len() > KID_MAX_BYTES) {
        return Err(invalid("its key is unknown"));
    }
    let key = provider.keys.find(kid, algorithm).await.map_err(|no_key| match no_key {
        NoKey::Unknown => invalid("its key is unknown"),
        NoKey::Unavailable => Wrong::KeysUnavailable,
    })?;
    let message = parts.message.as_bytes();
    let signed = jsonwebtoken::crypto::verify(parts.signature, message, &key.key, algorithm);
    if !signed.unwrap_or(false) {
        return Err(invalid("its signature does not hold"));
    }
    let claims: Claims = json(parts.claims).ok_or(invalid("a claim is missing or of another form"))?;
    check(provider, claims, now)
}

fn check(provider: &Provider, claims: Claims, now: Timestamp) -> Result<Person, Wrong> {
    let invalid = Wrong::Invalid;
    if claims.iss != provider.issuer {
        return Err(invalid("its issuer is another one"));
    }
    if !claims.aud.is_of(&provider.audience) {
        return Err(invalid("it is not meant for this server"));
    }
    let now = now.as_second() as f64;
    let leeway = LEEWAY_S as f64;
    if claims.exp + leeway <= now {
        return Err(Wrong::Expired);
    }
    let times = [Some(claims.iat), claims.nbf, claims.auth_time];
    if times.into_iter().flatten().any(|time| time > now + leeway) {
        return Err(invalid("it holds only later"));
    }
    let subject = claims.sub;
    if subject.is_empty() || subject.len() > SUBJECT_MAX_BYTES || subject.chars().any(char::is_control) {
        return Err(invalid("its subject is empty or too long"));
    }
    let email = claims.email.and_then(|email| rules::email(&email).ok());
    let said_verified = match &claims.email_verified {
        Some(Value::Bool(verified)) => *verified,
        Some(Value::String(text)) => text == "true",
        _ => false,
    };
    // Saturates: a token that ends after the end of time ends there.
    let expires_at = Timestamp::from_second((claims.exp + leeway) as i64).unwrap_or(Timestamp::MAX);
    Ok(Person {
        provider: provider.name.clone(),
        issuer: provider.issuer.clone(),
        subject,
        email_verified: email.is_some() && (said_verified || provider.email_trusted),
        email,
        name: claims.name,
        expires_at,
    })
}
