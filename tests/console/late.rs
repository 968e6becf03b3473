//! Answers that come late, twice or not at all, and what they must not do to whoever waits for them.

use reqwest::Method;
use serde_json::json;

use super::studio::with_credits;
use super::{as_admin, as_user, until_text};
use crate::support::app::TestApp;
use crate::support::browser::Tab;

/// From here on the page never gets the first answer of this kind: the server has acted, and the line broke.
async fn lose_one(tab: &Tab, method: &str, path: &str) {
    let script = format!(
        "{{ const real = window.fetch; let lost = false;
            window.fetch = async (at, how = {{}}) => {{
                const answer = await real(at, how);
                if (lost || (how.method ?? 'GET') !== '{method}' || !String(at).includes('{path}')) return answer;
                lost = true;
                throw new TypeError('the line broke');
            }} }}"
    );
    tab.script(&script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_whose_answer_was_lost_are_given_once() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let tab = as_admin(&app, &format!("#/admin/people/{}", user.id)).await;
    tab.fill("person-credits", "500").await;
    tab.fill("person-credits-why", "For the test").await;
    lose_one(&tab, "POST", "/credits").await;
    tab.click("person-credits-form-submit").await;
    tab.until(
        "a problem",
        "document.querySelector('[data-testid=person-credits-form-error]:not([hidden])') !== null",
    )
    .await;
    tab.click("person-credits-form-submit").await;
    until_text(&tab, "[data-testid=toast]", "500 credits; 500 can be spent now").await;
    let (_, balance) = app.get("/api/credits", Some(&user.token)).await;
    assert_eq!(balance["available"], 500, "{balance}");
    // Another wish is another transfer.
    tab.until("the form anew", "document.querySelector('[data-testid=person-credits]').value === ''").await;
    tab.fill("person-credits", "500").await;
    tab.fill("person-credits-why", "For the test").await;
    tab.click("person-credits-form-submit").await;
    until_text(&tab, "[data-testid=toast]", "500 credits; 1000 can be spent now").await;
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_stays_when_somebody_else_changes_the_same_avatar() {
    let app = TestApp::start().await;
    let user = with_credits(&app, 10).await;
    let wish = json!({ "name": "Nadia", "description": "A dry retired pilot who grows tea." });
    let (status, made) = app.post("/api/avatars", Some(&user.token), wish).await;
    assert_eq!(status, 201, "{made}");
    let avatar = format!("/avatars/{}", made["avatar"]["id"].as_str().unwrap());
    let tab = as_user(&app, &user, &format!("#{avatar}")).await;
    tab.until("it is written", "document.querySelector('[data-testid=avatar-save]') !== null").await;
    tab.script("document.querySelector('[data-testid=editor-tagline]').value = ''").await;
    tab.fill("editor-tagline", "Has seen worse landings").await;
    let change = Some(json!({ "visibility": "unlisted" }));
    let (status, answer) = app.call(Method::PUT, &format!("/api{avatar}"), Some(&user.token), change).await;
    assert_eq!(status, 200, "{answer}");
    until_text(&tab, "[data-testid=avatar-edit-error]", "changed elsewhere").await;
    let kept = "document.querySelector('[data-testid=editor-tagline]').value === 'Has seen worse landings'";
    tab.until("what was typed", kept).await;
    // It does not overwrite what the other one did.
    tab.click("avatar-save").await;
    until_text(&tab, "[data-testid=avatar-edit-error]", "changed elsewhere").await;
    let (_, stored) = app.get(&format!("/api{avatar}"), Some(&user.token)).await;
    assert_eq!(stored["visibility"], "unlisted", "{stored}");
    assert_ne!(stored["tagline"], "Has seen worse landings");
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_goes_with_its_page_and_what_was_begun_with_its_person() {
    let app = TestApp::start().await;
    let (ada, bo) = (app.user().await, app.user().await);
    let room = app.conversation(&ada).await;
    super::said(&app, &ada, &room, "Not to be lost").await;
    let tab = as_user(&app, &ada, "#/studio").await;
    tab.fill("wish-prompt", "A secret wish").await;
    tab.script(&format!("location.hash = '#/c/{room}'")).await;
    until_text(&tab, super::OWN, "Not to be lost").await;
    let own = format!("[...document.querySelectorAll('{}')].at(-1)", super::OWN);
    tab.until("the focus", &format!("{own}.focus(), document.activeElement === {own}")).await;
    tab.click("deed-delete").await;
    tab.until("a question", "document.querySelector('[data-testid=confirm][open]') !== null").await;
    tab.script("history.back()").await;
    tab.until(
        "the page before",
        "document.querySelector('[data-testid=wish-prompt]')?.value === 'A secret wish'",
    )
    .await;
    tab.until("no question", "document.querySelector('dialog') === null").await;
    let (_, log) = app.get(&format!("/api/conversations/{room}/messages"), Some(&ada.token)).await;
    assert!(log.to_string().contains("Not to be lost"), "nothing was deleted: {log}");

    tab.click("sign-out").await;
    tab.fill("signin-name", &bo.username).await;
    tab.fill("signin-password", super::PASSWORD).await;
    tab.click("signin-submit").await;
    tab.until("signed in", "document.querySelector('.place > section') !== null").await;
    tab.script("location.hash = '#/studio'").await;
    tab.until("an empty form", "document.querySelector('[data-testid=wish-prompt]')?.value === ''").await;
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_could_not_load_says_so_and_tries_again() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let tab = as_user(&app, &user, "#/").await;
    for (page, path) in
        [("studio", "/api/content?limit"), ("avatars", "/api/avatars?limit"), ("media", "/api/media/list")]
    {
        lose_one(&tab, "GET", path).await;
        tab.script(&format!("location.hash = '#/{page}'")).await;
        tab.click("load-again").await;
        tab.until("what there is", "document.querySelector('[data-testid=empty]') !== null").await;
    }
    tab.close().await;
    app.stop().await;
}
