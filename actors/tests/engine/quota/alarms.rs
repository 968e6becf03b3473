//! The word that most of a limit, or all of it, is used: once for each crossing.

use greenroom_actors::domain::{Alarm, UserId};
use greenroom_actors::ports::GenerateErrorKind;
use greenroom_actors::protocol::{NotificationLevel, ReplyWish, UserEvent};
use greenroom_actors::testsuite::{MemoryFanout, Script, TestEngine};

use super::{Scene, per_character};

/// What was told: alarm, used, limit.
fn told(fanout: &MemoryFanout, user: UserId) -> Vec<(Alarm, u32, u32)> {
    let alarm = |event: &UserEvent| match event {
        UserEvent::Quota { alarm, line, .. } => Some((*alarm, line.used, line.limit)),
        _ => None,
    };
    fanout.user(user).iter().filter_map(alarm).collect()
}

/// Waits until so much was told.
async fn until_told(fanout: &MemoryFanout, user: UserId, count: usize) -> Vec<(Alarm, u32, u32)> {
    while told(fanout, user).len() < count {
        tokio::task::yield_now().await;
    }
    told(fanout, user)
}

impl Scene {
    /// All that was sent before has been settled.
    async fn settled(&self) {
        // By the same road, behind it.
        self.test.engine.usage(self.user).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn most_and_all_of_a_limit_are_told_once_each() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(10)).await;
    scene.say_all(7).await;
    scene.settled().await;
    assert!(told(&scene.test.fanout, scene.user).is_empty());
    scene.say_all(3).await;
    for _ in 0..3 {
        scene.say().await.unwrap_err();
    }
    scene.settled().await;
    let told = until_told(&scene.test.fanout, scene.user, 2).await;
    assert_eq!(told, [(Alarm::Warning, 8, 10), (Alarm::Reached, 10, 10)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_word_comes_with_a_notification_that_says_when_it_counts_anew() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(5)).await;
    scene.say_all(5).await;
    until_told(&scene.test.fanout, scene.user, 2).await;
    let notes = |event: &UserEvent| match event {
        UserEvent::Notification(note) => Some((note.kind.clone(), note.level, note.body.clone())),
        _ => None,
    };
    let notes = || scene.test.fanout.user(scene.user).iter().filter_map(notes).collect::<Vec<_>>();
    while notes().len() < 2 {
        tokio::task::yield_now().await;
    }
    let notes = notes();
    assert_eq!((notes[0].0.as_str(), notes[0].1), ("quota.warning", NotificationLevel::Info));
    assert_eq!((notes[1].0.as_str(), notes[1].1), ("quota.reached", NotificationLevel::Warning));
    assert_eq!(
        notes[1].2,
        "All 5 messages a day of the plan \u{201c}basic\u{201d} are used. They count anew from 2026-01-02 00:00 (UTC)."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_cross_once() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(50)).await;
    let rooms: Vec<_> = (0..80).map(|_| scene.test.store.add_room(&[scene.user], &[scene.ada])).collect();
    let sends = rooms.iter().map(|room| scene.test.say(*room, scene.user, "hello", ReplyWish::None));
    let stored = futures_util::future::join_all(sends).await.iter().filter(|one| one.is_ok()).count();
    assert_eq!(stored, 50);
    scene.settled().await;
    let mut told = until_told(&scene.test.fanout, scene.user, 2).await;
    told.sort_unstable();
    assert_eq!(told, [(Alarm::Warning, 40, 50), (Alarm::Reached, 50, 50)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_the_one_that_stored_the_crossing_message_tells_it() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(10)).await;
    let other = TestEngine::start_on(scene.test.store.clone(), |_| {}).await;
    let room = scene.test.store.add_room(&[scene.user], &[scene.ada]);
    scene.say_all(4).await;
    for _ in 0..4 {
        other.say(room, scene.user, "hello", ReplyWish::None).await.unwrap();
    }
    scene.say_all(2).await;
    assert_eq!(until_told(&other.fanout, scene.user, 1).await, [(Alarm::Warning, 8, 10)]);
    assert_eq!(until_told(&scene.test.fanout, scene.user, 1).await, [(Alarm::Reached, 10, 10)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_given_back_can_cross_again() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(2)).await;
    scene.say().await.unwrap();
    scene.test.generator.script(Script::Fail(GenerateErrorKind::Refused));
    let sent = scene.test.say(scene.room, scene.user, "hello", ReplyWish::Auto).await.unwrap();
    scene.test.fanout.end_of(scene.room, sent.replies[0].message).await.unwrap_err();
    until_told(&scene.test.fanout, scene.user, 1).await;
    while scene.today().await != (1, 2) {
        tokio::task::yield_now().await;
    }
    scene.say().await.unwrap();
    assert_eq!(until_told(&scene.test.fanout, scene.user, 2).await, [(Alarm::Reached, 2, 2); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_meter_of_a_message_has_its_own_word() {
    let scene = Scene::with(|plan| {
        plan.messages_per_day = Some(10);
        plan.per_character = per_character(Some(1), None, None);
    })
    .await;
    scene.say().await.unwrap();
    assert_eq!(until_told(&scene.test.fanout, scene.user, 1).await, [(Alarm::Reached, 1, 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_where_it_warns_is_a_setting() {
    let test = TestEngine::start(|settings| settings.room.quota_warning_percent = 50).await;
    let scene = Scene::on(test, |plan| plan.messages_per_day = Some(4));
    scene.say_all(4).await;
    let told = until_told(&scene.test.fanout, scene.user, 2).await;
    assert_eq!(told, [(Alarm::Warning, 2, 4), (Alarm::Reached, 4, 4)]);
}
