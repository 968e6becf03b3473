//! Erasure: what is personal goes, what others hold stays readable.

use greenroom::accounts::Erased;
use serde_json::{Value, json};

use super::leaving::{id, privacy};
use super::{count, execute, leaves, says, shared};
use crate::support::app::{PASSWORD, TestApp, TestUser, eventually};

async fn overdue(app: &TestApp, user: &TestUser) {
    let sql = "update users set deactivated_at = now() - interval '31 days' where id";
    assert_eq!(execute(app, &format!("{sql} = '{}'", user.id)).await, 1);
}

/// Whatever in the database holds this text: the tables' names.
async fn tables_with(app: &TestApp, text: &str) -> Vec<String> {
    let client = app.database.pool().get().await.unwrap();
    let names = "select table_name::text from information_schema.tables
        where table_schema = 'public' and table_type = 'BASE TABLE'";
    let mut found = Vec::new();
    for row in client.query(names, &[]).await.unwrap() {
        let name: String = row.get(0);
        let sql = format!("select count(*) from {name} t where t::text ilike '%' || $1 || '%'");
        let hits: i64 = client.query_one(&sql, &[&text]).await.unwrap().get(0);
        if hits > 0 {
            found.push(name);
        }
    }
    found
}

async fn furnish(app: &TestApp, user: &TestUser) {
    for sql in [
        "update users set bio = 'my private bio', mobile = '+4915112345678', blocked_why = 'my private bio' where id = '{}'",
        "insert into identities (id, user_id, provider, issuer, subject, email)
            values (gen_random_uuid(), '{}', 'firebase', 'https://issuer', 'subject-1', 'private@provider.example')",
        "insert into api_keys (id, user_id, name, prefix, hash, scopes)
            values (gen_random_uuid(), '{}', 'k', 'gr_abc', '\\xdeadbeef', '{chat}')",
        "insert into memories (id, user_id, character_id, room_id, message_id, fact, fact_key)
            values (gen_random_uuid(), '{}', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'my private hobby', 'k')",
        "insert into last_seen (user_id, seen_at) select id, now() from users where id = '{}'",
        "insert into mail_links (hash, user_id, purpose, email_key, expires_at)
            values ('\\x01', '{}', 'verify_email', 'x@example.com', now() + interval '1 hour')",
    ] {
        execute(app, &sql.replace("{}", &user.id)).await;
    }
    execute(app, "insert into otp_codes (mobile, purpose, hash, expires_at) values ('+4915112345678', 'sign_in', '\\x02', now())").await;
    execute(app, "insert into otp_sends (mobile) values ('+4915112345678')").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_account_is_a_pseudonym_and_shared_rooms_stay_readable() {
    let app = TestApp::start().await;
    let (admin, user, other) = (app.admin().await, app.user().await, app.user().await);
    execute(&app, &format!("update users set display_name = 'Miranda Private' where id = '{}'", user.id))
        .await;
    furnish(&app, &user).await;
    let (alone, deleted) = (app.conversation(&user).await, shared(&app, &user, &other).await);
    let (both, theirs) = (shared(&app, &user, &other).await, app.conversation(&other).await);
    says(&app, &user, &alone, "only mine to know").await;
    says(&app, &user, &both, "for both of us").await;
    says(&app, &other, &theirs, "only theirs").await;
    execute(
        &app,
        &format!(
            "update room_members set left_at = now() where room_id = '{deleted}' and user_id = '{}'",
            other.id
        ),
    )
    .await;
    let call = format!(
        "insert into ai_calls (id, purpose, outcome, provider, model, user_id, room_id, turn_id, prompt_tokens,
            completion_tokens, cached_tokens, counted_here, cost_micros, took_ms)
        values (gen_random_uuid(), 'reply', 'done', 'p', 'm', '{}', '{alone}', gen_random_uuid(), 10, 2, 0, false, 5, 1)",
        user.id
    );
    execute(&app, &call).await;
    leaves(&app, &user).await;
    overdue(&app, &user).await;
    // The job runs when its time comes.
    execute(&app, "update jobs set run_at = now() where kind = 'account.erase'").await;
    let erased = format!("select count(*) from users where id = '{}' and erased_at is not null", user.id);
    eventually("it is erased", async || count(&app, &erased).await == 1).await;

    for gone in [
        user.email.as_str(),
        "Miranda Private",
        "my private bio",
        "my private hobby",
        "+4915112345678",
        "subject-1",
        "only mine to know",
        &alone,
        &deleted,
    ] {
        let mut tables = tables_with(&app, gone).await;
        // The job that did it waits for its own end.
        tables.retain(|table| table != "jobs");
        assert!(tables.is_empty(), "{gone}: {tables:?}");
    }
    let tables = [
        "sign_ins",
        "identities",
        "api_keys",
        "mail_links",
        "auth_history",
        "usage",
        "memories",
        "last_seen",
    ];
    for table in tables {
        let left = format!("select count(*) from {table} where user_id = '{}'", user.id);
        assert_eq!(count(&app, &left).await, 0, "{table}");
    }
    assert_eq!(count(&app, "select count(*) from otp_codes").await, 0);

    let (status, seen) = app.get(&format!("/api/users/{}", user.id), Some(&admin.token)).await;
    assert_eq!(status, 200, "{seen}");
    let name = seen["user"]["username"].as_str().unwrap();
    assert!(name.len() == 15 && name.starts_with("erased-"), "{name}");
    assert_eq!(
        (&seen["user"]["displayName"], &seen["user"]["email"]),
        (&json!("Erased account"), &Value::Null)
    );
    // What its calls took is that of a pseudonym.
    let took = app.get("/api/ai/usage?groupBy=user", Some(&admin.token)).await.1;
    assert_eq!(
        (&took["items"][0]["key"], &took["items"][0]["label"]),
        (&json!(user.id), &json!(name)),
        "{took}"
    );
    assert_eq!(took["totals"]["costMicros"], 5);
    let list = app.get("/api/admin/users?status=erased", Some(&admin.token)).await.1;
    assert_eq!(list["total"], 1);
    let change = json!({ "role": "admin" });
    let path = format!("/api/admin/users/{}", user.id);
    assert_eq!(app.call(reqwest::Method::PUT, &path, Some(&admin.token), Some(change)).await.0, 409);

    let (status, page) = app.get(&format!("/api/conversations/{both}/messages"), Some(&other.token)).await;
    assert_eq!(status, 200, "{page}");
    let kept =
        page["items"].as_array().unwrap().iter().find(|line| line["content"] == "for both of us").unwrap();
    assert_eq!(kept["sender"]["id"], user.id.as_str());
    says(&app, &other, &both, "still here").await;
    let acts = app.get(&format!("/api/admin/audit?target={}", user.id), Some(&admin.token)).await.1;
    assert_eq!((&acts["total"], &acts["items"][0]["action"]), (&json!(1), &json!("account.erase")), "{acts}");

    // Address and name are free.
    let again = json!({ "email": user.email, "password": PASSWORD, "username": user.username });
    let (status, made) = app.post("/api/auth/register", None, again).await;
    assert!(matches!(status, 201 | 202), "{made}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_twice_is_erasing_once_and_a_lost_job_is_found() {
    let app = TestApp::start().await;
    let (user, early) = (app.user().await, app.user().await);
    app.conversation(&user).await;
    leaves(&app, &user).await;
    leaves(&app, &early).await;
    let privacy = privacy(&app);
    assert_eq!(privacy.erase(id(&user)).await.unwrap(), Erased::NotDue, "its time is not over");
    overdue(&app, &user).await;
    execute(&app, "delete from jobs where kind = 'account.erase'").await;
    // The worker of the server may be faster than the second look.
    assert_eq!(privacy.sweep().await.unwrap(), 1, "one is overdue");
    let erased = "select count(*) from users where erased_at is not null";
    eventually("it is erased", async || count(&app, erased).await == 1).await;
    assert_eq!(privacy.erase(id(&user)).await.unwrap(), Erased::NotDue);
    assert_eq!(privacy.sweep().await.unwrap(), 0);
    assert_eq!(count(&app, "select count(*) from audit_log where action = 'account.erase'").await, 1);
    assert_eq!(count(&app, "select count(*) from rooms").await, 0);
    assert_eq!(privacy.erase(id(&early)).await.unwrap(), Erased::NotDue);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_alive_goes_without_a_crash() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    // The room's actor is in memory, and a reply runs in it.
    let body = json!({ "content": "Tell me about the harbour" });
    let path = format!("/api/conversations/{room}/messages");
    assert_eq!(app.post(&path, Some(&user.token), body).await.0, 201);
    execute(
        &app,
        &format!("update users set deactivated_at = now() - interval '31 days' where id = '{}'", user.id),
    )
    .await;
    assert!(matches!(privacy(&app).erase(id(&user)).await.unwrap(), Erased::Now { rooms: 1 }));
    for table in ["messages", "heads", "reads", "turns", "room_members"] {
        let left = format!("select count(*) from {table} where room_id = '{room}'");
        eventually(table, async || count(&app, &left).await == 0).await;
    }
    let rooms =
        app.app().engine().snapshot().branches.into_iter().find(|branch| branch.kind == "rooms").unwrap();
    assert_eq!(rooms.crashed, 0);
    app.stop().await;
}
