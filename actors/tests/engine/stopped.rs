//! A reply can be stopped wherever it stands: what it asked for upstream ends at once, and what was said stays.

use std::time::Duration;

use greenroom_actors::domain::{Finish, MessageId, ReplyState, RoomId, UserId};
use greenroom_actors::ports::GenerateErrorKind::Unavailable;
use greenroom_actors::protocol::{ReplyWish, RoomEvent};
use greenroom_actors::testsuite::{Script, TestEngine, character};
use tokio::time::Instant;

/// What may pass between the stop and the end of the stream.
const AT_ONCE: Duration = Duration::from_millis(100);

struct Scene {
    test: TestEngine,
    room: RoomId,
    user: UserId,
}

impl Scene {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut greenroom_actors::settings::Settings)) -> Self {
        let test = TestEngine::start(change).await;
        let user = test.store.add_user("premium");
        let ada = test.store.add_character(character("Ada"));
        let room = test.store.add_room(&[user], &[ada]);
        Self { test, room, user }
    }

    async fn ask(&self, text: &str) -> MessageId {
        self.test.say(self.room, self.user, text, ReplyWish::Auto).await.unwrap().replies[0].message
    }

    async fn shown(&self, reply: MessageId, text: &str) {
        let told = |event: &RoomEvent| match event {
            RoomEvent::Delta { message, .. } if *message == reply => Some(()),
            _ => None,
        };
        self.test.fanout.wait(self.room, told).await;
        while self.test.fanout.streamed(self.room, reply) != text {
            tokio::task::yield_now().await;
        }
    }

    async fn asked(&self, requests: usize) {
        while self.test.generator.asked().len() < requests {
            tokio::task::yield_now().await;
        }
    }

    /// Stops it, and answers what became of it; nothing is open upstream soon after.
    async fn stop(&self, reply: MessageId) -> Result<String, ReplyState> {
        let begun = Instant::now();
        assert_eq!(self.test.stop(self.room, self.user, Some(reply)).await.unwrap(), 1);
        while self.test.generator.open() > 0 {
            tokio::task::yield_now().await;
        }
        let took = begun.elapsed();
        assert!(took < AT_ONCE, "{took:?}");
        let end = self.test.fanout.end_of(self.room, reply).await;
        if let Ok(text) = &end {
            let messages = self.test.store.messages(self.room);
            let stored = messages.iter().find(|message| message.id == reply).unwrap();
            assert_eq!(stored.finish, Finish::Stopped);
            assert_eq!(&self.test.fanout.streamed(self.room, reply), text);
        }
        end
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_waits_behind_another_of_its_character() {
    let scene = Scene::start().await;
    scene.test.generator.script(Script::Held(vec!["first"]));
    let first = scene.ask("one").await;
    let second = scene.ask("two").await;
    assert_eq!(scene.test.stop(scene.room, scene.user, Some(second)).await.unwrap(), 1);
    assert_eq!(scene.test.fanout.end_of(scene.room, second).await, Err(ReplyState::Stopped));
    scene.test.generator.let_go(2);
    assert_eq!(scene.test.fanout.end_of(scene.room, first).await.as_deref(), Ok("first"));
    assert_eq!(scene.test.generator.asked().len(), 1, "it was never generated");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_waits_for_a_worker() {
    let scene = Scene::start_with(|settings| settings.pool.workers = 1).await;
    let other = scene.test.store.add_user("premium");
    let bo = scene.test.store.add_character(character("Bo"));
    let elsewhere = scene.test.store.add_room(&[other], &[bo]);
    scene.test.generator.script(Script::Held(vec!["busy"]));
    let busy = scene.test.say(elsewhere, other, "hello", ReplyWish::Auto).await.unwrap();
    scene.asked(1).await;
    let reply = scene.ask("Well?").await;
    assert_eq!(scene.test.stop(scene.room, scene.user, Some(reply)).await.unwrap(), 1);
    assert_eq!(scene.test.fanout.end_of(scene.room, reply).await, Err(ReplyState::Stopped));
    scene.test.generator.let_go(2);
    assert!(scene.test.fanout.end_of(elsewhere, busy.replies[0].message).await.is_ok());
    assert_eq!(scene.test.generator.asked(), ["hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_thinks() {
    for script in [Script::Hang, Script::Silent(vec![])] {
        let scene = Scene::start().await;
        scene.test.generator.script(script);
        let reply = scene.ask("Well?").await;
        scene.asked(1).await;
        assert_eq!(scene.stop(reply).await, Err(ReplyState::Stopped));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_two_tries() {
    let scene = Scene::start_with(|settings| settings.pool.backoff = Duration::from_secs(60)).await;
    scene.test.generator.script(Script::Fail(Unavailable));
    let reply = scene.ask("Well?").await;
    scene.asked(1).await;
    assert_eq!(scene.stop(reply).await, Err(ReplyState::Stopped));

    scene.test.generator.script(Script::Break(vec!["Half of"]));
    let reply = scene.ask("And?").await;
    scene.shown(reply, "Half of").await;
    assert_eq!(scene.stop(reply).await.as_deref(), Ok("Half of"));
    assert_eq!(scene.test.generator.asked().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_streams() {
    let scene = Scene::start().await;
    scene.test.generator.script(Script::Silent(vec!["Well, ", "I"]));
    let reply = scene.ask("Well?").await;
    scene.shown(reply, "Well, I").await;
    assert_eq!(scene.stop(reply).await.as_deref(), Ok("Well, I"));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_another_back_end_goes_on_or_has_begun_anew() {
    let scene = Scene::start().await;
    let broken = || Script::Break(vec!["Half of"]).or_else();
    for (text, next, part) in [
        ("one", Script::Hang, "Half of"),
        ("two", Script::Silent(vec![" it"]).go_on(), "Half of it"),
        ("three", Script::Silent(vec!["Anew"]), "Anew"),
    ] {
        let already = scene.test.generator.asked().len();
        scene.test.generator.script(broken());
        scene.test.generator.script(next);
        let reply = scene.ask(text).await;
        scene.asked(already + 2).await;
        scene.shown(reply, part).await;
        assert_eq!(scene.stop(reply).await.as_deref(), Ok(part));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_its_end_is_on_its_way_to_the_log() {
    let scene = Scene::start().await;
    scene.test.store.set_latency(Duration::from_millis(50));
    scene.test.generator.script(Script::Say(vec!["All of it"]));
    let reply = scene.ask("Well?").await;
    scene.shown(reply, "All of it").await;
    // It may be too late to stop it: then it stands as a whole.
    let _ = scene.test.stop(scene.room, scene.user, Some(reply)).await;
    assert_eq!(scene.test.fanout.end_of(scene.room, reply).await.as_deref(), Ok("All of it"));
    assert_eq!(scene.test.generator.open(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_it_was_taken_up() {
    let scene = Scene::start_with(|settings| settings.turn.draft_every = Duration::from_millis(1)).await;
    scene.test.generator.script(Script::Silent(vec!["Half of"]));
    let reply = scene.ask("Well?").await;
    while scene.test.store.draft(reply).is_none_or(|draft| draft.text != "Half of") {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let next = TestEngine::start_on(scene.test.store.clone(), |_| {}).await;
    next.generator.script(Script::Hang);
    next.engine.recover().await.unwrap();
    let scene = Scene { test: next, ..scene };
    scene.shown(reply, "Half of").await;
    scene.asked(1).await;
    assert_eq!(scene.stop(reply).await.as_deref(), Ok("Half of"));
}
