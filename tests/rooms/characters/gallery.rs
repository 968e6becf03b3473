//! Galleries: locked for those without a premium plan, views counted once for each user.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::ratings::people;
use super::{execute, fields, id, make, number};
use crate::support::app::{TestApp, TestUser, eventually};

async fn add(app: &TestApp, admin: &TestUser, character: &str, body: Value) -> (u16, Value) {
    app.post(&format!("/api/characters/{character}/gallery"), Some(&admin.token), body).await
}

fn item(premium: bool) -> Value {
    json!({ "type": "image", "url": "https://cdn.example.com/HIDDEN.webp",
        "thumbnailUrl": "https://cdn.example.com/HIDDEN-small.webp", "caption": "By the sea", "tags": ["sea"],
        "premium": premium })
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_premium_plan_sees_that_there_is_something_and_never_where() {
    let app = TestApp::start().await;
    let (admin, user, premium) = (app.admin().await, app.user().await, app.premium().await);
    let made = id(&make(&app, &admin, json!({ "name": "Mira" })).await);
    let (status, locked) = add(&app, &admin, &made, item(true)).await;
    assert_eq!((status, locked["locked"].as_bool()), (201, Some(false)), "{locked}");
    let path = format!("/api/characters/{made}/gallery");
    for token in [None, Some(user.token.as_str())] {
        let (status, list) = app.get(&path, token).await;
        assert_eq!(status, 200);
        assert!(!list.to_string().contains("HIDDEN"), "{list}");
        let one = &list["items"][0];
        assert_eq!(
            (&one["locked"], &one["url"], &one["thumbnailUrl"]),
            (&json!(true), &Value::Null, &Value::Null)
        );
        assert_eq!(
            (&one["caption"], &one["tags"], &one["blurhash"]),
            (&json!("By the sea"), &json!(["sea"]), &Value::Null)
        );
    }
    for token in [&premium.token, &admin.token] {
        let (_, list) = app.get(&path, Some(token)).await;
        assert_eq!(list["items"][0]["url"], "https://cdn.example.com/HIDDEN.webp", "{list}");
        assert_eq!(list["items"][0]["locked"], false);
    }
    let view = format!("{path}/{}/view", id(&locked));
    let (status, refused) = app.post(&view, Some(&user.token), json!({})).await;
    assert_eq!((status, refused["error"].as_str()), (402, Some("premium_required")));
    assert_eq!(app.post(&view, Some(&premium.token), json!({})).await.1["views"], 1);
    // Who gets premium sees it at once, and who loses it no more.
    let give = format!("/api/users/{}/premium", user.id);
    let set = async |premium: bool| {
        let body = json!({ "isPremium": premium });
        assert_eq!(app.call(Method::PUT, &give, Some(&admin.token), Some(body)).await.0, 200);
    };
    let is_locked = async || app.get(&path, Some(&user.token)).await.1["items"][0]["locked"] == true;
    set(true).await;
    assert!(!is_locked().await);
    set(false).await;
    assert!(is_locked().await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn premium_that_ends_by_its_date_locks_again_though_it_was_looked_up_before() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let made = id(&make(&app, &admin, json!({ "name": "Mira" })).await);
    add(&app, &admin, &made, item(true)).await;
    execute(
        &app,
        &format!(
            "update users set plan = 'premium', plan_after = 'free', plan_until = now() + interval '2 seconds'
             where id = '{}'",
            user.id
        ),
    )
    .await;
    let path = format!("/api/characters/{made}/gallery");
    let is_locked = async || app.get(&path, Some(&user.token)).await.1["items"][0]["locked"] == true;
    assert!(!is_locked().await);
    eventually("locked again", is_locked).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_counts_once_for_each_user_however_often_and_at_once() {
    let app = TestApp::start_with(|config| {
        config.auth.argon2_memory_kib = 64;
        config.auth.argon2_iterations = 1;
    })
    .await;
    let admin = app.admin().await;
    let made = id(&make(&app, &admin, json!({ "name": "Mira" })).await);
    let (_, added) = add(&app, &admin, &made, item(false)).await;
    let view = format!("/api/characters/{made}/gallery/{}/view", id(&added));
    let users = people(&app, 25).await;
    let looks = users.iter().flat_map(|user| std::iter::repeat_n(user, 4));
    let answers = join_all(looks.map(|user| app.post(&view, Some(&user.token), json!({})))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    let (_, list) = app.get(&format!("/api/characters/{made}/gallery"), None).await;
    assert_eq!(list["items"][0]["views"], 25);
    assert_eq!(number(&app, "select count(*) from character_gallery_views").await, 25);
    assert_eq!(app.post(&view, None, json!({})).await.0, 401);
    // Of another character's gallery there is no such entry.
    let other = app.character().await;
    let elsewhere = format!("/api/characters/{other}/gallery/{}/view", id(&added));
    assert_eq!(app.post(&elsewhere, Some(&users[0].token), json!({})).await.0, 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_checked_bounded_paged_and_deleted_by_admins() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = id(&make(&app, &admin, json!({ "name": "Mira" })).await);
    for (body, field) in [
        (json!({ "type": "image" }), "url"),
        (json!({ "type": "image", "url": "javascript:alert(1)" }), "url"),
        (json!({ "type": "image", "url": "http://example.com/a.png" }), "url"),
        (json!({ "type": "image", "url": "https://e.com/", "thumbnailUrl": "data:x" }), "thumbnailUrl"),
        (json!({ "type": "image", "url": "https://e.com/", "caption": "x".repeat(501) }), "caption"),
        (json!({ "type": "image", "url": "https://e.com/", "tags": [""] }), "tags"),
    ] {
        let (status, refused) = add(&app, &admin, &made, body.clone()).await;
        assert_eq!((status, fields(&refused)), (400, vec![field]), "{body}");
    }
    let none = json!({ "type": "image", "mediaId": made });
    assert_eq!(add(&app, &admin, &made, none).await.0, 404, "there is no such file");
    assert_eq!(add(&app, &admin, &made, json!({ "type": "script", "url": "https://e.com/" })).await.0, 400);
    let mut items = Vec::new();
    for kind in ["image", "video", "audio"] {
        let (status, added) =
            add(&app, &admin, &made, json!({ "type": kind, "url": "https://e.com/x" })).await;
        assert_eq!(status, 201, "{added}");
        items.insert(0, id(&added));
    }
    let path = format!("/api/characters/{made}/gallery");
    let (_, first) = app.get(&format!("{path}?limit=2"), None).await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let (_, second) = app.get(&format!("{path}?limit=2&cursor={cursor}"), None).await;
    let listed = [&first, &second].map(|page| page["items"].as_array().unwrap().clone()).concat();
    assert_eq!((listed.iter().map(id).collect::<Vec<_>>(), &first["total"]), (items.clone(), &json!(3)));
    assert_eq!(app.get(&format!("{path}?cursor=x"), None).await.0, 400);

    // Ten at once where there is room for four: four are added.
    execute(
        &app,
        &format!(
            "insert into character_gallery (id, character_id, kind, url)
             select gen_random_uuid(), '{made}', 'image', 'https://e.com/' from generate_series(1, 193)"
        ),
    )
    .await;
    let added = join_all((0..10).map(|_| add(&app, &admin, &made, item(false)))).await;
    assert_eq!(added.iter().filter(|(status, _)| *status == 201).count(), 4);
    assert_eq!(added.iter().filter(|(status, _)| *status == 409).count(), 6);

    let one = format!("{path}/{}", items[0]);
    assert_eq!(app.call(Method::DELETE, &one, Some(&admin.token), None).await.0, 204);
    assert_eq!(app.call(Method::DELETE, &one, Some(&admin.token), None).await.0, 404);
    assert_eq!(app.call(Method::DELETE, &format!("{path}/x"), Some(&admin.token), None).await.0, 404);
    let acts = "select count(*) from audit_log where action like 'character.gallery%'";
    assert_eq!(number(&app, acts).await, 3 + 4 + 1);
    app.stop().await;
}
