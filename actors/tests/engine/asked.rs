//! Replies that are wanted without a new message: made anew, continued, by hand, after a message was changed.

use greenroom_actors::domain::{CharacterId, Finish, Into, MessageId, ReplyState, Revision, RoomId, UserId};
use greenroom_actors::ports::{GenerateErrorKind, PromptRole};
use greenroom_actors::protocol::{
    Amendment, Asked, RefusalCode, ReplyWish, Responder, RoomChange, RoomEvent, Wanted,
};
use greenroom_actors::testsuite::{CommitFault, Script, TestEngine, character, content};

struct Scene {
    test: TestEngine,
    room: RoomId,
    user: UserId,
    ada: CharacterId,
    said: MessageId,
    reply: MessageId,
}

impl Scene {
    /// Somebody asked `Well?` and Ada said `Once upon`.
    async fn start(plan: &str) -> Self {
        let test = TestEngine::start(|settings| settings.journal.lanes = 1).await;
        let user = test.store.add_user(plan);
        let ada = test.store.add_character(character("Ada"));
        let room = test.store.add_room(&[user], &[ada]);
        test.generator.script(Script::Say(vec!["Once ", "upon"]));
        let sent = test.say(room, user, "Well?", ReplyWish::Auto).await.unwrap();
        let reply = sent.replies[0].message;
        test.fanout.end_of(room, reply).await.unwrap();
        Self { test, room, user, ada, said: sent.message.id, reply }
    }

    async fn ask(&self, wanted: Wanted) -> Result<Asked, RefusalCode> {
        self.test.ask(self.room, self.user, wanted).await.map_err(|refusal| refusal.code)
    }

    async fn regenerate(&self) -> MessageId {
        self.ask(Wanted::Regenerate(self.reply)).await.unwrap().replies[0].message
    }

    /// Waits until this reply under way became part of a message; its text.
    async fn became(&self, turn: MessageId) -> String {
        self.test
            .fanout
            .wait(self.room, |event| match event {
                RoomEvent::Updated { message, reply } if *reply == Some(turn) => {
                    Some(message.content.as_str().to_owned())
                }
                _ => None,
            })
            .await
    }

    fn text(&self) -> String {
        let messages = self.test.store.messages(self.room);
        messages.iter().find(|message| message.id == self.reply).unwrap().content.as_str().to_owned()
    }

    async fn contiguous(&self) {
        let head = self.test.store.head(self.room);
        self.test.fanout.wait(self.room, |event| (event.offset() == Some(head)).then_some(())).await;
        assert_eq!(self.test.fanout.offsets(self.room), (1..=head).collect::<Vec<Revision>>());
    }

    async fn until_streaming(&self, turn: MessageId) {
        self.test
            .fanout
            .wait(self.room, |event| {
                matches!(event, RoomEvent::Delta { message, .. } if *message == turn).then_some(())
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_made_anew_stands_in_its_place_and_the_old_one_can_be_had_back() {
    let scene = Scene::start("premium").await;
    scene.test.generator.script(Script::Say(vec!["There ", "was"]));
    let asked = scene.ask(Wanted::Regenerate(scene.reply)).await.unwrap();
    let turn = asked.replies[0].message;
    assert_eq!((asked.replies[0].character, asked.replies[0].state), (scene.ada, ReplyState::Queued));
    assert_eq!(scene.became(turn).await, "There was");
    let stored = scene.test.store.messages(scene.room);
    assert_eq!(stored.len(), 2, "no message of its own");
    assert_eq!((stored[1].changes.variant, stored[1].changes.variants), (1, 2));
    // The prompt was that of the first time: nothing of the old answer in it.
    let requests = scene.test.generator.requests();
    assert_eq!(requests[0].messages, requests[1].messages);
    // A watcher sees the asking, the text, and the end, in this order.
    let into = Into::Variant(scene.reply);
    let events = scene.test.fanout.room(scene.room);
    let at = |what: &dyn Fn(&RoomEvent) -> bool| events.iter().position(what).unwrap();
    let queued = at(&|event| {
        matches!(event, RoomEvent::Status { message, state: ReplyState::Queued, offset: Some(3), into: is, .. }
            if *message == turn && *is == into)
    });
    let delta = at(
        &|event| matches!(event, RoomEvent::Delta { message, into: is, .. } if *message == turn && *is == into),
    );
    let end = at(&|event| matches!(event, RoomEvent::Updated { reply, .. } if *reply == Some(turn)));
    let done = at(
        &|event| matches!(event, RoomEvent::Status { message, state: ReplyState::Done, .. } if *message == turn),
    );
    assert!(queued < delta && delta < end && end < done);
    assert_eq!(scene.test.fanout.streamed(scene.room, turn), "There was");

    let select = |index| scene.test.amend(scene.room, scene.user, scene.reply, Amendment::Select(index));
    assert_eq!(select(0).await.unwrap().content.as_str(), "Once upon");
    assert_eq!(scene.text(), "Once upon");
    assert_eq!(select(1).await.unwrap().content.as_str(), "There was");
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_made_anew_once_at_a_time() {
    let scene = Scene::start("premium").await;
    scene.test.generator.script(Script::Held(vec!["Slowly"]));
    let turn = scene.regenerate().await;
    for wanted in [Wanted::Regenerate(scene.reply), Wanted::Continue(scene.reply)] {
        assert_eq!(scene.ask(wanted).await.err(), Some(RefusalCode::Conflict));
    }
    scene.test.generator.let_go(2);
    scene.became(turn).await;
    let twice = [Wanted::Regenerate(scene.reply), Wanted::Regenerate(scene.reply)];
    let answers = futures_util::future::join_all(twice.map(|wanted| scene.ask(wanted))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    scene.became(answers.into_iter().find_map(Result::ok).unwrap().replies[0].message).await;
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_variants_are_kept_and_no_more() {
    let scene = Scene::start("premium").await;
    for _ in 1..10 {
        let turn = scene.regenerate().await;
        scene.became(turn).await;
    }
    assert_eq!(scene.ask(Wanted::Regenerate(scene.reply)).await.err(), Some(RefusalCode::Conflict));
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_goes_on_where_it_ended() {
    let scene = Scene::start("premium").await;
    scene.test.say(scene.room, scene.user, "said since", ReplyWish::None).await.unwrap();
    scene.test.generator.script(Script::Say(vec!["a ", "time"]));
    let turn = scene.ask(Wanted::Continue(scene.reply)).await.unwrap().replies[0].message;
    assert_eq!(scene.became(turn).await, "Once upon a time");
    assert_eq!(scene.test.fanout.streamed(scene.room, turn), " a time", "deltas are what comes behind");
    let requests = scene.test.generator.requests();
    let lines: Vec<_> =
        requests[1].messages[1..].iter().filter(|line| line.role != PromptRole::Note).collect();
    assert_eq!((lines[0].role, lines[0].content.as_str()), (PromptRole::User, "Well?"));
    assert_eq!((lines[1].role, lines[1].content.as_str()), (PromptRole::Assistant, "Once upon"));
    assert_eq!((lines[2].role, lines.len()), (PromptRole::System, 3), "and how to go on: {lines:?}");
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_stopped_while_it_is_made_anew_keeps_its_part() {
    let scene = Scene::start("free").await;
    scene.test.generator.script(Script::Held(vec!["In the", " beginning"]));
    let turn = scene.regenerate().await;
    scene.test.generator.let_go(1);
    scene.until_streaming(turn).await;
    assert_eq!(scene.test.engine.open_replies(scene.room).await[0].into, Into::Variant(scene.reply));
    assert_eq!(scene.test.stop(scene.room, scene.user, Some(turn)).await, Ok(1));
    assert_eq!(scene.became(turn).await, "In the");
    assert_eq!(scene.test.store.messages(scene.room)[1].finish, Finish::Stopped);
    assert_eq!(scene.test.store.used(scene.user), 2);
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_counts_as_a_message_and_is_given_back_when_nothing_was_said() {
    let scene = Scene::start("free").await;
    assert_eq!(scene.test.store.used(scene.user), 1);
    for _ in 0..3 {
        scene.test.generator.script(Script::Fail(GenerateErrorKind::Unavailable));
    }
    let failed = scene.regenerate().await;
    assert_eq!(scene.test.fanout.end_of(scene.room, failed).await, Err(ReplyState::Failed));
    assert_eq!((scene.test.store.used(scene.user), scene.text()), (1, "Once upon".to_owned()));
    let asked = scene.ask(Wanted::Regenerate(scene.reply)).await.unwrap();
    let usage = asked.usage.unwrap();
    assert_eq!((usage.lines[0].used, usage.lines[0].limit), (2, 3));
    scene.became(asked.replies[0].message).await;
    let third = scene.ask(Wanted::Continue(scene.reply)).await.unwrap();
    scene.became(third.replies[0].message).await;
    for wanted in [
        Wanted::Regenerate(scene.reply),
        Wanted::Continue(scene.reply),
        Wanted::Reply(None),
        Wanted::Resend { message: scene.said, content: content("Well then?") },
    ] {
        assert_eq!(scene.ask(wanted).await.err(), Some(RefusalCode::QuotaExceeded));
    }
    assert_eq!(scene.test.store.used(scene.user), 3);
    assert_eq!(scene.test.store.messages(scene.room)[0].content.as_str(), "Well?");
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asks_at_once_take_the_quota_and_no_more() {
    let scene = Scene::start("free").await;
    let asks = (0..10).map(|_| scene.ask(Wanted::Reply(None)));
    let answers = futures_util::future::join_all(asks).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2);
    assert_eq!(scene.test.store.used(scene.user), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_changes_and_its_reply_is_made_anew() {
    let scene = Scene::start("premium").await;
    let wanted = Wanted::Resend { message: scene.said, content: content("Well, and then?") };
    let asked = scene.ask(wanted).await.unwrap();
    let message = asked.message.unwrap();
    assert_eq!((message.content.as_str(), message.offset, message.revision), ("Well, and then?", 1, 3));
    let turn = asked.replies[0].message;
    assert_eq!(scene.became(turn).await, "re: Well, and then?");
    let stored = scene.test.store.messages(scene.room);
    assert_eq!((stored.len(), stored[1].changes.variants), (2, 2));
    // The change carries the revision; that replies were asked for does not take another.
    let queued: Vec<_> = scene
        .test
        .fanout
        .room(scene.room)
        .into_iter()
        .filter(|event| matches!(event, RoomEvent::Status { message, state: ReplyState::Queued, .. } if *message == turn))
        .collect();
    assert!(queued.iter().all(|event| event.offset().is_none()) && !queued.is_empty());
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_no_reply_gets_one_when_it_is_sent_again() {
    let scene = Scene::start("premium").await;
    let sent = scene.test.say(scene.room, scene.user, "Helo", ReplyWish::None).await.unwrap();
    let wanted = || Wanted::Resend { message: sent.message.id, content: content("Hello") };
    let asked = scene.ask(wanted()).await.unwrap();
    assert_eq!(
        scene.test.fanout.end_of(scene.room, asked.replies[0].message).await,
        Ok("re: Hello".to_owned())
    );
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_answered_is_not_sent_again() {
    let scene = Scene::start("premium").await;
    scene.test.generator.script(Script::Hang);
    let sent = scene.test.say(scene.room, scene.user, "And?", ReplyWish::Auto).await.unwrap();
    let wanted = Wanted::Resend { message: sent.message.id, content: content("And then?") };
    assert_eq!(scene.ask(wanted).await.err(), Some(RefusalCode::Conflict));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_by_hand_answers_what_was_said_last() {
    let scene = Scene::start("premium").await;
    let sent = scene.test.say(scene.room, scene.user, "So?", ReplyWish::None).await.unwrap();
    let asked = scene.ask(Wanted::Reply(None)).await.unwrap();
    let reply = asked.replies[0].message;
    assert_eq!(scene.test.fanout.end_of(scene.room, reply).await, Ok("re: So?".to_owned()));
    let stored = scene.test.store.messages(scene.room);
    assert_eq!(stored.last().unwrap().reply_to, Some(sent.message.id));
    // Once more: now it answers itself, and is told so.
    let again = scene.ask(Wanted::Reply(Some(scene.ada))).await.unwrap();
    scene.test.fanout.end_of(scene.room, again.replies[0].message).await.unwrap();
    let request = scene.test.generator.requests().pop().unwrap();
    let [.., own, cue] = &request.messages[..] else { panic!("a short prompt") };
    assert_eq!((own.role, cue.role), (PromptRole::Assistant, PromptRole::System));
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_what_is_not_there_is_told_so() {
    use RefusalCode::{Conflict, Forbidden, NotFound};
    let scene = Scene::start("premium").await;
    let stranger = scene.test.store.add_user("premium");
    let refused = scene.test.ask(scene.room, stranger, Wanted::Regenerate(scene.reply)).await.unwrap_err();
    assert_eq!(refused.code, NotFound);
    let guest = scene.test.store.add_user("premium");
    let member = greenroom_actors::domain::RoomMember {
        id: guest,
        username: "ben".into(),
        display_name: "Ben".into(),
    };
    scene.test.change(scene.room, scene.user, RoomChange::AddMember(member)).await.unwrap();
    let resend = Wanted::Resend { message: scene.said, content: content("I said otherwise") };
    let refused = scene.test.ask(scene.room, guest, resend).await.unwrap_err();
    assert_eq!(refused.code, Forbidden);
    let table = [
        (Wanted::Regenerate(MessageId::new()), NotFound),
        (Wanted::Continue(MessageId::new()), NotFound),
        (Wanted::Regenerate(scene.said), Conflict),
        (Wanted::Continue(scene.said), Conflict),
        (Wanted::Reply(Some(CharacterId::new())), NotFound),
        (Wanted::Resend { message: MessageId::new(), content: content("x") }, NotFound),
    ];
    for (wanted, code) in table {
        assert_eq!(scene.ask(wanted.clone()).await.err(), Some(code), "{wanted:?}");
    }
    scene.test.amend(scene.room, scene.user, scene.reply, Amendment::Delete).await.unwrap();
    assert_eq!(scene.ask(Wanted::Regenerate(scene.reply)).await.err(), Some(Conflict));
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_empty_room_there_is_nothing_to_reply_to() {
    let test = TestEngine::start(|_| {}).await;
    let user = test.store.add_user("premium");
    let ada = test.store.add_character(character("Ada"));
    let room = test.store.add_room(&[user], &[ada]);
    let refused = test.ask(room, user, Wanted::Reply(None)).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_whose_message_is_deleted_meanwhile_ends_as_stopped() {
    let scene = Scene::start("premium").await;
    scene.test.generator.script(Script::Held(vec!["Too late"]));
    let turn = scene.regenerate().await;
    scene.test.amend(scene.room, scene.user, scene.reply, Amendment::Delete).await.unwrap();
    scene.test.generator.let_go(2);
    assert_eq!(scene.test.fanout.end_of(scene.room, turn).await, Err(ReplyState::Stopped));
    assert_eq!(scene.text(), "");
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_crashes_while_a_reply_is_made_anew_makes_one_variant() {
    let scene = Scene::start("free").await;
    scene.test.generator.script(Script::Held(vec!["Lost with", " the room"]));
    let turn = scene.regenerate().await;
    scene.test.generator.let_go(1);
    scene.until_streaming(turn).await;
    scene.test.engine.crash_room(scene.room);
    let text = scene.became(turn).await;
    assert!(!text.contains("Lost"), "{text}");
    assert_eq!(text, scene.test.fanout.streamed(scene.room, turn));
    let stored = scene.test.store.messages(scene.room);
    assert_eq!((stored.len(), stored[1].changes.variants), (2, 2));
    assert_eq!((scene.test.store.used(scene.user), scene.test.store.open_turns()), (2, 0));
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_of_unknown_outcome_is_granted_once() {
    use CommitFault::{Conflict, LostAfter, LostBefore};
    let scene = Scene::start("free").await;
    scene.test.store.fail_commits([LostAfter, LostBefore, Conflict, LostAfter]);
    let turn = scene.regenerate().await;
    scene.test.store.fail_commits([LostAfter, LostBefore, LostAfter]);
    scene.became(turn).await;
    let stored = scene.test.store.messages(scene.room);
    assert_eq!((stored[1].changes.variants, scene.test.store.used(scene.user)), (2, 2));
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_waits_for_what_was_asked_for() {
    let scene = Scene::start("premium").await;
    scene.test.generator.script(Script::Held(vec!["To the end"]));
    let turn = scene.regenerate().await;
    let engine = scene.test.engine.clone();
    let drained = tokio::spawn(async move { engine.drain(std::time::Duration::from_secs(20)).await });
    while !scene.test.engine.is_draining() {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.ask(Wanted::Reply(None)).await.err(), Some(RefusalCode::Draining));
    scene.test.generator.let_go(2);
    assert_eq!(scene.became(turn).await, "To the end");
    assert_eq!(drained.await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_room_ends_what_was_asked_for() {
    let scene = Scene::start("premium").await;
    scene.test.generator.script(Script::Hang);
    scene.regenerate().await;
    let (responder, answer) = Responder::channel();
    scene.test.engine.delete_room(scene.room, scene.user, responder);
    answer.await.unwrap().unwrap();
    while scene.test.engine.snapshot().turns > 0 || scene.test.generator.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.test.store.open_turns(), 0);
    assert_eq!(scene.ask(Wanted::Regenerate(scene.reply)).await.err(), Some(RefusalCode::NotFound));
}
