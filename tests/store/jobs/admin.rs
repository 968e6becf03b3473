//! What admins see and do, over HTTP and in a browser.

use greenroom::jobs::{NewJob, QueueName, enqueue};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, eventually};
use crate::support::browser::Tab;

const KIND: &str = "nobody.does.this";

async fn put(app: &TestApp, job: &NewJob) -> String {
    let client = app.database.pool().get().await.unwrap();
    enqueue(&client, job).await.unwrap().expect("a job").to_string()
}

/// A job that was given up, so many minutes ago.
async fn dead(app: &TestApp, queue: QueueName, key: &str, minutes: i32) -> String {
    let job = NewJob { key: Some(key.to_owned()), ..NewJob::new(queue, KIND, json!({"token": "swordfish"})) };
    let id = put(app, &job).await;
    execute(
        app,
        &format!(
            "update jobs set state = 3, attempts = 4, last_error = 'no route',
            finished_at = now() - interval '{minutes} minutes' where id = '{id}'"
        ),
    )
    .await;
    id
}

async fn execute(app: &TestApp, sql: &str) -> u64 {
    app.database.pool().get().await.unwrap().execute(sql, &[]).await.unwrap()
}

fn queue<'a>(list: &'a Value, name: &str) -> &'a Value {
    list["items"].as_array().unwrap().iter().find(|queue| queue["name"] == name).expect(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_paths_are_for_admins_alone() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let id = dead(&app, QueueName::Emails, "a", 0).await;
    let retry = format!("/api/admin/jobs/{id}/retry");
    let job = format!("/api/admin/jobs/{id}");
    for (method, path) in [
        (Method::GET, "/api/admin/queues"),
        (Method::GET, "/api/admin/dead-jobs"),
        (Method::POST, "/api/admin/queues/emails/pause"),
        (Method::POST, "/api/admin/queues/emails/resume"),
        (Method::POST, &retry),
        (Method::DELETE, &job),
    ] {
        assert_eq!(app.call(method.clone(), path, None, None).await.0, 401, "{method} {path}");
        assert_eq!(app.call(method.clone(), path, Some(&user.token), None).await.0, 403, "{method} {path}");
    }
    assert_eq!(app.get("/api/admin/queues", Some(&admin.token)).await.0, 200);
    let (_, list) = app.get("/api/admin/dead-jobs", Some(&admin.token)).await;
    assert_eq!(list["total"], 1, "nothing was done to it: {list}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_tells_numbers_to_admins_and_names_to_everybody() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    dead(&app, QueueName::Emails, "a", 0).await;
    for token in [None, Some(user.token.as_str())] {
        let (status, overview) = app.get("/queue/overview", token).await;
        assert_eq!(status, 200);
        let brief = |name: &str| json!({"name": name, "state": "running"});
        let names =
            ["messages", "ai-responses", "media-processing", "analytics", "emails", "maintenance"].map(brief);
        assert_eq!(overview, json!({ "queues": names }));
    }
    let (_, overview) = app.get("/queue/overview", Some(&admin.token)).await;
    assert_eq!(overview["queues"][4]["failed"], 1, "{overview}");
    assert_eq!(app.get("/queue/overview", Some("nonsense")).await.0, 401);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_told_in_numbers_and_the_live_ones_show_what_the_engine_did() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let emails = |kind| NewJob::new(QueueName::Emails, kind, json!({}));
    put(&app, &emails(KIND)).await;
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    put(&app, &NewJob { run_at: Some(later), ..emails(KIND) }).await;
    dead(&app, QueueName::Emails, "a", 0).await;
    let room = app.conversation(&admin).await;
    let said = json!({ "content": "Good evening", "reply": "none" });
    assert_eq!(
        app.post(&format!("/api/conversations/{room}/messages"), Some(&admin.token), said).await.0,
        201
    );

    let (_, list) = app.get("/api/admin/queues", Some(&admin.token)).await;
    let emails = queue(&list, "emails");
    for (name, value) in [("kind", json!("jobs")), ("state", json!("running")), ("waiting", json!(1))] {
        assert_eq!(emails[name], value, "{emails}");
    }
    assert_eq!(
        (&emails["delayed"], &emails["running"], &emails["failed"]),
        (&json!(1), &json!(0), &json!(1))
    );
    assert!(emails["oldestWaitingMs"].is_u64(), "{emails}");
    let messages = queue(&list, "messages");
    assert_eq!((&messages["kind"], &messages["done24h"]), (&json!("live"), &Value::Null));
    assert!(messages["doneSinceStart"].as_u64().unwrap() > 0, "{messages}");
    assert_eq!(queue(&list, "ai-responses")["kind"], "live");
    // The server's own chores are real work of `maintenance`.
    eventually("a chore done", async || {
        let (_, list) = app.get("/api/admin/queues", Some(&admin.token)).await;
        queue(&list, "maintenance")["done24h"].as_u64() >= Some(1)
    })
    .await;
    eventually("metrics", async || {
        let text = app.send(Method::GET, "/metrics", None, None).await.text().await.unwrap();
        text.contains(r#"greenroom_jobs_done_total{queue="maintenance",kind="accounts.sweep"} "#)
            && text.contains(r#"greenroom_jobs_depth{queue="emails",state="failed"}"#)
            && text.contains("greenroom_job_duration_seconds_bucket")
    })
    .await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_paused_and_resumed_and_both_are_in_the_audit_log() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let token = Some(admin.token.as_str());
    let waiting = "select count(*) from jobs where kind = 'accounts.sweep' and state = 2";
    let done = async || {
        app.database.pool().get().await.unwrap().query_one(waiting, &[]).await.unwrap().get::<_, i64>(0)
    };
    eventually("the first chore", async || done().await == 1).await;

    let (status, paused) = app.post("/api/admin/queues/maintenance/pause", token, json!({})).await;
    assert_eq!((status, &paused["state"]), (200, &json!("paused")), "{paused}");
    assert_eq!(
        app.post("/api/admin/queues/maintenance/pause", token, json!({})).await.0,
        200,
        "again: no change"
    );
    put(&app, &NewJob::new(QueueName::Maintenance, "accounts.sweep", json!({}))).await;
    let (_, overview) = app.get("/queue/overview", None).await;
    assert_eq!(overview["queues"][5], json!({"name": "maintenance", "state": "paused"}));

    let (status, resumed) = app.post("/api/admin/queues/maintenance/resume", token, json!({})).await;
    assert_eq!((status, &resumed["state"]), (200, &json!("running")));
    eventually("done after all", async || done().await == 2).await;

    for name in ["messages", "ai-responses"] {
        let (status, refused) = app.post(&format!("/api/admin/queues/{name}/pause"), token, json!({})).await;
        assert_eq!((status, &refused["error"]), (409, &json!("conflict")));
    }
    assert_eq!(app.post("/api/admin/queues/nothing/pause", token, json!({})).await.0, 404);
    let (_, log) = app.get("/api/admin/audit?action=queue", token).await;
    let acts: Vec<&str> =
        log["items"].as_array().unwrap().iter().filter_map(|it| it["action"].as_str()).collect();
    assert_eq!(acts, ["queue.resume", "queue.pause"], "{log}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_jobs_are_listed_without_what_they_were_about_and_page_by_page() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let token = Some(admin.token.as_str());
    for n in 0..5 {
        let of = if n == 3 { QueueName::Analytics } else { QueueName::Emails };
        dead(&app, of, &format!("key {n}"), n).await;
    }
    let (status, first) = app.get("/api/admin/dead-jobs?limit=2", token).await;
    assert_eq!((status, &first["total"]), (200, &json!(5)), "{first}");
    let keys = |page: &Value| -> Vec<String> {
        let key = |job: &Value| job["key"].as_str().unwrap().to_owned();
        page["items"].as_array().unwrap().iter().map(key).collect()
    };
    assert_eq!(keys(&first), ["key 0", "key 1"]);
    assert!(!first.to_string().contains("swordfish"));
    let one = &first["items"][0];
    assert_eq!(
        (&one["attempts"], &one["lastError"], &one["kind"]),
        (&json!(4), &json!("no route"), &json!(KIND))
    );
    assert!(one["diedAt"].is_string() && one["createdAt"].is_string());
    let next = first["nextCursor"].as_str().unwrap();
    let (_, second) = app.get(&format!("/api/admin/dead-jobs?limit=2&cursor={next}"), token).await;
    assert_eq!(keys(&second), ["key 2", "key 3"]);
    let (_, third) = app.get("/api/admin/dead-jobs?limit=2&page=3", token).await;
    assert_eq!((keys(&third), &third["nextCursor"]), (vec!["key 4".to_owned()], &Value::Null));
    let (_, emails) = app.get("/api/admin/dead-jobs?queue=emails", token).await;
    assert_eq!((&emails["total"], keys(&emails).len()), (&json!(4), 4));
    assert_eq!(app.get("/api/admin/dead-jobs?queue=nothing", token).await.0, 400);
    assert_eq!(app.get("/api/admin/dead-jobs?cursor=nothing", token).await.0, 400);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_job_is_retried_or_dropped_and_others_are_left_alone() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let token = Some(admin.token.as_str());
    let (first, second) =
        (dead(&app, QueueName::Emails, "a", 0).await, dead(&app, QueueName::Emails, "b", 0).await);
    let retry = format!("/api/admin/jobs/{first}/retry");
    let (status, retried) = app.post(&retry, token, json!({})).await;
    assert_eq!(
        (status, &retried["state"], &retried["key"]),
        (200, &json!("waiting"), &json!("a")),
        "{retried}"
    );
    let anew = format!("select count(*) from jobs where id = '{first}' and state = 0 and attempts = 0");
    let client = app.database.pool().get().await.unwrap();
    assert_eq!(client.query_one(&anew, &[]).await.unwrap().get::<_, i64>(0), 1);

    let (status, _) = app.call(Method::DELETE, &format!("/api/admin/jobs/{second}"), token, None).await;
    assert_eq!(status, 204);
    let (status, _) = app.call(Method::DELETE, &format!("/api/admin/jobs/{second}"), token, None).await;
    assert_eq!(status, 404);
    assert_eq!(app.post("/api/admin/jobs/nonsense/retry", token, json!({})).await.0, 404);

    // One whose key waits again meanwhile, one that runs, and one that is done.
    let third = dead(&app, QueueName::Emails, "c", 0).await;
    put(&app, &NewJob { key: Some("c".into()), ..NewJob::new(QueueName::Emails, KIND, json!({})) }).await;
    let (status, refused) = app.post(&format!("/api/admin/jobs/{third}/retry"), token, json!({})).await;
    assert_eq!(status, 409, "{refused}");
    for change in [
        "state = 1, node = gen_random_uuid(), lease_until = now() + interval '1 hour', finished_at = null",
        "state = 2, node = null, lease_until = null, finished_at = now()",
    ] {
        execute(&app, &format!("update jobs set {change} where id = '{first}'")).await;
        assert_eq!(app.post(&retry, token, json!({})).await.0, 409);
        let (status, _) = app.call(Method::DELETE, &format!("/api/admin/jobs/{first}"), token, None).await;
        assert_eq!(status, 409);
    }
    let (_, log) = app.get("/api/admin/audit?action=job", token).await;
    let acts: Vec<&str> =
        log["items"].as_array().unwrap().iter().filter_map(|it| it["action"].as_str()).collect();
    assert_eq!(acts, ["job.drop", "job.retry"], "{log}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_works_on_the_page_of_the_queues_on_a_phone_too() {
    let app = TestApp::start().await;
    for (key, minutes) in [("a", 1), ("b", 2)] {
        dead(&app, QueueName::Emails, key, minutes).await;
    }
    let tab = Tab::open(&app.url("/admin/queues"), 390, 844).await;
    tab.fill("signin-name", "testadmin@example.com").await;
    tab.fill("signin-password", "AdminPassword123!").await;
    tab.click("signin-submit").await;
    let queue = |name: &str| format!("document.querySelector('[data-testid=queue][data-queue={name}]')");
    tab.until("six queues", "document.querySelectorAll('[data-testid=queue]').length === 6").await;
    let dead_jobs = "document.querySelectorAll('[data-testid=dead-job]').length";
    tab.until("dead jobs", &format!("{dead_jobs} === 2")).await;
    let buttons = format!("{}.querySelector('[data-testid=queue-toggle]')", queue("messages"));
    assert_eq!(tab.script(&format!("{buttons} === null")).await, true, "a live queue cannot be paused");
    let fits = tab.script("document.querySelector('.page').scrollWidth <= window.innerWidth").await;
    assert_eq!(fits, true, "nothing is wider than the phone");

    let toggle = format!("{}.querySelector('[data-testid=queue-toggle]').click()", queue("emails"));
    let state = format!("{}.dataset.state", queue("emails"));
    tab.script(&toggle).await;
    tab.until("paused", &format!("{state} === 'paused'")).await;
    tab.script(&toggle).await;
    tab.until("running", &format!("{state} === 'running'")).await;

    tab.click("dead-retry").await;
    tab.until("one less", &format!("{dead_jobs} === 1")).await;
    tab.click("dead-drop").await;
    tab.click("confirm-accept").await;
    tab.until("none left", &format!("{dead_jobs} === 0")).await;
    let left = "select count(*) from jobs where kind = 'nobody.does.this' and state = 0 and key = 'a'";
    let client = app.database.pool().get().await.unwrap();
    assert_eq!(client.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 1);
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}
