//! Providers that ask for patience, refuse, or are let go while an avatar or a prompt is written.

use serde_json::json;

use super::provider::{Act, Provider};
use super::{ask, credits, ended, grant, id, number, plan, wish, with_provider};
use crate::support::app::{TestApp, eventually};

/// A server that asks a stand-in twice at most, without a pause.
async fn with(house: &Provider) -> TestApp {
    with_provider(house, |config| {
        config.jobs.retries = 1;
        config.content.optimize_timeout_ms = 300;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_asks_for_a_day_is_asked_again_within_minutes() {
    let house = Provider::start().await;
    let app = with(&house).await;
    let user = app.user().await;
    grant(&app, &user, 10).await;
    house.script((0..20).map(|_| Act::Status(429, Some("86400"))));
    assert_eq!(ask(&app, &user, wish("Nadia")).await.0, 201);
    let failed = "select count(*) from jobs where kind = 'avatar.write' and state = 0 and attempts = 1 and last_error is not null";
    eventually("it is put off", async || number(&app, failed).await == 1).await;
    let soon = "select count(*) from jobs where kind = 'avatar.write'
        and run_at between now() + interval '200 seconds' and now() + interval '301 seconds'";
    assert_eq!(number(&app, soon).await, 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_is_no_verdict_on_what_was_asked() {
    let house = Provider::start().await;
    let app = with(&house).await;
    let user = app.user().await;
    plan(&app, &user, "enterprise").await;
    grant(&app, &user, 20).await;
    let fault = async |acts: Vec<Act>, name: &str| {
        house.script(acts);
        let (status, made) = ask(&app, &user, wish(name)).await;
        assert_eq!(status, 201, "{made}");
        let failed = ended(&app, &user, &id(&made["avatar"])).await;
        failed["fault"]["code"].as_str().unwrap_or_else(|| panic!("{failed}")).to_owned()
    };
    let filtered = json!({ "error": { "code": "content_filter", "message": "stopped by content_filter" } });
    let asked = house.asked().len();
    assert_eq!(fault(vec![Act::Refusal(400, filtered.to_string())], "Forbidden").await, "content_refused");
    assert_eq!(house.asked().len() - asked, 1, "it would be the same again");
    let empty = json!({ "error": { "code": "insufficient_quota", "message": "pay first" } }).to_string();
    let wrong_key = (0..10).map(|_| Act::Status(401, None)).collect();
    assert_eq!(fault(wrong_key, "Locked").await, "dependency_down");
    assert_eq!(fault(vec![Act::Refusal(429, empty); 10], "Poor").await, "dependency_down");
    assert_eq!(credits(&app, &user).await, (20, 0), "all were paid back");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_comes_too_late_is_accounted_all_the_same() {
    let house = Provider::start().await;
    let app = with(&house).await;
    let user = app.user().await;
    house.script([Act::Stall(vec!["A lighthouse, ".to_owned()])]);
    let body = json!({ "prompt": "a lighthouse" });
    let (status, better) = app.post("/api/content/optimize", Some(&user.token), body).await;
    assert_eq!((status, &better["optimizedPrompt"]), (200, &json!("a lighthouse")), "{better}");
    let stopped = format!(
        "select count(*) from ai_calls where purpose = 'writing' and outcome = 'stopped' and user_id = '{}'
            and completion_tokens > 0",
        user.id
    );
    eventually("it is accounted", async || number(&app, &stopped).await == 1).await;
    app.stop().await;
}
