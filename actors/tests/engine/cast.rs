//! Several characters in one room: who answers, and how far they go on among themselves.

use greenroom_actors::domain::{
    CharacterId, MessageId, ReplyMode, ReplyState, Revision, RoomCharacter, RoomId, Sender, UserId,
};
use greenroom_actors::protocol::{DetailsChange, ReplyWish, RoomChange, RoomEvent, Sent, Wanted};
use greenroom_actors::testsuite::{Script, TestEngine, character, content, room_character};

struct Scene {
    test: TestEngine,
    room: RoomId,
    user: UserId,
    ada: CharacterId,
    tom: CharacterId,
}

impl Scene {
    async fn start(mode: ReplyMode) -> Self {
        let test = TestEngine::start(|_| {}).await;
        let user = test.store.add_user("premium");
        let [ada, tom] = ["Ada", "Tom"].map(|name| test.store.add_character(character(name)));
        let room = test.store.add_room(&[user], &[ada, tom]);
        let details = DetailsChange { reply_mode: Some(mode), ..DetailsChange::default() };
        test.change(room, user, RoomChange::Details(details)).await.unwrap();
        Self { test, room, user, ada, tom }
    }

    async fn say(&self, text: &str) -> Sent {
        self.test.say(self.room, self.user, text, ReplyWish::Auto).await.unwrap()
    }

    /// Who is asked by `text`. They have answered when this returns.
    async fn who(&self, text: &str) -> Vec<CharacterId> {
        let sent = self.say(text).await;
        for reply in &sent.replies {
            self.test.fanout.end_of(self.room, reply.message).await.unwrap();
        }
        sent.replies.iter().map(|reply| reply.character).collect()
    }

    /// Waits until nothing is under way, and looks whether all that happened was told in order.
    async fn quiet(&self) {
        while self.test.store.open_turns() > 0 || self.test.engine.snapshot().turns > 0 {
            tokio::task::yield_now().await;
        }
        let head = self.test.store.head(self.room);
        self.test.fanout.wait(self.room, |event| (event.offset() == Some(head)).then_some(())).await;
        assert_eq!(self.test.fanout.offsets(self.room), (1..=head).collect::<Vec<Revision>>());
    }

    fn speakers(&self) -> Vec<CharacterId> {
        let messages = self.test.store.messages(self.room);
        messages
            .iter()
            .filter_map(|message| match message.sender {
                Sender::Character(character) => Some(character),
                Sender::User(_) => None,
            })
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_are_named_answer_each_with_a_reply_of_their_own() {
    let scene = Scene::start(ReplyMode::Mention).await;
    scene.test.generator.script_for("Tom and Ada?", [Script::Say(vec!["Yes."]), Script::Say(vec!["No."])]);
    assert_eq!(scene.who("Tom and Ada?").await, [scene.tom, scene.ada]);
    scene.quiet().await;
    assert_eq!(scene.test.store.messages(scene.room).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_turn_order_the_next_one_answers_also_when_messages_come_fast() {
    let scene = Scene::start(ReplyMode::TurnOrder).await;
    let (ada, tom) = (scene.ada, scene.tom);
    // Deliberately without waiting for the replies.
    let mut who = Vec::new();
    for text in ["one", "two", "three"] {
        who.push(scene.say(text).await.replies[0].character);
    }
    assert_eq!(who, [ada, tom, ada]);
    scene.quiet().await;
    assert_eq!(scene.who("Ada again").await, [ada]);
    assert_eq!(scene.who("and now").await, [tom]);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_talkative_room_those_who_always_speak_do() {
    let scene = Scene::start(ReplyMode::Talkativeness).await;
    let eve = scene.test.store.add_character(character("Eve"));
    let always = RoomCharacter { id: eve, talkativeness: 1.0, ..room_character("Eve") };
    scene.test.change(scene.room, scene.user, RoomChange::AddCharacter(always)).await.unwrap();
    for n in 0..5 {
        assert!(scene.who(&format!("question {n}")).await.contains(&eve));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_hand_nobody_answers_before_they_are_asked_and_then_in_turn() {
    let scene = Scene::start(ReplyMode::ByHand).await;
    assert!(scene.who("Ada? Tom?").await.is_empty());
    let mut who = Vec::new();
    for _ in 0..3 {
        let asked = scene.test.ask(scene.room, scene.user, Wanted::Reply(None)).await.unwrap();
        scene.test.fanout.end_of(scene.room, asked.replies[0].message).await.unwrap();
        who.push(asked.replies[0].character);
    }
    assert_eq!(who, [scene.ada, scene.tom, scene.ada]);
    let resend =
        Wanted::Resend { message: scene.test.store.messages(scene.room)[0].id, content: content("Tom!") };
    let asked = scene.test.ask(scene.room, scene.user, resend).await.unwrap();
    assert_eq!(asked.replies.iter().map(|reply| reply.character).collect::<Vec<_>>(), [scene.ada]);
    scene.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn characters_answer_one_another_three_times_and_then_wait_for_a_person() {
    let scene = Scene::start(ReplyMode::Mention).await;
    for _ in 0..3 {
        scene.test.generator.script(Script::Say(vec!["What do you say, Tom?"]));
        scene.test.generator.script(Script::Say(vec!["And you, Ada?"]));
    }
    let first = scene.say("Ada, begin").await;
    scene.quiet().await;
    let (ada, tom) = (scene.ada, scene.tom);
    assert_eq!(scene.speakers(), [ada, tom, ada, tom], "one reply, and three to one another");
    // Each answers the one before, and says so to those who watch.
    let messages = scene.test.store.messages(scene.room);
    for pair in messages.windows(2) {
        assert_eq!(pair[1].reply_to, Some(pair[0].id));
    }
    let told = scene.test.fanout.room(scene.room);
    let received = told.iter().find_map(|event| match event {
        RoomEvent::Received(message) if message.id == first.replies[0].message => Some(message.clone()),
        _ => None,
    });
    let announced = &received.unwrap().replies;
    assert_eq!((announced[0].character, announced[0].message), (tom, messages[2].id));
    // A person speaks: they may go on.
    scene.say("Ada, once more").await;
    scene.quiet().await;
    assert_eq!(scene.speakers().len(), 4 + 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_answer_at_once_share_the_bound() {
    let scene = Scene::start(ReplyMode::Mention).await;
    let eve = scene.test.store.add_character(character("Eve"));
    let newcomer = RoomCharacter { id: eve, ..room_character("Eve") };
    scene.test.change(scene.room, scene.user, RoomChange::AddCharacter(newcomer)).await.unwrap();
    for _ in 0..20 {
        scene.test.generator.script(Script::Say(vec!["Ada, Tom, Eve: what do you say?"]));
    }
    scene.say("Ada, Tom and Eve, go").await;
    scene.quiet().await;
    assert_eq!(scene.speakers().len(), 3 + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_stops_them_ends_the_chain() {
    let scene = Scene::start(ReplyMode::Mention).await;
    scene.test.generator.script(Script::Say(vec!["What do you say, Tom?"]));
    scene.test.generator.script(Script::Held(vec!["Well, Ada,", " I say"]));
    scene.say("Ada, begin").await;
    let second = scene
        .test
        .fanout
        .wait(scene.room, |event| match event {
            RoomEvent::Status { message, character, state: ReplyState::Thinking, .. }
                if *character == scene.tom =>
            {
                Some(*message)
            }
            _ => None,
        })
        .await;
    scene.test.generator.let_go(1);
    scene
        .test
        .fanout
        .wait(scene.room, |event| {
            matches!(event, RoomEvent::Delta { message, .. } if *message == second).then_some(())
        })
        .await;
    assert_eq!(scene.test.stop(scene.room, scene.user, None).await, Ok(1));
    scene.quiet().await;
    assert_eq!(scene.speakers(), [scene.ada, scene.tom]);
    assert_eq!(scene.test.store.messages(scene.room)[2].content.as_str(), "Well, Ada,");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_end_is_on_its_way_takes_back_what_would_follow() {
    let scene = Scene::start(ReplyMode::Mention).await;
    scene.test.generator.script(Script::HeldEnd(vec!["What do you say, Tom?"]));
    let first = scene.say("Ada, begin").await.replies[0].message;
    scene
        .test
        .fanout
        .wait(scene.room, |event| {
            matches!(event, RoomEvent::Delta { message, .. } if *message == first).then_some(())
        })
        .await;
    scene.test.store.set_latency(std::time::Duration::from_millis(200));
    scene.test.generator.let_go(1);
    while scene.test.engine.snapshot().journal.queued == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.test.stop(scene.room, scene.user, None).await, Ok(0), "nothing runs any more");
    scene.test.store.set_latency(std::time::Duration::ZERO);
    scene.quiet().await;
    assert_eq!(scene.speakers(), [scene.ada]);
    assert_eq!(scene.test.generator.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_variant_starts_no_chain() {
    let scene = Scene::start(ReplyMode::Mention).await;
    let sent = scene.say("Ada, begin").await;
    scene.quiet().await;
    let reply: MessageId = sent.replies[0].message;
    scene.test.generator.script(Script::Say(vec!["What do you say, Tom?"]));
    scene.test.ask(scene.room, scene.user, Wanted::Regenerate(reply)).await.unwrap();
    scene.quiet().await;
    assert_eq!(scene.speakers(), [scene.ada]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_goes_on_after_a_crash_as_far_as_it_may() {
    let scene = Scene::start(ReplyMode::Mention).await;
    scene.test.generator.script(Script::Say(vec!["What do you say, Tom?"]));
    scene.test.generator.script(Script::Hang);
    for _ in 0..4 {
        scene.test.generator.script(Script::Say(vec!["Ada and Tom, what do you say?"]));
    }
    scene.say("Ada, begin").await;
    scene
        .test
        .fanout
        .wait(scene.room, |event| {
            matches!(event, RoomEvent::Status { character, state: ReplyState::Thinking, .. } if *character == scene.tom)
                .then_some(())
        })
        .await;
    while scene.test.generator.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    scene.test.engine.crash_room(scene.room);
    scene.test.fanout.wait(scene.room, |event| (event.offset() == Some(4)).then_some(())).await;
    scene.quiet().await;
    assert_eq!(scene.speakers(), [scene.ada, scene.tom, scene.ada, scene.tom]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_can_be_switched_off() {
    let test = TestEngine::start(|settings| settings.room.character_chain_max = 0).await;
    let user = test.store.add_user("premium");
    let [ada, tom] = ["Ada", "Tom"].map(|name| test.store.add_character(character(name)));
    let room = test.store.add_room(&[user], &[ada, tom]);
    test.generator.script(Script::Say(vec!["What do you say, Tom?"]));
    let sent = test.say(room, user, "Ada?", ReplyWish::Auto).await.unwrap();
    test.fanout.end_of(room, sent.replies[0].message).await.unwrap();
    assert_eq!(test.store.open_turns(), 0);
}
