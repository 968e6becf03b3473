//! Kept answers over a whole server: given again where the prompt is the same, counted as such, and never against a wish for
//! another one.

use reqwest::Method;
use serde_json::{Value, json};

use super::number;
use crate::support::app::{TestApp, TestUser, eventually};

async fn character(app: &TestApp, admin: &TestUser, cache: &str) -> String {
    let body = json!({ "name": "Vera", "greeting": "Hello there.",
        "settings": { "knowledge": ["The tide turns at six."], "ai": { "responseCache": cache } } });
    let (status, made) = app.post("/api/characters", Some(&admin.token), body).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["settings"]["ai"]["responseCache"], cache);
    made["id"].as_str().unwrap().to_owned()
}

/// A new conversation with that character, and its answer to this.
async fn ask(app: &TestApp, user: &TestUser, character: &str, text: &str) -> (String, Value) {
    let calls = number(&app.database, "select count(*) from ai_calls").await;
    let (status, made) =
        app.post("/api/conversations", Some(&user.token), json!({ "characterId": character })).await;
    assert_eq!(status, 201, "{made}");
    let room = made["conversation"]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/conversations/{room}/messages");
    assert_eq!(app.post(&path, Some(&user.token), json!({ "content": text })).await.0, 201);
    eventually("it is answered", async || {
        number(&app.database, "select count(*) from ai_calls").await == calls + 1
    })
    .await;
    (room, latest(app, user, &path).await)
}

/// The newest message of the room.
async fn latest(app: &TestApp, user: &TestUser, path: &str) -> Value {
    let (_, list) = app.get(path, Some(&user.token)).await;
    let items = list["items"].as_array().unwrap();
    items.iter().max_by_key(|item| item["offset"].as_i64()).unwrap().clone()
}

const OUTCOMES: &str = "select string_agg(outcome || ':' || cost_micros, ' ' order by id) from ai_calls";

async fn outcomes(app: &TestApp) -> String {
    app.database.pool().get().await.unwrap().query_one(OUTCOMES, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_prompt_gets_the_kept_answer_which_is_counted_and_costs_nothing() {
    let app = TestApp::start_with(|config| config.ai.offline_word_delay_ms = 0).await;
    let (admin, ada, bo) = (app.admin().await, app.user().await, app.user().await);
    let character = character(&app, &admin, "on").await;
    let text = "When does the tide turn?";
    let (room, first) = ask(&app, &ada, &character, text).await;
    let (_, second) = ask(&app, &bo, &character, text).await;
    assert_eq!(first["content"], second["content"]);
    assert_eq!(first["finish"], second["finish"]);
    assert_eq!(outcomes(&app).await, "done:0 cached:0");
    let tokens = "select count(distinct (prompt_tokens, completion_tokens)) from ai_calls";
    assert_eq!(number(&app.database, tokens).await, 1, "what it would have taken is told");
    let (_, status) = app.get("/cache/status", Some(&admin.token)).await;
    let caches = status["caches"].as_array().unwrap();
    let answers = caches.iter().find(|cache| cache["name"] == "ai-answers").unwrap();
    assert_eq!(
        (&answers["hits"], &answers["misses"], &answers["lifeS"]),
        (&json!(1), &json!(1), &json!(3600))
    );

    // Made anew, the model is asked.
    let id = first["id"].as_str().unwrap();
    let path = format!("/api/conversations/{room}/messages/{id}/regenerate");
    let (status, answer) = app.post(&path, Some(&ada.token), json!({})).await;
    assert!(status < 300, "{status} {answer}");
    eventually("it is made anew", async || number(&app.database, "select count(*) from ai_calls").await == 3)
        .await;
    assert_eq!(outcomes(&app).await, "done:0 cached:0 done:0");

    // Somebody who is called otherwise, or who is remembered, has another prompt.
    let renamed =
        app.call(Method::PUT, "/api/auth/profile", Some(&bo.token), Some(json!({ "displayName": "Cy" })));
    assert_eq!(renamed.await.0, 200);
    ask(&app, &bo, &character, text).await;
    ask(&app, &ada, &character, "I have a dog called Rex.").await;
    ask(&app, &ada, &character, text).await;
    assert_eq!(outcomes(&app).await, "done:0 cached:0 done:0 done:0 done:0 done:0");

    // So has a character that was changed.
    let thin = format!("/api/ai/characters/{character}/settings");
    let body = json!({ "maxTokens": 500, "version": 1 });
    assert_eq!(app.call(Method::PUT, &thin, Some(&admin.token), Some(body)).await.0, 200);
    ask(&app, &ada, &character, text).await;
    assert_eq!(outcomes(&app).await.matches("cached").count(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_character_says_itself_whether_its_answers_are_kept_and_an_older_version_is_refused() {
    let app = TestApp::start_with(|config| config.ai.offline_word_delay_ms = 0).await;
    let (admin, ada, bo) = (app.admin().await, app.user().await, app.user().await);
    let character = character(&app, &admin, "off").await;
    ask(&app, &ada, &character, "Hi").await;
    ask(&app, &bo, &character, "Hi").await;
    assert_eq!(outcomes(&app).await, "done:0 done:0");
    let path = format!("/api/ai/characters/{character}/settings");
    let put = async |body: Value| app.call(Method::PUT, &path, Some(&admin.token), Some(body)).await;
    let (status, refused) = put(json!({ "responseCache": "sometimes" })).await;
    assert_eq!((status, refused["error"].as_str()), (400, Some("bad_request")), "{refused}");
    let (status, refused) = put(json!({ "temperature": 9 })).await;
    assert_eq!((status, &refused["details"][0]["field"]), (400, &json!("settings.ai.temperature")));
    let (status, changed) = put(json!({ "responseCache": "on", "version": 1 })).await;
    assert_eq!((status, &changed["settings"]["ai"]["responseCache"]), (200, &json!("on")), "{changed}");
    let (status, refused) = put(json!({ "responseCache": "off", "version": 1 })).await;
    assert_eq!((status, refused["error"].as_str()), (409, Some("conflict")));
    // The next reply is made by what the character now is.
    ask(&app, &ada, &character, "Hello").await;
    ask(&app, &bo, &character, "Hello").await;
    assert_eq!(outcomes(&app).await, "done:0 done:0 done:0 cached:0");
    let (_, log) = app.get("/api/admin/audit?action=character.change", Some(&admin.token)).await;
    assert_eq!(log["items"][0]["detail"]["after"], json!({ "settings.ai.responseCache": "on" }));
    app.stop().await;
}
