//! What becomes of avatars with their owner's account.

use std::io::{Cursor, Read};
use std::sync::Arc;

use greenroom::accounts::{Accounts, Erased, Privacy};
use greenroom::config::Config;
use greenroom::outbound::Outbound;
use reqwest::Method;
use serde_json::{Value, json};

use super::{change, execute, id, number, ready, uuid};
use crate::support::app::{PASSWORD, TestApp, eventually};

fn privacy(app: &TestApp) -> Privacy {
    let mut config = Config::default();
    config.auth.jwt_secret = "a signing secret for the tests alone".into();
    let config = Arc::new(config);
    let outbound = Outbound::open(&config).unwrap();
    let accounts = Accounts::open(app.database.pool(), config, outbound).unwrap();
    Privacy::new(accounts, app.app().engine().clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_exported_whole_and_erased_whole() {
    let app = TestApp::start().await;
    let (user, other) = (app.user().await, app.user().await);
    let avatar = id(&ready(&app, &user, "Private Nadia").await);
    let open = json!({ "visibility": "public", "appearance": "hidden looks" });
    assert_eq!(change(&app, &user, &avatar, open).await.0, 200);
    let (status, made) =
        app.post("/api/conversations", Some(&other.token), json!({ "characterId": avatar })).await;
    assert_eq!(status, 201, "{made}");
    let room = made["conversation"]["id"].as_str().unwrap().to_owned();
    let export =
        app.send(Method::GET, "/api/auth/export", Some(&user.token), None).await.bytes().await.unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(export.to_vec())).unwrap();
    let mut text = String::new();
    archive.by_name("avatars.json").unwrap().read_to_string(&mut text).unwrap();
    let exported: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(exported[0]["avatar"]["appearance"], "hidden looks", "{exported}");
    let body = json!({ "password": PASSWORD });
    assert_eq!(app.call(Method::DELETE, "/api/auth/me", Some(&user.token), Some(body)).await.0, 204);
    let sql = "update users set deactivated_at = now() - interval '31 days' where id";
    execute(&app, &format!("{sql} = '{}'", user.id)).await;
    assert!(matches!(privacy(&app).erase(uuid(&user)).await.unwrap(), Erased::Now { .. }));
    let path = format!("/api/characters/{avatar}");
    eventually("it is gone", async || app.get(&path, None).await.0 == 404).await;
    let left = "select count(*) from characters c where
        (c::text ilike '%tea%' or c::text ilike '%hidden looks%' or c::text ilike '%Private Nadia%')";
    assert_eq!(number(&app, &format!("{left} and c.id = '{avatar}'")).await, 0);
    assert_eq!(number(&app, "select count(*) from avatar_writings").await, 0);
    // The other's conversation keeps what was said.
    let (status, said) = app.get(&format!("/api/conversations/{room}/messages"), Some(&other.token)).await;
    assert_eq!((status, said["items"].as_array().unwrap().len()), (200, 1), "{said}");
    app.stop().await;
}
