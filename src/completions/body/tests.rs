use serde_json::json;

use super::*;
use crate::media::files::Size;

fn read(change: &Value) -> Result<Wanted, String> {
    let mut body = json!({ "model": "character/mira", "messages": [{"role": "user", "content": "Hello"}] });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    Wanted::read(body).map_err(|error| error.details[0].field.to_string())
}

#[test]
fn messages_are_told_apart_by_who_speaks() {
    let wanted = read(&json!({ "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": "Three"},
        {"role": "assistant", "content": null},
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": "Four", "name": "mira"},
    ]}))
    .unwrap();
    let said: Vec<_> = wanted.lines.iter().map(|line| (line.by, line.text.as_str())).collect();
    let (person, character) = (Speaker::Person, Speaker::Character);
    assert_eq!(said, [(person, "One\ntwo"), (character, "Three"), (person, "Four")]);
    assert_eq!(wanted.program.as_deref(), Some("Be brief.\n\nBe kind."));
    let last = wanted.last_said().map(|said| said.text.as_str());
    assert_eq!((last, wanted.delivery), (Some("Four"), Delivery::Whole));
}

#[test]
fn what_a_client_relies_on_and_is_not_there_is_refused_by_name() {
    for (change, field) in [
        (json!({"tools": [{"type": "function"}]}), "tools"),
        (json!({"functions": [{}]}), "functions"),
        (json!({"n": 2}), "n"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"response_format": {"type": "json_object"}}), "response_format"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"temperature": 2.1}), "temperature"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (json!({"max_completion_tokens": 0}), "max_completion_tokens"),
        (json!({"stop": ["a", "b", "c", "d", "e"]}), "stop"),
        (json!({"stop": ""}), "stop"),
        (json!({"stop": 7}), "stop"),
        (json!({"stream_options": {"include_usage": true}}), "stream_options"),
        (json!({"metadata": {"a": 1}}), "metadata.a"),
        (json!({"metadata": {"a": "x".repeat(513)}}), "metadata"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": "Hello"}), "messages"),
        (json!({"messages": [{"content": "Hello"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "system", "content": "Hello"}]}), "messages"),
        (json!({"messages": [{"role": "user", "content": "  "}]}), "messages"),
        (json!({"messages": [{"role": "bot", "content": "Hello"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "tool", "content": "Hello"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "user", "content": 7}]}), "messages[0].content"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
            "messages[0].content[0].text",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
            "messages[0].content[0].image_url.url",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "file"}]}]}),
            "messages[0].content[0].type",
        ),
        (json!({"messages": [{"role": "user", "content": "x".repeat(32_001)}]}), "messages[0].content"),
        (json!({"messages": vec![json!({"role": "user", "content": "x".repeat(30_000)}); 7]}), "messages"),
        (json!({"messages": vec![json!({"role": "user", "content": "x"}); 1_001]}), "messages"),
    ] {
        assert_eq!(read(&change).unwrap_err(), field, "{:.80}", change.to_string());
    }
    assert_eq!(Wanted::read(json!({"messages": []})).unwrap_err().details[0].field, "model");
    assert_eq!(Wanted::read(json!([])).unwrap_err().details[0].field, "body");
}

#[test]
fn what_changes_nothing_is_taken() {
    let wanted = read(&json!({
        "tools": [], "tool_choice": "none", "n": 1, "top_p": 0.5, "presence_penalty": 1, "user": "u-1",
        "seed": 7, "response_format": {"type": "text"}, "modalities": ["text"], "logprobs": false,
        "stream": true, "stream_options": {"include_usage": true}, "stop": "END", "max_tokens": 5,
        "max_completion_tokens": 7, "metadata": {"conversation_id": "c", "client_id": "i", "other": "o"},
        "something_new": {"a": 1},
    }))
    .unwrap();
    assert_eq!(wanted.delivery, Delivery::Stream(StreamUsage::Included));
    assert_eq!((wanted.stop, wanted.max_tokens), (vec!["END".to_owned()], Some(7)));
    assert_eq!((wanted.conversation.as_deref(), wanted.client_id.as_deref()), (Some("c"), Some("i")));
}

fn picture(url: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": url}})
}

fn shown(content: &[Value]) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

#[test]
fn pictures_stand_with_the_words_of_their_message_and_alone() {
    let mut high = picture("DATA:image/jpeg;charset=utf-8;base64, aGk= ");
    high["image_url"]["detail"] = json!("high");
    let words = json!({"type": "text", "text": "Look"});
    let content = [picture("https://example.com/a.png"), words, high];
    let wanted = read(&shown(&content)).unwrap();
    let [line] = &wanted.lines[..] else { panic!("{wanted:?}") };
    assert_eq!((line.text.as_str(), line.pictures.len()), ("Look", 2));
    assert!(matches!(&line.pictures[0].whence, Whence::Address(url) if url == "https://example.com/a.png"));
    assert_eq!(line.pictures[0].size, Size::Medium);
    let Sent { field, whence: Whence::Data(bytes), size: Size::Large } = &line.pictures[1] else {
        panic!("{line:?}")
    };
    assert_eq!((&bytes[..], field.as_str()), (&b"hi"[..], "messages[0].content[2].image_url.url"));
    let blank = json!({"type": "text", "text": " "});
    let alone = read(&shown(&[blank, picture("data:;base64,aGk=")])).unwrap();
    assert_eq!((alone.lines[0].text.as_str(), alone.lines[0].pictures.len()), ("", 1));
}

#[test]
fn what_is_no_picture_by_its_form_is_refused_with_openais_code() {
    let refused = |content: &[Value]| {
        let mut body = shown(content);
        body["model"] = json!("character/mira");
        let error = Wanted::read(body).unwrap_err();
        (error.code.to_string(), error.details[0].field.to_string())
    };
    let large = format!("data:image/png;base64,{}", "A".repeat(7 * 1024 * 1024));
    let long = format!("https://example.com/{}", "a".repeat(2_048));
    for (url, code) in [
        ("data:image/png;base64,not base64!", "invalid_base64_image"),
        ("data:image/png,raw", "invalid_base64_image"),
        ("data:image/png;base64", "invalid_base64_image"),
        ("data:image/png;base64,", "empty_image_file"),
        (large.as_str(), "image_file_too_large"),
        (long.as_str(), "invalid_image_url"),
        ("ftp://example.com/a.png", "invalid_image_url"),
        ("/media/user-content/a.png", "invalid_image_url"),
        ("", "invalid_image_url"),
    ] {
        let expected = (code.to_owned(), "messages[0].content[0].image_url.url".to_owned());
        assert_eq!(refused(&[picture(url)]), expected, "{url:.60}");
    }
    let many = vec![picture("data:;base64,aGk="); 9];
    assert_eq!(refused(&many), ("bad_request".to_owned(), "messages".to_owned()));
    assert_eq!(refused(&[json!({"type": "image_url"})]).1, "messages[0].content[0].image_url");
    let mut detail = picture("data:;base64,aGk=");
    detail["image_url"]["detail"] = json!("huge");
    assert_eq!(refused(&[detail]).1, "messages[0].content[0].image_url.detail");
    let spoken = json!({"messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [picture("data:;base64,aGk=")]},
    ]});
    assert_eq!(read(&spoken).unwrap_err(), "messages[1].content[0].type");
}
