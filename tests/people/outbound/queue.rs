//! A letter in the queue: sealed, bound to what else was written, void in time, and safe from a database that goes away.

use std::path::PathBuf;

use deadpool_postgres::GenericClient;
use greenroom::outbound::{Letter, Outbound};
use secrecy::SecretString;

use super::mime::Mail;
use super::smtp::{Act, SmtpServer, Stage};
use super::world::{SECRET, World, code, mail_to, reset, verify, with_mail};
use crate::support::app::eventually;
use crate::support::chaos::{ChaosProxy, Target};
use crate::support::database::TestDatabase;

fn way_out(secret: &str) -> Outbound {
    let mut config = greenroom::config::Config::default();
    config.auth.jwt_secret = secret.into();
    Outbound::open(&config).unwrap()
}

#[tokio::test]
async fn what_lies_in_the_queue_holds_no_code_no_link_no_name_and_no_address_in_clear() {
    let database = TestDatabase::create().await;
    let client = database.pool().get().await.unwrap();
    let outbound = way_out(SECRET);
    outbound.send_mail(&client, "mira@example.com", "en", &reset("Mira Secret")).await.unwrap();
    outbound.send_sms(&client, "+491701234567", &code()).await.unwrap();
    let rows = client.query("select jobs::text from jobs order by id", &[]).await.unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let row: String = row.get(0);
        for secret in ["493817", "a-secret-token", "mira@", "Mira", "1701234567"] {
            assert!(!row.contains(secret), "{row}");
        }
        assert!(row.contains("expiresAt") && row.contains("emails"), "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_written_if_and_only_if_the_rest_is() {
    let (world, server) = with_mail([]).await;
    let mut client = world.app.database.pool().get().await.unwrap();
    let given_up = client.transaction().await.unwrap();
    world.outbound.send_mail(&given_up, "ghost@example.com", "en", &verify("Ghost")).await.unwrap();
    given_up.rollback().await.unwrap();
    let kept = client.transaction().await.unwrap();
    world.outbound.send_mail(&kept, "mira@example.com", "en", &verify("Mira")).await.unwrap();
    assert_eq!(server.connections(), 0);
    kept.commit().await.unwrap();
    world.settled().await;
    let received = server.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].to, ["mira@example.com"]);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_ran_out_in_the_queue_is_not_sent_and_a_notice_still_is() {
    let (world, server) = with_mail([]).await;
    let void =
        Letter::VerifyEmail { name: "Mira".into(), link: "https://chat.example.com/x".into(), hours: 0 };
    world.mail("mira@example.com", "en", &void).await;
    let notice = Letter::PasswordChanged { name: "Mira".into(), address: Some("203.0.113.7".into()) };
    world.mail("mira@example.com", "en", &notice).await;
    let jobs = world.settled().await;
    assert!(jobs.iter().all(|job| job.state == 2 && job.attempts == 1), "{jobs:?}");
    let received = server.received();
    assert_eq!(received.len(), 1);
    let mail = Mail::read(&received[0].data);
    assert_eq!(mail.header("subject"), "Your password was changed");
    assert!(mail.html.contains("from the network address 203.0.113.7."), "{}", mail.html);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_under_another_secret_or_changed_is_dead_and_says_why() {
    let (world, server) = with_mail([]).await;
    let mut client = world.app.database.pool().get().await.unwrap();
    let stranger = way_out("the secret of some other server of the past");
    stranger.send_mail(&client, "mira@example.com", "en", &verify("Mira")).await.unwrap();
    let transaction = client.transaction().await.unwrap();
    world.outbound.send_mail(&transaction, "mira@example.com", "en", &verify("Mira")).await.unwrap();
    // Somebody with a hand in the table gives a link a longer life.
    let longer = "update jobs set payload = jsonb_set(payload, '{expiresAt}', '\"2099-01-01T00:00:00Z\"')
        where id = (select id from jobs where kind = 'mail.send' order by id desc limit 1)";
    assert_eq!(transaction.execute(longer, &[]).await.unwrap(), 1);
    transaction.commit().await.unwrap();
    let jobs = world.settled().await;
    for job in &jobs {
        assert_eq!((job.state, job.attempts), (3, 1), "{jobs:?}");
        assert!(job.last_error.as_deref().unwrap().contains("auth.jwt_secret"), "{jobs:?}");
    }
    assert_eq!(server.connections(), 0);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_before_the_secret_was_changed_is_still_sent() {
    let old = "the secret that was the present one yesterday";
    let server = SmtpServer::start();
    let world = World::start(|config| {
        mail_to(server.port)(config);
        config.auth.jwt_previous_secrets = vec![old.into()];
    })
    .await;
    let client = world.app.database.pool().get().await.unwrap();
    way_out(old).send_mail(&client, "mira@example.com", "en", &verify("Mira")).await.unwrap();
    world.settled().await;
    assert_eq!(server.received().len(), 1);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_outlive_a_database_that_goes_away() {
    let database = TestDatabase::create().await;
    let url = database.url();
    let part = |name: &str| {
        let value = url.split_whitespace().find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().to_owned()
    };
    let proxy = ChaosProxy::start(Target::Unix(PathBuf::from(part("host")).join(".s.PGSQL.5432"))).await;
    let through = format!(
        "host=127.0.0.1 port={} user={} dbname={} sslmode=disable",
        proxy.address.port(),
        part("user"),
        part("dbname")
    );
    let server = SmtpServer::start();
    // The first one is with the mail server when the database goes.
    server.script([Act::Hang(Stage::Greeting)]);
    let world = World::start_on(database, |config| {
        mail_to(server.port)(config);
        config.database.url = SecretString::from(through);
        config.mail.timeout_ms = 2_000;
        config.jobs.lease_ms = 3_000;
    })
    .await;
    world.mail("first@example.com", "en", &verify("Mira")).await;
    eventually("it is on its way", async || server.hanging() == 1).await;
    proxy.take_down();
    // Other nodes, with another way to the database, go on queueing.
    for n in 0..10 {
        world.mail(&format!("person{n}@example.com"), "en", &verify("Mira")).await;
    }
    eventually("the mail server is given up", async || server.hanging() == 0).await;
    proxy.restore();
    let jobs = world.settled().await;
    assert!(jobs.len() == 11 && jobs.iter().all(|job| job.state == 2), "{jobs:?}");
    let received = server.received();
    let mut people: Vec<&str> = received.iter().map(|letter| letter.to[0].as_str()).collect();
    people.sort_unstable();
    people.dedup();
    assert_eq!(people.len(), 11, "{people:?}");
    world.app.stop().await;
}
