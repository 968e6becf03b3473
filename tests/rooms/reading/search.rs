use super::stage::{becomes, contents, execute, id, number, room, say, show, slug, tombstone};
use crate::support::app::{TestApp, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_search_in_a_conversation_finds_words_phrases_and_what_is_not_refused() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = room(&app, &user, "Lamps").await;
    for content in
        ["the lamp is lit", "no lamp here, only tea", "a green lamp on the shelf", "nothing at all"]
    {
        say(&app, &user, &room, content).await;
    }
    let find = async |q: &str| {
        let (status, page) =
            app.get(&format!("/api/conversations/{room}/search?{q}"), Some(&user.token)).await;
        assert_eq!(status, 200, "{page}");
        page
    };
    assert_eq!(
        contents(&find("q=lamp").await),
        ["a green lamp on the shelf", "no lamp here, only tea", "the lamp is lit"],
        "the newest first"
    );
    assert_eq!(contents(&find("q=LAMP%20-tea%20-shelf").await), ["the lamp is lit"]);
    assert_eq!(contents(&find("q=%22green%20lamp%22").await), ["a green lamp on the shelf"]);
    assert_eq!(contents(&find("q=tea%20or%20shelf").await).len(), 2);
    assert_eq!(contents(&find("q=lam").await).len(), 0, "whole words");
    let first = find("q=lamp&limit=2").await;
    let next = first["nextCursor"].as_str().unwrap();
    assert_eq!(contents(&find(&format!("q=lamp&limit=2&cursor={next}")).await), ["the lamp is lit"]);
    let by_slug = format!("/api/chatroom/{}/search?q=lit", slug(&app, &room).await);
    let old = app.send(reqwest::Method::GET, &by_slug, Some(&user.token), None).await;
    assert_eq!(old.status(), 200);
    assert!(old.headers().contains_key("deprecation"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_say_what_fits_as_pieces_of_plain_text() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = room(&app, &user, "Signs").await;
    say(&app, &user, &room, "<b>Lamp</b> & lamplight, (lamp) at last").await;
    let (_, page) = app.get(&format!("/api/conversations/{room}/search?q=lamp"), Some(&user.token)).await;
    let hit = &page["items"][0];
    let pieces = hit["highlights"].as_array().unwrap();
    let text: String = pieces.iter().map(|piece| piece["text"].as_str().unwrap()).collect();
    assert_eq!(text, hit["message"]["content"].as_str().unwrap(), "nothing is added and nothing is lost");
    let marked: Vec<&str> = pieces
        .iter()
        .filter(|piece| piece["match"] == true)
        .map(|piece| piece["text"].as_str().unwrap())
        .collect();
    assert_eq!(marked, ["Lamp", "lamp"]);
    assert!(hit["rank"].as_f64().unwrap() > 0.0);
    assert_eq!(hit["conversation"]["title"], "Signs");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_or_said_before_an_edit_is_not_found() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = room(&app, &user, "Changes").await;
    let (edited, _) = say(&app, &user, &room, "an anchor of iron").await;
    let (deleted, _) = say(&app, &user, &room, "an anchor of gold").await;
    becomes(&app, &edited, "a compass of brass").await;
    tombstone(&app, &deleted).await;
    execute(
        &app,
        r#"insert into variants (message_id, "index", room_id, content, created_at) values ($1, 1, $2, 'anchor', now())"#,
        &[&id(&edited), &id(&room)],
    )
    .await;
    let find = async |q: &str| {
        app.get(&format!("/api/conversations/{room}/search?q={q}"), Some(&user.token)).await.1
    };
    assert_eq!(contents(&find("anchor").await).len(), 0);
    assert_eq!(contents(&find("compass").await), ["a compass of brass"]);
    let (_, all) = app.get("/api/messages/search?q=anchor", Some(&user.token)).await;
    assert_eq!(contents(&all).len(), 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_goes_on_beyond_the_newest_messages() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = room(&app, &user, "Long").await;
    // As the journal writes them; the word in every 200th, and in no newer one.
    execute(
        &app,
        r#"with head as (update heads set last_revision = 5000 where room_id = $1)
        insert into messages (id, room_id, "offset", revision, sender_kind, sender_id, client_id, kind, content, created_at)
        select gen_random_uuid(), $1, n, n, 0, $2, n::text, 0,
            case when n % 200 = 0 and n < 3000 then 'harbour ' || n else 'sea ' || n end,
            now() - (5000 - n) * interval '1 second'
        from generate_series(2, 5000) n"#,
        &[&id(&room), &id(&user.id)],
    )
    .await;
    for sort in ["recent", "relevance"] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/conversations/{room}/search?q=harbour&limit=4&sort={sort}{cursor}");
            let (status, page) = app.get(&path, Some(&user.token)).await;
            assert_eq!(status, 200, "{page}");
            found.extend(contents(&page).into_iter().map(str::to_owned));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let expected: Vec<String> = (1..15).rev().map(|n| format!("harbour {}", n * 200)).collect();
        assert_eq!(found, expected, "{sort}");
    }
    let (_, common) =
        app.get(&format!("/api/conversations/{room}/search?q=sea&limit=3"), Some(&user.token)).await;
    assert_eq!(contents(&common), ["sea 5000", "sea 4999", "sea 4998"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_over_all_finds_ones_own_and_what_is_public_and_nothing_else() {
    let app = TestApp::start().await;
    let (user, other) = (app.user().await, app.user().await);
    let own = room(&app, &user, "Own").await;
    let public = room(&app, &other, "Shown").await;
    let unlisted = room(&app, &other, "Known to few").await;
    let private = room(&app, &other, "Private").await;
    show(&app, &public, "public", None, &[]).await;
    show(&app, &unlisted, "unlisted", None, &[]).await;
    say(&app, &user, &own, "a quartz of mine").await;
    say(&app, &other, &public, "a quartz for all").await;
    say(&app, &other, &unlisted, "a quartz for those who know").await;
    say(&app, &other, &private, "a quartz of theirs, and r0 none").await;
    let find = async |query: &str| {
        let (status, page) =
            app.get(&format!("/api/messages/search?q=quartz{query}"), Some(&user.token)).await;
        assert_eq!(status, 200, "{page}");
        page
    };
    assert_eq!(contents(&find("").await), ["a quartz for all", "a quartz of mine"]);
    assert_eq!(contents(&find("&scope=own").await), ["a quartz of mine"]);
    let only = find("&scope=public").await;
    assert_eq!(contents(&only), ["a quartz for all"]);
    // Of others only what everybody may see.
    let hit = &only["items"][0]["message"];
    assert!(hit.get("clientId").is_none() && hit["sender"].get("id").is_none(), "{hit}");
    let first = find("&limit=1").await;
    let next = first["nextCursor"].as_str().unwrap();
    assert_eq!(contents(&find(&format!("&limit=1&cursor={next}")).await), ["a quartz of mine"]);
    // The word that stands for a room in the index opens no door.
    let word = format!("r{}", id(&private).simple());
    let (_, page) = app.get(&format!("/api/messages/search?q={word}"), Some(&user.token)).await;
    assert_eq!(contents(&page).len(), 0);
    // A reader of an unlisted one may search in it; in a private one nobody else.
    for (room, status) in [(&public, 200), (&unlisted, 200), (&private, 404)] {
        let path = format!("/api/conversations/{room}/search?q=quartz");
        assert_eq!(app.get(&path, Some(&user.token)).await.0, status);
        assert_eq!(app.get(&path, None).await.0, 401);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn public_conversations_are_found_by_name_and_by_what_was_said() {
    let app = TestApp::start().await;
    let (user, other) = (app.user().await, app.user().await);
    let named = room(&app, &other, "The obsidian gate").await;
    let tagged = room(&app, &other, "Another").await;
    let said = room(&app, &other, "A third").await;
    let hidden = room(&app, &other, "Obsidian, in private").await;
    let own = room(&app, &user, "My obsidian").await;
    show(&app, &named, "public", Some("Fantasy"), &[]).await;
    show(&app, &tagged, "public", None, &["obsidian"]).await;
    show(&app, &said, "public", None, &[]).await;
    say(&app, &other, &said, "they spoke of obsidian").await;
    say(&app, &other, &hidden, "obsidian").await;
    let find = async |token: Option<&str>| {
        let (status, page) = app.get("/api/conversations/search?q=obsidian", token).await;
        assert_eq!(status, 200, "{page}");
        let hits = page["items"].as_array().unwrap().iter();
        let mut found: Vec<(String, String)> = hits
            .map(|hit| {
                let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                (text(&hit["conversation"]["id"]), text(&hit["foundBy"]))
            })
            .collect();
        assert_eq!(found.last().unwrap(), &(said.clone(), "text".to_owned()), "those by name come first");
        found.sort();
        found
    };
    let mut expected = vec![
        (named.clone(), "name".to_owned()),
        (tagged.clone(), "name".to_owned()),
        (said.clone(), "text".to_owned()),
    ];
    expected.sort();
    assert_eq!(find(None).await, expected);
    expected.push((own.clone(), "name".to_owned()));
    expected.sort();
    assert_eq!(find(Some(&user.token)).await, expected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_without_words_is_refused() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = room(&app, &user, "Quiet").await;
    let long = "x".repeat(201);
    let paths = [
        format!("/api/conversations/{room}/search"),
        "/api/messages/search".to_owned(),
        "/api/conversations/search".to_owned(),
    ];
    for path in &paths {
        for q in
            ["", "?q=", "?q=%20", "?q=-lamp", "?q=%21%3F", "?q=a%00b", &format!("?q={long}"), "?q=a&cursor=x"]
        {
            let (status, body) = app.get(&format!("{path}{q}"), Some(&user.token)).await;
            assert_eq!((status, &body["error"]), (400, &"bad_request".into()), "{path}{q}: {body}");
        }
    }
    for query in ["q=a&sort=best", "q=a&page=2"] {
        assert_eq!(app.get(&format!("{}?{query}", paths[0]), Some(&user.token)).await.0, 400, "{query}");
    }
    // Signs that mean something to the database are words here.
    for q in ["%27%3B%20drop%20table", "a%20%26%20b%20%7C%20%21c", "%3A%2A", "%28%28%29a", "%5C%27%20a"] {
        let (status, body) = app.get(&format!("{}?q={q}", paths[1]), Some(&user.token)).await;
        assert!(matches!(status, 200 | 400), "{q}: {body}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_language_finds_other_forms_of_a_word_once_its_index_is_built() {
    let app = TestApp::start_with(|config| config.search.language = "english".to_owned()).await;
    let user = app.user().await;
    let room = room(&app, &user, "Forms").await;
    say(&app, &user, &room, "the lamps were burning").await;
    eventually("the index is built", async || {
        number(&app, "select count(*) from pg_class where relname = 'messages_words_english'", &[]).await == 1
            && number(&app, "select count(*) from pg_class where relname = 'messages_words_simple'", &[])
                .await
                == 0
    })
    .await;
    let (_, page) =
        app.get(&format!("/api/conversations/{room}/search?q=lamp%20burn"), Some(&user.token)).await;
    assert_eq!(contents(&page), ["the lamps were burning"]);
    let marked: Vec<&str> = page["items"][0]["highlights"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|piece| piece["match"] == true)
        .map(|piece| piece["text"].as_str().unwrap())
        .collect();
    assert_eq!(marked, ["lamps", "burning"]);
    app.stop().await;
}
