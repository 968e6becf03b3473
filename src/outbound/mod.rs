//! Outbound: what the server writes to people, by mail and by SMS.
//!
//! A feature says what is to be told ([`Letter`], [`Text`]) and queues it in its own transaction ([`Outbound::send_mail`],
//! [`Outbound::send_sms`]): it is written if, and only if, the rest happened. A job words it and sends it, by SMTP or
//! through an HTTP webhook, at least once: a server that dies between sending and saying so sends it again, a mail under
//! the same `Message-ID`, an SMS under the same idempotency key. In the queue it lies [sealed](seal).
//!
//! Where nothing is set up, development keeps letters in the table `outbox` for admins to read, and production refuses
//! what would need them. Owned here: that table, the words in `templates/`, and the kinds `mail.send` and `sms.send`.

pub mod fetch;
mod handlers;
mod letter;
mod mail;
mod routes;
mod seal;
mod sealed;
mod sms;
mod store;
mod words;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{GenericClient, Pool};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::Serialize;

use crate::config::{Config, ConfigError};
use crate::jobs::{Handlers, NewJob, QueueName, enqueue};
use crate::postgres::{Stored, refusal};

pub use letter::{Letter, Text};
pub use routes::{Outbox, routes};

use handlers::{SendMail, SendSms};
use mail::Smtp;
use seal::Seal;
use sealed::{MAIL, MailJob, Payload, SMS, SmsJob};
use sms::Webhook;
use words::Words;

/// Before what nobody waits for: somebody sits there with a form that asks for the code.
const AWAITED: i16 = -10;
/// What would switch them on.
const MAIL_SETTING: &str = "mail.host";
const SMS_SETTING: &str = "sms.webhook_url";

/// Where what is sent on one way goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// To people.
    On,
    /// Nothing is set up in development: to the table `outbox`, for admins to read.
    Outbox,
    /// Nothing is set up in production: it is refused.
    Off,
}

impl Channel {
    /// Where mail goes with these settings.
    #[must_use]
    pub fn of_mail(config: &Config) -> Self {
        Self::of(config.mail.is_set(), config)
    }

    /// The same for SMS.
    #[must_use]
    pub fn of_sms(config: &Config) -> Self {
        Self::of(config.sms.is_set(), config)
    }

    fn of(is_set: bool, config: &Config) -> Self {
        match (is_set, config.is_production()) {
            (true, _) => Self::On,
            (false, false) => Self::Outbox,
            (false, true) => Self::Off,
        }
    }
}

/// A channel with what it needs.
enum Way<T> {
    On(T),
    Outbox,
    Off,
}

impl<T> Way<T> {
    fn open(channel: Channel, on: impl FnOnce() -> Result<T, ConfigError>) -> Result<Self, ConfigError> {
        Ok(match channel {
            Channel::On => Self::On(on()?),
            Channel::Outbox => Self::Outbox,
            Channel::Off => Self::Off,
        })
    }

    fn channel(&self) -> Channel {
        match self {
            Self::On(_) => Channel::On,
            Self::Outbox => Channel::Outbox,
            Self::Off => Channel::Off,
        }
    }
}

/// The way out. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Outbound {
    inner: Arc<Inner>,
}

struct Inner {
    mail: Way<Smtp>,
    sms: Way<Webhook>,
    sms_locale: String,
    /// What links start with.
    base: String,
    words: Words,
    seal: Seal,
}

impl Outbound {
    /// Reads the settings and makes ready. Connects to nothing yet.
    pub fn open(config: &Config) -> Result<Self, ConfigError> {
        let inner = Inner {
            mail: Way::open(Channel::of_mail(config), || Smtp::new(config))?,
            sms: Way::open(Channel::of_sms(config), || Webhook::new(&config.sms))?,
            sms_locale: config.sms.locale.clone(),
            base: config.server.public_base(),
            words: Words::new(config),
            seal: Seal::new(&config.signing_secret()?, &config.auth.jwt_previous_secrets),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    #[must_use]
    pub fn mail(&self) -> Channel {
        self.inner.mail.channel()
    }

    #[must_use]
    pub fn sms(&self) -> Channel {
        self.inner.sms.channel()
    }

    /// `feature_unavailable`, naming the setting, where no mail is sent.
    pub fn needs_mail(&self) -> Result<(), Refusal> {
        offered(self.mail(), MAIL_SETTING)
    }

    /// The same for SMS.
    pub fn needs_sms(&self) -> Result<(), Refusal> {
        offered(self.sms(), SMS_SETTING)
    }

    /// Whether the mail server takes connections and the password: `None` where there is none, else what went wrong.
    pub async fn reach_mail(&self) -> Option<Result<(), String>> {
        match &self.inner.mail {
            Way::On(smtp) => Some(smtp.reach().await),
            Way::Outbox | Way::Off => None,
        }
    }

    /// Where people find this: `server.public_url` and the path behind it, which starts with a slash.
    #[must_use]
    pub fn link(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.inner.base)
    }

    /// Queues a mail in the caller's transaction, in the language of `locale` (BCP 47) or else in English.
    ///
    /// Where mail is off: `feature_unavailable`, which names the setting.
    pub async fn send_mail(
        &self,
        client: &impl GenericClient,
        to: &str,
        locale: &str,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        self.needs_mail()?;
        let what = MailJob { to: to.to_owned(), locale: locale.to_owned(), letter: letter.clone() };
        self.queue(client, MAIL, letter.good_for(), &what).await
    }

    /// The same for an SMS to a number in E.164, in the language of `sms.locale`.
    pub async fn send_sms(&self, client: &impl GenericClient, to: &str, text: &Text) -> Result<(), Refusal> {
        self.needs_sms()?;
        let what = SmsJob { to: to.to_owned(), text: text.clone() };
        self.queue(client, SMS, Some(text.good_for()), &what).await
    }

    async fn queue(
        &self,
        client: &impl GenericClient,
        kind: &'static str,
        good_for: Option<Duration>,
        what: &impl Serialize,
    ) -> Result<(), Refusal> {
        let expires_at = match good_for {
            Some(span) => Some(expiry(store::now(client).await.map_err(|error| refusal(&error))?, span)),
            None => None,
        };
        let payload = Payload::seal(&self.inner.seal, kind, expires_at, what);
        let priority = if expires_at.is_some() { AWAITED } else { 0 };
        let job = NewJob { priority, ..NewJob::new(QueueName::Emails, kind, payload) };
        enqueue(client, &job).await.map(drop).map_err(|error| refusal(&error))
    }

    /// What does the jobs that are queued here: for the one who starts the queue. Says in the log where letters go.
    #[must_use]
    pub fn handlers(&self, pool: Pool) -> Handlers {
        for (what, channel) in [("mail", self.mail()), ("SMS", self.sms())] {
            match channel {
                Channel::On => tracing::info!("{what} is sent"),
                Channel::Outbox => {
                    tracing::info!("{what} is not set up: it goes to the outbox, /api/admin/outbox");
                }
                Channel::Off => tracing::warn!("{what} is not set up: what needs it is not offered"),
            }
        }
        vec![
            (MAIL, Arc::new(SendMail { outbound: self.clone(), pool: pool.clone() })),
            (SMS, Arc::new(SendSms { outbound: self.clone(), pool })),
        ]
    }
}

/// Takes from the outbox what was written to these addresses and numbers, in the caller's transaction: somebody is to be
/// forgotten.
pub async fn forget(client: &impl GenericClient, recipients: &[String]) -> Stored<()> {
    store::forget(client, recipients).await
}

fn expiry(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_add(span).unwrap_or(Timestamp::MAX)
}

fn offered(channel: Channel, setting: &str) -> Result<(), Refusal> {
    if channel == Channel::Off {
        let message = format!("this server does not offer it: {setting} is not set");
        return Err(Refusal::new(RefusalCode::FeatureUnavailable, message));
    }
    Ok(())
}
