//! Finding what was said, publishing, taking along, deleting and bringing back.

use super::{as_user, fits, said, shown, signed_in, until_text};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_word_far_above_is_found_and_its_place_is_shown() {
    let app = TestApp::start().await;
    // Whose plan lets them say so much.
    let user = app.premium().await;
    let room = app.conversation(&user).await;
    said(&app, &user, &room, "The heron stands in the reeds").await;
    for n in 0..160 {
        said(&app, &user, &room, &format!("Line {n}")).await;
    }
    let tab = signed_in(&app, &user.email, "PremiumPassword123!", &format!("#/c/{room}")).await;
    until_text(&tab, "[data-testid=message]", "Line 159").await;
    tab.click("panel-search").await;
    tab.fill("room-search", "heron").await;
    until_text(&tab, "[data-testid=search-hit] mark", "heron").await;
    tab.click("search-hit").await;
    tab.until("its place", "document.activeElement?.textContent.includes('The heron stands')").await;
    // From there one reads on to the newest.
    for _ in 0..12 {
        tab.script("{ const view = document.querySelector('.chat-scroll'); view.scrollTop = view.scrollHeight; view.dispatchEvent(new Event('scroll')) }").await;
        tokio::time::sleep(std::time::Duration::from_millis(120)).await;
    }
    until_text(&tab, "[data-testid=message]", "Line 159").await;
    until_text(&tab, "[data-testid=message]", "The heron stands").await;

    tab.script("location.hash = '#/search/heron'").await;
    until_text(&tab, "[data-testid=search-hit] mark", "heron").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_published_and_listed() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    said(&app, &user, &room, "Once upon a time").await;
    let tab = as_user(&app, &user, &format!("#/c/{room}")).await;
    tab.click("panel-details").await;
    tab.until("settings", &format!("{} !== null", shown("room-title"))).await;
    tab.script("document.querySelector('[data-testid=room-title]').value = ''").await;
    tab.fill("room-title", "A tale of tea").await;
    tab.fill("room-category", "Tales").await;
    tab.fill("room-tags", "tea, evening").await;
    tab.script("document.querySelector('[data-testid=room-visibility]').value = 'public'").await;
    tab.click("room-submit").await;
    tab.click("confirm-accept").await;
    tab.until("its page", &format!("{} !== null", shown("public-page"))).await;
    let slug = tab.script("document.querySelector('[data-testid=public-page]').getAttribute('href')").await;
    let page = app.text(slug.as_str().expect("an address")).await;
    assert!(page.contains("A tale of tea") && page.contains("Once upon a time"));

    tab.script("location.hash = '#/public'").await;
    until_text(&tab, "[data-testid=public-conversation]", "A tale of tea").await;
    until_text(&tab, "[data-testid=public-category]", "Tales").await;
    assert!(fits(&tab).await);
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_deleted_and_brought_back() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    said(&app, &user, &room, "Do not lose me").await;
    let tab = as_user(&app, &user, &format!("#/c/{room}")).await;
    until_text(&tab, "[data-testid=message]", "Do not lose me").await;
    tab.click("panel-details").await;
    tab.click("delete-conversation").await;
    tab.click("confirm-accept").await;
    tab.until("it is gone", &format!("{} === null", shown("conversation-item"))).await;
    tab.script("location.hash = '#/deleted'").await;
    tab.click("restore").await;
    until_text(&tab, "[data-testid=message]", "Do not lose me").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}
