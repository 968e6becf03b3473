//! Every command and path with what is refused of it, and with which code.

use reqwest::Method;
use serde_json::{Value, json};

use super::device::Device;
use super::{room_of, server, text};
use crate::support::app::TestApp;

const NONE: &str = "0197f000-0000-7000-8000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn every_command_says_why_it_is_refused() {
    let app = server().await;
    let (owner, member, stranger) = (app.user().await, app.user().await, app.user().await);
    let room = room_of(&app, &owner, &[&member]).await;
    let mut by_owner = Device::joined(&app, &owner, &room).await;
    let mut by_member = Device::joined(&app, &member, &room).await;
    let mut by_stranger = Device::open(&app, &stranger, &room).await;
    let greeting = by_owner.held.messages[&1]["id"].clone();
    let asked = by_owner.done("message:send", json!({"content": "Hello"})).await;
    let said = asked["message"]["id"].clone();
    by_owner.reply(&asked["replies"][0]["messageId"]).await;
    let deleted = by_owner.done("message:send", json!({"content": "Oh", "reply": "none"})).await;
    let deleted = deleted["message"]["id"].clone();
    by_owner.done("message:delete", json!({"messageId": deleted})).await;
    let character = by_owner.held.conversation["characters"][0]["id"].clone();
    let other = room_of(&app, &owner, &[]).await;
    let taken = json!({"slug": "taken-by-another"});
    let (status, _) =
        app.call(Method::PUT, &format!("/api/conversations/{other}"), Some(&owner.token), Some(taken)).await;
    assert_eq!(status, 200);
    by_owner.done("member:add", json!({"username": app.user().await.username.to_uppercase()})).await;

    let to = |message: &Value| json!({"messageId": message});
    let with = |message: &Value, more: Value| {
        let mut data = to(message);
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    // Command and data; what the owner, a member and a stranger are told. An empty word: not asked here.
    let none = json!(NONE);
    let table = [
        ("message:edit", with(&none, json!({"content": "x"})), "not_found", "not_found", "not_found"),
        ("message:edit", with(&said, json!({"content": "x"})), "", "forbidden", "not_found"),
        ("message:edit", with(&said, json!({"content": "x", "resend": true})), "", "forbidden", "not_found"),
        ("message:edit", with(&greeting, json!({"content": "x"})), "forbidden", "forbidden", "not_found"),
        ("message:edit", with(&deleted, json!({"content": "x"})), "conflict", "forbidden", "not_found"),
        (
            "message:edit",
            with(&deleted, json!({"content": "x", "resend": true})),
            "conflict",
            "",
            "not_found",
        ),
        (
            "message:edit",
            with(&said, json!({"content": " "})),
            "content_empty",
            "content_empty",
            "content_empty",
        ),
        ("message:delete", to(&none), "not_found", "not_found", "not_found"),
        ("message:delete", to(&said), "", "forbidden", "not_found"),
        ("message:react", with(&none, json!({"emoji": "👍"})), "not_found", "not_found", "not_found"),
        ("message:react", with(&deleted, json!({"emoji": "👍"})), "conflict", "conflict", "not_found"),
        ("message:react", with(&said, json!({"emoji": "ok"})), "bad_request", "bad_request", "bad_request"),
        ("reply:request", json!({"characterId": NONE}), "not_found", "not_found", "not_found"),
        ("reply:request", json!({}), "", "", "not_found"),
        ("reply:regenerate", to(&none), "not_found", "not_found", "not_found"),
        ("reply:regenerate", to(&said), "conflict", "conflict", "not_found"),
        ("reply:regenerate", to(&greeting), "conflict", "conflict", "not_found"),
        ("reply:continue", to(&none), "not_found", "not_found", "not_found"),
        ("reply:continue", to(&said), "conflict", "conflict", "not_found"),
        ("reply:continue", to(&deleted), "conflict", "conflict", "not_found"),
        ("reply:select", with(&none, json!({"variant": 0})), "not_found", "not_found", "not_found"),
        ("reply:select", with(&said, json!({"variant": 0})), "conflict", "conflict", "not_found"),
        ("reply:select", with(&greeting, json!({"variant": 1})), "not_found", "not_found", "not_found"),
        ("reply:stop", json!({}), "", "", "not_found"),
        ("conversation:update", json!({"title": "x"}), "", "forbidden", "not_found"),
        ("conversation:update", json!({}), "bad_request", "bad_request", "bad_request"),
        ("conversation:update", json!({"slug": "taken-by-another"}), "conflict", "forbidden", "not_found"),
        ("member:add", json!({"userId": NONE}), "not_found", "not_found", "not_found"),
        ("member:add", json!({"username": "nobody-at-all"}), "not_found", "not_found", "not_found"),
        ("member:add", json!({"username": "a\u{0}b"}), "not_found", "not_found", "not_found"),
        ("member:add", json!({"userId": stranger.id}), "", "forbidden", "not_found"),
        ("member:add", json!({"userId": member.id}), "conflict", "forbidden", "not_found"),
        ("member:remove", json!({"userId": NONE}), "not_found", "forbidden", "not_found"),
        ("member:remove", json!({"userId": owner.id}), "conflict", "forbidden", "not_found"),
        (
            "member:update",
            json!({"userId": stranger.id, "role": "owner"}),
            "not_found",
            "forbidden",
            "not_found",
        ),
        (
            "member:update",
            json!({"userId": member.id, "role": "member"}),
            "bad_request",
            "bad_request",
            "bad_request",
        ),
        ("character:add", json!({"characterId": NONE}), "not_found", "not_found", "not_found"),
        ("character:add", json!({"characterId": character}), "conflict", "forbidden", "not_found"),
        ("character:remove", json!({"characterId": NONE}), "not_found", "forbidden", "not_found"),
        ("character:remove", json!({"characterId": character}), "conflict", "forbidden", "not_found"),
    ];
    let head = async || {
        let (_, now) = app.get(&format!("/api/conversations/{room}"), Some(&owner.token)).await;
        now["conversation"]["lastOffset"].clone()
    };
    let before = head().await;
    for (event, data, of_owner, of_member, of_stranger) in table {
        for (device, code) in
            [(&mut by_owner, of_owner), (&mut by_member, of_member), (&mut by_stranger, of_stranger)]
        {
            if !code.is_empty() {
                assert_eq!(device.refused(event, data.clone()).await, code, "{event} {data}");
            }
        }
    }
    assert_eq!(head().await, before, "nothing that was refused is in the log");
    drop((by_owner, by_member, by_stranger));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_says_what_is_wrong_with_it() {
    let app = server().await;
    let user = app.user().await;
    let room = room_of(&app, &user, &[]).await;
    let said = json!({"content": "Hello", "reply": "none"});
    let (_, said) = app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), said).await;
    let message = format!("messages/{}", text(&said["message"]["id"]));
    let none = format!("messages/{NONE}");
    for (method, path, body, status, told) in [
        (Method::PUT, message.clone(), json!({}), 400, "content"),
        (Method::PUT, message.clone(), json!({"content": " "}), 400, "content"),
        (Method::PUT, message.clone(), json!({"content": "x", "resend": "yes"}), 400, "body"),
        (Method::PUT, none.clone(), json!({"content": "x"}), 404, "not_found"),
        (Method::PUT, "messages/none".to_owned(), json!({"content": "x"}), 404, "not_found"),
        (Method::DELETE, none.clone(), Value::Null, 404, "not_found"),
        (Method::POST, format!("{message}/select"), json!({}), 400, "variant"),
        (Method::POST, format!("{message}/select"), json!({"variant": 70_000}), 400, "body"),
        (Method::POST, format!("{message}/select"), json!({"variant": 0}), 409, "conflict"),
        (Method::POST, format!("{message}/reactions"), json!({}), 400, "emoji"),
        (Method::POST, format!("{message}/reactions"), json!({"emoji": "ok"}), 400, "emoji"),
        (Method::DELETE, format!("{message}/reactions/ok"), Value::Null, 400, "emoji"),
        (Method::POST, format!("{message}/regenerate"), Value::Null, 409, "conflict"),
        (Method::POST, format!("{none}/regenerate"), Value::Null, 404, "not_found"),
        (Method::POST, format!("{message}/continue"), Value::Null, 409, "conflict"),
        (Method::POST, "reply".to_owned(), json!({"characterId": "x"}), 400, "body"),
        (Method::POST, "reply".to_owned(), json!({"characterId": NONE}), 404, "not_found"),
        (Method::POST, "stop".to_owned(), json!({"messageId": 7}), 400, "body"),
        (Method::POST, "members".to_owned(), json!({}), 400, "userId"),
        (Method::POST, "members".to_owned(), json!({"userId": NONE, "username": "x"}), 400, "userId"),
        (Method::POST, "members".to_owned(), json!({"userId": NONE}), 404, "not_found"),
        (Method::PUT, format!("members/{NONE}"), json!({"role": "member"}), 400, "role"),
        (Method::PUT, format!("members/{NONE}"), json!({"role": "owner"}), 404, "not_found"),
        (Method::DELETE, "members/none".to_owned(), Value::Null, 404, "not_found"),
        (Method::POST, "characters".to_owned(), json!({}), 400, "characterId"),
        (Method::POST, "characters".to_owned(), json!({"characterId": NONE}), 404, "not_found"),
        (Method::DELETE, "characters/none".to_owned(), Value::Null, 404, "not_found"),
        (Method::PUT, String::new(), json!({}), 400, "title"),
        (Method::PUT, String::new(), json!({"slug": "search"}), 400, "slug"),
        (Method::PUT, String::new(), json!({"visibility": "secret"}), 400, "visibility"),
        (Method::PUT, String::new(), json!({"replyMode": "loud"}), 400, "replyMode"),
        (
            Method::PUT,
            String::new(),
            json!({"tags": (0..21).map(|number| number.to_string()).collect::<Vec<_>>()}),
            400,
            "tags",
        ),
    ] {
        let path = format!("/api/conversations/{room}/{path}");
        let path = path.trim_end_matches('/');
        let body = (!body.is_null()).then_some(body);
        let (got, answer) = app.call(method.clone(), path, Some(&user.token), body).await;
        let field = answer["details"][0]["field"].as_str().or(answer["error"].as_str());
        assert_eq!((got, field), (status, Some(told)), "{method} {path}: {answer}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_features_what_is_public_and_the_audit_log_tells_of_it() {
    let app = server().await;
    let (user, admin) = (app.user().await, app.admin().await);
    let room = room_of(&app, &user, &[]).await;
    let mut device = Device::joined(&app, &user, &room).await;
    let path = format!("/api/conversations/{room}/featured");
    let patch = async |body: Option<Value>| app.call(Method::PATCH, &path, Some(&admin.token), body).await;
    assert_eq!(patch(None).await.0, 409, "it is private");
    device.done("conversation:update", json!({"visibility": "public", "slug": "seen-by-all"})).await;
    assert_eq!(patch(None).await, (200, json!({"id": room, "featured": true})));
    assert_eq!(device.event("conversation:update").await["featured"], false);
    assert_eq!(device.event("conversation:update").await["featured"], true);
    assert_eq!(patch(Some(json!({"featured": true}))).await.1["featured"], true);
    assert_eq!(patch(None).await.1["featured"], false);
    assert_eq!(patch(Some(json!({"featured": "yes"}))).await.0, 400);
    let by_slug = "/api/conversations/seen-by-all/featured";
    let (status, answer) =
        app.call(Method::PATCH, by_slug, Some(&admin.token), Some(json!({"featured": true}))).await;
    assert_eq!((status, &answer["id"]), (200, &json!(room)));
    // One that is private again can still lose the mark, and not get it back.
    device.done("conversation:update", json!({"visibility": "private"})).await;
    assert_eq!(patch(None).await.1["featured"], false);
    assert_eq!(patch(None).await.0, 409);
    let audit = format!("/api/admin/audit?action=conversation.feature&target=conversation:{room}");
    let (_, log) = app.get(&audit, Some(&admin.token)).await;
    let details: Vec<&Value> =
        log["items"].as_array().unwrap().iter().map(|entry| &entry["detail"]).collect();
    let of = |before: bool, after: bool| json!({"before": before, "after": after});
    assert_eq!(
        details,
        [&of(true, false), &of(false, true), &of(true, false), &of(true, true), &of(false, true)]
    );
    drop(device);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_replies_counts_as_a_message_and_changing_what_is_there_does_not() {
    let app = TestApp::start_with(|config| {
        config.limits.enabled = true;
        config.limits.messages.max = 2;
        config.default_plan = "starter".to_owned();
        config.ai.offline_word_delay_ms = 0;
    })
    .await;
    let user = app.user().await;
    let room = room_of(&app, &user, &[]).await;
    let mut device = Device::joined(&app, &user, &room).await;
    let greeting = device.held.messages[&1]["id"].clone();
    let said = device.done("message:send", json!({"content": "Hello", "reply": "none"})).await;
    let asked = device.done("reply:request", json!({})).await;
    device.reply(&asked["replies"][0]["messageId"]).await;
    for (event, data) in [
        ("reply:request", json!({})),
        ("reply:continue", json!({"messageId": greeting})),
        ("message:edit", json!({"messageId": said["message"]["id"], "content": "Again", "resend": true})),
    ] {
        assert_eq!(device.refused(event, data).await, "rate_limited", "{event}");
    }
    let home = format!("/api/conversations/{room}");
    let continued = format!("{home}/messages/{}/continue", text(&greeting));
    for path in [format!("{home}/reply"), continued] {
        let response = app.send(Method::POST, &path, Some(&user.token), None).await;
        assert_eq!(response.status(), 429, "{path}");
        assert_eq!(response.headers()["x-ratelimit-limit"], "2", "{path}");
        assert!(response.headers().contains_key("retry-after"));
    }
    device.done("message:edit", json!({"messageId": said["message"]["id"], "content": "Better"})).await;
    device.done("message:react", json!({"messageId": greeting, "emoji": "👍"})).await;
    drop(device);
    app.stop().await;
}
