//! Signing in with the ID token of somebody else's sign-in: OpenID Connect, with Firebase and Supabase as presets.
//!
//! An account may be linked to several identities, an identity (issuer and subject) to one account. A linked one's ID
//! token opens a sign-in of ours, and is also taken wherever an access token is. What links the first time is a
//! verified address on both sides, or the account's owner: [`linking`].
//!
//! An ID token's signature is checked each time; whom it belongs to is remembered for [`REMEMBERED_FOR`] at most, for at
//! most [`REMEMBERED_MAX`] people.

mod foreign;
mod jwks;
mod key_set;
mod linking;
mod provider;
mod routes;
mod store;
mod verify;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use uuid::Uuid;

use self::foreign::Remembered;
use self::provider::Provider;
use self::verify::Person;
use crate::config::{AuthSettings, ConfigError};

pub use foreign::ForeignCaller;
pub(super) use routes::{IdentityView, register, routes, sign_in};

const REMEMBERED_FOR: Duration = Duration::from_secs(60);
const REMEMBERED_MAX: usize = 10_000;
/// Identities of one account.
const LINKED_MAX: usize = 10;

/// An identity that is linked to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityInfo {
    pub id: Uuid,
    /// Its name in the settings.
    pub provider: String,
    pub email: Option<String>,
    pub created_at: Timestamp,
}

/// The providers, and whom they named lately.
pub(super) struct Identities {
    by_issuer: HashMap<String, Arc<Provider>>,
    remembered: Remembered,
}

impl Identities {
    pub fn open(settings: &AuthSettings) -> Result<Self, ConfigError> {
        let mut by_issuer = HashMap::new();
        for (name, settings) in settings.providers.iter().filter(|(_, settings)| settings.is_active()) {
            let provider = Provider::new(name, settings)?;
            by_issuer.insert(provider.issuer.clone(), Arc::new(provider));
        }
        let remembered = Remembered::new(REMEMBERED_FOR, REMEMBERED_MAX);
        Ok(Self { by_issuer, remembered })
    }

    /// The provider that a token says to be of; nothing of it is checked yet.
    fn provider_of(&self, token: &str) -> Option<Arc<Provider>> {
        if self.by_issuer.is_empty() {
            return None;
        }
        self.by_issuer.get(&verify::issuer(token)?).cloned()
    }

    /// Checks an ID token of any of the providers.
    async fn verify(&self, token: &str) -> Result<Person, Refusal> {
        if self.by_issuer.is_empty() {
            return Err(Refusal::new(
                RefusalCode::FeatureUnavailable,
                "this server does not offer it: no provider of ID tokens is set in auth.providers",
            ));
        }
        let provider = self.provider_of(token).ok_or_else(|| {
            Refusal::new(RefusalCode::Unauthenticated, "the token is no ID token of a known provider")
        })?;
        Ok(verify::verify(&provider, token, Timestamp::now()).await?)
    }
}
