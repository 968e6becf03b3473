//! What is not let in, and whom.

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn cards_are_for_admins() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let id = app.character().await;
    let paths = [
        (Method::GET, format!("/api/characters/{id}/card")),
        (Method::GET, format!("/api/characters/{id}/card?format=png")),
        (Method::POST, IMPORT.to_owned()),
        (Method::POST, format!("{IMPORT}?dryRun=true")),
    ];
    for (method, path) in paths {
        let body = (method == Method::POST).then(|| json!({"name": "A"}));
        assert_eq!(app.call(method.clone(), &path, None, body.clone()).await.0, 401, "{path}");
        assert_eq!(app.call(method.clone(), &path, Some(&user.token), body).await.0, 403, "{path}");
    }
    for (path, status) in [
        (format!("/api/characters/{id}/card?format=v4"), 400),
        ("/api/characters/no-such/card".to_owned(), 404),
        (format!("/api/characters/{}/card", uuid::Uuid::now_v7()), 404),
        (format!("/api/characters/{id}/card"), 200),
    ] {
        assert_eq!(app.get(&path, Some(&admin.token)).await.0, status, "{path}");
    }
    let (status, refused) = send(
        &app,
        &format!("{IMPORT}?dryRun=perhaps"),
        Some(&admin.token),
        "application/json",
        b"{}".to_vec(),
    )
    .await;
    assert_eq!((status, &refused["details"][0]["field"]), (400, &json!("dryRun")));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_file_is_told_and_nothing_is_made() {
    let app = TestApp::start_with(|config| config.characters.card_max_bytes = 100_000).await;
    let admin = app.admin().await;
    let before = app.get("/api/characters", None).await.1["total"].clone();
    let json = |text: &str| text.as_bytes().to_vec();
    let deep = format!("{{\"name\":\"A\",\"x\":{}{}}}", "[".repeat(70), "]".repeat(70));
    let cases = [
        ("application/json", json("{"), 400, "card_invalid"),
        ("application/json", json("{}"), 400, "card_invalid"),
        ("application/json", json(r#"{"spec":"chara_card_v2","data":{"name":""}}"#), 400, "card_invalid"),
        ("image/png", file("chub.png")[..2_000].to_vec(), 400, "card_invalid"),
        ("application/zip", file("risuai.charx")[..2_000].to_vec(), 400, "card_invalid"),
        ("application/json", Vec::new(), 400, "bad_request"),
        ("application/json", json(&deep), 413, "too_large"),
        ("application/json", vec![b' '; 100_001], 413, "too_large"),
        ("application/octet-stream", json("GIF89a"), 415, "unsupported_media_type"),
        ("application/json", json("hello"), 415, "unsupported_media_type"),
        ("text/html", file("chub.json"), 415, "unsupported_media_type"),
        ("text/plain; charset=utf-8", file("chub.json"), 415, "unsupported_media_type"),
    ];
    for (kind, body, status, code) in cases {
        let sent = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let (answered, refused) = send(&app, IMPORT, Some(&admin.token), kind, body).await;
        assert_eq!((answered, refused["error"].as_str()), (status, Some(code)), "{kind} {sent}: {refused}");
        if code == "card_invalid" {
            assert!(!refused["details"].as_array().unwrap().is_empty(), "it says where: {refused}");
        }
    }
    assert_eq!(app.get("/api/characters", None).await.1["total"], before);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_that_are_broken_too_large_or_without_a_card_are_refused() {
    let app = TestApp::start_with(|config| config.characters.card_max_bytes = 100_000).await;
    let admin = app.admin().await;
    let call = async |kind: &str, body: Vec<u8>| send(&app, IMPORT, Some(&admin.token), kind, body).await;
    let (kind, other) = form("file", &file("chub.json"));
    let (status, refused) = call(&kind, other).await;
    assert_eq!((status, &refused["details"][0]["field"]), (400, &json!("card")));
    let (kind, large) = form("card", &vec![b' '; 100_001]);
    assert_eq!(call(&kind, large).await.0, 413);
    let (kind, huge) = form("other", &vec![b' '; 300_000]);
    assert_eq!(call(&kind, huge).await.0, 413, "also where it is another part");
    let (kind, mut cut) = form("card", &file("chub.json"));
    cut.truncate(1_000);
    assert_eq!(call(&kind, cut).await.0, 400);
    assert_eq!(call("multipart/form-data", b"x".to_vec()).await.0, 400, "no boundary");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_body_is_cut_off_at_the_bound() {
    let app = TestApp::start_with(|config| config.characters.card_max_bytes = 100_000).await;
    let admin = app.admin().await;
    // Chunked: nothing says beforehand how long it is.
    let pieces = futures_util::stream::iter((0..1_000).map(|_| Ok::<_, std::io::Error>(vec![b' '; 10_000])));
    let sent = app
        .http
        .post(app.url(IMPORT))
        .bearer_auth(&admin.token)
        .header("Content-Type", "application/json")
        .body(reqwest::Body::wrap_stream(pieces))
        .send()
        .await;
    // The server may close before the client has written all.
    if let Ok(response) = sent {
        assert_eq!(response.status(), 413);
    }
    assert_eq!(app.get("/health", None).await.0, 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_card_is_only_text() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let evil = "<script>alert(1)</script><img src=x onerror=alert(1)>'; drop table characters; --";
    let card = json!({"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": evil.chars().take(80).collect::<String>(), "description": evil,
        "first_mes": evil, "tags": [evil], "extensions": {"__proto__": {"admin": true}},
        "character_book": {"entries": [{"keys": ["(a+)+$"], "use_regex": true, "content": evil, "enabled": true}, {"keys": ["("], "use_regex": true, "content": "x"}]}}});
    let made = import(&app, &admin, "application/json", card.to_string().into_bytes()).await;
    assert_eq!(made["description"], evil);
    assert!(
        made["slug"]
            .as_str()
            .unwrap()
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    );
    assert!(made["warnings"].to_string().contains("regular expressions"), "{}", made["warnings"]);
    // The public sees neither prompt nor card.
    let (_, public) = app.get(&format!("/api/characters/{}", made["id"].as_str().unwrap()), None).await;
    assert!(public.get("settings").is_none() && public.get("card").is_none());
    app.stop().await;
}
