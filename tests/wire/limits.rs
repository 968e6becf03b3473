//! How often one may ask, over HTTP: each class of limit, what answers tell of it, and whom it counts.
//!
//! The wait itself is shown with a clock of its own beside `src/http/rate/memory.rs`.

use futures_util::future::join_all;
use greenroom::config::{Config, LimitSettings, RateSettings};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::app::{PASSWORD, TestApp};

/// A limit, who is counted (`None`: an address), and calls of which the last is one too many.
type Kind<'a> = (u64, Option<&'a str>, Vec<(&'a Method, &'a str)>);

/// Tests speak as if through a proxy on this machine, so that they can come from many addresses.
async fn limited(change: impl FnOnce(&mut LimitSettings)) -> TestApp {
    TestApp::start_with(|config: &mut Config| {
        config.server.trusted_proxies = vec!["127.0.0.1".to_owned()];
        config.limits.enabled = true;
        change(&mut config.limits);
    })
    .await
}

fn at_most(max: u32) -> RateSettings {
    RateSettings { enabled: true, max, window_s: 600 }
}

fn ask(app: &TestApp, method: Method, path: &str, from: &str) -> RequestBuilder {
    app.http.request(method, app.url(path)).header("x-forwarded-for", from)
}

async fn login(app: &TestApp, name: &str, password: &str, from: &str) -> Response {
    let body = json!({"username": name, "password": password});
    ask(app, Method::POST, "/api/auth/login", from).json(&body).send().await.unwrap()
}

fn header(response: &Response, name: &str) -> Option<u64> {
    response.headers().get(name).map(|value| value.to_str().unwrap().parse().unwrap())
}

/// Limit, what remains, and seconds until all is free.
fn standing(response: &Response) -> (Option<u64>, Option<u64>, Option<u64>) {
    let [limit, remaining, reset] = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
        .map(|name| header(response, name));
    (limit, remaining, reset)
}

/// A refusal tells all that a client needs to come back at the right time.
async fn assert_refused(response: Response, limit: u64) {
    assert_eq!(response.status(), 429);
    let (told, remaining, reset) = standing(&response);
    assert_eq!((told, remaining), (Some(limit), Some(0)));
    let after = header(&response, "retry-after").expect("when to come back");
    assert!(after > 0 && after <= reset.expect("when all is free"), "{after} {reset:?}");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"], "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_the_api_tells_where_its_caller_stands() {
    let app = limited(|limits| limits.api = at_most(4)).await;
    let get = async |path: &str| ask(&app, Method::GET, path, "9.9.9.9").send().await.unwrap();
    for (path, status, left) in [("/api", 200, 3), ("/api/v1/auth/me", 401, 2), ("/api/nothing", 404, 1)] {
        let response = get(path).await;
        assert_eq!((response.status().as_u16(), standing(&response).1), (status, Some(left)), "{path}");
        assert_eq!((standing(&response).0, header(&response, "retry-after")), (Some(4), None));
    }
    let encoded = get("/%61pi").await;
    assert_eq!(standing(&encoded).1, Some(0), "the same path in other letters");
    assert_refused(get("/api/v1").await, 4).await;
    let elsewhere = ask(&app, Method::GET, "/api", "8.8.8.8").send().await.unwrap();
    assert_eq!(standing(&elsewhere).1, Some(3));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_behind_one_address_do_not_take_each_others_allowance() {
    let app = limited(|limits| {
        limits.api = at_most(3);
        limits.api_premium = at_most(5);
    })
    .await;
    // The demo accounts are three people; signing in is counted by address.
    let (user, premium, admin) = (
        app.sign_in("testuser1@example.com", "TestPassword123!").await,
        app.premium().await,
        app.admin().await,
    );
    let get = async |token: &str| {
        ask(&app, Method::GET, "/api", "127.0.0.1").bearer_auth(token).send().await.unwrap()
    };
    assert_refused(get("a token that is none").await, 3).await;
    for (person, limit) in [(user, 3), (premium, 5), (admin, 5)] {
        for left in (0..limit).rev() {
            assert_eq!(standing(&get(&person.token).await).1, Some(left));
        }
        assert_refused(get(&person.token).await, limit).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_request_has_its_limit_beside_the_apis() {
    let app = limited(|limits| {
        limits.lookup = at_most(2);
        limits.search = at_most(3);
        limits.generation = at_most(4);
        limits.uploads = at_most(5);
        limits.uploads_premium = at_most(6);
        limits.payments = at_most(7);
    })
    .await;
    let (user, premium) = (app.user().await, app.premium().await);
    let (get, post) = (Method::GET, Method::POST);
    // What one limit counts is counted together.
    let kinds: [Kind<'_>; 6] = [
        (
            2,
            None,
            vec![
                (&get, "/api/auth/check-username/mira"),
                (&post, "/api/v1/auth/check-mobile"),
                (&post, "/api/auth/otp-status"),
            ],
        ),
        (
            3,
            Some(&user.token),
            vec![
                (&get, "/api/conversations/search?q=a"),
                (&get, "/api/v1/messages/search?q=a"),
                (&get, "/api/characters?q=fox"),
                (&get, "/api/chatroom/7/search?q=a"),
            ],
        ),
        (
            4,
            Some(&user.token),
            vec![
                (&post, "/api/content/generate/image"),
                (&post, "/api/content/generate/video"),
                (&post, "/api/v1/content/generate/image"),
                (&post, "/api/content/generate/image"),
                (&post, "/api/content/generate/image"),
            ],
        ),
        (5, Some(&user.token), vec![(&post, "/api/media/upload/image"); 6]),
        (6, Some(&premium.token), vec![(&post, "/api/media/upload/gallery/7"); 7]),
        (
            7,
            Some(&user.token),
            vec![
                (&post, "/api/payments/create-checkout-session"),
                (&post, "/api/payments/create-portal-session"),
                (&post, "/api/subscription/pro"),
                (&post, "/api/v1/subscriptions"),
                (&Method::PUT, "/api/subscriptions/sub_1"),
                (&post, "/api/subscriptions/payment-intent"),
                (&post, "/api/subscriptions"),
                (&post, "/api/subscriptions"),
            ],
        ),
    ];
    for (limit, token, calls) in kinds {
        let last = calls.len() - 1;
        for (n, (method, path)) in calls.into_iter().enumerate() {
            let mut request = ask(&app, method.clone(), path, "7.7.7.7").json(&json!({}));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.unwrap();
            if n == last {
                assert_refused(response, limit).await;
            } else {
                assert_eq!(standing(&response).0, Some(limit), "{path}: the tightest one is told");
                assert_eq!(standing(&response).1, Some(limit - 1 - n as u64), "{path}");
            }
        }
    }
    let list =
        ask(&app, Method::GET, "/api/characters", "7.7.7.7").bearer_auth(&user.token).send().await.unwrap();
    assert_eq!((list.status().as_u16(), standing(&list).0), (200, Some(100)), "a list is no search");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_and_the_consoles_files_are_not_counted() {
    let app = limited(|limits| limits.api = at_most(1)).await;
    let (get, post) = (Method::GET, Method::POST);
    for (method, path) in [
        (&get, "/health"),
        (&get, "/health/ready"),
        (&get, "/health/detailed"),
        (&get, "/metrics"),
        (&get, "/api/ai/status"),
        (&get, "/api/webhook/health"),
        (&post, "/api/webhooks/stripe"),
        (&post, "/api/v1/webhook/stripe"),
        (&post, "/api/subscriptions/webhook"),
        (&get, "/"),
        (&get, "/assets/app.js"),
        (&get, "/openapi.json"),
    ] {
        for _ in 0..3 {
            let response = ask(&app, method.clone(), path, "9.9.9.9").send().await.unwrap();
            assert_ne!(response.status(), 429, "{path}");
            assert_eq!(standing(&response), (None, None, None), "{path}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_use_an_identity_up_from_wherever_they_come() {
    let app = limited(|_| ()).await;
    let mira = app.user().await;
    for n in 0..5 {
        let response = login(&app, &mira.username, "not the password", &format!("9.9.{n}.9")).await;
        assert_eq!(
            (response.status().as_u16(), standing(&response).0),
            (401, Some(5)),
            "the tighter one is told"
        );
        assert_eq!(standing(&response).1, Some(4 - n));
    }
    assert_refused(login(&app, &mira.username.to_uppercase(), "not the password", "9.9.9.9").await, 5).await;
    assert_refused(login(&app, &mira.username, PASSWORD, "9.9.9.9").await, 5).await;
    let nobody = login(&app, "nobody-at-all", "not the password", "9.9.9.9").await;
    assert_eq!(
        (nobody.status().as_u16(), standing(&nobody).0),
        (401, Some(5)),
        "known and unknown look alike"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn right_passwords_are_counted_by_address_only() {
    let app = limited(|limits| limits.auth_address = at_most(9)).await;
    let mira = app.user().await;
    for left in (1..9).rev() {
        let response = login(&app, &mira.username, PASSWORD, "9.9.9.9").await;
        assert_eq!((response.status().as_u16(), standing(&response).0), (200, Some(9)));
        assert_eq!(standing(&response).1, Some(left));
    }
    let wrong = login(&app, &mira.username, "not the password", "9.9.9.9").await;
    assert_eq!(
        (wrong.status().as_u16(), standing(&wrong).1),
        (401, Some(0)),
        "the address is the tighter one"
    );
    assert_refused(login(&app, "somebody-else", PASSWORD, "9.9.9.9").await, 9).await;
    let left = login(&app, &mira.username, "not the password", "8.8.8.8").await;
    assert_eq!(standing(&left).1, Some(3), "only the wrong ones were taken from the identity");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_moment_are_not_more_than_one_by_one() {
    let app = limited(|_| ()).await;
    let mira = app.user().await;
    let guesses = (0..50).map(|n| {
        let (app, name) = (&app, &mira.username);
        async move { login(app, name, "not the password", &format!("9.9.{n}.9")).await.status().as_u16() }
    });
    let statuses = join_all(guesses).await;
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(401), count(429)), (5, 45), "{statuses:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_tells_the_limit_of_messages() {
    let app = limited(|limits| limits.messages = RateSettings { enabled: true, max: 2, window_s: 60 }).await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    let say = async |n: u32| {
        let body = json!({"content": format!("message {n}"), "reply": "none"});
        let path = format!("/api/conversations/{room}/messages");
        app.send(Method::POST, &path, Some(&user.token), Some(body)).await
    };
    for n in 0..2 {
        assert_eq!(say(n).await.status(), 201);
    }
    assert_refused(say(2).await, 2).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gains_an_allowance_by_what_he_writes_into_the_header() {
    let app = limited(|limits| limits.api = at_most(2)).await;
    for (n, said) in
        ["9.9.9.9", "6.6.6.6, 9.9.9.9", "127.0.0.1, 10.0.0.1, 9.9.9.9:80"].into_iter().enumerate()
    {
        let response = ask(&app, Method::GET, "/api", said).send().await.unwrap();
        assert_eq!(response.status(), if n < 2 { 200 } else { 429 }, "{said}");
    }
    for (n, said) in
        ["2001:db8:1:2::1", "2001:db8:1:2:aaaa::7", "[2001:db8:1:2::9]:443"].into_iter().enumerate()
    {
        let response = ask(&app, Method::GET, "/api", said).send().await.unwrap();
        assert_eq!(response.status(), if n < 2 { 200 } else { 429 }, "one customer has a /64: {said}");
    }
    app.stop().await;
    let app = TestApp::start_with(|config| {
        config.limits.enabled = true;
        config.limits.api = at_most(2);
    })
    .await;
    for n in 0..3 {
        let response = ask(&app, Method::GET, "/api", &format!("9.9.9.{n}")).send().await.unwrap();
        assert_eq!(
            response.status(),
            if n < 2 { 200 } else { 429 },
            "without a trusted proxy nobody is believed"
        );
    }
    app.stop().await;
}
