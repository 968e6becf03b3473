//! Which webhooks are taken for Stripe's.

use std::time::Duration;

use greenroom::billing::stripe::standin::signature;
use greenroom::billing::stripe::{BadWebhook, StripeEvent, verify};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};

const SECRET: &str = "whsec_one";
const TOLERANCE: Duration = Duration::from_secs(300);

fn body() -> String {
    json!({
        "id": "evt_1", "object": "event", "type": "customer.subscription.updated", "created": 1_700_000_000, "livemode": true,
        "api_version": "2019-01-01", "data": { "object": { "id": "sub_1", "object": "subscription" } },
    })
    .to_string()
}

fn check(body: &str, header: &str, secrets: &[&str], now: Timestamp) -> Result<StripeEvent, BadWebhook> {
    let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
    verify(body.as_bytes(), header, &secrets, TOLERANCE, now)
}

#[test]
fn a_good_one_is_read() {
    let now = Timestamp::now();
    let event = check(&body(), &signature(SECRET, now, &body()), &[SECRET], now).unwrap();
    assert_eq!((event.id.as_str(), event.kind.as_str()), ("evt_1", "customer.subscription.updated"));
    assert_eq!(
        (event.object_id.as_deref(), event.object_type.as_deref()),
        (Some("sub_1"), Some("subscription"))
    );
    assert!(event.livemode && event.created_at.as_second() == 1_700_000_000);
    assert_eq!(event.payload, serde_json::from_str::<Value>(&body()).unwrap());
}

#[test]
fn while_a_secret_is_replaced_both_hold() {
    let now = Timestamp::now();
    let old = signature(SECRET, now, &body());
    assert!(check(&body(), &old, &["whsec_new", SECRET], now).is_ok());
    assert_eq!(check(&body(), &old, &["whsec_new", "whsec_other"], now), Err(BadWebhook::Forged));
    // Stripe signs with both, in one header.
    let new = signature("whsec_new", now, &body());
    let both = format!("{old},{}", new.split_once(',').unwrap().1);
    assert!(check(&body(), &both, &["whsec_new"], now).is_ok());
    assert!(check(&body(), &both, &[SECRET], now).is_ok());
    let spaced = both.replace(',', ", ") + ",v0=00ff";
    assert!(check(&body(), &spaced, &[SECRET], now).is_ok(), "other schemes are passed over");
}

#[test]
fn a_forged_one_is_not_taken() {
    let now = Timestamp::now();
    let header = signature(SECRET, now, &body());
    let forged = |body: &str, header: &str, secrets: &[&str]| {
        assert_eq!(check(body, header, secrets, now), Err(BadWebhook::Forged), "{header}");
    };
    forged(&body().replace("sub_1", "sub_2"), &header, &[SECRET]);
    forged(&format!("{} ", body()), &header, &[SECRET]);
    forged(&body(), &header, &[]);
    forged(&body(), &header, &[""]);
    forged(&body(), &signature("", now, &body()), &["", SECRET]);
    // The time is signed too.
    let later = header.replacen(&now.as_second().to_string(), &(now.as_second() + 1).to_string(), 1);
    forged(&body(), &later, &[SECRET]);
    forged(&body(), &header.replace("v1=", "v1=00"), &[SECRET]);
    forged(&body(), &header[..header.len() - 1], &[SECRET]);
    forged(&body(), &format!("t={},v1=", now.as_second()), &[SECRET]);
    forged(&body(), &format!("t={},v1=zz,v1=é", now.as_second()), &[SECRET]);
}

#[test]
fn one_of_another_time_is_not_taken() {
    let now = Timestamp::now();
    let header = signature(SECRET, now, &body());
    for (seconds, taken) in [(299, true), (300, true), (301, false), (-300, true), (-301, false)] {
        let at = now + SignedDuration::from_secs(seconds);
        let found = check(&body(), &header, &[SECRET], at);
        assert_eq!(found.is_ok(), taken, "{seconds} s later");
        assert!(taken || found == Err(BadWebhook::Stale));
    }
    // Who does not know the secret does not learn whether the time is right.
    let old = now + SignedDuration::from_hours(1);
    assert_eq!(check(&body(), &header, &["whsec_x"], old), Err(BadWebhook::Forged));
}

#[test]
fn a_header_that_is_none_is_not_read() {
    let now = Timestamp::now();
    let good = signature(SECRET, now, &body());
    let second = now.as_second();
    for header in [
        "",
        "t",
        "hello",
        "v1=abc",
        &format!("t={second}"),
        &format!("t=,{}", good.split_once(',').unwrap().1),
        &format!("t=now,{}", good.split_once(',').unwrap().1),
        &format!("t={second},{good}"),
        &good.replace("v1=", "v0="),
        &format!("{good},{}", "v1=00,".repeat(100).trim_end_matches(',')),
        &format!("{good},x={}", "y".repeat(4_000)),
        "t=99999999999999999999,v1=00",
    ] {
        assert_eq!(check(&body(), header, &[SECRET], now), Err(BadWebhook::Unreadable), "{header}");
    }
}

#[test]
fn a_body_that_is_no_event_is_none() {
    let now = Timestamp::now();
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "\u{feff}{}",
        r#"{"id":"evt_1","type":"x","created":1}"#,
        r#"{"object":"event"}"#,
        r#"{"object":"event","id":"evt_1","type":"x"}"#,
        r#"{"object":"event","id":"","type":"x","created":1}"#,
        r#"{"object":"event","id":"evt_1","type":"x","created":9223372036854775807}"#,
    ] {
        let found = check(body, &signature(SECRET, now, body), &[SECRET], now);
        assert_eq!(found, Err(BadWebhook::NoEvent), "{body}");
    }
    let bytes = [0xff, 0xfe, 0x00];
    let header = format!("t={},v1=00", now.as_second());
    assert_eq!(verify(&bytes, &header, &[SECRET.into()], TOLERANCE, now), Err(BadWebhook::Forged));
}

#[test]
fn types_and_objects_that_nobody_knows_yet_are_read() {
    let now = Timestamp::now();
    let body = json!({
        "id": "evt_9", "object": "event", "type": "quantum.entangled", "created": 1, "data": { "object": [1, 2] }, "more": {},
    })
    .to_string();
    let event = check(&body, &signature(SECRET, now, &body), &[SECRET], now).unwrap();
    assert_eq!((event.kind.as_str(), event.object_id, event.api_version), ("quantum.entangled", None, None));
}
