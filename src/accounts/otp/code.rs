//! The codes: six digits that only the phone learns. The database knows them by a keyed hash.
//!
//! A plain hash of six digits is guessed in a moment by whoever reads the database; the key, from the signing secret,
//! is not in the database. Number and purpose are hashed along, so that a code is of no use anywhere else.

use std::fmt;

use aws_lc_rs::{hmac, rand};

use super::Mobile;
use crate::error::FieldError;

const DIGITS: usize = 6;
const CODES: u32 = 1_000_000;
/// Sets this key apart from whatever else is made from the signing secret.
const KEY_LABEL: &[u8] = b"greenroom: one-time passwords";

/// What a code is for: one is of no use for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    SignIn,
    ResetPassword,
}

impl Purpose {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::ResetPassword => "reset_password",
        }
    }
}

/// A one-time password, in the clear only on its way to its phone and back.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// A fresh one, each of a million as likely as any other.
    ///
    /// # Panics
    /// When the operating system gives no randomness: nothing safe can be done then.
    #[must_use]
    pub fn make() -> Self {
        // What lies beyond the last whole million would favour small codes: draw again.
        let fair = u32::MAX - u32::MAX % CODES;
        loop {
            let mut bytes = [0; 4];
            rand::fill(&mut bytes).expect("the operating system's random number generator");
            let drawn = u32::from_le_bytes(bytes);
            if drawn < fair {
                return Self(format!("{:0DIGITS$}", drawn % CODES));
            }
        }
    }

    /// Reads what a person typed.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        if text.len() == DIGITS && text.bytes().all(|it| it.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(FieldError::new("otp", "takes the 6 digits of the message"))
        }
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

/// Makes and compares the hashes of codes.
pub struct CodeKey(hmac::Key);

impl CodeKey {
    #[must_use]
    pub fn new(signing_secret: &[u8]) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, signing_secret);
        let derived = hmac::sign(&master, KEY_LABEL);
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    #[must_use]
    pub fn hash(&self, mobile: &Mobile, purpose: Purpose, code: &Code) -> Vec<u8> {
        hmac::sign(&self.0, &hashed(mobile, purpose, code)).as_ref().to_vec()
    }

    /// Whether this hash is of this code, in constant time.
    #[must_use]
    pub fn is(&self, hash: &[u8], mobile: &Mobile, purpose: Purpose, code: &Code) -> bool {
        hmac::verify(&self.0, &hashed(mobile, purpose, code), hash).is_ok()
    }
}

/// Neither a number nor a purpose has the separator in it.
fn hashed(mobile: &Mobile, purpose: Purpose, code: &Code) -> Vec<u8> {
    [mobile.as_str(), purpose.as_str(), code.expose()].join("\0").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mobile(text: &str) -> Mobile {
        Mobile::parse(text, "").unwrap()
    }

    #[test]
    fn codes_have_six_digits_and_use_them_all() {
        let codes: Vec<Code> = (0..4_000).map(|_| Code::make()).collect();
        assert!(codes.iter().all(|code| Code::parse(code.expose()).as_ref() == Ok(code)));
        for place in 0..DIGITS {
            let seen: std::collections::BTreeSet<u8> =
                codes.iter().map(|code| code.expose().as_bytes()[place]).collect();
            assert_eq!(seen.len(), 10, "all digits at place {place}");
        }
    }

    #[test]
    fn a_hash_holds_for_its_number_its_purpose_and_its_code_alone() {
        let key = CodeKey::new(b"a secret of at least thirty-two characters");
        let (here, there) = (mobile("+447911123456"), mobile("+447911123457"));
        let (code, other) = (Code("123456".to_owned()), Code("123457".to_owned()));
        let hash = key.hash(&here, Purpose::SignIn, &code);
        assert!(key.is(&hash, &here, Purpose::SignIn, &code));
        assert!(!key.is(&hash, &here, Purpose::SignIn, &other));
        assert!(!key.is(&hash, &there, Purpose::SignIn, &code));
        assert!(!key.is(&hash, &here, Purpose::ResetPassword, &code));
        assert!(!key.is(&[], &here, Purpose::SignIn, &code));
        let foreign = CodeKey::new(b"another secret, also long enough for it");
        assert!(!foreign.is(&hash, &here, Purpose::SignIn, &code));
    }

    #[test]
    fn what_is_typed_is_six_plain_digits_and_never_printed() {
        assert_eq!(Code::parse(" 012345 ").unwrap().expose(), "012345");
        for bad in ["", "12345", "1234567", "12345a", "１２３４５６", "12 456", "-12345", "' or 1"] {
            assert!(Code::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{:?}", Code::make()), "Code");
    }
}
