//! What is sent: stored once, answered once, counted exactly, in order.

use std::time::Duration;

use futures_util::future::join_all;
use greenroom_actors::domain::{Revision, RoomId, UserId};
use greenroom_actors::protocol::{RefusalCode, ReplyWish, Responder};
use greenroom_actors::testsuite::{CommitFault, TestEngine, character};

async fn one_room(test: &TestEngine, plan: &str) -> (RoomId, UserId) {
    let user = test.store.add_user(plan);
    let character = test.store.add_character(character("Ada"));
    (test.store.add_room(&[user], &[character]), user)
}

fn contiguous(offsets: &[Revision]) -> bool {
    offsets.iter().enumerate().all(|(index, offset)| *offset == index as Revision + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_stored_acked_and_seen() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user) = one_room(&test, "premium").await;
    let sent = test.say(room, user, "Good evening", ReplyWish::None).await.unwrap();
    assert_eq!((sent.message.offset, sent.duplicate, sent.replies.len()), (1, false, 0));
    assert_eq!(test.store.messages(room)[0].content.as_str(), "Good evening");
    // The ack may come first.
    test.fanout.wait(room, |event| (event.offset() == Some(1)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sends_at_once_take_the_quota_and_no_more() {
    let test = TestEngine::start(|settings| settings.room.pending_max = 2_000).await;
    let (room, user) = one_room(&test, "free").await;
    let sends = (0..1_000).map(|n| {
        let test = &test;
        async move { test.say(room, user, &format!("message {n}"), ReplyWish::None).await }
    });
    let answers = join_all(sends).await;
    let stored = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!((stored, test.store.messages(room).len(), test.store.used(user)), (3, 3, 3));
    for refusal in answers.into_iter().filter_map(Result::err) {
        assert_eq!(refusal.code, RefusalCode::QuotaExceeded);
    }
    assert!(contiguous(&test.fanout.offsets(room)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_holds_over_many_rooms_at_once() {
    let test = TestEngine::start(|_| {}).await;
    let user = test.store.add_user("basic");
    let ada = test.store.add_character(character("Ada"));
    let rooms: Vec<RoomId> = (0..20).map(|_| test.store.add_room(&[user], &[ada])).collect();
    let answers = join_all(rooms.iter().map(|room| test.say(*room, user, "hello", ReplyWish::None))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5);
    assert_eq!(test.store.used(user), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_day_brings_a_new_quota() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user) = one_room(&test, "basic").await;
    for _ in 0..5 {
        test.say(room, user, "today", ReplyWish::None).await.unwrap();
    }
    assert!(test.say(room, user, "once more", ReplyWish::None).await.is_err());
    test.clock.advance(Duration::from_secs(24 * 3600));
    assert!(test.say(room, user, "tomorrow", ReplyWish::None).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_paced_over_all_rooms_together_but_not_on_a_premium_plan() {
    let test = TestEngine::start(|settings| settings.room.messages_per_minute = 2).await;
    let (user, ada) = (test.store.add_user("basic"), test.store.add_character(character("Ada")));
    let rooms = [test.store.add_room(&[user], &[ada]), test.store.add_room(&[user], &[ada])];
    for room in rooms {
        test.say(room, user, "hello", ReplyWish::None).await.unwrap();
    }
    let refusal = test.say(rooms[0], user, "too fast", ReplyWish::None).await.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.retry_after),
        (RefusalCode::RateLimited, Some(Duration::from_secs(30)))
    );
    test.clock.advance(Duration::from_secs(30));
    test.say(rooms[0], user, "slower", ReplyWish::None).await.unwrap();
    let (room, premium) = one_room(&test, "premium").await;
    for _ in 0..5 {
        test.say(room, premium, "as fast as I like", ReplyWish::None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_counted_is_counted() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user) = one_room(&test, "free").await;
    test.say(room, user, "one", ReplyWish::None).await.unwrap();
    test.store.use_elsewhere(user);
    test.say(room, user, "two, the third by all counts", ReplyWish::None).await.unwrap();
    let refusal = test.say(room, user, "one too many", ReplyWish::None).await.unwrap_err();
    assert_eq!((refusal.code, test.store.used(user)), (RefusalCode::QuotaExceeded, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_client_id_is_one_message_also_when_the_quota_is_used_up() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user) = one_room(&test, "free").await;
    let first = test.say_as(room, user, "hello", Some("a"), ReplyWish::None).await.unwrap();
    test.say(room, user, "two", ReplyWish::None).await.unwrap();
    test.say(room, user, "three", ReplyWish::None).await.unwrap();
    let again = test.say_as(room, user, "hello", Some("a"), ReplyWish::None).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.message.id, first.message.id);
    let other = test.say_as(room, user, "goodbye", Some("a"), ReplyWish::None).await.unwrap_err();
    assert_eq!(other.code, RefusalCode::Conflict);
    let new = test.say_as(room, user, "four", Some("b"), ReplyWish::None).await.unwrap_err();
    assert_eq!(new.code, RefusalCode::QuotaExceeded);
    assert_eq!(test.store.messages(room).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_client_id_sent_many_times_at_once_is_one_message() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user) = one_room(&test, "premium").await;
    let answers =
        join_all((0..50).map(|_| test.say_as(room, user, "once", Some("x"), ReplyWish::None))).await;
    let fresh = answers.iter().filter(|answer| answer.as_ref().is_ok_and(|sent| !sent.duplicate)).count();
    assert_eq!((fresh, test.store.messages(room).len()), (1, 1));
    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_unknown_outcome_is_stored_once_and_answered() {
    let test = TestEngine::start(|settings| settings.journal.lanes = 1).await;
    let (room, user) = one_room(&test, "free").await;
    use CommitFault::{Conflict, LostAfter, LostBefore};
    test.store.fail_commits([LostAfter, LostBefore, Conflict, LostAfter, LostAfter]);
    let sent = test.say(room, user, "hello", ReplyWish::None).await.unwrap();
    assert_eq!((sent.duplicate, sent.message.offset), (false, 1));
    assert_eq!((test.store.messages(room).len(), test.store.used(user)), (1, 1));
    test.fanout.wait(room, |event| (event.offset() == Some(1)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_sends_are_refused_and_nothing_acked_is_lost() {
    let test = TestEngine::start(|settings| {
        settings.journal.lanes = 1;
        settings.room.commit_deadline = Duration::from_millis(50);
    })
    .await;
    let (room, user) = one_room(&test, "premium").await;
    test.say(room, user, "before", ReplyWish::None).await.unwrap();
    test.store.set_down(true);
    // The first is on its way when the loss is noticed; what became of it is not known until the database is back.
    let unknown = test.say_as(room, user, "during", Some("d"), ReplyWish::None).await.unwrap_err();
    assert_eq!(unknown.code, RefusalCode::OutcomeUnknown);
    let refused = test.say(room, user, "refused", ReplyWish::None).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::DependencyDown);
    test.store.set_down(false);
    test.fanout.wait(room, |event| (event.offset() == Some(2)).then_some(())).await;
    let again = test.say_as(room, user, "during", Some("d"), ReplyWish::None).await.unwrap();
    assert!(again.duplicate);
    let texts: Vec<String> =
        test.store.messages(room).iter().map(|m| m.content.as_str().to_owned()).collect();
    assert_eq!(texts, ["before", "during"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_crashes_touches_no_other_and_goes_on() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user) = one_room(&test, "premium").await;
    let (other, other_user) = one_room(&test, "premium").await;
    test.say(room, user, "one", ReplyWish::None).await.unwrap();
    test.say(other, other_user, "elsewhere", ReplyWish::None).await.unwrap();
    test.engine.crash_room(room);
    test.say(other, other_user, "still here", ReplyWish::None).await.unwrap();
    // What is sent into the crash may be lost with it, but it is answered; then the room serves again.
    let second = loop {
        match test.say_as(room, user, "two", Some("two"), ReplyWish::None).await {
            Ok(sent) => break sent,
            Err(refusal) => assert_eq!(refusal.code, RefusalCode::OutcomeUnknown),
        }
    };
    assert_eq!(second.message.offset, 2);
    assert_eq!(test.fanout.resyncs(), [(room, 1)]);
    assert_eq!(test.engine.snapshot().branches[0].crashed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_keeps_crashing_is_left_alone_for_a_while() {
    let test = TestEngine::start(|settings| settings.supervision.restarts_max = 2).await;
    let (room, user) = one_room(&test, "premium").await;
    for crashes in 1..=2 {
        test.engine.crash_room(room);
        while test.engine.snapshot().branches[0].crashed < crashes {
            tokio::task::yield_now().await;
        }
    }
    let refusal = test.say(room, user, "hello", ReplyWish::None).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Internal);
    assert!(refusal.retry_after.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_actors_leave_and_come_back() {
    let test = TestEngine::start(|settings| settings.room.idle = Duration::from_millis(20)).await;
    let (room, user) = one_room(&test, "free").await;
    test.say(room, user, "one", ReplyWish::None).await.unwrap();
    while test.engine.snapshot().branches.iter().any(|branch| branch.live > 0) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let sent = test.say(room, user, "two", ReplyWish::None).await.unwrap();
    assert_eq!((sent.message.offset, test.store.used(user)), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_race_with_passivation_and_none_is_lost() {
    let test = TestEngine::start(|settings| settings.room.idle = Duration::from_millis(1)).await;
    let (room, user) = one_room(&test, "premium").await;
    for n in 1..=300 {
        let sent = test.say(room, user, &format!("message {n}"), ReplyWish::None).await.unwrap();
        assert_eq!(sent.message.offset, n);
        if n % 7 == 0 {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
    assert!(contiguous(&test.fanout.offsets(room)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_room_is_gone_for_all() {
    let test = TestEngine::start(|_| {}).await;
    let (owner, guest) = (test.store.add_user("premium"), test.store.add_user("premium"));
    let ada = test.store.add_character(character("Ada"));
    let room = test.store.add_room(&[owner, guest], &[ada]);
    let delete = async |user| {
        let (responder, answer) = Responder::channel();
        test.engine.delete_room(room, user, responder);
        answer.await.unwrap()
    };
    assert_eq!(delete(guest).await.unwrap_err().code, RefusalCode::Forbidden);
    assert_eq!(delete(owner).await, Ok(1));
    let refusal = test.say(room, owner, "hello?", ReplyWish::None).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NotFound);
    test.fanout.wait(room, |event| (event.offset() == Some(1)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_marks_go_forward_only() {
    let test = TestEngine::start(|_| {}).await;
    let (room, user) = one_room(&test, "premium").await;
    test.say(room, user, "one", ReplyWish::None).await.unwrap();
    let read = async |offset| {
        let (responder, answer) = Responder::channel();
        test.engine.read(room, user, offset, responder);
        answer.await.unwrap()
    };
    assert_eq!(read(1).await, Ok(1));
    assert_eq!(read(0).await, Ok(1), "the mark that stands");
    // One cannot have read what is not there; the mark itself is the second event.
    assert_eq!(read(99).await, Ok(2));
    assert!(contiguous(&test.fanout.offsets(room)));
}
