//! Uploads while the server is killed: half of one is nothing, and a whole one becomes ready once.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::house::{House, Person};
use crate::support::app::eventually;
use crate::support::forms::{BOUNDARY, file, form, wav};

async fn begin(house: &House, who: &Person, kind: &str, length: usize) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", house.port)).await.expect("a connection");
    let head = format!(
        "POST /api/media/upload/{kind} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n\r\n",
        who.token
    );
    socket.write_all(head.as_bytes()).await.expect("it is taken");
    socket
}

async fn upload(house: &House, who: &Person, kind: &str, body: Vec<u8>) -> Value {
    let request = house.http.post(house.url(&format!("/api/media/upload/{kind}"))).bearer_auth(&who.token);
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let answer = request.header("content-type", content_type).body(body).send().await.expect("an answer");
    let (status, text) = (answer.status().as_u16(), answer.text().await.expect("a body"));
    assert_eq!(status, 202, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

async fn used(house: &House, who: &Person) -> Value {
    house.get("/api/media/limits", who).await["total"]["usedBytes"].clone()
}

/// Large enough to be looked at for a while.
fn photograph() -> Vec<u8> {
    let picture = image::RgbImage::from_fn(4_000, 3_000, |x, y| {
        image::Rgb([((x * y) >> 9 & 255) as u8, (x >> 4) as u8, (y >> 4) as u8])
    });
    let mut file = Vec::new();
    picture
        .write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 80))
        .expect("a picture");
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_upload_leaves_nothing_after_kill_9() {
    let mut house = House::open(&[]).await;
    let user = house.person(0).await;
    let before = used(&house, &user).await;
    let body = form(&[file("audio", "a.wav", &wav(9_000_000))]);
    let mut socket = begin(&house, &user, "audio", body.len()).await;
    socket.write_all(&body[..body.len() / 2]).await.expect("it is taken");
    eventually("the beginning is written", async || house.stored().values().any(|bytes| *bytes > 0)).await;
    house.kill().await;
    drop(socket);
    assert!(!house.stored().is_empty(), "it had no time to tidy up");
    house.start().await;
    assert_eq!(house.count("select count(*) from media_files").await, 0);
    house.nothing_is_left().await;
    assert!(house.stored().is_empty(), "{:?}", house.stored());
    assert_eq!(used(&house, &user).await, before);
    upload(&house, &user, "audio", body).await;
    house.until("the next one", "select count(*) from media_files where state = 'ready'").await;
    house.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_whose_server_is_killed_while_it_is_looked_at_becomes_ready_once() {
    let mut house = House::open(&[]).await;
    let user = house.person(0).await;
    let taken = upload(&house, &user, "image", form(&[file("image", "a.jpg", &photograph())])).await;
    // When it is taken, and when the first of what is made of it lies in the store: it may be ready by then.
    house
        .until("it is taken", "select count(*) from jobs where kind = 'media.process' and attempts > 0")
        .await;
    house.kill().await;
    house.start().await;
    eventually("something is put", async || house.stored().keys().any(|key| !key.starts_with("temp/"))).await;
    house.kill().await;
    house.start().await;
    house.until("it is ready", "select count(*) from media_files where state = 'ready'").await;
    house.nothing_is_left().await;
    let files = house.files(&user).await;
    assert_eq!((files.len(), &files[0]["id"]), (1, &taken["file"]["id"]));
    assert_eq!((&files[0]["width"], &files[0]["height"]), (&json!(4_000), &json!(3_000)));
    assert_eq!(files[0]["variants"].as_object().map(serde_json::Map::len), Some(4), "{files:?}");
    let stored: u64 = house.stored().values().sum();
    assert_eq!((house.stored().len(), used(&house, &user).await), (5, json!(stored)));
    house.kill().await;
}
