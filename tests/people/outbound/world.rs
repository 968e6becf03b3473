//! A server with a way out, and the same way out in the test's hands to queue letters with.

use greenroom::config::{Config, MailTls};
use greenroom::outbound::{Letter, Outbound, Text};

use super::smtp::{Act, SmtpServer};
use crate::support::app::{TestApp, eventually};
use crate::support::database::TestDatabase;

pub const SECRET: &str = "a signing secret for these tests alone";
pub const LINK: &str = "https://chat.example.com/#/reset/a-secret-token";

pub struct World {
    pub app: TestApp,
    pub outbound: Outbound,
}

/// How a job stands.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// 0 waiting, 1 running, 2 done, 3 dead
    pub state: i16,
    pub attempts: i32,
    pub last_error: Option<String>,
    pub payload: Option<serde_json::Value>,
}

/// Settings that send to this server in clear.
pub fn mail_to(port: u16) -> impl FnOnce(&mut Config) {
    move |config| {
        config.server.public_url = "https://chat.example.com".to_owned();
        config.mail.host = "localhost".to_owned();
        config.mail.port = port;
        config.mail.tls = MailTls::None;
        config.mail.from = "The Velvet Room <hello@chat.example.com>".to_owned();
    }
}

impl World {
    pub async fn start(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_on(TestDatabase::create().await, change).await
    }

    pub async fn start_on(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let mut opened = None;
        let app = TestApp::start_on(database, |config| {
            config.auth.jwt_secret = SECRET.into();
            config.jobs.poll_ms = 50;
            config.jobs.backoff_ms = 5;
            change(config);
            opened = Some(Outbound::open(config).expect("a way out"));
        })
        .await;
        Self { app, outbound: opened.expect("opened") }
    }

    /// Queues a mail, as a feature would.
    pub async fn mail(&self, to: &str, locale: &str, letter: &Letter) {
        let client = self.app.database.pool().get().await.unwrap();
        self.outbound.send_mail(&client, to, locale, letter).await.unwrap();
    }

    pub async fn sms(&self, to: &str, text: &Text) {
        let client = self.app.database.pool().get().await.unwrap();
        self.outbound.send_sms(&client, to, text).await.unwrap();
    }

    /// The jobs of outbound, oldest first.
    pub async fn jobs(&self) -> Vec<JobRow> {
        let client = self.app.database.pool().get().await.unwrap();
        let sql = "select state, attempts, last_error, payload from jobs
            where kind in ('mail.send', 'sms.send') order by id";
        let row = |row: &tokio_postgres::Row| JobRow {
            state: row.get(0),
            attempts: row.get(1),
            last_error: row.get(2),
            payload: row.get(3),
        };
        client.query(sql, &[]).await.unwrap().iter().map(row).collect()
    }

    /// Waits until all jobs are done or dead.
    pub async fn settled(&self) -> Vec<JobRow> {
        let settled = async || self.jobs().await.iter().all(|job| job.state >= 2);
        eventually("all letters are out", settled).await;
        self.jobs().await
    }
}

pub fn verify(name: &str) -> Letter {
    let link = "https://chat.example.com/api/auth/verify-email/a-secret-token".to_owned();
    Letter::VerifyEmail { name: name.to_owned(), link, hours: 24 }
}

pub fn reset(name: &str) -> Letter {
    Letter::ResetPassword { name: name.to_owned(), link: LINK.to_owned(), minutes: 60 }
}

pub fn code() -> Text {
    Text::SignInCode { code: "493817".to_owned(), minutes: 5 }
}

/// A server, and a mail server that it sends to, which first goes so.
pub async fn with_mail(acts: impl IntoIterator<Item = Act>) -> (World, SmtpServer) {
    let server = SmtpServer::start();
    server.script(acts);
    let world = World::start(mail_to(server.port)).await;
    (world, server)
}
