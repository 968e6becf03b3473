//! Every error under `/v1` has OpenAI's form, whoever made it.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::World;
use crate::support::provider::Act;

/// Status, type, code and param.
async fn refused(response: reqwest::Response) -> (u16, String, Value, Value) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let error = &body["error"];
    assert!(error["message"].is_string() && body.as_object().unwrap().len() == 1, "{body}");
    (status, error["type"].as_str().unwrap().to_owned(), error["code"].clone(), error["param"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_good_key_is_told_in_openais_form() {
    let world = World::start().await;
    let profile = World::key_of(&world.app, &world.user, "profile").await;
    let fresh = greenroom::accounts::ApiKey::make();
    let bad = [None, Some("gr_nonsense"), Some("sk-123"), Some(fresh.expose()), Some("a.bad.token")];
    for (method, path) in [
        (Method::GET, "/v1/models"),
        (Method::GET, "/v1/models/character/x"),
        (Method::POST, "/v1/chat/completions"),
    ] {
        let body = (method == Method::POST).then(|| world.body("Hello", json!({})));
        for key in bad {
            let response = world.app.send(method.clone(), path, key, body.clone()).await;
            let (status, kind, code, _) = refused(response).await;
            assert_eq!(
                (status, kind.as_str(), code),
                (401, "invalid_request_error", json!("invalid_api_key")),
                "{key:?}"
            );
        }
        let response = world.app.send(method.clone(), path, Some(&profile), body.clone()).await;
        let (status, _, code, _) = refused(response).await;
        assert_eq!((status, code), (403, json!("insufficient_permissions")), "{path}");
    }
    let (status, _) = world.app.get("/v1/models", Some(&world.user.token)).await;
    assert_eq!(status, 200, "an access token is as good as a key");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_and_nothing_is_counted() {
    let world = World::start().await;
    for (change, status, code, param) in [
        (json!({"model": "gpt-4"}), 404, json!("model_not_found"), json!("model")),
        (json!({"model": "character/nobody"}), 404, json!("model_not_found"), json!("model")),
        (json!({"model": null}), 400, Value::Null, json!("model")),
        (json!({"tools": [{"type": "function"}]}), 400, Value::Null, json!("tools")),
        (json!({"temperature": 3}), 400, Value::Null, json!("temperature")),
        (json!({"messages": []}), 400, Value::Null, json!("messages")),
        (json!({"n": 3}), 400, Value::Null, json!("n")),
        (
            json!({"metadata": {"conversation_id": "0197f000-0000-7000-8000-000000000000"}}),
            404,
            json!("conversation_not_found"),
            json!("metadata.conversation_id"),
        ),
    ] {
        let got = refused(world.open(world.body("Hello", change.clone())).await).await;
        assert_eq!(got, (status, "invalid_request_error".to_owned(), code, param), "{change}");
    }
    assert_eq!((world.used().await, world.provider.asked().len()), (0, 0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_before_any_handler_have_the_form_too() {
    let world = World::start().await;
    let post = |body: Vec<u8>, kind: &'static str| {
        let request = world.app.http.post(world.app.url("/v1/chat/completions"));
        request.bearer_auth(&world.key).header("content-type", kind).body(body).send()
    };
    let (status, _, code, _) = refused(post(b"{".to_vec(), "application/json").await.unwrap()).await;
    assert_eq!((status, code), (400, Value::Null));
    let (status, _, code, _) = refused(post(b"{}".to_vec(), "text/plain").await.unwrap()).await;
    assert_eq!((status, code), (415, json!("unsupported_media_type")));
    let large = vec![b' '; 8 * 1024 * 1024 + 1];
    let (status, _, code, _) = refused(post(large, "application/json").await.unwrap()).await;
    assert_eq!((status, code), (413, json!("too_large")));
    for (method, path, status, code) in [
        (Method::GET, "/v1", 404, "unknown_url"),
        (Method::POST, "/v1/embeddings", 404, "unknown_url"),
        (Method::GET, "/v1/chat/completions", 405, "method_not_allowed"),
    ] {
        let got = refused(world.app.send(method, path, Some(&world.key), None).await).await;
        assert_eq!((got.0, got.2), (status, json!(code)), "{path}");
    }
    let (status, own) = world.app.get("/api/v1/nowhere", None).await;
    assert_eq!(
        (status, own["error"].as_str()),
        (404, Some("route_not_found")),
        "the form of all others is ours"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_before_a_word_is_a_status_and_costs_nothing() {
    let world = World::start_with(|config| config.pool.tries = 1).await;
    for (act, status, code, retry) in [
        (Act::Status(500, None), 503, "provider_unavailable", None),
        (Act::Status(401, None), 502, "provider_refused", Some("false")),
    ] {
        for stream in [false, true] {
            world.provider.script([act.clone()]);
            let response = world.open(world.body("Hello", json!({"stream": stream}))).await;
            let told =
                response.headers().get("x-should-retry").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(told.as_deref(), retry);
            let (got, kind, told, _) = refused(response).await;
            assert_eq!((got, kind.as_str(), told), (status, "server_error", json!(code)));
        }
    }
    assert_eq!(world.used().await, 0);
    world.stop().await;
}
