//! What anybody may ask of the AI: who speaks, and whether it is a model at all.

mod support;

use serde_json::json;
use support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_see_which_provider_speaks_and_that_it_is_offline() {
    let app = TestApp::start().await;
    let offline = json!({
        "providers": [{ "name": "offline", "kind": "offline", "state": "up", "model": null }],
        "default": "offline",
    });
    assert_eq!(app.get("/api/ai/status", None).await, (200, offline.clone()));
    assert_eq!(app.get("/api/v1/ai/status", None).await, (200, offline));
    let user = app.user().await;
    assert_eq!(app.get("/api/ai/models", Some(&user.token)).await, (200, json!({ "items": [] })));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_shown_without_its_address_or_key() {
    let app = TestApp::start_with(|config| {
        let house = config.ai.providers.get_mut("ollama").expect("a preset");
        house.enabled = true;
        house.base_url = "http://127.0.0.1:9/v1".into();
        house.api_key = "sk-never-shown".to_owned().into();
    })
    .await;
    let (status, body) = app.get("/api/ai/status", None).await;
    assert_eq!(status, 200);
    assert_eq!(body["default"], "ollama");
    assert_eq!(
        body["providers"][1],
        json!({ "name": "ollama", "kind": "openai-compatible", "state": "idle", "model": "llama3.2" })
    );
    let text = body.to_string();
    assert!(!text.contains("sk-never-shown") && !text.contains("127.0.0.1"), "{text}");
    let models = json!({ "items": [{ "provider": "ollama", "model": "llama3.2", "default": true }] });
    let user = app.user().await;
    assert_eq!(app.get("/api/ai/models", Some(&user.token)).await, (200, models));
    app.stop().await;
}
