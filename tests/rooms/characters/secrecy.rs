//! Nothing of how a character is told to be leaves the server but for admins.

use serde_json::json;

use super::{everything, id, make};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn no_public_answer_holds_anything_private() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let made = id(&make(&app, &admin, everything("Mira of Tests")).await);
    let mut socket = app.socket(&user).await;
    let mut answers = Vec::new();
    for token in [None, Some(user.token.as_str())] {
        for path in [
            "/api/characters?limit=100".to_owned(),
            "/api/characters?sort=newest&limit=100".to_owned(),
            "/api/characters?q=Mira".to_owned(),
            "/api/characters/mira-of-tests".to_owned(),
            format!("/api/characters/{made}"),
            format!("/api/v1/characters/{made}"),
            format!("/api/characters/{made}/gallery"),
        ] {
            let response = app.send(reqwest::Method::GET, &path, token, None).await;
            assert_eq!(response.status(), 200, "{path}");
            answers.push((path, response.text().await.unwrap()));
        }
    }
    let ack = socket.ask("character:subscribe", json!({ "characterId": made })).await;
    assert_eq!(ack["character"]["name"], "Mira of Tests", "{ack}");
    answers.push(("character:subscribe".to_owned(), ack.to_string()));
    let (_, changed) = super::change(&app, &admin, &made, json!({ "tagline": "Another" })).await;
    assert!(changed.to_string().contains("SECRET-prompt"), "an admin sees it");
    answers.push(("character:update".to_owned(), socket.event("character:update").await.to_string()));
    let created = app.post("/api/conversations", Some(&user.token), json!({ "characterId": made })).await;
    answers.push(("/api/conversations".to_owned(), created.1.to_string()));
    // What is searched for must not tell either.
    let (_, found) = app.get("/api/characters?q=SECRET-", None).await;
    assert_eq!(found["total"], 0, "a search looks into private texts: {found}");
    assert!(answers.iter().any(|(_, text)| text.contains("Mira of Tests")));
    for (path, text) in answers {
        assert!(!text.contains("SECRET"), "{path}: {text}");
        for name in
            ["systemPrompt", "personality", "knowledge", "lorebook", "\"settings\"", "postHistory", "\"ai\""]
        {
            assert!(!text.contains(name), "{path} has {name}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trait_says_what_it_does() {
    let app = TestApp::start().await;
    let (status, list) = app.get("/api/characters/traits", None).await;
    assert_eq!(status, 200);
    let items = list["items"].as_array().unwrap();
    assert!(items.len() >= 30);
    for one in items {
        assert!(one["description"].as_str().unwrap().len() > 20, "{one}");
    }
    app.stop().await;
}
