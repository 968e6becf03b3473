//! Another plan in the middle of the day: what was used stays used.

use std::sync::Arc;

use super::{Scene, is_used_up, per_character};
use greenroom_actors::domain::Plan;

impl Scene {
    /// The plan as it is stored.
    pub fn record_plan(&self) -> Arc<Plan> {
        let mut plan = None;
        self.change(|user| plan = Some(user.plan.clone()));
        plan.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greater_plan_counts_at_once_and_from_where_the_lesser_one_stood() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(3)).await;
    scene.say_all(3).await;
    assert!(is_used_up(scene.say().await));
    scene.plan(|plan| plan.messages_per_day = Some(5));
    scene.test.engine.user_changed(scene.user);
    assert_eq!(scene.today().await, (3, 5));
    scene.say_all(2).await;
    assert!(is_used_up(scene.say().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lesser_plan_counts_at_once_and_takes_back_nothing() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(10)).await;
    scene.say_all(4).await;
    scene.plan(|plan| plan.messages_per_day = Some(2));
    scene.test.engine.user_changed(scene.user);
    let usage = scene.test.engine.usage(scene.user).await.unwrap();
    assert_eq!((usage.lines[0].used, usage.lines[0].limit, usage.lines[0].percent()), (4, 2, 200));
    assert!(is_used_up(scene.say().await));
    assert_eq!(scene.test.store.used(scene.user), 4);
    scene.plan(|plan| plan.messages_per_day = None);
    scene.test.engine.user_changed(scene.user);
    scene.say_all(5).await;
    assert_eq!(scene.test.store.used(scene.user), 4, "without a limit nothing is counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_another_sort_begins_with_what_that_sort_counted() {
    let scene = Scene::with(|plan| plan.per_character = per_character(Some(4), None, None)).await;
    scene.say_all(2).await;
    scene.plan(|plan| plan.messages_per_day = None);
    scene.test.engine.user_changed(scene.user);
    scene.say().await.unwrap();
    scene.plan(|plan| plan.per_character = per_character(Some(3), None, None));
    scene.test.engine.user_changed(scene.user);
    scene.say().await.unwrap();
    assert!(is_used_up(scene.say().await), "two with the first plan, none with the second, one now");
    assert_eq!(scene.today().await, (3, 5), "the day's: two and one");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_plans_reach_everybody_who_is_in_memory() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(3)).await;
    scene.say_all(2).await;
    scene.plan(|plan| plan.messages_per_day = Some(2));
    scene.say().await.unwrap();
    scene.test.engine.plans_changed();
    assert!(is_used_up(scene.say().await));
    scene.plan(|plan| plan.messages_per_day = Some(4));
    scene.test.engine.plans_changed();
    scene.say().await.unwrap();
    assert!(is_used_up(scene.say().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_that_change_all_the_time_lose_no_message_and_count_none_twice() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(1_000)).await;
    let sends = async {
        let mut stored = 0;
        for _ in 0..200 {
            stored += u32::from(scene.say().await.is_ok());
        }
        stored
    };
    let changes = async {
        for limit in (1_000..1_100).rev() {
            scene.plan(|plan| plan.messages_per_day = Some(limit));
            scene.test.engine.plans_changed();
            tokio::task::yield_now().await;
        }
    };
    let (stored, ()) = tokio::join!(sends, changes);
    assert_eq!((stored, scene.test.store.used(scene.user)), (200, 200));
    // The last settling may still be on its way.
    while scene.today().await != (200, 1_000) {
        tokio::task::yield_now().await;
    }
}
