//! The console in a real browser, against a whole server.

mod accounts;
mod ai;
mod backstage;
mod billing;
mod characters;
mod client;
mod hostile;
mod insights;
mod late;
mod media;
mod messages;
mod reading;
mod rooms;
mod studio;
#[path = "../support/mod.rs"]
mod support;
mod talking;

use serde_json::{Value, json};
use support::app::{PASSWORD, TestApp, TestUser};
use support::browser::Tab;

const REPLY: &str = "[data-testid=message][data-sender-kind=character]";
const OWN: &str = "[data-testid=message][data-sender-kind=user]";

async fn demo(app: &TestApp, width: u32, height: u32) -> Tab {
    let tab = Tab::open(&app.url("/"), width, height).await;
    tab.click("demo-button").await;
    tab.until("characters", "document.querySelectorAll('[data-testid=character-card]').length >= 8").await;
    tab
}

/// A window in which this person is signed in, at an address of the console.
async fn signed_in(app: &TestApp, name: &str, password: &str, address: &str) -> Tab {
    let tab = Tab::open(&app.url("/"), 1280, 900).await;
    tab.fill("signin-name", name).await;
    tab.fill("signin-password", password).await;
    tab.click("signin-submit").await;
    tab.until("signed in", "document.querySelector('.place > section') !== null").await;
    tab.script(&format!("location.hash = '{address}'")).await;
    tab
}

async fn as_user(app: &TestApp, user: &TestUser, address: &str) -> Tab {
    signed_in(app, &user.username, PASSWORD, address).await
}

async fn as_admin(app: &TestApp, address: &str) -> Tab {
    signed_in(app, "testadmin@example.com", "AdminPassword123!", address).await
}

/// A message of this person by request, which asks for no reply: its id.
async fn said(app: &TestApp, user: &TestUser, room: &str, content: &str) -> String {
    let body = json!({ "content": content, "reply": "none" });
    let (status, answer) =
        app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await;
    assert!(status < 300, "{answer}");
    answer["message"]["id"].as_str().expect("an id").to_owned()
}

/// Whether what has this `data-testid` is there.
fn shown(id: &str) -> String {
    format!("document.querySelector('[data-testid=\"{id}\"]')")
}

async fn text(tab: &Tab, selector: &str) -> String {
    let found = tab.script(&format!("document.querySelector('{selector}')?.textContent ?? ''")).await;
    found.as_str().unwrap_or_default().to_owned()
}

/// Whether this text stands somewhere in what the selector finds first.
async fn until_text(tab: &Tab, selector: &str, wanted: &str) {
    let script = format!(
        "[...document.querySelectorAll(`{selector}`)].some((node) => node.textContent.includes(`{wanted}`))"
    );
    tab.until(&format!("{wanted:?} in {selector}"), &script).await;
}

/// Whether nothing is wider than the window.
async fn fits(tab: &Tab) -> bool {
    tab.script("document.documentElement.scrollWidth <= window.innerWidth").await == Value::Bool(true)
}
