//! What an owner does with one: change, share, delete, talk; cards in and out.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ask, change, credits, ended, get, grant, id, number, plan, ready, wish};
use crate::support::app::{TestApp, TestUser};

async fn bytes(app: &TestApp, user: &TestUser, path: &str) -> (u16, Vec<u8>) {
    let response = app.send(Method::GET, path, Some(&user.token), None).await;
    (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
}

pub async fn import(app: &TestApp, user: &TestUser, kind: &str, file: Vec<u8>) -> (u16, Value) {
    let request = app.http.post(app.url("/api/avatars/import")).bearer_auth(&user.token);
    let response = request.header("content-type", kind).body(file).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn its_owner_talks_with_it_and_changes_what_a_user_may() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let avatar = ready(&app, &user, "Nadia").await;
    let it = id(&avatar);
    let (status, made) =
        app.post("/api/conversations", Some(&user.token), json!({ "characterId": it })).await;
    assert_eq!(status, 201, "{made}");
    let sent = json!({ "tagline": "new", "appearance": " Red hair. ", "slug": "mine", "premium": true,
        "settings": { "knowledge": ["Tea wants shade."], "systemPrompt": "obey", "ai": { "model": "x" } } });
    let (status, changed) = change(&app, &user, &it, sent).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!((&changed["tagline"], &changed["appearance"]), (&json!("new"), &json!("Red hair.")));
    assert_eq!(changed["slug"], avatar["slug"]);
    let sql = format!(
        "select count(*) from characters where id = '{it}' and system_prompt is null and model is null and not premium"
    );
    assert_eq!(number(&app, &sql).await, 1);
    let old = json!({ "version": avatar["version"], "tagline": "older" });
    assert_eq!(change(&app, &user, &it, old).await.0, 409);
    let (status, refused) =
        change(&app, &user, &it, json!({ "appearance": "x".repeat(2_001), "name": "N" })).await;
    assert_eq!((status, &refused["details"][0]["field"]), (400, &json!("appearance")));
    // As it was read it can be sent back.
    let now = get(&app, &user, &it).await;
    let (status, same) = change(&app, &user, &it, now.clone()).await;
    assert_eq!((status, &same["version"]), (200, &now["version"]), "{same}");
    let (_, stats) = app.get("/api/avatars/stats", Some(&user.token)).await;
    assert_eq!((&stats["avatars"], &stats["byAvatar"][0]["name"]), (&json!(1), &json!("Nadia")), "{stats}");
    let path = format!("/api/avatars/{it}/regenerate-thumbnail");
    assert_eq!(app.post(&path, Some(&user.token), json!({})).await.0, 202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_one_is_gone_and_its_conversations_stay() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let avatar = id(&ready(&app, &user, "Nadia").await);
    let (_, made) = app.post("/api/conversations", Some(&user.token), json!({ "characterId": avatar })).await;
    let room = made["conversation"]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/avatars/{avatar}");
    assert_eq!(app.call(Method::DELETE, &path, Some(&user.token), None).await.0, 204);
    assert_eq!(app.call(Method::DELETE, &path, Some(&user.token), None).await.0, 404);
    assert_eq!(app.get(&path, Some(&user.token)).await.0, 404);
    let (status, said) = app.get(&format!("/api/conversations/{room}/messages"), Some(&user.token)).await;
    assert_eq!((status, said["items"].as_array().unwrap().len()), (200, 1), "the greeting stays: {said}");
    assert_eq!(
        app.post("/api/conversations", Some(&user.token), json!({ "characterId": avatar })).await.0,
        404
    );
    let (_, limit) = app.get("/api/avatars/limit", Some(&user.token)).await;
    assert_eq!(limit["used"], 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_becomes_an_avatar_and_comes_back_in_every_form() {
    let app = TestApp::start().await;
    let user = app.user().await;
    plan(&app, &user, "premium").await;
    let card = json!({ "spec": "chara_card_v2", "spec_version": "2.0", "data": {
        "name": "Vera", "description": "A diver.", "personality": "Calm.", "scenario": "", "first_mes": "Hello.", "mes_example": "",
        "system_prompt": "obey", "post_history_instructions": "obey", "creator_notes": "", "tags": ["sea"], "creator": "", "extensions": { "depth": 7 },
        "character_version": "1", "alternate_greetings": [] } });
    let (status, made) = import(&app, &user, "application/json", card.to_string().into_bytes()).await;
    assert_eq!(status, 201, "{made}");
    let warned: Vec<&str> =
        made["warnings"].as_array().unwrap().iter().map(|w| w["field"].as_str().unwrap()).collect();
    assert!(warned.contains(&"system_prompt") && warned.contains(&"post_history_instructions"), "{warned:?}");
    let avatar = id(&made["avatar"]);
    assert_eq!(
        (&made["avatar"]["visibility"], &made["avatar"]["writtenBy"]),
        (&json!("private"), &Value::Null)
    );
    assert_eq!(credits(&app, &user).await, (0, 0), "it costs nothing");
    let sql = format!(
        "select count(*) from characters where id = '{avatar}' and system_prompt is null and post_history is null"
    );
    assert_eq!(number(&app, &sql).await, 1);
    // It is listed and counted without its card, and keeps it when it is changed.
    let (_, list) = app.get("/api/avatars", Some(&user.token)).await;
    assert_eq!((&list["total"], &list["items"][0]["settings"]["personality"]), (&json!(1), &json!("Calm.")));
    let (_, stats) = app.get("/api/avatars/stats", Some(&user.token)).await;
    assert_eq!(
        (&stats["byAvatar"][0]["id"], &stats["byAvatar"][0]["slug"]),
        (&made["avatar"]["id"], &made["avatar"]["slug"]),
        "{stats}"
    );
    assert_eq!(change(&app, &user, &avatar, json!({ "tagline": "deep" })).await.0, 200);
    let (_, file) = bytes(&app, &user, &format!("/api/avatars/{avatar}/card?format=v2")).await;
    let exported: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(exported["data"]["extensions"]["depth"], 7, "{exported}");
    for (format, kind) in [
        ("v2", "application/json"),
        ("v3", "application/json"),
        ("png", "image/png"),
        ("charx", "application/zip"),
    ] {
        let (status, file) = bytes(&app, &user, &format!("/api/avatars/{avatar}/card?format={format}")).await;
        assert_eq!(status, 200, "{format}");
        if format == "png" || format == "charx" {
            let (status, again) = import(&app, &user, kind, file).await;
            assert_eq!((status, &again["avatar"]["name"]), (201, &json!("Vera")), "{format}: {again}");
        }
    }
    let (status, refused) = import(&app, &user, "application/json", card.to_string().into_bytes()).await;
    assert_eq!((status, &refused["error"]), (402, &json!("quota_exceeded")), "{refused}");
    assert_eq!(import(&app, &user, "application/json", b"{}".to_vec()).await.1["error"], "card_invalid");
    let stranger = app.user().await;
    assert_eq!(bytes(&app, &stranger, &format!("/api/avatars/{avatar}/card")).await.0, 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reaches_anothers() {
    let app = TestApp::start().await;
    let (user, stranger) = (app.user().await, app.user().await);
    let avatar = id(&ready(&app, &user, "Nadia").await);
    change(&app, &user, &avatar, json!({ "visibility": "public" })).await;
    for (method, rest, body) in [
        (Method::GET, "", None),
        (Method::PUT, "", Some(json!({ "name": "Mine" }))),
        (Method::DELETE, "", None),
        (Method::POST, "/regenerate-thumbnail", Some(json!({}))),
        (Method::GET, "/card", None),
    ] {
        let path = format!("/api/avatars/{avatar}{rest}");
        assert_eq!(
            app.call(method.clone(), &path, Some(&stranger.token), body.clone()).await.0,
            404,
            "{method} {path}"
        );
        assert_eq!(app.call(method.clone(), &path, None, body).await.0, 401, "{method} {path}");
    }
    let (_, list) = app.get("/api/avatars", Some(&stranger.token)).await;
    assert_eq!(list["total"], 0);
    // The house's are nobody's.
    let house = app.character().await;
    assert_eq!(app.get(&format!("/api/avatars/{house}"), Some(&user.token)).await.0, 404);
    assert_eq!(change(&app, &user, &house, json!({ "name": "Mine" })).await.0, 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_given_up_while_it_is_written_is_paid_back() {
    let app = TestApp::start().await;
    let user = app.user().await;
    grant(&app, &user, 10).await;
    let (_, made) = ask(&app, &user, wish("Nadia")).await;
    let avatar = id(&made["avatar"]);
    let path = format!("/api/avatars/{avatar}");
    // Deleted before or after it was written: paid back, or paid; never both and never neither.
    assert_eq!(app.call(Method::DELETE, &path, Some(&user.token), None).await.0, 204);
    let state =
        format!("select count(*) from avatar_writings where avatar_id = '{avatar}' and state = 'canceled'");
    let expected = if number(&app, &state).await == 1 { (10, 0) } else { (0, 0) };
    assert_eq!(credits(&app, &user).await, expected);
    let again = ready(&app, &user, "Another").await;
    ended(&app, &user, &id(&again)).await;
    app.stop().await;
}
