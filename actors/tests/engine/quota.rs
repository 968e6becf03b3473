//! What a plan allows: per day and month by the user's clock, per character and kind, over devices, nodes and changes of the
//! plan; what is told of it beforehand and when it is used up.

mod alarms;
mod asking;
mod calendar;
mod changing;

use std::sync::Arc;

use greenroom_actors::domain::{
    Attachment, AttachmentKind, CharacterId, MessageKind, PerCharacter, Place, Plan, RoomId, Scope, UserId,
    Window,
};
use greenroom_actors::ports::UserRecord;
use greenroom_actors::protocol::{Refusal, RefusalCode, ReplyWish, Send, Sent};
use greenroom_actors::testsuite::{TestEngine, character, plans, text_of};

/// Somebody, and a room of theirs with a character.
struct Scene {
    test: TestEngine,
    room: RoomId,
    user: UserId,
    ada: CharacterId,
}

impl Scene {
    /// With a plan that is like `basic` but for this.
    async fn with(change: impl FnOnce(&mut Plan)) -> Self {
        Self::on(TestEngine::start(|_| {}).await, change)
    }

    fn on(test: TestEngine, change: impl FnOnce(&mut Plan)) -> Self {
        let user = test.store.add_user("basic");
        let ada = test.store.add_character(character("Ada"));
        let room = test.store.add_room(&[user], &[ada]);
        let scene = Self { test, room, user, ada };
        scene.plan(change);
        scene
    }

    /// The user's plan is now like `basic` but for this. The engine is not told.
    fn plan(&self, change: impl FnOnce(&mut Plan)) {
        let mut plan = Plan::clone(&plans().get("basic"));
        change(&mut plan);
        self.change(|user| user.plan = Arc::new(plan));
    }

    fn change(&self, change: impl FnOnce(&mut UserRecord)) {
        self.test.store.change_user(self.user, change);
    }

    async fn say(&self) -> Result<Sent, Refusal> {
        self.test.say(self.room, self.user, "hello", ReplyWish::None).await
    }

    /// Sends so many, all of which are stored.
    async fn say_all(&self, count: u32) {
        for _ in 0..count {
            self.say().await.unwrap();
        }
    }

    async fn send(&self, room: RoomId, kind: MessageKind) -> Result<Sent, Refusal> {
        let attached = match kind {
            MessageKind::Text => None,
            MessageKind::Audio => Some(AttachmentKind::Audio),
            MessageKind::Media => Some(AttachmentKind::Image),
        };
        let place = || Place::Url("https://example.com/1".into());
        let attachment = attached.map(|kind| Arc::new(Attachment::new(place(), kind)));
        let text = text_of(room, self.user, "hello");
        self.test.send(Send { kind, attachment, reply: ReplyWish::None, ..text }).await
    }

    /// What is told of the daily limit: used of how many.
    async fn today(&self) -> (u32, u32) {
        let usage = self.test.engine.usage(self.user).await.unwrap();
        let line = usage.lines.iter().find(|line| line.scope == Scope::Daily).expect("a daily limit");
        (line.used, line.limit)
    }
}

fn is_used_up(answer: Result<Sent, Refusal>) -> bool {
    match answer {
        Ok(_) => false,
        Err(refusal) => {
            assert_eq!(refusal.code, RefusalCode::QuotaExceeded);
            true
        }
    }
}

fn per_character(text: Option<u32>, audio: Option<u32>, media: Option<u32>) -> Option<PerCharacter> {
    Some(PerCharacter { text, audio, media, window: Window::Lifetime })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_character_and_each_kind_has_its_own_count() {
    let scene = Scene::with(|plan| {
        plan.messages_per_day = None;
        plan.per_character = per_character(Some(2), Some(1), None);
    })
    .await;
    let bob = scene.test.store.add_character(character("Bob"));
    let other = scene.test.store.add_room(&[scene.user], &[bob]);
    // Another room with the same character counts on the same meter.
    let again = scene.test.store.add_room(&[scene.user], &[scene.ada]);
    scene.send(scene.room, MessageKind::Text).await.unwrap();
    scene.send(again, MessageKind::Text).await.unwrap();
    assert!(is_used_up(scene.send(scene.room, MessageKind::Text).await));
    scene.send(scene.room, MessageKind::Audio).await.unwrap();
    assert!(is_used_up(scene.send(again, MessageKind::Audio).await));
    for _ in 0..5 {
        scene.send(scene.room, MessageKind::Media).await.unwrap();
    }
    scene.send(other, MessageKind::Text).await.unwrap();
    scene.send(other, MessageKind::Audio).await.unwrap();
    let usage = scene.test.engine.usage(scene.user).await.unwrap();
    let of_ada: Vec<_> = usage
        .lines
        .iter()
        .filter(|line| matches!(line.scope, Scope::Character(character, _) if character == scene.ada))
        .map(|line| (line.used, line.limit, line.percent(), line.resets_at))
        .collect();
    assert_eq!(of_ada, [(2, 2, 100, None), (1, 1, 100, None)]);
    assert_eq!(usage.lines.len(), 4, "what has no limit has no line");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_limits_counts_nothing() {
    let scene = Scene::with(|plan| plan.messages_per_day = None).await;
    scene.say_all(30).await;
    assert_eq!(scene.test.store.used(scene.user), 0);
    assert!(scene.test.engine.usage(scene.user).await.unwrap().lines.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_nodes_count_at_once_is_one_quota_and_each_knows_it_after_its_next_commit() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(20)).await;
    let other = TestEngine::start_on(scene.test.store.clone(), |_| {}).await;
    let room = scene.test.store.add_room(&[scene.user], &[scene.ada]);
    scene.say_all(3).await;
    for _ in 0..4 {
        other.say(room, scene.user, "hello", ReplyWish::None).await.unwrap();
    }
    assert_eq!(scene.today().await, (3, 20), "a node that stores nothing hears of nothing");
    scene.say().await.unwrap();
    // The settling is on its way to the user's actor before the ack, but by another road.
    while scene.today().await != (8, 20) {
        tokio::task::yield_now().await;
    }
    let sends = (0..40).map(|n| {
        let (here, other, scene) = (&scene.test, &other, &scene);
        async move {
            if n % 2 == 0 {
                here.say(scene.room, scene.user, "hello", ReplyWish::None).await
            } else {
                other.say(room, scene.user, "hello", ReplyWish::None).await
            }
        }
    });
    let answers = futures_util::future::join_all(sends).await;
    let stored = answers.into_iter().filter(|answer| !is_used_up(answer.clone())).count();
    assert_eq!((stored, scene.test.store.used(scene.user)), (12, 20));
}
