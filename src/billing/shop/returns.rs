//! Where people are sent back to after a payment: to addresses of the operator's alone, or a link of somebody else's would lead
//! from Stripe's page to a forged one.

use std::net::SocketAddr;
use std::sync::OnceLock;

use url::{Origin, Url};

use super::ShopError;
use crate::config::Config;

/// Stripe puts the session's id in its place.
const PLACEHOLDER: &str = "{CHECKOUT_SESSION_ID}";
/// Stands for it while an address is read: braces would be encoded.
const STAND_IN: &str = "greenroom0checkout0session0id";
const URL_MAX_BYTES: usize = 2_000;

/// Which addresses those are.
#[derive(Debug)]
pub struct Returns {
    allowed: Vec<Origin>,
    /// Of `server.public_url`, without a slash at its end.
    public: Option<String>,
    /// In development the server's own address is one of them too, once it is known.
    development: bool,
    own: OnceLock<(String, Vec<Origin>)>,
}

impl Returns {
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let public = config.server.public_url.trim_end_matches('/');
        let named = &config.billing.return_origins;
        let fallback = || config.server.cors_origins.iter().map(String::as_str).chain([public]);
        let allowed: Vec<Origin> = if named.is_empty() {
            fallback().filter_map(origin_of).collect()
        } else {
            named.iter().map(String::as_str).filter_map(origin_of).collect()
        };
        let public = Some(public.to_owned()).filter(|url| !url.is_empty());
        Self { allowed, public, development: !config.is_production(), own: OnceLock::new() }
    }

    /// The address that the server listens on.
    pub fn listens_at(&self, address: SocketAddr) {
        if !self.development {
            return;
        }
        let port = address.port();
        let mut names = vec![format!("http://{address}")];
        if address.ip().is_loopback() {
            names.push(format!("http://localhost:{port}"));
        }
        let origins = names.iter().map(String::as_str).filter_map(origin_of).collect();
        drop(self.own.set((names.swap_remove(0), origins)));
    }

    /// The address in the form that it is handed on in; `field` is to blame where it is none to be sent to.
    pub fn check(&self, field: &'static str, text: &str) -> Result<String, ShopError> {
        let refused = |why: &'static str| Err(ShopError::field(field, why));
        if text.is_empty() {
            return refused("is missing");
        }
        if text.len() > URL_MAX_BYTES {
            return refused("takes at most 2000 bytes");
        }
        let Ok(url) = Url::parse(&text.replace(PLACEHOLDER, STAND_IN)) else {
            return refused("takes a whole address, such as https://chat.example.com/paid");
        };
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some()
        {
            return refused("takes an http or https address without a name and a password");
        }
        let origin = url.origin();
        let own = self.own.get().map_or(&[][..], |(_, origins)| origins);
        if !self.allowed.iter().chain(own).any(|allowed| *allowed == origin) {
            return refused("leads to a site that this server sends nobody to: see billing.return_origins");
        }
        Ok(String::from(url).replace(STAND_IN, PLACEHOLDER))
    }

    /// The console's own page at this hash, for who names no address.
    pub fn home(&self, hash: &str) -> Result<String, ShopError> {
        let own = self.own.get().map(|(address, _)| address.clone());
        let first = || self.allowed.first().map(Origin::ascii_serialization);
        let base = self.public.clone().or(own).or_else(first);
        let base = base
            .ok_or_else(|| ShopError::field("successUrl", "is missing, and server.public_url is not set"))?;
        Ok(format!("{base}/#/{hash}"))
    }
}

fn origin_of(text: &str) -> Option<Origin> {
    Url::parse(text).ok().map(|url| url.origin()).filter(Origin::is_tuple)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returns(change: impl FnOnce(&mut Config)) -> Returns {
        let mut config = Config::default();
        change(&mut config);
        Returns::new(&config)
    }

    fn shop() -> Returns {
        returns(|config| config.billing.return_origins = vec!["https://chat.example.com".to_owned()])
    }

    #[test]
    fn people_are_sent_back_to_named_origins_alone() {
        let returns = shop();
        for good in ["https://chat.example.com/", "https://CHAT.example.com:443/a?b=c#d"] {
            assert!(returns.check("successUrl", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/paid",
            "chat.example.com/paid",
            "http://chat.example.com/",
            "https://chat.example.com:8443/",
            "https://chat.example.com.evil.test/",
            "https://evil.test/?https://chat.example.com",
            "https://chat.example.com@evil.test/",
            "https://mira@chat.example.com/",
            "https://evil.test\\@chat.example.com/",
            "https://{CHECKOUT_SESSION_ID}.example.com/",
            "javascript:alert(1)",
            "data:text/html,hello",
        ] {
            assert!(returns.check("successUrl", bad).is_err(), "{bad}");
        }
        assert!(
            returns
                .check("successUrl", &format!("https://chat.example.com/{}", "a".repeat(URL_MAX_BYTES)))
                .is_err()
        );
    }

    #[test]
    fn stripes_placeholder_stays_as_it_is_written() {
        for (given, handed) in [
            ("https://chat.example.com/paid/{CHECKOUT_SESSION_ID}", None),
            ("https://chat.example.com/?id={CHECKOUT_SESSION_ID}&x=1", None),
            ("https://chat.example.com/#/plans/paid/{CHECKOUT_SESSION_ID}", None),
            ("https://chat.example.com/a b", Some("https://chat.example.com/a%20b")),
        ] {
            assert_eq!(shop().check("successUrl", given).unwrap(), handed.unwrap_or(given));
        }
    }

    #[test]
    fn without_names_the_public_address_and_the_pages_that_may_call_are_they() {
        let returns = returns(|config| {
            config.server.public_url = "https://chat.example.com/green/".to_owned();
            config.server.cors_origins = vec!["https://app.example.com".to_owned()];
        });
        for good in ["https://chat.example.com/x", "https://app.example.com/x"] {
            assert!(returns.check("cancelUrl", good).is_ok(), "{good}");
        }
        assert!(returns.check("cancelUrl", "https://other.example.com/").is_err());
        assert_eq!(returns.home("plans").unwrap(), "https://chat.example.com/green/#/plans");
    }

    #[test]
    fn its_own_address_is_one_in_development_alone() {
        let address: SocketAddr = "127.0.0.1:7070".parse().unwrap();
        let development = returns(|_| {});
        assert!(development.check("cancelUrl", "http://localhost:7070/").is_err(), "not known yet");
        assert!(development.home("plans").is_err());
        development.listens_at(address);
        for good in ["http://localhost:7070/", "http://127.0.0.1:7070/"] {
            assert!(development.check("cancelUrl", good).is_ok(), "{good}");
        }
        assert!(development.check("cancelUrl", "http://127.0.0.1:7071/").is_err());
        assert_eq!(development.home("plans").unwrap(), "http://127.0.0.1:7070/#/plans");
        let production = returns(|config| config.environment = crate::config::Environment::Production);
        production.listens_at(address);
        assert!(production.check("cancelUrl", "http://127.0.0.1:7070/").is_err());
    }
}
