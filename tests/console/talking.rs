//! Talking with a character: choose, send, see the stream, stop, reload.

use super::{REPLY, demo};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_talks_and_finds_all_again_after_a_reload() {
    let app = TestApp::start().await;
    let tab = demo(&app, 1440, 900).await;
    tab.click("character-card").await;
    tab.fill("composer-input", "Good evening, my name is Mira").await;
    tab.press("composer-input", "Enter").await;
    let own =
        "document.querySelector('[data-testid=message][data-sender-kind=user][data-state=sent]')?.innerText";
    tab.until("own message", &format!("({own} ?? '').includes('my name is Mira')")).await;
    // The greeting is one; the answer is another.
    let answers = format!("document.querySelectorAll('{REPLY}[data-state=complete]').length");
    tab.until("a whole reply", &format!("{answers} >= 2")).await;
    let count = tab.script("document.querySelectorAll('[data-testid=message]').length").await;
    tab.reload().await;
    tab.until(
        "the same messages",
        &format!("document.querySelectorAll('[data-testid=message]').length == {count}"),
    )
    .await;
    tab.until(
        "signed in",
        "document.querySelector('[data-testid=connection-state]')?.dataset.state == 'online'",
    )
    .await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_stopped_and_keeps_its_part_on_a_phone_too() {
    let app = TestApp::start_with(|config| config.ai.offline_word_delay_ms = 150).await;
    let tab = demo(&app, 390, 844).await;
    tab.click("character-card").await;
    tab.fill("composer-input", "Tell me about yourself").await;
    tab.click("send-button").await;
    tab.until(
        "a stream",
        &format!("document.querySelector('{REPLY}[data-state=streaming]')?.innerText.length > 12"),
    )
    .await;
    tab.click("stop-button").await;
    tab.until("a stopped reply", &format!("document.querySelector('{REPLY}[data-state=stopped]') !== null"))
        .await;
    let wide = tab.script("document.documentElement.scrollWidth <= window.innerWidth").await;
    assert_eq!(wide, true, "nothing is wider than the phone");
    tab.close().await;
    app.stop().await;
}
