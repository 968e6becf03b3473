//! Ratings and profile views, exact however many come at once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{delete, id, make, number};
use crate::support::app::{TestApp, TestUser, eventually};

/// Many signed-in users, without the cost of as many passwords.
pub async fn people(app: &TestApp, count: usize) -> Vec<TestUser> {
    join_all((0..count).map(|_| app.user())).await
}

async fn quick() -> TestApp {
    TestApp::start_with(|config| {
        config.auth.argon2_memory_kib = 64;
        config.auth.argon2_iterations = 1;
        config.characters.views_flush_ms = 50;
    })
    .await
}

async fn rate(app: &TestApp, user: &TestUser, character: &str, rating: Value) -> (u16, Value) {
    let path = format!("/api/characters/{character}/rating");
    app.post(&path, Some(&user.token), json!({ "rating": rating })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_who_rate_at_once_and_change_their_minds_come_to_the_exact_average() {
    let app = quick().await;
    let admin = app.admin().await;
    let made = id(&make(&app, &admin, json!({ "name": "Mira" })).await);
    let users = people(&app, 50).await;
    let all = users.iter().enumerate().flat_map(|(n, user)| {
        let (first, second) = (n % 5 + 1, (n + 2) % 5 + 1);
        [(user, first), (user, second)]
    });
    let answers = join_all(all.map(|(user, rating)| rate(&app, user, &made, json!(rating)))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    // And each once more, to know what stands.
    let last = users.iter().enumerate().map(|(n, user)| rate(&app, user, &made, json!(n % 5 + 1)));
    join_all(last).await;
    let (_, view) = app.get(&format!("/api/characters/{made}"), None).await;
    let statistics = &view["statistics"];
    assert_eq!((&statistics["ratings"], &statistics["rating"]), (&json!(50), &json!(3.0)), "{view}");
    let sums = "select (ratings, rating_sum) = (select count(*), sum(rating) from character_ratings r
        where r.character_id = s.character_id) from character_stats s where ratings > 0";
    let exact: bool = app.database.pool().get().await.unwrap().query_one(sums, &[]).await.unwrap().get(0);
    assert!(exact);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_is_one_to_five_of_a_signed_in_user_and_seen_at_once() {
    let app = quick().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let made = id(&make(&app, &admin, json!({ "name": "Mira" })).await);
    let path = format!("/api/characters/{made}/rating");
    assert_eq!(app.post(&path, None, json!({ "rating": 5 })).await.0, 401);
    for rating in [json!(0), json!(6), json!(-1), json!(2.5), json!("5"), json!(null), json!(99999)] {
        assert_eq!(rate(&app, &user, &made, rating.clone()).await.0, 400, "{rating}");
    }
    assert_eq!(rate(&app, &user, "no-such-character", json!(5)).await.0, 404);
    let rating_of =
        async || app.get(&format!("/api/characters/{made}"), None).await.1["statistics"]["rating"].clone();
    assert_eq!(rating_of().await, Value::Null);
    let (status, rated) = rate(&app, &user, &made, json!(5)).await;
    assert_eq!((status, rated), (200, json!({ "rating": 5, "average": 5.0, "ratings": 1 })));
    assert_eq!(rating_of().await, json!(5.0), "never stale to the one who changed it");
    assert_eq!(rate(&app, &user, &made, json!(2)).await.1["ratings"], 1);
    assert_eq!(rating_of().await, json!(2.0));
    assert_eq!(delete(&app, &admin, &made).await, 204);
    assert_eq!(rate(&app, &user, &made, json!(5)).await.0, 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_of_signed_in_users_are_counted_each_and_those_before_the_end_too() {
    let app = quick().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let made = id(&make(&app, &admin, json!({ "name": "Mira" })).await);
    let path = format!("/api/characters/{made}");
    let looks = join_all((0..120).map(|n| app.get(&path, (n % 2 == 0).then_some(user.token.as_str())))).await;
    assert!(looks.iter().all(|(status, _)| *status == 200));
    app.get("/api/characters/no-such-character", Some(&user.token)).await;
    let sql = format!("select views from character_stats where character_id = '{made}'");
    eventually("sixty views", async || number(&app, &sql).await == 60).await;
    eventually("seen", async || app.get(&path, None).await.1["statistics"]["views"] == 60).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_wait_are_written_when_the_server_ends() {
    let app = TestApp::start_with(|config| config.characters.views_flush_ms = 3_600_000).await;
    let (user, id) = (app.user().await, app.character().await);
    for _ in 0..3 {
        app.get(&format!("/api/characters/{id}"), Some(&user.token)).await;
    }
    let sql = "select sum(views)::bigint from character_stats";
    assert_eq!(number(&app, sql).await, 0, "no read writes");
    let database = app.ended().await;
    let views: i64 = database.pool().get().await.unwrap().query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(views, 3);
}
