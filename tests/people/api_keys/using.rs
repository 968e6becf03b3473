use actix_web::test::TestRequest;
use greenroom::accounts::{ApiKey, KeyCaller, Role, Scope, Way};
use serde_json::json;

use crate::accounts::world::{World, world};
use crate::support::app::TestApp;

/// What the extractor makes of a token or a key.
async fn caller(world: &World, bearer: &str) -> Result<KeyCaller, u16> {
    use actix_web::{FromRequest, web};
    let request = TestRequest::default()
        .insert_header(("authorization", format!("Bearer {bearer}")))
        .app_data(web::Data::new(world.accounts.clone()))
        .app_data(web::Data::new(world.accounts.tokens().clone()))
        .to_http_request();
    let caller = KeyCaller::from_request(&request, &mut actix_web::dev::Payload::None).await;
    caller.map_err(|error| error.status.as_u16())
}

#[actix_web::test]
async fn a_key_stands_for_its_user_within_its_scopes_and_never_as_an_admin() {
    let world = world().await;
    let mira = world.register("mira").await;
    world.execute("update users set role = 'admin'").await;
    let body = json!({"name": "laptop", "scopes": ["chat"]});
    let made = world.call("POST", "/api/auth/api-keys", mira.text("accessToken"), Some(body)).await;
    let by_key = caller(&world, made.text("key")).await.unwrap();
    assert_eq!(by_key.user.to_string(), mira.body["user"]["id"].as_str().unwrap());
    assert_eq!(by_key.role, Role::User);
    assert!(by_key.require(Scope::Chat).is_ok());
    assert_eq!(by_key.require(Scope::Profile).unwrap_err().status.as_u16(), 403);

    let by_token = caller(&world, mira.text("accessToken")).await.unwrap();
    assert_eq!(by_token.user, by_key.user);
    assert!(matches!(by_token.way, Way::Token(_)));
    assert!(Scope::ALL.into_iter().all(|scope| by_token.require(scope).is_ok()));
}

#[actix_web::test]
async fn a_key_that_is_unknown_revoked_over_or_of_a_blocked_user_is_refused_at_once() {
    let world = world().await;
    let token = world.register("mira").await.text("accessToken").to_owned();
    let made = world.make_key(&token, "laptop").await;
    let key = made.text("key");
    for foreign in ["gr_", "gr_' or 1=1 --", "nonsense", ApiKey::make().expose()] {
        assert_eq!(caller(&world, foreign).await, Err(401), "{foreign}");
    }
    for (stop, start) in [
        ("update users set blocked_at = now()", "update users set blocked_at = null"),
        ("update users set deactivated_at = now()", "update users set deactivated_at = null"),
        ("update api_keys set expires_at = now()", "update api_keys set expires_at = null"),
        ("update api_keys set revoked_at = now()", "update api_keys set revoked_at = null"),
    ] {
        assert!(caller(&world, key).await.is_ok());
        world.execute(stop).await;
        assert_eq!(caller(&world, key).await, Err(401), "{stop}");
        world.execute(start).await;
    }
    let path = format!("/api/auth/api-keys/{}", made.text("id"));
    assert_eq!(world.call("DELETE", &path, &token, None).await.status, 204);
    assert_eq!(caller(&world, key).await, Err(401));
}

#[actix_web::test]
async fn its_use_is_noted_at_most_once_a_minute() {
    let world = world().await;
    let token = world.register("mira").await.text("accessToken").to_owned();
    let made = world.make_key(&token, "laptop").await;
    let noted = "select count(*) from api_keys where last_used_at > now() - interval '30 seconds'";
    assert_eq!(world.count(noted).await, 0);
    caller(&world, made.text("key")).await.unwrap();
    assert_eq!(world.count(noted).await, 1);
    world.execute("update api_keys set last_used_at = now() - interval '59 seconds'").await;
    caller(&world, made.text("key")).await.unwrap();
    assert_eq!(world.count(noted).await, 0, "not yet");
    world.execute("update api_keys set last_used_at = now() - interval '61 seconds'").await;
    caller(&world, made.text("key")).await.unwrap();
    assert_eq!(world.count(noted).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_reads_the_account_if_it_may_and_opens_nothing_else() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let key = async |scope: &str| {
        let body = json!({"name": scope, "scopes": [scope]});
        let (status, made) = app.post("/api/auth/api-keys", Some(&user.token), body).await;
        assert_eq!(status, 201, "{made}");
        (made["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
    };
    let ((profile, id), (chat, _)) = (key("profile").await, key("chat").await);
    let (status, me) = app.get("/api/auth/me", Some(&profile)).await;
    assert_eq!((status, me["user"]["id"].as_str()), (200, Some(user.id.as_str())));
    let (status, refused) = app.get("/api/auth/me", Some(&chat)).await;
    assert_eq!((status, refused["error"].as_str()), (403, Some("forbidden")));

    for (method, path) in [
        ("GET", "/api/auth/api-keys"),
        ("POST", "/api/auth/api-keys"),
        ("DELETE", &format!("/api/auth/api-keys/{id}")),
        ("GET", "/api/conversations"),
        ("POST", "/api/conversations"),
        ("POST", "/api/auth/logout"),
        ("GET", "/api/admin/overview"),
        ("POST", "/api/auth/verify-otp"),
    ] {
        let body = json!({"name": "another", "mobile": "+447911123456", "otp": "123456"});
        let (status, refused) = app.call(method.parse().unwrap(), path, Some(&profile), Some(body)).await;
        assert_eq!((status, refused["error"].as_str()), (401, Some("unauthenticated")), "{method} {path}");
        assert!(refused["message"].as_str().unwrap().contains("API key"), "{refused}");
    }
    let path = format!("/api/auth/api-keys/{id}");
    assert_eq!(app.call(reqwest::Method::DELETE, &path, Some(&user.token), None).await.0, 204);
    assert_eq!(app.get("/api/auth/me", Some(&profile)).await.0, 401);
    app.stop().await;
}
