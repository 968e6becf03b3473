//! How sessions end, and what the hub knows of them.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::app::{TestApp, eventually};
use crate::support::clients::server;
use crate::support::raw::{Frames, Polling, data};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_counts_and_is_bounded_as_a_socket_is() {
    let app = TestApp::start_with(|config| config.realtime.max_sockets_per_user = 2).await;
    let user = app.user().await;
    let polling = Polling::connected(&app, &user).await;
    let native = app.socket(&user).await;
    let counts = app.app().hub().counts();
    assert_eq!((counts.sockets, counts.signed_in, counts.users), (2, 2, 1));
    let mut third = Frames::open(&app, "EIO=4&transport=websocket").await.expect("open");
    third.next().await.unwrap();
    third.send(&format!("40{}", json!({ "token": user.token }))).await;
    let (packets, code) = third.closed().await;
    assert_eq!(code, Some(4010));
    assert!(packets[0].starts_with("44{") && packets[0].contains(r#""closeCode":4010"#), "{packets:?}");
    drop(native);
    polling.post("1").await;
    eventually("all gone", async || app.app().hub().counts().sockets == 0).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_is_forgotten_whatever_way_it_goes() {
    let app = server().await;
    let user = app.user().await;
    for way in ["1", "41"] {
        let polling = Polling::connected(&app, &user).await;
        polling.post(way).await;
        assert_eq!(polling.get().await, (200, "1".to_owned()));
        let mut frames = Frames::connected(&app, &user).await;
        frames.send(way).await;
        assert_eq!(frames.closed().await.1, Some(1000));
        eventually("gone", async || app.app().hub().counts().sockets == 0).await;
    }
    let mut frames = Frames::connected(&app, &user).await;
    frames.raw(Message::Close(None)).await;
    frames.closed().await;
    drop(Frames::connected(&app, &user).await);
    eventually("gone", async || app.app().hub().counts().sockets == 0).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_binary_too_large_or_no_text_end_the_session_with_a_reason() {
    let app = server().await;
    let user = app.user().await;
    for (message, code) in [
        (Message::binary(vec![1, 2, 3]), 4003),
        (Message::text(format!("42[\"{}\"]", "x".repeat(70_000))), 1009),
        (Message::text("42[\"ping\""), 4003),
        (Message::text("42{}"), 4003),
        (Message::text("42/admin,[\"ping\"]"), 4003),
        (Message::text("2"), 4003),
    ] {
        let mut frames = Frames::connected(&app, &user).await;
        frames.raw(message.clone()).await;
        let (packets, closed) = frames.closed().await;
        let [.., error, disconnect] = &packets[..] else { panic!("{packets:?}") };
        assert_eq!((closed, disconnect.as_str()), (Some(code), "41"), "{message:?}");
        assert_eq!(data(error)["closeCode"], json!(code));
    }
    // In pieces, within the bound and beyond it.
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    let piece = |text: &str, data, last| {
        Message::Frame(Frame::message(text.as_bytes().to_vec(), OpCode::Data(data), last))
    };
    let mut frames = Frames::connected(&app, &user).await;
    frames.raw(piece("425[\"pi", Data::Text, false)).await;
    frames.raw(piece("ng\"]", Data::Continue, true)).await;
    frames.until(|packet| packet.starts_with("435[")).await;
    let long = "x".repeat(40_000);
    frames.raw(piece(&long, Data::Text, false)).await;
    frames.raw(piece(&long, Data::Continue, true)).await;
    assert_eq!(frames.closed().await.1, Some(1009));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_server_tells_its_sessions_to_come_back_and_takes_no_new_ones() {
    let app = server().await;
    let user = app.user().await;
    let polling = Polling::connected(&app, &user).await;
    let mut frames = Frames::connected(&app, &user).await;
    let hanging = polling.hanging();
    app.app().hub().close_all(greenroom_actors::session::CloseCode::Draining);
    let (packets, code) = frames.closed().await;
    assert_eq!(code, Some(1001));
    assert_eq!(data(&packets[0])["reconnect"], true);
    assert!(!packets.contains(&"41".to_owned()), "the client comes back by itself");
    let (status, payload) = hanging.await.unwrap();
    assert_eq!(status, 200);
    assert!(payload.ends_with("\u{1e}1") || payload == "1", "{payload}");
    let (status, body) = app.get("/socket.io/?EIO=4&transport=polling", None).await;
    assert_eq!((status, &body["error"]), (503, &json!("draining")));
    eventually("all gone", async || app.app().hub().counts().sockets == 0).await;
    app.stop().await;
}
