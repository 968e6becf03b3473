//! Which plans there are, whether a message may be sent, and what is used.

use serde_json::{Value, json};

use super::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_plans_are_told_to_everybody_by_both_paths() {
    let world = World::start().await;
    let (status, plans) = world.app.get("/api/subscriptions/plans", None).await;
    assert_eq!(status, 200);
    let names: Vec<_> = plans["items"].as_array().unwrap().iter().map(|plan| &plan["name"]).collect();
    assert_eq!(names, ["free", "basic", "starter", "premium", "pro", "enterprise"]);
    let premium = &plans["items"][3];
    assert_eq!(
        (&premium["priceCents"], &premium["term"], &premium["days"]),
        (&json!(700), &json!("days"), &json!(15))
    );
    assert_eq!(premium["features"], json!(["all_models", "premium_gallery", "audio_replies"]));
    assert_eq!(premium["buyable"], false, "without Stripe nothing is sold");
    let older = world.app.send(reqwest::Method::GET, "/api/subscription/plans", None, None).await;
    assert!(older.headers().contains_key("deprecation"));
    assert_eq!(older.json::<Value>().await.unwrap(), plans);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_that_of_sending_it_and_asking_counts_nothing() {
    let world = World::start().await;
    let user = world.user("basic").await;
    let room = world.app.conversation(&user).await;
    world.say_all(&user, &room, 4).await;
    for _ in 0..3 {
        let answer = world.can_send(&user, "&type=text").await;
        assert_eq!(answer["allowed"], true);
        assert_eq!(answer["usage"]["limits"][0]["percent"], 80);
        assert!(answer.get("code").is_none() && answer.get("resetsAt").is_none(), "{answer}");
    }
    world.say_all(&user, &room, 1).await;
    let answer = world.can_send(&user, "").await;
    assert_eq!((&answer["allowed"], &answer["code"]), (&json!(false), &json!("quota_exceeded")));
    assert_eq!(answer["resetsAt"], answer["usage"]["limits"][0]["resetsAt"]);
    assert!(answer["message"].as_str().unwrap().contains("5 messages today"));
    let (status, refused) = world.say(&user, &room).await;
    assert_eq!((status, &refused["error"]), (402, &answer["code"]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_character_and_kind_is_asked_by_itself() {
    let world = World::start_with(|config| {
        let per = &mut config.plans.get_mut("free").unwrap().per_character;
        (per.text, per.audio, per.media) = (1, 1, 0);
    })
    .await;
    let user = world.app.user().await;
    let room = world.app.conversation(&user).await;
    world.say_all(&user, &room, 1).await;
    let text = world.can_send(&user, "&type=text").await;
    assert_eq!((&text["allowed"], text.get("resetsAt")), (&json!(false), None), "a lifetime has no reset");
    assert_eq!(world.can_send(&user, "&type=audio").await["allowed"], true);
    let media = world.can_send(&user, "&type=media").await;
    assert_eq!((&media["allowed"], &media["usage"]["limits"]), (&json!(true), &json!([])));
    let (_, all) = world.app.get("/api/characters?limit=2", None).await;
    let other = all["items"][1]["slug"].as_str().unwrap();
    let path = format!("/api/subscription/can-send?characterId={other}");
    assert_eq!(world.app.get(&path, Some(&user.token)).await.1["allowed"], true, "a slug does as well");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_or_the_plan_does_not_have_is_said() {
    let world = World::start().await;
    let user = world.app.user().await;
    let answer = world.can_send(&user, "&responseType=audio").await;
    // Without a voice nobody gets it; with one the plan is asked.
    assert_eq!((&answer["allowed"], &answer["code"]), (&json!(false), &json!("reply_type_unavailable")));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pace_refuses_as_it_does_for_a_message() {
    let world = World::start_with(|config| {
        config.limits.enabled = true;
        config.limits.api.enabled = false;
        config.limits.messages.max = 1;
    })
    .await;
    let user = world.app.user().await;
    let room = world.app.conversation(&user).await;
    world.say_all(&user, &room, 1).await;
    let answer = world.can_send(&user, "").await;
    assert_eq!((&answer["allowed"], &answer["code"]), (&json!(false), &json!("rate_limited")));
    let wait = answer["retryAfterMs"].as_u64().unwrap();
    assert!((1..=60_000).contains(&wait), "{wait}");
    world.give(&user, "premium").await;
    assert_eq!(world.can_send(&user, "").await["allowed"], true);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_questions_are_refused() {
    let world = World::start().await;
    let (user, character) = (world.app.user().await, &world.character);
    let nobody = "0198c0de-0000-7000-8000-000000000000";
    for (query, status, field) in [
        (String::new(), 400, "characterId"),
        ("?characterId=%20".to_owned(), 400, "characterId"),
        (format!("?characterId={character}&type=song"), 400, "type"),
        (format!("?characterId={character}&type="), 400, "type"),
        (format!("?characterId={character}&responseType=TEXT"), 400, "responseType"),
        (format!("?characterId={character}&type=text&type=text"), 400, ""),
        (format!("?characterId={nobody}"), 404, ""),
        ("?characterId=no-such-one".to_owned(), 404, ""),
    ] {
        let path = format!("/api/subscription/can-send{query}");
        let (got, answer) = world.app.get(&path, Some(&user.token)).await;
        assert_eq!(got, status, "{query} {answer}");
        if !field.is_empty() {
            assert_eq!(answer["details"][0]["field"], field, "{query}");
        }
    }
    let path = format!("/api/subscription/can-send?characterId={character}");
    assert_eq!(world.app.get(&path, None).await.0, 401);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_tells_the_plans_end_and_what_comes_then() {
    let world = World::start().await;
    let user = world.user("basic").await;
    let (_, usage) = world.app.get("/api/subscription/usage", Some(&user.token)).await;
    assert_eq!(
        (&usage["plan"], &usage["planUntil"], &usage["planAfter"]),
        (&json!("basic"), &Value::Null, &Value::Null)
    );
    assert_eq!(world.app.get("/api/auth/usage", Some(&user.token)).await.1, usage);
    let path = format!("/api/users/{}/premium", user.id);
    let body = Some(json!({"isPremium": true, "days": 15}));
    let (status, _) = world.app.call(reqwest::Method::PUT, &path, Some(&world.admin.token), body).await;
    assert_eq!(status, 200);
    let (_, usage) = world.app.get("/api/auth/usage", Some(&user.token)).await;
    assert_eq!(
        (&usage["plan"], &usage["planAfter"], &usage["limits"]),
        (&json!("premium"), &json!("basic"), &json!([]))
    );
    assert!(usage["planUntil"].is_string());
    for path in ["/api/subscription/usage", "/api/auth/usage"] {
        assert_eq!(world.app.get(path, None).await.0, 401);
    }
    world.stop().await;
}
