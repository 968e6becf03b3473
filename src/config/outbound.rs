//! Mail and SMS: where they go out. What is not set up is an outbox in development and off in production.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Where Twilio takes messages, for the account that stands in the place of `{}`.
const TWILIO: &str = "https://api.twilio.com/2010-04-01/Accounts/{}/Messages.json";

/// How the way to the mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// Starts in clear and demands TLS before anything is said: port 587.
    #[default]
    StartTls,
    /// TLS from the first byte: port 465.
    Implicit,
    /// For a relay on this machine or in a closed network.
    None,
}

impl MailTls {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Implicit => "implicit",
            Self::None => "none",
        }
    }

    fn usual_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MailSettings {
    /// Of the SMTP server; empty: no mail is sent.
    pub host: String,
    /// 0 is the usual one of `tls`.
    pub port: u16,
    pub tls: MailTls,
    /// PEM file of the authorities that may have signed the server's certificate; empty: the machine's own.
    pub ca_file: String,
    pub username: String,
    #[serde(serialize_with = "super::secret::masked")]
    pub password: SecretString,
    /// `Name <address>` or an address alone.
    pub from: String,
    /// Where answers go; empty: to `from`.
    pub reply_to: String,
    /// From the connection to the server's word that it has the mail.
    pub timeout_ms: u64,
    /// Mails on their way at once.
    pub connections_max: usize,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 0,
            tls: MailTls::default(),
            ca_file: String::new(),
            username: String::new(),
            password: SecretString::default(),
            from: String::new(),
            reply_to: String::new(),
            timeout_ms: 20_000,
            connections_max: 4,
        }
    }
}

impl MailSettings {
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.host.is_empty()
    }

    /// The port, with 0 resolved.
    #[must_use]
    pub fn port(&self) -> u16 {
        if self.port == 0 { self.tls.usual_port() } else { self.port }
    }

    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SmsSettings {
    /// Takes `To`, `From` and `Body` as a form; empty: Twilio's, if there is an `account_sid`.
    pub webhook_url: String,
    /// The user name for it; empty: `auth_token` goes as a Bearer token.
    pub account_sid: String,
    #[serde(serialize_with = "super::secret::masked")]
    pub auth_token: SecretString,
    /// The number or name that messages come from.
    pub from: String,
    /// Language of the texts.
    pub locale: String,
    pub timeout_ms: u64,
    /// Messages on their way at once.
    pub connections_max: usize,
}

impl Default for SmsSettings {
    fn default() -> Self {
        Self {
            webhook_url: String::new(),
            account_sid: String::new(),
            auth_token: SecretString::default(),
            from: String::new(),
            locale: "en".to_owned(),
            timeout_ms: 10_000,
            connections_max: 4,
        }
    }
}

impl SmsSettings {
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.webhook_url.is_empty() || !self.account_sid.is_empty()
    }

    /// Where messages are posted, with Twilio's address filled in.
    #[must_use]
    pub fn url(&self) -> String {
        if self.webhook_url.is_empty() {
            TWILIO.replace("{}", &self.account_sid)
        } else {
            self.webhook_url.clone()
        }
    }

    #[must_use]
    pub fn has_token(&self) -> bool {
        !self.auth_token.expose_secret().is_empty()
    }

    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::config::Config;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let env: BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::from_layers(None, &env).map_err(|error| error.to_string())
    }

    const MAIL: [(&str, &str); 2] =
        [("SMTP_HOST", "smtp.example.com"), ("MAIL_FROM", "Hello <a@example.com>")];

    #[test]
    fn mail_and_sms_are_set_up_by_their_usual_names() {
        let config = read(&[
            ("SMTP_HOST", "smtp.example.com"),
            ("SMTP_PORT", "2525"),
            ("SMTP_USER", "me"),
            ("SMTP_PASSWORD", "hunter2"),
            ("SMTP_FROM", "a@example.com"),
            ("PUBLIC_URL", "https://chat.example.com/"),
            ("TWILIO_ACCOUNT_SID", "AC123"),
            ("TWILIO_AUTH_TOKEN", "hunter3"),
            ("TWILIO_FROM_NUMBER", "+15005550006"),
        ])
        .unwrap();
        assert_eq!((config.mail.port(), config.mail.username.as_str()), (2525, "me"));
        assert_eq!(config.sms.url(), "https://api.twilio.com/2010-04-01/Accounts/AC123/Messages.json");
        assert_eq!(config.server.public_base(), "https://chat.example.com");
        let shown = format!("{:?}{config:?}", config.values());
        assert!(!shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn the_port_follows_the_encryption() {
        for (tls, port) in [("starttls", 587), ("implicit", 465), ("none", 25)] {
            let config = read(&[&MAIL[..], &[("SMTP_TLS", tls)]].concat()).unwrap();
            assert_eq!(config.mail.port(), port);
        }
    }

    #[test]
    fn what_cannot_work_or_is_not_safe_is_refused_by_name() {
        let sms = [("SMS_WEBHOOK_URL", "https://sms.example.com/"), ("TWILIO_FROM_NUMBER", "+1500")];
        let production =
            [("GREENROOM_ENV", "production"), ("JWT_SECRET", "a production secret of many characters")];
        let with = |base: &[(&'static str, &'static str)], more: &[(&'static str, &'static str)]| {
            let mut all = base.to_vec();
            all.extend_from_slice(more);
            read(&all).err()
        };
        let login = [("SMTP_USERNAME", "me"), ("SMTP_PASSWORD", "hunter2")];
        for (refused, name) in [
            (with(&MAIL[..1], &[]), "mail.from"),
            (with(&MAIL, &[("MAIL_FROM", "nobody")]), "mail.from"),
            (with(&MAIL, &[("MAIL_FROM", "a@example.com\r\nBcc: b@example.com")]), "mail.from"),
            (with(&MAIL, &[("GREENROOM__MAIL__REPLY_TO", "nobody")]), "mail.reply_to"),
            (with(&MAIL, &login[..1]), "mail.username"),
            (with(&MAIL, &[login[0], login[1], ("SMTP_TLS", "none")]), "mail.tls"),
            (with(&MAIL, &[("SMTP_PORT", "465")]), "mail.tls"),
            (with(&MAIL, &[("SMTP_HOST", "smtp://x")]), "mail.host"),
            (with(&MAIL, &[("GREENROOM__MAIL__TIMEOUT_MS", "0")]), "mail.timeout_ms"),
            (with(&MAIL, &production), "server.public_url"),
            (with(&[("PUBLIC_URL", "chat.example.com")], &[]), "server.public_url"),
            (with(&[("PUBLIC_URL", "https://x.example/?a=1")], &[]), "server.public_url"),
            (with(&sms[..1], &[]), "sms.from"),
            (with(&sms, &[("SMS_WEBHOOK_URL", "sms.example.com")]), "sms.webhook_url"),
            (
                with(&sms, &[("SMS_WEBHOOK_URL", "http://x.example"), ("TWILIO_AUTH_TOKEN", "t")]),
                "sms.webhook_url",
            ),
            (with(&sms, &[("TWILIO_ACCOUNT_SID", "AC1")]), "sms.auth_token"),
            (with(&sms, &[("GREENROOM__SMS__CONNECTIONS_MAX", "0")]), "sms.connections_max"),
        ] {
            let refused = refused.unwrap_or_default();
            assert!(refused.contains(name) && !refused.contains("hunter2"), "{name}: {refused}");
        }
        assert_eq!(
            with(&MAIL, &[production[0], production[1], ("PUBLIC_URL", "https://x.example/chat")]),
            None
        );
        assert_eq!(
            with(&MAIL, &[login[0], login[1], ("SMTP_TLS", "none"), ("SMTP_HOST", "localhost")]),
            None
        );
        assert_eq!(with(&sms, &[("TWILIO_AUTH_TOKEN", "t")]), None);
    }
}
