//! From polling to a WebSocket.

use serde_json::json;

use crate::support::app::{TestApp, TestUser};
use crate::support::clients::server;
use crate::support::raw::{A_WHILE, Frames, Polling};

async fn say(app: &TestApp, user: &TestUser, room: &str, text: &str) {
    let body = json!({ "content": text, "reply": "none" });
    let path = format!("/api/conversations/{room}/messages");
    let (status, said) = app.post(&path, Some(&user.token), body).await;
    assert!(status < 300, "{said}");
}

fn contents(packets: &[String]) -> Vec<String> {
    let received = packets.iter().filter(|packet| packet.starts_with(r#"42["message:receive""#));
    received
        .map(|packet| crate::support::raw::data(packet)["message"]["content"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_through_the_whole_upgrade_comes_once_and_in_order() {
    let app = server().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    let polling = Polling::connected(&app, &user).await;
    polling.post(&format!(r#"421["conversation:join",{{"conversationId":"{room}"}}]"#)).await;
    polling.packets(|packet| packet.starts_with(r#"42["user:status""#)).await;
    let hanging = polling.hanging();
    tokio::time::sleep(A_WHILE).await;
    let mut frames = Frames::upgrade(&app, &polling.sid).await.expect("open");
    frames.send("2probe").await;
    assert_eq!(frames.next().await.unwrap(), "3probe");
    // The poll that hung is let go, so that the client can go on.
    assert_eq!(hanging.await.unwrap(), (200, "6".to_owned()));
    say(&app, &user, &room, "before").await;
    // Until the client says so, it has its packets by polling.
    let packets = polling.packets(|packet| packet.contains("message:receive")).await;
    assert_eq!(contents(&packets), ["before"]);
    assert_eq!(polling.get().await, (200, "6".to_owned()), "a poll does not hang meanwhile");
    say(&app, &user, &room, "between").await;
    frames.send("5").await;
    say(&app, &user, &room, "after").await;
    frames.send(r#"422["ping"]"#).await;
    let mut packets = frames.until(|packet| packet.starts_with("432[")).await;
    while contents(&packets).len() < 2 {
        packets.push(frames.next().await.unwrap());
    }
    assert_eq!(contents(&packets), ["between", "after"]);
    assert_eq!((polling.get().await.0, polling.post("3").await.0), (400, 400), "polling is over");
    frames.send("41").await;
    assert_eq!(frames.closed().await.1, Some(1000));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_does_not_take_over_leaves_the_session_as_it_was() {
    let app = server().await;
    let user = app.user().await;
    let polling = Polling::connected(&app, &user).await;
    for says in [&["2"][..], &["5"], &["42[\"ping\"]"], &["2probe", "42[\"ping\"]"], &["2probe", "2probe"]] {
        let mut frames = Frames::upgrade(&app, &polling.sid).await.expect("open");
        for text in says {
            frames.send(text).await;
        }
        let (packets, _) = frames.closed().await;
        assert!(packets.iter().all(|packet| packet == "3probe"), "{says:?}: {packets:?}");
        polling.post(r#"421["ping"]"#).await;
        assert!(polling.get().await.1.starts_with("431["), "{says:?}");
    }
    // One that goes away in the middle of it.
    let mut frames = Frames::upgrade(&app, &polling.sid).await.expect("open");
    frames.send("2probe").await;
    assert_eq!(frames.next().await.unwrap(), "3probe");
    // Another one meanwhile has no chance.
    let mut second = Frames::upgrade(&app, &polling.sid).await.expect("open");
    second.send("2probe").await;
    assert_eq!(second.closed().await.0, Vec::<String>::new());
    drop(frames);
    let mut third = Frames::upgrade(&app, &polling.sid).await.expect("open");
    third.send("2probe").await;
    while third.next().await != Ok("3probe".to_owned()) {
        third = Frames::upgrade(&app, &polling.sid).await.expect("open");
        third.send("2probe").await;
    }
    third.send("5").await;
    third.send(r#"423["ping"]"#).await;
    third.until(|packet| packet.starts_with("433[")).await;
    let mut late = Frames::upgrade(&app, &polling.sid).await.expect("open");
    late.send("2probe").await;
    assert_eq!(late.closed().await.0, Vec::<String>::new(), "the session has its WebSocket");
    third.send(r#"424["ping"]"#).await;
    third.until(|packet| packet.starts_with("434[")).await;
    app.stop().await;
}
