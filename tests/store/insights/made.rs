//! What was made for somebody, avatars and generated content, as the feed and the figures tell it.

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::feed::{get, kinds, moment};
use super::world::{avatar, content, credits, execute};
use crate::support::app::{TestApp, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn avatars_and_what_was_generated_are_told_with_where_they_are() {
    let app = TestApp::start().await;
    let (mira, other) = (app.user().await, app.user().await);
    credits(&app.database, mira.id.parse().unwrap(), "2026-02-03T00:00:00Z", "grant", 15).await;
    let feed = async || get(&app, &mira, "/api/dashboard/activity?limit=100").await;
    let wish = json!({ "name": "Nadia", "description": "A dry retired pilot who grows tea." });
    let (status, made) = app.post("/api/avatars", Some(&mira.token), wish).await;
    assert_eq!(status, 201, "{made}");
    let avatar = format!("/avatars/{}", made["avatar"]["id"].as_str().unwrap());
    eventually("it is written", async || kinds(&feed().await).contains(&"avatar.made")).await;
    assert!(!kinds(&feed().await).contains(&"avatar.shared"), "it is hers alone");
    let share = async |visibility: &str| {
        let body = Some(json!({ "visibility": visibility }));
        let (status, answer) = app.call(Method::PUT, &format!("/api{avatar}"), Some(&mira.token), body).await;
        assert_eq!(status, 200, "{answer}");
        feed().await
    };
    let told = share("unlisted").await;
    let shared = &told["items"][0];
    assert_eq!(
        (&shared["kind"], &shared["detail"], &shared["link"]),
        (&json!("avatar.shared"), &json!("Nadia, with whoever has its address"), &json!(avatar))
    );
    let wider = share("public").await;
    assert_eq!(wider["items"][0]["detail"], "Nadia, with everybody");
    assert!(moment(&wider["items"][0]) >= moment(shared));
    let narrower = share("unlisted").await;
    assert_eq!(narrower["items"][0]["at"], wider["items"][0]["at"], "that is no sharing");
    assert!(!kinds(&share("private").await).contains(&"avatar.shared"));

    let asked = json!({ "prompt": "A lake at dawn" });
    let (status, asked) = app.post("/api/content/generate/image", Some(&mira.token), asked).await;
    assert_eq!(status, 202, "{asked}");
    eventually("it is made", async || kinds(&feed().await).contains(&"content.made")).await;
    let told = feed().await;
    let done = told["items"].as_array().unwrap().iter().find(|item| item["kind"] == "content.made").unwrap();
    assert_eq!(
        (&done["title"], &done["detail"], &done["link"]),
        (&json!("A picture was made for you"), &json!("A lake at dawn"), &json!("/studio"))
    );
    // What failed says why.
    let id = mira.id.parse().unwrap();
    content(&app.database, id, "2030-01-01T00:00:00Z", "failed").await;
    content(&app.database, id, "2030-01-01T00:00:00Z", "canceled").await;
    content(&app.database, id, "2030-01-01T00:00:00Z", "queued").await;
    let told = feed().await;
    assert_eq!(
        (&told["items"][0]["kind"], &told["items"][0]["detail"]),
        (&json!("content.failed"), &json!("the provider will not make this"))
    );
    assert_eq!(get(&app, &mira, "/api/dashboard").await["recent"][0], told["items"][0]);
    assert_eq!(kinds(&get(&app, &other, "/api/dashboard/activity").await), ["device.new"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_avatar_that_was_not_written_or_is_gone_is_told_as_that() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let id: Uuid = mira.id.parse().unwrap();
    let at = "2030-01-01T00:00:00Z";
    avatar(&app.database, id, at, "failed", "private").await;
    avatar(&app.database, id, at, "writing", "private").await;
    let gone = avatar(&app.database, id, at, "ready", "public").await;
    execute(&app.database, "update characters set deleted_at = now() where id = $1", &[&gone]).await;
    let feed = get(&app, &mira, "/api/dashboard/activity").await;
    assert_eq!(kinds(&feed), ["avatar.failed", "device.new"], "{feed}");
    assert_eq!(feed["items"][0]["detail"], "Nadia");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_for_one_is_told_and_counts() {
    let app = TestApp::start().await;
    let (mira, admin) = (app.user().await, app.admin().await);
    let given = json!({ "amount": 100, "reason": "to try it" });
    let path = format!("/api/admin/users/{}/credits", mira.id);
    assert_eq!(app.post(&path, Some(&admin.token), given).await.0, 200);
    let wish = json!({ "name": "Nadia", "description": "A dry retired pilot who grows tea." });
    let (status, made) = app.post("/api/avatars", Some(&mira.token), wish).await;
    assert_eq!(status, 201, "{made}");
    let wish = json!({ "prompt": "a fox in the snow", "optimize": false });
    let (status, asked) = app.post("/api/content/generate/image", Some(&mira.token), wish).await;
    assert_eq!(status, 202, "{asked}");
    let feed = async || get(&app, &mira, "/api/dashboard/activity").await;
    eventually("both are told", async || {
        let page = feed().await;
        ["avatar.made", "content.made"].iter().all(|kind| kinds(&page).contains(kind))
    })
    .await;
    let page = feed().await;
    let items = page["items"].as_array().unwrap();
    let of = |kind: &str| items.iter().find(|item| item["kind"] == kind).unwrap();
    assert_eq!(of("avatar.made")["detail"], "Nadia");
    assert_eq!(of("avatar.made")["link"], format!("/avatars/{}", made["avatar"]["id"].as_str().unwrap()));
    assert_eq!(of("content.made")["detail"], "a fox in the snow");
    let limits = get(&app, &mira, "/api/dashboard/limits").await;
    let limits = limits["items"].as_array().unwrap();
    let avatars = limits.iter().find(|item| item["name"] == "avatars").unwrap();
    assert_eq!(
        (&avatars["used"], &avatars["limit"], &avatars["level"]),
        (&json!(1), &json!(1), &json!("reached"))
    );
    let theirs = get(&app, &admin, "/api/dashboard/activity").await;
    assert!(!kinds(&theirs).contains(&"avatar.made"), "{theirs}");
    app.stop().await;
}
