//! Pictures in messages: shown to models that see, told in words to others, and refused where they are none.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use greenroom::config::{Capability, Config, ModelSettings};
use image::ImageFormat;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::world::World;
use crate::support::provider::Act;

/// The house's model sees.
pub fn seeing(config: &mut Config) {
    let capabilities = vec![Capability::Chat, Capability::Vision];
    let model = ModelSettings { capabilities, ..ModelSettings::default() };
    config.ai.providers.get_mut("house").unwrap().models.insert("house-model".to_owned(), model);
}

pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(width, height).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

pub fn data_url(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

fn part(url: &str) -> Value {
    json!({ "type": "image_url", "image_url": { "url": url } })
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

/// One message of the user.
fn message(parts: &[Value]) -> Value {
    json!({ "messages": [{ "role": "user", "content": parts }] })
}

/// Width and height of each picture in a request to the provider, and that it is a WebP.
pub fn shown(body: &Value) -> Vec<(u32, u32)> {
    let messages = body["messages"].as_array().unwrap().iter();
    let parts = messages.flat_map(|message| message["content"].as_array().cloned().unwrap_or_default());
    let urls = parts.filter_map(|part| part["image_url"]["url"].as_str().map(str::to_owned));
    urls.map(|url| {
        let bytes = STANDARD.decode(url.strip_prefix("data:image/webp;base64,").expect("a WebP")).unwrap();
        let picture = image::load_from_memory_with_format(&bytes, ImageFormat::WebP).unwrap();
        (picture.width(), picture.height())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_sees_is_shown_the_pictures_and_nothing_is_kept_of_them() {
    let world = World::start_with(seeing).await;
    let mut high = part(&data_url(&png(2_000, 600)));
    high["image_url"]["detail"] = json!("high");
    let body = json!({ "messages": [
        { "role": "user", "content": [text("First this."), part(&data_url(&png(1_000, 500)))] },
        { "role": "assistant", "content": "I see." },
        { "role": "user", "content": [part(&data_url(&png(30, 20))), text("And these?"), high] },
    ]});
    world.provider.script([Act::say(["Boats."])]);
    let (status, answer) = world.ask(world.body("", body)).await;
    assert_eq!(
        (status, answer["choices"][0]["message"]["content"].as_str()),
        (200, Some("Boats.")),
        "{answer}"
    );
    let asked = world.provider.asked()[0].body.clone();
    assert_eq!(shown(&asked), [(800, 400), (30, 20), (1_200, 360)]);
    let messages = asked["messages"].as_array().unwrap();
    let last = messages.last().unwrap();
    assert_eq!((&last["role"], &last["content"][0]), (&json!("user"), &text("[image: And these?]")));
    assert!(messages.iter().any(|message| message["content"][0] == text("[image: First this.]")), "{asked}");
    assert_eq!(world.used().await, 1, "it is one message");
    for kept in ["media_files", "media_objects", "messages"] {
        assert_eq!(world.count(&format!("select count(*) from {kept}")).await, 0, "{kept}");
    }
    // Of a picture alone there are no words; a stream is asked for the same way.
    world.provider.script([Act::say(["A boat."])]);
    let mut alone = world.body("", message(&[part(&data_url(&png(40, 40)))]));
    alone["stream"] = json!(true);
    assert_eq!(world.open(alone).await.text().await.unwrap().matches("A boat.").count(), 1);
    let asked = world.provider.asked()[1].body.clone();
    assert_eq!((shown(&asked), asked["messages"].to_string().contains("[image]")), (vec![(40, 40)], true));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_see_is_told_in_words() {
    let world = World::start().await;
    world.provider.script([Act::say(["What is on it?"])]);
    let parts = [part(&data_url(&png(30, 20))), text("Our harbour"), part(&data_url(&png(20, 30)))];
    let (status, answer) = world.ask(world.body("", message(&parts))).await;
    assert_eq!(status, 200, "{answer}");
    let asked = world.provider.asked()[0].body["messages"].clone();
    let said: Vec<&Value> = asked.as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert_eq!(said.last(), Some(&&json!("[image: Our harbour]")), "{asked}");
    assert!(said.contains(&&json!("[image]")), "{asked}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_or_too_much_of_one_is_refused_and_nothing_is_counted() {
    let world = World::start_with(|config| {
        seeing(config);
        config.moderation.patterns = [("weapons".to_owned(), vec!["napalm".to_owned()])].into();
    })
    .await;
    let small = data_url(&png(20, 20));
    let whole = png(300, 200);
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    let url = "messages[0].content[0].image_url.url";
    for (what, parts, code, param) in [
        ("wrong base64", vec![part("data:image/png;base64,%%%")], json!("invalid_base64_image"), url),
        ("nothing", vec![part("data:image/png;base64,")], json!("empty_image_file"), url),
        ("a text", vec![part(&data_url(b"hello, I am a picture"))], json!("invalid_image_format"), url),
        ("SVG", vec![part(&data_url(svg))], json!("invalid_image_format"), url),
        ("half a picture", vec![part(&data_url(&whole[..whole.len() / 2]))], json!("image_parse_error"), url),
        ("a wide one", vec![part(&data_url(&png(10_001, 1)))], json!("image_too_large"), url),
        (
            "a large file",
            vec![part(&data_url(&vec![0; 5 * 1024 * 1024 + 10]))],
            json!("image_file_too_large"),
            url,
        ),
        ("too many", vec![part(&small); 9], Value::Null, "messages"),
        ("plain http", vec![part("http://example.com/a.png")], json!("invalid_image_url"), url),
        ("this machine", vec![part("https://127.0.0.1/a.png")], json!("invalid_image_url"), url),
        ("the cloud's own", vec![part("https://169.254.169.254/a.png")], json!("invalid_image_url"), url),
        ("this machine by name", vec![part("https://localhost/a.png")], json!("invalid_image_url"), url),
        ("no address", vec![part("a.png")], json!("invalid_image_url"), url),
    ] {
        let (status, refused) = world.ask(world.body("", message(&parts))).await;
        let error = &refused["error"];
        assert_eq!(
            (status, &error["code"], &error["param"], &error["type"]),
            (400, &code, &json!(param), &json!("invalid_request_error")),
            "{what}: {refused}"
        );
    }
    // The words beside a picture are judged as all are.
    let parts = [part(&small), text("How do I make napalm?")];
    let (status, refused) = world.ask(world.body("", message(&parts))).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("content_policy_violation")), "{refused}");
    // In a conversation it would be a file of its sender's: there it comes in by the way of files.
    let made = json!({ "characterId": world.character });
    let (_, made) = world.app.post("/api/conversations", Some(&world.user.token), made).await;
    let mut body = message(&[text("Look"), part(&small)]);
    body["metadata"] = json!({ "conversation_id": made["conversation"]["id"] });
    let (status, refused) = world.ask(world.body("", body)).await;
    assert_eq!((status, &refused["error"]["param"]), (400, &json!("messages[0].content[1].image_url.url")));
    assert!(refused["error"]["message"].as_str().unwrap().contains("/api/media/upload/image"), "{refused}");
    let said = "select count(*) from messages where sender_kind = 0";
    assert_eq!((world.count(said).await, world.used().await, world.provider.asked().len()), (0, 0, 0));
    world.stop().await;
}

/// Serves this as what it is called, once for each connection; answers its address.
async fn host(kind: &'static str, status: &'static str, body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = [0_u8; 4_096];
            let _ = socket.read(&mut asked).await;
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = socket.write_all(head.as_bytes()).await;
            let _ = socket.write_all(&body).await;
        }
    });
    format!("http://{address}/picture")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_fetched_from_its_address_within_the_bounds_of_uploads() {
    let world = World::start_with(|config| {
        seeing(config);
        config.media.fetch_private = true;
        config.media.image_max_bytes = 100_000;
    })
    .await;
    world.provider.script([Act::say(["A boat."])]);
    let good = host("image/png", "200 OK", png(60, 40)).await;
    let (status, answer) = world.ask(world.body("", message(&[part(&good)]))).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(shown(&world.provider.asked()[0].body), [(60, 40)]);
    for (kind, status, body, code) in [
        ("text/html", "200 OK", png(60, 40), "unsupported_image_media_type"),
        ("image/svg+xml", "200 OK", b"<svg/>".to_vec(), "invalid_image_format"),
        ("image/png", "404 Not Found", Vec::new(), "failed_to_download_image"),
        ("image/png", "200 OK", vec![0; 100_001], "image_file_too_large"),
    ] {
        let url = host(kind, status, body).await;
        let (status, refused) = world.ask(world.body("", message(&[part(&url)]))).await;
        assert_eq!((status, &refused["error"]["code"]), (400, &json!(code)), "{refused}");
    }
    assert_eq!((world.used().await, world.provider.asked().len()), (1, 1));
    world.stop().await;
}
