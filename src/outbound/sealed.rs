//! A letter as it lies in the queue: all of it sealed, but for the time until which it is worth sending.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::letter::{Letter, Text};
use super::seal::{Seal, Unreadable};

pub(super) const MAIL: &str = "mail.send";
pub(super) const SMS: &str = "sms.send";

/// A mail before it is worded.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MailJob {
    pub to: String,
    pub locale: String,
    pub letter: Letter,
}

/// An SMS before it is worded.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SmsJob {
    pub to: String,
    pub text: Text,
}

/// The payload of a job.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    /// What it holds is void from then on.
    pub expires_at: Option<Timestamp>,
    sealed: String,
}

impl Payload {
    pub fn seal(seal: &Seal, kind: &str, expires_at: Option<Timestamp>, what: &impl Serialize) -> Value {
        let text = serde_json::to_vec(what).expect("letters are plain data");
        let payload = Self { expires_at, sealed: seal.seal(&context(kind, expires_at), &text) };
        serde_json::to_value(payload).expect("it is plain data")
    }

    pub fn read(value: &Value) -> Result<Self, Unreadable> {
        Self::deserialize(value).map_err(|_| Unreadable)
    }

    pub fn open<T: DeserializeOwned>(&self, seal: &Seal, kind: &str) -> Result<T, Unreadable> {
        let text = seal.open(&context(kind, self.expires_at), &self.sealed)?;
        serde_json::from_slice(&text).map_err(|_| Unreadable)
    }
}

/// Bound to its kind and its time: neither can be changed beside it.
fn context(kind: &str, expires_at: Option<Timestamp>) -> String {
    expires_at.map_or_else(|| kind.to_owned(), |at| format!("{kind} {at}"))
}
