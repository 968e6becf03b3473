//! Drafts, and the replies that go on from them when their node or their room has died: one message, one charge, and no
//! text that a reader holds twice.

use std::time::Duration;

use greenroom_actors::domain::{CallOutcome, Finish, MessageId, ReplyState, RoomId, UserId};
use greenroom_actors::ports::{GenerateErrorKind, StoreError};
use greenroom_actors::protocol::{ReplyWish, RoomEvent, Wanted};
use greenroom_actors::settings::{Recovery, Settings};
use greenroom_actors::testsuite::{Script, TestEngine, character};

fn quickly(settings: &mut Settings) {
    settings.turn.draft_every = Duration::from_millis(1);
}

struct Scene {
    test: TestEngine,
    room: RoomId,
    user: UserId,
    asked: MessageId,
    reply: MessageId,
}

impl Scene {
    /// A reply is under way and goes by this script.
    async fn start(script: Script, change: impl FnOnce(&mut Settings)) -> Self {
        let test = TestEngine::start(change).await;
        let user = test.store.add_user("free");
        let ada = test.store.add_character(character("Ada"));
        let room = test.store.add_room(&[user], &[ada]);
        test.generator.script(script);
        let sent = test.say(room, user, "Well?", ReplyWish::Auto).await.unwrap();
        Self { test, room, user, asked: sent.message.id, reply: sent.replies[0].message }
    }

    async fn kept(&self, text: &str) {
        let waits = async {
            while self.test.store.draft(self.reply).is_none_or(|draft| draft.text != text) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waits).await.expect("the draft is kept");
    }

    /// The node dies, and another takes its replies up.
    async fn die(self, script: Option<Script>, change: impl FnOnce(&mut Settings)) -> Self {
        let next = TestEngine::start_on(self.test.store.clone(), change).await;
        script.into_iter().for_each(|script| next.generator.script(script));
        assert_eq!(next.engine.recover().await, Ok(1));
        Self { test: next, ..self }
    }

    async fn end(&self) -> Result<String, ReplyState> {
        let end = self.test.fanout.end_of(self.room, self.reply).await;
        if let Ok(text) = &end {
            assert_eq!(&self.test.fanout.streamed(self.room, self.reply), text);
        }
        end
    }

    fn books(&self) -> (usize, u32, usize) {
        let store = &self.test.store;
        (store.messages(self.room).len(), store.used(self.user), store.open_turns())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_goes_on_from_where_its_node_died() {
    let scene = Scene::start(Script::Silent(vec!["Once upon", " a time"]), quickly).await;
    scene.kept("Once upon a time").await;
    let (room, reply) = (scene.room, scene.reply);
    let scene = scene.die(Some(Script::Held(vec![" there was", " a king."]).go_on()), quickly).await;
    let first = scene
        .test
        .fanout
        .wait(room, |event| match event {
            RoomEvent::Delta { message, attempt, position, text, .. } if *message == reply => {
                Some((*attempt, *position, text.clone()))
            }
            _ => None,
        })
        .await;
    assert_eq!(first, (17, 0, "Once upon a time".to_owned()), "what was kept is told as a whole");
    let open = scene.test.engine.open_replies(room).await;
    assert_eq!((open[0].text.as_str(), open[0].attempt), ("Once upon a time", 17));
    scene.test.generator.let_go(3);
    assert_eq!(scene.end().await.as_deref(), Ok("Once upon a time there was a king."));
    assert_eq!(scene.test.generator.attempts()[0].so_far.as_deref(), Some("Once upon a time"));
    assert_eq!(scene.books(), (2, 1, 0));
    assert_eq!(scene.test.store.draft(reply), None, "its end erases it");
    let calls = scene.test.store.calls();
    let told: Vec<_> = calls.iter().map(|new| (new.call.outcome, new.call.usage.completion_tokens)).collect();
    assert_eq!(
        told,
        [(CallOutcome::Stopped, 4), (CallOutcome::Done, 5)],
        "the dead node's call is accounted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_that_cannot_go_on_begins_anew_and_nothing_is_doubled() {
    let scene = Scene::start(Script::Silent(vec!["Once upon"]), quickly).await;
    scene.kept("Once upon").await;
    let scene = scene.die(Some(Script::Say(vec!["There was", " a king."])), quickly).await;
    assert_eq!(scene.end().await.as_deref(), Ok("There was a king."));
    assert_eq!(scene.books(), (2, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_lives_through_many_nodes() {
    let mut scene = Scene::start(Script::Silent(vec!["0"]), quickly).await;
    let mut text = "0".to_owned();
    scene.kept(&text).await;
    for more in [" 1", " 2", " 3"] {
        text.push_str(more);
        scene = scene.die(Some(Script::Silent(vec![more]).go_on()), quickly).await;
        scene.kept(&text).await;
    }
    scene = scene.die(Some(Script::Say(vec!["."]).go_on()), quickly).await;
    assert_eq!(scene.end().await, Ok("0 1 2 3.".to_owned()));
    assert_eq!((scene.books(), scene.test.store.calls().len()), ((2, 1, 0), 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_policy_it_is_made_anew_and_its_calls_are_accounted() {
    let scene = Scene::start(Script::Silent(vec!["Once upon"]), quickly).await;
    scene.kept("Once upon").await;
    let restart = |settings: &mut Settings| settings.turn.recovery = Recovery::Restart;
    let scene = scene.die(Some(Script::Say(vec!["Anew."])), restart).await;
    assert_eq!(scene.end().await.as_deref(), Ok("Anew."));
    assert_eq!(scene.test.generator.attempts()[0].so_far, None);
    assert_eq!((scene.books(), scene.test.store.calls().len()), ((2, 1, 0), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_policy_it_ends_with_the_part_that_people_had_seen() {
    let pieces = vec!["Once upon\n", "[[remember: I am a secret"];
    let scene = Scene::start(Script::Silent(pieces), quickly).await;
    scene.kept("Once upon\n[[remember: I am a secret").await;
    let report = |settings: &mut Settings| settings.turn.recovery = Recovery::Report;
    let scene = scene.die(None, report).await;
    assert_eq!(scene.test.fanout.end_of(scene.room, scene.reply).await.as_deref(), Ok("Once upon"));
    let message = &scene.test.store.messages(scene.room)[1];
    assert_eq!((message.finish, message.reply_to), (Finish::Interrupted, Some(scene.asked)));
    assert_eq!((scene.books(), scene.test.store.calls().len()), ((2, 1, 0), 1));
    assert!(scene.test.generator.asked().is_empty() && scene.test.store.memories().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_lines_stay_hidden_when_another_node_goes_on() {
    let scene = Scene::start(Script::Silent(vec!["A dog!\n[[remember: I have"]), quickly).await;
    scene.kept("A dog!\n[[remember: I have").await;
    let scene = scene.die(Some(Script::Say(vec![" a dog]]"]).go_on()), quickly).await;
    assert_eq!(scene.end().await.as_deref(), Ok("A dog!"));
    let memories = scene.test.store.memories();
    assert_eq!(memories[0].fact.as_str(), "I have a dog");
    let told = scene.test.fanout.room(scene.room);
    let hidden = |event: &RoomEvent| matches!(event, RoomEvent::Delta { text, .. } if text.contains("[["));
    assert!(!told.iter().any(hidden));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_can_go_on_the_part_stands() {
    let scene = Scene::start(Script::Silent(vec!["Once upon"]), quickly).await;
    scene.kept("Once upon").await;
    let scene = scene.die(Some(Script::Fail(GenerateErrorKind::Refused)), quickly).await;
    assert_eq!(scene.end().await.as_deref(), Ok("Once upon"));
    assert_eq!(scene.test.store.messages(scene.room)[1].finish, Finish::Interrupted);
    assert_eq!(scene.books(), (2, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_continuation_that_is_taken_up_joins_where_it_did() {
    let scene = Scene::start(Script::Say(vec!["Once upon"]), quickly).await;
    scene.end().await.unwrap();
    for (policy, whole) in
        [(Recovery::Continue, "Once upon a time ago."), (Recovery::Report, "Once upon a time")]
    {
        let test = TestEngine::start_on(std::sync::Arc::new(scene.test.store.fork()), quickly).await;
        test.generator.script(Script::Silent(vec!["a time"]));
        let asked = test.ask(scene.room, scene.user, Wanted::Continue(scene.reply)).await.unwrap();
        let under_way = Scene { test, reply: asked.replies[0].message, ..scene };
        under_way.kept(" a time").await;
        let next = under_way
            .die(Some(Script::Say(vec![" ago."]).go_on()), |settings| settings.turn.recovery = policy)
            .await;
        let text = next
            .test
            .fanout
            .wait(scene.room, |event| match event {
                RoomEvent::Updated { message, .. } => Some(message.content.as_str().to_owned()),
                _ => None,
            })
            .await;
        assert_eq!(text, whole);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_crashes_loses_nothing_that_was_said() {
    // No draft is due by itself: what was said is kept because the room crashed.
    let long = |settings: &mut Settings| settings.turn.draft_every = Duration::from_secs(3_600);
    let scene = Scene::start(Script::Held(vec!["Once upon", " a time", " never said"]), long).await;
    scene.test.generator.let_go(2);
    while scene.test.fanout.streamed(scene.room, scene.reply) != "Once upon a time" {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    scene.test.generator.script(Script::Say(vec![" there was."]).go_on());
    scene.test.engine.crash_room(scene.room);
    assert_eq!(scene.end().await.as_deref(), Ok("Once upon a time there was."));
    assert_eq!(scene.books(), (2, 1, 0));
    let outcomes: Vec<_> = scene.test.store.calls().iter().map(|new| new.call.outcome).collect();
    assert_eq!(outcomes, [CallOutcome::Stopped, CallOutcome::Done]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_piece_of_text_is_kept_before_its_time_and_none_where_both_are_off() {
    let by_length = |settings: &mut Settings| {
        settings.turn.draft_every = Duration::ZERO;
        settings.turn.draft_every_tokens = 3;
    };
    let scene = Scene::start(Script::Silent(vec!["a", "b", "c"]), by_length).await;
    scene.kept("abc").await;

    let off = |settings: &mut Settings| {
        settings.turn.draft_every = Duration::ZERO;
        settings.turn.draft_every_tokens = 0;
    };
    let scene = Scene::start(Script::Silent(vec!["Once upon"]), off).await;
    while scene.test.fanout.streamed(scene.room, scene.reply).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let scene = scene.die(Some(Script::Say(vec!["Anew."])), off).await;
    assert_eq!(scene.end().await.as_deref(), Ok("Anew."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_delays_no_text_and_gets_the_draft_when_it_is_back() {
    let scene = Scene::start(Script::Held(vec!["Once", " upon", " a time"]), quickly).await;
    scene.test.generator.let_go(1);
    scene.kept("Once").await;
    scene.test.store.set_down(true);
    assert_eq!(scene.test.engine.recover().await, Err(StoreError::Unavailable));
    scene.test.generator.let_go(2);
    while scene.test.fanout.streamed(scene.room, scene.reply) != "Once upon a time" {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    scene.test.store.set_down(false);
    scene.kept("Once upon a time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_cuts_a_reply_keeps_all_of_it() {
    let long = |settings: &mut Settings| settings.turn.draft_every = Duration::from_secs(3_600);
    let scene = Scene::start(Script::Silent(vec!["Once upon"]), long).await;
    while scene.test.fanout.streamed(scene.room, scene.reply).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(scene.test.engine.drain(Duration::from_millis(20)).await, 1);
    let scene = scene.die(Some(Script::Say(vec![" a time."]).go_on()), long).await;
    assert_eq!(scene.end().await.as_deref(), Ok("Once upon a time."));
}
