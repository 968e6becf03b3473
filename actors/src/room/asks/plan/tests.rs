use std::borrow::Borrow;

use super::*;
use crate::domain::{Changes, ClientId, Finish, MessageKind, ReplyMode, RoomDetails, RoomId, UserId};
use crate::testsuite::{content, member, plans, room_character};

fn room() -> RoomRecord {
    let owner = member("Mira");
    RoomRecord {
        id: RoomId::new(),
        owner: owner.id,
        details: RoomDetails::default(),
        members: vec![owner],
        characters: vec![room_character("Ada"), room_character("Tom")],
        last_speaker: None,
        head: 9,
    }
}

fn message(offset: Revision, sender: Sender, text: &str) -> Message {
    let id = MessageId::new();
    Message {
        id,
        room: RoomId::new(),
        offset,
        revision: offset,
        sender,
        client_id: ClientId::of_message(id),
        kind: MessageKind::Text,
        content: content(text),
        attachment: None,
        reply_to: None,
        finish: Finish::Complete,
        replies: Vec::new(),
        changes: Changes::default(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn deleted(mut message: Message) -> Message {
    message.changes.deleted_at = Some(jiff::Timestamp::UNIX_EPOCH);
    message
}

fn planned(
    room: &RoomRecord,
    user: UserId,
    wanted: Wanted,
    found: impl Borrow<Option<Found>>,
) -> Result<Plan, RefusalCode> {
    let ask = Ask { room: room.id, user, session: None, wanted, reply_kind: None };
    let found = found.borrow().as_ref();
    plan(room, &Settings::new(plans()), &ask, found).map_err(|refusal| refusal.code)
}

fn found(target: Message, asking: Option<Message>, replies: Vec<Message>) -> Option<Found> {
    Some(Found { target, replies, asking })
}

#[test]
fn a_reply_is_made_anew_to_what_it_answered() {
    let room = room();
    let (user, ada) = (room.owner, room.characters[0].id);
    let (asking, reply) =
        (message(3, Sender::User(user), "Well?"), message(5, Sender::Character(ada), "Well."));
    let wanted = || Wanted::Regenerate(reply.id);
    let plan = planned(&room, user, wanted(), found(reply.clone(), Some(asking.clone()), vec![])).unwrap();
    let expected = Planned {
        character: ada,
        asked: asking.id,
        asked_offset: 3,
        into: Into::Variant(reply.id),
        kind: Some(MessageKind::Text),
    };
    assert_eq!((plan.replies, plan.subject), (vec![expected], Some(reply.id)));

    let code = |target: &Message, asking: Option<&Message>| {
        planned(&room, user, wanted(), found(target.clone(), asking.cloned(), vec![])).unwrap_err()
    };
    assert_eq!(planned(&room, user, wanted(), None).unwrap_err(), RefusalCode::NotFound);
    assert_eq!(code(&deleted(reply.clone()), Some(&asking)), RefusalCode::Conflict);
    assert_eq!(code(&reply, None), RefusalCode::Conflict, "a greeting answers nothing");
    assert_eq!(code(&reply, Some(&deleted(asking.clone()))), RefusalCode::Conflict);
    assert_eq!(code(&asking, Some(&asking)), RefusalCode::Conflict, "what a person said has no variants");
    let gone = message(5, Sender::Character(CharacterId::new()), "Bye");
    assert_eq!(code(&gone, Some(&asking)), RefusalCode::Conflict, "its character has left");
    let mut full = reply.clone();
    full.changes.variants = 10;
    assert_eq!(code(&full, Some(&asking)), RefusalCode::Conflict);
}

#[test]
fn a_reply_goes_on_behind_itself() {
    let room = room();
    let (user, ada) = (room.owner, room.characters[0].id);
    let (asking, reply) =
        (message(3, Sender::User(user), "Well?"), message(5, Sender::Character(ada), "Well"));
    let plan = |asking: Option<&Message>| {
        let found = found(reply.clone(), asking.cloned(), vec![]);
        planned(&room, user, Wanted::Continue(reply.id), found).unwrap().replies.remove(0)
    };
    let into = Into::Continuation(reply.id);
    let expected =
        |asked| Planned { character: ada, asked, asked_offset: 5, into, kind: Some(MessageKind::Text) };
    assert_eq!(plan(Some(&asking)), expected(asking.id));
    assert_eq!(plan(None), expected(reply.id), "a greeting is its own beginning");
    let mut longest = reply.clone();
    longest.content = Content::trusted("x".repeat(20_000));
    let refused = planned(&room, user, Wanted::Continue(reply.id), found(longest, Some(asking), vec![]));
    assert_eq!(refused.unwrap_err(), RefusalCode::Conflict);
}

#[test]
fn a_reply_by_hand_is_to_what_was_said_last() {
    let mut room = room();
    let (user, ada, tom) = (room.owner, room.characters[0].id, room.characters[1].id);
    let last = message(8, Sender::Character(ada), "So.");
    room.last_speaker = Some(ada);
    let plan = |who| planned(&room, user, Wanted::Reply(who), found(last.clone(), None, vec![]));
    let expected =
        |character| Planned { character, asked: last.id, asked_offset: 8, into: Into::New, kind: None };
    assert_eq!(plan(None).unwrap().replies, [expected(tom)]);
    assert_eq!(plan(Some(ada)).unwrap().replies, [expected(ada)]);
    assert_eq!(plan(Some(CharacterId::new())).unwrap_err(), RefusalCode::NotFound);
    let nothing = planned(&room, user, Wanted::Reply(None), None);
    assert_eq!(nothing.unwrap_err(), RefusalCode::Conflict);
}

#[test]
fn what_is_sent_again_is_answered_anew_where_it_was_answered() {
    let mut room = room();
    let (user, ada, tom) = (room.owner, room.characters[0].id, room.characters[1].id);
    let asking = message(3, Sender::User(user), "Wel?");
    let reply = message(5, Sender::Character(tom), "What?");
    let wanted = |text| Wanted::Resend { message: asking.id, content: content(text) };
    let plan = |room: &RoomRecord, text, replies| {
        planned(room, user, wanted(text), found(asking.clone(), None, replies)).unwrap()
    };
    let expected = |character, into| {
        let kind = (into != Into::New).then_some(MessageKind::Text);
        Planned { character, asked: asking.id, asked_offset: 3, into, kind }
    };
    let again = plan(&room, "Well?", vec![reply.clone()]);
    assert_eq!(again.replies, [expected(tom, Into::Variant(reply.id))]);
    assert_eq!(again.edit, Some((asking.id, content("Well?"))));
    assert_eq!(plan(&room, "Well, Ada?", vec![reply.clone()]).replies, [expected(ada, Into::New)]);
    assert_eq!(plan(&room, "Well?", vec![deleted(reply.clone())]).replies, [expected(ada, Into::New)]);
    let others = planned(&room, UserId::new(), wanted("Mine"), found(asking.clone(), None, vec![]));
    assert_eq!(others.unwrap_err(), RefusalCode::Forbidden);
    room.details.reply_mode = ReplyMode::ByHand;
    assert!(plan(&room, "Well?", vec![]).replies.is_empty());
}
