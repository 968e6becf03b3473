use greenroom_actors::protocol::RefusalCode;

use super::*;

fn file(url: &str, kind: &str) -> NewAttachment {
    NewAttachment {
        url: Some(url.to_owned()),
        kind: Some(kind.to_owned()),
        duration_ms: Some(1),
        ..NewAttachment::default()
    }
}

#[test]
fn an_address_is_https_or_a_file_of_our_own() {
    for (given, kept) in [
        ("https://example.com/a b.png", "https://example.com/a%20b.png"),
        ("HTTPS://Example.com", "https://example.com/"),
        ("https://example.com/a.png?x=1#y", "https://example.com/a.png?x=1#y"),
        ("/media/user-content/1/a.webp?sig=x", "/media/user-content/1/a.webp?sig=x"),
        ("/media/a/../b.png#part", "/media/b.png"),
    ] {
        assert_eq!(&*address(given).unwrap(), kept, "{given}");
    }
    let long = format!("https://example.com/{}", "a".repeat(URL_MAX_BYTES));
    let grows = format!("https://example.com/{}", "ö".repeat(600));
    for wrong in [
        "",
        "a.png",
        "http://example.com/a.png",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "file:///media/a.png",
        "https://",
        "https://mira:secret@example.com/a.png",
        "https://mira@example.com/a.png",
        "/media/",
        "/media/..",
        "/media/../api/auth/me",
        "/media/%2e%2e/secret",
        "/mediaa/b.png",
        "//example.com/media/a.png",
        "/\\example.com/media/a.png",
        "/api/x",
        &long,
        &grows,
    ] {
        assert_eq!(address(wrong).unwrap_err().field, "attachment.url", "{wrong}");
    }
}

#[test]
fn each_kind_of_message_carries_what_belongs_to_it() {
    let said =
        |kind, content, attachment| Said::checked(Some(kind), content, attachment, 9).map_err(Refusal::from);
    let audio = || Some(file("/media/a.ogg", "audio"));
    let image = || Some(file("/media/a.webp", "image"));
    let said_nothing = said(MessageKind::Audio, None, audio()).unwrap();
    assert_eq!((said_nothing.content.as_str(), said_nothing.attachment.is_some()), ("", true));
    assert_eq!(said(MessageKind::Media, Some(" Look "), image()).unwrap().content.as_str(), "Look");
    assert!(said(MessageKind::Media, Some(""), Some(file("/media/a.mp4", "video"))).is_ok());
    assert!(said(MessageKind::Text, Some("hi"), None).is_ok());
    for (kind, content, attachment, names) in [
        (MessageKind::Text, None, None, "content: is missing"),
        (MessageKind::Text, Some("hi"), image(), "attachment: goes with"),
        (MessageKind::Audio, Some("hi"), None, "attachment: is missing"),
        (MessageKind::Audio, None, image(), "attachment: takes type audio"),
        (MessageKind::Media, None, audio(), "attachment: takes type image or video"),
        (MessageKind::Media, None, Some(file("/media/a", "pdf")), "attachment.type"),
    ] {
        let refusal = said(kind, content, attachment).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::BadRequest);
        assert!(refusal.message.starts_with(names), "{}", refusal.message);
    }
    assert_eq!(said(MessageKind::Text, Some(" "), None).unwrap_err().code, RefusalCode::ContentEmpty);
    let long = said(MessageKind::Media, Some("0123456789"), image()).unwrap_err();
    assert_eq!(long.code, RefusalCode::ContentTooLong);
}

#[test]
fn an_uploaded_file_stands_for_itself() {
    let id = Uuid::now_v7();
    let upload = || NewAttachment { media_id: Some(id), ..NewAttachment::default() };
    let said = |kind, attachment| Said::checked(kind, None, Some(attachment), 9).map_err(Refusal::from);
    let file = |kind| Some(Carried::File(FileId::from_uuid(id), kind));
    assert_eq!(said(None, upload()).unwrap().attachment, file(None));
    let audio = Some(MessageKind::Audio);
    assert_eq!(said(audio, upload()).unwrap().attachment, file(audio));
    // What a client says of it is not asked for.
    let told = NewAttachment { kind: Some("audio".to_owned()), width: Some(-1), ..upload() };
    assert_eq!(said(None, told).unwrap().attachment, file(None));
    let text = said(Some(MessageKind::Text), upload()).unwrap_err();
    assert!(text.message.starts_with("attachment: goes with"), "{}", text.message);
    let both = NewAttachment { media_id: Some(id), ..file_at("/media/a/b") };
    assert!(said(None, both).unwrap_err().message.starts_with("attachment.url: does not go"));
    let neither = said(Some(MessageKind::Media), NewAttachment::default()).unwrap_err();
    assert!(neither.message.starts_with("attachment.url: is missing"));
    assert_eq!(Said::checked(None, Some("Hello"), None, 9).unwrap().kind, MessageKind::Text);
}

fn file_at(url: &str) -> NewAttachment {
    file(url, "image")
}

#[test]
fn figures_and_media_types_are_bounded() {
    let of = |change: fn(&mut NewAttachment)| {
        let mut attachment = file("/media/a", "audio");
        change(&mut attachment);
        attachment.checked().map_err(|error| error.field.into_owned())
    };
    assert!(
        of(|file| file.mime = Some(" Audio/OGG".to_owned())).unwrap().mime.as_deref() == Some("audio/ogg")
    );
    assert_eq!(of(|file| file.duration_ms = None).unwrap_err(), "attachment.durationMs");
    for value in [0, -1, DURATION_MAX_MS + 1] {
        let attachment = NewAttachment { duration_ms: Some(value), ..file("/media/a", "audio") };
        assert_eq!(attachment.checked().unwrap_err().field, "attachment.durationMs", "{value}");
    }
    assert_eq!(of(|file| file.width = Some(0)).unwrap_err(), "attachment.width");
    assert_eq!(of(|file| file.height = Some(70_000)).unwrap_err(), "attachment.height");
    for mime in ["image/png", "audio/", "audio", "audio/ogg; codecs=opus", "audio/<b>", ""] {
        let attachment = NewAttachment { mime: Some(mime.to_owned()), ..file("/media/a", "audio") };
        assert_eq!(attachment.checked().unwrap_err().field, "attachment.mime", "{mime}");
    }
}

#[test]
fn an_emoji_is_one_of_unicodes_in_one_form() {
    for (given, kept) in [
        ("👍", "👍"),
        (" 🎉 ", "🎉"),
        ("\u{2764}", "\u{2764}\u{fe0f}"),
        ("\u{2764}\u{fe0f}", "\u{2764}\u{fe0f}"),
        ("👍🏽", "👍🏽"),
        ("🇩🇪", "🇩🇪"),
        ("ℹ\u{fe0f}", "ℹ\u{fe0f}"),
        ("🅰\u{fe0f}", "🅰\u{fe0f}"),
        ("1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}"),
    ] {
        assert_eq!(emoji(given).unwrap().as_str(), kept, "{given}");
    }
    for wrong in ["", "a", "👍👍", ":+1:", "1", "<b>", "👍 ok", "\u{200d}", "\u{fe0f}"] {
        assert_eq!(emoji(wrong).unwrap_err().field, "emoji", "{wrong:?}");
    }
}

#[test]
fn every_emoji_there_is_fits() {
    for known in emojis::iter() {
        let tones = known.skin_tones().into_iter().flatten();
        for one in std::iter::once(known).chain(tones) {
            assert_eq!(emoji(one.as_str()).unwrap().as_str(), one.as_str());
        }
    }
}
