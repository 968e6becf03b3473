//! The real binary, killed with -9 before and after it sent a mail.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use greenroom::outbound::Outbound;

use crate::mime::Mail;
use crate::smtp::{Act, SmtpServer, Stage, wait_for};
use crate::support::database::TestDatabase;
use crate::world::{SECRET, mail_to, verify};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts the binary on this database, in a folder of its own.
    fn start(database: &TestDatabase, folder: &std::path::Path, smtp: u16) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(env!("CARGO_BIN_EXE_greenroom"))
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
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        Self(child)
    }
}

async fn queue(database: &TestDatabase, letters: usize) {
    let mut config = greenroom::config::Config::default();
    config.auth.jwt_secret = SECRET.into();
    mail_to(1)(&mut config);
    let outbound = Outbound::open(&config).unwrap();
    let client = database.pool().get().await.unwrap();
    for n in 0..letters {
        let to = format!("person{n}@example.com");
        outbound.send_mail(&client, &to, "en", &verify("Mira")).await.unwrap();
    }
}

async fn unfinished(database: &TestDatabase) -> i64 {
    let client = database.pool().get().await.unwrap();
    let sql = "select count(*) from jobs where kind = 'mail.send' and state <> 2";
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
