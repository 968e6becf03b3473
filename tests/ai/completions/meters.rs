//! Metered, paced and limited as chat: the same meters, the same limits.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::World;
use crate::support::app::eventually;
use crate::support::provider::Act;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_on_a_quota_of_ten_are_ten() {
    let world = World::start_with(|config| {
        let free = config.plans.get_mut("free").unwrap();
        free.per_character.text = 10;
        config.pool.per_user = 4;
    })
    .await;
    let asks = (0..50).map(|n| world.open(world.body("Hello", json!({"stream": n % 2 == 0}))));
    let answers = join_all(asks).await;
    let good = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!(good, 10);
    for answer in answers {
        if answer.status() == 200 {
            answer.text().await.unwrap();
            continue;
        }
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["x-should-retry"], "false");
        assert_eq!(answer.headers().get("x-ratelimit-limit"), None, "no limit that time lifts");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(
            (&body["error"]["code"], &body["error"]["type"]),
            (&json!("insufficient_quota"), &json!("insufficient_quota"))
        );
    }
    assert_eq!((world.used().await, world.provider.asked().len()), (10, 10));
    // Rooms count on the same meter.
    let body = json!({"characterId": world.character});
    let (_, made) = world.app.post("/api/conversations", Some(&world.user.token), body).await;
    let room = made["conversation"]["id"].as_str().unwrap();
    let path = format!("/api/conversations/{room}/messages");
    let (status, _) = world.app.post(&path, Some(&world.user.token), json!({"content": "Hello"})).await;
    assert_eq!(status, 402);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_whose_node_died_is_given_back_and_none_twice() {
    let world = World::start().await;
    assert_eq!(world.ask(world.body("Hello", json!({}))).await.0, 200);
    assert_eq!(world.used().await, 1);
    let client = world.app.database.pool().get().await.unwrap();
    let dead = "insert into charges (id, user_id, node, refund)
        select gen_random_uuid(), u.user_id, gen_random_uuid(), u.character_id || ' ' || u.kind || ' ' || u.period
        from usage u";
    client.execute(dead, &[]).await.unwrap();
    world.app.app().engine().recover().await.unwrap();
    world.app.app().engine().recover().await.unwrap();
    assert_eq!(world.used().await, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_paced_and_requests_limited_by_user_and_the_answer_tells_so() {
    let world = World::start_with(|config| {
        config.limits.enabled = true;
        config.limits.messages.max = 3;
        config.limits.api.max = 40;
    })
    .await;
    for _ in 0..3 {
        let answer = world.open(world.body("Hello", json!({}))).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().contains_key("x-ratelimit-remaining"));
        answer.text().await.unwrap();
    }
    let slower = world.open(world.body("Hello", json!({}))).await;
    assert_eq!(
        (slower.status().as_u16(), slower.headers()["x-ratelimit-limit"].to_str().unwrap()),
        (429, "3")
    );
    assert!(slower.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(slower.headers().get("x-should-retry"), None);
    let body: Value = slower.json().await.unwrap();
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    // Another user at the same address has an allowance of their own.
    let other = world.app.user().await;
    let key = World::key_of(&world.app, &other, "chat").await;
    assert_eq!(world.app.get("/v1/models", Some(&key)).await.0, 200);
    let mut last = 200;
    for _ in 0..60 {
        last = world.app.get("/v1/models", Some(&world.key)).await.0;
        if last != 200 {
            break;
        }
    }
    assert_eq!(last, 429);
    let (status, refused) = world.app.get("/v1/models", Some(&world.key)).await;
    assert_eq!((status, &refused["error"]["code"]), (429, &json!("rate_limit_exceeded")));
    assert_eq!(
        world.app.get("/v1/models", Some(&key)).await.0,
        200,
        "the key's user is counted, not the address"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_answers_end_and_takes_no_new_ones() {
    let world = World::start().await;
    world.provider.script([Act::say(["word "; 200])]);
    let streamed = world.open(world.body("Hello", json!({"stream": true}))).await;
    world.app.app().begin_drain();
    let (status, refused) = world.ask(world.body("Hello", json!({}))).await;
    assert_eq!((status, &refused["error"]["code"]), (503, &json!("draining")));
    let text = streamed.text().await.unwrap();
    assert!(text.ends_with("data: [DONE]\n\n"));
    eventually("nothing is under way", async || world.app.app().engine().snapshot().turns == 0).await;
    let (status, _) = world.app.call(Method::GET, "/v1/models", Some(&world.key), None).await;
    assert_eq!(status, 200);
    world.stop().await;
}
