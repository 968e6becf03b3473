//! Replies are judged while they stream: little of what is refused is seen, and nothing of it stands.

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::{CharacterId, Finish, MessageId, ReplyState, RoomId, UserId};
use greenroom_actors::moderation::{RefusedReply, Rules};
use greenroom_actors::ports::Side;
use greenroom_actors::protocol::{ReplyWish, RoomEvent, Sent, Wanted};
use greenroom_actors::settings::{Recovery, Settings};
use greenroom_actors::testsuite::{Judgement, MemoryStore, Script, ScriptedModerator, TestEngine, character};

const LONG: &str = "All of this is quite harmless, and it goes on for about a hundred characters, so that it is asked about. ";

struct Scene {
    test: TestEngine,
    room: RoomId,
    user: UserId,
    ada: CharacterId,
}

impl Scene {
    async fn start(judgements: impl IntoIterator<Item = Judgement>) -> Self {
        Self::start_with(judgements, |_| {}).await
    }

    async fn start_with(
        judgements: impl IntoIterator<Item = Judgement>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let moderator = ScriptedModerator::of(&[Side::Reply], judgements);
        Self::on(TestEngine::start_judged(Arc::new(MemoryStore::default()), moderator, change).await)
    }

    /// Nobody judges, but there are rules.
    async fn ruled(pattern: &str) -> Self {
        let rules = Rules::new([("house", pattern)]).unwrap();
        Self::on(TestEngine::start(|settings| settings.moderation.rules = Arc::new(rules)).await)
    }

    fn on(test: TestEngine) -> Self {
        let user = test.store.add_user("free");
        let ada = test.store.add_character(character("Ada"));
        let room = test.store.add_room(&[user], &[ada]);
        Self { test, room, user, ada }
    }

    async fn asks(&self, script: Script) -> MessageId {
        self.test.generator.script(script);
        let sent: Sent = self.test.say(self.room, self.user, "Well?", ReplyWish::Auto).await.unwrap();
        sent.replies[0].message
    }

    async fn end_of(&self, reply: MessageId) -> Result<String, ReplyState> {
        self.test.fanout.end_of(self.room, reply).await
    }

    fn finish(&self, reply: MessageId) -> Finish {
        let messages = self.test.store.messages(self.room);
        messages.iter().find(|message| message.id == reply).unwrap().finish
    }

    /// The longest text that a client showed.
    fn most_seen(&self, reply: MessageId) -> usize {
        let (mut text, mut newest, mut most) = (String::new(), 0, 0);
        for event in self.test.fanout.room(self.room) {
            if let RoomEvent::Delta { message, attempt, position, text: more, .. } = event
                && message == reply
            {
                if attempt > newest || position == 0 {
                    text.clear();
                    newest = attempt;
                }
                text.push_str(&more);
                most = text.chars().count().max(most);
            }
        }
        most
    }

    async fn seen(&self, reply: MessageId) {
        self.test
            .fanout
            .wait(self.room, |event| {
                matches!(event, RoomEvent::Delta { message, .. } if *message == reply).then_some(())
            })
            .await;
    }

    async fn held(&self) {
        while self.test.moderator.waiting() == 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn closed_upstream(&self) {
        while self.test.generator.open() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_fine_streams_and_ends_as_if_nobody_looked() {
    let scene = Scene::start([]).await;
    let reply = scene.asks(Script::Say(vec![LONG, LONG, LONG, "The end."])).await;
    let text = scene.end_of(reply).await.unwrap();
    assert_eq!(text, format!("{LONG}{LONG}{LONG}The end."));
    assert_eq!(scene.test.fanout.streamed(scene.room, reply), text);
    assert_eq!(scene.finish(reply), Finish::Complete);
    let who = scene.test.moderator.whom(Side::Reply)[0];
    assert_eq!((who.user, who.character, who.turn), (Some(scene.user), Some(scene.ada), Some(reply)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_reply_is_broken_off_and_replaced_by_the_characters_own_words() {
    let scene = Scene::start([Judgement::Refuse("unspeakable")]).await;
    let reply = scene.asks(Script::Silent(vec!["The unspeakable ", LONG, LONG, LONG])).await;
    let text = scene.end_of(reply).await.unwrap();
    assert!(!text.contains("unspeakable") && !text.contains("harmless"), "{text}");
    scene.closed_upstream().await;
    assert_eq!(scene.finish(reply), Finish::Refused);
    assert_eq!(scene.test.fanout.streamed(scene.room, reply), text, "who watched sees what is stored");
    assert!(scene.most_seen(reply) <= 200);
    assert_eq!((scene.test.store.used(scene.user), scene.test.store.open_turns()), (1, 0));
    let open = scene.test.engine.open_replies(scene.room).await;
    assert!(open.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn by_policy_a_refused_reply_is_given_back() {
    let scene = Scene::start_with([Judgement::Refuse("unspeakable")], |settings| {
        settings.moderation.refused_reply = RefusedReply::Refunds;
    })
    .await;
    let reply = scene.asks(Script::Say(vec!["unspeakable"])).await;
    assert!(scene.end_of(reply).await.is_ok());
    assert_eq!((scene.finish(reply), scene.test.store.used(scene.user)), (Finish::Refused, 0));
    for _ in 0..3 {
        scene.test.say(scene.room, scene.user, "the quota is whole", ReplyWish::None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_a_window_is_seen_while_the_judge_is_slow() {
    let scene = Scene::start([Judgement::Hold("harmless"), Judgement::Refuse("unspeakable")]).await;
    let reply = scene.asks(Script::Say(vec![LONG, LONG, LONG, LONG, "unspeakable"])).await;
    scene.held().await;
    scene.seen(reply).await;
    scene.test.moderator.let_go("harmless");
    scene.end_of(reply).await.unwrap();
    assert_eq!(scene.finish(reply), Finish::Refused);
    assert!(scene.most_seen(reply) <= LONG.len() + 200, "{}", scene.most_seen(reply));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_finds_its_phrase_across_pieces_and_before_it_is_seen() {
    let scene = Scene::ruled("forbidden fruit").await;
    let reply = scene.asks(Script::Say(vec!["She ate the for", "bidden", " fr", "uit, they say."])).await;
    scene.end_of(reply).await.unwrap();
    assert_eq!(scene.finish(reply), Finish::Refused);
    assert!(scene.most_seen(reply) <= "She ate the forbidden fr".len() || scene.most_seen(reply) < 100);
    let told = scene.test.fanout.room(scene.room);
    let leaked = told.iter().any(
        |event| matches!(event, RoomEvent::Delta { text, .. } if text.contains("fruit") || text.contains("uit")),
    );
    assert!(!leaked);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_remembered_of_a_refused_reply_and_nobody_answers_it() {
    let scene = Scene::start([Judgement::Refuse("unspeakable")]).await;
    let tom = scene.test.store.add_character(character("Tom"));
    let room = scene.test.store.add_room(&[scene.user], &[scene.ada, tom]);
    let said = "unspeakable, is it not, Tom?\n[[remember: I like the unspeakable]]";
    scene.test.generator.script(Script::Say(vec![said]));
    let sent = scene.test.say(room, scene.user, "Ada?", ReplyWish::Auto).await.unwrap();
    scene.test.fanout.end_of(room, sent.replies[0].message).await.unwrap();
    assert!(scene.test.store.memories().is_empty());
    assert_eq!((scene.test.store.messages(room).len(), scene.test.store.open_turns()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_can_judge_any_more_what_was_found_fine_stands() {
    let scene = Scene::start([Judgement::Hold("And then")]).await;
    let reply = scene.asks(Script::Held(vec![LONG, "And then ", LONG, LONG])).await;
    // The first is asked about by itself; what follows, when it was found fine.
    scene.test.generator.let_go(1);
    while scene.test.moderator.asked(Side::Reply).is_empty() {
        tokio::task::yield_now().await;
    }
    scene.test.generator.let_go(3);
    scene.held().await;
    scene.test.moderator.set_out(true);
    scene.test.moderator.let_go("And then");
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok(LONG));
    assert_eq!(scene.finish(reply), Finish::Interrupted);
    assert_eq!(scene.test.fanout.streamed(scene.room, reply), LONG);
    scene.closed_upstream().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_of_which_nothing_could_be_judged_fails_and_is_given_back() {
    let scene = Scene::start([]).await;
    scene.test.moderator.set_out(true);
    let reply = scene.asks(Script::Say(vec!["Hello."])).await;
    assert_eq!(scene.end_of(reply).await, Err(ReplyState::Failed));
    assert_eq!(scene.test.store.used(scene.user), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_no_judge() {
    let scene = Scene::start([Judgement::Hang("harmless")]).await;
    let reply = scene.asks(Script::Silent(vec![LONG, LONG, LONG])).await;
    scene.held().await;
    scene.seen(reply).await;
    assert_eq!(scene.test.stop(scene.room, scene.user, Some(reply)).await, Ok(1));
    let text = scene.end_of(reply).await.unwrap();
    assert_eq!((text.chars().count(), scene.finish(reply)), (200, Finish::Stopped));
    assert_eq!(text, scene.test.fanout.streamed(scene.room, reply), "what was seen stands, and no more");
    scene.closed_upstream().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_end_is_judged_keeps_what_was_seen() {
    let scene = Scene::start([Judgement::Hang("Hello")]).await;
    let reply = scene.asks(Script::Say(vec!["Hello."])).await;
    scene.held().await;
    scene.seen(reply).await;
    assert_eq!(scene.test.stop(scene.room, scene.user, None).await, Ok(1));
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("Hello."));
    assert_eq!(scene.finish(reply), Finish::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_crashes_while_a_reply_is_judged_has_it_made_and_judged_anew() {
    let scene = Scene::start([Judgement::Hang("first try")]).await;
    let reply = scene.asks(Script::Say(vec!["first try"])).await;
    scene.held().await;
    scene.seen(reply).await;
    scene.test.generator.script(Script::Say(vec!["second try"]));
    scene.test.engine.crash_room(scene.room);
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("second try"));
    assert_eq!(scene.test.fanout.streamed(scene.room, reply), "second try");
    assert_eq!((scene.test.store.used(scene.user), scene.test.moderator.waiting()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_and_a_continuation_are_judged_too() {
    let scene = Scene::start([Judgement::Refuse("unspeakable")]).await;
    let reply = scene.asks(Script::Say(vec!["Once upon"])).await;
    scene.end_of(reply).await.unwrap();
    let became = async |wanted| {
        scene.test.generator.script(Script::Say(vec![" an unspeakable time"]));
        let asked = scene.test.ask(scene.room, scene.user, wanted).await.unwrap();
        let turn = asked.replies[0].message;
        scene
            .test
            .fanout
            .wait(scene.room, |event| match event {
                RoomEvent::Updated { message, reply } if *reply == Some(turn) => Some(message.clone()),
                _ => None,
            })
            .await
    };
    let more = became(Wanted::Continue(reply)).await;
    assert!(more.content.as_str().starts_with("Once upon\n\n"), "{:?}", more.content.as_str());
    assert!(more.finish == Finish::Refused && !more.content.as_str().contains("unspeakable"));
    let other = became(Wanted::Regenerate(reply)).await;
    assert_eq!((other.changes.variants, other.finish), (2, Finish::Refused));
    assert!(!other.content.as_str().contains("unspeakable") && !other.content.as_str().contains("Once"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_that_panics_judged_nothing() {
    let scene = Scene::start([Judgement::Panic("boo")]).await;
    let reply = scene.asks(Script::Say(vec!["boo"])).await;
    assert_eq!(scene.end_of(reply).await, Err(ReplyState::Failed));
    let reply = scene.asks(Script::Say(vec!["still here"])).await;
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok("still here"));
}

/// A node dies while a reply of which `judged` was found fine goes on with what is not judged yet; the next one takes it up.
async fn taken_up(judged: Vec<&'static str>, recovery: Recovery) -> (Scene, MessageId) {
    let quickly = |settings: &mut Settings| settings.turn.draft_every = Duration::from_millis(1);
    let scene = Scene::start_with([Judgement::Hang("And then")], quickly).await;
    let rest = ["And then ", LONG, LONG, LONG, "the unspeakable"];
    let (first, whole) = (judged.len(), [judged, rest.to_vec()].concat());
    let reply = scene.asks(Script::Held(whole.clone())).await;
    scene.test.generator.let_go(first);
    while scene.test.moderator.asked(Side::Reply).len() < first {
        tokio::task::yield_now().await;
    }
    scene.test.generator.let_go(rest.len());
    scene.held().await;
    while scene.test.store.draft(reply).is_none_or(|draft| draft.text != whole.concat()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let open = scene.test.engine.open_replies(scene.room).await;
    assert!(!open[0].text.contains("unspeakable"), "nor does who joins now hear of it");
    let moderator = ScriptedModerator::of(&[Side::Reply], [Judgement::Refuse("unspeakable")]);
    let store = scene.test.store.clone();
    let next = TestEngine::start_judged(store, moderator, |settings| settings.turn.recovery = recovery).await;
    next.generator.script(Script::Say(vec![" and more"]).go_on());
    assert_eq!(next.engine.recover().await, Ok(1));
    (Scene { test: next, ..scene }, reply)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_node_left_unjudged_is_judged_before_it_is_seen() {
    for judged in [vec![], vec![LONG]] {
        let (scene, reply) = taken_up(judged, Recovery::Continue).await;
        let text = scene.end_of(reply).await.unwrap();
        assert_eq!(scene.finish(reply), Finish::Refused);
        let told = format!("{:?}", scene.test.fanout.room(scene.room));
        assert!(!told.contains("unspeakable") && !text.contains("harmless"), "{told}");
        assert!(scene.most_seen(reply) <= LONG.len() + 200);
        assert_eq!(scene.test.store.draft(reply), None, "its end erases it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_reply_that_is_only_reported_what_was_found_fine_stands() {
    let (scene, reply) = taken_up(vec![LONG], Recovery::Report).await;
    assert_eq!(scene.end_of(reply).await.as_deref(), Ok(LONG));
    assert_eq!(scene.finish(reply), Finish::Interrupted);
    let (scene, reply) = taken_up(vec![], Recovery::Report).await;
    assert_eq!(scene.end_of(reply).await, Err(ReplyState::Interrupted));
    assert_eq!(scene.test.store.messages(scene.room).len(), 1);
}
