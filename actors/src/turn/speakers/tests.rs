use std::sync::Arc;

use super::*;
use crate::domain::{Attachment, AttachmentKind, Content, Place, RoomDetails, RoomId, UserId};
use crate::moderation::{ModerationSettings, Rules};
use crate::ports::NoModerator;
use crate::testsuite::{member, room_character};

fn room_of(mode: ReplyMode, names: &[&str]) -> RoomRecord {
    let owner = member("Mira");
    RoomRecord {
        id: RoomId::new(),
        owner: owner.id,
        details: RoomDetails { reply_mode: mode, ..RoomDetails::default() },
        members: vec![owner],
        characters: names.iter().map(|name| room_character(name)).collect(),
        last_speaker: None,
        head: 0,
    }
}

fn room() -> RoomRecord {
    room_of(ReplyMode::Mention, &["Ada", "Old Tom"])
}

fn send(room: &RoomRecord, text: &str, reply: ReplyWish) -> Send {
    Send {
        room: room.id,
        user: room.owner,
        session: None,
        content: Content::parse(text, 5_000).unwrap(),
        kind: MessageKind::Text,
        attachment: None,
        client_id: None,
        reply_to: None,
        reply,
        reply_kind: None,
    }
}

fn moderation(rules: Rules) -> Moderation {
    let settings = ModerationSettings { rules: Arc::new(rules), ..ModerationSettings::default() };
    Moderation::new(settings, Arc::new(NoModerator))
}

fn admitted(room: &RoomRecord, send: &Send) -> Result<Vec<CharacterId>, RefusalCode> {
    admit(room, &moderation(Rules::default()), send, MessageId::new()).map_err(|refusal| refusal.code)
}

/// Names of who answers `text`.
fn who(room: &RoomRecord, text: &str) -> Vec<String> {
    names(room, &admitted(room, &send(room, text, ReplyWish::Auto)).unwrap())
}

fn names(room: &RoomRecord, who: &[CharacterId]) -> Vec<String> {
    who.iter().map(|id| room.character(*id).unwrap().name.to_string()).collect()
}

#[test]
fn who_is_named_answers_else_the_first() {
    let room = room();
    assert_eq!(who(&room, "Good evening"), ["Ada"]);
    assert_eq!(who(&room, "And you, old tom?"), ["Old Tom"]);
    assert_eq!(who(&room, "canada is far"), ["Ada"]);
}

#[test]
fn all_who_are_named_answer_in_the_order_in_which_they_are_named() {
    let room = room_of(ReplyMode::Mention, &["Ada", "Tom", "Old Tom", "Émile"]);
    assert_eq!(who(&room, "Tom, ask Ada. Tom?"), ["Tom", "Ada"]);
    assert_eq!(
        who(&room, "Old Tom knows, émile"),
        ["Old Tom", "Émile"],
        "a name within a longer one is not it"
    );
    assert_eq!(who(&room, "Old Tom, and the other Tom"), ["Old Tom", "Tom"]);
    assert_eq!(who(&room, "@tom and @ada"), ["Tom", "Ada"]);
    let room = room_of(ReplyMode::Mention, &["Tom", "tom-two"]);
    assert_eq!(who(&room, "@tom-two?"), ["tom-two"], "a handle within a longer one is not it");
}

#[test]
fn in_turn_order_each_speaks_after_the_other_unless_one_is_named() {
    let mut room = room_of(ReplyMode::TurnOrder, &["Ada", "Tom", "Eve"]);
    assert_eq!(who(&room, "Go on"), ["Ada"]);
    room.last_speaker = Some(room.characters[1].id);
    assert_eq!(who(&room, "Go on"), ["Eve"]);
    room.last_speaker = Some(room.characters[2].id);
    assert_eq!(who(&room, "Go on"), ["Ada"]);
    assert_eq!(who(&room, "No, Eve"), ["Eve"]);
    room.last_speaker = Some(CharacterId::new());
    assert_eq!(who(&room, "Go on"), ["Ada"], "who left does not hold the order up");
}

#[test]
fn the_talkative_speak_up_by_chance_and_at_least_the_most_talkative_does() {
    let mut room = room_of(ReplyMode::Talkativeness, &["Ada", "Tom", "Eve"]);
    for (character, talkativeness) in room.characters.iter_mut().zip([0.0, 1.0, 0.5]) {
        character.talkativeness = talkativeness;
    }
    let ids: Vec<CharacterId> = room.characters.iter().map(|one| one.id).collect();
    let mut eve = 0;
    for _ in 0..1_000 {
        let id = MessageId::new();
        let who = by_mode(&room, "Well?", id);
        assert!(who.contains(&ids[1]) && !who.contains(&ids[0]));
        assert_eq!(who, by_mode(&room, "Well?", id), "the same message asks the same");
        eve += usize::from(who.contains(&ids[2]));
    }
    assert!((350..650).contains(&eve), "half of the time: {eve}");
    assert_eq!(who(&room, "Ada?")[0], "Ada", "who is named is the first");
    room.characters[1].talkativeness = 0.0;
    room.characters[2].talkativeness = 0.0;
    assert_eq!(who(&room, "Well?"), ["Ada"], "somebody answers");
}

#[test]
fn by_hand_nobody_answers_but_who_is_asked() {
    let mut room = room_of(ReplyMode::ByHand, &["Ada", "Tom"]);
    assert!(who(&room, "Tom?").is_empty());
    let tom = room.characters[1].id;
    assert_eq!(admitted(&room, &send(&room, "hello", ReplyWish::From(tom))), Ok(vec![tom]));
    assert_eq!(by_hand(&room, MessageId::new()), Some(room.characters[0].id));
    room.last_speaker = Some(room.characters[0].id);
    assert_eq!(by_hand(&room, MessageId::new()), Some(tom));
    let alone = room_of(ReplyMode::ByHand, &["Ada"]);
    assert!(who(&alone, "Ada?").is_empty());
}

#[test]
fn a_reply_by_hand_in_a_talkative_room_is_not_by_who_spoke_last() {
    let mut room = room_of(ReplyMode::Talkativeness, &["Ada", "Tom"]);
    for character in &room.characters.clone() {
        room.last_speaker = Some(character.id);
        for _ in 0..50 {
            assert_ne!(by_hand(&room, MessageId::new()), Some(character.id));
        }
    }
}

#[test]
fn what_was_changed_is_answered_by_whom_it_names_else_by_who_had_answered() {
    let room = room_of(ReplyMode::Mention, &["Ada", "Tom", "Eve"]);
    let [ada, tom, eve] = [0, 1, 2].map(|at: usize| room.characters[at].id);
    let id = MessageId::new();
    assert_eq!(anew(&room, "Well?", id, &[tom, eve, tom]), [tom, eve]);
    assert_eq!(anew(&room, "Well, Ada?", id, &[tom]), [ada]);
    assert_eq!(anew(&room, "Well?", id, &[CharacterId::new()]), [ada], "who left is not asked");
    assert_eq!(anew(&room, "Well?", id, &[]), [ada]);
    let by_hand = room_of(ReplyMode::ByHand, &["Ada", "Tom"]);
    assert_eq!(anew(&by_hand, "Ada?", id, &[by_hand.characters[1].id]), [by_hand.characters[1].id]);
    assert!(anew(&by_hand, "Ada?", id, &[]).is_empty());
}

#[test]
fn characters_answer_one_another_when_named_and_never_themselves() {
    for mode in [ReplyMode::Mention, ReplyMode::TurnOrder, ReplyMode::Talkativeness] {
        let mut room = room_of(mode, &["Ada", "Tom", "Eve"]);
        room.characters.iter_mut().for_each(|one| one.talkativeness = 0.0);
        let ada = room.characters[0].id;
        let answer = |text| names(&room, &to_character(&room, ada, text, MessageId::new()));
        assert_eq!(answer("I, Ada, ask Eve and Tom"), ["Eve", "Tom"]);
        assert!(answer("I, Ada, am done").is_empty());
    }
    let room = room_of(ReplyMode::ByHand, &["Ada", "Tom"]);
    assert!(to_character(&room, room.characters[0].id, "Tom?", MessageId::new()).is_empty());
}

#[test]
fn in_a_talkative_room_characters_answer_one_another_half_as_readily() {
    let mut room = room_of(ReplyMode::Talkativeness, &["Ada", "Tom"]);
    room.characters[1].talkativeness = 1.0;
    let ada = room.characters[0].id;
    let answered =
        (0..1_000).filter(|_| !to_character(&room, ada, "So.", MessageId::new()).is_empty()).count();
    assert!((350..650).contains(&answered), "half of the time: {answered}");
}

#[test]
fn a_stranger_is_told_that_there_is_no_such_room() {
    let room = room();
    let mut send = send(&room, "hello", ReplyWish::Auto);
    send.user = UserId::new();
    assert_eq!(admitted(&room, &send), Err(RefusalCode::NotFound));
}

#[test]
fn a_character_from_elsewhere_cannot_be_asked() {
    let room = room();
    let send = send(&room, "hello", ReplyWish::From(CharacterId::new()));
    assert_eq!(admitted(&room, &send), Err(RefusalCode::NotFound));
}

#[test]
fn only_audio_and_media_come_with_a_file_and_they_do() {
    let room = room();
    let mut send = send(&room, "look", ReplyWish::None);
    send.kind = MessageKind::Media;
    assert_eq!(admitted(&room, &send), Err(RefusalCode::BadRequest));
    let place = Place::Url("https://example.com/cat.webp".into());
    send.attachment = Some(Arc::new(Attachment::new(place, AttachmentKind::Image)));
    assert!(admitted(&room, &send).is_ok());
    send.kind = MessageKind::Text;
    assert_eq!(admitted(&room, &send), Err(RefusalCode::BadRequest));
}

#[test]
fn what_the_rules_name_is_refused_in_any_case() {
    let room = room();
    let moderation = moderation(Rules::new([("house", "forbidden")]).unwrap());
    let send = send(&room, "this is FORBIDDEN here", ReplyWish::Auto);
    assert_eq!(
        admit(&room, &moderation, &send, MessageId::new()).unwrap_err().code,
        RefusalCode::ContentRefused
    );
}
