//! Which pictures go along with the words.

use std::sync::Arc;

use super::*;
use crate::domain::{AttachedFile, FileState, Picture, PictureSize};

fn uploaded(number: i64, state: FileState) -> Attachment {
    let picture = |size, side| Picture {
        size,
        key: format!("a/{number}_{side}.webp").into(),
        width: side,
        height: side,
        bytes: 1_000,
    };
    let file = AttachedFile {
        id: uuid::Uuid::from_u128(number.unsigned_abs().into()),
        state,
        name: None,
        bytes: 9_000,
        blurhash: None,
        peaks: None,
        pictures: Arc::from([
            picture(PictureSize::Thumbnail, 150),
            picture(PictureSize::Medium, 800),
            picture(PictureSize::Large, 1_200),
        ]),
    };
    let place = Place::Object(format!("a/{number}.png").into());
    Attachment { file: Some(Arc::new(file)), ..Attachment::new(place, AttachmentKind::Image) }
}

fn shown(offset: i64, user: UserId, attachment: Attachment) -> Message {
    Message {
        attachment: Some(Arc::new(attachment)),
        ..message(offset, Sender::User(user), &format!("said{offset}"))
    }
}

fn prompt(record: &Arc<CharacterRecord>, history: &[Message], settings: &PromptSettings) -> GenerateRequest {
    let script = Script::new(record.clone(), &Words);
    let asked = Asked { user: UserId::new(), user_name: "Anna", history, names: &|_| None, memories: &[] };
    compose(&script, &asked, settings, &Words)
}

/// The keys of the pictures of each line.
fn keys(request: &GenerateRequest) -> Vec<Vec<&str>> {
    let lines = request.messages.iter().filter(|message| message.role == PromptRole::User);
    lines.map(|line| line.images.iter().map(|image| &*image.object).collect()).collect()
}

#[test]
fn the_latest_lines_with_a_picture_show_it_and_all_tell_of_it() {
    let (record, user) = (with_context(60_000), UserId::new());
    let mut history: Vec<Message> =
        (1..=4).map(|offset| shown(offset, user, uploaded(offset, FileState::Ready))).collect();
    history.push(message(5, Sender::User(user), "Which?"));
    let settings = PromptSettings { images_max: 2, ..PromptSettings::default() };
    let request = prompt(&record, &history, &settings);
    let none: Vec<&str> = Vec::new();
    let expected = vec![none.clone(), none.clone(), vec!["a/3_800.webp"], vec!["a/4_800.webp"], none.clone()];
    assert_eq!(keys(&request), expected);
    let words = request.messages.iter().filter(|message| message.content.starts_with("[image: said"));
    assert_eq!(words.count(), 4);
    // Further words change nothing before them.
    history.push(message(6, Sender::Character(record.id), "The third."));
    history.push(message(7, Sender::User(user), "Why?"));
    let next = prompt(&record, &history, &settings);
    assert_eq!(next.messages[..5], request.messages[..5]);
    for settings in [
        PromptSettings { images_max: 0, ..PromptSettings::default() },
        PromptSettings { images_max_bytes: 999, ..PromptSettings::default() },
    ] {
        assert!(keys(&prompt(&record, &history, &settings)).iter().all(Vec::is_empty));
    }
}

#[test]
fn what_cannot_be_seen_is_told_alone() {
    let (record, user) = (with_context(60_000), UserId::new());
    let film = Attachment { kind: AttachmentKind::Video, ..uploaded(3, FileState::Ready) };
    let elsewhere = Attachment::new(Place::Url("https://example.com/x".into()), AttachmentKind::Image);
    let bare = Attachment::new(Place::Object("a/b.png".into()), AttachmentKind::Image);
    let history = [
        shown(1, user, uploaded(1, FileState::Processing)),
        shown(2, user, Attachment { place: Place::Gone, ..uploaded(2, FileState::Deleted) }),
        shown(3, user, film),
        shown(4, user, elsewhere),
        shown(5, user, bare),
    ];
    let request = prompt(&record, &history, &PromptSettings::default());
    let lines: Vec<(&str, usize)> = request
        .messages
        .iter()
        .filter(|message| message.role == PromptRole::User)
        .map(|line| (line.content.as_str(), line.images.len()))
        .collect();
    let expected = [
        ("[image: said1]", 0),
        ("[deleted image: said2]", 0),
        ("[video: said3]", 0),
        ("[image: said4]", 0),
        ("[image: said5]", 1),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn pictures_count_in_the_budget_and_never_take_more_than_half_of_it() {
    let user = UserId::new();
    for context_tokens in [1_500, 3_000, 8_000] {
        let record = with_context(context_tokens);
        let history: Vec<Message> =
            (1..=30).map(|offset| shown(offset, user, uploaded(offset, FileState::Ready))).collect();
        let settings = PromptSettings { images_max: 16, ..PromptSettings::default() };
        let request = prompt(&record, &history, &settings);
        let images: usize = request.messages.iter().map(PromptMessage::image_tokens).sum();
        let most = context_tokens as usize - record.model.max_tokens as usize;
        assert!(images <= most / 2, "{images} of {most}");
        assert!(tokens(&request) + images <= most, "{} and {images} of {most}", tokens(&request));
        assert_eq!(request.messages.last().unwrap().content, "[image: said30]");
    }
}
