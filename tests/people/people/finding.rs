//! Finding people: the list, one account, and what everybody may see.

use serde_json::{Value, json};

use super::execute;
use crate::support::app::{TestApp, TestUser};

async fn found(app: &TestApp, admin: &TestUser, query: &[(&str, &str)]) -> (u16, Value) {
    let response = app
        .http
        .get(app.url("/api/admin/users"))
        .query(&query)
        .bearer_auth(&admin.token)
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["username"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_any_of_their_names_and_signs_are_just_signs() {
    let app = TestApp::start().await;
    let (admin, mira, zoe) = (app.admin().await, app.user().await, app.user().await);
    let set = |user: &TestUser, what: &str| format!("update users set {what} where id = '{}'", user.id);
    execute(&app, &set(&mira, "display_name = '100% Mira_K \\ ''x''', mobile = '+4915112345678'")).await;
    execute(&app, &set(&zoe, "display_name = 'Зоя', plan = 'pro', blocked_at = now()")).await;
    for q in ["100%", "mira_k", "\\ 'X'", "15112345", &mira.username.to_uppercase(), &mira.email, &mira.id] {
        let (status, list) = found(&app, &admin, &[("q", q)]).await;
        assert_eq!((status, names(&list)), (200, vec![mira.username.as_str()]), "{q}");
    }
    for q in ["100_", "%mira%k%", "' or '1'='1", "'; drop table users; --", "mira\\"] {
        let (status, list) = found(&app, &admin, &[("q", q)]).await;
        assert_eq!((status, &list["total"]), (200, &json!(0)), "{q}");
    }
    assert_eq!(names(&found(&app, &admin, &[("q", "Зо")]).await.1), [zoe.username.as_str()]);
    assert_eq!(names(&found(&app, &admin, &[("status", "blocked")]).await.1), [zoe.username.as_str()]);
    assert_eq!(
        names(&found(&app, &admin, &[("plan", "pro"), ("q", "Зоя")]).await.1),
        [zoe.username.as_str()]
    );
    assert_eq!(names(&found(&app, &admin, &[("role", "admin")]).await.1), ["testadmin"]);
    assert_eq!(found(&app, &admin, &[("status", "active"), ("q", "Зоя")]).await.1["total"], 0);
    for wrong in [
        ("role", "boss"),
        ("status", "gone"),
        ("q", "a\0b"),
        ("q", &"x".repeat(101)),
        ("cursor", "'"),
        ("limit", "0"),
    ] {
        let (status, refused) = found(&app, &admin, &[wrong]).await;
        assert_eq!((status, refused["error"].as_str()), (400, Some("bad_request")), "{wrong:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_walked_by_cursor_and_by_page_and_shows_everybody_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for _ in 0..7 {
        app.user().await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, list) = found(&app, &admin, &[("limit", "3"), ("cursor", cursor.as_str())]).await;
        assert_eq!(list["total"], 10);
        seen.extend(names(&list).into_iter().map(str::to_owned));
        match list["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let (_, second) = found(&app, &admin, &[("limit", "3"), ("page", "2")]).await;
    assert_eq!(names(&second), seen[3..6]);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 10);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_an_account_with_what_belongs_to_it() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    app.conversation(&user).await;
    let (status, seen) = app.get(&format!("/api/users/{}", user.id), Some(&admin.token)).await;
    assert_eq!(status, 200, "{seen}");
    assert_eq!((&seen["user"]["email"], &seen["blocked"]), (&json!(user.email), &json!(false)));
    assert_eq!(
        (&seen["signIns"], &seen["conversations"], &seen["identities"]),
        (&json!(1), &json!(1), &json!([]))
    );
    assert_eq!(seen["usage"]["plan"], "free");
    assert!(!seen.to_string().contains("argon2"), "{seen}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_profile_tells_nothing_private() {
    let app = TestApp::start().await;
    let user = app.user().await;
    execute(&app, &format!("update users set bio = 'Keeps a lighthouse' where id = '{}'", user.id)).await;
    let path = format!("/api/users/username/{}", user.username.to_uppercase());
    let (status, profile) = app.get(&path, None).await;
    assert_eq!(status, 200);
    let mut keys: Vec<&String> = profile.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, ["bio", "createdAt", "displayName", "username"]);
    assert_eq!(
        (&profile["username"], &profile["bio"]),
        (&json!(user.username), &json!("Keeps a lighthouse"))
    );
    execute(&app, &format!("update users set deactivated_at = now() where id = '{}'", user.id)).await;
    for name in [user.username.as_str(), "nobody-here", "%00", "%27%20or%201=1", "a%0ab", &"x".repeat(2_000)]
    {
        let (status, refused) = app.get(&format!("/api/users/username/{name}"), None).await;
        assert_eq!((status, refused["error"].as_str()), (404, Some("not_found")), "{name}");
    }
    app.stop().await;
}
