//! The kind of a reply: spoken, or shown with something of the gallery. By request, by character, by plan; whatever comes
//! between, the text stands.

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::Visibility;
use greenroom_actors::domain::{
    AiCall, Attachment, AttachmentKind, CallOutcome, CharacterId, Content, Finish, Message, MessageId,
    MessageKind, Place, Purpose, RoomId, Scope, UserId,
};
use greenroom_actors::ports::{Audience, Side};
use greenroom_actors::protocol::{
    Amendment, DetailsChange, RefusalCode, ReplyWish, RoomChange, RoomEvent, Send, Wanted,
};
use greenroom_actors::settings::{Recovery, Settings};
use greenroom_actors::testsuite::{
    Judgement, Script, ScriptedModerator, SpeechScript, TestEngine, character, content, text_of,
};

struct Scene {
    test: TestEngine,
    room: RoomId,
    user: UserId,
    ada: CharacterId,
}

impl Scene {
    async fn start(plan: &str) -> Self {
        Self::on(TestEngine::start(|_| {}).await, plan)
    }

    /// Somebody judges this side.
    async fn judged(side: Side, judgement: Judgement) -> Self {
        let moderator = ScriptedModerator::of(&[side], [judgement]);
        Self::on(TestEngine::start_judged(Arc::default(), moderator, |_| {}).await, "premium")
    }

    fn on(test: TestEngine, plan: &str) -> Self {
        let user = test.store.add_user(plan);
        let ada = test.store.add_character(character("Ada"));
        let room = test.store.add_room(&[user], &[ada]);
        Self { test, room, user, ada }
    }

    async fn ask(&self, kind: MessageKind) -> MessageId {
        let sent = self.test.say_for(self.room, self.user, "Sing", kind).await.unwrap();
        sent.replies[0].message
    }

    async fn ended(&self, reply: MessageId) -> Message {
        self.test.fanout.end_of(self.room, reply).await.unwrap();
        self.message(reply)
    }

    async fn became(&self, turn: MessageId) -> Message {
        let is = |event: &RoomEvent| match event {
            RoomEvent::Updated { message, reply } if *reply == Some(turn) => Some(Message::clone(message)),
            _ => None,
        };
        self.test.fanout.wait(self.room, is).await
    }

    fn message(&self, id: MessageId) -> Message {
        self.test.store.messages(self.room).into_iter().find(|message| message.id == id).unwrap()
    }

    /// Waits until so many texts were to be spoken.
    async fn spoken(&self, texts: usize) {
        while self.test.speech.asked().len() < texts {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn show(&self, visibility: Visibility) {
        let change = DetailsChange { visibility: Some(visibility), ..DetailsChange::default() };
        self.test.change(self.room, self.user, RoomChange::Details(change)).await.unwrap();
    }
}

/// The calls for speech that are accounted.
fn speech(scene: &Scene) -> Vec<AiCall> {
    let calls = scene.test.store.calls().into_iter().map(|new| new.call);
    calls.filter(|call| call.purpose == Purpose::Speech).collect()
}

fn picture() -> Attachment {
    Attachment::new(Place::Url("https://example.com/a.webp".into()), AttachmentKind::Image)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_spoken_once_its_text_is_complete() {
    let scene = Scene::start("premium").await;
    scene.test.generator.script(Script::Say(vec!["La ", "la."]));
    let reply = scene.ask(MessageKind::Audio).await;
    let message = scene.ended(reply).await;
    assert_eq!((message.kind, message.content.as_str()), (MessageKind::Audio, "La la."));
    let attachment = message.attachment.unwrap();
    assert_eq!((attachment.kind, attachment.duration_ms), (AttachmentKind::Audio, Some(1_000)));
    assert!(matches!(&attachment.place, Place::Object(key) if key.contains(&reply.to_string())));
    assert_eq!(scene.test.fanout.streamed(scene.room, reply), "La la.", "the transcript streams before");
    let asked = scene.test.speech.asked().remove(0);
    assert_eq!((&*asked.text, asked.user, asked.message), ("La la.", scene.user, reply));
    let speech = speech(&scene);
    assert_eq!((speech.len(), speech[0].usage.prompt_tokens, speech[0].outcome), (1, 6, CallOutcome::Done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_cannot_be_spoken_stays_a_text() {
    let scene = Scene::start("premium").await;
    scene.test.speech.script(SpeechScript::Fail);
    let message = scene.ended(scene.ask(MessageKind::Audio).await).await;
    assert_eq!((message.kind, message.finish), (MessageKind::Text, Finish::Complete));
    assert_eq!(message.attachment, None);
    let failed = speech(&scene).remove(0);
    assert_eq!((failed.outcome, failed.cost_micros()), (CallOutcome::Failed, 0), "told, and not charged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_refused_is_never_spoken() {
    let scene = Scene::judged(Side::Reply, Judgement::Refuse("unspeakable")).await;
    scene.test.generator.script(Script::Say(vec!["That is ", "unspeakable."]));
    let message = scene.ended(scene.ask(MessageKind::Audio).await).await;
    assert_eq!(
        (message.kind, message.finish, message.attachment),
        (MessageKind::Text, Finish::Refused, None)
    );
    assert!(scene.test.speech.asked().is_empty() && speech(&scene).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_spoken_only_when_all_of_it_was_found_fine() {
    let scene = Scene::judged(Side::Reply, Judgement::Hold("la.")).await;
    scene.test.generator.script(Script::Say(vec!["La ", "la."]));
    let reply = scene.ask(MessageKind::Audio).await;
    while scene.test.moderator.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(scene.test.speech.asked().is_empty());
    scene.test.moderator.let_go("la.");
    let message = scene.ended(reply).await;
    assert_eq!((message.kind, message.content.as_str()), (MessageKind::Audio, "La la."));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_heard_is_judged_as_if_it_had_been_written() {
    let scene = Scene::judged(Side::Message, Judgement::Refuse("unspeakable")).await;
    let file = Attachment::new(Place::Url("https://example.com/a.ogg".into()), AttachmentKind::Audio);
    let audio = Send {
        kind: MessageKind::Audio,
        content: Content::caption("", 10).unwrap(),
        attachment: Some(file.into()),
        reply: ReplyWish::None,
        ..text_of(scene.room, scene.user, "-")
    };
    let sent = scene.test.send(audio).await.unwrap().message.id;
    let heard = Amendment::Transcript(content("unspeakable"));
    let refused = scene.test.amend(scene.room, scene.user, sent, heard).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::ContentRefused);
    assert_eq!(scene.message(sent).content.as_str(), "");
    let heard = Amendment::Transcript(content("harmless"));
    scene.test.amend(scene.room, scene.user, sent, heard).await.unwrap();
    assert_eq!(scene.message(sent).content.as_str(), "harmless");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_stopped_while_it_is_spoken_stays_a_text() {
    let scene = Scene::start("premium").await;
    scene.test.speech.script(SpeechScript::Hang);
    let reply = scene.ask(MessageKind::Audio).await;
    scene.spoken(1).await;
    assert_eq!(scene.test.stop(scene.room, scene.user, Some(reply)).await.unwrap(), 1);
    let message = scene.ended(reply).await;
    assert_eq!((message.kind, message.finish), (MessageKind::Text, Finish::Stopped));
    assert_eq!(message.content.as_str(), "re: Sing", "all that was said stands");
    let stopped = speech(&scene).remove(0);
    assert_eq!(stopped.outcome, CallOutcome::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_that_takes_too_long_is_not_waited_for() {
    let test = TestEngine::start(|settings| settings.turn.voice_timeout = Duration::from_millis(20)).await;
    let user = test.store.add_user("premium");
    let ada = test.store.add_character(character("Ada"));
    let room = test.store.add_room(&[user], &[ada]);
    test.speech.script(SpeechScript::Hang);
    let sent = test.say_for(room, user, "Sing", MessageKind::Audio).await.unwrap();
    test.fanout.end_of(room, sent.replies[0].message).await.unwrap();
    let message = &test.store.messages(room)[1];
    assert_eq!((message.kind, message.finish), (MessageKind::Text, Finish::Complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_voice_what_is_asked_for_is_refused_and_nothing_is_stored() {
    let scene = Scene::start("premium").await;
    scene.test.speech.set_missing(Some("no provider speaks"));
    let refused = scene.test.say_for(scene.room, scene.user, "Sing", MessageKind::Audio).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::ReplyTypeUnavailable);
    assert_eq!(refused.message, "no provider speaks");
    assert!(scene.test.store.messages(scene.room).is_empty());
    // What nobody asked for in particular is written.
    scene.test.engine.character_named(scene.ada, "Ada", MessageKind::Audio);
    let sent = scene.test.say(scene.room, scene.user, "Hello", ReplyWish::Auto).await.unwrap();
    assert_eq!(scene.ended(sent.replies[0].message).await.kind, MessageKind::Text);
    let without = Send { reply: ReplyWish::None, ..text_of(scene.room, scene.user, "Only this") };
    let without = Send { reply_kind: Some(MessageKind::Audio), ..without };
    assert!(scene.test.send(without).await.is_ok(), "no reply, no kind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_audio_replies_gets_none() {
    let scene = Scene::start("basic").await;
    let refused = scene.test.say_for(scene.room, scene.user, "Sing", MessageKind::Audio).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::PremiumRequired);
    assert_eq!(scene.test.store.used(scene.user), 0);
    let sent = scene.test.say(scene.room, scene.user, "Hello", ReplyWish::Auto).await.unwrap();
    let reply = sent.replies[0].message;
    scene.ended(reply).await;
    let anew = Wanted::Regenerate(reply);
    let refused = scene.test.ask_for(scene.room, scene.user, anew, Some(MessageKind::Audio)).await;
    assert_eq!(refused.unwrap_err().code, RefusalCode::PremiumRequired);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_character_that_usually_speaks_does_so_where_the_plan_has_it() {
    for (plan, kind) in [("premium", MessageKind::Audio), ("basic", MessageKind::Text)] {
        let scene = Scene::start(plan).await;
        // The room has to be there to hear of it.
        scene.test.say(scene.room, scene.user, "Hello", ReplyWish::None).await.unwrap();
        scene.test.engine.character_named(scene.ada, "Ada", MessageKind::Audio);
        let sent = scene.test.say(scene.room, scene.user, "Sing", ReplyWish::Auto).await.unwrap();
        assert_eq!(scene.ended(sent.replies[0].message).await.kind, kind, "{plan}");
        let text = scene.ask(MessageKind::Text).await;
        assert_eq!(scene.ended(text).await.kind, MessageKind::Text, "what is asked for is given");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_counts_as_the_kind_that_was_asked_for() {
    let scene = Scene::start("free").await;
    // The plan has no picture to give away, and three texts.
    let refused =
        scene.test.say_for(scene.room, scene.user, "Show me", MessageKind::Media).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::QuotaExceeded);
    let sent = scene.test.say(scene.room, scene.user, "Tell me", ReplyWish::Auto).await.unwrap();
    let line = &sent.usage.unwrap().lines[0];
    assert_eq!((line.scope, line.used), (Scope::Character(scene.ada, MessageKind::Text), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_shown_with_what_the_gallery_has_and_its_text_is_the_caption() {
    let scene = Scene::start("premium").await;
    scene.test.gallery.script(picture());
    let message = scene.ended(scene.ask(MessageKind::Media).await).await;
    assert_eq!((message.kind, message.content.as_str()), (MessageKind::Media, "re: Sing"));
    assert_eq!(message.attachment.as_deref(), Some(&picture()));
    let wish = scene.test.gallery.asked().remove(0);
    assert_eq!((wish.asked.as_str(), &*wish.said), ("Sing", "re: Sing"));
    assert_eq!((&*wish.members, wish.audience), (&[scene.user][..], Audience::Members));
    let without = scene.ended(scene.ask(MessageKind::Media).await).await;
    assert_eq!((without.kind, without.attachment), (MessageKind::Text, None), "nothing fits");
    scene.show(Visibility::Unlisted).await;
    scene.ended(scene.ask(MessageKind::Media).await).await;
    assert_eq!(scene.test.gallery.asked()[2].audience, Audience::Everybody);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_taken_up_after_a_crash_is_of_the_same_kind() {
    let scene = Scene::start("premium").await;
    scene.test.generator.script(Script::Silent(vec!["La"]));
    let reply = scene.ask(MessageKind::Audio).await;
    let store = scene.test.store.clone();
    let second =
        TestEngine::start_on(store.clone(), |settings| settings.turn.recovery = Recovery::Restart).await;
    assert_eq!(second.engine.recover().await.unwrap(), 1);
    second.fanout.end_of(scene.room, reply).await.unwrap();
    let message = store.messages(scene.room).into_iter().find(|message| message.id == reply).unwrap();
    assert_eq!((message.kind, second.speech.asked().len()), (MessageKind::Audio, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_variant_keeps_its_voice() {
    let scene = Scene::start("premium").await;
    let reply = scene.ask(MessageKind::Audio).await;
    let first = scene.ended(reply).await;
    let again = scene.test.ask(scene.room, scene.user, Wanted::Regenerate(reply)).await.unwrap();
    let second = scene.became(again.replies[0].message).await;
    assert_eq!(second.kind, MessageKind::Audio, "it is made anew as what it was");
    let text = Some(MessageKind::Text);
    let anew = scene.test.ask_for(scene.room, scene.user, Wanted::Regenerate(reply), text).await.unwrap();
    let third = scene.became(anew.replies[0].message).await;
    assert_eq!((third.kind, third.attachment), (MessageKind::Text, None));
    let select = |index| scene.test.amend(scene.room, scene.user, reply, Amendment::Select(index));
    let back = select(0).await.unwrap();
    assert_eq!((back.kind, &back.attachment), (MessageKind::Audio, &first.attachment));
    assert_eq!(select(2).await.unwrap().kind, MessageKind::Text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_reply_that_goes_on_is_spoken_as_a_whole() {
    let scene = Scene::start("premium").await;
    scene.test.generator.script(Script::Say(vec!["La la"]));
    let reply = scene.ask(MessageKind::Audio).await;
    scene.ended(reply).await;
    let go_on = |texts| {
        scene.test.generator.script(Script::Say(texts));
        scene.test.ask(scene.room, scene.user, Wanted::Continue(reply))
    };
    let more = go_on(vec![" la."]).await.unwrap();
    let longer = scene.became(more.replies[0].message).await;
    assert_eq!((longer.kind, longer.content.as_str()), (MessageKind::Audio, "La la la."));
    assert_eq!(&*scene.test.speech.asked()[1].text, "La la la.");
    // A voice that does not say all of it is none.
    scene.test.speech.script(SpeechScript::Fail);
    let more = go_on(vec![" Lo."]).await.unwrap();
    let text = scene.became(more.replies[0].message).await;
    assert_eq!((text.kind, text.attachment), (MessageKind::Text, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_heard_in_an_audio_message_is_what_is_answered() {
    let test = TestEngine::start(|settings| settings.turn.transcript_wait = Duration::from_secs(60)).await;
    let user = test.store.add_user("premium");
    let ada = test.store.add_character(character("Ada"));
    let room = test.store.add_room(&[user], &[ada]);
    let file = Attachment::new(Place::Url("https://example.com/a.ogg".into()), AttachmentKind::Audio);
    let mute = Content::caption("", 10).unwrap();
    let audio = Send { kind: MessageKind::Audio, content: mute, ..text_of(room, user, "-") };
    let sent = test.send(Send { attachment: Some(file.into()), ..audio }).await.unwrap();
    let heard = Amendment::Transcript(content("Good evening"));
    let message = test.amend(room, user, sent.message.id, heard).await.unwrap();
    assert_eq!((message.content.as_str(), message.changes.edited_at), ("Good evening", None));
    assert_eq!(
        test.fanout.end_of(room, sent.replies[0].message).await.unwrap(),
        "re: (sends a voice message) Good evening"
    );
    // What its author said or wrote is not overwritten.
    let late = Amendment::Transcript(content("Something else"));
    let message = test.amend(room, user, sent.message.id, late).await.unwrap();
    assert_eq!(message.content.as_str(), "Good evening");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_whose_node_dies_while_it_is_spoken_is_spoken_once_by_the_next() {
    for (recovery, kind, text) in [
        (Recovery::Continue, MessageKind::Audio, "La la la."),
        (Recovery::Report, MessageKind::Text, "La la"),
    ] {
        let quickly = |settings: &mut Settings| settings.turn.draft_every = Duration::from_millis(1);
        let scene = Scene::on(TestEngine::start(quickly).await, "premium");
        scene.test.speech.script(SpeechScript::Hang);
        scene.test.generator.script(Script::Held(vec!["La ", "la"]));
        let reply = scene.ask(MessageKind::Audio).await;
        scene.test.generator.let_go(2);
        while scene.test.store.draft(reply).is_none_or(|draft| draft.text != "La la") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        scene.test.generator.let_go(1);
        scene.spoken(1).await;
        let store = scene.test.store.clone();
        let next = TestEngine::start_on(store, |settings| settings.turn.recovery = recovery).await;
        next.generator.script(Script::Say(vec![" la."]).go_on());
        assert_eq!(next.engine.recover().await, Ok(1));
        let scene = Scene { test: next, ..scene };
        let message = scene.ended(reply).await;
        assert_eq!((message.kind, message.content.as_str()), (kind, text));
        let spoken = usize::from(kind == MessageKind::Audio);
        assert_eq!((message.attachment.iter().count(), scene.test.speech.asked().len()), (spoken, spoken));
        assert_eq!((scene.test.store.messages(scene.room).len(), scene.test.store.open_turns()), (2, 0));
    }
}
