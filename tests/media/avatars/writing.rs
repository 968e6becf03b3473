//! From a few words to a character: what it costs, and what happens when something is in the way.

use greenroom::billing::Ledger;
use greenroom::jobs::{NewJob, QueueName, enqueue};
use serde_json::{Value, json};

use super::provider::{Act, Provider};
use super::{ask, credits, ended, execute, grant, id, number, plan, uuid, wish, with_provider};
use crate::support::app::{TestApp, TestUser, eventually};

fn profile() -> String {
    let profile = json!({
        "tagline": "Tea above the clouds", "description": "She flew.", "personality": "Calm.", "scenario": "A hill.",
        "greeting": "Sit down, {{user}}.", "tone": "dry", "traits": ["dry"], "tags": ["tea"], "appearance": "Grey hair.",
    });
    format!("```json\n{profile}\n```")
}

fn says(text: &str) -> Act {
    Act::Say { texts: vec![text.to_owned()], finish: "stop", usage: true }
}

async fn transfers(app: &TestApp, user: &TestUser) -> i64 {
    number(app, &format!("select count(*) from credit_transfers where user_id = '{}'", user.id)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_it_is_written_by_rules_and_says_so() {
    let app = TestApp::start().await;
    let user = app.user().await;
    grant(&app, &user, 25).await;
    let (status, made) = ask(&app, &user, wish("Nadia")).await;
    assert_eq!(status, 201, "{made}");
    // What is set aside may be paid already.
    assert_eq!(made["credits"]["available"], json!(15), "of 25");
    let avatar = ended(&app, &user, &id(&made["avatar"])).await;
    assert_eq!((&avatar["state"], &avatar["writtenBy"]), (&json!("ready"), &json!("offline")), "{avatar}");
    assert_eq!(avatar["visibility"], "private");
    assert!(avatar["appearance"].as_str().unwrap().contains("grows tea"), "{avatar}");
    assert!(avatar["settings"]["personality"].as_str().unwrap().contains("Nadia"));
    assert_eq!(credits(&app, &user).await, (15, 0), "paid once");
    let sql = format!("select count(*) from ai_calls where purpose = 'writing' and user_id = '{}'", user.id);
    assert_eq!(number(&app, &sql).await, 1);
    // Its picture is taken in as any file is.
    let path = format!("avatars/{}/thumbnail_{}.webp", user.id, id(&avatar));
    let sql = format!("select count(*) from media_files where purpose = 'avatar' and key = '{path}'");
    eventually("a thumbnail is taken", async || number(&app, &sql).await == 1).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_before_anything_is_held() {
    let app = TestApp::start_with(|config| {
        config.moderation.patterns = [("weapons".to_owned(), vec!["napalm".to_owned()])].into();
    })
    .await;
    let user = app.user().await;
    let (status, refused) = ask(&app, &user, wish("Nadia")).await;
    assert_eq!((status, &refused["error"]), (402, &json!("out_of_credits")), "{refused}");
    grant(&app, &user, 100).await;
    let (status, refused) =
        ask(&app, &user, json!({ "name": "", "description": "x", "traits": ["purple"] })).await;
    let fields: Vec<&str> =
        refused["details"].as_array().unwrap().iter().map(|f| f["field"].as_str().unwrap()).collect();
    assert_eq!((status, fields), (400, vec!["description", "name", "traits"]), "{refused}");
    let (status, refused) =
        ask(&app, &user, json!({ "name": "X", "description": "one who makes napalm" })).await;
    assert_eq!((status, &refused["error"]), (400, &json!("content_refused")), "{refused}");
    assert_eq!(credits(&app, &user).await, (100, 0));
    assert_eq!(number(&app, "select count(*) from characters where owner_id is not null").await, 0);
    assert_eq!(app.post("/api/avatars", None, wish("Nadia")).await.0, 401);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_holds_however_many_ask_at_once() {
    let app = TestApp::start().await;
    let user = app.user().await;
    plan(&app, &user, "premium").await;
    grant(&app, &user, 1_000).await;
    let asked = (0..12).map(|n| ask(&app, &user, wish(&format!("No {n}"))));
    let answers = futures_util::future::join_all(asked).await;
    let made = answers.iter().filter(|(status, _)| *status == 201).count();
    assert_eq!(made, 3, "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|(status, body)| *status == 201 || (*status == 402 && body["error"] == "quota_exceeded"))
    );
    let (_, limit) = app.get("/api/avatars/limit", Some(&user.token)).await;
    assert_eq!(limit, json!({ "used": 3, "limit": 3, "plan": "premium", "credits": 10 }));
    for (_, body) in answers.iter().filter(|(status, _)| *status == 201) {
        ended(&app, &user, &id(&body["avatar"])).await;
    }
    assert_eq!(credits(&app, &user).await, (970, 0));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_never_spent_twice_and_the_same_client_id_is_one_avatar() {
    let app = TestApp::start().await;
    let user = app.user().await;
    plan(&app, &user, "enterprise").await;
    grant(&app, &user, 25).await;
    let asked = (0..6).map(|n| ask(&app, &user, wish(&format!("No {n}"))));
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 2, "{answers:?}");
    assert!(
        answers.iter().all(|(status, body)| *status == 201 || body["error"] == "out_of_credits"),
        "{answers:?}"
    );
    grant(&app, &user, 100).await;
    let mut body = wish("Once");
    body["clientId"] = json!("the same");
    let answers = futures_util::future::join_all((0..5).map(|_| ask(&app, &user, body.clone()))).await;
    let ids: std::collections::HashSet<String> =
        answers.iter().map(|(_, body)| id(&body["avatar"])).collect();
    assert_eq!((ids.len(), answers.iter().all(|(status, _)| *status == 201)), (1, true), "{answers:?}");
    body["name"] = json!("Another");
    assert_eq!(ask(&app, &user, body).await.0, 409);
    for avatar in app.get("/api/avatars", Some(&user.token)).await.1["items"].as_array().unwrap() {
        ended(&app, &user, &id(avatar)).await;
    }
    assert_eq!(credits(&app, &user).await, (95, 0), "three were paid");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_writes_no_profile_is_asked_again_and_then_it_is_paid_back() {
    let house = Provider::start().await;
    let app = with_provider(&house, |_| {}).await;
    let user = app.user().await;
    plan(&app, &user, "enterprise").await;
    grant(&app, &user, 20).await;
    house.script([says("I would rather not."), says("{\"tagline\": 7}"), says(&profile())]);
    let (_, made) = ask(&app, &user, wish("Nadia")).await;
    let avatar = ended(&app, &user, &id(&made["avatar"])).await;
    assert_eq!(
        (&avatar["state"], &avatar["writtenBy"]),
        (&json!("ready"), &json!("house/house-model")),
        "{avatar}"
    );
    assert_eq!(
        (&avatar["appearance"], &avatar["greeting"]),
        (&json!("Grey hair."), &json!("Sit down, {{user}}."))
    );
    assert_eq!(credits(&app, &user).await, (10, 0));
    // What people wrote stands in no system message, and the model is told what was wrong.
    let asked = house.asked();
    let text = |at: usize, message: usize| asked[at].body["messages"][message]["content"].to_string();
    assert!(!text(0, 0).contains("SECRET-idea") && text(0, 1).contains("SECRET-idea"));
    assert!(text(1, 1).contains("no JSON object") && text(2, 1).contains("description"));
    // The default answer is no profile either.
    let (_, made) = ask(&app, &user, wish("Nobody")).await;
    let failed = ended(&app, &user, &id(&made["avatar"])).await;
    assert_eq!(
        (&failed["state"], &failed["fault"]["code"]),
        (&json!("failed"), &json!("invalid_answer")),
        "{failed}"
    );
    assert_eq!(credits(&app, &user).await, (10, 0), "paid back");
    let (_, limit) = app.get("/api/avatars/limit", Some(&user.token)).await;
    assert_eq!(limit["used"], 1, "one that failed takes no place");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_writes_is_judged_too_and_a_provider_that_is_away_costs_nothing() {
    let house = Provider::start().await;
    let app = with_provider(&house, |config| {
        config.jobs.backoff_max_ms = 1;
        config.jobs.retries = 1;
        config.moderation.patterns = [("weapons".to_owned(), vec!["napalm".to_owned()])].into();
    })
    .await;
    let user = app.user().await;
    grant(&app, &user, 10).await;
    house.script([says(&profile().replace("She flew.", "She makes napalm."))]);
    let (_, made) = ask(&app, &user, wish("Nadia")).await;
    let failed = ended(&app, &user, &id(&made["avatar"])).await;
    assert_eq!(failed["fault"]["code"], "content_refused", "{failed}");
    assert!(!failed.to_string().contains("napalm"), "{failed}");
    assert_eq!(credits(&app, &user).await, (10, 0));
    house.script((0..40).map(|_| Act::Status(500, None)));
    let (_, made) = ask(&app, &user, wish("Nadia")).await;
    let failed = ended(&app, &user, &id(&made["avatar"])).await;
    assert_eq!(failed["fault"]["code"], "dependency_down", "{failed}");
    assert_eq!(credits(&app, &user).await, (10, 0));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_in_mid_writing_writes_it_after_its_start_and_is_paid_once() {
    let house = Provider::start().await;
    let mut app = with_provider(&house, |_| {}).await;
    let user = app.user().await;
    grant(&app, &user, 10).await;
    house.script([Act::Hang]);
    let (status, made) = ask(&app, &user, wish("Nadia")).await;
    assert_eq!(status, 201, "{made}");
    let avatar = id(&made["avatar"]);
    house.open().await;
    assert_eq!(credits(&app, &user).await, (0, 10), "held");
    house.script([says(&profile())]);
    app.restart().await;
    let written = ended(&app, &user, &avatar).await;
    assert_eq!(written["state"], "ready", "{written}");
    assert_eq!(credits(&app, &user).await, (0, 0));
    let before = transfers(&app, &user).await;
    // The same job once more: somebody whose lease was lost comes second.
    let client = app.database.pool().get().await.unwrap();
    let again = NewJob::new(QueueName::AiResponses, "avatar.write", json!({ "avatar": avatar }));
    enqueue(&client, &again).await.unwrap();
    drop(client);
    let open = "select count(*) from jobs where kind = 'avatar.write' and state < 2";
    eventually("the job is done", async || number(&app, open).await == 0).await;
    assert_eq!(transfers(&app, &user).await, before, "nothing is paid twice");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writing_whose_job_is_lost_or_whose_hold_has_ended_is_paid_back_once() {
    let house = Provider::start().await;
    let app = with_provider(&house, |_| {}).await;
    let user = app.user().await;
    plan(&app, &user, "enterprise").await;
    grant(&app, &user, 20).await;
    // Its hold ended by itself while a model was asked.
    house.script([Act::Hang, says(&profile())]);
    let (_, made) = ask(&app, &user, wish("Late")).await;
    let late = id(&made["avatar"]);
    house.open().await;
    let client = app.database.pool().get().await.unwrap();
    let hold: uuid::Uuid = client.query_one("select hold_id from avatar_writings", &[]).await.unwrap().get(0);
    drop(client);
    Ledger::new(app.database.pool()).end(uuid(&user), hold, 0).await.unwrap();
    let again = NewJob::new(QueueName::AiResponses, "avatar.write", json!({ "avatar": late }));
    enqueue(&app.database.pool().get().await.unwrap(), &again).await.unwrap();
    let failed = ended(&app, &user, &late).await;
    assert_eq!(failed["fault"]["code"], "expired", "{failed}");
    assert_eq!(credits(&app, &user).await, (20, 0));
    // Its job is gone.
    house.script([Act::Hang]);
    let (_, made) = ask(&app, &user, wish("Lost")).await;
    let lost = id(&made["avatar"]);
    assert_eq!(credits(&app, &user).await, (10, 10));
    execute(&app, &format!("delete from jobs where kind = 'avatar.write' and key = '{lost}'")).await;
    execute(
        &app,
        "update avatar_writings set created_at = now() - interval '1 hour' where state = 'writing'",
    )
    .await;
    let sweep = NewJob::new(QueueName::Maintenance, "avatar.sweep", Value::Null);
    enqueue(&app.database.pool().get().await.unwrap(), &sweep).await.unwrap();
    let failed = ended(&app, &user, &lost).await;
    assert_eq!(failed["fault"]["code"], "interrupted", "{failed}");
    assert_eq!(credits(&app, &user).await, (20, 0));
    house.stop().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_written_goes_after_its_days_and_nothing_else() {
    let app = TestApp::start().await;
    let user = app.user().await;
    plan(&app, &user, "enterprise").await;
    grant(&app, &user, 100).await;
    let mut ids = Vec::new();
    for name in ["Ready", "Old", "New", "Left", "Carried"] {
        let (status, made) = ask(&app, &user, wish(name)).await;
        assert_eq!(status, 201, "{made}");
        ids.push(id(&made["avatar"]));
        ended(&app, &user, &ids[ids.len() - 1]).await;
    }
    let drawn = "select count(*) from media_files where purpose = 'avatar' and state = 'ready'";
    eventually("all have a picture", async || number(&app, drawn).await == 5).await;
    // As they stand when nothing came of them; one was given up by its owner, and something hangs on another.
    let failed = |id: &str, days: u32, more: &str| {
        format!(
            "with w as (update avatar_writings set state = 'failed', ended_at = now() - interval '{days} days' where avatar_id = '{id}')
            update characters set state = 'failed', created_at = now() - interval '{days} days'{more} where id = '{id}'"
        )
    };
    for sql in [
        failed(&ids[1], 31, ""),
        failed(&ids[2], 29, ""),
        failed(&ids[3], 31, ", deleted_at = now() - interval '31 days'"),
        failed(&ids[4], 31, ""),
        format!("update characters set created_at = now() - interval '900 days' where id = '{}'", ids[0]),
        format!("delete from media_files where character_id in ('{}', '{}', '{}')", ids[1], ids[2], ids[3]),
    ] {
        execute(&app, &sql).await;
    }
    let sweep = NewJob::new(QueueName::Maintenance, "avatar.sweep", Value::Null);
    enqueue(&app.database.pool().get().await.unwrap(), &sweep).await.unwrap();
    let left = |id: &str| format!("select count(*) from characters where id = '{id}'");
    eventually("they are gone", async || {
        number(&app, &left(&ids[1])).await == 0 && number(&app, &left(&ids[3])).await == 0
    })
    .await;
    for kept in [&ids[0], &ids[2], &ids[4]] {
        assert_eq!(number(&app, &left(kept)).await, 1, "{kept}");
    }
    let writings = format!("select count(*) from avatar_writings where avatar_id = '{}'", ids[1]);
    assert_eq!(number(&app, &writings).await, 0);
    let (_, list) = app.get("/api/avatars", Some(&user.token)).await;
    assert_eq!(list["total"], 3, "{list}");
    assert_eq!(app.get(&format!("/api/avatars/{}", ids[1]), Some(&user.token)).await.0, 404);
    app.stop().await;
}
