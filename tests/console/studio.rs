//! The studio: avatars that are written, and pictures that are made, with the built-in offline providers.

use serde_json::json;
use tempfile::TempDir;

use super::media::{choose, picture};
use super::{REPLY, as_user, fits, until_text};
use crate::support::app::{TestApp, TestUser};
use crate::support::browser::Tab;

pub async fn with_credits(app: &TestApp, amount: i64) -> TestUser {
    let (admin, user) = (app.admin().await, app.user().await);
    let path = format!("/api/admin/users/{}/credits", user.id);
    let (status, answer) =
        app.post(&path, Some(&admin.token), json!({ "amount": amount, "reason": "to try it" })).await;
    assert!(status < 300, "{answer}");
    user
}

async fn until_there(tab: &Tab, selector: &str) {
    tab.until(selector, &format!("document.querySelector(`{selector}`) !== null")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_avatar_is_written_for_its_price_changed_and_talked_with() {
    let app = TestApp::start().await;
    let user = with_credits(&app, 25).await;
    let tab = as_user(&app, &user, "#/avatars").await;
    tab.click("avatar-new").await;
    tab.fill("avatar-name", "Nadia").await;
    tab.fill("avatar-description", "A retired pilot who grows tea and has a dry sense of humour").await;
    until_text(&tab, "[data-testid=avatar-cost]", "You have 25 credits").await;
    tab.click("avatar-submit").await;
    until_there(&tab, "[data-testid=avatar-card][data-state=ready]").await;
    let (_, balance) = app.get("/api/credits", Some(&user.token)).await;
    assert_eq!(balance["available"], 15, "{balance}");

    tab.click("avatar-open").await;
    until_there(&tab, "[data-testid=avatar-save]").await;
    tab.script("{ const field = document.querySelector('[data-testid=editor-tagline]'); field.value = ''; field.focus() }").await;
    tab.fill("editor-tagline", "Has seen worse landings").await;
    tab.click("avatar-save").await;
    until_text(&tab, ".character-words .lead", "Has seen worse landings").await;
    assert!(fits(&tab).await);
    tab.click("avatar-talk").await;
    tab.until("a conversation", "location.hash.startsWith('#/c/')").await;
    tab.fill("composer-input", "Good evening").await;
    tab.click("send-button").await;
    tab.until("an answer", &format!("document.querySelectorAll('{REPLY}[data-state=complete]').length >= 2"))
        .await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_shows_files_in_the_gallery_of_an_avatar() {
    let app = TestApp::start().await;
    let user = with_credits(&app, 10).await;
    let wish = json!({ "name": "Nadia", "description": "A dry retired pilot who grows tea." });
    let (status, made) = app.post("/api/avatars", Some(&user.token), wish).await;
    assert_eq!(status, 201, "{made}");
    let folder = TempDir::new().expect("a folder");
    let tab = as_user(&app, &user, &format!("#/avatars/{}", made["avatar"]["id"].as_str().unwrap())).await;
    until_there(&tab, "[data-testid=avatar-gallery]").await;
    tab.fill("own-gallery-caption", "The harbour").await;
    choose(&tab, "own-gallery-files", &[&picture(&folder, "one.png", 300, 200)]).await;
    until_text(&tab, "[data-testid=admin-gallery-item][data-state=ready]", "The harbour").await;
    // What is in the library already, without its caption.
    tab.script("document.querySelector('[data-testid=own-gallery-caption]').value = ''").await;
    tab.click("own-gallery-library").await;
    until_there(&tab, "[data-testid=choose-file]").await;
    tab.click("choose-file").await;
    let shown = |count: usize| {
        format!("document.querySelectorAll('[data-testid=admin-gallery-item]').length === {count}")
    };
    tab.until("both are there", &shown(2)).await;
    assert!(fits(&tab).await);
    tab.click("admin-gallery-remove").await;
    tab.click("confirm-accept").await;
    tab.until("one is gone", &shown(1)).await;
    let (_, files) = app.get("/api/media/list?purpose=upload", Some(&user.token)).await;
    assert_eq!(files["items"].as_array().unwrap().len(), 1, "the file stays: {files}");
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_avatar_that_cannot_be_paid_says_so_beforehand() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let tab = as_user(&app, &user, "#/avatars/new").await;
    until_text(&tab, "[data-testid=avatar-cost]", "You have too few").await;
    tab.until("no way on", "document.querySelector('[data-testid=avatar-submit]').disabled").await;
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_made_with_its_price_shown_and_its_progress_told() {
    let app = TestApp::start().await;
    let user = with_credits(&app, 12).await;
    let tab = as_user(&app, &user, "#/studio").await;
    until_text(&tab, "[data-testid=wish-cost]", "You have 12 credits").await;
    tab.fill("wish-prompt", "A lighthouse at dusk").await;
    tab.click("wish-better").await;
    tab.until("a better prompt", "document.querySelector('[data-testid=wish-told]').value.length > 0").await;
    until_text(&tab, "[data-testid=wish-submit]", "for 5 credits").await;
    tab.click("wish-submit").await;
    until_there(&tab, "[data-testid=content][data-state=done] [data-testid=content-open]:not(:disabled)")
        .await;
    until_text(&tab, "[data-testid=content]", "A drawn placeholder").await;
    until_text(&tab, "[data-testid=wish-cost]", "You have 7 credits").await;
    assert!(fits(&tab).await);
    tab.click("content-open").await;
    tab.until("the picture", "document.querySelector('[data-testid=viewer] img')?.naturalWidth > 0").await;
    tab.click("viewer-close").await;

    tab.script("document.querySelector('[data-testid=wish-quality-premium]').click()").await;
    until_text(&tab, "[data-testid=wish-cost]", "too few credits").await;
    tab.until("no way on", "document.querySelector('[data-testid=wish-submit]').disabled").await;
    tab.click("content-delete").await;
    tab.click("confirm-accept").await;
    tab.until("gone", "document.querySelector('[data-testid=content]') === null").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}
