//! Who may be an admin, and that there is always one.

use std::io::Write;
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::json;

use super::{another_admin, change, count, execute};
use crate::support::app::{PASSWORD, TestApp, eventually};
use crate::support::process::greenroom;

const ACTIVE: &str =
    "select count(*) from users where role = 'admin' and blocked_at is null and deactivated_at is null";

#[tokio::test(flavor = "multi_thread")]
async fn the_last_active_admin_stays_one() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for body in [json!({ "role": "user" }), json!({ "blocked": true })] {
        let (status, refused) = change(&app, &admin, &admin, body).await;
        assert_eq!((status, refused["error"].as_str()), (409, Some("conflict")));
    }
    let password = json!({ "password": "AdminPassword123!" });
    assert_eq!(app.call(Method::DELETE, "/api/auth/me", Some(&admin.token), Some(password)).await.0, 409);
    // A blocked or deactivated one does not count.
    let second = another_admin(&app).await;
    assert_eq!(change(&app, &admin, &second, json!({ "blocked": true })).await.0, 200);
    assert_eq!(change(&app, &admin, &admin, json!({ "role": "user" })).await.0, 409);
    assert_eq!(change(&app, &admin, &second, json!({ "blocked": false })).await.0, 200);
    assert_eq!(
        change(&app, &admin, &admin, json!({ "blocked": true })).await.0,
        409,
        "nobody blocks themself"
    );
    assert_eq!(change(&app, &admin, &admin, json!({ "role": "user" })).await.0, 200, "there is another one");
    assert_eq!(count(&app, ACTIVE).await, 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_admins_who_take_each_others_role_leave_one() {
    let app = TestApp::start().await;
    let (mut one, mut two) = (another_admin(&app).await, another_admin(&app).await);
    execute(&app, "update users set role = 'user' where username = 'testadmin'").await;
    for round in 0..8 {
        let body = if round % 2 == 0 { json!({ "role": "user" }) } else { json!({ "blocked": true }) };
        let (first, second) =
            tokio::join!(change(&app, &one, &two, body.clone()), change(&app, &two, &one, body.clone()));
        let mut statuses = [first.0, second.0];
        statuses.sort_unstable();
        assert!(statuses[0] == 200 && matches!(statuses[1], 401 | 403 | 409), "{first:?} {second:?}");
        assert_eq!(count(&app, ACTIVE).await, 1, "round {round}");
        let both = format!(
            "update users set role = 'admin', blocked_at = null, blocked_why = null
            where id in ('{}', '{}')",
            one.id, two.id
        );
        execute(&app, &both).await;
        (one, two) = (app.sign_in(&one.email, PASSWORD).await, app.sign_in(&two.email, PASSWORD).await);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demoted_admin_is_none_at_once() {
    let app = TestApp::start().await;
    let (admin, second, user) = (app.admin().await, another_admin(&app).await, app.user().await);
    let mut socket = app.socket(&second).await;
    assert_eq!(change(&app, &admin, &second, json!({ "role": "user" })).await.0, 200);
    let (status, _) = change(&app, &second, &user, json!({ "plan": "pro" })).await;
    assert!(matches!(status, 401 | 403), "{status}");
    assert_eq!(socket.closed().await, Some(4001));
    let refresh = json!({ "refreshToken": second.refresh });
    assert_eq!(app.post("/api/auth/refresh-token", None, refresh).await.0, 401);
    let again = app.sign_in(&second.email, PASSWORD).await;
    assert_eq!(app.get("/api/admin/users", Some(&again.token)).await.0, 403);
    // And the other way: who was made one is one after signing in anew.
    assert_eq!(change(&app, &admin, &user, json!({ "role": "admin" })).await.0, 200);
    let user = app.sign_in(&user.email, PASSWORD).await;
    assert_eq!(app.get("/api/admin/users", Some(&user.token)).await.0, 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_makes_an_admin() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let seed = |email: String| {
        let (url, folder) = (app.database.url(), tempfile::tempdir().unwrap());
        tokio::task::spawn_blocking(move || {
            let mut child = Command::new(greenroom())
                .args(["seed", "--admin", &email])
                .env("DATABASE_URL", url)
                .env("GREENROOM__DATA_DIR", folder.path())
                .current_dir(folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
            let output = child.wait_with_output().unwrap();
            let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
            (output.status.success(), said.concat())
        })
    };
    let (done, said) = seed("boss@example.com".to_owned()).await.unwrap();
    assert!(done, "{said}");
    let boss = app.sign_in("boss@example.com", PASSWORD).await;
    eventually("it is an admin", async || app.get("/api/admin/users", Some(&boss.token)).await.0 == 200)
        .await;
    // Whoever typed an address did not prove it.
    let (done, said) = seed(user.email.clone()).await.unwrap();
    assert!(!done && said.contains("proved"), "{said}");
    execute(&app, &format!("update users set email_verified_at = now() where id = '{}'", user.id)).await;
    let (done, said) = seed(user.email.clone()).await.unwrap();
    assert!(done && said.contains("the password that it had"), "{said}");
    assert_eq!(
        app.post("/api/auth/refresh-token", None, json!({ "refreshToken": user.refresh })).await.0,
        401
    );
    let user = app.sign_in(&user.email, PASSWORD).await;
    assert_eq!(app.get("/api/admin/users", Some(&user.token)).await.0, 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seeded_goes_with_all_that_hangs_on_it_and_nothing_else_does() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let seeded = app.sign_in("testuser1@example.com", "TestPassword123!").await;
    for (n, user) in [(1, &user), (2, &seeded)] {
        for sql in [
            format!("update users set mobile = '+491511234567{n}' where id = '{}'", user.id),
            format!(
                "insert into identities (id, user_id, provider, issuer, subject)
                values (gen_random_uuid(), '{}', 'firebase', 'https://issuer', 's{n}')",
                user.id
            ),
            format!(
                "insert into api_keys (id, user_id, name, prefix, hash, scopes)
                values (gen_random_uuid(), '{}', 'k', 'gr_', '\\x0{n}', '{{chat}}')",
                user.id
            ),
            format!(
                "insert into otp_codes (mobile, purpose, hash, expires_at)
                values ('+491511234567{n}', 'sign_in', '\\x0{n}', now())"
            ),
            format!("insert into otp_sends (mobile) values ('+491511234567{n}')"),
        ] {
            execute(&app, &sql).await;
        }
    }
    let (url, folder) = (app.database.url(), tempfile::tempdir().unwrap());
    let cleaned = tokio::task::spawn_blocking(move || {
        Command::new(greenroom())
            .args(["seed", "--clean"])
            .env("DATABASE_URL", url)
            .env("GREENROOM__DATA_DIR", folder.path())
            .current_dir(folder.path())
            .output()
            .unwrap()
    });
    assert!(cleaned.await.unwrap().status.success());
    for table in ["users", "identities", "api_keys", "otp_codes", "otp_sends"] {
        assert_eq!(count(&app, &format!("select count(*) from {table}")).await, 1, "{table}");
    }
    assert_eq!(app.sign_in(&user.email, PASSWORD).await.id, user.id);
    app.stop().await;
}
