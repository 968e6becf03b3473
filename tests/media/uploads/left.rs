//! That nothing is left: of uploads that broke off, of a store that fails, of jobs and servers that died, of accounts.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::time::Duration;

use greenroom::accounts::{Accounts, Erased, Privacy};
use greenroom::config::Config;
use greenroom::media::ObjectKey;
use greenroom::media::files::FileId;
use greenroom::outbound::Outbound;
use greenroom_actors::domain::UserId;
use image::ImageFormat;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zip::ZipArchive;

use crate::support::app::{PASSWORD, TestUser, eventually};
use crate::support::forms::{BOUNDARY, Stage, file, form, picture, uuid, wav};

/// The part that erases, on the server's database and engine.
fn privacy(stage: &Stage) -> Privacy {
    let mut config = Config::default();
    config.auth.jwt_secret = "a signing secret for the tests alone".into();
    let config = Arc::new(config);
    let outbound = Outbound::open(&config).unwrap();
    let accounts = Accounts::open(stage.app.database.pool(), config, outbound).unwrap();
    Privacy::new(accounts, stage.app.app().engine().clone())
}

/// Begins an upload on a socket of its own and says that so many bytes are to come.
async fn begin(stage: &Stage, user: &TestUser, kind: &str, length: usize) -> TcpStream {
    let mut socket = TcpStream::connect(stage.app.address).await.unwrap();
    let head = format!(
        "POST /api/media/upload/{kind} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n\r\n",
        user.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let body = form(&[file("audio", "a.wav", &wav(9_000_000))]);
    for sent in [200, 100_000, 5_000_000] {
        let mut socket = begin(&stage, &user, "audio", body.len()).await;
        socket.write_all(&body[..sent]).await.unwrap();
        if sent > 1_000_000 {
            eventually("the beginning is written", async || !stage.stored().is_empty()).await;
        }
        drop(socket);
        eventually("nothing is left", async || stage.stored().is_empty()).await;
    }
    assert_eq!(stage.count("select count(*) from media_files").await, 0);
    assert_eq!(stage.upload("audio", Some(&user.token), body).await.0, 202, "the next one comes in");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_nothing_more_or_too_slowly_is_answered() {
    let stage = Stage::start_with(|config| {
        config.media.upload_idle_ms = 200;
        config.media.upload_timeout_ms = 800;
    })
    .await;
    let user = stage.app.user().await;
    let body = form(&[file("audio", "a.wav", &wav(1_000_000))]);
    let mut socket = begin(&stage, &user, "audio", body.len()).await;
    socket.write_all(&body[..300_000]).await.unwrap();
    let mut answer = vec![0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
    // Never quiet, and never done.
    let socket = begin(&stage, &user, "audio", body.len()).await;
    let (mut reading, mut writing) = socket.into_split();
    let dripping = tokio::spawn(async move {
        for piece in body.chunks(100) {
            if writing.write_all(piece).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut answer = vec![0; 12];
    reading.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
    dripping.abort();
    eventually("nothing is left", async || stage.stored().is_empty()).await;
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_file_is_answered_before_all_of_it_has_come() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let page = [&b"<html>"[..], &vec![b'x'; 20_000]].concat();
    let body = form(&[file("video", "a.mp4", &page)]);
    // It says that forty megabytes come, and they never do.
    let mut socket = begin(&stage, &user, "video", 40 * 1024 * 1024).await;
    socket.write_all(&body[..15_000]).await.unwrap();
    let mut answer = vec![0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 415");
    let mut rest = Vec::new();
    drop(socket.read_to_end(&mut rest).await);
    assert!(stage.stored().is_empty());
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_leaves_no_row_and_no_object() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let body = form(&[file("audio", "a.wav", &wav(3_000_000))]);
    // A file stands where its folders were.
    std::fs::remove_dir_all(&stage.files).unwrap();
    std::fs::write(&stage.files, b"no folder").unwrap();
    let (status, answer) = stage.upload("audio", Some(&user.token), body.clone()).await;
    assert_eq!((status, answer["error"].as_str()), (503, Some("dependency_down")), "{answer}");
    assert!(!answer.to_string().contains("tmp"), "nothing of its inside is told: {answer}");
    assert_eq!(stage.app.get("/api/media/status", None).await, (503, json!({ "state": "down" })));
    assert_eq!(stage.count("select count(*) from media_files").await, 0);
    assert_eq!(stage.count("select count(*) from jobs where kind = 'media.process'").await, 0);
    std::fs::remove_file(&stage.files).unwrap();
    assert_eq!(stage.upload("audio", Some(&user.token), body).await.0, 202, "it is back");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_in_the_middle_of_an_upload_leaves_nothing() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let body = form(&[file("audio", "a.wav", &wav(9_000_000))]);
    let mut socket = begin(&stage, &user, "audio", body.len()).await;
    socket.write_all(&body[..3_000_000]).await.unwrap();
    eventually("the beginning is written", async || !stage.stored().is_empty()).await;
    std::fs::remove_dir_all(&stage.files).unwrap();
    std::fs::write(&stage.files, b"no folder").unwrap();
    // The server may answer, and close, before all is sent.
    drop(socket.write_all(&body[3_000_000..]).await);
    let mut answer = vec![0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 503");
    assert_eq!(stage.count("select count(*) from media_files").await, 0);
    std::fs::remove_file(&stage.files).unwrap();
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_server_left_is_found() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let (media, orphan) = (stage.media(), ObjectKey::temp(FileId::new()));
    media.objects().put(&orphan, vec![1; 10].into()).await.unwrap();
    let view = stage.image(&user).await;
    let now = Timestamp::now();
    let swept = media.sweep_all(now).await.unwrap();
    assert_eq!(swept.temporary, 0, "it may be on its way: {swept:?}");
    // As it stands when its job has died.
    stage.ready(&user, &view).await;
    let died = "update media_files set state = 'processing', created_at = now() - interval '2 minutes'";
    assert_eq!(stage.execute(died).await, 1);
    let later = now + jiff::SignedDuration::from_hours(2);
    let swept = media.sweep_all(later).await.unwrap();
    assert!(media.objects().stat(&orphan).await.is_err(), "{swept:?}");
    let file = media.file(FileId::from_uuid(uuid(&view["id"]))).await.unwrap().unwrap();
    assert_eq!(file.state.as_str(), "failed", "{file:?}");
    assert_eq!(file.total_bytes, 0, "it takes no room any more");
    assert!(stage.stored().iter().all(|path| !path.contains("/temp/")), "{:?}", stage.stored());
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_or_failed_long_ago_goes_and_its_message_still_says_so() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let (sent, spoiled) = (stage.image(&user).await, stage.image(&user).await);
    stage.ready(&user, &sent).await;
    stage.ready(&user, &spoiled).await;
    let room = stage.app.conversation(&user).await;
    let path = format!("/api/conversations/{room}/messages");
    let message = json!({ "type": "media", "attachment": { "mediaId": sent["id"] }, "reply": "none" });
    let (status, said) = stage.app.post(&path, Some(&user.token), message).await;
    assert!(status < 300, "{said}");
    assert_eq!(stage.delete(&user, json!({ "id": sent["id"] })).await.0, 200);
    let failed = format!("update media_files set state = 'failed' where id = '{}'", uuid(&spoiled["id"]));
    assert_eq!(stage.execute(&failed).await, 1);

    let now = Timestamp::now();
    assert_eq!(stage.media().sweep_all(now).await.unwrap().purged, 0, "it was just now");
    let aged = "update media_files set created_at = created_at - interval '31 days',
        deleted_at = deleted_at - interval '31 days'";
    assert_eq!(stage.execute(aged).await, 2);
    assert_eq!(stage.media().sweep_all(now).await.unwrap().purged, 2);
    let states = "select count(*) from media_files where state = 'deleted'";
    assert_eq!((stage.count("select count(*) from media_files").await, stage.count(states).await), (1, 1));
    let told = async || {
        let (_, page) = stage.app.get(&path, Some(&user.token)).await;
        let items = page["items"].as_array().unwrap();
        items.iter().find(|item| item["id"] == said["message"]["id"]).unwrap()["attachment"]["state"].clone()
    };
    eventually("the message says so", async || told().await == "deleted").await;
    // Tombstones of today stay for their time.
    assert_eq!(stage.media().sweep_all(now).await.unwrap().purged, 0);
    assert!(stage.stored().is_empty(), "{:?}", stage.stored());
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_a_ready_file_stay_though_no_message_carries_them() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let view = stage.image(&user).await;
    let view = stage.ready(&user, &view).await;
    stage.execute("update media_objects set check_at = now() - interval '1 second'").await;
    assert_eq!(stage.media().sweep().await.unwrap(), 0);
    assert_eq!(stage.sign(&user, &view["key"]).await.0, 200);
    // Of one that is being looked at, what lies already is put off.
    stage.execute("update media_files set state = 'processing'").await;
    stage.execute("update media_objects set check_at = now() - interval '1 second'").await;
    assert_eq!(stage.media().sweep().await.unwrap(), 0);
    assert_eq!(
        stage.count("select count(*) from media_objects where check_at > now()").await,
        stage.count("select count(*) from media_objects").await
    );
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_much_stays_what_is_in_no_use_goes_in_one_sweep() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let view = stage.image(&user).await;
    stage.ready(&user, &view).await;
    let due = "select count(*) from media_objects where check_at is not null";
    assert_eq!(stage.count(due).await, 0, "nothing of a ready file has to be looked at");
    let kept = "insert into media_objects (key, bytes, file_id, check_at)
        select 'kept/' || n, 1, f.id, now() - interval '1 hour' from media_files f, generate_series(1, 450) n";
    assert_eq!(stage.execute(kept).await, 450);
    let unused = "insert into media_objects (key, bytes, check_at) values ('unused/1', 1, now())";
    assert_eq!(stage.execute(unused).await, 1);
    stage.media().sweep().await.unwrap();
    assert_eq!(stage.count("select count(*) from media_objects where key = 'unused/1'").await, 0);
    assert_eq!(stage.count(due).await, 0, "and all that stays was looked at");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gallerys_file_that_failed_says_why_for_its_time() {
    let stage = Stage::start().await;
    let admin = stage.app.admin().await;
    let character = stage.app.character().await;
    let whole = picture(ImageFormat::Png, 300, 200);
    let body = form(&[file("gallery", "a.png", &whole[..whole.len() / 2])]);
    let (status, taken) = stage.upload(&format!("gallery/{character}"), Some(&admin.token), body).await;
    assert_eq!(status, 202, "{taken}");
    let listed = async || stage.app.get("/api/media/list", Some(&admin.token)).await.1["items"][0].clone();
    eventually("it fails", async || listed().await["state"] == "failed").await;
    let entries = "select count(*) from character_gallery where media_id is not null";
    assert_eq!(stage.count(entries).await, 0);
    stage.execute("update media_files set created_at = created_at - interval '1 day'").await;
    stage.media().sweep_all(Timestamp::now()).await.unwrap();
    let told = listed().await;
    assert!(told["fault"].as_str().is_some_and(|fault| fault.contains("cut off")), "{told}");
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_puts_for_a_file_that_was_deleted_meanwhile_is_swept() {
    use greenroom::media::files::{Made, note_objects};
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let view = stage.image(&user).await;
    let id = FileId::from_uuid(uuid(&view["id"]));
    // As it stands while a worker has it in hand.
    stage.ready(&user, &view).await;
    stage.execute("update media_files set state = 'processing'").await;
    let (media, client) = (stage.media(), stage.app.database.pool().get().await.unwrap());
    let known = media.file(id).await.unwrap().unwrap();
    note_objects(&client, &known, &[(&known.key, 4)]).await.unwrap();
    assert_eq!(stage.delete(&user, json!({ "id": view["id"] })).await.0, 200);
    media.objects().put(&known.key, b"late"[..].into()).await.unwrap();
    assert!(media.finish(id, &Made::default()).await.unwrap().is_none());
    media.sweep().await.unwrap();
    assert!(stage.stored().is_empty(), "{:?}", stage.stored());
    assert_eq!(stage.count("select count(*) from media_objects").await, 0);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_account_leaves_no_file_and_an_export_tells_of_each() {
    let stage = Stage::start().await;
    let (user, other) = (stage.app.user().await, stage.app.user().await);
    let (mine, theirs) = (stage.image(&user).await, stage.image(&other).await);
    stage.ready(&user, &mine).await;
    stage.ready(&other, &theirs).await;
    let second = stage.image(&user).await;
    stage.ready(&user, &second).await;
    let exported =
        stage.app.http.get(stage.app.url("/api/auth/export")).bearer_auth(&user.token).send().await.unwrap();
    assert_eq!(exported.status().as_u16(), 200);
    let mut archive = ZipArchive::new(Cursor::new(exported.bytes().await.unwrap())).unwrap();
    let mut text = String::new();
    archive.by_name("files.json").unwrap().read_to_string(&mut text).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told.as_array().unwrap().len(), 2, "{told}");
    assert_eq!(
        (&told[0]["id"], &told[0]["key"], &told[0]["name"]),
        (&mine["id"], &mine["key"], &json!("a.png"))
    );
    let body = json!({ "password": PASSWORD });
    assert_eq!(stage.app.call(Method::DELETE, "/api/auth/me", Some(&user.token), Some(body)).await.0, 204);
    stage
        .execute(&format!(
            "update users set deactivated_at = now() - interval '31 days' where id = '{}'",
            user.id
        ))
        .await;
    let erased = privacy(&stage).erase(UserId::from_uuid(uuid(&json!(user.id)))).await.unwrap();
    assert!(matches!(erased, Erased::Now { .. }), "{erased:?}");
    let sql = format!(
        "select count(*) from media_files where owner_id = '{}' and (state <> 'deleted' or name is not null)",
        user.id
    );
    assert_eq!(stage.count(&sql).await, 0);
    stage.execute("update media_objects set check_at = now() where check_at is not null").await;
    stage.media().sweep_all(Timestamp::now() + jiff::SignedDuration::from_hours(2)).await.unwrap();
    assert!(stage.stored().iter().all(|path| !path.contains(&user.id)), "{:?}", stage.stored());
    assert!(stage.stored().iter().any(|path| path.contains(&other.id)), "another's stay");
    stage.app.stop().await;
}
