//! Encryption on the way to the mail server: demanded, and its certificate checked.

use greenroom::config::MailTls;

use super::smtp::{Certificate, Door, SmtpServer};
use super::world::{JobRow, World, mail_to, verify};

const LOGIN: Option<(&str, &str)> = Some(("mailer", "hunter2 is secret"));

/// Sends one letter and tells how its job ended.
async fn send_one(port: u16, host: &str, tls: MailTls, ca_file: &str) -> JobRow {
    let world = World::start(|config| {
        mail_to(port)(config);
        config.mail.host = host.to_owned();
        config.mail.tls = tls;
        config.mail.ca_file = ca_file.to_owned();
        config.mail.username = "mailer".to_owned();
        config.mail.password = "hunter2 is secret".into();
        config.jobs.retries = 1;
    })
    .await;
    world.mail("mira@example.com", "en", &verify("Mira")).await;
    let job = world.settled().await.remove(0);
    world.app.stop().await;
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_goes_encrypted_to_a_server_of_the_authorities_file_and_to_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(known), Some(unknown)) =
        (Certificate::make(folder.path(), "known"), Certificate::make(folder.path(), "unknown"))
    else {
        return;
    };
    let ca_file = known.file.to_str().unwrap();
    for (door, tls) in [(Door::StartTls, MailTls::StartTls), (Door::Implicit, MailTls::Implicit)] {
        let server = SmtpServer::with(door, Some(&known), LOGIN);
        let job = send_one(server.port, "localhost", tls, ca_file).await;
        assert_eq!((job.state, job.attempts), (2, 1), "{door:?}: {job:?}");
        let received = server.received();
        assert!(received.len() == 1 && received[0].encrypted, "{door:?}");
        assert_eq!(received[0].user.as_deref(), Some("mailer"));
        let overheard = server.overheard();
        assert!(
            overheard.iter().all(|line| line.starts_with("EHLO ") || line == "STARTTLS"),
            "{overheard:?}"
        );

        // An impostor; a certificate for another name; an authority that this machine does not know.
        let impostor = SmtpServer::with(door, Some(&unknown), LOGIN);
        for (server, host, ca_file) in
            [(&impostor, "localhost", ca_file), (&server, "127.0.0.1", ca_file), (&server, "localhost", "")]
        {
            let job = send_one(server.port, host, tls, ca_file).await;
            let error = job.last_error.unwrap_or_default();
            assert_eq!((job.state, job.attempts), (3, 2), "{door:?} {host}: {error}");
            assert!(error.contains("certificate"), "{error}");
        }
        assert_eq!((impostor.received().len(), server.received().len()), (0, 1));
        assert!(impostor.overheard().iter().all(|line| line.starts_with("EHLO ") || line == "STARTTLS"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_starttls_gets_neither_password_nor_letter() {
    let server = SmtpServer::with(Door::Clear, None, LOGIN);
    let job = send_one(server.port, "localhost", MailTls::StartTls, "").await;
    assert_eq!(job.state, 3, "{job:?}");
    assert!(job.last_error.unwrap().contains("STARTTLS is not supported"));
    let overheard = server.overheard();
    assert!(server.connections() > 0);
    assert!(overheard.iter().all(|line| line.starts_with("EHLO ") || line == "QUIT"), "{overheard:?}");
}
