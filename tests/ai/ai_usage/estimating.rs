//! `POST /api/ai/estimate-cost`: what a call costs at most, and what cannot be asked.

use greenroom::ai::Tokens;
use serde_json::{Value, json};

use super::number;
use crate::support::app::{TestApp, TestUser};

async fn estimate(app: &TestApp, user: &TestUser, body: Value) -> (u16, Value) {
    app.post("/api/ai/estimate-cost", Some(&user.token), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_counted_as_the_tokeniser_counts_it() {
    Tokens::load();
    let app = TestApp::start().await;
    let user = app.user().await;
    let (status, told) = estimate(
        &app,
        &user,
        json!({ "model": "gpt-5.4-mini", "message": "Hello, world!", "maxTokens": 100 }),
    )
    .await;
    assert_eq!(status, 200, "{told}");
    // Four tokens, and four that each message takes.
    assert_eq!((&told["promptTokens"], &told["maxCompletionTokens"]), (&json!(8), &json!(100)));
    assert_eq!((&told["provider"], &told["model"]), (&json!("openai"), &json!("gpt-5.4-mini")));
    assert_eq!(told["tokenizer"], "o200k_base");
    let price = |name: &str| told["price"][name].as_u64().unwrap();
    let cost = |tokens: u64, name: &str| (tokens * price(name)).div_ceil(1_000_000);
    assert_eq!(told["promptCostMicros"], cost(8, "input"));
    assert_eq!(told["cachedPromptCostMicros"], cost(8, "cachedInput"));
    assert_eq!(told["completionCostMicros"], cost(100, "output"));
    assert_eq!(told["costMicros"], cost(8, "input") + cost(100, "output"));
    let cents = told["costMicros"].as_f64().unwrap() / 10_000.0;
    assert_eq!(told["costCents"].as_f64().unwrap(), cents);
    let (_, told) =
        estimate(&app, &user, json!({ "model": "openai/gpt-5.4-mini", "tokens": 1_000_000 })).await;
    assert_eq!((&told["promptTokens"], &told["maxCompletionTokens"]), (&json!(1_000_000), &json!(600)));
    assert_eq!(told["promptCostMicros"], told["price"]["input"]);
    // Nothing was asked of a model, and nothing charged.
    assert_eq!(number(&app.database, "select count(*) from ai_calls").await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_character_its_own_part_is_counted_and_nothing_of_it_told() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let body = json!({ "name": "Vera", "settings": { "systemPrompt": "SECRET ".repeat(200),
        "ai": { "provider": "openai", "model": "gpt-5.4-mini", "maxTokens": 321 } } });
    let (_, made) = app.post("/api/characters", Some(&admin.token), body).await;
    let (id, slug) = (made["id"].as_str().unwrap(), made["slug"].as_str().unwrap());
    let bare = estimate(&app, &user, json!({ "model": "gpt-5.4-mini", "message": "Hi" })).await.1;
    let (status, told) = estimate(&app, &user, json!({ "message": "Hi", "characterId": id })).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!((&told["model"], &told["maxCompletionTokens"]), (&json!("gpt-5.4-mini"), &json!(321)));
    let more = told["promptTokens"].as_u64().unwrap() - bare["promptTokens"].as_u64().unwrap();
    assert!((200..2_000).contains(&more), "{told}");
    assert!(!told.to_string().contains("SECRET"));
    let by_slug = json!({ "message": "Hi", "characterId": slug, "model": "offline", "maxTokens": 5 });
    let (status, told) = estimate(&app, &user, by_slug).await;
    assert_eq!((status, &told["costMicros"], &told["costCents"]), (200, &json!(0), &json!(0.0)), "{told}");
    // One without a model of its own speaks with the default provider's.
    let seeded = json!({ "tokens": 5, "characterId": app.character().await });
    let (status, told) = estimate(&app, &user, seeded).await;
    assert_eq!((status, &told["provider"]), (200, &json!("offline")), "{told}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_estimated_is_refused_and_an_unknown_model_gets_the_nearest_names() {
    let app = TestApp::start().await;
    let user = app.user().await;
    assert_eq!(app.post("/api/ai/estimate-cost", None, json!({})).await.0, 401);
    for (body, fields) in [
        (json!({}), vec!["message"]),
        (json!({ "message": "Hi" }), vec!["model"]),
        (json!({ "model": "gpt-5.4-mini" }), vec!["message"]),
        (json!({ "model": "gpt-5.4-mini", "message": "Hi", "tokens": 1 }), vec!["tokens"]),
        (
            json!({ "model": "gpt-5.4-mini", "tokens": 10_000_001, "maxTokens": 0 }),
            vec!["maxTokens", "tokens"],
        ),
        (json!({ "model": "gpt-5.4-mini", "message": "x".repeat(100_001) }), vec!["message"]),
        (json!({ "model": "a\u{0}b", "tokens": 1 }), vec!["model"]),
    ] {
        let (status, refused) = estimate(&app, &user, body.clone()).await;
        assert_eq!(status, 400, "{refused}");
        let named: Vec<&str> =
            refused["details"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
        assert_eq!(named, fields, "{refused}");
    }
    assert_eq!(estimate(&app, &user, json!({ "model": "m", "tokens": -1 })).await.0, 400);
    let (status, refused) = estimate(&app, &user, json!({ "model": "gpt-5.4-mni", "tokens": 1 })).await;
    assert_eq!((status, refused["error"].as_str()), (404, Some("not_found")));
    assert!(refused["message"].as_str().unwrap().contains("gpt-5.4-mini"), "{refused}");
    let nobody = json!({ "characterId": uuid::Uuid::now_v7(), "tokens": 1 });
    assert_eq!(estimate(&app, &user, nobody).await.0, 404);
    app.stop().await;
}
