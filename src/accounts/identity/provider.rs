//! A provider as the settings describe it, ready to check its tokens.

use std::time::Duration;

use jsonwebtoken::Algorithm;

use super::jwks::{Keys, Source, Times};
use crate::config::{ConfigError, IdentityProviderSettings};

pub(super) struct Provider {
    /// In the settings.
    pub name: String,
    pub issuer: String,
    pub audience: Vec<String>,
    pub algorithms: Vec<Algorithm>,
    pub email_trusted: bool,
    pub keys: Keys,
}

impl Provider {
    /// Fetches nothing yet. The settings have been checked.
    pub fn new(name: &str, settings: &IdentityProviderSettings) -> Result<Self, ConfigError> {
        let settings = settings.effective();
        let source = if settings.keys_file.is_empty() {
            let http = reqwest::Client::builder()
                .timeout(Duration::from_millis(settings.timeout_ms))
                // The keys decide who is who: they come from the configured address and no other.
                .redirect(reqwest::redirect::Policy::none())
                .https_only(settings.jwks_url.starts_with("https://"))
                .build()
                .map_err(|error| {
                    ConfigError::invalid(&format!("auth.providers.{name}"), error.to_string())
                })?;
            Source::Web { http, url: settings.jwks_url }
        } else {
            Source::File(settings.keys_file.into())
        };
        let algorithms: Vec<Algorithm> =
            settings.algorithms.iter().filter_map(|name| name.parse().ok()).collect();
        let times = Times::new(Duration::from_millis(settings.refetch_after_ms));
        Ok(Self {
            name: name.to_owned(),
            issuer: settings.issuer,
            audience: settings.audience,
            keys: Keys::new(name, source, algorithms.clone(), times),
            algorithms,
            email_trusted: settings.email_trusted,
        })
    }
}
