//! Replies whose streams break: another back end goes on or begins anew, and no reader ever holds a text twice.

use greenroom_actors::domain::{CallOutcome, CharacterId, Finish, MessageId, ReplyState, RoomId, UserId};
use greenroom_actors::ports::GenerateErrorKind::{Refused, Unavailable};
use greenroom_actors::protocol::{RefusalCode, ReplyWish, RoomEvent, Wanted};
use greenroom_actors::testsuite::{Script, TestEngine, character};

struct Scene {
    test: TestEngine,
    room: RoomId,
    user: UserId,
    ada: CharacterId,
}

impl Scene {
    async fn start(plan: &str) -> Self {
        let test = TestEngine::start(|_| {}).await;
        let user = test.store.add_user(plan);
        let ada = test.store.add_character(character("Ada"));
        let room = test.store.add_room(&[user], &[ada]);
        Self { test, room, user, ada }
    }

    /// Somebody asks; the tries go by this script.
    async fn ask(&self, scripts: impl IntoIterator<Item = Script>) -> MessageId {
        scripts.into_iter().for_each(|script| self.test.generator.script(script));
        self.test.say(self.room, self.user, "Well?", ReplyWish::Auto).await.unwrap().replies[0].message
    }

    async fn end_of(&self, reply: MessageId) -> Result<String, ReplyState> {
        let end = self.test.fanout.end_of(self.room, reply).await;
        if let Ok(text) = &end {
            assert_eq!(&self.test.fanout.streamed(self.room, reply), text, "what streamed is what is stored");
        }
        end
    }

    /// The attempts that readers were told of, in the order in which they came.
    fn attempts(&self, reply: MessageId) -> Vec<u32> {
        let mut attempts: Vec<u32> = self
            .test
            .fanout
            .room(self.room)
            .iter()
            .filter_map(|event| match event {
                RoomEvent::Delta { message, attempt, .. } if *message == reply => Some(*attempt),
                RoomEvent::Status { message, attempt, state, .. }
                    if *message == reply && *state != ReplyState::Queued =>
                {
                    Some(*attempt)
                }
                _ => None,
            })
            .collect();
        assert!(attempts.is_sorted(), "{attempts:?}");
        attempts.dedup();
        attempts
    }

    fn providers(&self) -> Vec<(String, CallOutcome)> {
        let calls = self.test.store.calls();
        calls.iter().map(|new| (new.call.back_end.provider.to_string(), new.call.outcome)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_word_the_next_back_end_answers_and_nobody_notices() {
    let scene = Scene::start("premium").await;
    let scripts = [
        Script::Fail(Unavailable).by("a").or_else(),
        Script::Fail(Refused).by("b").or_else(),
        Script::Say(vec!["Here."]).by("c"),
    ];
    let reply = scene.ask(scripts).await;
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("Here."));
    assert_eq!(scene.attempts(reply), [1]);
    let expected = [("a", CallOutcome::Failed), ("b", CallOutcome::Failed), ("c", CallOutcome::Done)];
    assert_eq!(scene.providers(), expected.map(|(by, outcome)| (by.to_owned(), outcome)));
    let requests = scene.test.generator.requests();
    assert!(requests.iter().all(|request| request.messages == requests[0].messages), "the same prompt");
    assert_eq!(scene.test.store.trouble(reply), None, "it ended well");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_another_goes_on_in_the_same_breath() {
    let scene = Scene::start("free").await;
    let scripts = [
        Script::Break(vec!["There was ", "a king"]).by("a").or_else(),
        Script::Say(vec!["was a king", " who had", " three daughters."]).by("b").go_on(),
    ];
    let reply = scene.ask(scripts).await;
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("There was a king who had three daughters."));
    assert_eq!(scene.attempts(reply), [1]);
    let message = &scene.test.store.messages(scene.room)[1];
    assert_eq!((message.finish, scene.test.store.used(scene.user)), (Finish::Complete, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_begins_anew_raises_the_attempt_and_starts_at_the_beginning() {
    let scene = Scene::start("free").await;
    let scripts = [
        Script::Break(vec!["There was ", "a king"]).by("a").or_else(),
        Script::Break(vec!["Once upon "]).by("b").or_else(),
        Script::Say(vec!["a time."]).by("c").go_on(),
    ];
    let reply = scene.ask(scripts).await;
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("Once upon a time."));
    assert_eq!(scene.attempts(reply), [1, 2]);
    assert_eq!((scene.test.store.messages(scene.room).len(), scene.test.store.used(scene.user)), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_joiner_sees_the_text_that_stands_and_its_attempt() {
    let scene = Scene::start("premium").await;
    let scripts = [Script::Break(vec!["There was "]).or_else(), Script::Held(vec!["Once upon", " a time."])];
    let reply = scene.ask(scripts).await;
    let shown = |attempt| {
        scene.test.fanout.wait(scene.room, move |event| {
            matches!(event, RoomEvent::Delta { message, attempt: at, .. } if *message == reply && *at == attempt)
                .then_some(())
        })
    };
    shown(1).await;
    let open = scene.test.engine.open_replies(scene.room).await;
    assert_eq!((open[0].text.as_str(), open[0].attempt), ("There was ", 1), "it stands until there is more");
    scene.test.generator.let_go(1);
    shown(2).await;
    let open = scene.test.engine.open_replies(scene.room).await;
    assert_eq!((open[0].text.as_str(), open[0].attempt), ("Once upon", 2));
    scene.test.generator.let_go(2);
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("Once upon a time."));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_fail_the_part_stands_and_without_one_the_reply_failed() {
    let scene = Scene::start("free").await;
    let fail = || Script::Fail(Unavailable);
    let reply = scene.ask([Script::Break(vec!["Half of"]), fail(), fail()]).await;
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("Half of"));
    assert_eq!(scene.test.store.messages(scene.room)[1].finish, Finish::Interrupted);
    assert_eq!(scene.test.store.used(scene.user), 1, "it was said, and so it counts");

    let reply = scene.ask([fail().by("a").or_else(), fail().by("b"), fail().by("a"), fail().by("b")]).await;
    assert_eq!(scene.end_of(reply).await, Err(ReplyState::Failed));
    let trouble = scene.test.store.trouble(reply).unwrap();
    assert_eq!((trouble.tries, trouble.by.unwrap().provider.as_ref()), (4, "b"));
    assert!(trouble.reason.contains("Unavailable"), "{}", trouble.reason);
    assert_eq!(scene.test.store.used(scene.user), 1, "and this one is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_lines_stay_hidden_and_count_once_across_breaks() {
    let scene = Scene::start("premium").await;
    // It breaks within the hidden line, and the next one goes on with it.
    let scripts = [
        Script::Break(vec!["A dog!\n", "[[remember: I have "]).or_else(),
        Script::Say(vec!["a dog]]", "\nWhat is it called?"]).go_on(),
    ];
    let reply = scene.ask(scripts).await;
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("A dog!\nWhat is it called?"));
    // It begins anew, and so does what it notes.
    let scripts = [
        Script::Break(vec!["Nice.\n[[remember: I live in Oslo]]\nAnd"]).or_else(),
        Script::Say(vec!["Good.\n[[remember: I live in Bergen]]"]),
    ];
    let reply = scene.ask(scripts).await;
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("Good."));
    let facts: Vec<String> =
        scene.test.store.memories().iter().map(|memory| memory.fact.as_str().to_owned()).collect();
    assert_eq!(facts, ["I have a dog", "I live in Bergen"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_continuation_that_begins_anew_is_set_off_once_and_its_length_counts_from_the_start() {
    let test = TestEngine::start(|settings| settings.turn.reply_max_chars = 20).await;
    let user = test.store.add_user("premium");
    let ada = test.store.add_character(character("Ada"));
    let room = test.store.add_room(&[user], &[ada]);
    test.generator.script(Script::Say(vec!["Once upon"]));
    let sent = test.say(room, user, "Well?", ReplyWish::Auto).await.unwrap();
    let message = sent.replies[0].message;
    test.fanout.end_of(room, message).await.unwrap();
    test.generator.script(Script::Break(vec!["some long"]).or_else());
    test.generator.script(Script::Say(vec!["a time", " there was more"]));
    test.ask(room, user, Wanted::Continue(message)).await.unwrap();
    let text = test
        .fanout
        .wait(room, |event| match event {
            RoomEvent::Updated { message, reply: Some(_) } => Some(message.content.as_str().to_owned()),
            _ => None,
        })
        .await;
    assert_eq!(text, "Once upon a time the", "cut at its longest, with one space between");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_panics_leaves_its_part_and_its_bill() {
    let scene = Scene::start("premium").await;
    let reply = scene.ask([Script::PanicIn("Well, ")]).await;
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("Well, "));
    assert_eq!(scene.providers(), [("scripted".to_owned(), CallOutcome::Stopped)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_failed_is_made_again_for_who_asked() {
    let scene = Scene::start("free").await;
    let fail = || Script::Fail(Refused);
    let reply = scene.ask([fail()]).await;
    assert_eq!(scene.end_of(reply).await, Err(ReplyState::Failed));
    let asked = scene.test.store.messages(scene.room)[0].id;
    let retry = |user| {
        let wanted = Wanted::Retry { asked, character: scene.ada };
        scene.test.ask(scene.room, user, wanted)
    };
    let stranger = scene.test.store.add_user("premium");
    assert_eq!(retry(stranger).await.unwrap_err().code, RefusalCode::NotFound);
    scene.test.generator.script(Script::Held(vec!["Here."]));
    let again = retry(scene.user).await.unwrap().replies[0].message;
    assert_eq!(retry(scene.user).await.unwrap_err().code, RefusalCode::Conflict, "one is under way");
    scene.test.generator.let_go(2);
    assert_eq!(scene.end_of(again).await.as_deref(), Ok("Here."));
    let message = &scene.test.store.messages(scene.room)[1];
    assert_eq!((message.reply_to, scene.test.store.used(scene.user)), (Some(asked), 1));
    assert_eq!(retry(scene.user).await.unwrap_err().code, RefusalCode::Conflict, "it has been answered");
    let nothing = Wanted::Retry { asked: MessageId::new(), character: scene.ada };
    let refusal = scene.test.ask(scene.room, scene.user, nothing).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_asked_to_go_on_and_tells_it_otherwise_begins_anew() {
    let scene = Scene::start("free").await;
    let scripts = [
        Script::Break(vec!["There was once ", "a king who"]).by("a").or_else(),
        Script::Break(vec!["There was once ", "a "]).by("b").go_on().or_else(),
        Script::Say(vec!["There was ", "once a queen."]).by("c").go_on(),
    ];
    let reply = scene.ask(scripts).await;
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("There was once a queen."));
    assert_eq!(scene.attempts(reply), [1, 2], "what only repeats makes no attempt");
    assert_eq!((scene.test.store.messages(scene.room).len(), scene.test.store.used(scene.user)), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_told_again_where_it_should_go_on_stands_once() {
    let scene = Scene::start("free").await;
    let reply = scene.ask([Script::Say(vec!["There was once a king who"])]).await;
    scene.end_of(reply).await.unwrap();
    for (told, expected) in [
        ("There was once a king who had a dog, and", "There was once a king who had a dog, and"),
        ("There was once a king without", "There was once a king who had a dog, and without"),
    ] {
        scene.test.generator.script(Script::Say(told.split_inclusive(' ').collect()));
        scene.test.ask(scene.room, scene.user, Wanted::Continue(reply)).await.unwrap();
        let updated = |event: &RoomEvent| match event {
            RoomEvent::Updated { message, reply: Some(_) } if message.content.as_str() == expected => {
                Some(())
            }
            _ => None,
        };
        scene.test.fanout.wait(scene.room, updated).await;
    }
}
