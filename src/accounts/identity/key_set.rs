//! A JWK set (RFC 7517) as a provider publishes it: which of its keys may check which signatures.
//!
//! A key is used for the algorithms that fit its type and curve and that the settings pin, and for no others, whatever
//! a token's header says. What cannot be a signing key of these is left out; secrets (`oct`) are too.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Keys of one set; providers have two to four.
const KEYS_MAX: usize = 64;
/// RSA moduli: what the signature check takes, 2048 to 8192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// A key that may check signatures of these algorithms.
pub(super) struct PublicKey {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    pub key: DecodingKey,
}

#[derive(Default)]
pub(super) struct KeySet(Vec<std::sync::Arc<PublicKey>>);

#[derive(Deserialize)]
struct Wire {
    keys: Vec<Value>,
}

impl KeySet {
    /// The keys of a document that fit the pinned algorithms; refused when there is none.
    pub fn parse(document: &[u8], pinned: &[Algorithm]) -> Result<Self, &'static str> {
        let wire: Wire = serde_json::from_slice(document).map_err(|_| "is no JWK set")?;
        if wire.keys.len() > KEYS_MAX {
            return Err("has too many keys");
        }
        let keys: Vec<_> =
            wire.keys.into_iter().filter_map(|key| public_key(key, pinned)).map(Into::into).collect();
        if keys.is_empty() { Err("has no key for the configured algorithms") } else { Ok(Self(keys)) }
    }

    /// The key of that name that may check this algorithm. A token that names no key is checked only where there is no
    /// choice.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<std::sync::Arc<PublicKey>> {
        let mut fitting = self.0.iter().filter(|key| key.algorithms.contains(&algorithm));
        let found = match kid {
            Some(kid) => fitting.find(|key| key.kid.as_deref() == Some(kid)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        };
        found.cloned()
    }
}

fn public_key(value: Value, pinned: &[Algorithm]) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let common = &jwk.common;
    let signs = common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    if !signs {
        return None;
    }
    let said = match common.key_algorithm {
        // One that is no signature algorithm: not a key for us.
        Some(algorithm) => Some(Algorithm::try_from(algorithm).ok()?),
        None => None,
    };
    let algorithms: Vec<Algorithm> = fitting(&jwk.algorithm)
        .iter()
        .copied()
        .filter(|fits| pinned.contains(fits) && said.is_none_or(|said| said == *fits))
        .collect();
    if algorithms.is_empty() {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(PublicKey { kid: jwk.common.key_id, algorithms, key })
}

/// The algorithms that a key of this type and curve can be for.
fn fitting(parameters: &AlgorithmParameters) -> &'static [Algorithm] {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_or(0, |bytes| bytes.len());
    match parameters {
        AlgorithmParameters::RSA(rsa) if MODULUS_BYTES.contains(&bytes(&rsa.n)) => {
            &[RS256, RS384, RS512, PS256, PS384, PS512]
        }
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 if (bytes(&ec.x), bytes(&ec.y)) == (32, 32) => &[ES256],
            EllipticCurve::P384 if (bytes(&ec.x), bytes(&ec.y)) == (48, 48) => &[ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(okp) => match okp.curve {
            EllipticCurve::Ed25519 if bytes(&okp.x) == 32 => &[EdDSA],
            _ => &[],
        },
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

    fn ec(kid: &str) -> Value {
        let part = URL_SAFE_NO_PAD.encode([7_u8; 32]);
        json!({"kty": "EC", "crv": "P-256", "x": part, "y": part, "kid": kid, "use": "sig", "alg": "ES256"})
    }

    fn rsa(kid: &str, bytes: usize) -> Value {
        json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(vec![0xC3_u8; bytes]), "e": "AQAB", "kid": kid})
    }

    fn parse(keys: &[Value], pinned: &[Algorithm]) -> Result<KeySet, &'static str> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), pinned)
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    #[test]
    fn a_key_checks_the_algorithms_of_its_type_and_no_others() {
        let set = parse(&[ec("a"), rsa("b", 256)], &ALL).unwrap();
        assert!(set.find(Some("a"), Algorithm::ES256).is_some());
        assert!(set.find(Some("b"), Algorithm::RS256).is_some());
        for (kid, algorithm) in [
            ("a", Algorithm::RS256),
            ("b", Algorithm::ES256),
            // Not pinned.
            ("b", Algorithm::RS512),
            ("b", Algorithm::HS256),
            ("c", Algorithm::ES256),
        ] {
            assert!(set.find(Some(kid), algorithm).is_none(), "{kid} {algorithm:?}");
        }
    }

    #[test]
    fn what_is_no_signing_key_of_the_pinned_kinds_is_left_out() {
        for bad in [
            with(ec("a"), "use", json!("enc")),
            with(ec("a"), "key_ops", json!(["sign"])),
            with(ec("a"), "alg", json!("ES384")),
            with(ec("a"), "alg", json!("RSA-OAEP")),
            with(ec("a"), "alg", json!("HS256")),
            with(ec("a"), "crv", json!("P-384")),
            with(ec("a"), "x", json!("short")),
            rsa("b", 128),
            rsa("b", 2_048),
            json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([1_u8; 32]), "kid": "a", "alg": "HS256"}),
            json!({"kty": "new"}),
            json!("a"),
        ] {
            let refused = parse(std::slice::from_ref(&bad), &ALL).err();
            assert_eq!(refused, Some("has no key for the configured algorithms"), "{bad}");
            assert!(parse(&[bad, ec("good")], &ALL).is_ok());
        }
        assert!(parse(&[rsa("b", 256)], &[Algorithm::ES256]).is_err());
    }

    #[test]
    fn a_token_without_a_key_name_is_checked_where_there_is_no_choice() {
        let one = parse(&[ec("a"), rsa("b", 256)], &ALL).unwrap();
        assert!(one.find(None, Algorithm::ES256).is_some());
        let two = parse(&[ec("a"), ec("c")], &ALL).unwrap();
        assert!(two.find(None, Algorithm::ES256).is_none());
    }

    #[test]
    fn a_document_is_bounded_and_has_a_form() {
        for bad in ["", "[]", "{}", r#"{"keys": {}}"#, "<html>"] {
            assert_eq!(KeySet::parse(bad.as_bytes(), &ALL).err(), Some("is no JWK set"), "{bad}");
        }
        assert_eq!(parse(&vec![ec("a"); KEYS_MAX + 1], &ALL).err(), Some("has too many keys"));
    }
}
