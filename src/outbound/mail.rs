//! Mail by SMTP: one connection a letter, all within one deadline.
//!
//! `lettre`'s pooled transport is not used: it puts a connection back that was given up in mid-conversation, and the next
//! letter would read the answers of the one before. A few letters a minute can each have their own.

use std::fs;
use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, address::AddressError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::words::{Worded, host_of};
use crate::config::{Config, ConfigError, MailSettings, MailTls};
use crate::jobs::{Job, JobError};

/// For a goodbye that nothing depends on.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);

/// How the way is encrypted.
enum Way {
    Clear,
    /// Demanded: a server that does not offer it gets nothing.
    StartTls(TlsParameters),
    Implicit(TlsParameters),
}

/// The way to the SMTP server.
pub(super) struct Smtp {
    host: String,
    port: u16,
    way: Way,
    credentials: Option<Credentials>,
    /// How this server calls itself.
    hello: ClientId,
    timeout: Duration,
    slots: Semaphore,
    from: Mailbox,
    reply_to: Option<Mailbox>,
    /// Behind the @ of a `Message-ID`.
    id_host: String,
}

impl Smtp {
    /// Reads the settings and the certificates; connects to nothing.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let mail = &config.mail;
        let mailbox = |name: &str, text: &str| {
            let parsed = text.parse::<Mailbox>();
            parsed.map_err(|_| ConfigError::invalid(name, "takes Name <address>, or an address alone"))
        };
        let reply_to = Some(mail.reply_to.as_str()).filter(|text| !text.is_empty());
        let base = config.server.public_base();
        let host = host_of(&base);
        let is_name = !host.is_empty() && !host.contains(':');
        Ok(Self {
            host: mail.host.clone(),
            port: mail.port(),
            way: way(mail)?,
            credentials: Some(mail.password.expose_secret())
                .filter(|password| !password.is_empty())
                .map(|password| Credentials::new(mail.username.clone(), password.to_owned())),
            hello: match host.parse() {
                Ok(std::net::IpAddr::V4(address)) => ClientId::Ipv4(address),
                Ok(std::net::IpAddr::V6(address)) => ClientId::Ipv6(address),
                Err(_) => ClientId::Domain(host.to_owned()),
            },
            timeout: mail.timeout(),
            slots: Semaphore::new(mail.connections_max),
            from: mailbox("mail.from", &mail.from)?,
            reply_to: reply_to.map(|text| mailbox("mail.reply_to", text)).transpose()?,
            id_host: if is_name { host.to_owned() } else { "localhost".to_owned() },
        })
    }

    /// Sends a letter. The same job makes the same mail each time, `Message-ID` and date included.
    pub async fn send(&self, job: &Job, to: &str, letter: Worded) -> Result<(), JobError> {
        let message = self.message(job, to, letter)?;
        let (envelope, bytes) = (message.envelope(), message.formatted());
        let Ok(_slot) = self.slots.acquire().await else {
            return Err(JobError::Again("the server ends".to_owned()));
        };
        let sent = timeout(self.timeout, self.hand_over(envelope, &bytes)).await;
        let mut connection = sent.unwrap_or_else(|_| {
            let seconds = self.timeout.as_secs_f64();
            Err(JobError::Again(format!("the mail server took longer than {seconds} s")))
        })?;
        // It has the letter: whether it says goodbye is all the same.
        let _ = timeout(QUIT_TIMEOUT, connection.quit()).await;
        Ok(())
    }

    /// Connects and signs in, and says goodbye.
    pub async fn reach(&self) -> Result<(), String> {
        let reached = timeout(self.timeout, self.connect()).await;
        match reached {
            Ok(Ok(mut connection)) => {
                let _ = timeout(QUIT_TIMEOUT, connection.quit()).await;
                Ok(())
            }
            Ok(Err(JobError::Again(why) | JobError::NotBefore(_, why) | JobError::Never(why))) => Err(why),
            Err(_) => Err(format!("the mail server took longer than {} s", self.timeout.as_secs_f64())),
        }
    }

    async fn hand_over(&self, envelope: &Envelope, bytes: &[u8]) -> Result<AsyncSmtpConnection, JobError> {
        let mut connection = self.connect().await?;
        connection.send(envelope, bytes).await.map_err(|error| of_the_letter(&error))?;
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, JobError> {
        let implicit = match &self.way {
            Way::Implicit(tls) => Some(tls.clone()),
            Way::StartTls(_) | Way::Clear => None,
        };
        let server = (self.host.as_str(), self.port);
        let connected =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), &self.hello, implicit, None)
                .await;
        let mut connection = connected.map_err(|error| before_the_letter("the connection", &error))?;
        if let Way::StartTls(tls) = &self.way {
            let encrypted = connection.starttls(tls.clone(), &self.hello).await;
            encrypted.map_err(|error| before_the_letter("encryption", &error))?;
        }
        if let Some(credentials) = &self.credentials {
            let signed_in = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            signed_in.map_err(|error| before_the_letter("mail.username and mail.password", &error))?;
        }
        Ok(connection)
    }

    fn message(&self, job: &Job, to: &str, letter: Worded) -> Result<Message, JobError> {
        let Worded { language, subject, text, html } = letter;
        // The address alone: a name beside it would be one more thing that a stranger chose.
        let to: Address = to.parse().map_err(|_: AddressError| {
            JobError::Never("the address is none that mail can be sent to".to_owned())
        })?;
        let plain =
            |name, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
        let mut message = Message::builder()
            .message_id(Some(format!("<{}@{}>", job.id, self.id_host)))
            .date(SystemTime::from(job.created_at))
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .raw_header(plain("Content-Language", language))
            // No holiday notices back, please (RFC 3834).
            .raw_header(plain("Auto-Submitted", "auto-generated"));
        if let Some(reply_to) = &self.reply_to {
            message = message.reply_to(reply_to.clone());
        }
        message
            .multipart(MultiPart::alternative_plain_html(text, html))
            .map_err(|error| JobError::Never(format!("no mail can be made of it: {error}")))
    }
}

fn way(mail: &MailSettings) -> Result<Way, ConfigError> {
    Ok(match mail.tls {
        MailTls::None => Way::Clear,
        MailTls::StartTls => Way::StartTls(tls(mail)?),
        MailTls::Implicit => Way::Implicit(tls(mail)?),
    })
}

fn tls(mail: &MailSettings) -> Result<TlsParameters, ConfigError> {
    // One crypto provider for all crates; whoever came first has chosen the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = TlsParameters::builder(mail.host.clone());
    let builder = if mail.ca_file.is_empty() {
        builder
    } else {
        // These authorities and no other.
        builder.certificate_store(CertificateStore::None).add_root_certificate(authorities(&mail.ca_file)?)
    };
    builder.build_rustls().map_err(|error| {
        ConfigError::invalid("mail.tls", format!("TLS to the mail server cannot be set up: {error}"))
    })
}

fn authorities(path: &str) -> Result<Certificate, ConfigError> {
    let wrong = |what: String| ConfigError::invalid("mail.ca_file", format!("{path}: {what}"));
    let pem = fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let found = CertificateDer::pem_slice_iter(&pem).filter(Result::is_ok).count();
    if found == 0 {
        return Err(wrong("holds no certificate".to_owned()));
    }
    Certificate::from_pem(&pem).map_err(|error| wrong(error.to_string()))
}

/// What fails before the letter was spoken of is the server's or a setting's fault and may be put right, whatever its
/// number says.
fn before_the_letter(what: &str, error: &Error) -> JobError {
    JobError::Again(format!("{what}: {}", explain(error)))
}

/// What the server said of this letter: 5xx is its last word.
fn of_the_letter(error: &Error) -> JobError {
    let why = format!("the letter: {}", explain(error));
    // A client's error: the address needs what the server does not offer.
    if error.is_permanent() || error.is_client() { JobError::Never(why) } else { JobError::Again(why) }
}

/// The number that the server answered, or what the network did. Never the server's words: they may quote the letter.
fn explain(error: &Error) -> String {
    use std::error::Error as _;
    match error.status() {
        Some(code) => {
            let said = error.source().map(ToString::to_string).unwrap_or_default();
            let enhanced = said.split_whitespace().next().filter(|word| is_enhanced_code(word));
            let enhanced = enhanced.map(|word| format!(" ({word})")).unwrap_or_default();
            format!("the mail server answered {code}{enhanced}")
        }
        None if error.is_response() => "the mail server broke off, or its answer makes no sense".to_owned(),
        None => error.to_string(),
    }
}

/// `5.1.1` and the like (RFC 3463).
fn is_enhanced_code(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    parts.len() == 3
        && parts.iter().all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_is_quoted_of_what_a_server_says() {
        for (word, is_code) in
            [("5.1.1", true), ("4.7.29", true), ("5.1", false), ("user@x.y.z", false), ("1.2.https", false)]
        {
            assert_eq!(is_enhanced_code(word), is_code, "{word}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused_by_its_setting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        fs::write(&path, "nothing").unwrap();
        for path in [path.to_str().unwrap(), "/nonexistent/ca.pem"] {
            let error = authorities(path).err().unwrap().to_string();
            assert!(error.contains("mail.ca_file") && error.contains(path), "{error}");
        }
    }
}
