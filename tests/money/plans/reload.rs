//! The settings read anew while the server runs: taken whole or not at all, and in force at once for whoever is there.

use greenroom::config::{Config, ConfigError, RateSettings};
use reqwest::Method;
use serde_json::{Value, json};

use super::{World, per_day};
use crate::support::app::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_lowered_or_raised_counts_at_once_and_what_was_used_stays() {
    let world = World::start().await;
    let user = world.user("basic").await;
    let room = world.app.conversation(&user).await;
    world.say_all(&user, &room, 3).await;
    world.edit(|config| per_day(config, "basic", 2));
    let (status, answer) = world.reload().await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer, json!({"changed": ["plans.basic.messages_per_day"], "needsRestart": []}));
    assert_eq!(world.today(&user).await, (3, 2));
    assert_eq!(world.say(&user, &room).await.0, 402);
    assert_eq!(world.can_send(&user, "").await["allowed"], false);
    world.edit(|config| per_day(config, "basic", 4));
    assert_eq!(world.reload().await.0, 200);
    world.say_all(&user, &room, 1).await;
    assert_eq!(world.say(&user, &room).await.0, 402);
    let (_, plans) = world.app.get("/api/subscriptions/plans", None).await;
    assert_eq!(plans["items"][1]["messagesPerDay"], 4);
    assert_eq!(world.reload().await.1, json!({"changed": [], "needsRestart": []}));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_do_not_hold_change_nothing() {
    let world = World::start().await;
    let user = world.user("basic").await;
    let before = world.settings.lock().unwrap().clone().unwrap();
    let broken = "GREENROOM__PLANS__BASIC__TERM".to_owned();
    let env = [(broken, "month".to_owned()), ("LOG_LEVEL".to_owned(), "loud".to_owned())].into();
    let refused: Result<Config, ConfigError> = Config::from_layers(None, &env);
    *world.settings.lock().unwrap() = Err(refused.unwrap_err());
    let (status, answer) = world.reload().await;
    assert_eq!((status, &answer["error"]), (409, &json!("conflict")), "{answer}");
    let fields: Vec<_> = answer["details"].as_array().unwrap().iter().map(|one| &one["field"]).collect();
    assert!(!fields.is_empty() && answer["message"].as_str().unwrap().contains("nothing was changed"));
    assert_eq!(world.today(&user).await, (0, 5));
    *world.settings.lock().unwrap() = Ok(before);
    assert_eq!(world.reload().await.1, json!({"changed": [], "needsRestart": []}));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_somebody_has_cannot_vanish_in_a_running_server_either() {
    let world = World::start().await;
    let (user, other) = (world.user("pro").await, world.user("pro").await);
    world.edit(|config| {
        config.plans.remove("pro");
        per_day(config, "basic", 1);
    });
    let (status, answer) = world.reload().await;
    assert_eq!(status, 409, "{answer}");
    assert_eq!(answer["details"][0]["field"], "plans.pro");
    assert!(answer["message"].as_str().unwrap().contains("2 people have this plan"), "{answer}");
    let (_, usage) = world.app.get("/api/auth/usage", Some(&user.token)).await;
    assert_eq!((&usage["plan"], &usage["limits"][0]["limit"]), (&json!("pro"), &json!(1_000)));
    let basic = world.user("basic").await;
    assert_eq!(world.today(&basic).await, (0, 5), "nothing else of it was taken either");
    // With a word on what stands in its place.
    world.edit(|config| {
        config.plan_replacements.insert("pro".to_owned(), "enterprise".to_owned());
    });
    let (status, answer) = world.reload().await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["changed"],
        json!(["plan_replacements.pro", "plans.basic.messages_per_day", "plans.pro"])
    );
    let (_, usage) = world.app.get("/api/auth/usage", Some(&user.token)).await;
    assert_eq!((&usage["plan"], &usage["limits"]), (&json!("enterprise"), &json!([])));
    assert_eq!(world.today(&basic).await, (0, 1));
    let path = format!("/api/admin/users/{}", other.id);
    let body = Some(json!({"plan": "pro"}));
    let (status, answer) = world.app.call(Method::PUT, &path, Some(&world.admin.token), body).await;
    assert_eq!(status, 400, "nobody is given it any more");
    assert!(answer["message"].as_str().unwrap().contains("there is no plan"), "{answer}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_running_server_cannot_take_over_is_told_and_waits() {
    let world = World::start().await;
    world.edit(|config| {
        config.server.port = 1;
        config.pool.workers = 3;
        config.stripe.publishable_key = "pk_test_1".to_owned();
        config.admin.password = "another long Passphrase 9".into();
        config.default_plan = "basic".to_owned();
    });
    for _ in 0..2 {
        let (status, answer) = world.reload().await;
        assert_eq!(status, 200, "{answer}");
        let waits = json!(["admin.password", "pool.workers", "server.port", "stripe.publishable_key"]);
        assert_eq!(answer["needsRestart"], waits);
        assert!(!answer.to_string().contains("Passphrase"));
    }
    let user = world.app.user().await;
    assert_eq!(world.today(&user).await, (0, 5), "a new account has the new default plan");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_sockets_are_paced_by_what_their_plan_is_now() {
    let world = World::start_with(|config| {
        config.limits.enabled = true;
        config.limits.api.enabled = false;
        config.limits.api_premium.enabled = false;
        config.limits.auth_address.enabled = false;
        config.limits.messages = RateSettings { enabled: true, max: 2, window_s: 600 };
    })
    .await;
    let user = world.user("starter").await;
    let room = world.app.conversation(&user).await;
    let mut socket = world.app.socket(&user).await;
    let mut say = async || {
        let data = json!({"conversationId": room, "content": "Good evening", "reply": "none"});
        socket.ask("message:send", data).await
    };
    let mut paced = Value::Null;
    while paced["code"] != "rate_limited" {
        paced = say().await;
    }
    // The plan is a premium one now: for the socket, whose token is older, too.
    world.edit(|config| {
        config.plans.get_mut("starter").unwrap().class = greenroom::config::ServiceClass::Premium;
    });
    assert_eq!(world.reload().await.1["changed"], json!(["plans.starter.class"]));
    for _ in 0..5 {
        assert_eq!(say().await["success"], true);
    }
    world.give(&user, "basic").await;
    let mut again = Value::Null;
    eventually("a plan that is not", async || {
        again = say().await;
        again["code"] == "rate_limited"
    })
    .await;
    world.give(&user, "premium").await;
    eventually("and one that is", async || say().await["success"] == true).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_http_follow() {
    let world = World::start_with(|config| {
        config.limits.enabled = true;
        config.limits.search.max = 1;
    })
    .await;
    let user = world.app.user().await;
    let search = async || world.app.get("/api/messages/search?q=tea", Some(&user.token)).await.0;
    assert_eq!((search().await, search().await), (200, 429));
    world.edit(|config| config.limits.search.max = 50);
    assert_eq!(world.reload().await.1["changed"], json!(["limits.search.max"]));
    for _ in 0..5 {
        assert_eq!(search().await, 200);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reads_the_settings_of_this_node() {
    let world = World::start().await;
    let user = world.user("basic").await;
    world.edit(|config| per_day(config, "basic", 9));
    let pid = std::process::id().to_string();
    assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    eventually("the settings are read", async || world.today(&user).await == (0, 9)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_is_an_admins_act_and_stands_in_the_audit_log() {
    let world = World::start().await;
    let user = world.app.user().await;
    assert_eq!(world.app.post("/api/admin/config/reload", None, json!({})).await.0, 401);
    assert_eq!(world.app.post("/api/admin/config/reload", Some(&user.token), json!({})).await.0, 403);
    world.edit(|config| per_day(config, "basic", 6));
    world.reload().await;
    let (_, log) = world.app.get("/api/admin/audit?action=config.reload", Some(&world.admin.token)).await;
    assert_eq!(log["total"], 1);
    assert_eq!(
        log["items"][0]["detail"],
        json!({"changed": ["plans.basic.messages_per_day"], "needsRestart": []})
    );
    // Without a body, as an operator's script sends it.
    let answer =
        world.app.send(Method::POST, "/api/admin/config/reload", Some(&world.admin.token), None).await;
    assert_eq!(answer.status(), 200);
    world.stop().await;
}
