//! Changed characters: the next reply is from what they now are, the one under way from what they were.

use greenroom_actors::domain::{CharacterRecord, MessageKind};
use greenroom_actors::protocol::{ReplyWish, RoomEvent};
use greenroom_actors::testsuite::{Script, TestEngine, character};

fn changed(before: &CharacterRecord) -> CharacterRecord {
    CharacterRecord {
        name: "Bertha".into(),
        knowledge: vec!["I moved to the harbour.".into()],
        version: before.version + 1,
        ..before.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_under_way_keeps_the_old_character_and_the_next_one_has_the_new() {
    let test = TestEngine::start(|_| {}).await;
    let user = test.store.add_user("premium");
    let ada = character("Ada");
    let id = test.store.add_character(ada.clone());
    let room = test.store.add_room(&[user], &[id]);
    test.generator.script(Script::Held(vec!["Once ", "upon a time"]));
    let first = test.say(room, user, "Tell me", ReplyWish::Auto).await.unwrap().replies[0].message;
    test.generator.let_go(1);
    test.fanout
        .wait(room, |event| {
            matches!(event, RoomEvent::Delta { message, .. } if *message == first).then_some(())
        })
        .await;
    test.store.add_character(changed(&ada));
    test.engine.character_changed(id);
    test.engine.character_named(id, "Bertha", MessageKind::Text);
    test.generator.let_go(2);
    assert_eq!(test.fanout.end_of(room, first).await.unwrap(), "Once upon a time");
    let second = test.say(room, user, "Again", ReplyWish::Auto).await.unwrap().replies[0].message;
    test.fanout.end_of(room, second).await.unwrap();
    let requests = test.generator.requests();
    assert_eq!(requests.len(), 2, "the reply under way was not asked for anew");
    assert_eq!((requests[0].character.version, requests[1].character.version), (1, 2));
    assert!(!requests[0].messages[0].content.contains("harbour"));
    assert!(requests[1].messages[0].content.contains("harbour"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_room_knows_a_renamed_character_by_its_new_name() {
    let test = TestEngine::start(|_| {}).await;
    let user = test.store.add_user("premium");
    let (ada, bo) = (character("Ada"), character("Bo"));
    let (first, second) = (test.store.add_character(ada), test.store.add_character(bo.clone()));
    let room = test.store.add_room(&[user], &[first, second]);
    test.say(room, user, "Good evening", ReplyWish::None).await.unwrap();
    test.store.add_character(CharacterRecord { name: "Bertha".into(), ..bo });
    test.engine.character_changed(second);
    test.engine.character_named(second, "Bertha", MessageKind::Text);
    let sent = test.say(room, user, "And you, Bertha?", ReplyWish::Auto).await.unwrap();
    assert_eq!(sent.replies[0].character, second);
    test.fanout.end_of(room, sent.replies[0].message).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_a_character_that_is_gone() {
    let test = TestEngine::start(|_| {}).await;
    let user = test.store.add_user("premium");
    let ada = test.store.add_character(character("Ada"));
    let room = test.store.add_room(&[user], &[ada]);
    let sent = test.say(room, user, "Good evening", ReplyWish::Auto).await.unwrap();
    test.fanout.end_of(room, sent.replies[0].message).await.unwrap();
    test.engine.character_gone(ada);
    let refused = test.say(room, user, "Are you there?", ReplyWish::Auto).await.unwrap_err();
    assert_eq!(refused.message, "this conversation has no character");
    assert_eq!(test.store.messages(room).len(), 2, "what was said stands");
    // Where another one is, that one answers.
    let (bo, cy) = (test.store.add_character(character("Bo")), test.store.add_character(character("Cy")));
    let room = test.store.add_room(&[user], &[bo, cy]);
    test.say(room, user, "Good evening", ReplyWish::None).await.unwrap();
    test.engine.character_gone(bo);
    let sent = test.say(room, user, "Bo, are you there?", ReplyWish::Auto).await.unwrap();
    assert_eq!(sent.replies[0].character, cy);
    test.fanout.end_of(room, sent.replies[0].message).await.unwrap();
}
