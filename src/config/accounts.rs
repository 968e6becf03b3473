//! Signing in: tokens, passwords, and the first admin.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::IdentityProviderSettings;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthSettings {
    /// Signs access tokens. Demanded in production; in development one is made and kept in `data_dir`.
    #[serde(serialize_with = "super::secret::masked")]
    pub jwt_secret: SecretString,
    /// Secrets that signed before it: their tokens still verify.
    #[serde(serialize_with = "super::secret::masked_list")]
    pub jwt_previous_secrets: Vec<SecretString>,
    pub access_ttl_s: u64,
    pub refresh_ttl_s: u64,
    /// A refresh token used twice within this span is a repeated request, not a theft.
    pub refresh_grace_s: u64,
    /// Sign-ins (devices) of one user; a further one ends the oldest.
    pub sign_ins_max: u32,
    /// Days in which an admin can bring a deactivated account back; then it is erased.
    pub erase_after_days: u32,
    /// Whether anybody may make an account.
    pub registration: bool,
    /// Whether `check-username`, `check-mobile` and `otp-status` tell who is here; else they answer all alike.
    pub lookups: bool,
    /// ISO 3166 region of mobile numbers without a country code; empty: they are refused.
    pub default_region: String,
    pub otp: OtpSettings,
    /// Whose ID tokens sign people in, by a name of the operator's.
    pub providers: BTreeMap<String, IdentityProviderSettings>,
    /// Whether the console's cookie is for HTTPS only. Development has no HTTPS and ignores it.
    pub cookie_secure: bool,
    /// Passwords hashed at the same time.
    pub hash_concurrency: usize,
    /// Requests that wait for their password to be hashed before further ones are refused.
    pub hash_queue_max: usize,
    pub argon2_memory_kib: u32,
    pub argon2_iterations: u32,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            jwt_secret: SecretString::default(),
            jwt_previous_secrets: Vec::new(),
            access_ttl_s: 900,
            refresh_ttl_s: 30 * 24 * 3_600,
            refresh_grace_s: 10,
            sign_ins_max: 100,
            erase_after_days: 30,
            registration: true,
            lookups: true,
            default_region: String::new(),
            otp: OtpSettings::default(),
            providers: super::identity::shipped(),
            cookie_secure: true,
            hash_concurrency: 2,
            hash_queue_max: 64,
            argon2_memory_kib: 19_456,
            argon2_iterations: 2,
        }
    }
}

impl AuthSettings {
    #[must_use]
    pub fn access_ttl(&self) -> Duration {
        Duration::from_secs(self.access_ttl_s)
    }

    #[must_use]
    pub fn refresh_ttl(&self) -> Duration {
        Duration::from_secs(self.refresh_ttl_s)
    }
}

/// One-time passwords by text message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OtpSettings {
    /// How long a code holds.
    pub ttl_s: u32,
    /// Guesses that one code stands; the next ones are not compared.
    pub tries_max: u32,
    /// Codes that go to one number in an hour.
    pub sends_per_hour: u32,
    /// Seconds between two codes to one number.
    pub send_pause_s: u32,
}

impl Default for OtpSettings {
    fn default() -> Self {
        Self { ttl_s: 300, tries_max: 5, sends_per_hour: 5, send_pause_s: 60 }
    }
}

/// The first admin, made at the start where no account has this e-mail address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdminSettings {
    /// Empty: none is made.
    pub email: String,
    pub username: String,
    #[serde(serialize_with = "super::secret::masked")]
    pub password: SecretString,
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self { email: String::new(), username: "operator".to_owned(), password: SecretString::default() }
    }
}

impl AdminSettings {
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.email.is_empty() && !self.password.expose_secret().is_empty()
    }
}
