//! Who may see and do what in a conversation: all of its paths, for everybody who may ask, as one table.
//!
//! A cell is the status of the answer. What is refused changes nothing; each thing that is allowed is done in a
//! conversation of its own.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, eventually};

/// Of each visibility: nobody, a stranger, a member, the owner, an admin who is not in it.
///
/// In a path `{own}` is a message of the owner, `{other}` one of the member, `{greeting}` one of the character that answers
/// nothing and `{answer}` one that does.
const TABLE: &str = "
#                                                       private              unlisted             public
#                                                       no  st  me  ow  ad   no  st  me  ow  ad   no  st  me  ow  ad
GET    /conversations/{id}                              404 404 200 200 404  200 200 200 200 200  200 200 200 200 200
PUT    /conversations/{id}                              401 404 403 200 404  401 404 403 200 404  401 404 403 200 404
DELETE /conversations/{id}                              401 404 403 204 404  401 404 403 204 404  401 404 403 204 404
PATCH  /conversations/{id}/featured                     401 403 403 403 409  401 403 403 403 409  401 403 403 403 200
GET    /conversations/{id}/messages                     404 404 200 200 404  200 200 200 200 200  200 200 200 200 200
GET    /conversations/{id}/search?q=good                401 404 200 200 404  401 200 200 200 200  401 200 200 200 200
GET    /conversations/{id}/stats                        401 404 200 200 404  401 200 200 200 200  401 200 200 200 200
GET    /conversations/{id}/export                       401 404 200 200 404  401 404 200 200 404  401 404 200 200 404
POST   /conversations/{id}/restore                      401 404 404 404 404  401 404 404 404 404  401 404 404 404 404
POST   /conversations/{id}/messages                     401 404 201 201 404  401 404 201 201 404  401 404 201 201 404
POST   /conversations/{id}/read                         401 404 200 200 404  401 404 200 200 404  401 404 200 200 404
POST   /conversations/{id}/reply                        401 404 202 202 404  401 404 202 202 404  401 404 202 202 404
POST   /conversations/{id}/stop                         401 404 200 200 404  401 404 200 200 404  401 404 200 200 404
PUT    /conversations/{id}/messages/{own}               401 404 403 200 404  401 404 403 200 404  401 404 403 200 404
PUT    /conversations/{id}/messages/{other}             401 404 200 403 404  401 404 200 403 404  401 404 200 403 404
DELETE /conversations/{id}/messages/{own}               401 404 403 200 404  401 404 403 200 404  401 404 403 200 404
DELETE /conversations/{id}/messages/{other}             401 404 200 200 404  401 404 200 200 404  401 404 200 200 404
DELETE /conversations/{id}/messages/{greeting}          401 404 403 200 404  401 404 403 200 404  401 404 403 200 404
POST   /conversations/{id}/messages/{answer}/regenerate 401 404 202 202 404  401 404 202 202 404  401 404 202 202 404
POST   /conversations/{id}/messages/{greeting}/continue 401 404 202 202 404  401 404 202 202 404  401 404 202 202 404
POST   /conversations/{id}/messages/{greeting}/select   401 404 200 200 404  401 404 200 200 404  401 404 200 200 404
POST   /conversations/{id}/messages/{own}/reactions     401 404 200 200 404  401 404 200 200 404  401 404 200 200 404
DELETE /conversations/{id}/messages/{own}/reactions/👍  401 404 200 200 404  401 404 200 200 404  401 404 200 200 404
POST   /conversations/{id}/members                      401 404 403 201 404  401 404 403 201 404  401 404 403 201 404
PUT    /conversations/{id}/members/{member}             401 404 403 200 404  401 404 403 200 404  401 404 403 200 404
DELETE /conversations/{id}/members/{member}             401 404 200 200 404  401 404 200 200 404  401 404 200 200 404
DELETE /conversations/{id}/members/{owner}              401 404 403 409 404  401 404 403 409 404  401 404 403 409 404
POST   /conversations/{id}/characters                   401 404 403 201 404  401 404 403 201 404  401 404 403 201 404
DELETE /conversations/{id}/characters/{second}          401 404 403 200 404  401 404 403 200 404  401 404 403 200 404
GET    /chatroom/{id}                                   401 404 200 200 404  401 404 200 200 404  401 404 200 200 404
DELETE /chatroom/{id}                                   401 404 403 204 404  401 404 403 204 404  401 404 403 204 404
POST   /chatroom/{id}/message                           401 404 202 202 404  401 404 202 202 404  401 404 202 202 404
GET    /chatroom/{id}/messages                          401 404 200 200 404  401 404 200 200 404  401 404 200 200 404
";

const VISIBILITIES: [&str; 3] = ["private", "unlisted", "public"];
const CALLERS: [&str; 5] = ["nobody", "a stranger", "a member", "the owner", "an admin"];

struct Row {
    method: Method,
    path: String,
    /// Of each visibility, of each caller.
    cells: Vec<Vec<u16>>,
}

fn rows() -> Vec<Row> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap().parse().unwrap(), words.next().unwrap().to_owned());
        let cells: Vec<u16> = words.map(|word| word.parse().unwrap()).collect();
        assert_eq!(cells.len(), VISIBILITIES.len() * CALLERS.len(), "{line}");
        Row { method, path, cells: cells.chunks(CALLERS.len()).map(<[u16]>::to_vec).collect() }
    };
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(row).collect()
}

/// A body that is as it should be, so that the answer is about who asks.
fn body(row: &Row, world: &World) -> Option<Value> {
    let end = row.path.rsplit('/').next().unwrap();
    let (put, post) = (row.method == Method::PUT, row.method == Method::POST);
    match end {
        "{id}" if put => Some(json!({"title": "Another"})),
        "featured" => Some(json!({"featured": true})),
        "messages" if post => Some(json!({"content": "Good evening", "reply": "none"})),
        "message" => Some(json!({"content": "Good evening"})),
        "read" => Some(json!({"offset": 1})),
        "{own}" | "{other}" if put => Some(json!({"content": "Better"})),
        "select" => Some(json!({"variant": 0})),
        "reactions" => Some(json!({"emoji": "👍"})),
        "members" => Some(json!({"userId": world.guest.id})),
        "{member}" if put => Some(json!({"role": "owner"})),
        "characters" => Some(json!({"characterId": world.characters[2]})),
        _ => None,
    }
}

struct World {
    app: TestApp,
    stranger: TestUser,
    member: TestUser,
    owner: TestUser,
    admin: TestUser,
    /// In no conversation yet.
    guest: TestUser,
    characters: Vec<String>,
}

/// What a path's places stand for.
type Places = HashMap<&'static str, String>;

fn filled(path: &str, places: &Places) -> String {
    places
        .iter()
        .fold(format!("/api{path}"), |path, (name, value)| path.replace(&format!("{{{name}}}"), value))
}

impl World {
    async fn start() -> Self {
        let app = TestApp::start_with(|config| {
            config.auth.argon2_memory_kib = 64;
            config.auth.argon2_iterations = 1;
            config.default_plan = "enterprise".to_owned();
            config.ai.offline_word_delay_ms = 0;
        })
        .await;
        let (stranger, member, owner, guest) =
            (app.user().await, app.user().await, app.user().await, app.user().await);
        let admin = app.admin().await;
        let (_, list) = app.get("/api/characters?limit=3", None).await;
        let id = |character: &Value| character["id"].as_str().unwrap().to_owned();
        let characters = list["items"].as_array().unwrap().iter().map(id).collect();
        Self { app, stranger, member, owner, admin, guest, characters }
    }

    fn token(&self, caller: usize) -> Option<&str> {
        let users = [&self.stranger, &self.member, &self.owner, &self.admin];
        caller.checked_sub(1).map(|user| users[user].token.as_str())
    }

    async fn done(&self, method: Method, path: &str, who: &TestUser, body: Value) -> Value {
        let (status, answer) = self.app.call(method, path, Some(&who.token), Some(body)).await;
        assert!((200..300).contains(&status), "{path}: {answer}");
        answer
    }

    /// A conversation with all that the path speaks of.
    async fn room(&self, visibility: &str, path: &str) -> Places {
        let new = json!({"characterId": self.characters[0], "memberIds": [self.member.id]});
        let made = self.done(Method::POST, "/api/conversations", &self.owner, new).await;
        let id = made["conversation"]["id"].as_str().unwrap().to_owned();
        let home = format!("/api/conversations/{id}");
        self.done(Method::PUT, &home, &self.owner, json!({"visibility": visibility})).await;
        let second = json!({"characterId": self.characters[1]});
        self.done(Method::POST, &format!("{home}/characters"), &self.owner, second).await;
        let messages = format!("{home}/messages");
        let quiet = json!({"content": "Good morning", "reply": "none"});
        let own = self.done(Method::POST, &messages, &self.owner, quiet.clone()).await;
        let other = self.done(Method::POST, &messages, &self.member, quiet).await;
        let mut answer = Value::String(String::new());
        if path.contains("{answer}") {
            let reply = json!({"content": "Are you well?", "reply": self.characters[0]});
            let asked = self.done(Method::POST, &messages, &self.owner, reply).await;
            answer = asked["replies"][0]["messageId"].clone();
            let last = format!("{messages}?limit=1");
            eventually("the answer", async || {
                self.app.get(&last, Some(&self.owner.token)).await.1["items"][0]["id"] == answer
            })
            .await;
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        HashMap::from([
            ("id", id),
            ("own", text(&own["message"]["id"])),
            ("other", text(&other["message"]["id"])),
            ("greeting", text(&made["conversation"]["lastMessage"]["id"])),
            ("answer", text(&answer)),
            ("member", self.member.id.clone()),
            ("owner", self.owner.id.clone()),
            ("second", self.characters[1].clone()),
        ])
    }

    /// All that the owner can see of it.
    async fn seen(&self, places: &Places) -> Value {
        let home = format!("/api/conversations/{}", places["id"]);
        let (_, conversation) = self.app.get(&home, Some(&self.owner.token)).await;
        let (_, messages) = self.app.get(&format!("{home}/messages"), Some(&self.owner.token)).await;
        json!({"conversation": conversation["conversation"], "messages": messages["items"]})
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_see_and_do_what_is_as_the_table_says() {
    let world = World::start().await;
    let mut wrong = Vec::new();
    for (which, visibility) in VISIBILITIES.into_iter().enumerate() {
        let shared = world.room(visibility, TABLE).await;
        let before = world.seen(&shared).await;
        for row in rows() {
            for (caller, who) in CALLERS.into_iter().enumerate() {
                let expected = row.cells[which][caller];
                let changes = expected < 300 && row.method != Method::GET;
                let places = if changes { world.room(visibility, &row.path).await } else { shared.clone() };
                let path = filled(&row.path, &places);
                let body = body(&row, &world);
                let (status, answer) =
                    world.app.call(row.method.clone(), &path, world.token(caller), body).await;
                if status != expected {
                    let what = format!("{} {} ({visibility}), {who}", row.method, row.path);
                    wrong.push(format!("{what}: {status} instead of {expected}: {answer}"));
                }
            }
        }
        assert_eq!(world.seen(&shared).await, before, "what was refused changed nothing ({visibility})");
    }
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_was_removed_is_a_stranger() {
    let world = World::start().await;
    let places = world.room("private", TABLE).await;
    let gone = format!("/api/conversations/{}/members/{}", places["id"], world.member.id);
    let (status, _) = world.app.call(Method::DELETE, &gone, Some(&world.owner.token), None).await;
    assert_eq!(status, 200);
    for row in rows() {
        let path = filled(&row.path, &places);
        let (status, answer) =
            world.app.call(row.method.clone(), &path, Some(&world.member.token), body(&row, &world)).await;
        assert_eq!(status, row.cells[0][1], "{} {}: {answer}", row.method, row.path);
    }
    let (_, list) = world.app.get("/api/conversations", Some(&world.member.token)).await;
    assert_eq!(list["items"], json!([]));
    world.app.stop().await;
}
