//! When a count begins anew: by the user's midnight and month, whatever the clocks do.

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::{PerCharacter, Window};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Scene, is_used_up};

async fn once_a_day(zone: &str, start: &str) -> Scene {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(1)).await;
    scene.change(|user| user.time_zone = TimeZone::get(zone).unwrap());
    scene.test.clock.set(start);
    scene
}

async fn resets_at(scene: &Scene) -> String {
    let usage = scene.test.engine.usage(scene.user).await.unwrap();
    usage.lines[0].resets_at.unwrap().to_string()
}

/// A day's one message goes at its start and no second one until its end, by that zone.
async fn one_a_day(zone: &str, days: &[(&str, &str)]) {
    let scene = once_a_day(zone, days[0].0).await;
    for (begin, end) in days {
        scene.test.clock.set(begin);
        scene.say().await.unwrap();
        assert_eq!(resets_at(&scene).await, *end, "{zone}");
        let last = end.parse::<Timestamp>().unwrap() - Duration::from_millis(1);
        scene.test.clock.set(&last.to_string());
        assert!(is_used_up(scene.say().await), "{zone}: {last}");
    }
    scene.test.clock.set(days[days.len() - 1].1);
    scene.say().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_the_users_day() {
    one_a_day(
        "Asia/Tokyo",
        &[("2026-06-01T15:00:00Z", "2026-06-02T15:00:00Z"), ("2026-06-02T15:00:00Z", "2026-06-03T15:00:00Z")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_twenty_three_hours_is_one_day() {
    one_a_day(
        "Europe/Rome",
        &[
            ("2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z"),
            ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_twenty_five_hours_is_one_day() {
    one_a_day(
        "Europe/Rome",
        &[("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), ("2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_whose_midnight_is_left_out_begins_with_its_first_moment() {
    // Clocks go from 00:00 to 01:00 on 8 March.
    one_a_day(
        "America/Havana",
        &[("2026-03-07T05:00:00Z", "2026-03-08T05:00:00Z"), ("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leap_day_is_a_day() {
    one_a_day(
        "Asia/Kolkata",
        &[
            ("2028-02-27T18:30:00Z", "2028-02-28T18:30:00Z"),
            ("2028-02-28T18:30:00Z", "2028-02-29T18:30:00Z"),
            ("2028-02-29T18:30:00Z", "2028-03-01T18:30:00Z"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_the_users_month() {
    let scene = Scene::with(|plan| {
        plan.messages_per_day = None;
        let window = Window::Month;
        plan.per_character = Some(PerCharacter { text: Some(1), audio: None, media: None, window });
    })
    .await;
    scene.change(|user| user.time_zone = TimeZone::get("America/New_York").unwrap());
    // New York's first of February, of March, and of April: that one by summer time.
    for (begin, end) in [
        ("2028-02-01T05:00:00Z", "2028-03-01T05:00:00Z"),
        ("2028-03-01T05:00:00Z", "2028-04-01T04:00:00Z"),
        ("2028-04-01T04:00:00Z", "2028-05-01T04:00:00Z"),
    ] {
        scene.test.clock.set(begin);
        scene.say().await.unwrap();
        assert_eq!(resets_at(&scene).await, end);
        let last = end.parse::<Timestamp>().unwrap() - Duration::from_millis(1);
        scene.test.clock.set(&last.to_string());
        assert!(is_used_up(scene.say().await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_time_zone_counts_after_the_next_reset_and_gives_no_second_day() {
    let scene = once_a_day("Europe/Rome", "2026-06-10T10:00:00Z").await;
    scene.say().await.unwrap();
    // As the account keeps it: Tokyo, from the next midnight in Rome.
    let midnight: Timestamp = "2026-06-10T22:00:00Z".parse().unwrap();
    scene.change(|user| user.valid_until = Some(midnight));
    scene.test.engine.user_changed(scene.user);
    scene.test.clock.set("2026-06-10T16:00:00Z");
    assert!(is_used_up(scene.say().await), "it is the 11th in Tokyo, and still the 10th in Rome");
    scene.change(|user| (user.time_zone, user.valid_until) = (TimeZone::get("Asia/Tokyo").unwrap(), None));
    scene.test.clock.set("2026-06-10T22:00:00Z");
    scene.say().await.unwrap();
    assert_eq!(resets_at(&scene).await, "2026-06-11T15:00:00Z");
    assert!(is_used_up(scene.say().await));
    scene.test.clock.set("2026-06-11T15:00:00Z");
    scene.say().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_turns_the_date_back_brings_back_that_dates_count() {
    let scene = once_a_day("Pacific/Kiritimati", "2026-06-10T09:00:00Z").await;
    scene.say().await.unwrap();
    scene.test.clock.set("2026-06-10T10:00:00Z");
    scene.say().await.unwrap();
    // The 11th there is the 9th in Samoa, and then the 10th, whose message was sent.
    scene.change(|user| user.time_zone = TimeZone::get("Pacific/Pago_Pago").unwrap());
    scene.test.engine.user_changed(scene.user);
    scene.say().await.unwrap();
    scene.test.clock.set("2026-06-10T11:00:00Z");
    assert!(is_used_up(scene.say().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_ends_by_the_clock_in_the_middle_of_the_day() {
    let scene = Scene::with(|plan| plan.messages_per_day = Some(1)).await;
    let (limited, end) = (Arc::clone(&scene.record_plan()), "2026-01-01T18:00:00Z".parse().unwrap());
    scene.plan(|plan| plan.messages_per_day = None);
    scene.change(|user| user.valid_until = Some(end));
    scene.say_all(10).await;
    scene.change(|user| (user.plan, user.valid_until) = (limited, None));
    scene.say_all(10).await;
    scene.test.clock.set("2026-01-01T18:00:00Z");
    scene.say().await.unwrap();
    assert!(is_used_up(scene.say().await));
}
