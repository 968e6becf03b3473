//! The handshake, and connecting to the namespace.

use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::clients::server;
use crate::support::raw::{Frames, Polling};

#[tokio::test(flavor = "multi_thread")]
async fn the_handshake_tells_what_the_client_needs() {
    let app = server().await;
    let polling = Polling::open(&app).await;
    assert_eq!(polling.sid.len(), 32);
    assert_eq!(polling.open["upgrades"], json!(["websocket"]));
    assert_eq!(polling.open["pingInterval"], 25_000);
    assert_eq!(polling.open["pingTimeout"], 25_000);
    assert_eq!(polling.open["maxPayload"], 65_536);
    assert_ne!(Polling::open(&app).await.sid, polling.sid);
    let mut frames = Frames::open(&app, "EIO=4&transport=websocket").await.expect("open");
    let open = frames.next().await.unwrap();
    let open: serde_json::Value = serde_json::from_str(&open[1..]).unwrap();
    assert_eq!(open["upgrades"], json!([]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_the_protocol_is_refused() {
    let app = server().await;
    for query in [
        "",
        "EIO=4",
        "transport=polling",
        "EIO=3&transport=polling",
        "EIO=abc&transport=polling",
        "EIO=4&transport=abc",
        "EIO=4&transport=websocket",
        "EIO=4&transport=polling&sid=unknown",
        "EIO=4&transport=polling&sid=",
        "EIO=4&EIO=4&transport=polling",
    ] {
        let (status, body) = app.get(&format!("/socket.io/?{query}"), None).await;
        assert_eq!(status, 400, "{query}: {body}");
        assert!(body["error"].is_string() && body["message"].is_string(), "{body}");
    }
    for query in ["EIO=4&transport=polling", "EIO=4&transport=polling&sid=unknown"] {
        let answer = app.http.post(app.url(&format!("/socket.io/?{query}"))).body("40").send().await.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
    }
    let (status, _) = app.call(reqwest::Method::PUT, "/socket.io/?EIO=4&transport=polling", None, None).await;
    assert_eq!(status, 405);
    for query in ["EIO=4&transport=websocket&sid=unknown", "EIO=3&transport=websocket", "transport=websocket"]
    {
        assert_eq!(Frames::open(&app, query).await.err(), Some(400), "{query}");
    }
    // Without the slash too.
    assert_eq!(
        app.http.get(app.url("/socket.io?EIO=4&transport=polling")).send().await.unwrap().status(),
        200
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_configured_origin_may_poll_and_no_others() {
    let origin = "https://chat.example.com";
    let app = TestApp::start_with(|config| config.server.cors_origins = vec![origin.to_owned()]).await;
    let ask = async |from: &str| {
        let url = app.url("/socket.io/?EIO=4&transport=polling");
        let answer = app.http.get(url).header(ORIGIN, from).send().await.unwrap();
        answer.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|origin| origin.to_str().unwrap().to_owned())
    };
    assert_eq!(ask(origin).await.as_deref(), Some(origin));
    assert_eq!(ask("https://evil.example.com").await, None);
    let url = app.url("/socket.io/?EIO=4&transport=polling");
    let preflight = app
        .http
        .request(reqwest::Method::OPTIONS, url)
        .header(ORIGIN, origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
    assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_before_the_connection_to_the_namespace_ends_the_session() {
    let app = server().await;
    for packet in
        [r#"42["ping",{}]"#, "43[]", "431[]", "41x", "4", "4abc", "abc", "0", "2", "5", "42/admin,[]"]
    {
        let mut frames = Frames::open(&app, "EIO=4&transport=websocket").await.expect("open");
        frames.next().await.unwrap();
        frames.send(packet).await;
        assert_eq!(frames.closed().await, (vec![], Some(4003)), "{packet}");

        let polling = Polling::open(&app).await;
        assert_eq!(polling.post(packet).await, (200, "ok".to_owned()));
        assert_eq!(polling.get().await, (200, "1".to_owned()), "{packet}");
        assert_eq!(polling.get().await.0, 400);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_may_be_tried_again_with_another_token() {
    let app = server().await;
    let user = app.user().await;
    let mut frames = Frames::open(&app, "EIO=4&transport=websocket").await.expect("open");
    frames.next().await.unwrap();
    for (auth, code) in [
        ("", "unauthenticated"),
        (r#"{"token":"bad"}"#, "unauthenticated"),
        (r#"{"token":7}"#, "bad_request"),
        (r#"{"token":"bad","characterId":"x"}"#, "bad_request"),
        ("{", "bad_request"),
    ] {
        frames.send(&format!("40{auth}")).await;
        let refused = frames.next().await.unwrap();
        let refused: serde_json::Value = serde_json::from_str(refused.strip_prefix("44").unwrap()).unwrap();
        assert_eq!(refused["data"]["code"], code, "{auth}");
        assert!(refused["message"].is_string());
    }
    frames.send("40/admin,").await;
    assert!(frames.next().await.unwrap().starts_with(r#"44/admin,{"message":"Invalid namespace""#));
    frames.send(&format!("40{}", json!({ "token": user.token }))).await;
    assert!(frames.next().await.unwrap().starts_with("40{"));
    // Once is enough.
    frames.send(&format!("40{}", json!({ "token": user.token }))).await;
    let (packets, code) = frames.closed().await;
    assert_eq!(code, Some(4003));
    assert_eq!(packets.last().map(String::as_str), Some("41"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_do_not_sign_in_are_bounded_by_address() {
    let app = TestApp::start_with(|config| config.realtime.max_socketio_unsigned_per_address = 2).await;
    let user = app.user().await;
    let first = Polling::connected(&app, &user).await;
    let _second = (Polling::open(&app).await, Polling::open(&app).await);
    let refused = app.send(reqwest::Method::GET, "/socket.io/?EIO=4&transport=polling", None, None).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(first.post("3").await.0, 200, "who is signed in does not count");
    app.stop().await;
}
