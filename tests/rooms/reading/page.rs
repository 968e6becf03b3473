use reqwest::{Method, Response, header};

use super::stage::{execute, id, room, say, show, slug, tombstone};
use crate::support::app::TestApp;

async fn open(app: &TestApp, path: &str) -> Response {
    app.send(Method::GET, path, None, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_conversation_reads_without_script_and_has_a_preview() {
    let app =
        TestApp::start_with(|config| config.server.public_url = "https://chat.example.com".to_owned()).await;
    let owner = app.user().await;
    let room = room(&app, &owner, "Tea & \"talk\"").await;
    show(&app, &room, "public", Some("Tales"), &["high seas"]).await;
    say(&app, &owner, &room, "*waves* and says\n\n```\nlet a = 1 < 2;\n```").await;
    let slug = slug(&app, &room).await;
    let response = open(&app, &format!("/c/{slug}")).await;
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=60");
    let tag = headers[header::ETAG].to_str().unwrap().to_owned();
    let html = response.text().await.unwrap();
    for part in [
        "<h1 dir=\"auto\">Tea &amp; &quot;talk&quot;</h1>",
        "<meta property=\"og:title\" content=\"Tea &amp; &quot;talk&quot;\">",
        "<meta property=\"og:type\" content=\"article\">",
        "<meta name=\"twitter:card\" content=\"summary\">",
        "<em>waves</em>",
        "<pre><code>let a = 1 &lt; 2;",
        "high seas",
        "<b dir=\"auto\">Mira</b>",
        &format!("<link rel=\"canonical\" href=\"https://chat.example.com/c/{slug}\">"),
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("<script") && !html.contains("noindex"));
    let request = app.http.get(app.url(&format!("/c/{slug}"))).header(header::IF_NONE_MATCH, tag);
    assert_eq!(request.send().await.unwrap().status(), 304);
    show(&app, &room, "unlisted", None, &[]).await;
    let response = open(&app, &format!("/c/{slug}")).await;
    assert_eq!(response.headers()[header::CACHE_CONTROL], "private, no-cache");
    let html = response.text().await.unwrap();
    assert!(html.contains("noindex") && !html.contains("rel=\"canonical\""));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_anybody_writes_becomes_script_on_the_page() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let attack = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";
    let room = room(&app, &owner, attack).await;
    show(&app, &room, "public", Some(attack), &[attack]).await;
    execute(&app, "update users set display_name = $2 where id = $1", &[&id(&owner.id), &attack]).await;
    execute(
        &app,
        "update characters set name = $1, tagline = $1, color = '#fff}</style><script>', avatar_url = $2",
        &[&attack, &"https://evil.example/track.png"],
    )
    .await;
    for said in [
        attack,
        "[click](javascript:alert(1))",
        "![x](https://evil.example/track.png)",
        "<svg/onload=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "```html\n</code></pre><script>alert(1)</script>\n```",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    ] {
        say(&app, &owner, &room, said).await;
    }
    let (message, _) = say(&app, &owner, &room, "with files").await;
    let attachment = r#"{"url": "https://evil.example/track.png", "kind": "image"}"#;
    execute(
        &app,
        "update messages set attachment = $2::text::jsonb where id = $1",
        &[&id(&message), &attachment],
    )
    .await;
    let (script, _) = say(&app, &owner, &room, "with a script").await;
    let attachment = r#"{"url": "javascript:alert(1)", "kind": "video"}"#;
    execute(
        &app,
        "update messages set attachment = $2::text::jsonb where id = $1",
        &[&id(&script), &attachment],
    )
    .await;
    let html = open(&app, &format!("/c/{}", slug(&app, &room).await)).await.text().await.unwrap();
    let style = html.find("<style>").unwrap()..html.find("</style>").unwrap();
    assert!(!html[style].contains('<') || html.matches("</style>").count() == 1, "{html}");
    for forbidden in
        ["<script", "<img", "<svg", "<video", "<iframe", "href=\"javascript", "<math", "src=\"http"]
    {
        assert!(!html.contains(forbidden), "{forbidden} is in {html}");
    }
    assert!(html.contains("href=\"https://evil.example/track.png\""), "a stranger's file is a link");
    assert!(html.contains("&lt;script&gt;alert(1)"), "what was said is shown");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_conversation_has_pages_and_an_old_address_leads_to_the_new_one() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let room = room(&app, &owner, "Long").await;
    show(&app, &room, "public", None, &[]).await;
    execute(
        &app,
        r#"with head as (update heads set last_revision = 200 where room_id = $1)
        insert into messages (id, room_id, "offset", revision, sender_kind, sender_id, client_id, kind, content, created_at)
        select gen_random_uuid(), $1, n, n, 0, $2, n::text, 0, 'line-' || n || '-end', now() from generate_series(11, 130) n"#,
        &[&id(&room), &id(&owner.id)],
    )
    .await;
    let slug = slug(&app, &room).await;
    let link = |html: &str, rel: &str| {
        let start = format!("<link rel=\"{rel}\" href=\"");
        let (_, rest) = html.split_once(&start)?;
        Some(rest.split('"').next().unwrap().to_owned())
    };
    let (mut path, mut walked, mut pages) = (format!("/c/{slug}"), Vec::new(), Vec::new());
    loop {
        let html = open(&app, &path).await.text().await.unwrap();
        walked.extend((11..=130).filter(|n| html.contains(&format!("line-{n}-end"))));
        pages.push(html.clone());
        match link(&html, "next") {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(walked, (11..=130).collect::<Vec<i32>>());
    assert_eq!(link(&pages[0], "prev"), None);
    let back = open(&app, &link(&pages[1], "prev").unwrap()).await.text().await.unwrap();
    assert!(back.contains("line-11-end") && link(&back, "prev").is_none());
    execute(&app, "insert into room_slugs (slug, room_id) values ('an-old-name', $1)", &[&id(&room)]).await;
    let moved = open(&app, "/c/an-old-name?after=5").await;
    assert_eq!(moved.status(), 308);
    assert_eq!(moved.headers()[header::LOCATION], format!("/c/{slug}?after=5"));
    let (status, by_old) = app.get("/api/conversations/an-old-name", Some(&owner.token)).await;
    assert_eq!((status, &by_old["conversation"]["slug"]), (200, &slug.clone().into()));
    show(&app, &room, "private", None, &[]).await;
    assert_eq!(open(&app, "/c/an-old-name").await.status(), 404, "an old address tells nothing");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_looks_like_what_is_not_there() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let room = room(&app, &owner, "A secret title").await;
    let private = open(&app, &format!("/c/{}", slug(&app, &room).await)).await;
    let unknown = open(&app, "/c/no-such-conversation").await;
    for response in [&private, &unknown] {
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert!(response.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
    }
    assert_eq!(private.text().await.unwrap(), unknown.text().await.unwrap());
    for odd in ["/c/%00", "/c/UPPER", "/c/a%2Fb", "/c/x?after=much"] {
        assert_eq!(open(&app, odd).await.status(), 404, "{odd}");
    }
    show(&app, &room, "public", None, &[]).await;
    let (gone, _) = say(&app, &owner, &room, "taken back words").await;
    tombstone(&app, &gone).await;
    let html = open(&app, &format!("/c/{}?after=1", slug(&app, &room).await)).await.text().await.unwrap();
    assert!(!html.contains("taken back words"));
    app.stop().await;
}
