//! Outbound: what the server writes to people, by mail and by SMS.
//!
//! A feature says what is to be told ([`Letter`], [`Text`]) and queues it in its own transaction ([`Outbound::send_mail`],
//! [`Outbound::send_sms`]): it is written if, and only if, the rest happened. A job words it and sends it, by SMTP or
//! through an HTTP webhook, at least once: a server that dies between sending and saying so sends it again, a mail under
//! the same `Message-ID`, an SMS under the same idempotency key. In the queue it lies [sealed](seal).
//!
//! Where nothing is set up, development keeps letters in the table `outbox` for admins to read, and production refuses
//! what would need them. Owned here: that table, the words in `templates/`, and the kinds `mail.send` and `sms.send`.

mod letter;
mod seal;
mod sealed;
mod store;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{GenericClient, Pool};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::Serialize;

use crate::config::{Config, ConfigError};
use crate::jobs::{Handlers, NewJob, QueueName, enqueue};
use crate::postgres::refusal;

pub use letter::{Letter, Text};

use seal::Seal;
use sealed::{MAIL, MailJob, Payload, SMS, SmsJob};

/// Before what nobody waits for: somebody sits there with a form that asks for the code.
const AWAITED: i16 = -10;

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
    fn of(is_set: bool, config: &Config) -> Self {
        match (is_set, config.is_production()) {
            (true, _) => Self::On,
            (false, false) => Self::Outbox,
            (false, true) => Self::Off,
        }
    }
}

/// The way out. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Outbound {
    inner: Arc<Inner>,
}

struct Inner {
    mail: Channel,
    sms: Channel,
    base: String,
    seal: Seal,
}

impl Outbound {
    /// Reads the settings and makes ready. Connects to nothing yet.
    pub fn open(config: &Config) -> Result<Self, ConfigError> {
        let inner = Inner {
            mail: Channel::of(config.mail.is_set(), config),
            sms: Channel::of(config.sms.is_set(), config),
            base: config.server.public_base(),
            seal: Seal::new(&config.signing_secret()?, []),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    #[must_use]
    pub fn mail(&self) -> Channel {
        self.inner.mail
    }

    #[must_use]
    pub fn sms(&self) -> Channel {
        self.inner.sms
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
        offered(self.inner.mail, "mail.host")?;
        let what = MailJob { to: to.to_owned(), locale: locale.to_owned(), letter: letter.clone() };
        self.queue(client, MAIL, letter.good_for(), &what).await
    }

    /// The same for an SMS to a number in E.164, in the language of `sms.locale`.
    pub async fn send_sms(&self, client: &impl GenericClient, to: &str, text: &Text) -> Result<(), Refusal> {
        offered(self.inner.sms, "sms.webhook_url or sms.account_sid")?;
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

    /// What does the jobs that are queued here.
    #[must_use]
    pub fn handlers(&self, pool: Pool) -> Handlers {
        let _ = pool;
        Vec::new()
    }
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
