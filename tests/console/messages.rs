//! What one does with messages: edit, react, reply to, delete, and other versions of a reply.

use serde_json::json;

use super::{OWN, REPLY, as_user, demo, said, until_text};
use crate::support::app::TestApp;
use crate::support::browser::Tab;

/// Gives the focus to a message, so that its toolbar is there; `found` is a script.
async fn focus(tab: &Tab, found: &str) {
    let script = format!(
        "{{ const message = {found}; message?.focus(); message != null && document.activeElement === message }}"
    );
    tab.until("a message with the focus", &script).await;
}

/// The newest message that fits.
async fn choose(tab: &Tab, selector: &str) {
    focus(tab, &format!("[...document.querySelectorAll('{selector}')].at(-1)")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_edited_in_its_place_and_deleted_to_a_tombstone() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    said(&app, &user, &room, "Good mornign").await;
    let tab = as_user(&app, &user, &format!("#/c/{room}")).await;
    choose(&tab, OWN).await;
    tab.click("deed-edit").await;
    tab.script("document.querySelector('[data-testid=edit-input]').value = ''").await;
    tab.fill("edit-input", "Good morning").await;
    tab.press("edit-input", "Enter").await;
    until_text(&tab, OWN, "Good morning").await;
    until_text(&tab, &format!("{OWN} .message-edited:not([hidden])"), "edited").await;

    choose(&tab, OWN).await;
    tab.click("deed-edit").await;
    tab.press("edit-input", "Escape").await;
    tab.until("no editor", "document.querySelector('[data-testid=edit-input]') === null").await;

    choose(&tab, OWN).await;
    tab.click("deed-delete").await;
    tab.click("confirm-accept").await;
    until_text(&tab, &format!("{OWN}[data-state=deleted]"), "You deleted this message").await;
    tab.reload().await;
    until_text(&tab, &format!("{OWN}[data-state=deleted]"), "You deleted this message").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_is_chosen_by_keyboard_and_taken_back() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    said(&app, &user, &room, "Look at this").await;
    let tab = as_user(&app, &user, &format!("#/c/{room}")).await;
    choose(&tab, OWN).await;
    tab.click("deed-react").await;
    tab.until("the first choice", "document.activeElement?.dataset.testid === 'reaction-choice'").await;
    tab.press("reaction-choice", "ArrowRight").await;
    tab.until("the second", "document.activeElement?.dataset.emoji === '❤️'").await;
    tab.script("document.activeElement.click()").await;
    let chip = "document.querySelector('[data-testid=reaction][data-emoji=\"❤️\"]')";
    tab.until("a chip", &format!("{chip}?.getAttribute('aria-pressed') === 'true'")).await;
    tab.script(&format!("{chip}.click()")).await;
    tab.until("no chip", &format!("{chip} === null")).await;
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_somebody_shows_what_it_answers_and_leads_there() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    said(&app, &user, &room, "The first thing").await;
    said(&app, &user, &room, "The second thing").await;
    let tab = as_user(&app, &user, &format!("#/c/{room}")).await;
    until_text(&tab, OWN, "The second thing").await;
    focus(&tab, &format!("document.querySelector('{OWN}')")).await;
    tab.click("deed-reply").await;
    until_text(&tab, "[data-testid=composer-quote]", "The first thing").await;
    tab.fill("composer-input", "About that").await;
    tab.press("composer-input", "Enter").await;
    until_text(&tab, "[data-testid=quote]", "The first thing").await;
    tab.click("quote").await;
    tab.until(
        "the first one has the focus",
        "document.activeElement?.textContent.includes('The first thing')",
    )
    .await;
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_has_versions_and_goes_on() {
    let app = TestApp::start().await;
    let tab = demo(&app, 1280, 900).await;
    tab.click("character-card").await;
    tab.fill("composer-input", "Tell me about yourself").await;
    tab.press("composer-input", "Enter").await;
    let whole = format!("document.querySelectorAll('{REPLY}[data-state=complete]').length >= 2");
    tab.until("a whole reply", &whole).await;
    choose(&tab, &format!("{REPLY}[data-state=complete]")).await;
    tab.click("deed-regenerate").await;
    until_text(&tab, "[data-testid=variant-at]", "2 / 2").await;
    tab.until("it is whole", &whole).await;
    tab.click("variant-back").await;
    until_text(&tab, "[data-testid=variant-at]", "1 / 2").await;
    let length = format!(
        "[...document.querySelectorAll('{REPLY}')].at(-1).querySelector('.message-text').textContent.length"
    );
    let before = tab.script(&length).await.as_u64().expect("a length");
    choose(&tab, &format!("{REPLY}[data-state=complete]")).await;
    tab.click("deed-continue").await;
    tab.until("a longer reply", &format!("{length} > {before} && {whole}")).await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_changed_and_asked_again() {
    let app = TestApp::start().await;
    let tab = demo(&app, 1280, 900).await;
    tab.click("character-card").await;
    tab.fill("composer-input", "Tell me about bread").await;
    tab.press("composer-input", "Enter").await;
    tab.until("a reply", &format!("document.querySelectorAll('{REPLY}[data-state=complete]').length >= 2"))
        .await;
    choose(&tab, OWN).await;
    tab.click("deed-edit").await;
    tab.fill("edit-input", " and butter").await;
    tab.click("edit-resend").await;
    until_text(&tab, OWN, "bread and butter").await;
    until_text(&tab, "[data-testid=variant-at]", "2 / 2").await;
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_elsewhere_is_a_link_that_tells_nothing() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    let body = json!({ "type": "media", "content": "Look", "reply": "none",
        "attachment": { "url": "https://pictures.example/a.png", "type": "image" } });
    let (status, answer) =
        app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await;
    assert!(status < 300, "{answer}");
    let tab = as_user(&app, &user, &format!("#/c/{room}")).await;
    until_text(&tab, ".message-file a[target=_blank][rel~=noopener]", "pictures.example").await;
    let asked =
        "performance.getEntriesByType('resource').some(({ name }) => name.includes('pictures.example'))";
    assert_eq!(tab.script(asked).await, false);
    tab.close().await;
    app.stop().await;
}
