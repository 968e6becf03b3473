//! Whether a webhook comes from Stripe: its signature, scheme `v1` (HMAC-SHA256 over time and raw body).

use std::time::Duration;

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

use super::StripeEvent;

/// A header longer than this is none of Stripe's: a time, and a signature for each of two secrets.
const HEADER_MAX: usize = 2_048;
const SIGNATURES_MAX: usize = 16;

/// Why a webhook is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWebhook {
    #[error("the signature is missing or cannot be read")]
    Unreadable,
    #[error("the signature is of no secret that is known here")]
    Forged,
    #[error("the signature is too old, or from the future")]
    Stale,
    #[error("the body is no event")]
    NoEvent,
}

/// Checks a webhook's signature (header `Stripe-Signature`, scheme `v1`) against each secret and the tolerance, and reads the
/// event.
pub fn verify(
    body: &[u8],
    signature: &str,
    secrets: &[SecretString],
    tolerance: Duration,
    now: Timestamp,
) -> Result<StripeEvent, BadWebhook> {
    let Signed { at, text, signatures } = Signed::read(signature).ok_or(BadWebhook::Unreadable)?;
    // All are compared, so that the time taken tells nothing.
    let mut holds = Choice::from(0);
    for secret in secrets.iter().filter(|secret| !secret.expose_secret().is_empty()) {
        let wanted = sign(secret, text, body);
        for given in &signatures {
            holds |= wanted.as_bytes().ct_eq(given.as_bytes());
        }
    }
    if !bool::from(holds) {
        return Err(BadWebhook::Forged);
    }
    if now.as_second().abs_diff(at) > tolerance.as_secs() {
        return Err(BadWebhook::Stale);
    }
    let payload = serde_json::from_slice(body).map_err(|_| BadWebhook::NoEvent)?;
    StripeEvent::read(payload).ok_or(BadWebhook::NoEvent)
}

/// The header of a body that is signed at a time, as Stripe makes it.
#[must_use]
pub fn signature_header(secret: &SecretString, at: Timestamp, body: &[u8]) -> String {
    let at = at.as_second().to_string();
    format!("t={at},v1={}", sign(secret, &at, body))
}

/// The signature of a body at a time, in hex. `at` is the time as the header has it.
pub(super) fn sign(secret: &SecretString, at: &str, body: &[u8]) -> String {
    let mut context =
        hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes()));
    context.update(at.as_bytes());
    context.update(b".");
    context.update(body);
    HEXLOWER.encode(context.sign().as_ref())
}

struct Signed<'a> {
    at: i64,
    /// The time, letter by letter: that is what was signed.
    text: &'a str,
    signatures: Vec<&'a str>,
}

impl<'a> Signed<'a> {
    /// `t=…,v1=…`, with further `v1` while a secret is replaced; other schemes are passed over. Two times are none.
    fn read(header: &'a str) -> Option<Self> {
        if header.len() > HEADER_MAX {
            return None;
        }
        let mut text = None;
        let mut signatures = Vec::new();
        for part in header.split(',') {
            match part.trim().split_once('=')? {
                ("t", value) if text.is_none() => text = Some(value),
                ("t", _) => return None,
                ("v1", value) => signatures.push(value),
                _ => {}
            }
        }
        let text = text?;
        let at = text.parse().ok()?;
        (1..=SIGNATURES_MAX).contains(&signatures.len()).then_some(Self { at, text, signatures })
    }
}
