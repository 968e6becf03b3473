//! `GET /api/ai/usage`: the same before and after a roll-up, page by page, for admins alone.

use serde_json::{Value, json};

use super::{accounts, execute, number};
use crate::support::app::{TestApp, TestUser, eventually};

/// Calls on some days: `(days ago, user, provider, model, purpose, outcome, tokens)`; the cost is ten times the tokens.
async fn insert(app: &TestApp, ago: u32, user: Option<&TestUser>, rest: (&str, &str, &str, &str, u32)) {
    let (provider, model, purpose, outcome, tokens) = rest;
    let user = user.map_or("null".to_owned(), |user| format!("'{}'", user.id));
    let cost = if outcome == "cached" { 0 } else { tokens * 10 };
    let sql = format!(
        "insert into ai_calls (id, at, purpose, outcome, provider, model, user_id, character_id, prompt_tokens,
            completion_tokens, cached_tokens, counted_here, cost_micros, took_ms)
        values (gen_random_uuid(), date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'
                - interval '{ago} days' + interval '1 minute', '{purpose}', '{outcome}', '{provider}', '{model}', {user},
            (select id from characters order by name limit 1), {tokens}, 1, 0, false, {cost}, 5)"
    );
    assert_eq!(execute(&app.database, &sql).await, 1);
}

async fn usage(app: &TestApp, admin: &TestUser, query: &str) -> Value {
    let (status, answer) = app.get(&format!("/api/ai/usage?{query}"), Some(&admin.token)).await;
    assert_eq!(status, 200, "{query}: {answer}");
    answer
}

fn keys(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().unwrap();
    items.iter().map(|item| item["label"].as_str().unwrap_or("-").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_who_and_what_took_how_much_whether_it_is_rolled_up_or_not() {
    let app = TestApp::start().await;
    let (admin, ada, bo) = (app.admin().await, app.user().await, app.user().await);
    insert(&app, 0, Some(&ada), ("openai", "large", "reply", "done", 1_000)).await;
    insert(&app, 0, Some(&ada), ("openai", "large", "reply", "failed", 10)).await;
    insert(&app, 1, Some(&ada), ("openai", "small", "summary", "stopped", 100)).await;
    insert(&app, 1, Some(&bo), ("gemini", "flash", "reply", "cached", 500)).await;
    insert(&app, 40, Some(&bo), ("gemini", "flash", "reply", "done", 7)).await;
    insert(&app, 2, None, ("gemini", "flash", "test", "done", 3)).await;
    let look = async || {
        let mut seen = Vec::new();
        for query in [
            "groupBy=day",
            "groupBy=user",
            "groupBy=character",
            "groupBy=model",
            "groupBy=provider",
            "groupBy=purpose",
            &format!("groupBy=day&user={}", ada.id),
            "groupBy=model&provider=gemini",
            "groupBy=user&purpose=summary",
        ] {
            seen.push(usage(&app, &admin, query).await);
        }
        seen
    };
    let before = look().await;
    accounts(&app.database).roll_up().await.unwrap();
    insert(&app, 40, Some(&bo), ("gemini", "flash", "reply", "done", 7)).await;
    execute(&app.database, "delete from ai_calls where id in (select id from ai_calls_uncounted)").await;
    let after = look().await;
    assert_eq!(before, after, "what is rolled up and what waits are one");

    let [day, user, character, model, provider, purpose, of_ada, of_gemini, of_summary] = &after[..] else {
        panic!("nine answers")
    };
    let totals = json!({
        "calls": 5, "failed": 1, "stopped": 1, "cached": 1, "promptTokens": 1_613, "cachedTokens": 0,
        "completionTokens": 5, "costMicros": 11_130,
    });
    assert_eq!((&day["totals"], &day["total"], &day["groupBy"]), (&totals, &json!(3), &json!("day")));
    let days: Vec<&str> =
        day["items"].as_array().unwrap().iter().map(|d| d["key"].as_str().unwrap()).collect();
    assert!(days.is_sorted(), "{days:?}");
    assert_eq!(days[2], day["to"], "today is included");
    assert_eq!(day["items"][1]["calls"], 2);
    // The dearest first; whom nobody knows is nobody.
    assert_eq!(keys(user), [ada.username.as_str(), "-", bo.username.as_str()]);
    assert_eq!(user["items"][0]["key"], ada.id.as_str());
    assert_eq!((&user["items"][1]["key"], &user["items"][1]["costMicros"]), (&Value::Null, &json!(30)));
    assert_eq!((&user["items"][2]["costMicros"], &user["items"][2]["cached"]), (&json!(0), &json!(1)));
    let (_, list) = app.get("/api/characters?limit=1&sort=name", None).await;
    assert_eq!(keys(character), [list["items"][0]["name"].as_str().unwrap()]);
    assert_eq!(keys(model), ["large", "small", "flash"]);
    assert_eq!(keys(provider), ["openai", "gemini"]);
    assert_eq!(keys(purpose), ["reply", "summary", "test"]);
    assert_eq!((&of_ada["total"], &of_ada["totals"]["calls"]), (&json!(2), &json!(3)));
    assert_eq!((keys(of_gemini), &of_gemini["totals"]["calls"]), (vec!["flash".to_owned()], &json!(2)));
    assert_eq!(keys(of_summary), [ada.username.as_str()]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_takes_its_days_and_pages_neither_repeat_nor_hide_a_group() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for ago in 0..30 {
        // Two of each price, and some free ones.
        insert(&app, ago, None, ("p", &format!("model.{ago}"), "reply", "done", ago / 2)).await;
    }
    for by in ["day", "model"] {
        let all = usage(&app, &admin, &format!("groupBy={by}&limit=100")).await;
        assert_eq!((&all["total"], &all["nextCursor"]), (&json!(30), &Value::Null));
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = usage(&app, &admin, &format!("groupBy={by}&limit=4&cursor={cursor}")).await;
            assert_eq!(page["totals"], all["totals"]);
            walked.extend(page["items"].as_array().unwrap().clone());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(&json!(walked), &all["items"]);
        let third = usage(&app, &admin, &format!("groupBy={by}&limit=4&page=3")).await;
        assert_eq!(third["items"].as_array().unwrap()[..], walked[8..12]);
        assert_eq!(third["page"], 3);
        let behind = usage(&app, &admin, &format!("groupBy={by}&limit=4&page=9")).await;
        assert_eq!((&behind["items"], &behind["totals"]), (&json!([]), &all["totals"]));
    }
    let all = usage(&app, &admin, "limit=100").await;
    let (tenth, twelfth) = (&all["items"][9]["key"], &all["items"][11]["key"]);
    let part =
        usage(&app, &admin, &format!("from={}&to={}", tenth.as_str().unwrap(), twelfth.as_str().unwrap()))
            .await;
    assert_eq!((&part["total"], &part["from"], &part["to"]), (&json!(3), tenth, twelfth));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_adds_up_first_what_waits_in_heaps() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let sql = "insert into ai_calls (id, purpose, outcome, provider, model, prompt_tokens, completion_tokens,
            cached_tokens, counted_here, cost_micros, took_ms)
        select gen_random_uuid(), 'reply', 'done', 'p', 'm', 1, 1, 0, false, 2, 1 from generate_series(1, 7000)";
    assert_eq!(execute(&app.database, sql).await, 7_000);
    assert_eq!(usage(&app, &admin, "").await["totals"]["calls"], 7_000);
    assert_eq!(number(&app.database, "select count(*) from ai_calls_uncounted").await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_an_admin_sees_it_and_what_makes_no_sense_is_refused() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    assert_eq!(app.get("/api/ai/usage", None).await.0, 401);
    assert_eq!(app.get("/api/ai/usage", Some(&user.token)).await.0, 403);
    let refused = async |query: &str| app.get(&format!("/api/ai/usage?{query}"), Some(&admin.token)).await;
    for (query, field) in [
        ("from=2026-01-02&to=2026-01-01", "from"),
        ("from=2020-01-01&to=2026-01-01", "from"),
        ("from=soon", "from"),
        ("to=2026-02-30", "to"),
        ("purpose=fun", "purpose"),
        ("limit=0", "limit"),
        ("cursor=nonsense", "cursor"),
    ] {
        let (status, answer) = refused(query).await;
        assert_eq!(status, 400, "{query}: {answer}");
        let told = answer["details"][0]["field"].as_str().or(answer["message"].as_str()).unwrap();
        assert!(told.starts_with(field), "{query}: {answer}");
    }
    for query in ["groupBy=week", "user=somebody", "groupBy=day&groupBy=user"] {
        assert_eq!(refused(query).await.0, 400, "{query}");
    }
    let empty = usage(&app, &admin, "groupBy=user").await;
    assert_eq!(
        (&empty["items"], &empty["total"], &empty["totals"]["calls"]),
        (&json!([]), &json!(0), &json!(0))
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_in_the_accounts_of_who_asked() {
    let app = TestApp::start_with(|config| config.ai.offline_word_delay_ms = 0).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let room = app.conversation(&user).await;
    let body = json!({ "content": "Good evening" });
    assert_eq!(
        app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await.0,
        201
    );
    eventually("it is answered", async || number(&app.database, "select count(*) from ai_calls").await == 1)
        .await;
    let seen = usage(&app, &admin, "groupBy=user").await;
    assert_eq!(keys(&seen), [user.username.as_str()]);
    assert!(seen["items"][0]["completionTokens"].as_i64().unwrap() > 0, "{seen}");
    let (_, character) = app.get(&format!("/api/characters/{}", app.character().await), None).await;
    assert_eq!(keys(&usage(&app, &admin, "groupBy=character").await), [character["name"].as_str().unwrap()]);
    assert_eq!(keys(&usage(&app, &admin, "groupBy=purpose").await), ["reply"]);
    // The job of it runs by itself.
    execute(&app.database, "delete from job_schedules where kind = 'ai.usage'").await;
    let mut app = app;
    app.restart().await;
    eventually("it is rolled up", async || {
        number(&app.database, "select count(*) from ai_calls_uncounted").await == 0
    })
    .await;
    assert_eq!(usage(&app, &app.admin().await, "groupBy=user").await["totals"], seen["totals"]);
    app.stop().await;
}
