//! What becomes of a file that came in: cleaned, in all sizes, or refused with a reason; over a whole server.

use std::time::Duration;

use greenroom::media::files::FileId;
use image::ImageFormat;
use serde_json::{Value, json};

use crate::support::app::{TestUser, eventually};
use crate::support::forms;
use crate::support::forms::{Part, Stage, file, form, picture, uuid, wav};

const SECRET: &[u8] = b"51.4779N 0.0015W by Ada";

async fn upload(stage: &Stage, user: &TestUser, part: Part<'_>) -> Value {
    let field = part.field.to_owned();
    let (status, mut taken) = stage.upload(&field, Some(&user.token), form(&[part])).await;
    assert_eq!(status, 202, "{taken}");
    taken["file"].take()
}

/// Its view when it is processed no more.
async fn ended(stage: &Stage, user: &TestUser, view: &Value) -> Value {
    let mut found = Value::Null;
    eventually("the file", async || {
        let (_, mut list) = stage.app.get("/api/media/list?limit=100", Some(&user.token)).await;
        let items = list["items"].as_array_mut().unwrap();
        found = items.iter_mut().find(|file| file["id"] == view["id"]).map(Value::take).unwrap_or_default();
        found["state"] != "processing"
    })
    .await;
    found
}

/// A JPEG with a comment, and something behind its end.
fn told(width: u32, height: u32) -> Vec<u8> {
    let plain = picture(ImageFormat::Jpeg, width, height);
    let mut told = plain[..2].to_vec();
    told.extend([0xff, 0xfe, 0, 2 + SECRET.len() as u8]);
    told.extend(SECRET);
    told.extend(&plain[2..]);
    told.extend(SECRET);
    told
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_becomes_ready_in_all_sizes_and_tells_nothing() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let mut socket = stage.app.socket(&user).await;
    let view = upload(&stage, &user, file("image", "a.jpg", &told(900, 600))).await;
    let ready = ended(&stage, &user, &view).await;
    assert_eq!(
        (&ready["state"], &ready["width"], &ready["height"]),
        (&json!("ready"), &json!(900), &json!(600)),
        "{ready}"
    );
    assert!(ready["blurhash"].as_str().unwrap().len() > 6);
    let sizes = [("thumbnail", 150, 150), ("small", 400, 267), ("medium", 800, 533), ("large", 900, 600)];
    for (name, width, height) in sizes {
        let variant = &ready["variants"][name];
        assert_eq!((&variant["width"], &variant["height"]), (&json!(width), &json!(height)), "{ready}");
        let answer =
            stage.app.http.get(stage.app.url(variant["url"].as_str().unwrap())).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"image/webp".parse().unwrap())
        );
        let shown = image::load_from_memory(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!((shown.width(), shown.height()), (width, height));
    }
    // What the owner is told is true of what lies there: all of it belongs to the file, and counts.
    let stored = stage.stored();
    assert_eq!(stored.len(), 5, "{stored:?}");
    assert!(stored.iter().all(|path| !holds(&std::fs::read(path).unwrap(), SECRET)));
    let bytes: u64 = stored.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert_eq!(stage.count("select total_bytes from media_files").await, bytes as i64);
    assert_eq!(
        stage.count("select sum(bytes)::bigint from media_objects where file_id is not null").await,
        bytes as i64
    );
    stage.execute("update media_objects set check_at = now()").await;
    stage.media().sweep().await.unwrap();
    assert_eq!(stage.stored().len(), 5, "the sweep leaves what is ready");
    let told = socket
        .find(|frame| frame["event"] == "media:update" && frame["data"]["file"]["state"] == "ready")
        .await;
    assert_eq!(told.unwrap()["data"]["file"]["id"], view["id"]);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decoded_fails_with_a_reason_and_leaves_nothing() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let whole = picture(ImageFormat::Png, 300, 200);
    let view = upload(&stage, &user, file("image", "a.png", &whole[..whole.len() / 2])).await;
    let failed = ended(&stage, &user, &view).await;
    assert_eq!((&failed["state"], &failed["url"]), (&json!("failed"), &json!(null)), "{failed}");
    assert!(failed["fault"].as_str().unwrap().contains("cut off"), "{failed}");
    assert_eq!(stage.stored(), Vec::<String>::new());
    assert_eq!(stage.count("select total_bytes from media_files").await, 0);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_tells_its_length_and_its_loudness() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let mut sound = wav(32_000);
    sound.extend(b"LIST");
    sound.extend((SECRET.len() as u32).to_le_bytes());
    sound.extend(SECRET);
    let view = upload(&stage, &user, file("audio", "a.wav", &sound)).await;
    let ready = ended(&stage, &user, &view).await;
    assert_eq!((&ready["state"], &ready["durationMs"]), (&json!("ready"), &json!(2_000)), "{ready}");
    assert!(ready["peaks"].as_array().unwrap().iter().all(|peak| peak == 0), "{ready}");
    assert!(stage.stored().iter().all(|path| !holds(&std::fs::read(path).unwrap(), SECRET)));
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_twice_or_after_a_deletion_changes_nothing() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let view = upload(&stage, &user, file("image", "a.jpg", &told(200, 100))).await;
    let ready = ended(&stage, &user, &view).await;
    let again = format!(
        "insert into jobs (id, queue, kind, payload) values (gen_random_uuid(), 'media-processing', 'media.process',
            '{{\"file\": \"{}\"}}')",
        view["id"].as_str().unwrap()
    );
    let finished = "select count(*) from jobs where kind = 'media.process' and state = 2";
    stage.execute(&again).await;
    eventually("the second one", async || stage.count(finished).await == 2).await;
    assert_eq!(ended(&stage, &user, &view).await["variants"].as_object().unwrap().len(), 4);
    assert_eq!(ready["state"], "ready");
    // Deleted with its bytes still there, as a kill leaves it.
    assert_eq!(stage.delete(&user, json!({ "id": view["id"] })).await.0, 200);
    let id = FileId::from_uuid(uuid(&view["id"]));
    let temp = greenroom::media::ObjectKey::temp(id);
    stage.media().objects().put(&temp, told(200, 100).into()).await.unwrap();
    stage.execute(&again).await;
    eventually("the third one", async || stage.count(finished).await == 3).await;
    assert_eq!(stage.stored(), Vec::<String>::new());
    assert_eq!(stage.count("select count(*) from media_files where state = 'deleted'").await, 1);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pictures_wait_for_memory_and_all_become_ready() {
    let stage = Stage::start_with(|config| {
        config.media.processing_max_bytes = 16 * 1024 * 1024;
        config.limits.enabled = false;
    })
    .await;
    let user = stage.app.user().await;
    let one = told(1_300, 1_000);
    let all: Vec<Part<'_>> = (0..8).map(|_| file("images", "a.jpg", &one)).collect();
    let (status, taken) = stage.upload("images", Some(&user.token), form(&all)).await;
    assert_eq!(status, 202, "{taken}");
    tokio::time::timeout(Duration::from_secs(120), async {
        for view in taken["files"].as_array().unwrap() {
            assert_eq!(ended(&stage, &user, view).await["state"], "ready");
        }
    })
    .await
    .expect("none waits for ever");
    stage.app.stop().await;
}

/// Peak of this process's memory, MB: the server, its client and this test.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Structure and grain, as in a photograph: 12 megapixels in some 4 MB.
fn photograph() -> Vec<u8> {
    let mut seed = 1_u32;
    let picture = image::RgbImage::from_fn(4_000, 3_000, |x, y| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let wave = ((x * y) >> 9 & 127) as u8;
        image::Rgb([wave + (seed >> 28) as u8, 90 + (x >> 6) as u8, 60 + (y >> 6) as u8 + (seed >> 29) as u8])
    });
    let mut file = Vec::new();
    picture.write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 85)).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of a minute: docs/MEDIA.md tells its result"]
async fn fifty_uploads_of_12_megapixels_at_once_stay_under_400_mb() {
    let stage = Stage::start_with(|config| config.media.upload_wait_ms = 600_000).await;
    let body = bytes::Bytes::from(form(&[file("image", "a.jpg", &photograph())]));
    let before = peak_mb();
    let mut users = Vec::new();
    for _ in 0..10 {
        users.push(stage.app.user().await);
    }
    let one = async |user: &TestUser| {
        let request = stage.app.http.post(stage.app.url("/api/media/upload/image")).bearer_auth(&user.token);
        let content_type = format!("multipart/form-data; boundary={}", forms::BOUNDARY);
        let answer = request.header("content-type", content_type).body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 202, "{}", answer.text().await.unwrap());
    };
    futures_util::future::join_all(users.iter().cycle().take(50).map(one)).await;
    eprintln!("before {before} MB, with all uploads in {} MB, of {} bytes each", peak_mb(), body.len());
    let left = "select count(*) from media_files where state <> 'ready'";
    tokio::time::timeout(Duration::from_secs(900), async {
        while stage.count(left).await > 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await
    .expect("all become ready");
    eprintln!("at the end {} MB", peak_mb());
    assert!(peak_mb() < 400);
    stage.app.stop().await;
}
