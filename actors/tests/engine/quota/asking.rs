//! Whether a message may be sent: as sending it is decided, and nothing is taken.

use std::time::Duration;

use greenroom_actors::domain::{Features, MessageKind};
use greenroom_actors::protocol::{Allowance, Inquiry, RefusalCode};
use greenroom_actors::testsuite::TestEngine;

use super::{Scene, is_used_up, per_character};

impl Scene {
    fn inquiry(&self) -> Inquiry {
        let text = MessageKind::Text;
        Inquiry { character: self.ada, kind: text, reply_kind: None, usual: text }
    }

    async fn may_send(&self, inquiry: Inquiry) -> Allowance {
        self.test.engine.may_send(self.user, inquiry).await.unwrap()
    }

    async fn refused(&self, inquiry: Inquiry) -> Option<RefusalCode> {
        self.may_send(inquiry).await.refusal.map(|refusal| refusal.code)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_takes_nothing_however_often() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(2)).await;
    for _ in 0..10 {
        let allowed = scene.may_send(scene.inquiry()).await;
        assert!(allowed.refusal.is_none() && allowed.resets_at.is_none());
        assert_eq!((allowed.usage.lines[0].used, allowed.usage.lines[0].limit), (0, 2));
    }
    scene.say_all(2).await;
    let refused = scene.may_send(scene.inquiry()).await;
    assert_eq!(refused.refusal.unwrap().code, RefusalCode::QuotaExceeded);
    assert_eq!(refused.resets_at, Some("2026-01-02T00:00:00Z".parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_that_of_sending_it() {
    let scene = Scene::with(|plan| {
        plan.messages_per_day = Some(6);
        plan.per_character = per_character(Some(2), Some(1), None);
    })
    .await;
    for kind in [MessageKind::Text, MessageKind::Audio, MessageKind::Media].repeat(4) {
        let allowed = scene.refused(Inquiry { kind, ..scene.inquiry() }).await.is_none();
        let sent = scene.send(scene.room, kind).await;
        assert_eq!(allowed, !is_used_up(sent), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pace_refuses_as_it_does_for_a_message_and_is_not_used_up_by_asking() {
    let test = TestEngine::start(|settings| settings.room.messages_per_minute = 2).await;
    let scene = Scene::on(test, |plan| plan.messages_per_day = None);
    for _ in 0..5 {
        assert_eq!(scene.refused(scene.inquiry()).await, None);
    }
    scene.say_all(2).await;
    let refused = scene.may_send(scene.inquiry()).await.refusal.unwrap();
    assert_eq!(
        (refused.code, refused.retry_after),
        (RefusalCode::RateLimited, Some(Duration::from_secs(30)))
    );
    scene.test.clock.advance(Duration::from_secs(30));
    assert_eq!(scene.refused(scene.inquiry()).await, None);
    scene.say().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audio_reply_is_asked_of_the_plan_and_counted_as_audio() {
    let scene = Scene::with(|plan| plan.per_character = per_character(None, Some(1), None)).await;
    let audio = Inquiry { reply_kind: Some(MessageKind::Audio), ..scene.inquiry() };
    assert_eq!(scene.refused(audio).await, Some(RefusalCode::PremiumRequired));
    // Where the character usually speaks and the plan has none of it, it writes.
    let usual = Inquiry { usual: MessageKind::Audio, ..scene.inquiry() };
    assert_eq!(scene.refused(usual).await, None);
    scene.plan(|plan| {
        plan.features = Features::ALL;
        plan.per_character = per_character(None, Some(1), None);
    });
    scene.test.engine.user_changed(scene.user);
    assert_eq!(scene.refused(audio).await, None);
    scene.send(scene.room, MessageKind::Audio).await.unwrap();
    assert_eq!(scene.refused(audio).await, Some(RefusalCode::QuotaExceeded));
    assert_eq!(scene.refused(usual).await, Some(RefusalCode::QuotaExceeded));
    assert_eq!(scene.refused(scene.inquiry()).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_used_up_is_known_before_it_is_refused_or_allowed() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(2)).await;
    scene.say_all(2).await;
    assert_eq!(scene.refused(scene.inquiry()).await, Some(RefusalCode::QuotaExceeded));
    // Another node gave it back, or an admin did: memory that says "full" asks the database first.
    scene.test.store.give_back_elsewhere(scene.user);
    assert_eq!(scene.refused(scene.inquiry()).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_may_send_without_an_account_and_nobody_is_told_while_the_database_is_away() {
    let scene = Scene::with(|_| {}).await;
    let nobody = scene.test.engine.may_send(greenroom_actors::domain::UserId::new(), scene.inquiry()).await;
    assert_eq!(nobody.unwrap_err().code, RefusalCode::NotFound);
    scene.test.store.set_down(true);
    let away = scene.test.engine.may_send(scene.user, scene.inquiry()).await;
    assert_eq!(away.unwrap_err().code, RefusalCode::DependencyDown);
}
