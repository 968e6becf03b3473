//! Replies that failed, as admins see them, and their next try, over HTTP and with a provider that fails by script.

use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, eventually};
use crate::support::provider::{Act, Provider};

const KEY: &str = "sk-test-key";
const LIST: &str = "/api/admin/dead-replies";

struct Scene {
    app: TestApp,
    provider: Provider,
    admin: TestUser,
    user: TestUser,
    room: String,
    tries: usize,
}

impl Scene {
    /// Each reply is tried so often.
    async fn start(tries: usize) -> Self {
        let provider = Provider::start().await;
        let base_url = provider.base_url();
        let app = TestApp::start_with(|config| {
            let house = config.ai.providers.get_mut("ollama").expect("a preset");
            house.enabled = true;
            house.base_url = base_url;
            house.api_key = KEY.to_owned().into();
            config.pool.tries = u32::try_from(tries).unwrap();
            config.pool.backoff_ms = 1;
        })
        .await;
        let (admin, user) = (app.admin().await, app.user().await);
        let room = app.conversation(&user).await;
        Self { app, provider, admin, user, room, tries }
    }

    /// Somebody says something and hears that the reply failed: ids of the message and of the reply.
    async fn failed(&self) -> (String, String) {
        self.provider.script(vec![Act::Status(503, None); self.tries]);
        let path = format!("/api/conversations/{}/messages", self.room);
        let (status, sent) =
            self.app.post(&path, Some(&self.user.token), json!({ "content": "Good evening" })).await;
        assert_eq!(status, 201, "{sent}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (asked, reply) = (text(&sent["message"]["id"]), text(&sent["replies"][0]["messageId"]));
        eventually("the reply fails", async || self.dead().await.iter().any(|dead| dead["id"] == *reply))
            .await;
        (asked, reply)
    }

    async fn dead(&self) -> Vec<Value> {
        let (status, list) = self.app.get(LIST, Some(&self.admin.token)).await;
        assert_eq!(status, 200, "{list}");
        list["items"].as_array().unwrap().clone()
    }

    async fn retry(&self, reply: &str) -> (u16, Value) {
        self.app.post(&format!("{LIST}/{reply}/retry"), Some(&self.admin.token), json!({})).await
    }

    async fn last_text(&self) -> String {
        let path = format!("/api/conversations/{}/messages", self.room);
        let (_, page) = self.app.get(&path, Some(&self.user.token)).await;
        let items = page["items"].as_array().unwrap().clone();
        let newest = items.iter().max_by_key(|message| message["offset"].as_i64());
        newest.unwrap()["content"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_reply_is_told_with_its_reason_and_without_what_was_said() {
    let scene = Scene::start(2).await;
    let (asked, reply) = scene.failed().await;
    let dead = scene.dead().await;
    let one = &dead[0];
    assert_eq!(
        (&one["id"], &one["askedMessageId"], &one["conversationId"], &one["username"]),
        (&json!(reply), &json!(asked), &json!(scene.room), &json!(scene.user.username))
    );
    assert_eq!((&one["code"], &one["tries"]), (&json!("provider_unavailable"), &json!(2)), "{one}");
    assert!(one["reason"].as_str().unwrap().contains("503"), "{one}");
    assert_eq!(one["provider"], "ollama", "{one}");
    assert!(one["characterName"].is_string() && one["failedAt"].is_string());
    let told = one.to_string();
    assert!(!told.contains(KEY) && !told.contains("Good evening"), "{told}");
    for (page, wrong) in [("?cursor=nonsense", 400), ("?limit=0", 400)] {
        assert_eq!(scene.app.get(&format!("{LIST}{page}"), Some(&scene.admin.token)).await.0, wrong);
    }
    scene.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_replies_are_listed_page_by_page_the_latest_first() {
    let scene = Scene::start(1).await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        expected.insert(0, scene.failed().await.1);
    }
    let token = Some(scene.admin.token.as_str());
    let mut found: Vec<String> = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let after = cursor.as_str().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let (status, page) = scene.app.get(&format!("{LIST}?limit=1{after}"), token).await;
        assert_eq!((status, &page["total"]), (200, &json!(3)), "{page}");
        found.extend(
            page["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        cursor = page["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(found, expected);
    let (_, second) = scene.app.get(&format!("{LIST}?limit=2&page=2"), token).await;
    assert_eq!(second["items"][0]["id"], expected[2]);
    scene.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_try_is_made_for_who_asked_and_is_audited() {
    let scene = Scene::start(1).await;
    let (_, reply) = scene.failed().await;
    scene.provider.script([Act::say(["Here ", "I am."])]);
    let (status, retried) = scene.retry(&reply).await;
    assert_eq!((status, retried["replies"].as_array().map(Vec::len)), (202, Some(1)), "{retried}");
    eventually("the reply comes", async || scene.last_text().await == "Here I am.").await;
    let (_, list) = scene.app.get(LIST, Some(&scene.admin.token)).await;
    assert_eq!((&list["items"], &list["total"]), (&json!([]), &json!(0)));
    let (status, refused) = scene.retry(&reply).await;
    assert_eq!((status, &refused["error"]), (409, &json!("conflict")), "{refused}");
    let (_, log) = scene.app.get("/api/admin/audit?action=reply", Some(&scene.admin.token)).await;
    assert_eq!((&log["total"], &log["items"][0]["action"]), (&json!(1), &json!("reply.retry")), "{log}");
    assert_eq!(log["items"][0]["targetId"], reply);
    scene.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_tried_again_is_refused_and_nothing_is_asked_for() {
    let scene = Scene::start(1).await;
    for (id, status) in [("nonsense", 404), ("0197f000-0000-7000-8000-000000000000", 404)] {
        assert_eq!(scene.retry(id).await.0, status);
    }
    let (asked, reply) = scene.failed().await;
    let user = Some(scene.user.token.as_str());
    assert_eq!(scene.app.post(&format!("{LIST}/{reply}/retry"), user, json!({})).await.0, 403);
    let message = format!("/api/conversations/{}/messages/{asked}", scene.room);
    let (status, gone) = scene.app.call(reqwest::Method::DELETE, &message, user, None).await;
    assert_eq!(status, 200, "{gone}");
    assert_eq!(scene.retry(&reply).await.0, 409, "what it answers was deleted");
    let (_, reply) = scene.failed().await;
    let room = format!("/api/conversations/{}", scene.room);
    let (status, _) = scene.app.call(reqwest::Method::DELETE, &room, user, None).await;
    assert!(status < 300, "{status}");
    assert_eq!(scene.retry(&reply).await.0, 404, "its conversation is gone");
    scene.app.stop().await;
}
