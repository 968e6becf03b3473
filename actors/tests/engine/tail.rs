//! What a prompt is made of stays in memory, and is what the log says.

use std::time::Duration;

use greenroom_actors::domain::{CharacterId, MessageId, RoomId, UserId};
use greenroom_actors::ports::{PromptMessage, PromptRole, Summary};
use greenroom_actors::protocol::{Amendment, ReplyWish, Responder, RoomChange, Wanted};
use greenroom_actors::settings::Settings;
use greenroom_actors::testsuite::{Script, TestEngine, character, content, member};

struct Scene {
    test: TestEngine,
    room: RoomId,
    user: UserId,
    ada: CharacterId,
}

impl Scene {
    async fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let test = TestEngine::start(change).await;
        let user = test.store.add_user("premium");
        let ada = test.store.add_character(character("Ada"));
        let room = test.store.add_room(&[user], &[ada]);
        Self { test, room, user, ada }
    }

    /// Says it and hears the answer; the message's id and the reply's.
    async fn talk(&self, text: &str) -> (MessageId, MessageId) {
        let sent = self.test.say(self.room, self.user, text, ReplyWish::Auto).await.unwrap();
        let reply = sent.replies[0].message;
        self.test.fanout.end_of(self.room, reply).await.unwrap();
        (sent.message.id, reply)
    }

    /// As [`talk`](Self::talk): what was asked of the database meanwhile.
    async fn asked_by(&self, text: &str) -> [usize; 3] {
        let before = self.asked();
        self.talk(text).await;
        let after = self.asked();
        [after[0] - before[0], after[1] - before[1], after[2] - before[2]]
    }

    fn asked(&self) -> [usize; 3] {
        ["history", "memories", "user"].map(|what| self.test.store.reads(what))
    }

    /// The last prompt's messages that were said.
    fn prompt(&self) -> Vec<String> {
        said(&self.test.generator.requests().last().unwrap().messages)
    }

    /// The end of a reply that was asked for.
    async fn end(&self, reply: MessageId) {
        while self.test.store.open_turns() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Its room has heard of it too.
        while !self.test.engine.open_replies(self.room).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let _ = self.test.store.reply_state(reply);
    }

    async fn ask(&self, wanted: Wanted) {
        let asked = self.test.ask(self.room, self.user, wanted).await.unwrap();
        self.end(asked.replies[0].message).await;
    }
}

fn said(messages: &[PromptMessage]) -> Vec<String> {
    let told = messages.iter().filter(|one| matches!(one.role, PromptRole::User | PromptRole::Assistant));
    told.map(|one| one.content.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_message_of_a_room_asks_no_database() {
    let scene = Scene::start(|_| {}).await;
    // The user's record was read for the reservation.
    assert_eq!(scene.asked_by("one").await, [1, 1, 1]);
    assert_eq!(scene.asked_by("two").await, [0, 0, 0]);
    assert_eq!(scene.prompt(), ["one", "re: one", "two"]);
    assert_eq!(scene.asked_by("three").await, [0, 0, 0]);
    let numbers = scene.test.engine.snapshot();
    assert_eq!((numbers.tails.hits, numbers.tails.misses, numbers.tails.held), (2, 1, 1));
    assert_eq!((numbers.memories.hits, numbers.memories.misses, numbers.memories.held), (2, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_makes_no_prompt_keeps_nothing() {
    let scene = Scene::start(|_| {}).await;
    for text in ["one", "two"] {
        scene.test.say(scene.room, scene.user, text, ReplyWish::None).await.unwrap();
    }
    assert!(!scene.test.tail_is_the_logs_end(scene.room).await);
    scene.talk("three").await;
    assert!(scene.test.tail_is_the_logs_end(scene.room).await);
    assert_eq!(scene.prompt(), ["one", "two", "three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_follows_what_becomes_of_messages() {
    let scene = Scene::start(|_| {}).await;
    let (test, room, user) = (&scene.test, scene.room, scene.user);
    let (first, _) = scene.talk("one").await;
    let (second, reply) = scene.talk("two").await;
    let amend = async |message, what| test.amend(room, user, message, what).await.unwrap();
    amend(first, Amendment::Edit(content("uno"))).await;
    scene.talk("three").await;
    assert_eq!(scene.prompt(), ["uno", "re: one", "two", "re: two", "three"]);

    test.generator.script(Script::Say(vec!["another"]));
    scene.ask(Wanted::Regenerate(reply)).await;
    assert_eq!(scene.prompt(), ["uno", "re: one", "two"], "up to what was asked");
    scene.talk("four").await;
    assert_eq!(scene.prompt()[3..6], ["another", "three", "re: three"]);
    amend(reply, Amendment::Select(0)).await;
    scene.talk("five").await;
    assert_eq!(scene.prompt()[3], "re: two");

    test.generator.script(Script::Say(vec![" and more"]));
    scene.ask(Wanted::Continue(reply)).await;
    amend(first, Amendment::Delete).await;
    scene.talk("six").await;
    assert_eq!(scene.prompt()[..3], ["re: one", "two", "re: two and more"]);

    scene.ask(Wanted::Resend { message: second, content: content("dos") }).await;
    scene.talk("seven").await;
    assert_eq!(scene.prompt()[..2], ["re: one", "dos"]);
    assert!(test.tail_is_the_logs_end(room).await);
    assert_eq!(scene.asked()[0], 1, "all that was known from memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_crashed_reads_its_log_anew() {
    let scene = Scene::start(|settings| settings.supervision.restarts_max = usize::MAX).await;
    scene.talk("one").await;
    scene.test.engine.crash_room(scene.room);
    while scene.test.engine.snapshot().branches[0].crashed == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(scene.asked_by("two").await, [1, 1, 0]);
    assert_eq!(scene.prompt(), ["one", "re: one", "two"]);
    assert_eq!(scene.test.engine.snapshot().tails.held, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_wrote_is_read_with_the_next_prompt() {
    let scene = Scene::start(|_| {}).await;
    let (first, _) = scene.talk("one").await;
    let other = TestEngine::start_on(scene.test.store.clone(), |_| {}).await;
    other.amend(scene.room, scene.user, first, Amendment::Edit(content("uno"))).await.unwrap();
    other.say(scene.room, scene.user, "elsewhere", ReplyWish::None).await.unwrap();
    assert_eq!(scene.asked_by("two").await, [1, 1, 0]);
    assert_eq!(scene.prompt(), ["uno", "re: one", "elsewhere", "two"]);
    assert_eq!(scene.asked_by("three").await, [0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_is_too_short_for_a_prompt_is_not_enough() {
    let scene = Scene::start(|settings| settings.turn.tail_max_messages = 4).await;
    for n in 0..5 {
        scene.talk(&format!("message {n}")).await;
    }
    assert_eq!(scene.asked_by("last").await[0], 1, "there is room for all of it");
    assert_eq!(scene.prompt()[0], "message 0");
    assert_eq!(scene.prompt().len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_holds_more_than_a_prompt_takes_is_enough() {
    let scene = Scene::start(|settings| settings.turn.tail_max_messages = 40).await;
    for n in 0..30 {
        scene.talk(&format!("message {n} {}", "word ".repeat(100))).await;
    }
    let asked = scene.asked_by("last").await;
    assert_eq!(asked[0], 0);
    let prompt = scene.prompt();
    assert!(prompt.len() > 10 && prompt.len() < 40 && !prompt[0].contains("message 0 "), "{}", prompt.len());
    assert!(scene.test.tail_is_the_logs_end(scene.room).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_came_later_does_not_know_what_the_tail_holds() {
    let scene = Scene::start(|_| {}).await;
    scene.talk("a secret").await;
    let tom = scene.test.store.add_character(character("Tom"));
    let joined = greenroom_actors::domain::RoomCharacter {
        id: tom,
        ..greenroom_actors::testsuite::room_character("Tom")
    };
    scene.test.change(scene.room, scene.user, RoomChange::AddCharacter(joined)).await.unwrap();
    let sent = scene.test.say(scene.room, scene.user, "Hello Tom", ReplyWish::From(tom)).await.unwrap();
    scene.test.fanout.end_of(scene.room, sent.replies[0].message).await.unwrap();
    assert_eq!(scene.prompt(), ["Hello Tom"]);
    assert_eq!(scene.asked()[0], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_and_who_told_it_is_known_from_the_next_reply_on() {
    let scene = Scene::start(|_| {}).await;
    let (test, user) = (&scene.test, scene.user);
    let notes = || {
        let requests = test.generator.requests();
        let notes = requests.last().unwrap().messages.iter().find(|one| one.role == PromptRole::Note);
        notes.map(|notes| notes.content.clone()).unwrap_or_default()
    };
    let other_room = test.store.add_room(&[user], &[scene.ada]);
    talk_in(test, other_room, user, "hello").await;
    test.generator.script(Script::Say(vec!["Noted.\n[[remember: I have a dog]]"]));
    let (message, _) = scene.talk("I have a dog").await;
    talk_in(test, other_room, user, "again").await;
    assert!(notes().contains("“I have a dog”"), "{}", notes());

    test.store.rename(user, "Anna");
    test.engine.user_changed(user);
    scene.talk("who am I?").await;
    assert!(notes().contains("“Anna”"), "{}", notes());

    test.amend(scene.room, user, message, Amendment::Delete).await.unwrap();
    talk_in(test, other_room, user, "and now?").await;
    assert!(!notes().contains("dog"), "{}", notes());

    test.generator.script(Script::Say(vec!["Noted.\n[[remember: I have a cat]]"]));
    scene.talk("I have a cat").await;
    scene.talk("you see?").await;
    assert!(notes().contains("“I have a cat”"));
    test.store.forget_memories(user);
    test.engine.memories_changed(user);
    scene.talk("do you still?").await;
    assert!(!notes().contains("cat"));

    test.generator.script(Script::Say(vec!["Noted.\n[[remember: I have a bird]]"]));
    scene.talk("I have a bird").await;
    let ben = greenroom_actors::domain::RoomMember { id: test.store.add_user("premium"), ..member("Ben") };
    test.change(other_room, user, RoomChange::AddMember(ben)).await.unwrap();
    talk_in(test, other_room, user, "hello both").await;
    assert!(!notes().contains("bird"), "told elsewhere, and not for others to hear: {}", notes());
}

/// Seen at the very moment of the answer: whoever has it may ask in another room at once.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_taken_back_is_held_when_that_is_answered() {
    let scene = Scene::start(|_| {}).await;
    let (test, user) = (&scene.test, scene.user);
    test.generator.script(Script::Say(vec!["Noted.\n[[remember: I have a dog]]"]));
    let (message, _) = scene.talk("I have a dog").await;
    scene.talk("you see?").await;
    let held = test.engine.snapshot().memories.held;
    assert_eq!(held, 1, "what was told is held");
    let (answered, at) = tokio::sync::oneshot::channel();
    let engine = test.engine.clone();
    let responder = Responder::new(move |result| {
        let _ = answered.send((result.is_ok(), engine.snapshot().memories.held));
    });
    test.engine.amend(scene.room, user, message, Amendment::Delete, responder);
    assert_eq!(at.await.unwrap(), (true, 0));
}

async fn talk_in(test: &TestEngine, room: RoomId, user: UserId, text: &str) {
    let sent = test.say(room, user, text, ReplyWish::Auto).await.unwrap();
    test.fanout.end_of(room, sent.replies[0].message).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn older_turns_are_told_in_short_once_there_is_no_room_for_them() {
    let scene = Scene::start(|_| {}).await;
    let words = "word ".repeat(100);
    let mut talked = 0;
    while scene.test.summaries.wishes().is_empty() {
        scene.talk(&format!("message {talked} {words}")).await;
        talked += 1;
        assert!(talked < 60, "something falls out");
    }
    let wish = scene.test.summaries.wishes()[0];
    assert_eq!((wish.room, wish.character, wish.user, wish.since), (scene.room, scene.ada, scene.user, 0));
    let told = scene.test.store.messages(scene.room);
    assert!(wish.up_to > told.len() as i64 / 3 && wish.up_to < told.len() as i64);

    let summary = Summary { text: "Mira counted aloud.".into(), since: 0, up_to: wish.up_to };
    scene.test.store.add_summary(scene.room, scene.ada, summary);
    let (reads, wishes) = (scene.test.store.reads("summary"), scene.test.summaries.wishes().len());
    let mut beginning: Option<Vec<PromptMessage>> = None;
    for n in 0..3 {
        scene.talk(&format!("later {n} {words}")).await;
        let request = scene.test.generator.requests().last().unwrap().clone();
        let notes = &request.messages[1];
        assert_eq!(notes.role, PromptRole::Note);
        assert!(notes.content.contains("Mira counted aloud."), "{}", notes.content);
        let first = said(&request.messages)[0].clone();
        let behind = told.iter().find(|one| one.offset > wish.up_to).unwrap();
        assert_eq!(first, behind.content.as_str());
        let now = request.messages[..5].to_vec();
        assert_eq!(*beginning.get_or_insert(now.clone()), now, "the prefix stays");
    }
    assert_eq!(scene.test.store.reads("summary"), reads + 1, "looked for when something is missing");
    assert_eq!(scene.test.summaries.wishes().len(), wishes, "nothing is missing");
    assert_eq!(scene.asked()[0], 1);

    // What it tells is deleted: it is void at once, and wanted anew.
    scene.test.amend(scene.room, scene.user, told[2].id, Amendment::Delete).await.unwrap();
    assert_eq!(scene.test.store.summary(scene.room, scene.ada), None);
    scene.talk("and now?").await;
    let request = scene.test.generator.requests().last().unwrap().clone();
    assert!(request.messages.iter().all(|one| !one.content.contains("counted aloud")));
    assert_eq!(scene.test.summaries.wishes().len(), wishes + 1);
}
