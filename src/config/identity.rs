//! Identity providers: whose ID tokens (OpenID Connect) sign people in.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Config;
use super::validate::{Broken, is_name};

/// Signature algorithms that a provider may use. All are asymmetric: with a shared secret (HS256) whoever could check a
/// token could make one, and `none` is no signature.
pub const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// Where the keys of all Firebase projects are: <https://firebase.google.com/docs/auth/admin/verify-id-tokens>.
const FIREBASE_KEYS: &str =
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityKind {
    Firebase,
    Supabase,
    /// Any other, by its issuer.
    #[default]
    Oidc,
}

impl IdentityKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firebase => "firebase",
            Self::Supabase => "supabase",
            Self::Oidc => "oidc",
        }
    }

    /// The setting that switches it on.
    #[must_use]
    pub fn switched_on_by(self) -> &'static str {
        match self {
            Self::Firebase => "project_id",
            Self::Supabase => "url",
            Self::Oidc => "issuer",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdentityProviderSettings {
    pub kind: IdentityKind,
    pub enabled: bool,
    /// Of Firebase.
    pub project_id: String,
    /// Of the Supabase project.
    pub url: String,
    /// As the tokens' `iss` has it, to the letter.
    pub issuer: String,
    /// A token is meant for us if its `aud` names these and nobody else.
    pub audience: Vec<String>,
    /// Where the public keys (a JWK set) are fetched.
    pub jwks_url: String,
    /// Or the file that holds them; read again when it changes.
    pub keys_file: String,
    /// Of [`ALGORITHMS`].
    pub algorithms: Vec<String>,
    /// Every address in a token counts as verified, also without `email_verified`.
    pub email_trusted: bool,
    /// For the keys to arrive.
    pub timeout_ms: u64,
    /// Between two fetches at least, whatever tokens say.
    pub refetch_after_ms: u64,
}

impl Default for IdentityProviderSettings {
    fn default() -> Self {
        Self {
            kind: IdentityKind::Oidc,
            enabled: true,
            project_id: String::new(),
            url: String::new(),
            issuer: String::new(),
            audience: Vec::new(),
            jwks_url: String::new(),
            keys_file: String::new(),
            algorithms: Vec::new(),
            email_trusted: false,
            timeout_ms: 5_000,
            refetch_after_ms: 10_000,
        }
    }
}

impl IdentityProviderSettings {
    /// Whether it is switched on: what it is known by is set.
    #[must_use]
    pub fn is_active(&self) -> bool {
        let known_by = match self.kind {
            IdentityKind::Firebase => &self.project_id,
            IdentityKind::Supabase => &self.url,
            // One that the operator wrote down without an issuer is a mistake, and told as one.
            IdentityKind::Oidc => return self.enabled,
        };
        self.enabled && !known_by.is_empty()
    }

    /// The settings with what its kind says where they say nothing.
    #[must_use]
    pub fn effective(&self) -> Self {
        let (issuer, audience, jwks_url, algorithm) = match self.kind {
            IdentityKind::Firebase => (
                format!("https://securetoken.google.com/{}", self.project_id),
                self.project_id.clone(),
                FIREBASE_KEYS.to_owned(),
                "RS256",
            ),
            IdentityKind::Supabase => {
                let base = self.url.trim_end_matches('/');
                (
                    format!("{base}/auth/v1"),
                    // Of people who signed in; the keys of the project itself have others.
                    "authenticated".to_owned(),
                    format!("{base}/auth/v1/.well-known/jwks.json"),
                    "ES256",
                )
            }
            IdentityKind::Oidc => return self.clone(),
        };
        let mut full = self.clone();
        if full.issuer.is_empty() {
            full.issuer = issuer;
        }
        if full.audience.is_empty() {
            full.audience = vec![audience];
        }
        if full.algorithms.is_empty() {
            full.algorithms = vec![algorithm.to_owned()];
        }
        if full.jwks_url.is_empty() && full.keys_file.is_empty() {
            full.jwks_url = jwks_url;
        }
        full
    }
}

/// The providers that ship; each is off until it is known which project is meant.
pub(super) fn shipped() -> BTreeMap<String, IdentityProviderSettings> {
    [IdentityKind::Firebase, IdentityKind::Supabase]
        .into_iter()
        .map(|kind| {
            let settings = IdentityProviderSettings { kind, ..IdentityProviderSettings::default() };
            (kind.as_str().to_owned(), settings)
        })
        .collect()
}

/// Whether keys may be fetched there: over TLS, or in development from this machine.
pub(super) fn is_key_address(url: &str, production: bool) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let loopback = match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => return false,
    };
    let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback && !production);
    secure && url.username().is_empty() && url.password().is_none()
}

impl Config {
    pub(super) fn check_identity_providers(&self, broken: &mut Broken) {
        let mut issuers = BTreeSet::new();
        for (name, settings) in &self.auth.providers {
            let at = format!("auth.providers.{name}");
            broken.unless(is_name(name), &at, "a name has small letters, digits, - and _");
            if !settings.is_active() {
                continue;
            }
            let full = settings.effective();
            broken.unless(
                settings.project_id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                &format!("{at}.project_id"),
                "takes the project's id, such as chat-1a2b3",
            );
            broken.unless(!full.issuer.is_empty(), &format!("{at}.issuer"), "takes the tokens' issuer (iss)");
            broken.unless(
                issuers.insert(full.issuer.clone()),
                &format!("{at}.issuer"),
                "is another provider's already",
            );
            broken.unless(
                !full.audience.is_empty() && full.audience.iter().all(|audience| !audience.is_empty()),
                &format!("{at}.audience"),
                "takes your client id at the provider (the tokens' aud)",
            );
            broken.unless(
                full.jwks_url.is_empty() != full.keys_file.is_empty(),
                &format!("{at}.jwks_url"),
                "takes an address, or keys_file a file: one of both",
            );
            broken.unless(
                full.jwks_url.is_empty() || is_key_address(&full.jwks_url, self.is_production()),
                &format!("{at}.jwks_url"),
                "takes an https:// address (in development http://127.0.0.1 too)",
            );
            broken.unless(
                !full.algorithms.is_empty()
                    && full.algorithms.iter().all(|name| ALGORITHMS.contains(&name.as_str())),
                &format!("{at}.algorithms"),
                &format!("takes some of {}", ALGORITHMS.join(", ")),
            );
            broken.unless(full.timeout_ms > 0, &format!("{at}.timeout_ms"), "takes a span longer than zero");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(kind: IdentityKind) -> IdentityProviderSettings {
        IdentityProviderSettings { kind, ..IdentityProviderSettings::default() }
    }

    #[test]
    fn firebase_is_known_by_its_project() {
        let off = settings(IdentityKind::Firebase);
        assert!(!off.is_active());
        let on = IdentityProviderSettings { project_id: "greenroom-demo".to_owned(), ..off };
        let full = on.effective();
        assert!(on.is_active());
        assert_eq!(full.issuer, "https://securetoken.google.com/greenroom-demo");
        assert_eq!((full.audience, full.algorithms), (vec!["greenroom-demo".into()], vec!["RS256".into()]));
        assert_eq!(full.jwks_url, FIREBASE_KEYS);
    }

    #[test]
    fn supabase_is_known_by_its_address() {
        let on = IdentityProviderSettings {
            url: "https://abc.supabase.co/".to_owned(),
            ..settings(IdentityKind::Supabase)
        };
        let full = on.effective();
        assert_eq!(full.issuer, "https://abc.supabase.co/auth/v1");
        assert_eq!(full.jwks_url, "https://abc.supabase.co/auth/v1/.well-known/jwks.json");
        assert_eq!((full.audience, full.algorithms), (vec!["authenticated".into()], vec!["ES256".into()]));
    }

    #[test]
    fn what_is_set_wins_over_what_the_kind_says() {
        let keys = "/etc/greenroom/keys.json".to_owned();
        let on = IdentityProviderSettings {
            url: "https://abc.supabase.co".to_owned(),
            keys_file: keys.clone(),
            algorithms: vec!["RS256".to_owned()],
            ..settings(IdentityKind::Supabase)
        };
        let full = on.effective();
        assert_eq!((full.keys_file, full.jwks_url.as_str()), (keys, ""));
        assert_eq!(full.algorithms, ["RS256"]);
    }

    #[test]
    fn keys_come_over_tls_or_in_development_from_this_machine() {
        for (url, development, production) in [
            ("https://id.example.com/keys", true, true),
            ("http://127.0.0.1:9/keys", true, false),
            ("http://[::1]:9/keys", true, false),
            ("http://localhost:9/keys", true, false),
            ("http://id.example.com/keys", false, false),
            ("http://127.0.0.1.example.com/keys", false, false),
            ("https://user:secret@id.example.com/keys", false, false),
            ("file:///etc/passwd", false, false),
            ("keys", false, false),
        ] {
            assert_eq!(is_key_address(url, false), development, "{url}");
            assert_eq!(is_key_address(url, true), production, "{url}");
        }
    }
}
