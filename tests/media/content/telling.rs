//! What sockets are told of pictures, videos and their files: each event against the schema, on `/ws` and on Socket.IO.

use greenroom_actors::ports::GenerateErrorKind;
use serde_json::{Value, json};

use super::raw::Frames;
use super::schema;
use super::stage::{Act, Stage};

const EVENTS: [&str; 3] = ["media:update", "content:update", "content:delete"];

/// Whether it tells that this content was deleted.
fn ends(frame: &Value, content: &str) -> bool {
    frame["event"] == "content:delete" && frame["data"]["contentId"] == content
}

/// Whether the last thing was told: that this content was deleted, and a file, which a job does.
fn is_all(frames: &[Value], content: &str) -> bool {
    let file_is_gone =
        |frame: &Value| frame["event"] == "media:update" && frame["data"]["file"]["state"] == "deleted";
    frames.iter().any(|frame| ends(frame, content)) && frames.iter().any(file_is_gone)
}

/// A content's states as they were told, one after the other.
fn states(frames: &[Value], content: &str) -> Vec<String> {
    let told = frames.iter().map(|frame| &frame["data"]["content"]).filter(|told| told["id"] == content);
    let mut states: Vec<String> = told.map(|told| told["state"].as_str().unwrap().to_owned()).collect();
    states.dedup();
    states
}

/// A packet of Socket.IO that holds an event, as a frame of `/ws`.
fn frame_of(packet: &str) -> Option<Value> {
    let event: Value = serde_json::from_str(packet.strip_prefix("42")?).expect("JSON");
    assert_eq!(event.as_array().expect("a list").len(), 2, "{event}");
    Some(json!({ "event": event[0], "data": event[1] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_kinds_of_sockets_are_told_the_same_as_the_schema_says_it() {
    let stage = Stage::start().await;
    let (user, other) = (stage.user(100).await, stage.user(0).await);
    let mut native = stage.app.socket(&user).await;
    let mut socketio = Frames::connected(&stage.app, &user).await;
    let mut strange = stage.app.socket(&other).await;

    // A picture that is made and deleted, a video that is canceled, and a picture that fails.
    let picture = stage.asked(&user, "image", json!({ "prompt": "a boat" })).await;
    stage.until(&user, &picture, "done").await;
    *stage.provider.running.lock().unwrap() = Some(40);
    let film = stage.asked(&user, "video", json!({ "prompt": "it sails", "imageId": picture })).await;
    stage.until(&user, &film, "generating").await;
    assert_eq!(stage.act(&user, &film, "cancel").await.0, 200);
    stage.until(&user, &film, "canceled").await;
    stage.provider.paint.lock().unwrap().push_back(Act::Fail(GenerateErrorKind::Refused));
    let failed = stage.asked(&user, "image", json!({ "prompt": "a storm" })).await;
    stage.until(&user, &failed, "failed").await;
    for content in [&picture, &failed] {
        assert_eq!(stage.delete(&user, content).await, 204);
    }

    let mut by_ws = Vec::new();
    while !is_all(&by_ws, &failed) {
        by_ws.push(native.next().await.expect("a frame"));
    }
    let mut by_socketio = Vec::new();
    while !is_all(&by_socketio, &failed) {
        by_socketio.extend(frame_of(&socketio.next().await.expect("a packet")));
    }
    for frames in [&mut by_ws, &mut by_socketio] {
        frames.retain(|frame| EVENTS.iter().any(|event| frame["event"] == *event));
        for frame in frames.iter() {
            schema::assert_valid("serverFrame", frame);
        }
        let told = |event: &str, id: &str, state: &str| {
            let holder = if event == "media:update" { "file" } else { "content" };
            frames.iter().any(|frame| {
                let one = &frame["data"][holder];
                frame["event"] == event && one["state"] == state && (id.is_empty() || one["id"] == id)
            })
        };
        // None is told after a later one; who is late leaves it out.
        let steps = ["queued", "optimizing", "generating", "storing", "done"];
        let mut left = steps.iter();
        let heard = states(frames, &picture);
        assert!(heard.iter().all(|state| left.any(|step| step == state)), "{heard:?}");
        assert!(heard.len() >= 4 && told("content:update", &picture, "done"), "{heard:?}");
        assert!(told("content:update", &film, "canceled") && told("content:update", &failed, "failed"));
        assert!(told("media:update", "", "ready") && told("media:update", "", "deleted"), "{frames:#?}");
        assert!(frames.iter().any(|frame| ends(frame, &picture)));
        // Two things that happen at the same moment may come to two sockets in another order.
        frames.sort_by_key(ToString::to_string);
    }
    assert_eq!(by_ws, by_socketio);
    // Nobody else is told.
    assert_eq!(strange.ask("ping", json!({})).await["success"], true);
    let heard = |frame: &&Value| EVENTS.iter().any(|event| frame["event"] == *event);
    assert_eq!(strange.kept().iter().find(heard), None);
    stage.stop().await;
}
