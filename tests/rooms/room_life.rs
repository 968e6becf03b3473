//! What happens in conversations, through the whole server: seen live on every device, the same after a resume, in one
//! order under many writers.

pub mod device;
mod seen;
mod refused;
mod people;
mod carried;
mod chatroom;
mod writers;
mod resume;

use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser};

/// A server whose people may say as much as they like, and whose characters answer at once.
async fn server() -> TestApp {
    TestApp::start_with(|config| {
        config.auth.argon2_memory_kib = 64;
        config.auth.argon2_iterations = 1;
        config.default_plan = "enterprise".to_owned();
        config.ai.offline_word_delay_ms = 0;
    })
    .await
}

/// A new conversation of `owner` with these people: its id.
async fn room_of(app: &TestApp, owner: &TestUser, members: &[&TestUser]) -> String {
    let members: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
    let new = json!({"characterId": app.character().await, "memberIds": members});
    let (status, made) = app.post("/api/conversations", Some(&owner.token), new).await;
    assert_eq!(status, 201, "{made}");
    text(&made["conversation"]["id"])
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
