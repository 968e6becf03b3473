//! Who sees an avatar: every path by which a character is found, used or counted, for everybody who may ask.

use reqwest::Method;
use serde_json::{Value, json};

use super::{change, id, number, ready};
use crate::support::app::{TestApp, TestUser, eventually};

struct World {
    app: TestApp,
    owner: TestUser,
    stranger: TestUser,
    admin: TestUser,
    id: String,
    slug: String,
}

impl World {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let (owner, stranger, admin) = (app.user().await, app.user().await, app.admin().await);
        let avatar = ready(&app, &owner, "Zenobia Unseen").await;
        let (id, slug) = (id(&avatar), avatar["slug"].as_str().unwrap().to_owned());
        let marked = json!({ "appearance": "SECRET-looks", "tags": ["zenobian"], "category": "zenobia",
            "settings": { "personality": "SECRET-personality", "scenario": "SECRET-scenario", "knowledge": ["SECRET-fact"],
                "lorebook": { "entries": [{ "name": "SECRET", "keys": ["k"], "content": "SECRET-lore", "enabled": true }] } } });
        let (status, answer) = change(&app, &owner, &id, marked).await;
        assert_eq!(status, 200, "{answer}");
        Self { app, owner, stranger, admin, id, slug }
    }

    async fn is(&self, visibility: &str) {
        let (status, answer) =
            change(&self.app, &self.owner, &self.id, json!({ "visibility": visibility })).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The statuses of all ways that lead to it by its id or slug.
    async fn found(&self, token: Option<&str>) -> Vec<(String, u16)> {
        let mut found = Vec::new();
        for key in [&self.id, &self.slug] {
            for path in [format!("/api/characters/{key}"), format!("/api/characters/{key}/gallery")] {
                found.push((path.clone(), self.app.get(&path, token).await.0));
            }
            if token.is_some() {
                let model = format!("character/{key}");
                for (method, path, body) in [
                    (Method::GET, format!("/api/characters/{key}/memory"), None),
                    (Method::POST, format!("/api/characters/{key}/rating"), Some(json!({ "rating": 5 }))),
                    (Method::GET, format!("/api/subscription/can-send?characterId={key}"), None),
                    (
                        Method::POST,
                        "/api/ai/estimate-cost".to_owned(),
                        Some(json!({ "characterId": key, "message": "hi" })),
                    ),
                    (Method::GET, format!("/v1/models/{model}"), None),
                    (
                        Method::POST,
                        "/v1/chat/completions".to_owned(),
                        Some(json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] })),
                    ),
                ] {
                    let status = self.app.call(method, &path, token, body).await.0;
                    found.push((format!("{path} {key}"), status));
                }
            }
        }
        if token.is_some() {
            for body in [
                json!({ "characterId": self.id }),
                json!({ "characterIds": [self.app.character().await, self.id] }),
            ] {
                found.push((
                    format!("found a room {body}"),
                    self.app.post("/api/conversations", token, body).await.0,
                ));
            }
        }
        found
    }

    async fn lists(&self, token: Option<&str>) -> u64 {
        let mut shown = 0;
        for query in [
            "q=Zenobia",
            "tag=zenobian",
            "category=zenobia",
            "sort=newest&q=unseen",
            "sort=popular&q=zenobia",
            "sort=rating&q=zenobia",
        ] {
            let (status, list) = self.app.get(&format!("/api/characters?{query}"), token).await;
            assert_eq!(status, 200, "{list}");
            assert_eq!(
                list["total"].as_u64().unwrap(),
                list["items"].as_array().unwrap().len() as u64,
                "{query}"
            );
            assert!(!list.to_string().replace("SECRET-idea", "").contains("SECRET"), "{list}");
            shown += list["total"].as_u64().unwrap();
        }
        shown
    }

    async fn models(&self, token: &str) -> bool {
        self.app.get("/v1/models", Some(token)).await.1.to_string().contains(&self.slug)
    }
}

fn all(found: &[(String, u16)], fits: impl Fn(u16) -> bool) {
    for (what, status) in found {
        assert!(fits(*status), "{what}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_one_is_its_owners_alone_by_every_way() {
    let world = World::open().await;
    let (app, stranger) = (&world.app, &world.stranger);
    all(&world.found(Some(&world.owner.token)).await, |status| (200..300).contains(&status));
    all(&world.found(Some(&stranger.token)).await, |status| status == 404);
    all(&world.found(None).await, |status| status == 404);
    for token in [None, Some(stranger.token.as_str()), Some(world.owner.token.as_str())] {
        assert_eq!(world.lists(token).await, 0, "no list has it");
        let picture = format!("/api/characters/{}/picture", world.id);
        assert_eq!(app.get(&picture, token).await.0, 404);
    }
    assert!(world.models(&world.owner.token).await && !world.models(&stranger.token).await);
    // Sockets: to subscribe, to write to it, to bring it into a room.
    let mut socket = app.socket(stranger).await;
    let asks = json!({ "characterId": world.id });
    assert_eq!(socket.ask("character:subscribe", asks.clone()).await["code"], "not_found");
    assert_eq!(socket.ask("conversation:create", asks).await["code"], "not_found");
    let said = json!({ "characterId": world.id, "content": "hi" });
    assert_eq!(socket.ask("message:send", said).await["code"], "not_found");
    let room = app.conversation(stranger).await;
    let path = format!("/api/conversations/{room}/characters");
    assert_eq!(app.post(&path, Some(&stranger.token), json!({ "characterId": world.id })).await.0, 404);
    // No admin is an owner where a user asks; an admin's own routes have it, with whose it is.
    let path = format!("/api/characters/{}", world.id);
    let (status, whole) = app.get(&path, Some(&world.admin.token)).await;
    assert_eq!((status, &whole["avatar"]["ownerId"]), (200, &json!(world.owner.id)), "{whole}");
    assert_eq!(
        app.post("/api/conversations", Some(&world.admin.token), json!({ "characterId": world.id })).await.0,
        404
    );
    for (method, path) in [(Method::PUT, path.clone()), (Method::DELETE, path)] {
        assert_eq!(app.call(method, &path, Some(&stranger.token), Some(json!({}))).await.0, 403);
    }
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlisted_one_is_for_whoever_knows_it_and_a_public_one_for_all() {
    let world = World::open().await;
    for (visibility, listed) in [("unlisted", 0), ("public", 6)] {
        world.is(visibility).await;
        for token in [None, Some(world.stranger.token.as_str())] {
            all(&world.found(token).await, |status| (200..300).contains(&status));
            assert_eq!(world.lists(token).await, listed, "{visibility}");
        }
        assert_eq!(world.models(&world.stranger.token).await, visibility == "public");
        let (_, face) =
            world.app.get(&format!("/api/characters/{}", world.slug), Some(&world.stranger.token)).await;
        // What it was made of is a description, and public with it.
        for word in [
            "SECRET-looks",
            "SECRET-personality",
            "SECRET-scenario",
            "SECRET-fact",
            "SECRET-lore",
            "appearance",
            "personality",
            "knowledge",
            "lorebook",
            "ownerId",
        ] {
            assert!(!face.to_string().contains(word), "{word}: {face}");
        }
    }
    world.is("private").await;
    all(&world.found(Some(&world.stranger.token)).await, |status| status == 404);
    assert_eq!(world.lists(None).await, 0);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_in_writing_or_that_failed_is_no_character() {
    let world = World::open().await;
    world.is("public").await;
    for state in ["writing", "failed"] {
        super::execute(
            &world.app,
            &format!("update characters set state = '{state}' where id = '{}'", world.id),
        )
        .await;
        super::execute(
            &world.app,
            &format!("select pg_notify('greenroom_characters', 'changed {}')", world.id),
        )
        .await;
        let path = format!("/api/characters/{}", world.id);
        eventually("it is heard", async || world.app.get(&path, None).await.0 == 404).await;
        for token in [Some(world.owner.token.as_str()), Some(world.stranger.token.as_str())] {
            all(&world.found(token).await, |status| status == 404 || status == 409);
            assert_eq!(world.lists(token).await, 0);
        }
    }
    world.app.stop().await;
}

async fn says(app: &TestApp, user: &TestUser, room: &str, reply: &str) -> Value {
    let body = json!({ "content": "Are you there?", "reply": reply });
    app.post(&format!("/api/conversations/{room}/messages"), Some(&user.token), body).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_becomes_private_answers_others_no_more_and_what_it_said_stays() {
    let world = World::open().await;
    let (app, owner, stranger) = (&world.app, &world.owner, &world.stranger);
    world.is("unlisted").await;
    let (_, made) =
        app.post("/api/conversations", Some(&stranger.token), json!({ "characterId": world.id })).await;
    let theirs = made["conversation"]["id"].as_str().unwrap().to_owned();
    let with = json!({ "characterId": world.id, "memberIds": [stranger.id] });
    let (_, made) = app.post("/api/conversations", Some(&owner.token), with).await;
    let shared = made["conversation"]["id"].as_str().unwrap().to_owned();
    let mut socket = app.socket(stranger).await;
    assert_eq!(socket.ask("character:subscribe", json!({ "characterId": world.id })).await["success"], true);
    let answered = says(app, stranger, &theirs, "auto").await;
    assert_eq!(answered["replies"].as_array().map_or(0, Vec::len), 1, "{answered}");
    let answers =
        |room: &str| format!("select count(*) from messages where room_id = '{room}' and sender_kind = 1");
    eventually("it answers", async || number(app, &answers(&theirs)).await == 2).await;
    world.is("private").await;
    // Whoever looks at it is told that it is gone.
    let gone = |frame: &Value| frame["event"] == "character:update" && frame["data"]["deleted"] == true;
    socket.find(gone).await.unwrap();
    eventually("the room hears of it", async || {
        says(app, stranger, &theirs, "auto").await["replies"].as_array().is_none_or(Vec::is_empty)
    })
    .await;
    let (status, messages) =
        app.get(&format!("/api/conversations/{theirs}/messages"), Some(&stranger.token)).await;
    assert_eq!(status, 200);
    assert!(
        messages.to_string().contains("Zenobia") || messages["items"].as_array().unwrap().len() > 2,
        "{messages}"
    );
    let asked = json!({ "characterId": world.id, "content": "hi" });
    assert_eq!(socket.ask("message:send", asked).await["code"], "not_found");
    // Where its owner is, its members see its public face, and it answers them.
    let (_, room) = app.get(&format!("/api/conversations/{shared}"), Some(&stranger.token)).await;
    assert!(
        room.to_string().contains("Zenobia Unseen")
            && !room.to_string().replace("SECRET-idea", "").contains("SECRET"),
        "{room}"
    );
    let answered = says(app, stranger, &shared, &world.id).await;
    assert_eq!(answered["replies"].as_array().map_or(0, Vec::len), 1, "{answered}");
    world.app.stop().await;
}
