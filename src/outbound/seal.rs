//! What a letter says lies sealed in the queue: whoever reads the table of jobs, or a backup of it, learns no code and
//! no link. AES-256-GCM under a key that HKDF derives from the signing secret.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

/// Separates this key from all others that the same secret may be used for. Another number: another format.
const PURPOSE: &[u8] = b"greenroom/outbound/1";
const KEY_LEN: usize = 32;

/// It was sealed under a secret that is not known here, or it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be opened: auth.jwt_secret is another than when it was written")]
pub(super) struct Unreadable;

/// Seals under the first secret and opens under any of them.
pub(super) struct Seal {
    /// Never empty.
    keys: Vec<RandomizedNonceKey>,
}

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_LEN
    }
}

impl Seal {
    /// `present` seals; `previous` ones open what was sealed before the secret was changed.
    pub fn new<'a>(present: &'a SecretString, previous: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let keys = std::iter::once(present).chain(previous).map(key).collect();
        Self { keys }
    }

    /// The text, sealed for this context: it opens in no other.
    ///
    /// # Panics
    /// When the operating system gives no randomness: nothing safe can be done then.
    pub fn seal(&self, context: &str, text: &[u8]) -> String {
        let mut sealed = text.to_vec();
        let nonce = self.keys[0]
            .seal_in_place_append_tag(Aad::from(context), &mut sealed)
            .expect("the operating system's random number generator");
        URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &sealed].concat())
    }

    pub fn open(&self, context: &str, sealed: &str) -> Result<Vec<u8>, Unreadable> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Unreadable)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(Unreadable)?;
        let opened = self.keys.iter().find_map(|key| {
            let mut text = sealed.to_vec();
            let opened = key.open_in_place(Nonce::from(nonce), Aad::from(context), &mut text).ok()?;
            Some(opened.to_vec())
        });
        opened.ok_or(Unreadable)
    }
}

fn key(secret: &SecretString) -> RandomizedNonceKey {
    let mut bytes = [0; KEY_LEN];
    Salt::new(HKDF_SHA256, &[])
        .extract(secret.expose_secret().as_bytes())
        .expand(&[PURPOSE], Length)
        .and_then(|material| material.fill(&mut bytes))
        .expect("HKDF gives 32 bytes");
    RandomizedNonceKey::new(&AES_256_GCM, &bytes).expect("a key of 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        text.into()
    }

    #[test]
    fn what_was_sealed_opens_and_shows_nothing_meanwhile() {
        let seal = Seal::new(&secret("one secret of the tests"), []);
        let sealed = seal.seal("mail", b"the code is 123456");
        assert_eq!(seal.open("mail", &sealed).unwrap(), b"the code is 123456");
        assert!(!sealed.contains("123456"));
        assert_ne!(sealed, seal.seal("mail", b"the code is 123456"), "each has a nonce of its own");
    }

    #[test]
    fn it_opens_under_a_previous_secret_and_under_no_other() {
        let (old, new) = (secret("the secret of yesterday"), secret("the secret of today"));
        let sealed = Seal::new(&old, []).seal("mail", b"x");
        assert_eq!(Seal::new(&new, [&old]).open("mail", &sealed).unwrap(), b"x");
        assert_eq!(Seal::new(&new, []).open("mail", &sealed), Err(Unreadable));
    }

    #[test]
    fn what_was_changed_or_moved_does_not_open() {
        let seal = Seal::new(&secret("one secret of the tests"), []);
        let sealed = seal.seal("mail", b"x");
        assert_eq!(seal.open("sms", &sealed), Err(Unreadable));
        let mut bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(seal.open("mail", &URL_SAFE_NO_PAD.encode(bytes)), Err(Unreadable));
        for nonsense in ["", "AAAA", "not base64!"] {
            assert_eq!(seal.open("mail", nonsense), Err(Unreadable));
        }
    }
}
