//! Files and forms that mean harm, or are broken.

use image::ImageFormat;
use serde_json::Value;

use crate::support::app::eventually;
use crate::support::forms::{BOUNDARY, Part, Stage, file, form, picture, text};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_is_refused_whatever_it_is_called() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let whole = picture(ImageFormat::Png, 60, 60);
    let zip = [&b"PK\x03\x04"[..], &whole].concat();
    for (what, bytes, status, code) in [
        ("a page", &b"<!DOCTYPE html><script>alert(1)</script>"[..], 415, "unsupported_media_type"),
        (
            "a drawing with a script",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
            415,
            "unsupported_media_type",
        ),
        ("a zip that ends as a picture", &zip, 415, "unsupported_media_type"),
        ("a program", b"MZ\x90\0\x03\0\0\0", 415, "unsupported_media_type"),
        ("nothing", b"", 400, "bad_request"),
        ("the head of a picture alone", &whole[..20], 400, "file_invalid"),
        ("a word that pictures begin with", b"GIF89a", 400, "file_invalid"),
    ] {
        let body = form(&[file("image", "photo.png", bytes)]);
        let (got, answer) = stage.upload("image", Some(&user.token), body).await;
        assert_eq!((got, answer["error"].as_str()), (status, Some(code)), "{what}: {answer}");
    }
    stage.app.stop().await;
}

/// A PNG of which only the header is told: of any size, in a few bytes.
fn header_of(width: u32, height: u32) -> Vec<u8> {
    let mut small = picture(ImageFormat::Png, 1, 1);
    small[16..20].copy_from_slice(&width.to_be_bytes());
    small[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc(&small[12..29]);
    small[29..33].copy_from_slice(&crc.to_be_bytes());
    small
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_too_many_pixels_is_refused_by_its_header() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    for (width, height, status) in
        [(10_001, 10, 413), (10, 10_001, 413), (8_000, 8_000, 413), (5_000, 5_000, 202)]
    {
        let bytes = header_of(width, height);
        let (got, answer) =
            stage.upload("image", Some(&user.token), form(&[file("image", "a.png", &bytes)])).await;
        assert_eq!(got, status, "{width} by {height}: {answer}");
    }
    stage.app.stop().await;
}

/// A JPEG that says it is 10,001 pixels wide, behind so many segments of 60,000 bytes.
fn wide_behind(segments: usize) -> Vec<u8> {
    let mut small = picture(ImageFormat::Jpeg, 10, 10);
    let frame = small.windows(2).position(|at| at == [0xff, 0xc0]).unwrap();
    small[frame + 7..frame + 9].copy_from_slice(&10_001_u16.to_be_bytes());
    let comment = [&[0xff, 0xfe], &60_002_u16.to_be_bytes()[..], &[b' '; 60_000]].concat();
    [&small[..2], &comment.repeat(segments), &small[2..]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_far_behind_the_beginning_is_found_by_the_job_at_the_latest() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    for (segments, status) in [(0, 413), (2, 413), (10, 202)] {
        let bytes = wide_behind(segments);
        let (got, answer) =
            stage.upload("image", Some(&user.token), form(&[file("image", "a.jpg", &bytes)])).await;
        assert_eq!(got, status, "{segments}: {answer}");
    }
    eventually("the last one is refused", async || {
        let failed = "select count(*) from media_files where state = 'failed'";
        stage.count(failed).await == 1
    })
    .await;
    assert_eq!(stage.count("select count(*) from media_files").await, 1);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_with_and_without_its_length() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    // A good beginning, and then eleven megabytes.
    let mut large = picture(ImageFormat::Png, 30, 30);
    large.resize(11 * 1024 * 1024, 0);
    let body = form(&[file("image", "a.png", &large)]);
    let (status, answer) = stage.upload("image", Some(&user.token), body.clone()).await;
    assert_eq!((status, answer["error"].as_str()), (413, Some("too_large")), "{answer}");
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
        body.chunks(60_000).map(|piece| Ok(piece.to_vec())).collect();
    let streamed = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let request = stage.app.http.post(stage.app.url("/api/media/upload/image")).bearer_auth(&user.token);
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let answer = request.header("content-type", content_type).body(streamed).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 413);
    assert_eq!(stage.count("select count(*) from media_files").await, 0);
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_name_only_a_harmless_text_is_kept() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let png = picture(ImageFormat::Png, 20, 20);
    let long = "ä".repeat(10_000);
    for (name, kept) in [
        ("../../../etc/passwd", Some("passwd".to_owned())),
        ("..", None),
        ("tab\there.png", Some("tabhere.png".to_owned())),
        ("<img src=x onerror=alert(1)>.png", Some("<img src=x onerror=alert(1)>.png".to_owned())),
        (&long, Some("ä".repeat(200))),
    ] {
        let (status, taken) =
            stage.upload("image", Some(&user.token), form(&[file("image", name, &png)])).await;
        assert_eq!(status, 202, "{name}: {taken}");
        assert_eq!(taken["file"]["name"].as_str().map(str::to_owned), kept, "{name}");
    }
    assert!(stage.stored().iter().all(|path| path.starts_with(&*stage.files.to_string_lossy())));
    stage.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_not_as_it_should_be_is_told_so() {
    let stage = Stage::start().await;
    let user = stage.app.user().await;
    let token = Some(user.token.as_str());
    let png = picture(ImageFormat::Png, 20, 20);
    let good = form(&[file("image", "a.png", &png)]);
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    for (what, kind, body, status) in [
        ("no boundary", "multipart/form-data", good.clone(), 400),
        ("an empty one", "multipart/form-data; boundary=", good.clone(), 400),
        ("another one", "multipart/form-data; boundary=other", good.clone(), 400),
        ("JSON", "application/json", b"{}".to_vec(), 415),
        ("the file as the body", "image/png", png.clone(), 415),
        ("no body", &multipart, Vec::new(), 400),
        ("half a form", &multipart, good[..good.len() / 2].to_vec(), 400),
        (
            "headers without an end",
            &multipart,
            format!("--{BOUNDARY}\r\n{}", "a".repeat(200_000)).into_bytes(),
            413,
        ),
    ] {
        let (got, answer) = stage.upload_as("image", token, kind, body).await;
        let wanted = if status == 413 { got == 413 || got == 400 } else { got == status };
        assert!(wanted, "{what}: {got} {answer}");
        assert!(answer["message"].is_string(), "{what}: {answer}");
    }
    let fields = |answer: &Value| answer["details"][0]["field"].as_str().unwrap_or_default().to_owned();
    let many = "x".repeat(9_000);
    let texts: Vec<Part<'_>> = (0..70).map(|_| text("note", "x")).collect();
    for (what, body, field) in [
        ("another field", form(&[file("picture", "a.png", &png)]), "picture"),
        ("a text in its place", form(&[text("image", "hello")]), ""),
        (
            "two where one is wanted",
            form(&[file("image", "a.png", &png), file("image", "b.png", &png)]),
            "image",
        ),
        ("no file", form(&[text("note", "hello")]), "image"),
        ("a long text", form(&[text("note", &many), file("image", "a.png", &png)]), "note"),
        ("many texts", form(&texts), ""),
    ] {
        let (status, answer) = stage.upload("image", token, body).await;
        assert!(matches!(status, 400 | 415), "{what}: {status} {answer}");
        if !field.is_empty() {
            assert_eq!(fields(&answer), field, "{what}: {answer}");
        }
    }
    assert_eq!(stage.count("select count(*) from media_files").await, 0);
    stage.app.stop().await;
}
