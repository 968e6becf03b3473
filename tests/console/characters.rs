//! Characters: finding one, its page, rating it, what it remembers.

use serde_json::json;

use super::{as_user, fits, shown, until_text};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn characters_are_found_by_words_tags_and_traits() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let tab = as_user(&app, &user, "#/").await;
    let cards = "document.querySelectorAll('[data-testid=character-card]').length";
    tab.until("all", &format!("{cards} >= 8")).await;
    tab.fill("character-search", "dragon").await;
    tab.until("one", &format!("{cards} === 1")).await;
    tab.script("{ const box = document.querySelector('[data-testid=character-search]'); box.value = ''; box.dispatchEvent(new Event('input')) }").await;
    tab.until("all again", &format!("{cards} >= 8")).await;
    tab.click("cast-tag").await;
    tab.until("fewer", &format!("{cards} >= 1 && {cards} < 8")).await;
    tab.click("cast-tag").await;
    tab.until("all once more", &format!("{cards} >= 8")).await;
    tab.until("traits", "document.querySelector('[data-testid=cast-trait]').options.length > 30").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_character_is_read_about_rated_and_begun_with() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let tab = as_user(&app, &user, "#/").await;
    tab.click("card-about").await;
    tab.until("its page", &format!("{} !== null", shown("rating"))).await;
    assert!(tab.script("location.hash").await.as_str().is_some_and(|hash| hash.starts_with("#/characters/")));
    tab.script("document.querySelector('[data-testid=rating-4]').click()").await;
    until_text(&tab, "[data-testid=rating-said]", "Thank you").await;
    until_text(&tab, "[data-testid=character-facts]", "by 1").await;
    tab.click("begin-chat").await;
    tab.until("a conversation", "location.hash.startsWith('#/c/')").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_greetings_begins_a_conversation() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let body = json!({ "name": "Two Ways", "greeting": "The first way.", "alternateGreetings": ["The second way."] });
    let (status, made) = app.post("/api/characters", Some(&admin.token), body).await;
    assert_eq!(status, 201, "{made}");
    let tab = as_user(&app, &user, "#/characters/two-ways").await;
    tab.click("begin-with-1").await;
    until_text(&tab, "[data-testid=message]", "The second way.").await;
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_entry_shows_that_it_is_there_and_no_more() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let character = app.character().await;
    for (caption, premium) in [("The harbour", false), ("The secret", true)] {
        let body = json!({ "type": "image", "url": "https://pictures.example/secret.png", "caption": caption, "premium": premium });
        let (status, made) =
            app.post(&format!("/api/characters/{character}/gallery"), Some(&admin.token), body).await;
        assert_eq!(status, 201, "{made}");
    }
    let tab = as_user(&app, &user, &format!("#/characters/{character}")).await;
    until_text(&tab, "[data-testid=gallery-locked]", "The secret").await;
    tab.click("gallery-item").await;
    until_text(&tab, "dialog.details a[rel~=noopener]", "pictures.example").await;
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_character_remembers_is_changed_and_erased() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let character = app.character().await;
    let room = app.conversation(&user).await;
    for text in ["My name is Mira and I live in Bergen.", "I have a dog called Fram."] {
        let body = json!({ "content": text });
        let (status, answer) =
            app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await;
        assert!(status < 300, "{answer}");
    }
    let path = format!("/api/characters/{character}/memory");
    // Of both messages: what is learned after the erasing would stay.
    crate::support::app::eventually("all of it is remembered", async || {
        let told = app.get(&path, Some(&user.token)).await.1.to_string();
        ["Mira", "Bergen", "Fram"].iter().all(|word| told.contains(word))
    })
    .await;
    let tab = as_user(&app, &user, &format!("#/characters/{character}")).await;
    tab.click("memory-edit").await;
    tab.script("document.querySelector('[data-testid=memory-input]').value = ''").await;
    tab.fill("memory-input", "They like tea").await;
    tab.click("memory-save").await;
    until_text(&tab, "[data-testid=memory-fact]", "They like tea").await;
    let facts = "document.querySelectorAll('[data-testid=memory-fact]').length";
    let before = tab.script(facts).await.as_u64().expect("a count");
    tab.click("memory-erase").await;
    tab.until("one less", &format!("{facts} === {}", before - 1)).await;
    tab.click("memory-erase-all").await;
    tab.click("confirm-accept").await;
    tab.until("none", &format!("{facts} === 0")).await;
    assert_eq!(app.get(&path, Some(&user.token)).await.1["items"], json!([]));
    assert!(fits(&tab).await);
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}
