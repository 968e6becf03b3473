//! Conversations of several people and characters.

use serde_json::json;

use super::{REPLY, as_user, fits, said, shown, until_text};
use crate::support::app::{PASSWORD, TestApp};
use crate::support::browser::Tab;

#[tokio::test(flavor = "multi_thread")]
async fn several_characters_are_gathered_and_one_is_named() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let tab = as_user(&app, &user, "#/").await;
    tab.click("gather").await;
    tab.until("a list", "document.querySelectorAll('[data-testid=room-pick]').length >= 8").await;
    tab.script("document.querySelectorAll('[data-testid=room-pick]')[0].click()").await;
    tab.script("document.querySelectorAll('[data-testid=room-pick]')[1].click()").await;
    tab.fill("gather-title", "An odd couple").await;
    tab.click("room-create").await;
    until_text(&tab, ".chat-title", "An odd couple").await;
    tab.fill("composer-input", "Good evening @").await;
    tab.until("two names", "document.querySelectorAll('[data-testid=mention]').length === 2").await;
    tab.press("composer-input", "ArrowDown").await;
    let second = tab.script("document.querySelectorAll('[data-testid=mention]')[1].querySelector('.palette-name').textContent").await;
    let second = second.as_str().expect("a name").to_owned();
    tab.press("composer-input", "Enter").await;
    tab.press("composer-input", "Enter").await;
    until_text(&tab, &format!("{REPLY}[data-state=complete] .message-name"), &second).await;

    tab.click("panel-people").await;
    tab.until("both", "document.querySelectorAll('[data-testid=room-character]').length === 2").await;
    tab.script("{ const mode = document.querySelector('[data-testid=reply-mode]'); mode.value = 'by_hand'; mode.dispatchEvent(new Event('change')) }").await;
    until_text(&tab, "#reply-mode-hint", "until you ask").await;
    let replies = format!("document.querySelectorAll('{REPLY}').length");
    let before = tab.script(&replies).await.as_u64().expect("a count");
    tab.click("ask-character").await;
    tab.until("an answer by hand", &format!("{replies} > {before}")).await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_invited_seen_and_leaves_again() {
    let app = TestApp::start().await;
    let (owner, guest) = (app.user().await, app.user().await);
    let room = app.conversation(&owner).await;
    let tab = as_user(&app, &owner, &format!("#/c/{room}")).await;
    tab.click("panel-people").await;
    tab.fill("invite-name", &guest.username).await;
    tab.click("invite-submit").await;
    tab.until("two people", "document.querySelectorAll('[data-testid=member]').length === 2").await;

    let mut socket = app.socket(&guest).await;
    let joined = socket.ask("conversation:join", json!({ "conversationId": room })).await;
    assert_eq!(joined["success"], true, "{joined}");
    let member = format!("[data-testid=member][data-user-id=\"{}\"]", guest.id);
    tab.until("they are here", &format!("document.querySelector('{member}')?.dataset.presence === 'online'"))
        .await;
    said(&app, &guest, &room, "Thank you for having me").await;
    until_text(&tab, "[data-testid=message].theirs", "Thank you for having me").await;
    socket.tell("typing:start", json!({ "conversationId": room })).await;
    until_text(&tab, ".chat-typing", "is typing").await;

    let left = socket.ask("member:remove", json!({ "conversationId": room, "userId": guest.id })).await;
    assert_eq!(left["success"], true, "{left}");
    tab.until("one is left", "document.querySelectorAll('[data-testid=member]').length === 1").await;
    until_text(&tab, "[data-testid=message].theirs", "Thank you for having me").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_leaves_on_a_phone_and_the_conversation_is_gone_from_the_list() {
    let app = TestApp::start().await;
    let (owner, guest) = (app.user().await, app.user().await);
    let room = app.conversation(&owner).await;
    let (status, answer) = app
        .post(
            &format!("/api/conversations/{room}/members"),
            Some(&owner.token),
            json!({ "userId": guest.id }),
        )
        .await;
    assert!(status < 300, "{answer}");
    let tab = Tab::open(&app.url("/"), 390, 844).await;
    tab.fill("signin-name", &guest.username).await;
    tab.fill("signin-password", PASSWORD).await;
    tab.click("signin-submit").await;
    tab.until("signed in", "document.querySelector('.place > section') !== null").await;
    tab.script(&format!("location.hash = '#/c/{room}'")).await;
    tab.click("panel-people").await;
    assert!(fits(&tab).await);
    tab.until(
        "focus is in the panel",
        "document.querySelector('#room-panel').contains(document.activeElement)",
    )
    .await;
    tab.click("leave-room").await;
    tab.click("confirm-accept").await;
    tab.until("no such conversation", &format!("{} === null", shown("conversation-item"))).await;
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_is_counted_in_the_list_and_marked_in_the_conversation() {
    let app = TestApp::start().await;
    let (owner, guest) = (app.user().await, app.user().await);
    let room = app.conversation(&owner).await;
    app.post(
        &format!("/api/conversations/{room}/members"),
        Some(&owner.token),
        json!({ "userId": guest.id }),
    )
    .await;
    for text in ["One", "Two", "Three"] {
        said(&app, &owner, &room, text).await;
    }
    let tab = as_user(&app, &guest, "#/").await;
    tab.until(
        "a count",
        "Number(document.querySelector('[data-testid=unread-count]:not([hidden]) span')?.textContent) >= 3",
    )
    .await;
    tab.click("conversation-item").await;
    tab.until("the line", &format!("{} !== null", shown("unread-line"))).await;
    tab.until("read", "document.querySelector('[data-testid=unread-count]:not([hidden])') === null").await;
    tab.close().await;
    app.stop().await;
}
