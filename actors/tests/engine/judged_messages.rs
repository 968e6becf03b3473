//! What people write is judged before anything is done with it: in their order, and nothing of what is refused is left.

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::{
    Attachment, AttachmentKind, CharacterId, ClientId, Content, MessageId, MessageKind, Place, RoomId, UserId,
};
use greenroom_actors::moderation::Rules;
use greenroom_actors::ports::Side;
use greenroom_actors::protocol::{Amendment, Refusal, RefusalCode, ReplyWish, Responder, Send, Sent, Wanted};
use greenroom_actors::settings::Settings;
use greenroom_actors::testsuite::{
    Judgement, MemoryStore, Script, ScriptedModerator, TestEngine, character, content,
};
use tokio::sync::oneshot::Receiver;

struct Scene {
    test: TestEngine,
    room: RoomId,
    mira: UserId,
    jon: UserId,
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
        let moderator = ScriptedModerator::of(&[Side::Message], judgements);
        let store = Arc::new(MemoryStore::default());
        let test = TestEngine::start_judged(store, moderator, |settings| {
            settings.journal.lanes = 1;
            change(settings);
        })
        .await;
        let [mira, jon] = ["free"; 2].map(|plan| test.store.add_user(plan));
        let ada = test.store.add_character(character("Ada"));
        let room = test.store.add_room(&[mira, jon], &[ada]);
        Self { test, room, mira, jon, ada }
    }

    /// Sends without waiting for the answer.
    fn begin(&self, user: UserId, text: &str) -> Receiver<Result<Sent, Refusal>> {
        let (responder, answer) = Responder::channel();
        self.test.engine.send(self.message(user, text), responder);
        answer
    }

    fn message(&self, user: UserId, text: &str) -> Send {
        Send {
            room: self.room,
            user,
            session: None,
            content: content(text),
            kind: MessageKind::Text,
            attachment: None,
            client_id: None,
            reply_to: None,
            reply: ReplyWish::None,
            reply_kind: None,
        }
    }

    async fn say(&self, text: &str) -> Result<Sent, Refusal> {
        self.test.say(self.room, self.mira, text, ReplyWish::None).await
    }

    fn said(&self) -> Vec<String> {
        let messages = self.test.store.messages(self.room);
        messages.iter().map(|message| message.content.as_str().to_owned()).collect()
    }

    /// Waits until so many texts are held by the judge.
    async fn held(&self, count: usize) {
        while self.test.moderator.waiting() != count {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_persons_messages_stay_in_the_order_of_sending_and_hold_up_nobody_else() {
    let scene = Scene::start([Judgement::Hold("slow")]).await;
    let first = scene.begin(scene.mira, "slow one");
    let second = scene.begin(scene.mira, "quick two");
    scene.held(1).await;
    scene.begin(scene.jon, "quick three").await.unwrap().unwrap();
    assert_eq!(scene.said(), ["quick three"]);
    scene.test.moderator.let_go("slow");
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(scene.said(), ["quick three", "slow one", "quick two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_judgement_waits_behind_what_does() {
    let scene = Scene::start([Judgement::Hold("slow")]).await;
    let sent = scene.say("to be deleted").await.unwrap();
    let edited = {
        let (responder, answer) = Responder::channel();
        let edit = Amendment::Edit(content("slow edit"));
        scene.test.engine.amend(scene.room, scene.mira, sent.message.id, edit, responder);
        answer
    };
    let deleted = {
        let (responder, answer) = Responder::channel();
        scene.test.engine.amend(scene.room, scene.mira, sent.message.id, Amendment::Delete, responder);
        answer
    };
    scene.held(1).await;
    scene.test.moderator.let_go("slow");
    assert_eq!(edited.await.unwrap().unwrap().content.as_str(), "slow edit");
    assert!(deleted.await.unwrap().unwrap().changes.deleted_at.is_some());
    assert_eq!(scene.test.store.head(scene.room), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_is_not_stored_not_counted_and_declined_in_the_characters_words() {
    let scene = Scene::start([Judgement::Refuse("unspeakable")]).await;
    let refusal = scene.say("the unspeakable thing").await.unwrap_err();
    assert_eq!((refusal.code, refusal.retry_after), (RefusalCode::ContentRefused, None));
    assert!(refusal.message.contains("Ada"), "{}", refusal.message);
    assert!(!refusal.message.contains("unspeakable") && !refusal.message.contains("scripted"));
    assert!(scene.said().is_empty());
    assert_eq!((scene.test.store.used(scene.mira), scene.test.store.head(scene.room)), (0, 0));
    let who = scene.test.moderator.whom(Side::Message)[0];
    assert_eq!((who.user, who.room, who.character), (Some(scene.mira), Some(scene.room), Some(scene.ada)));
    // The quota is whole, and the same words are declined in the same way.
    assert_eq!(scene.say("the unspeakable thing").await.unwrap_err(), refusal);
    for _ in 0..3 {
        scene.say("something else").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_refuse_before_anybody_is_asked() {
    let rules = Rules::new([("house", "forbidden fruit")]).unwrap();
    let scene = Scene::start_with([], |settings| settings.moderation.rules = Arc::new(rules)).await;
    let refusal = scene.say("Forbidden  FRU\u{200B}IT!").await.unwrap_err();
    assert!(refusal.code == RefusalCode::ContentRefused && refusal.message.contains("Ada"));
    assert!(scene.test.moderator.asked(Side::Message).is_empty() && scene.said().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_and_what_is_sent_again_are_judged_too() {
    let scene = Scene::start([Judgement::Refuse("unspeakable")]).await;
    let sent = scene.say("harmless").await.unwrap();
    let edit = Amendment::Edit(content("unspeakable"));
    let refusal = scene.test.amend(scene.room, scene.mira, sent.message.id, edit).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::ContentRefused);
    let resend = Wanted::Resend { message: sent.message.id, content: content("unspeakable") };
    let refusal = scene.test.ask(scene.room, scene.mira, resend).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::ContentRefused);
    assert_eq!((scene.said(), scene.test.store.head(scene.room)), (vec!["harmless".to_owned()], 1));
    let resend = Wanted::Resend { message: sent.message.id, content: content("harmless too") };
    assert_eq!(scene.test.ask(scene.room, scene.mira, resend).await.unwrap().replies.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn captions_and_transcripts_are_judged_and_what_says_nothing_is_not() {
    let scene = Scene::start([Judgement::Refuse("unspeakable")]).await;
    let picture = Attachment::new(Place::Url("https://example.com/cat.webp".into()), AttachmentKind::Image);
    let send = |caption: &str| {
        let (responder, answer) = Responder::channel();
        let message = Send {
            content: Content::caption(caption, 100).unwrap(),
            kind: MessageKind::Media,
            attachment: Some(Arc::new(picture.clone())),
            user: scene.jon,
            client_id: ClientId::parse("a").ok(),
            ..scene.message(scene.jon, "x")
        };
        scene.test.engine.send(message, responder);
        answer
    };
    let refusal = send("unspeakable").await.unwrap().unwrap_err();
    assert_eq!(refusal.code, RefusalCode::ContentRefused);
    // The plan has no media; that it came so far is what counts.
    assert_eq!(send("").await.unwrap().unwrap_err().code, RefusalCode::QuotaExceeded);
    assert_eq!(scene.test.moderator.asked(Side::Message), ["unspeakable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_judge_is_not_stored_and_may_be_sent_again() {
    let scene = Scene::start([]).await;
    scene.test.moderator.set_out(true);
    let refusal = scene.say("hello").await.unwrap_err();
    assert!(refusal.code == RefusalCode::DependencyDown && refusal.retry_after.is_some());
    assert!(scene.said().is_empty());
    scene.test.moderator.set_out(false);
    scene.say("hello").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judgement_that_never_comes_holds_up_nobody_for_ever() {
    let scene = Scene::start_with([Judgement::Hang("lost")], |settings| {
        settings.room.commit_deadline = Duration::from_millis(100);
    })
    .await;
    let lost = scene.begin(scene.mira, "lost");
    tokio::time::sleep(Duration::from_millis(60)).await;
    let next = scene.begin(scene.mira, "next");
    assert_eq!(lost.await.unwrap().unwrap_err().code, RefusalCode::OutcomeUnknown);
    next.await.unwrap().unwrap();
    assert_eq!(scene.said(), ["next"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_judgement_counts_as_pending() {
    let scene = Scene::start_with([Judgement::Hold("slow")], |settings| settings.room.pending_max = 3).await;
    let waiting: Vec<_> = (0..3).map(|n| scene.begin(scene.mira, &format!("slow {n}"))).collect();
    scene.held(3).await;
    assert_eq!(scene.begin(scene.jon, "hello").await.unwrap().unwrap_err().code, RefusalCode::Overloaded);
    scene.test.moderator.let_go("slow");
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(scene.said(), ["slow 0", "slow 1", "slow 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moderator_that_panics_judged_nothing_and_the_room_lives_on() {
    let scene = Scene::start([Judgement::Panic("boo")]).await;
    assert_eq!(scene.say("boo").await.unwrap_err().code, RefusalCode::DependencyDown);
    scene.say("still here").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_crashes_answers_what_waited() {
    let scene = Scene::start([Judgement::Hang("lost")]).await;
    let lost = scene.begin(scene.mira, "lost");
    scene.held(1).await;
    scene.test.engine.crash_room(scene.room);
    assert_eq!(lost.await.unwrap().unwrap_err().code, RefusalCode::OutcomeUnknown);
    scene.say("again").await.unwrap();
    assert_eq!(scene.said(), ["again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_judges_messages_nobody_is_asked() {
    let moderator = ScriptedModerator::of(&[Side::Reply], [Judgement::Refuse("hello")]);
    let test = TestEngine::start_judged(Arc::default(), moderator, |_| {}).await;
    let user = test.store.add_user("premium");
    let ada = test.store.add_character(character("Ada"));
    let room = test.store.add_room(&[user], &[ada]);
    test.say(room, user, "hello", ReplyWish::None).await.unwrap();
    assert!(test.moderator.asked(Side::Message).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_what_was_held_is_asked_for_once_it_is_stored() {
    let scene = Scene::start([Judgement::Hold("slow")]).await;
    scene.test.generator.script(Script::Say(vec!["Yes."]));
    let (responder, sent) = Responder::channel();
    let message = Send { reply: ReplyWish::Auto, ..scene.message(scene.mira, "slow question") };
    scene.test.engine.send(message, responder);
    scene.held(1).await;
    assert!(scene.test.generator.requests().is_empty());
    scene.test.moderator.let_go("slow");
    let reply: MessageId = sent.await.unwrap().unwrap().replies[0].message;
    assert_eq!(scene.test.fanout.end_of(scene.room, reply).await, Ok("Yes.".to_owned()));
}
