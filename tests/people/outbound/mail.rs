//! What a mail server is given, and what becomes of what it does not take.

use greenroom::outbound::Letter;

use super::mime::Mail;
use super::smtp::{Act, Door, SmtpServer, Stage};
use super::world::{LINK, World, mail_to, reset, verify, with_mail};
use crate::support::app::eventually;

const TO: &str = "mira@example.com";

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_arrives_with_its_headers_both_bodies_and_its_link() {
    let server = SmtpServer::start();
    let world = World::start(|config| {
        mail_to(server.port)(config);
        config.mail.reply_to = "help@chat.example.com".to_owned();
    })
    .await;
    world.mail(TO, "en-GB", &reset("Mira & Bo")).await;
    let jobs = world.settled().await;
    assert_eq!((jobs[0].state, jobs[0].attempts), (2, 1), "{jobs:?}");
    assert!(jobs[0].payload.is_none(), "nothing is left of it in the queue");
    let received = server.received();
    assert_eq!(received.len(), 1);
    assert_eq!(
        (received[0].from.as_str(), &received[0].to[..]),
        ("hello@chat.example.com", &[TO.to_owned()][..])
    );
    let mail = Mail::read(&received[0].data);
    assert_eq!(mail.header("from"), "\"The Velvet Room\" <hello@chat.example.com>");
    assert_eq!(mail.header("to"), TO);
    assert_eq!(mail.header("reply-to"), "help@chat.example.com");
    assert_eq!(mail.header("subject"), "Choose a new password");
    assert_eq!(mail.header("content-language"), "en");
    assert_eq!(mail.header("auto-submitted"), "auto-generated");
    assert!(mail.header("message-id").ends_with("@chat.example.com>"), "{}", mail.header("message-id"));
    assert_eq!(mail.header("mime-version"), "1.0");
    assert!(!mail.header("date").is_empty());
    assert!(mail.text.starts_with("Hello Mira & Bo,\n\n"), "{}", mail.text);
    assert!(mail.text.contains(&format!("\n{LINK}\n")), "{}", mail.text);
    assert!(mail.text.contains("\n-- \nThe Velvet Room, chat.example.com\n"), "{}", mail.text);
    assert!(mail.html.contains("Hello Mira &amp; Bo,"), "{}", mail.html);
    assert!(mail.html.contains(&format!("href=\"{}\"", LINK.replace('/', "&#x2f;"))), "{}", mail.html);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_german_gets_german_with_all_its_letters_intact() {
    let (world, server) = with_mail([]).await;
    world.mail("jürgen@example.com", "de-AT", &verify("Jürgen Größe")).await;
    world.settled().await;
    let received = server.received();
    assert_eq!(received[0].to, ["jürgen@example.com"]);
    let mail = Mail::read(&received[0].data);
    assert_eq!(mail.header("subject"), "Bitte bestätige deine E-Mail-Adresse");
    assert_eq!(mail.header("content-language"), "de");
    assert!(mail.text.starts_with("Hallo Jürgen Größe,"), "{}", mail.text);
    assert!(mail.html.contains("Adresse bestätigen</a>"), "{}", mail.html);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_refusal_is_tried_again_as_the_same_mail() {
    let (world, server) = with_mail([
        Act::Say(Stage::Recipient, "451 4.7.1 greylisted: come again"),
        Act::Say(Stage::End, "452 4.3.1 no room"),
    ])
    .await;
    world.mail(TO, "en", &verify("Mira")).await;
    let jobs = world.settled().await;
    assert_eq!((jobs[0].state, jobs[0].attempts), (2, 3), "{jobs:?}");
    assert_eq!(server.received().len(), 1);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_refusal_of_the_letter_is_not_tried_again_and_tells_no_more_than_its_number() {
    for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::End] {
        let told =
            "550 5.1.1 mira@example.com: we do not take https://chat.example.com/#/reset/a-secret-token";
        let (world, server) = with_mail([Act::Say(stage, told)]).await;
        world.mail(TO, "en", &reset("Mira")).await;
        let jobs = world.settled().await;
        assert_eq!((jobs[0].state, jobs[0].attempts), (3, 1), "{jobs:?}");
        assert_eq!(
            jobs[0].last_error.as_deref(),
            Some("the letter: the mail server answered 550 (5.1.1)"),
            "{stage:?}"
        );
        assert_eq!((server.received().len(), server.connections()), (0, 1));
        world.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_everybody_today_is_asked_again() {
    let (world, server) = with_mail([
        Act::Say(Stage::Greeting, "554 5.3.2 no service"),
        Act::Say(Stage::Greeting, "421 4.3.2 shutting down"),
    ])
    .await;
    world.mail(TO, "en", &verify("Mira")).await;
    let jobs = world.settled().await;
    assert_eq!((jobs[0].state, jobs[0].attempts), (2, 3), "{jobs:?}");
    assert_eq!(server.received().len(), 1);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_is_done_where_a_password_is_set_and_it_is_never_told() {
    let login = Some(("mailer", "hunter2 is secret"));
    let server = SmtpServer::with(Door::Clear, None, login);
    let world = World::start(|config| {
        mail_to(server.port)(config);
        config.mail.username = "mailer".to_owned();
        config.mail.password = "hunter2 is secret".into();
    })
    .await;
    assert_eq!(world.outbound.reach_mail().await, Some(Ok(())));
    world.mail(TO, "en", &verify("Mira")).await;
    world.settled().await;
    assert_eq!(server.received()[0].user.as_deref(), Some("mailer"));
    world.app.stop().await;

    let wrong = World::start(|config| {
        mail_to(server.port)(config);
        config.mail.username = "mailer".to_owned();
        config.mail.password = "another password".into();
    })
    .await;
    wrong.mail(TO, "en", &verify("Mira")).await;
    let jobs = wrong.settled().await;
    // A setting can be put right: it was tried more than once.
    assert_eq!((jobs[0].state, jobs[0].attempts), (3, 4), "{jobs:?}");
    let error = jobs[0].last_error.as_deref().unwrap();
    assert_eq!(error, "mail.username and mail.password: the mail server answered 535 (5.7.8)");
    assert_eq!(wrong.outbound.reach_mail().await, Some(Err(error.to_owned())));
    assert_eq!(server.received().len(), 1);
    wrong.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_given_up_and_asked_again() {
    for stage in [Stage::Greeting, Stage::Recipient, Stage::End] {
        let server = SmtpServer::start();
        server.script([Act::Hang(stage)]);
        let world = World::start(|config| {
            mail_to(server.port)(config);
            config.mail.timeout_ms = 300;
            config.mail.connections_max = 1;
        })
        .await;
        world.mail(TO, "en", &verify("Mira")).await;
        let jobs = world.settled().await;
        assert_eq!((jobs[0].state, jobs[0].attempts), (2, 2), "{stage:?}: {jobs:?}");
        let received = server.received();
        // One that it had before it fell silent comes twice, and is known as the same.
        let ids: Vec<String> =
            received.iter().map(|letter| Mail::read(&letter.data).header("message-id")).collect();
        assert_eq!(ids.len(), if stage == Stage::End { 2 } else { 1 }, "{stage:?}");
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        eventually("the silent connection is let go", async || server.hanging() == 0).await;
        world.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_letters_are_on_their_way_at_once_than_the_setting_says() {
    let server = SmtpServer::start();
    server.always(Act::Hang(Stage::Greeting));
    let world = World::start(|config| {
        mail_to(server.port)(config);
        config.mail.connections_max = 2;
        config.server.drain_timeout_ms = 100;
    })
    .await;
    for _ in 0..5 {
        world.mail(TO, "en", &verify("Mira")).await;
    }
    let all_taken = async || world.jobs().await.iter().all(|job| job.state == 1);
    eventually("all are taken", all_taken).await;
    eventually("two are on their way", async || server.hanging() == 2).await;
    assert_eq!(server.connections(), 2);
    // What is under way at the end is given back as undone.
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_from_strangers_inject_no_header_no_line_and_no_tag() {
    let hostile = [
        "Mira\r\nBcc: victim@example.com\r\nX-Evil: 1",
        "Mira\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA",
        "</p><script>alert(1)</script><a href=\"https://evil.example\">",
        "Mira\n\nPay here:\nhttps://evil.example/pay",
        "=?utf-8?b?QmNjOiB4?=",
        "{{ link }}",
    ];
    let (world, server) = with_mail([]).await;
    world.mail(TO, "en", &verify("")).await;
    world.settled().await;
    for name in hostile {
        world.mail(TO, "en", &verify(name)).await;
        world.mail(TO, "de", &Letter::EmailTaken { name: name.to_owned() }).await;
    }
    world.settled().await;
    let received = server.received();
    assert_eq!(received.len(), 1 + 2 * hostile.len());
    let plain = Mail::read(&received[0].data);
    let names = |mail: &Mail| {
        let mut names: Vec<String> = mail.headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    };
    for letter in &received {
        assert_eq!(letter.to, [TO]);
        let mail = Mail::read(&letter.data);
        assert_eq!(names(&mail), names(&plain));
        for body in [&mail.text, &mail.html] {
            assert!(!body.contains("evil.example") && !body.contains("<script"), "{body}");
        }
        if mail.header("content-language") == "en" {
            assert_eq!(mail.header("subject"), plain.header("subject"));
            assert_eq!(mail.text.lines().count(), plain.text.lines().count(), "{}", mail.text);
            assert_eq!(mail.html.matches('<').count(), plain.html.matches('<').count(), "{}", mail.html);
        }
    }
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_is_dead_at_once_and_reaches_no_server() {
    let (world, server) = with_mail([]).await;
    for to in
        ["", "nobody", "a@b\r\nRCPT TO:<victim@example.com>", "a@b>, <victim@example.com", "a b@example.com"]
    {
        world.mail(to, "en", &verify("Mira")).await;
    }
    let jobs = world.settled().await;
    assert!(jobs.iter().all(|job| (job.state, job.attempts) == (3, 1)), "{jobs:?}");
    assert_eq!(server.connections(), 0);
    world.app.stop().await;
}
