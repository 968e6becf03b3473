//! The key itself: `gr_` and 43 characters of chance.

use std::fmt;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

const PREFIX: &str = "gr_";
const RANDOM_BYTES: usize = 32;
const RANDOM_CHARS: usize = 43;
/// Characters that its owner goes on seeing: enough to tell keys apart, nothing to guess the rest by.
const SHOWN_CHARS: usize = PREFIX.len() + 6;

/// An API key, in the clear only on its way to its owner and back.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// A fresh one.
    ///
    /// # Panics
    /// When the operating system gives no randomness: nothing safe can be done then.
    #[must_use]
    pub fn make() -> Self {
        let mut bytes = [0; RANDOM_BYTES];
        rand::fill(&mut bytes).expect("the operating system's random number generator");
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Whether this text means to be a key, right or wrong.
    #[must_use]
    pub fn looks_like(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads what a client sent; `None` for what cannot be one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix(PREFIX)?;
        let plain = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
        (random.len() == RANDOM_CHARS && random.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// What the database knows of it. It is random through and through: no salt and no slow hash is needed.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }

    /// Its first characters.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.0[..SHOWN_CHARS]
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_form_and_comes_back_as_itself() {
        let (key, other) = (ApiKey::make(), ApiKey::make());
        assert_ne!(key, other);
        assert_eq!((key.expose().len(), key.shown().len(), key.hash().len()), (46, 9, 32));
        assert_eq!(ApiKey::parse(key.expose()), Some(key.clone()));
        assert_eq!(format!("{key:?}"), "ApiKey");
        let short = &key.expose()[..45];
        for bad in ["", "gr_", "grt_0123", short, &format!("{short}'"), &format!("{}a", key.expose())] {
            assert_eq!(ApiKey::parse(bad), None, "{bad}");
        }
    }
}
