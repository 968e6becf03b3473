//! Dashboards: one's own figures, limits and what happened; for admins those of all people.

use serde_json::json;
use uuid::Uuid;

use super::{as_admin, as_user, fits, said, shown, text, until_text};
use crate::support::app::{TestApp, TestUser, eventually};
use crate::support::browser::Tab;

/// Somebody who said something and was answered.
async fn answered(app: &TestApp) -> TestUser {
    let user = app.user().await;
    let room = app.conversation(&user).await;
    let path = format!("/api/conversations/{room}/messages");
    let body = json!({ "content": "Good evening!" });
    assert!(app.post(&path, Some(&user.token), body).await.0 < 300);
    said(app, &user, &room, "And good night.").await;
    eventually("it is answered", async || {
        app.get("/api/dashboard/analytics", Some(&user.token)).await.1["totals"]["replies"] == 1
    })
    .await;
    user
}

async fn press(tab: &Tab, key: &str) {
    tab.script(&format!(
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}))"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_what_was_said_day_by_day_by_pointer_by_keyboard_and_as_a_table() {
    let app = TestApp::start_with(|config| config.ai.offline_word_delay_ms = 0).await;
    let user = answered(&app).await;
    let tab = as_user(&app, &user, "#/").await;
    tab.click("dashboard-link").await;
    until_text(&tab, "[data-testid=dashboard-tiles] .tile", "Messages today").await;
    assert!(text(&tab, "[data-testid=dashboard-tiles] .tile").await.starts_with('2'));
    until_text(&tab, "[data-testid=dashboard-characters] li", "100").await;
    until_text(&tab, "[data-testid=dashboard-recent]", "You began a conversation").await;
    assert!(fits(&tab).await);

    tab.click("dashboard-tab-analytics").await;
    let columns =
        "document.querySelectorAll('[data-testid=dashboard-analytics] figure:first-of-type .chart-column')";
    tab.until("a week", &format!("{columns}.length >= 7")).await;
    // The last day by the keyboard: words for a screen reader, and a bubble for who looks.
    tab.script(&format!("{columns}[0].focus()")).await;
    press(&tab, "End").await;
    until_text(&tab, ".chart-said", "Messages 2, Replies 1").await;
    until_text(&tab, ".chart-bubble", "Messages 2, Replies 1").await;
    press(&tab, "ArrowLeft").await;
    until_text(&tab, ".chart-said", "Messages 0, Replies 0").await;
    press(&tab, "Escape").await;
    tab.until("no bubble", "document.querySelector('.chart-bubble').hidden").await;
    tab.script(&format!("{columns}[6].dispatchEvent(new PointerEvent('pointerenter'))")).await;
    until_text(&tab, ".chart-bubble", "Messages 2").await;
    let cells = "[...document.querySelectorAll('.chart-table')[0].querySelectorAll('tr:last-child td')].map((cell) => cell.textContent).join()";
    assert_eq!(tab.script(cells).await, "2,1");
    tab.script("{ const span = document.querySelector('[data-testid=dashboard-span]'); span.value = '90d'; span.dispatchEvent(new Event('change')) }").await;
    tab.until("a quarter", &format!("{columns}.length >= 90")).await;
    assert!(fits(&tab).await);

    tab.click("dashboard-tab-activity").await;
    until_text(&tab, "[data-testid=activity-item]", "You began a conversation").await;
    tab.click("dashboard-tab-limits").await;
    until_text(&tab, "[data-testid=limit]", "Text messages to").await;
    assert!(fits(&tab).await);
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_done_nothing_is_told_so_and_what_fails_can_be_tried_again() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let id: Uuid = user.id.parse().unwrap();
    let client = app.database.pool().get().await.unwrap();
    client.execute("update users set plan = 'basic' where id = $1", &[&id]).await.unwrap();
    drop(client);
    let tab = as_user(&app, &user, "#/dashboard/analytics").await;
    until_text(&tab, "[data-testid=dashboard-analytics]", "You said nothing in this time.").await;
    // The server does not answer for a while.
    tab.script("{ window.real = window.fetch; window.fetch = () => Promise.reject(new TypeError('away')) }")
        .await;
    tab.script("location.hash = '#/dashboard/limits'").await;
    until_text(&tab, "[data-testid=dashboard-error]", "cannot be reached").await;
    tab.script("window.fetch = window.real").await;
    tab.click("dashboard-again").await;
    until_text(&tab, "[data-testid=limit]", "Files").await;
    let room = app.conversation(&user).await;
    for n in 0..5 {
        said(&app, &user, &room, &format!("Line {n}")).await;
    }
    tab.script("location.hash = '#/dashboard'").await;
    until_text(&tab, "[data-testid=limit][data-level=reached]", "Used up").await;
    until_text(&tab, "[data-testid=dashboard-recent]", "You reached a limit of your plan").await;
    tab.script("location.hash = '#/dashboard/limits'").await;
    until_text(&tab, "[data-testid=limits-warning]", "1 limit is used up").await;
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_and_what_was_given_back_stand_in_the_activity() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let id: Uuid = user.id.parse().unwrap();
    let client = app.database.pool().get().await.unwrap();
    for sql in [
        "insert into payments (id, user_id, kind, credits, intent_id, amount_cents, refunded_cents, currency, status, paid_at,
            created_at)
        values (gen_random_uuid(), $1, 'credits', 100, 'pi', 700, 250, 'usd', 'succeeded', now(), now())",
        "insert into content (id, user_id, kind, state, prompt, optimize, quality, size, credits, ended_at)
        values (gen_random_uuid(), $1, 'video', 'done', 'A lake', false, 'standard', '1280x720', 15, now())",
        "insert into characters (id, slug, name, tagline, description, category, color, greeting, personality, owner_id, visibility)
        values (gen_random_uuid(), 'nadia', 'Nadia', 't', 'd', 'c', '#000000', 'g', 'p', $1, 'private')",
    ] {
        client.execute(sql, &[&id]).await.unwrap();
    }
    drop(client);
    let tab = as_user(&app, &user, "#/dashboard/activity").await;
    let item = |kind: &str| format!("[data-testid=activity-item][data-kind='{kind}']");
    until_text(&tab, &item("payment.refunded"), "A part of what you paid for 100 credits was given back")
        .await;
    until_text(&tab, &item("payment.refunded"), "2.50 of $7.00").await;
    until_text(&tab, &item("content.made"), "A video was made for you").await;
    until_text(&tab, &item("avatar.made"), "Nadia").await;
    assert!(fits(&tab).await);
    tab.script("location.hash = '#/dashboard/limits'").await;
    until_text(&tab, "[data-testid=limit][data-name=avatars]", "1 of 1").await;
    until_text(&tab, "[data-testid=limit][data-name=contentUnderWay]", "0 of 10").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_the_figures_of_all_and_nobody_else_does() {
    let app = TestApp::start_with(|config| config.ai.offline_word_delay_ms = 0).await;
    let user = answered(&app).await;
    let tab = as_admin(&app, "#/admin").await;
    tab.click("figures-link").await;
    until_text(&tab, "[data-testid=admin-dashboard-totals] .tile", "Messages").await;
    until_text(&tab, "[data-testid=admin-dashboard-providers]", "offline").await;
    until_text(&tab, "[data-testid=admin-dashboard-characters] li", "100").await;
    assert!(fits(&tab).await);
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    let tab = as_user(&app, &user, "#/admin/dashboard").await;
    tab.until("the characters", "document.querySelector('[data-testid=character-card]') !== null").await;
    assert_eq!(tab.script(&format!("{} === null", shown("admin-dashboard"))).await, true);
    tab.close().await;
    app.stop().await;
}
