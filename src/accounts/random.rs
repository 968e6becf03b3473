//! Unguessable text from the operating system's generator.

use std::fmt::Write;

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
    bytes.iter().fold(String::with_capacity(BYTES * 2), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
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
