//! The audit log holds each act, and is read by admins.

use greenroom::accounts::{Origin, Role};
use greenroom::audit::{Act, Audit};
use greenroom::http::Caller;
use greenroom_actors::domain::{SessionId, UserId};
use reqwest::Method;
use serde_json::{Value, json};

use super::change;
use crate::support::app::{TestApp, TestUser};
use crate::support::database::TestDatabase;

async fn log(app: &TestApp, admin: &TestUser, query: &str) -> Value {
    let (status, page) = app.get(&format!("/api/admin/audit{query}"), Some(&admin.token)).await;
    assert_eq!(status, 200, "{page}");
    page
}

fn actions(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["action"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_act_is_in_the_log_with_what_was_and_what_is() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let before = log(&app, &admin, "").await["total"].as_u64().unwrap();
    let premium = format!("/api/users/{}/premium", user.id);
    app.call(Method::PUT, &premium, Some(&admin.token), Some(json!({ "isPremium": true }))).await;
    let body = json!({ "role": "admin", "plan": "pro", "blocked": true, "reason": "a \"test\"; --" });
    assert_eq!(change(&app, &admin, &user, body).await.0, 200);
    assert_eq!(change(&app, &admin, &user, json!({ "blocked": false })).await.0, 200);
    // What does not change anything is no act; what is refused is none either.
    assert_eq!(change(&app, &admin, &user, json!({ "blocked": false, "role": "admin" })).await.0, 200);
    assert_eq!(change(&app, &admin, &admin, json!({ "blocked": true })).await.0, 409);
    let of_user = log(&app, &admin, &format!("?target=user:{}", user.id)).await;
    assert_eq!(actions(&of_user), ["user.unblock", "user.block", "user.plan", "user.role", "user.premium"]);
    let block = &of_user["items"][1];
    assert_eq!((&block["actorId"], &block["actorName"]), (&json!(admin.id), &json!("testadmin")));
    assert_eq!((&block["reason"], &block["targetKind"]), (&json!("a \"test\"; --"), &json!("user")));
    assert_eq!(block["detail"]["before"], json!({ "blocked": false, "blockedWhy": null }));
    assert_eq!(block["address"], "127.0.0.1");
    assert_eq!(
        of_user["items"][3]["detail"],
        json!({ "before": { "role": "user" }, "after": { "role": "admin" } })
    );
    assert_eq!(of_user["items"][2]["detail"]["before"]["plan"], "premium");

    // The acts on the running server.
    let mut socket = app.socket(&app.user().await).await;
    socket.ask("ping", json!({})).await;
    let sessions = app.get("/api/admin/sessions", Some(&admin.token)).await.1;
    let session = sessions["items"][0]["id"].as_str().unwrap();
    let kick = format!("/api/admin/sessions/{session}");
    assert_eq!(app.call(Method::DELETE, &kick, Some(&admin.token), None).await.0, 204);
    let word = json!({ "title": "Tea", "body": "at five" });
    assert_eq!(app.post("/api/admin/broadcast", Some(&admin.token), word).await.0, 202);
    let drained = app.post("/api/admin/drain", Some(&admin.token), Value::Null).await;
    assert_eq!(drained.0, 202);
    assert_eq!(app.post("/api/admin/drain", Some(&admin.token), Value::Null).await.0, 202);
    let all = log(&app, &admin, "").await;
    assert_eq!(actions(&all)[..3], ["node.drain", "node.broadcast", "socket.kick"]);
    assert_eq!(all["total"].as_u64().unwrap(), before + 8);
    assert_eq!(all["items"][1]["detail"]["title"], "Tea");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_filtered_and_walked() {
    let app = TestApp::start().await;
    let (admin, user, other) = (app.admin().await, app.user().await, app.user().await);
    for blocked in [true, false, true, false] {
        assert_eq!(change(&app, &admin, &user, json!({ "blocked": blocked })).await.0, 200);
    }
    assert_eq!(change(&app, &admin, &other, json!({ "plan": "pro" })).await.0, 200);
    assert_eq!(log(&app, &admin, "?action=user.block").await["total"], 2);
    assert_eq!(log(&app, &admin, "?action=user").await["total"], 5);
    assert_eq!(log(&app, &admin, &format!("?target={}&actor=TESTADMIN", other.id)).await["total"], 1);
    assert_eq!(log(&app, &admin, &format!("?actor={}", admin.id)).await["total"], 5);
    for nothing in ["?actor=nobody", "?action=%25", "?target=%27%20or%201=1--", "?action=user.%5F"] {
        assert_eq!(log(&app, &admin, nothing).await["total"], 0, "{nothing}");
    }
    let first = log(&app, &admin, "?limit=2").await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = log(&app, &admin, &format!("?limit=2&cursor={cursor}")).await;
    let third =
        log(&app, &admin, &format!("?limit=2&cursor={}", second["nextCursor"].as_str().unwrap())).await;
    assert_eq!(
        [actions(&first), actions(&second), actions(&third)].concat(),
        ["user.plan", "user.unblock", "user.block", "user.unblock", "user.block"]
    );
    assert_eq!(third["nextCursor"], Value::Null);
    for wrong in ["?cursor=x", "?actor=a%00", "?limit=0", "?actor=a&actor=b"] {
        assert_eq!(app.get(&format!("/api/admin/audit{wrong}"), Some(&admin.token)).await.0, 400, "{wrong}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_keeps_no_admin_from_acting() {
    let database = TestDatabase::create().await;
    let audit = Audit::new(database.pool());
    database.pool().close();
    let caller = Caller { user: UserId::new(), role: Role::Admin, session: SessionId::new() };
    let origin = Origin::default();
    // It returns, and the server's log tells of the act.
    audit.note(&Act::new(&caller, "node.drain", ("node", "n".to_owned()), &origin)).await;
}
