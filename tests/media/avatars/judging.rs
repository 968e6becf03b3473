//! What may stand in an avatar: all of it by the rules, and what is new by a provider.

use serde_json::{Value, json};

use super::house::House;
use super::owning::import;
use super::{change, id};
use crate::support::app::{TestApp, TestUser};

fn vera() -> Vec<u8> {
    let data = json!({ "name": "Vera", "description": "A pilot who grows tea." });
    json!({ "spec": "chara_card_v2", "spec_version": "2.0", "data": data }).to_string().into_bytes()
}

async fn imported(app: &TestApp, user: &TestUser) -> String {
    let (status, made) = import(app, user, "application/json", vera()).await;
    assert_eq!(status, 201, "{made}");
    id(&made["avatar"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_word_is_found_wherever_a_long_text_is_cut() {
    let app = TestApp::start_with(|config| {
        config.moderation.patterns = [("weapons".to_owned(), vec!["napalm".to_owned()])].into();
    })
    .await;
    let user = app.user().await;
    let avatar = imported(&app, &user).await;
    // Texts are judged in parts of 16,000 bytes.
    for before in 7_990..8_001 {
        for odd in ["", "x"] {
            let description = format!("{odd}{} napalm", "ä".repeat(before));
            let (status, refused) = change(&app, &user, &avatar, json!({ "description": description })).await;
            assert_eq!((status, &refused["error"]), (400, &json!("content_refused")), "{before}: {refused}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_asked_about_what_is_new_alone() {
    let house = House::open().await;
    let provider = house.settings();
    let app = TestApp::start_with(|config| {
        config.ai.providers.insert("house".to_owned(), provider);
        config.ai.default_provider = "house".to_owned();
    })
    .await;
    let user = app.user().await;
    let avatar = imported(&app, &user).await;
    let judged = house.judged();
    assert!(judged.len() == 1 && judged[0].contains("A pilot who grows tea."), "{judged:?}");
    let changed = async |body: Value| {
        let (status, changed) = change(&app, &user, &avatar, body).await;
        assert_eq!(status, 200, "{changed}");
        house.judged()[judged.len()..].to_vec()
    };
    let texts =
        json!({ "tagline": "Tea above the clouds", "settings": { "knowledge": ["Tea wants shade."] } });
    assert_eq!(changed(texts).await, ["Tea above the clouds\nTea wants shade."]);
    assert_eq!(changed(json!({ "visibility": "public", "color": "#102030" })).await.len(), 1, "no text");
    let more = json!({ "settings": { "knowledge": ["Tea wants shade.", "And rain."] } });
    assert_eq!(changed(more).await[1..], ["And rain."]);
    app.stop().await;
}
