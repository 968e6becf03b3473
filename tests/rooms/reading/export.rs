use reqwest::{Method, header};
use serde_json::{Value, json};

use super::stage::{execute, id, react, room, say, slug, tombstone};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_all_that_was_said_and_what_became_of_it() {
    let app = TestApp::start().await;
    let (owner, stranger) = (app.user().await, app.user().await);
    let room = room(&app, &owner, "To keep").await;
    let (first, _) = say(&app, &owner, &room, "a \"quote\" and\na line \\ back").await;
    let (gone, _) = say(&app, &owner, &room, "gone").await;
    react(&app, &room, &first, &owner, "🌊").await;
    tombstone(&app, &gone).await;
    execute(
        &app,
        r#"update messages set variants = 2, variant = 1, revision = revision,
            attachment = '{"url": "/media/a.webp", "kind": "image", "width": 3}' where id = $1"#,
        &[&id(&first)],
    )
    .await;
    for (index, content) in [(0_i16, "the former"), (1, "the chosen")] {
        execute(
            &app,
            r#"insert into variants (message_id, "index", room_id, content, created_at) values ($1, $2, $3, $4, now())"#,
            &[&id(&first), &index, &id(&room), &content],
        )
        .await;
    }
    // More than one page of them.
    execute(
        &app,
        r#"with head as (update heads set last_revision = 1000 where room_id = $1)
        insert into messages (id, room_id, "offset", revision, sender_kind, sender_id, client_id, kind, content, created_at)
        select gen_random_uuid(), $1, n, n, 0, $2, n::text, 0, 'line ' || n, now() from generate_series(500, 1000) n"#,
        &[&id(&room), &id(&owner.id)],
    )
    .await;
    let path = format!("/api/conversations/{room}/export");
    let response = app.send(Method::GET, &path, Some(&owner.token), None).await;
    assert_eq!(response.status(), 200);
    let disposition = response.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().to_owned();
    assert_eq!(disposition, format!("attachment; filename=\"{}.json\"", slug(&app, &room).await));
    let file: Value = serde_json::from_str(&response.text().await.unwrap()).expect("valid JSON");
    assert_eq!((&file["format"], &file["complete"]), (&json!("greenroom.conversation"), &json!(true)));
    assert_eq!(file["conversation"]["title"], "To keep");
    let said = file["messages"].as_array().unwrap();
    let (_, head) =
        app.get(&format!("/api/conversations/{room}/messages?after=0&limit=100"), Some(&owner.token)).await;
    let find = |id: &str| said.iter().find(|said| said["id"] == id).unwrap();
    for shown in head["items"].as_array().unwrap() {
        let mut exported = find(shown["id"].as_str().unwrap()).clone();
        exported.as_object_mut().unwrap().retain(|name, _| name != "senderName" && name != "allVariants");
        assert_eq!(&exported, shown, "as its members see it");
    }
    let offsets: Vec<i64> = said.iter().map(|said| said["offset"].as_i64().unwrap()).collect();
    assert!(offsets.is_sorted() && offsets.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(offsets.len(), offsets.iter().filter(|offset| **offset < 500).count() + 501);
    assert_eq!(find(&first)["reactions"][0]["userIds"], json!([owner.id]));
    assert_eq!(find(&first)["allVariants"][0]["content"], "the former");
    assert_eq!(find(&first)["attachment"]["url"], "/media/a.webp");
    assert!(find(&gone)["deletedAt"].is_string());
    for (token, status) in [(Some(stranger.token.as_str()), 404), (None, 401)] {
        assert_eq!(app.get(&path, token).await.0, status);
    }
    assert_eq!(app.get(&format!("{path}?format=xml"), Some(&owner.token)).await.0, 400);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_in_markdown_reads_as_it_was_said() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let room = room(&app, &owner, "# Not a *heading*").await;
    say(&app, &owner, &room, "# no heading\n- no list\n<script>alert(1)</script>").await;
    let (gone, _) = say(&app, &owner, &room, "taken back").await;
    tombstone(&app, &gone).await;
    let path = format!("/api/conversations/{room}/export?format=markdown");
    let response = app.send(Method::GET, &path, Some(&owner.token), None).await;
    assert!(response.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/markdown"));
    let text = response.text().await.unwrap();
    assert!(text.starts_with("# \\# Not a \\*heading\\*\n"), "{text}");
    assert!(
        text.contains("\\# no heading\\\n\\- no list\\\n\\<script\\>alert\\(1\\)\\</script\\>"),
        "{text}"
    );
    assert!(text.contains("**Mira**") && text.contains("_This message was deleted._"), "{text}");
    assert!(!text.contains("taken back"));
    app.stop().await;
}
