//! The door and one's account, in a real browser.

use super::{shown, text};
use crate::support::app::TestApp;
use crate::support::browser::Tab;

/// The latest letter in the outbox that has an address with `part` in it: that address, without the server's own.
async fn linked(app: &TestApp, part: &str) -> String {
    let admin = app.admin().await;
    for _ in 0..400 {
        let (_, outbox) = app.get("/api/admin/outbox", Some(&admin.token)).await;
        let letters = outbox["items"].as_array().cloned().unwrap_or_default();
        let words =
            letters.iter().filter_map(|letter| letter["text"].as_str()).flat_map(str::split_whitespace);
        if let Some(link) = words.into_iter().find(|word| word.contains(part)) {
            let (_, path) =
                link.split_once("//").and_then(|(_, rest)| rest.split_once('/')).expect("an address");
            return format!("/{path}");
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("no letter has {part}");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_proves_an_address_and_comes_back_after_a_forgotten_password() {
    let app = TestApp::start().await;
    let tab = Tab::open(&app.url("/"), 1280, 860).await;
    tab.click("signin-toggle").await;
    tab.fill("signin-email", "mira@example.com").await;
    tab.fill("signin-username", "mira").await;
    tab.fill("signin-password", "wooden lantern by the sea").await;
    tab.click("signin-submit").await;
    tab.until("signed in", "document.querySelector('.shell') !== null").await;
    tab.script("location.hash = '#/account'").await;
    tab.until("an unproved address", &format!("{} !== null", shown("email-unverified"))).await;

    tab.go(&app.url(&linked(&app, "verify-email").await)).await;
    tab.until("a proved address", &format!("{} !== null", shown("email-verified"))).await;

    tab.click("sign-out").await;
    tab.click("door-forgotten").await;
    tab.fill("forgot-name", "mira@example.com").await;
    tab.click("forgot-submit").await;
    tab.until("what to do", &format!("{} !== null", shown("door-notice"))).await;
    tab.go("about:blank").await;
    tab.go(&app.url(&linked(&app, "/reset/").await)).await;
    tab.fill("reset-password", "another wooden lantern").await;
    tab.click("reset-submit").await;
    tab.until("the door", &format!("{} !== null", shown("signin-name"))).await;
    tab.fill("signin-name", "mira").await;
    tab.fill("signin-password", "another wooden lantern").await;
    tab.click("signin-submit").await;
    tab.until("signed in again", "document.querySelector('.shell') !== null").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_and_its_code_are_enough_and_the_account_has_keys_and_can_be_left() {
    let app = TestApp::start().await;
    let tab = Tab::open(&app.url("/"), 390, 844).await;
    tab.click("door-mobile").await;
    tab.fill("otp-mobile", "+447911123456").await;
    tab.click("otp-send-submit").await;
    tab.until("the code", &format!("{} !== null", shown("otp-told"))).await;
    let code = text(&tab, "[data-testid=otp-told] code").await;
    tab.fill("otp-code", &code).await;
    tab.click("otp-submit").await;
    tab.until("signed in", "document.querySelector('.shell') !== null").await;

    tab.script("location.hash = '#/account/keys'").await;
    tab.fill("key-name", "Script").await;
    tab.script("document.querySelector('[data-testid=key-scope]').value = 'profile'").await;
    tab.click("key-submit").await;
    tab.until("a key", &format!("{} !== null", shown("key-value"))).await;
    let key = text(&tab, "[data-testid=key-value]").await;
    assert_eq!(app.get("/api/auth/me", Some(&key)).await.0, 200);
    tab.click("revoke-key").await;
    tab.click("confirm-accept").await;
    tab.until("no key", "document.querySelector('[data-testid=revoke-key]') === null").await;
    assert_eq!(app.get("/api/auth/me", Some(&key)).await.0, 401);

    for part in ["profile", "usage", "ways-in", "devices", "keys", "history", "privacy"] {
        tab.click(&format!("account-tab-{part}")).await;
        tab.until(part, &format!("document.querySelector('.account-body').dataset.part === '{part}'")).await;
        assert_eq!(
            tab.script("document.documentElement.scrollWidth <= window.innerWidth").await,
            true,
            "{part}"
        );
    }
    assert_eq!(tab.errors(), Vec::<String>::new());
    let name = text(&tab, "label[for=leave-sure]").await;
    tab.fill("leave-sure", name.rsplit(' ').next().unwrap()).await;
    tab.click("leave-submit").await;
    tab.until("the door", &format!("{} !== null", shown("signin-form"))).await;
    tab.close().await;
    app.stop().await;
}
