//! Lists: filters, orders, and pages that neither repeat nor hide while characters come and go.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{delete, execute, id, make};
use crate::support::app::{TestApp, TestUser};

async fn names(app: &TestApp, query: &str) -> Vec<String> {
    let (status, list) = app.get(&format!("/api/characters?limit=100&{query}"), None).await;
    assert_eq!(status, 200, "{list}");
    let items = list["items"].as_array().unwrap();
    assert_eq!(list["total"], items.len(), "{list}");
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

async fn cast(app: &TestApp, admin: &TestUser) {
    for (name, category, tags, traits, premium) in [
        ("Anna", "Guides", vec!["sea"], vec!["dry"], false),
        ("Bela", "guides", vec!["Sea", "fog"], vec!["dry", "warm"], true),
        ("Cora", "poets", vec!["fog"], vec!["warm"], false),
    ] {
        let body = json!({ "name": name, "category": category, "tags": tags, "traits": traits, "premium": premium,
            "description": format!("100% {name}_x") });
        make(app, admin, body).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_that_is_given_must_fit() {
    let app = TestApp::start().await;
    execute(&app, "update characters set deleted_at = now()").await;
    let admin = app.admin().await;
    cast(&app, &admin).await;
    for (query, expected) in [
        ("category=GUIDES", vec!["Anna", "Bela"]),
        ("tag=sea", vec!["Anna", "Bela"]),
        ("trait=warm", vec!["Bela", "Cora"]),
        ("trait=Warm&category=poets", vec!["Cora"]),
        ("premium=true", vec!["Bela"]),
        ("premium=false&tag=fog", vec!["Cora"]),
        ("q=0%25%20c", vec!["Cora"]),
        ("q=a_x", vec!["Anna", "Bela", "Cora"]),
        ("q=fog", vec!["Bela", "Cora"]),
        ("q=_", vec!["Anna", "Bela", "Cora"]),
        ("q=%25%25", vec![]),
        ("category=&tag=%20", vec!["Anna", "Bela", "Cora"]),
        ("trait=none", vec![]),
    ] {
        assert_eq!(names(&app, query).await, expected, "{query}");
    }
    for query in
        ["sort=best", "premium=perhaps", "limit=0", "cursor=abc", "q=%00", "sort=newest&cursor=a1.ff"]
    {
        let (status, refused) = app.get(&format!("/api/characters?{query}"), None).await;
        assert_eq!(status, 400, "{query}: {refused}");
    }
    let long = "x".repeat(101);
    assert_eq!(app.get(&format!("/api/characters?trait={long}"), None).await.0, 400);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_walks_each_order_once_while_characters_come_and_go() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for number in 0..12 {
        make(&app, &admin, json!({ "name": format!("Walk {:02}", number % 6) })).await;
    }
    execute(
        &app,
        "update character_stats s set heat = (hashtext(character_id::text) % 7), ratings = 4,
         rating_sum = 4 + abs(hashtext(character_id::text) % 5)
         from characters c where c.id = s.character_id and c.name like 'Walk%' and c.name <> 'Walk 03'",
    )
    .await;
    for sort in ["name", "newest", "popular", "rating"] {
        let (_, before) = app.get(&format!("/api/characters?limit=100&sort={sort}"), None).await;
        let before: Vec<String> = before["items"].as_array().unwrap().iter().map(id).collect();
        let (mut walked, mut cursor, mut gone) = (Vec::new(), String::new(), Vec::new());
        loop {
            let query = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
            let (status, page) = app.get(&format!("/api/characters?limit=3&sort={sort}{query}"), None).await;
            assert_eq!(status, 200, "{page}");
            walked.extend(page["items"].as_array().unwrap().iter().map(id));
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = next.to_owned();
            // Some come, before and behind where the walk stands, and one of them goes again.
            let new = make(&app, &admin, json!({ "name": format!("A {sort} {}", walked.len()) })).await;
            make(&app, &admin, json!({ "name": format!("Z {sort} {}", walked.len()) })).await;
            assert_eq!(delete(&app, &admin, &id(&new)).await, 204);
            gone.push(id(&new));
        }
        let unique: HashSet<&String> = walked.iter().collect();
        assert_eq!(unique.len(), walked.len(), "{sort}: nobody comes twice");
        let stood: Vec<String> = walked.iter().filter(|id| before.contains(id)).cloned().collect();
        assert_eq!(stood, before, "{sort}: who was there is met once, in order");
        execute(
            &app,
            "update characters set deleted_at = now() where name ~ '^[AZ] (name|newest|popular|rating)'",
        )
        .await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_number_are_the_same_list() {
    let app = TestApp::start().await;
    for sort in ["name", "newest", "popular", "rating"] {
        let (_, all) = app.get(&format!("/api/characters?limit=100&sort={sort}"), None).await;
        let mut paged: Vec<Value> = Vec::new();
        for page in 1..=3 {
            let (_, one) = app.get(&format!("/api/characters?limit=5&page={page}&sort={sort}"), None).await;
            assert_eq!((&one["page"], &one["total"]), (&json!(page), &json!(12)));
            paged.extend(one["items"].as_array().unwrap().clone());
        }
        assert_eq!(Value::Array(paged), all["items"], "{sort}");
    }
    app.stop().await;
}
