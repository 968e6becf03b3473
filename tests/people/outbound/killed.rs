//! The real binary: killed with -9 before and after it sent a mail, and read over its shoulder.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};

use greenroom::outbound::Outbound;

use super::mime::Mail;
use super::smtp::{Act, Door, SmtpServer, Stage, wait_for};
use super::webhook::{self, SmsProvider};
use super::world::{SECRET, code, mail_to, verify};
use crate::support::database::TestDatabase;
use crate::support::process::{free_port, greenroom};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts the binary on this database, in a folder of its own.
    fn start(database: &TestDatabase, folder: &Path, smtp: u16) -> Self {
        Self::start_with(database, folder, smtp, &[])
    }

    fn start_with(database: &TestDatabase, folder: &Path, smtp: u16, more: &[(&str, String)]) -> Self {
        let log = File::create(folder.join("log")).expect("a log file");
        let port = free_port();
        let child = Command::new(greenroom())
            .arg("serve")
            .current_dir(folder)
            .envs([
                ("PORT", port.to_string()),
                ("DATABASE_URL", database.url()),
                ("JWT_SECRET", SECRET.to_owned()),
                ("PUBLIC_URL", "https://chat.example.com".to_owned()),
                ("SMTP_HOST", "localhost".to_owned()),
                ("SMTP_PORT", smtp.to_string()),
                ("SMTP_TLS", "none".to_owned()),
                ("MAIL_FROM", "hello@chat.example.com".to_owned()),
                ("GREENROOM__JOBS__LEASE_MS", "2000".to_owned()),
                ("GREENROOM__JOBS__POLL_MS", "100".to_owned()),
            ])
            .envs(more.iter().cloned())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        Self(child)
    }
}

/// The way out of some other process with the same secret.
fn way_out() -> Outbound {
    let mut config = greenroom::config::Config::default();
    config.auth.jwt_secret = SECRET.into();
    mail_to(1)(&mut config);
    Outbound::open(&config).unwrap()
}

async fn queue(database: &TestDatabase, letters: usize) {
    let outbound = way_out();
    let client = database.pool().get().await.unwrap();
    for n in 0..letters {
        let to = format!("person{n}@example.com");
        outbound.send_mail(&client, &to, "en", &verify("Mira")).await.unwrap();
    }
}

async fn unfinished(database: &TestDatabase) -> i64 {
    let client = database.pool().get().await.unwrap();
    let sql = "select count(*) from jobs where kind in ('mail.send', 'sms.send') and state < 2";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_before_it_sent_loses_no_letter() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let smtp = SmtpServer::start();
    smtp.always(Act::Hang(Stage::Greeting));
    queue(&database, 12).await;
    let server = Server::start(&database, folder.path(), smtp.port);
    tokio::task::block_in_place(|| wait_for("letters are on their way", || smtp.hanging() == 4));
    drop(server);
    assert_eq!(smtp.received().len(), 0);
    smtp.always(Act::Accept);
    let _server = Server::start(&database, folder.path(), smtp.port);
    tokio::task::block_in_place(|| wait_for("all letters", || smtp.received().len() >= 12));
    crate::support::app::eventually("all are done", async || unfinished(&database).await == 0).await;
    let mut people: Vec<String> = smtp.received().iter().map(|letter| letter.to[0].clone()).collect();
    people.sort();
    people.dedup();
    assert_eq!(people.len(), 12, "each got theirs: {people:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_after_it_sent_sends_again_what_is_known_as_the_same_mail() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let smtp = SmtpServer::start();
    // It has the letter and has not said so when the server dies.
    smtp.script([Act::Hang(Stage::End)]);
    queue(&database, 1).await;
    let server = Server::start(&database, folder.path(), smtp.port);
    tokio::task::block_in_place(|| wait_for("it has the letter", || smtp.received().len() == 1));
    drop(server);
    assert_eq!(unfinished(&database).await, 1);
    let _server = Server::start(&database, folder.path(), smtp.port);
    tokio::task::block_in_place(|| wait_for("it has it again", || smtp.received().len() == 2));
    crate::support::app::eventually("it is done", async || unfinished(&database).await == 0).await;
    let mails: Vec<Mail> = smtp.received().iter().map(|letter| Mail::read(&letter.data)).collect();
    for header in ["message-id", "date", "subject", "to"] {
        assert_eq!(mails[0].header(header), mails[1].header(header));
    }
    assert_eq!((&mails[0].text, &mails[0].html), (&mails[1].text, &mails[1].html));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_stands_in_the_log_not_even_at_its_loudest() {
    let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let smtp = SmtpServer::with(Door::Clear, None, Some(("mailer", "hunter2")));
    let told = "550 5.7.1 no: https://chat.example.com/api/auth/verify-email/a-secret-token";
    smtp.script([Act::Accept, Act::Say(Stage::End, told)]);
    let provider = SmsProvider::start().await;
    provider.script([webhook::Act::Status(201, ""), webhook::Act::Status(400, "")]);
    let more = [
        ("LOG_LEVEL", "trace".to_owned()),
        ("SMTP_USERNAME", "mailer".to_owned()),
        ("SMTP_PASSWORD", "hunter2".to_owned()),
        ("SMS_WEBHOOK_URL", provider.url()),
        ("TWILIO_ACCOUNT_SID", "AC123".to_owned()),
        ("TWILIO_AUTH_TOKEN", "hunter3".to_owned()),
        ("TWILIO_FROM_NUMBER", "+15005550006".to_owned()),
    ];
    let _server = Server::start_with(&database, folder.path(), smtp.port, &more);
    queue(&database, 2).await;
    let client = database.pool().get().await.unwrap();
    for _ in 0..2 {
        way_out().send_sms(&client, "+491701234567", &code()).await.unwrap();
    }
    crate::support::app::eventually("all are out", async || unfinished(&database).await == 0).await;
    assert_eq!((smtp.received().len(), provider.asked().len()), (1, 2));
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("TRACE") && log.contains("a job is dead"), "the log is loud: {} bytes", log.len());
    // The last two: user and password in base64, as they go over the wire.
    for secret in ["a-secret-token", "493817", "hunter2", "hunter3", "AG1haWxlcg", "QUMxMjM6"] {
        let found = log.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret}");
    }
}
