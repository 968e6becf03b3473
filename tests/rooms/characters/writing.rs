//! Making, changing and deleting.

use reqwest::Method;
use serde_json::{Value, json};

use super::{change, delete, everything, fields, id, make, number};
use crate::support::app::{TestApp, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_write_characters() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let made = id(&make(&app, &admin, json!({ "name": "Mira" })).await);
    let paths = [
        (Method::POST, "/api/characters".to_owned(), json!({ "name": "Bo" })),
        (Method::PUT, format!("/api/characters/{made}"), json!({ "name": "Bo" })),
        (Method::PUT, format!("/api/ai/characters/{made}/settings"), json!({ "temperature": 0.1 })),
        (
            Method::POST,
            format!("/api/characters/{made}/gallery"),
            json!({ "type": "image", "url": "https://e.com/" }),
        ),
        (Method::DELETE, format!("/api/characters/{made}/gallery/{made}"), json!({})),
        (Method::DELETE, format!("/api/characters/{made}"), json!({})),
    ];
    for (method, path, body) in paths {
        for (token, expected) in [(None, 401), (Some("a.bad.token"), 401), (Some(user.token.as_str()), 403)] {
            let (status, _) = app.call(method.clone(), &path, token, Some(body.clone())).await;
            assert_eq!(status, expected, "{method} {path}");
        }
    }
    let (_, stands) = app.get(&format!("/api/characters/{made}"), None).await;
    assert_eq!((stands["name"].as_str(), stands["version"].as_i64()), (Some("Mira"), Some(1)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_character_is_read_by_its_admin_as_it_was_written_and_can_be_sent_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = make(&app, &admin, everything("Mira of Tests")).await;
    assert_eq!(made["slug"], "mira-of-tests");
    let written = everything("Mira of Tests");
    for (name, value) in written.as_object().unwrap() {
        if !["settings", "dials", "talkativeness"].contains(&name.as_str()) {
            assert_eq!(&made[name], value, "{name}");
        }
    }
    for (name, value) in written["settings"].as_object().unwrap() {
        if !["lorebook", "ai"].contains(&name.as_str()) {
            assert_eq!(&made["settings"][name], value, "{name}");
        }
    }
    assert_eq!(made["settings"]["ai"]["maxTokens"], 321);
    assert_eq!(made["settings"]["lorebook"]["entries"][0]["content"], "SECRET-content");
    assert!((made["dials"]["emoji"].as_f64().unwrap() - 0.7).abs() < 1e-6);
    let (status, again) = change(&app, &admin, "mira-of-tests", made.clone()).await;
    assert_eq!((status, &again), (200, &made), "what changes nothing is no change");
    let (status, one) = app.get(&format!("/api/characters/{}", id(&made)), Some(&admin.token)).await;
    assert_eq!((status, &one), (200, &made));
    assert_eq!(number(&app, "select count(*) from audit_log where action like 'character.%'").await, 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_leaves_alone_what_it_does_not_name_and_is_audited() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = id(&make(&app, &admin, everything("Mira")).await);
    let body = json!({ "tagline": "Another", "avatarUrl": null, "dials": { "humor": 1 },
        "settings": { "knowledge": ["new"], "ai": { "maxTokens": 99 } } });
    let (status, changed) = change(&app, &admin, &made, body).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!((&changed["tagline"], &changed["avatarUrl"]), (&json!("Another"), &Value::Null));
    assert_eq!((&changed["dials"]["humor"], &changed["version"]), (&json!(1.0), &json!(2)));
    assert_eq!(changed["settings"]["knowledge"], json!(["new"]));
    assert_eq!(changed["settings"]["systemPrompt"], "SECRET-prompt");
    assert_eq!(changed["settings"]["ai"]["provider"], "SECRET-provider");
    // By its older version it is refused: somebody else was quicker.
    let (status, refused) = change(&app, &admin, &made, json!({ "version": 1, "name": "Bo" })).await;
    assert_eq!((status, refused["error"].as_str()), (409, Some("conflict")));
    let thin = format!("/api/ai/characters/{made}/settings");
    let body = json!({ "temperature": 0.5, "systemPrompt": null, "name": "Bo", "contextTokens": 9000 });
    let (status, thin) = app.call(Method::PUT, &thin, Some(&admin.token), Some(body)).await;
    assert_eq!((status, thin["name"].as_str()), (200, Some("Mira")), "{thin}");
    assert_eq!(thin["settings"]["systemPrompt"], Value::Null);
    assert_eq!(thin["settings"]["ai"]["contextTokens"], 9000);
    assert_eq!(thin["settings"]["ai"]["fallbacks"], json!([]));
    let path = format!("/api/ai/characters/{made}/settings");
    let body = json!({ "fallbacks": [" gemini", "openai/gpt-5.4-mini"] });
    let (status, chained) = app.call(Method::PUT, &path, Some(&admin.token), Some(body)).await;
    assert_eq!(
        (status, &chained["settings"]["ai"]["fallbacks"]),
        (200, &json!(["gemini", "openai/gpt-5.4-mini"]))
    );
    assert_eq!(thin["settings"]["postHistory"], "SECRET-history");
    let (_, log) = app.get("/api/admin/audit?action=character.change", Some(&admin.token)).await;
    let detail = &log["items"][2]["detail"];
    assert_eq!(detail["before"]["tagline"], "One line");
    assert_eq!(detail["after"]["tagline"], "Another");
    assert!(detail["fields"].as_array().unwrap().contains(&json!("settings.ai.maxTokens")), "{log}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_by_its_name_and_nothing_is_stored() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let refused = async |body: Value| {
        let (status, refused) = app.post("/api/characters", Some(&admin.token), body).await;
        assert_eq!(status, 400, "{refused}");
        fields(&refused).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(refused(json!({})).await, ["name"]);
    let long = "x".repeat(16_001);
    for (body, field) in [
        (json!({ "name": "Mira", "color": "red" }), "color"),
        (json!({ "name": "Mira", "slug": "Not A Slug" }), "slug"),
        (json!({ "name": "Mira", "slug": "traits" }), "slug"),
        (json!({ "name": "Mira", "traits": ["purple"] }), "traits"),
        (json!({ "name": "Mira", "talkativeness": 2 }), "talkativeness"),
        (json!({ "name": "Mira", "dials": { "humor": -1 } }), "dials.humor"),
        (json!({ "name": "Mira", "avatarUrl": "javascript:alert(1)" }), "avatarUrl"),
        (json!({ "name": "Mira", "avatarUrl": "https://me:pw@example.com/a.png" }), "avatarUrl"),
        (json!({ "name": "Mira", "greeting": long }), "greeting"),
        (json!({ "name": "Mi\u{0}ra" }), "name"),
        (json!({ "name": "Mira", "settings": { "ai": { "temperature": 3 } } }), "settings.ai.temperature"),
        (json!({ "name": "Mira", "settings": { "ai": { "maxTokens": 0 } } }), "settings.ai.maxTokens"),
        (json!({ "name": "Mira", "settings": { "ai": { "fallbacks": ["a/"] } } }), "settings.ai.fallbacks"),
        (
            json!({ "name": "Mira", "settings": { "ai": { "fallbacks": vec!["a"; 9] } } }),
            "settings.ai.fallbacks",
        ),
        (
            json!({ "name": "Mira", "settings": { "lorebook": { "entries": [{ "content": "x" }] } } }),
            "settings.lorebook",
        ),
        (json!({ "name": "Mira", "settings": { "knowledge": vec!["x"; 257] } }), "settings.knowledge"),
    ] {
        assert_eq!(refused(body.clone()).await, [field], "{body}");
    }
    let (status, _) = app.post("/api/characters", Some(&admin.token), json!({ "name": 7 })).await;
    assert_eq!(status, 400);
    let huge = json!({ "name": "Mira", "description": "x".repeat(3_000_000) });
    assert_eq!(app.post("/api/characters", Some(&admin.token), huge).await.0, 413);
    assert_eq!(number(&app, "select count(*) from characters where not seeded").await, 0);
    assert_eq!(number(&app, "select count(*) from audit_log where action like 'character.%'").await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_is_one_characters_alone() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let one = make(&app, &admin, json!({ "name": "Mira", "slug": "mira" })).await;
    let (status, refused) =
        app.post("/api/characters", Some(&admin.token), json!({ "name": "Bo", "slug": "mira" })).await;
    assert_eq!((status, fields(&refused)), (409, vec!["slug"]));
    // One that is made of a name gives way.
    let other = make(&app, &admin, json!({ "name": "Mira" })).await;
    assert!(other["slug"].as_str().unwrap().starts_with("mira-"), "{other}");
    let (status, refused) = change(&app, &admin, &id(&other), json!({ "slug": "mira" })).await;
    assert_eq!((status, fields(&refused)), (409, vec!["slug"]));
    // It is found by its new slug at once, and by the old one no more.
    assert_eq!(app.get("/api/characters/mira", None).await.0, 200);
    assert_eq!(change(&app, &admin, &id(&one), json!({ "slug": "mira-2" })).await.0, 200);
    assert_eq!(app.get("/api/characters/mira", None).await.0, 404);
    assert_eq!(id(&app.get("/api/characters/mira-2", None).await.1), id(&one));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_admin_wrote_outlasts_the_next_start() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.character().await;
    assert_eq!(change(&app, &admin, &id, json!({ "tagline": "mine" })).await.0, 200);
    let characters = greenroom::characters::Characters::new(app.database.pool());
    characters.seed(&greenroom::characters::seed_characters().unwrap()).await.unwrap();
    assert_eq!(characters.get(greenroom::characters::Viewer::Nobody, &id).await.unwrap().tagline, "mine");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_character_is_in_no_list_answers_nobody_and_leaves_what_it_said() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let made = id(&make(&app, &admin, json!({ "name": "Mira", "greeting": "Come in." })).await);
    let mut socket = app.socket(&user).await;
    let sent = socket.ask("message:send", json!({ "characterId": made, "content": "Good evening" })).await;
    assert_eq!(sent["success"], true, "{sent}");
    let room = sent["message"]["conversationId"].as_str().unwrap().to_owned();
    let reply = sent["replies"][0]["messageId"].as_str().unwrap().to_owned();
    let path = format!("/api/conversations/{room}/messages");
    eventually("the reply stands", async || {
        let (_, messages) = app.get(&path, Some(&user.token)).await;
        messages["items"].as_array().is_some_and(|items| items.iter().any(|message| message["id"] == *reply))
    })
    .await;

    assert_eq!(delete(&app, &admin, &made).await, 204);
    assert_eq!(delete(&app, &admin, &made).await, 404);
    assert_eq!(app.get(&format!("/api/characters/{made}"), None).await.0, 404);
    assert_eq!(app.get(&format!("/api/characters/{made}"), Some(&admin.token)).await.0, 404);
    assert_eq!(change(&app, &admin, &made, json!({ "name": "Back" })).await.0, 404);
    let (_, list) = app.get("/api/characters?q=Mira", None).await;
    assert_eq!(list["total"], 0, "{list}");

    // The conversation stands, with what was said; nobody answers in it any more.
    let (_, before) = app.get(&path, Some(&user.token)).await;
    assert_eq!(before["items"].as_array().unwrap().len(), 3, "{before}");
    let sent = socket.ask("message:send", json!({ "conversationId": room, "content": "Hello?" })).await;
    assert_eq!(sent["error"], "this conversation has no character", "{sent}");
    // Nobody begins to talk with it, nor finds the old room by it.
    let begun = socket.ask("message:send", json!({ "characterId": made, "content": "Hello?" })).await;
    assert_eq!(begun["code"], "not_found", "{begun}");
    let body = json!({ "characterId": made });
    assert_eq!(app.post("/api/conversations", Some(&user.token), body).await.0, 404);
    let (_, log) = app.get("/api/admin/audit?action=character.delete", Some(&admin.token)).await;
    assert_eq!(log["items"][0]["detail"]["name"], "Mira");
    app.stop().await;
}
