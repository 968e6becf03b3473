//! The export: all of it, and nothing of others.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use greenroom::billing::Ledger;
use greenroom::billing::ledger::{Note, Order};
use serde_json::{Value, json};
use zip::ZipArchive;

use super::{count, execute, login, says, shared};
use crate::support::app::{TestApp, TestUser, eventually};

async fn download(app: &TestApp, user: &TestUser) -> Vec<u8> {
    let response = app.http.get(app.url("/api/auth/export")).bearer_auth(&user.token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/zip");
    let name = response.headers()["content-disposition"].to_str().unwrap();
    assert!(name.contains(&format!("greenroom-{}.zip", user.username)), "{name}");
    response.bytes().await.unwrap().to_vec()
}

fn unpack(bytes: Vec<u8>) -> BTreeMap<String, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).expect("a zip file");
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().into_owned(), text)
        })
        .collect()
}

fn json_of(files: &BTreeMap<String, String>, name: &str) -> Value {
    serde_json::from_str(&files[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_all_of_the_account_and_nothing_of_others() {
    let app = TestApp::start().await;
    let (user, other) = (app.user().await, app.user().await);
    let (own, both) = (app.conversation(&user).await, shared(&app, &other, &user).await);
    let (foreign, left) = (app.conversation(&other).await, shared(&app, &other, &user).await);
    says(&app, &user, &both, "mine in both \u{1F3AD} \"quoted\"\nlines").await;
    says(&app, &other, &both, "theirs in both").await;
    says(&app, &other, &foreign, "a secret of others").await;
    says(&app, &user, &left, "mine in what I left").await;
    says(&app, &other, &left, "theirs in what I left").await;
    execute(
        &app,
        &format!(
            "update room_members set left_at = now() where room_id = '{left}' and user_id = '{}'",
            user.id
        ),
    )
    .await;
    // Several thousand messages, more than a page by far, in a room that nobody has in memory.
    let full = uuid::Uuid::now_v7();
    for sql in [
        format!("insert into rooms (id, slug, title, owner_id) values ('{full}', 'full', 'Full; drop \"x\"', '{}')", user.id),
        format!("insert into room_members (room_id, user_id) values ('{full}', '{}')", user.id),
        format!("insert into heads (room_id, last_revision) values ('{full}', 4321)"),
        format!(
            "insert into messages (id, room_id, \"offset\", revision, sender_kind, sender_id, client_id, kind, content, created_at)
            select gen_random_uuid(), '{full}', k, k, 0, '{}', 'c' || k, 0, 'number ' || k, now() from generate_series(1, 4321) k",
            user.id
        ),
        format!("insert into identities (id, user_id, provider, issuer, subject, email)
            values (gen_random_uuid(), '{}', 'firebase', 'https://issuer', 'subject-1', 'mira@provider.example')", user.id),
        format!("insert into api_keys (id, user_id, name, prefix, hash, scopes)
            values (gen_random_uuid(), '{}', 'my key', 'gr_abc', '\\xdeadbeef', '{{chat}}')", user.id),
        format!("insert into usage (user_id, character_id, kind, period, used)
            values ('{}', '{}', -1, '2026-01-01', 77)", user.id, uuid::Uuid::nil()),
        format!("insert into ai_calls (id, purpose, outcome, provider, model, user_id, prompt_tokens, completion_tokens,
                cached_tokens, counted_here, cost_micros, took_ms)
            select gen_random_uuid(), 'reply', 'done', p, 'm', u::uuid, 10, 2, 0, false, 5, 1
            from (values ('mine', '{}'), ('mine', '{}'), ('theirs-alone', '{}')) as c(p, u)", user.id, user.id, other.id),
        format!("insert into memories (id, user_id, character_id, room_id, message_id, fact, fact_key)
            select gen_random_uuid(), u::uuid, (select id from characters limit 1), '{own}', gen_random_uuid(), f, f
            from (values ('{}', 'I keep bees'), ('{}', 'I rob banks')) as m(u, f)", user.id, other.id),
    ] {
        execute(&app, &sql).await;
    }
    assert_eq!(login(&app, &user, "the wrong Passphrase 7").await.0, 401);
    let note = Note { key: "gift", ..Note::default() };
    let (ledger, id) = (Ledger::new(app.database.pool()), user.id.parse().unwrap());
    ledger.record(id, &Order::Grant { amount: 7 }, &note).await.unwrap();
    let files = unpack(download(&app, &user).await);

    let account = json_of(&files, "account.json");
    assert_eq!((&account["id"], &account["email"]), (&json!(user.id), &json!(user.email)));
    assert_eq!(json_of(&files, "identities.json")[0]["subject"], "subject-1");
    assert_eq!(json_of(&files, "sessions.json").as_array().unwrap().len(), 1);
    assert!(files["history.json"].contains("signed_in"), "{}", files["history.json"]);
    assert_eq!(json_of(&files, "api-keys.json")[0]["prefix"], "gr_abc");
    let credits = json_of(&files, "credits.json");
    assert_eq!(
        (credits[0]["kind"].as_str(), credits[0]["amount"].as_i64()),
        (Some("grant"), Some(7)),
        "{credits}"
    );
    let memories = json_of(&files, "memories.json");
    assert_eq!((memories.as_array().unwrap().len(), &memories[0]["fact"]), (1, &json!("I keep bees")));
    assert!(memories[0]["character"].is_string(), "{memories}");
    let usage = json_of(&files, "usage.json");
    assert!(usage.as_array().unwrap().iter().any(|line| line["used"] == 77), "{usage}");
    let ai = json_of(&files, "ai-usage.json");
    assert_eq!(ai.as_array().unwrap().len(), 1, "{ai}");
    assert_eq!(
        (&ai[0]["provider"], &ai[0]["calls"], &ai[0]["promptTokens"]),
        (&json!("mine"), &json!(2), &json!(20))
    );
    let conversations = json_of(&files, "conversations.json");
    assert_eq!(conversations.as_array().unwrap().len(), 4, "{conversations}");
    let lines = |room: &str| -> Vec<Value> {
        let text = &files[&format!("conversations/{room}.jsonl")];
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = lines(&full.to_string());
    assert_eq!(all.len(), 4321);
    assert!(all.iter().zip(1..).all(|(message, k): (_, i64)| {
        message["offset"] == k && message["content"] == format!("number {k}")
    }));
    assert_eq!(lines(&own)[0]["sender"]["kind"], "character");
    let seen: Vec<String> =
        lines(&both).iter().map(|line| line["content"].as_str().unwrap().to_owned()).collect();
    assert!(seen.contains(&"theirs in both".to_owned()));
    assert!(seen.contains(&"mine in both \u{1F3AD} \"quoted\"\nlines".to_owned()));
    let of_left: Vec<Value> = lines(&left);
    assert_eq!((of_left.len(), &of_left[0]["content"]), (1, &json!("mine in what I left")));

    let everything: String = files.values().map(String::as_str).collect();
    for not_theirs in [
        other.email.as_str(),
        "a secret of others",
        "theirs-alone",
        "I rob banks",
        "theirs in what I left",
        "argon2",
        "deadbeef",
        foreign.as_str(),
    ] {
        assert!(!everything.contains(not_theirs), "{not_theirs}");
    }
    assert_eq!(
        count(
            &app,
            &format!(
                "select count(*) from auth_history where user_id = '{}' and event = 'exported'",
                user.id
            )
        )
        .await,
        1
    );
    // Another one may follow, and no file is left.
    assert!(!download(&app, &user).await.is_empty());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_breaks_off_leaves_no_file_and_no_turn() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_owned();
    let app = TestApp::start_with(|config| config.data_dir = data).await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    // Noise, so that it does not shrink to what sockets buffer.
    execute(&app, &format!(
        "insert into messages (id, room_id, \"offset\", revision, sender_kind, sender_id, client_id, kind, content, created_at)
        select gen_random_uuid(), '{room}', k, k, 0, '{}', 'c' || k, 0,
            (select string_agg(translate(gen_random_uuid()::text, '-', ''), '' order by n, k)
                from generate_series(1, 120) n), now()
        from generate_series(2, 4000) k", user.id)).await;
    execute(&app, &format!("update heads set last_revision = 4000 where room_id = '{room}'")).await;
    let response = app.http.get(app.url("/api/auth/export")).bearer_auth(&user.token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let (status, refused) = app.get("/api/auth/export", Some(&user.token)).await;
    assert_eq!((status, refused["error"].as_str()), (429, Some("rate_limited")), "one at a time");
    drop(response);
    eventually("the turn ends with the download", async || {
        app.send(reqwest::Method::GET, "/api/auth/export", Some(&user.token), None).await.status() == 200
    })
    .await;
    assert_eq!(std::fs::read_dir(folder.path().join("exports")).unwrap().count(), 0);
    app.stop().await;
}
