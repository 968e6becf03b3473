//! Every path of the server against `docs/endpoints.tsv`: all are listed, all that are listed exist, and each lets in
//! whom its access word says, under `/api` and `/api/v1`.
//!
//! Bodies are `{}`: an answer such as 400 or 404 means that the caller was let in.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser};

const LIST: &str = include_str!("../../docs/endpoints.tsv");
/// Walked after all others: the server takes no more messages and sockets from then on.
const LAST: (&str, &str) = ("POST", "/api/admin/drain");
/// What `{id}` and its like stand for where nothing particular does.
const NOBODY: &str = "0197f000-0000-7000-8000-000000000000";

/// An operation and its access word: what `docs/endpoints.tsv` says of it.
#[derive(Clone, Debug)]
struct Row {
    method: Method,
    path: String,
    access: String,
}

fn rows() -> Vec<Row> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let [method, path, access] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        Row { method: method.parse().unwrap(), path: path.to_owned(), access: access.to_owned() }
    };
    let mut rows: Vec<Row> = lines.map(row).collect();
    rows.sort_by_key(|row| (row.method.as_str(), row.path.as_str()) == LAST);
    rows
}

/// What the server documents: method and path, and whether a token is asked for.
fn documented() -> BTreeMap<(String, String), bool> {
    let document: Value = serde_json::from_str(&greenroom::app::openapi().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    let operations = |(path, item): (String, Value)| {
        let item = item.as_object().unwrap().clone();
        item.into_iter().map(move |(method, operation)| {
            let ways = operation["security"].as_array().cloned().unwrap_or_default();
            // An empty way in says that a token may be left out.
            let secured =
                !ways.is_empty() && ways.iter().all(|way| way.as_object().is_some_and(|way| !way.is_empty()));
            ((method.to_uppercase(), path.clone()), secured)
        })
    };
    paths.into_iter().flat_map(operations).collect()
}

#[test]
fn every_documented_path_is_listed_once_and_the_other_way_round() {
    let (rows, documented) = (rows(), documented());
    let mut listed: Vec<_> = rows.iter().map(|row| (row.method.to_string(), row.path.clone())).collect();
    listed.sort();
    let all = listed.len();
    listed.dedup();
    assert_eq!(listed.len(), all, "a path is listed twice");
    let missing: Vec<_> = documented.keys().filter(|key| !listed.contains(key)).collect();
    assert!(missing.is_empty(), "not in docs/endpoints.tsv: {missing:#?}");
    let gone: Vec<_> =
        listed.iter().filter(|key| key.1.starts_with("/api/") && !documented.contains_key(key)).collect();
    assert!(gone.is_empty(), "listed, but not documented: {gone:#?}");
}

#[test]
fn the_documentation_says_which_paths_take_a_token() {
    let documented = documented();
    for row in rows() {
        let Some(secured) = documented.get(&(row.method.to_string(), row.path.clone())) else { continue };
        match row.access.as_str() {
            "user" | "owner" | "admin" | "key" => assert!(secured, "{row:?} documents no token"),
            "public" | "optional" | "signature" | "page" => assert!(!secured, "{row:?} documents a token"),
            _ => {}
        }
    }
}

/// Who calls, on a server that is walked.
struct Walk {
    app: TestApp,
    admin: TestUser,
    /// Somebody whose conversation the walk looks at, and who never calls by himself.
    owner: TestUser,
    room: String,
}

impl Walk {
    async fn start() -> Self {
        let app = TestApp::start_with(|config| {
            config.auth.argon2_memory_kib = 64;
            config.auth.argon2_iterations = 1;
        })
        .await;
        let (admin, owner) = (app.admin().await, app.user().await);
        let room = app.conversation(&owner).await;
        Self { app, admin, owner, room }
    }

    /// The path with something in each of its places.
    fn fill(&self, path: &str) -> String {
        let of_rooms = ["/conversations/{id}", "/chatroom/{id}"].iter().any(|part| path.contains(part));
        let path = if of_rooms { path.replacen("{id}", &self.room, 1) } else { path.to_owned() };
        let names = [("{username}", "nobody-at-all"), ("{slug}", "no-such"), ("{queue}", "emails")];
        let named = names.iter().fold(path, |path, (place, name)| path.replace(place, name));
        let segment =
            |segment: &str| if segment.starts_with('{') { NOBODY.to_owned() } else { segment.to_owned() };
        named.split('/').map(segment).collect::<Vec<_>>().join("/")
    }

    async fn call(&self, row: &Row, path: &str, token: Option<&str>) -> Answer {
        // With a body that is as it should be, so that the answer is about who asks.
        let bodies = [
            ("/messages", json!({"content": "let me in"})),
            ("/message", json!({"content": "let me in"})),
            ("/messages/{messageId}", json!({"content": "let me in"})),
            ("/select", json!({"variant": 0})),
            ("/reactions", json!({"emoji": "👍"})),
            ("/read", json!({"offset": 1})),
            ("/members", json!({"userId": NOBODY})),
            ("/members/{userId}", json!({"role": "owner"})),
            ("/characters", json!({"characterId": NOBODY})),
        ];
        let of_room =
            bodies.into_iter().find(|(end, _)| path.contains(&self.room) && row.path.ends_with(end));
        let body = (row.method != Method::GET).then(|| of_room.map_or(json!({}), |(_, body)| body));
        let (status, body) = self.app.call(row.method.clone(), path, token, body).await;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Answer { status, error: text("error"), message: text("message") }
    }

    /// What becomes of nobody, of a bad token, of a fresh user and of an admin, where they are of interest.
    async fn judge(&self, row: &Row, path: &str) -> Result<(), String> {
        let expect = |holds: bool, who: &str, got: &Answer| {
            let told = || format!("{} {path} ({}): {who} got {got:?}", row.method, row.access);
            if holds && got.is_there() && got.status != 500 { Ok(()) } else { Err(told()) }
        };
        let nobody = self.call(row, path, None).await;
        match row.access.as_str() {
            "public" => return expect(nobody.is_let_in(), "nobody", &nobody),
            "page" => return expect(matches!(nobody.status, 200 | 404), "nobody", &nobody),
            "signature" => return expect((400..500).contains(&nobody.status), "nobody", &nobody),
            // A socket without an upgrade: the token comes in its first frame.
            "token" => return expect(matches!(nobody.status, 400 | 426), "nobody", &nobody),
            "optional" => expect(nobody.is_let_in(), "nobody", &nobody)?,
            _ => expect(nobody.status == 401, "nobody", &nobody)?,
        }
        let bad = self.call(row, path, Some("a.bad.token")).await;
        // Where a token changes nothing, nobody looks at it.
        expect(bad.status == 401 || row.access == "optional", "a bad token", &bad)?;
        // Somebody new for each call: some of them sign out, or worse.
        let user = self.app.user().await;
        let user = self.call(row, path, Some(&user.token)).await;
        let anothers = path.contains(&self.room) || row.access == "owner";
        match row.access.as_str() {
            "admin" => expect(user.status == 403, "a user", &user)?,
            _ if anothers => expect(matches!(user.status, 403 | 404), "another user", &user)?,
            _ => expect(user.is_let_in(), "a user", &user)?,
        }
        if matches!(row.access.as_str(), "admin" | "owner") {
            let admin = self.call(row, path, Some(&self.admin.token)).await;
            expect(admin.is_let_in(), "an admin", &admin)?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    error: String,
    message: String,
}

impl Answer {
    /// Whether the path exists at all.
    fn is_there(&self) -> bool {
        self.status != 405 && self.error != "route_not_found"
    }

    /// Whether the answer is about what was asked, not about who asked. A wrong password or code is 401 too.
    fn is_let_in(&self) -> bool {
        self.status != 403 && !(self.status == 401 && self.message.contains("access token"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_lets_in_whom_the_list_says() {
    let walk = Walk::start().await;
    let mut wrong = Vec::new();
    for row in rows() {
        let path = walk.fill(&row.path);
        wrong.extend(walk.judge(&row, &path).await.err());
        let older = path.strip_prefix("/api").filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if let Some(rest) = older {
            wrong.extend(walk.judge(&row, &format!("/api/v1{rest}")).await.err());
        }
    }
    assert!(wrong.is_empty(), "{} of the walk:\n{}", wrong.len(), wrong.join("\n"));
    let (status, room) =
        walk.app.get(&format!("/api/conversations/{}", walk.room), Some(&walk.owner.token)).await;
    assert_eq!(status, 200, "nobody else changed what is the owner's: {room}");
    walk.app.stop().await;
}
