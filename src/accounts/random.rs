//! Unguessable text from the operating system's generator.

use data_encoding::HEXLOWER;
use rustls::crypto::aws_lc_rs;

/// `BYTES` random bytes in hexadecimal: twice as many characters.
///
/// # Panics
/// When the operating system gives no randomness: nothing safe can be done then.
#[must_use]
pub fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0_u8; BYTES];
    aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut bytes)
        .expect("the operating system's random number generator");
    HEXLOWER.encode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_has_its_length_and_does_not_repeat() {
        let made: std::collections::BTreeSet<String> = (0..1_000).map(|_| random_hex::<16>()).collect();
        assert_eq!(made.len(), 1_000);
        assert!(made.iter().all(|text| text.len() == 32));
    }
}
