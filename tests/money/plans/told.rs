//! What the devices of somebody hear when a limit is nearly, and when it is wholly, used up.

use serde_json::{Value, json};

use super::World;
use crate::support::socket::Socket;

/// The next word on the quota: the warning and the notification, in this order.
async fn word(socket: &mut Socket) -> (Value, Value) {
    let warned = |frame: &Value| frame["event"] == "usage" && frame["data"]["warning"].is_object();
    let mut warned = socket.find(warned).await.unwrap();
    (warned["data"]["warning"].take(), socket.event("system:notification").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_devices_hear_each_crossing_once() {
    let world = World::start().await;
    let user = world.user("basic").await;
    let room = world.app.conversation(&user).await;
    let mut devices = [world.app.socket(&user).await, world.app.socket(&user).await];
    for n in 0..5 {
        let data = json!({"conversationId": room, "content": "Good evening", "reply": "none"});
        let ack = devices[n % 2].ask("message:send", data).await;
        assert_eq!(ack["success"], true, "{ack}");
    }
    for socket in &mut devices {
        let (warning, note) = word(socket).await;
        assert_eq!(
            (&warning["code"], &warning["scope"], &warning["used"], &warning["limit"], &warning["percent"]),
            (&json!("quota.warning"), &json!("daily"), &json!(4), &json!(5), &json!(80))
        );
        assert_eq!((&note["kind"], &note["level"]), (&json!("quota.warning"), &json!("info")));
        let (warning, note) = word(socket).await;
        assert_eq!((&warning["code"], &warning["used"]), (&json!("quota.reached"), &json!(5)));
        assert!(warning["resetsAt"].is_string());
        assert_eq!((&note["kind"], &note["level"]), (&json!("quota.reached"), &json!("warning")));
    }
    // Refused ones cross nothing.
    let data = json!({"conversationId": room, "content": "Good evening", "reply": "none"});
    assert_eq!(devices[0].ask("message:send", data).await["code"], "quota_exceeded");
    for socket in &mut devices {
        socket.ask("ping", json!({})).await;
        // All that was sent before this answer has been read with it.
        let told = socket.kept().iter().filter(|frame| frame["event"] == "system:notification").count();
        assert_eq!(told, 0, "each crossing is told once");
    }
    world.stop().await;
}
