//! Long polling: one poll and one POST at a time, many packets in one, bounds.

use serde_json::json;

use crate::support::app::{TestApp, eventually};
use crate::support::clients::server;
use crate::support::raw::{A_WHILE, Polling, SEPARATOR, data};

#[tokio::test(flavor = "multi_thread")]
async fn many_packets_go_in_one_body_and_come_in_one_answer_in_order() {
    let app = server().await;
    let user = app.user().await;
    let polling = Polling::connected(&app, &user).await;
    let body: Vec<String> = (0..40).map(|n| format!(r#"42{n}["ping",{{}}]"#)).collect();
    assert_eq!(polling.post(&body.join(&SEPARATOR.to_string())).await, (200, "ok".to_owned()));
    let (_, first) = polling.get().await;
    assert_eq!(first.split(SEPARATOR).count(), 16, "no more than every client takes");
    let mut acks: Vec<String> = first.split(SEPARATOR).map(str::to_owned).collect();
    acks.extend(polling.packets(|packet| packet.starts_with("4339[")).await);
    for (n, ack) in acks.iter().enumerate() {
        assert!(ack.starts_with(&format!(r#"43{n}[{{"success":true,"time":"#)), "{ack}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_hangs_until_there_is_something_and_a_second_one_ends_the_session() {
    let app = server().await;
    let user = app.user().await;
    let polling = Polling::connected(&app, &user).await;
    let hanging = polling.hanging();
    tokio::time::sleep(A_WHILE).await;
    assert!(!hanging.is_finished());
    polling.post(r#"42["nonsense"]"#).await;
    let (status, payload) = hanging.await.unwrap();
    assert_eq!((status, &data(&payload)["command"]), (200, &json!("nonsense")));

    let hanging = polling.hanging();
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(polling.get().await.0, 400);
    assert_eq!(hanging.await.unwrap().0, 400);
    assert_eq!(polling.get().await.0, 400);
    eventually("the session is gone", async || app.app().hub().counts().sockets == 0).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_binary_or_no_text_ends_the_session_with_a_reason() {
    let app = server().await;
    let user = app.user().await;
    for (body, kind, status, code) in [
        (vec![b'4'; 65_537], "text/plain", 413, 1009),
        (vec![4, 1, 2], "application/octet-stream", 400, 4003),
        (vec![0xff, 0xfe], "text/plain", 400, 4003),
        (b"bAQIDBA==".to_vec(), "text/plain", 200, 4003),
        (br#"451-["message:send",{"_placeholder":true,"num":0}]"#.to_vec(), "text/plain", 200, 4003),
        (Vec::new(), "text/plain", 200, 4003),
        (b"42[\"ping\"]\x1e\x1e".to_vec(), "text/plain", 200, 4003),
    ] {
        let polling = Polling::connected(&app, &user).await;
        let url = app.url(&format!("/socket.io/?EIO=4&transport=polling&sid={}", polling.sid));
        let sent = app.http.post(url).header("content-type", kind).body(body.clone()).send().await.unwrap();
        assert_eq!(sent.status(), status, "{body:?}");
        let packets = polling.packets(|packet| packet == "1").await;
        let [.., error, disconnect, close] = &packets[..] else { panic!("{packets:?}") };
        assert_eq!((disconnect.as_str(), close.as_str()), ("41", "1"), "{body:?}");
        assert_eq!((&data(error)["closeCode"], &data(error)["code"]), (&json!(code), &json!("closed")));
        assert_eq!(polling.get().await.0, 400);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_polls_is_reaped() {
    let app = TestApp::start_with(|config| {
        config.realtime.heartbeat_interval_ms = 500;
        config.realtime.tick_ms = 50;
    })
    .await;
    let user = app.user().await;
    let silent = Polling::connected(&app, &user).await;
    eventually("reaped", async || app.app().hub().counts().sockets == 0).await;
    let told = silent.packets(|packet| packet == "1").await;
    assert_eq!(data(&told[told.len() - 2])["closeCode"], 4008, "{told:?}");
    assert_eq!(silent.get().await.0, 400);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_of_what_its_room_says_is_closed_and_forgotten() {
    let app = TestApp::start_with(|config| {
        config.realtime.tick_ms = 50;
        config.realtime.mailbox_max_bytes = 40_000;
        config.realtime.slow_socket_grace_ms = 500;
    })
    .await;
    let user = app.premium().await;
    let room = app.conversation(&user).await;
    let slow = Polling::connected(&app, &user).await;
    slow.post(&format!(r#"421["conversation:join",{{"conversationId":"{room}"}}]"#)).await;
    slow.packets(|packet| packet.starts_with("431[")).await;
    let body = json!({ "content": "x".repeat(5_000), "reply": "none" });
    while app.app().hub().counts().out_of_step == 0 {
        let path = format!("/api/conversations/{room}/messages");
        let (status, said) = app.post(&path, Some(&user.token), body.clone()).await;
        assert!(status < 300, "{said}");
    }
    eventually("gone", async || app.app().hub().counts().sockets == 0).await;
    app.stop().await;
}
