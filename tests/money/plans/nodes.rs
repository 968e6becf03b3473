//! Two servers on one database: one quota, whoever stores the message.

use std::net::SocketAddr;

use futures_util::future::join_all;
use greenroom::app::App;
use greenroom::config::Config;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Settings, World, per_day, read_from};
use crate::support::app::{TestUser, eventually};

/// One more server on the database of a world.
pub struct Node {
    app: App,
    pub address: SocketAddr,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Node {
    pub async fn beside(world: &World, settings: &Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = settings.lock().unwrap().clone().unwrap();
        config.data_dir = folder.path().to_owned();
        config.database.url = SecretString::from(world.app.database.url());
        config.source = read_from(settings);
        let app = App::start(Config { ..config }).await.expect("a second node starts");
        Self { address: app.address(), app, http: reqwest::Client::new(), _folder: folder }
    }

    pub async fn say(&self, user: &TestUser, room: &str) -> u16 {
        let path = format!("http://{}/api/conversations/{room}/messages", self.address);
        let body = json!({"content": "Good evening", "reply": "none"});
        let answer = self.http.post(path).bearer_auth(&user.token).json(&body).send().await.unwrap();
        answer.status().as_u16()
    }

    pub async fn get(&self, path: &str, token: &str) -> Value {
        let answer = self.http.get(format!("http://{}{path}", self.address)).bearer_auth(token);
        answer.send().await.unwrap().json().await.unwrap()
    }

    pub async fn stop(self) {
        self.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_at_both_are_as_many_as_the_plan_allows() {
    let world = World::start().await;
    let node = Node::beside(&world, &world.settings).await;
    let user = world.user("basic").await;
    let rooms = [world.app.conversation(&user).await, world.app.conversation(&user).await];
    let sends = (0..40).map(|n| {
        let (world, node, user, rooms) = (&world, &node, &user, &rooms);
        async move {
            if n % 2 == 0 { world.say(user, &rooms[0]).await.0 } else { node.say(user, &rooms[1]).await }
        }
    });
    let statuses = join_all(sends).await;
    let stored = statuses.iter().filter(|status| **status < 300).count();
    assert_eq!(stored, 5, "{statuses:?}");
    assert!(statuses.iter().all(|status| *status < 300 || *status == 402), "{statuses:?}");
    let client = world.app.database.pool().get().await.unwrap();
    let counts = "select (select count(*) from messages where sender_id = u.user_id), u.used from usage u
        where u.user_id = $1::text::uuid";
    let row = client.query_one(counts, &[&user.id]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i32>(1)), (5, 5));
    // Both have refused, and so both have the database's word.
    assert_eq!(world.today(&user).await, (5, 5));
    assert_eq!(node.get("/api/subscription/usage", &user.token).await["limits"][0]["used"], 5);
    drop(client);
    node.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_knows_what_the_other_counted_after_its_own_next_message() {
    let world = World::start_with(|config| per_day(config, "basic", 20)).await;
    let node = Node::beside(&world, &world.settings).await;
    let user = world.user("basic").await;
    let rooms = [world.app.conversation(&user).await, world.app.conversation(&user).await];
    world.say_all(&user, &rooms[0], 2).await;
    for _ in 0..5 {
        assert!(node.say(&user, &rooms[1]).await < 300);
    }
    world.say_all(&user, &rooms[0], 1).await;
    eventually("the database's word", async || world.today(&user).await == (8, 20)).await;
    node.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admins_reload_reaches_every_node_which_reads_its_own_settings() {
    let world = World::start().await;
    // The other node's file, which the operator edits as well.
    let theirs: Settings = Settings::new(std::sync::Mutex::new(world.settings.lock().unwrap().clone()));
    let node = Node::beside(&world, &theirs).await;
    let user = world.user("basic").await;
    let limit = async || node.get("/api/subscription/usage", &user.token).await["limits"][0]["limit"].clone();
    assert_eq!(limit().await, 5);
    world.edit(|config| per_day(config, "basic", 7));
    per_day(theirs.lock().unwrap().as_mut().unwrap(), "basic", 8);
    assert_eq!(world.reload().await.0, 200);
    assert_eq!(world.today(&user).await, (0, 7));
    eventually("the other node reads its settings", async || limit().await == 8).await;
    node.stop().await;
    world.stop().await;
}
