//! Replies: streamed in order, stopped, continued after crashes, stored and charged once, given back when they fail.

use greenroom_actors::domain::{
    CharacterId, Finish, MessageId, ReplyState, Revision, RoomId, Sender, UserId,
};
use greenroom_actors::ports::GenerateErrorKind;
use greenroom_actors::protocol::{RefusalCode, ReplyWish, Responder, RoomEvent, Sent};
use greenroom_actors::settings::Recovery;
use greenroom_actors::testsuite::{CommitFault, Script, TestEngine, character};

async fn one_room(test: &TestEngine, plan: &str) -> (RoomId, UserId, CharacterId) {
    let user = test.store.add_user(plan);
    let character = test.store.add_character(character("Ada"));
    (test.store.add_room(&[user], &[character]), user, character)
}

fn reply(sent: &Sent) -> MessageId {
    sent.replies[0].message
}

async fn stop(test: &TestEngine, room: RoomId, user: UserId, reply: Option<MessageId>) -> u32 {
    let (responder, answer) = Responder::channel();
    test.engine.stop_reply(room, user, reply, responder);
    answer.await.unwrap().unwrap()
}

async fn first_delta(test: &TestEngine, room: RoomId, reply: MessageId) {
    test.fanout
        .wait(room, |event| {
            matches!(event, RoomEvent::Delta { message, .. } if *message == reply).then_some(())
        })
        .await;
}

fn contiguous(offsets: &[Revision]) -> bool {
    offsets.iter().enumerate().all(|(index, offset)| *offset == index as Revision + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_streams_and_becomes_a_message_with_the_id_its_deltas_had() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, ada) = one_room(&test, "premium").await;
    test.generator.script(Script::Say(vec!["Good ", "evening, ", "Mira 😀."]));
    let sent = test.say(room, user, "Good evening", ReplyWish::Auto).await.unwrap();
    let text = test.fanout.end_of(room, reply(&sent)).await.unwrap();
    assert_eq!(text, "Good evening, Mira 😀.");
    assert_eq!(test.fanout.streamed(room, reply(&sent)), text);
    let stored = &test.store.messages(room)[1];
    assert_eq!((stored.id, stored.sender, stored.offset), (reply(&sent), Sender::Character(ada), 2));
    assert_eq!(stored.reply_to, Some(sent.message.id));
    assert!(contiguous(&test.fanout.offsets(room)));
    assert_eq!(test.store.open_turns(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prompt_ends_with_the_asking_message() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "premium").await;
    test.say(room, user, "I like plums", ReplyWish::None).await.unwrap();
    let sent = test.say(room, user, "What do I like?", ReplyWish::Auto).await.unwrap();
    test.fanout.end_of(room, reply(&sent)).await.unwrap();
    let request = &test.generator.requests()[0];
    let texts: Vec<&str> = request.messages.iter().map(|message| message.content.as_str()).collect();
    assert!(texts[0].contains("Ada"), "the character comes first: {texts:?}");
    assert!(texts.iter().any(|text| text.contains("I like plums")));
    assert!(texts.last().unwrap().contains("What do I like?"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_reply_keeps_its_part_and_ends_the_stream_upstream() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "free").await;
    test.generator.script(Script::Held(vec!["Once upon", " a time"]));
    let sent = test.say(room, user, "Tell me a story", ReplyWish::Auto).await.unwrap();
    test.generator.let_go(1);
    first_delta(&test, room, reply(&sent)).await;
    assert_eq!(stop(&test, room, user, Some(reply(&sent))).await, 1);
    assert_eq!(test.fanout.end_of(room, reply(&sent)).await, Ok("Once upon".to_owned()));
    assert_eq!(test.store.messages(room)[1].finish, Finish::Stopped);
    while test.generator.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(test.store.used(user), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_stopped_before_its_first_word_is_given_back() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "free").await;
    test.generator.script(Script::Hang);
    let sent = test.say(room, user, "hello", ReplyWish::Auto).await.unwrap();
    assert_eq!(test.store.used(user), 1);
    assert_eq!(stop(&test, room, user, None).await, 1);
    assert_eq!(test.fanout.end_of(room, reply(&sent)).await, Err(ReplyState::Stopped));
    assert_eq!(test.store.used(user), 0);
    assert!(contiguous(&test.fanout.offsets(room)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_tried_again_before_the_first_word() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "premium").await;
    test.generator.script(Script::Fail(GenerateErrorKind::Unavailable));
    test.generator.script(Script::Fail(GenerateErrorKind::RateLimited));
    test.generator.script(Script::Say(vec!["At last."]));
    let sent = test.say(room, user, "hello", ReplyWish::Auto).await.unwrap();
    assert_eq!(test.fanout.end_of(room, reply(&sent)).await, Ok("At last.".to_owned()));
    assert_eq!(test.generator.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_fails_for_good_is_given_back() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "free").await;
    for _ in 0..3 {
        test.generator.script(Script::Fail(GenerateErrorKind::Unavailable));
    }
    let sent = test.say(room, user, "hello", ReplyWish::Auto).await.unwrap();
    assert_eq!(test.fanout.end_of(room, reply(&sent)).await, Err(ReplyState::Failed));
    assert_eq!((test.store.used(user), test.generator.requests().len()), (0, 3));
    for _ in 0..3 {
        test.say(room, user, "the quota is whole", ReplyWish::None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_keeps_what_was_said() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "premium").await;
    test.generator.script(Script::Break(vec!["Half of"]));
    test.generator.script(Script::Fail(GenerateErrorKind::Unavailable));
    test.generator.script(Script::Break(Vec::new()));
    let sent = test.say(room, user, "hello", ReplyWish::Auto).await.unwrap();
    assert_eq!(test.fanout.end_of(room, reply(&sent)).await, Ok("Half of".to_owned()));
    assert_eq!(test.store.messages(room)[1].finish, Finish::Interrupted);
    assert_eq!(test.generator.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generator_that_panics_fails_its_reply_alone() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "premium").await;
    test.generator.script(Script::Panic);
    let sent = test.say(room, user, "hello", ReplyWish::Auto).await.unwrap();
    assert_eq!(test.fanout.end_of(room, reply(&sent)).await, Err(ReplyState::Failed));
    let sent = test.say(room, user, "again", ReplyWish::Auto).await.unwrap();
    assert!(test.fanout.end_of(room, reply(&sent)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_of_one_character_wait_their_turn_and_the_ninth_is_refused() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "premium").await;
    test.generator.script(Script::Held(vec!["first"]));
    let mut sent = Vec::new();
    for n in 0..9 {
        sent.push(test.say(room, user, &format!("question {n}"), ReplyWish::Auto).await.unwrap());
    }
    let refusal = test.say(room, user, "one too many", ReplyWish::Auto).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::RoomBusy);
    assert_eq!(test.engine.open_replies(room).await.len(), 9);
    test.generator.let_go(2);
    for sent in &sent {
        test.fanout.end_of(room, reply(sent)).await.unwrap();
    }
    let order: Vec<MessageId> = test.store.messages(room)[9..].iter().map(|message| message.id).collect();
    assert_eq!(order, sent.iter().map(reply).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_all_takes_back_what_waits() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "free").await;
    test.generator.script(Script::Hang);
    let first = test.say(room, user, "one", ReplyWish::Auto).await.unwrap();
    let second = test.say(room, user, "two", ReplyWish::Auto).await.unwrap();
    // The first has taken its script; else the third would.
    while test.generator.open() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stop(&test, room, user, None).await, 2);
    for sent in [&first, &second] {
        assert_eq!(test.fanout.end_of(room, reply(sent)).await, Err(ReplyState::Stopped));
    }
    assert_eq!((test.store.used(user), test.store.open_turns()), (0, 0));
    let third = test.say(room, user, "three", ReplyWish::Auto).await.unwrap();
    assert!(test.fanout.end_of(room, reply(&third)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_joiner_gets_the_text_so_far() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, ada) = one_room(&test, "premium").await;
    test.generator.script(Script::Held(vec!["So far", ", and the rest"]));
    let sent = test.say(room, user, "hello", ReplyWish::Auto).await.unwrap();
    test.generator.let_go(1);
    first_delta(&test, room, reply(&sent)).await;
    let open = test.engine.open_replies(room).await;
    assert_eq!((open[0].text.as_str(), open[0].character, open[0].attempt), ("So far", ada, 1));
    test.generator.let_go(2);
    assert_eq!(test.fanout.end_of(room, reply(&sent)).await, Ok("So far, and the rest".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_room_takes_its_reply_up_again_and_the_text_is_not_doubled() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "free").await;
    test.generator.script(Script::Held(vec!["Lost with", " the room"]));
    let sent = test.say(room, user, "hello", ReplyWish::Auto).await.unwrap();
    test.generator.let_go(1);
    first_delta(&test, room, reply(&sent)).await;
    test.engine.crash_room(room);
    let text = test.fanout.end_of(room, reply(&sent)).await.unwrap();
    assert_eq!(text, test.fanout.streamed(room, reply(&sent)));
    assert!(!text.contains("Lost"));
    assert_eq!((test.store.messages(room).len(), test.store.used(user), test.store.open_turns()), (2, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_died_in_mid_reply_is_followed_by_one_reply_charged_once() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "free").await;
    test.generator.script(Script::Hang);
    let sent = test.say(room, user, "hello", ReplyWish::Auto).await.unwrap();
    let store = test.store.clone();
    let next = TestEngine::start_on(store.clone(), |_| {}).await;
    assert_eq!(next.engine.recover().await, Ok(1));
    assert!(next.fanout.end_of(room, reply(&sent)).await.is_ok());
    // The first node was not dead but slow: what it ends now is refused by its fence.
    stop(&test, room, user, None).await;
    test.fanout
        .wait(room, |event| matches!(event, RoomEvent::Typing { active, .. } if *active == greenroom_actors::protocol::Typing::Stopped).then_some(()))
        .await;
    assert_eq!((store.messages(room).len(), store.used(user), store.open_turns()), (2, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_policy_a_reply_of_a_dead_node_is_reported_and_given_back() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "free").await;
    test.generator.script(Script::Hang);
    let sent = test.say(room, user, "hello", ReplyWish::Auto).await.unwrap();
    let next =
        TestEngine::start_on(test.store.clone(), |settings| settings.turn.recovery = Recovery::Report).await;
    next.engine.recover().await.unwrap();
    assert_eq!(next.fanout.end_of(room, reply(&sent)).await, Err(ReplyState::Interrupted));
    assert_eq!((next.store.used(user), next.store.reply_state(reply(&sent))), (0, ReplyState::Interrupted));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_reply_is_stored_once_whatever_happens_at_its_commit() {
    let test = TestEngine::start(|settings| settings.journal.lanes = 1).await;
    let (room, user, _) = one_room(&test, "free").await;
    test.generator.script(Script::Held(vec!["Only once"]));
    let sent = test.say(room, user, "hello", ReplyWish::Auto).await.unwrap();
    use CommitFault::{Conflict, LostAfter, LostBefore};
    test.store.fail_commits([LostAfter, LostBefore, LostAfter, Conflict]);
    test.generator.let_go(2);
    assert!(test.fanout.end_of(room, reply(&sent)).await.is_ok());
    assert_eq!((test.store.messages(room).len(), test.store.head(room)), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_replies_finish_and_refuses_new_messages() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user, _) = one_room(&test, "premium").await;
    test.generator.script(Script::Held(vec!["To the ", "end."]));
    let sent = test.say(room, user, "hello", ReplyWish::Auto).await.unwrap();
    let engine = test.engine.clone();
    let drained = tokio::spawn(async move { engine.drain(std::time::Duration::from_secs(20)).await });
    while !test.engine.is_draining() {
        tokio::task::yield_now().await;
    }
    let refusal = test.say(room, user, "too late", ReplyWish::Auto).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Draining);
    test.generator.let_go(3);
    assert_eq!(test.fanout.end_of(room, reply(&sent)).await, Ok("To the end.".to_owned()));
    assert_eq!(drained.await.unwrap(), 0);
    assert_eq!(test.store.messages(room).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_in_a_room_of_several_answers() {
    let test = TestEngine::start(|_| {}).await;
    let user = test.store.add_user("premium");
    let ada = test.store.add_character(character("Ada"));
    let tom = test.store.add_character(character("Tom"));
    let room = test.store.add_room(&[user], &[ada, tom]);
    let sent = test.say(room, user, "What do you say, Tom?", ReplyWish::Auto).await.unwrap();
    assert_eq!(sent.replies[0].character, tom);
    let sent = test.say(room, user, "Anyone?", ReplyWish::Auto).await.unwrap();
    assert_eq!(sent.replies[0].character, ada);
    let sent = test.say(room, user, "And you?", ReplyWish::From(tom)).await.unwrap();
    assert_eq!(sent.replies[0].character, tom);
}
