//! Backstage: the providers, a rehearsal, what it cost, and replies that failed.

use super::{as_admin, fits, shown, until_text};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_character_is_tried_and_what_it_took_is_shown() {
    let app = TestApp::start_with(|config| config.ai.offline_word_delay_ms = 0).await;
    let tab = as_admin(&app, "#/admin/ai").await;
    until_text(&tab, "[data-provider=offline]", "Up").await;
    assert!(fits(&tab).await);

    tab.click("ai-tab-bench").await;
    tab.until("characters", "document.querySelectorAll('#bench-character option').length > 0").await;
    tab.fill("bench-message", "Good evening. Who are you?").await;
    tab.click("bench-submit").await;
    tab.until("a reply", &format!("{}?.textContent.length > 10", shown("bench-reply"))).await;
    until_text(&tab, "[data-testid=bench-prompt]", "Good evening. Who are you?").await;
    until_text(&tab, "[data-testid=bench-prompt] [data-role=system]", "You are").await;
    assert!(fits(&tab).await);

    tab.click("ai-tab-usage").await;
    until_text(&tab, "[data-testid=ai-usage]", "offline").await;
    assert!(fits(&tab).await);
    tab.click("ai-tab-dead").await;
    until_text(&tab, "[data-testid=dead-replies]", "No reply has failed.").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_drained_and_asked_again() {
    let app = TestApp::start().await;
    let tab = as_admin(&app, "#/admin/ai").await;
    until_text(&tab, "[data-provider=offline]", "Up").await;
    let drain = "document.querySelector('[data-provider=offline] [data-testid=provider-drain]').click()";
    tab.script(drain).await;
    until_text(&tab, "[data-provider=offline]", "Draining").await;
    tab.script(drain).await;
    until_text(&tab, "[data-provider=offline]", "Up").await;
    tab.close().await;
    app.stop().await;
}
