//! Where nothing is set up: the outbox in development, an honest refusal in production.

use greenroom::outbound::{Channel, Outbound};
use greenroom_actors::protocol::RefusalCode;
use serde_json::Value;

use super::smtp::SmtpServer;
use super::world::{World, code, mail_to, reset, verify};

const OUTBOX: &str = "/api/admin/outbox";

#[tokio::test(flavor = "multi_thread")]
async fn development_keeps_letters_for_admins_alone() {
    let world = World::start(|_| ()).await;
    assert_eq!((world.outbound.mail(), world.outbound.sms()), (Channel::Outbox, Channel::Outbox));
    // Somebody new gets a letter that proves the address.
    let (admin, user) = (world.app.admin().await, world.app.user().await);
    world.settled().await;
    world.mail("mira@example.com", "de", &reset("Mira")).await;
    world.settled().await;
    world.sms("+491701234567", &code()).await;
    world.settled().await;
    assert_eq!(world.app.get(OUTBOX, None).await.0, 401);
    assert_eq!(world.app.get(OUTBOX, Some(&user.token)).await.0, 403);
    let (status, page) = world.app.get(OUTBOX, Some(&admin.token)).await;
    assert_eq!((status, page["total"].as_u64()), (200, Some(3)), "{page}");
    let (sms, mail) = (&page["items"][0], &page["items"][1]);
    assert_eq!((&sms["channel"], &sms["to"]), (&"sms".into(), &"+491701234567".into()));
    assert!(sms["text"].as_str().unwrap().starts_with("493817 ") && sms["html"].is_null());
    assert_eq!((&mail["channel"], &mail["to"]), (&"mail".into(), &"mira@example.com".into()));
    assert_eq!(mail["subject"], "Wähle ein neues Passwort");
    assert!(mail["text"].as_str().unwrap().contains("/#/reset/a-secret-token"));
    assert!(mail["html"].as_str().unwrap().starts_with("<!doctype html>"));
    assert!(mail["createdAt"].is_string() && mail["id"].is_string());
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_is_read_in_pages_and_keeps_the_newest_thousand() {
    let world = World::start(|_| ()).await;
    let admin = world.app.admin().await;
    world.settled().await;
    let client = world.app.database.pool().get().await.unwrap();
    let fill = "insert into outbox (id, channel, recipient, body_text)
        select gen_random_uuid(), 'sms', '+49' || n, 'old' from generate_series(1, 1200) n";
    client.execute(fill, &[]).await.unwrap();
    world.sms("+491701234567", &code()).await;
    world.settled().await;
    let (_, first) = world.app.get(&format!("{OUTBOX}?limit=2"), Some(&admin.token)).await;
    assert_eq!(first["total"], 1_000, "{first}");
    let to = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|it| it["to"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(to(&first), ["+491701234567", "+491200"]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let (_, next) = world.app.get(&format!("{OUTBOX}?limit=2&cursor={cursor}"), Some(&admin.token)).await;
    assert_eq!(to(&next), ["+491199", "+491198"]);
    let (_, last) = world.app.get(&format!("{OUTBOX}?limit=100&page=10"), Some(&admin.token)).await;
    assert_eq!((to(&last).len(), to(&last)[99].as_str()), (100, "+49202"));
    assert!(last["nextCursor"].is_null());
    assert_eq!(world.app.get(&format!("{OUTBOX}?cursor=nonsense"), Some(&admin.token)).await.0, 400);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_sends_both_has_no_outbox() {
    let server = SmtpServer::start();
    let world = World::start(|config| {
        mail_to(server.port)(config);
        config.sms.webhook_url = "http://127.0.0.1:9/".to_owned();
        config.sms.from = "Greenroom".to_owned();
    })
    .await;
    let admin = world.app.admin().await;
    let (status, refusal) = world.app.get(OUTBOX, Some(&admin.token)).await;
    assert_eq!((status, &refusal["error"]), (503, &"feature_unavailable".into()), "{refusal}");
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn production_without_a_way_out_refuses_and_names_the_setting() {
    let mut config = greenroom::config::Config::default();
    config.environment = greenroom::config::Environment::Production;
    config.auth.jwt_secret = super::world::SECRET.into();
    let outbound = Outbound::open(&config).unwrap();
    assert_eq!((outbound.mail(), outbound.sms()), (Channel::Off, Channel::Off));
    let database = crate::support::database::TestDatabase::create().await;
    let client = database.pool().get().await.unwrap();
    let refused = outbound.send_mail(&client, "a@example.com", "en", &verify("Mira")).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::FeatureUnavailable);
    assert!(refused.message.contains("mail.host"), "{}", refused.message);
    let refused = outbound.send_sms(&client, "+49170", &code()).await.unwrap_err();
    assert!(refused.message.contains("sms.webhook_url"), "{}", refused.message);
    let jobs: i64 = client.query_one("select count(*) from jobs", &[]).await.unwrap().get(0);
    assert_eq!(jobs, 0);
}
