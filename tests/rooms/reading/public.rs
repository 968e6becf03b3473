use std::collections::BTreeSet;

use serde_json::json;

use super::stage::{execute, id, number, react, room, say, show, slug, titles, tombstone};
use crate::support::app::{TestApp, TestUser};

/// Every public answer about a conversation, as text: JSON and HTML.
async fn public_answers(app: &TestApp, room: &str, token: Option<&str>) -> Vec<(String, String)> {
    let slug = slug(app, room).await;
    let paths = [
        format!("/api/conversations/{room}"),
        format!("/api/conversations/{slug}"),
        format!("/api/conversations/{room}/messages"),
        format!("/api/conversations/{room}/messages?after=0&limit=100"),
        "/api/conversations?scope=public&limit=100".to_owned(),
        "/api/conversations/featured?limit=100".to_owned(),
        "/api/conversations/search?q=marker".to_owned(),
        "/api/conversations/categories".to_owned(),
        "/api/conversations/stats".to_owned(),
        format!("/c/{slug}"),
    ];
    let signed_in = [
        format!("/api/conversations/{room}/search?q=marker"),
        format!("/api/conversations/{room}/stats"),
        "/api/messages/search?q=marker&scope=public".to_owned(),
    ];
    let mut answers = Vec::new();
    for path in paths.iter().chain(signed_in.iter().filter(|_| token.is_some())) {
        let response = app.send(reqwest::Method::GET, path, token, None).await;
        assert_eq!(response.status(), 200, "{path}");
        answers.push((path.clone(), response.text().await.unwrap()));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn no_public_answer_holds_anything_of_its_members_but_their_names() {
    let app = TestApp::start().await;
    let (owner, member, stranger) = (app.user().await, app.user().await, app.user().await);
    let body = json!({
        "characterId": app.character().await, "title": "A shown one", "memberIds": [member.id],
    });
    let (_, made) = app.post("/api/conversations", Some(&owner.token), body).await;
    let room = made["conversation"]["id"].as_str().unwrap().to_owned();
    show(&app, &room, "public", Some("Tales"), &["sea"]).await;
    execute(&app, "update rooms set featured = true where id = $1", &[&id(&room)]).await;
    let path = format!("/api/conversations/{room}/messages");
    let said =
        json!({ "content": "a marker for all to read", "reply": "none", "clientId": "secret-client-id-7" });
    let (status, sent) = app.post(&path, Some(&owner.token), said).await;
    assert_eq!(status, 201, "{sent}");
    let message = sent["message"]["id"].as_str().unwrap().to_owned();
    let (gone, _) = say(&app, &member, &room, "a marker that was taken back").await;
    react(&app, &room, &message, &member, "🌊").await;
    tombstone(&app, &gone).await;
    let read = format!("/api/conversations/{room}/read");
    assert_eq!(app.post(&read, Some(&member.token), json!({ "offset": 2 })).await.0, 200);
    execute(
        &app,
        r#"insert into variants (message_id, "index", room_id, content, created_at)
        values ($1, 1, $2, 'a marker of an unchosen variant', now())"#,
        &[&id(&message), &id(&room)],
    )
    .await;
    execute(
        &app,
        "update characters set system_prompt = 'prompt-secret', knowledge = '{knowledge-secret}',
            personality = 'personality-secret', scenario = 'scenario-secret'",
        &[],
    )
    .await;
    let secrets = [
        owner.id.as_str(),
        &member.id,
        &owner.username,
        &member.username,
        &owner.email,
        "secret-client-id-7",
        "-secret",
        "taken back",
        "unchosen variant",
        "readOffset",
        "unreadCount",
        "memberIds",
        "userIds",
        "ownerId",
        "clientId",
        "replies",
        "revision",
    ];
    for token in [None, Some(stranger.token.as_str())] {
        for (path, answer) in public_answers(&app, &room, token).await {
            for secret in secrets {
                assert!(!answer.contains(secret), "{path} tells {secret}: {answer}");
            }
        }
    }
    let (_, page) = app.get(&format!("{path}?after=0"), None).await;
    let said = page["items"].as_array().unwrap();
    let shown = said.iter().find(|said| said["id"] == message.as_str()).unwrap();
    assert_eq!(shown["sender"], json!({ "kind": "user", "name": "Mira", "person": 1 }));
    assert_eq!(shown["reactions"], json!([{ "emoji": "🌊", "count": 1 }]));
    let (_, members) = app.get(&format!("{path}?after=0"), Some(&owner.token)).await;
    assert!(members["items"][1]["sender"]["id"].is_string(), "a member sees all");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_or_deleted_is_not_there_for_others() {
    let app = TestApp::start().await;
    let (owner, stranger) = (app.user().await, app.user().await);
    let room = room(&app, &owner, "Behind the door").await;
    say(&app, &owner, &room, "hush").await;
    let slug = slug(&app, &room).await;
    let paths = [
        format!("/api/conversations/{room}"),
        format!("/api/conversations/{slug}"),
        format!("/api/conversations/{room}/messages"),
        format!("/api/conversations/{slug}/messages?before=9"),
        format!("/c/{slug}"),
        format!("/c/{room}"),
    ];
    let seen = async |token: Option<&str>| {
        let mut seen = BTreeSet::new();
        for path in &paths {
            seen.insert(app.send(reqwest::Method::GET, path, token, None).await.status().as_u16());
        }
        seen
    };
    assert_eq!(seen(None).await, BTreeSet::from([404]));
    assert_eq!(seen(Some(&stranger.token)).await, BTreeSet::from([404]));
    assert_eq!(app.get(&paths[0], Some("bad.token.x")).await.0, 401);
    show(&app, &room, "unlisted", None, &[]).await;
    assert_eq!(seen(None).await, BTreeSet::from([200, 308]), "known to who has the address");
    let (_, list) = app.get("/api/conversations", None).await;
    assert_eq!(titles(&list).len(), 0, "and not listed");
    show(&app, &room, "public", None, &[]).await;
    let path = format!("/api/conversations/{room}");
    assert_eq!(app.call(reqwest::Method::DELETE, &path, Some(&owner.token), None).await.0, 204);
    assert_eq!(seen(None).await, BTreeSet::from([404]));
    let (_, list) = app.get("/api/conversations", None).await;
    assert_eq!(titles(&list).len(), 0);
    app.stop().await;
}

async fn shelf(app: &TestApp, owner: &TestUser) -> Vec<String> {
    let mut rooms = Vec::new();
    for (n, (category, tag)) in
        [("Fantasy", "sea"), ("fantasy", "Tea"), ("Science fiction", "sea"), ("Fantasy", "moon")]
            .iter()
            .enumerate()
    {
        let room = room(app, owner, &format!("Number {n}")).await;
        show(app, &room, "public", Some(category), &[tag]).await;
        say(app, owner, &room, "something").await;
        rooms.push(room);
    }
    rooms
}

#[tokio::test(flavor = "multi_thread")]
async fn public_conversations_are_listed_filtered_and_paged() {
    let app = TestApp::start().await;
    let (owner, user) = (app.user().await, app.user().await);
    let rooms = shelf(&app, &owner).await;
    execute(&app, "update rooms set featured = true where id = $1", &[&id(&rooms[2])]).await;
    let list = async |query: &str, token: Option<&str>| {
        let (status, page) = app.get(&format!("/api/conversations?{query}"), token).await;
        assert_eq!(status, 200, "{query}: {page}");
        page
    };
    assert_eq!(titles(&list("", None).await), ["Number 3", "Number 2", "Number 1", "Number 0"]);
    assert_eq!(titles(&list("", Some(&user.token)).await).len(), 0, "one's own by a token");
    assert_eq!(titles(&list("scope=public", Some(&user.token)).await).len(), 4);
    assert_eq!(titles(&list("category=FANTASY", None).await), ["Number 3", "Number 1", "Number 0"]);
    assert_eq!(titles(&list("tag=tea", None).await), ["Number 1"]);
    assert_eq!(titles(&list("tag=sea&category=fantasy", None).await), ["Number 0"]);
    assert_eq!(titles(&list("featured=true", None).await), ["Number 2"]);
    assert_eq!(titles(&list("featured=false", None).await).len(), 3);
    assert_eq!(titles(&list("q=science", None).await), ["Number 2"]);
    assert_eq!(titles(&list("q=moon", None).await), ["Number 3"]);
    let (_, featured) = app.get("/api/conversations/featured", None).await;
    assert_eq!(titles(&featured), ["Number 2"]);
    execute(&app, "update publications set views = 9 where room_id = $1", &[&id(&rooms[1])]).await;
    for sort in ["recent", "popular"] {
        let whole = list(&format!("sort={sort}"), None).await;
        assert_eq!(whole["total"], 4);
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = list(&format!("sort={sort}&limit=3{cursor}"), None).await;
            walked.extend(titles(&page).into_iter().map(str::to_owned));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(walked, titles(&whole), "{sort}");
        let second = list(&format!("sort={sort}&limit=3&page=2"), None).await;
        assert_eq!(titles(&second), titles(&whole)[3..], "{sort}");
    }
    assert_eq!(titles(&list("sort=popular&limit=1", None).await), ["Number 1"]);
    let (_, categories) = app.get("/api/conversations/categories", None).await;
    assert_eq!(categories["items"][0], json!({ "category": "Fantasy", "conversations": 2 }));
    for query in ["sort=best", "scope=mine", "featured=perhaps", "cursor=x", "limit=0"] {
        assert_eq!(
            app.get(&format!("/api/conversations?scope=public&{query}"), None).await.0,
            400,
            "{query}"
        );
    }
    assert_eq!(
        app.get("/api/conversations?tag=sea", Some(&user.token)).await.0,
        400,
        "filters are of public lists"
    );
    for scope in ["own", "deleted"] {
        assert_eq!(app.get(&format!("/api/conversations?scope={scope}"), None).await.0, 401, "{scope}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_count_once_a_day_however_many_read_at_once() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let room = room(&app, &owner, "Much read").await;
    show(&app, &room, "public", None, &[]).await;
    let mut readers = Vec::new();
    for _ in 0..5 {
        readers.push(app.user().await);
    }
    let path = format!("/api/conversations/{room}");
    let page = format!("/c/{}", slug(&app, &room).await);
    let reads = readers.iter().flat_map(|reader| {
        let (app, path) = (&app, &path);
        (0..4).map(move |_| async move { assert_eq!(app.get(path, Some(&reader.token)).await.0, 200) })
    });
    futures_util::future::join_all(reads).await;
    // A guest, by both ways, and the owner, who does not count.
    assert_eq!(app.get(&path, None).await.0, 200);
    assert_eq!(app.send(reqwest::Method::GET, &page, None, None).await.status(), 200);
    assert_eq!(app.get(&path, Some(&owner.token)).await.0, 200);
    let views = "select coalesce(max(views), 0) from publications where room_id = $1";
    let stored =
        futures_util::future::join_all((0..3).map(|_| app.app().conversations().store_readers())).await;
    assert!(stored.iter().all(Result::is_ok), "{stored:?}");
    assert_eq!(number(&app, views, &[&id(&room)]).await, 6);
    assert_eq!(app.get(&path, Some(&readers[0].token)).await.0, 200);
    let addresses = number(&app, "select count(*) from room_readers where length(reader) <> 16", &[]).await;
    assert_eq!(addresses, 0, "kept as hashes");
    app.app().conversations().store_readers().await.unwrap();
    assert_eq!(number(&app, views, &[&id(&room)]).await, 6, "who came back that day counts once");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_paged_both_ways_by_readers_as_by_members() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let room = room(&app, &owner, "Long").await;
    show(&app, &room, "unlisted", None, &[]).await;
    for n in 0..7 {
        say(&app, &owner, &room, &format!("line {n}")).await;
    }
    let offsets = async |token: Option<&str>, query: &str| {
        let (status, page) = app.get(&format!("/api/conversations/{room}/messages?{query}"), token).await;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap().iter();
        let offsets: Vec<i64> = items.map(|item| item["offset"].as_i64().unwrap()).collect();
        (offsets, page["hasMore"].as_bool().unwrap())
    };
    for query in ["", "limit=3", "before=6&limit=3", "after=2&limit=3", "after=6", "before=1", "after=99"] {
        assert_eq!(offsets(None, query).await, offsets(Some(&owner.token), query).await, "{query}");
    }
    for wrong in ["before=1&after=2", "limit=0", "before=-1"] {
        assert_eq!(app.get(&format!("/api/conversations/{room}/messages?{wrong}"), None).await.0, 400);
    }
    app.stop().await;
}
