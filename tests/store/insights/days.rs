//! Which day a moment belongs to: days of 23 and 25 hours, other zones, and those who move.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::recount::assert_equal;
use super::world::{call, execute, roll_up, room, say, user};
use crate::support::app::TestApp;
use crate::support::database::TestDatabase;

async fn days_of(database: &TestDatabase, who: Uuid) -> Vec<(String, i64)> {
    let client = database.pool().get().await.unwrap();
    let sql = "select day::text, messages from insight_days where user_id = $1 and messages > 0 order by day";
    client.query(sql, &[&who]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn days<const N: usize>(expected: [(&str, i64); N]) -> Vec<(String, i64)> {
    expected.into_iter().map(|(day, count)| (day.to_owned(), count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_23_and_of_25_hours_have_what_was_said_between_their_midnights() {
    let database = TestDatabase::create().await;
    let ny = user(&database, "America/New_York").await;
    let place = room(&database, ny, "2026-01-01T00:00:00Z").await;
    for at in [
        // The clock goes forward on the 8th of March: from 05:00Z to 04:00Z of the 9th, 23 hours.
        "2026-03-08T04:59:59Z",
        "2026-03-08T05:00:00Z",
        "2026-03-08T06:59:59Z",
        "2026-03-08T07:00:00Z",
        "2026-03-09T03:59:59Z",
        "2026-03-09T04:00:00Z",
        // And back on the 1st of November: from 04:00Z to 05:00Z of the 2nd, 25 hours, one of them twice.
        "2026-11-01T03:59:59Z",
        "2026-11-01T04:00:00Z",
        "2026-11-01T05:30:00Z",
        "2026-11-01T06:30:00Z",
        "2026-11-02T04:59:59Z",
        "2026-11-02T05:00:00Z",
    ] {
        say(&database, place, ny, at).await;
    }
    roll_up(&database).await;
    assert_eq!(
        days_of(&database, ny).await,
        days([
            ("2026-03-07", 1),
            ("2026-03-08", 4),
            ("2026-03-09", 1),
            ("2026-10-31", 1),
            ("2026-11-01", 4),
            ("2026-11-02", 1)
        ])
    );
    // Of all together: days of UTC.
    assert_eq!(days_of(&database, Uuid::nil()).await.len(), 4);
    assert_equal(&database, "with summer time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_zone_has_its_own_midnight() {
    let database = TestDatabase::create().await;
    for (zone, day) in [
        ("UTC", "2026-05-01"),
        ("Pacific/Kiritimati", "2026-05-02"),
        ("Asia/Kathmandu", "2026-05-02"),
        ("America/Los_Angeles", "2026-05-01"),
        // What no database knows counts as UTC.
        ("Mars/Olympus", "2026-05-01"),
    ] {
        let one = user(&database, zone).await;
        let place = room(&database, one, "2026-01-01T00:00:00Z").await;
        say(&database, place, one, "2026-05-01T18:20:00Z").await;
        roll_up(&database).await;
        assert_eq!(days_of(&database, one).await, days([(day, 1)]), "{zone}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_moves_has_each_message_on_one_day_before_and_after_the_midnight_at_which_it_holds() {
    let app = TestApp::start().await;
    let mira = app.user().await;
    let id: Uuid = mira.id.parse().unwrap();
    let change = async |zone: &str| {
        let body = json!({ "timeZone": zone });
        let put = app.call(reqwest::Method::PUT, "/api/auth/profile", Some(&mira.token), Some(body));
        assert_eq!(put.await.0, 200);
    };
    let client = app.database.pool().get().await.unwrap();
    let day = async |at: Timestamp| -> String {
        let sql = "select insight_day($1, $2)::text";
        client.query_one(sql, &[&id, &at]).await.unwrap().get(0)
    };
    change("Pacific/Kiritimati").await;
    let from: Timestamp =
        client.query_one("select next_time_zone_at from users where id = $1", &[&id]).await.unwrap().get(0);
    let seconds = |at: Timestamp, more: i64| Timestamp::from_second(at.as_second() + more).unwrap();
    let of_utc = |at: Timestamp| at.to_string()[..10].to_owned();
    // Until the next midnight of UTC nothing changes; from then on it is 14 hours later there.
    for at in [seconds(from, -1), seconds(from, -3_600), Timestamp::UNIX_EPOCH] {
        assert_eq!(day(at).await, of_utc(at));
    }
    for at in [from, seconds(from, 9 * 3_600), seconds(from, 11 * 3_600)] {
        assert_eq!(day(at).await, of_utc(seconds(at, 14 * 3_600)));
    }
    // Another wish takes the place of the first; the present zone, that of both.
    change("America/New_York").await;
    assert_eq!(day(seconds(from, 3_600)).await, of_utc(seconds(from, -3_600 * 3)));
    change("UTC").await;
    assert_eq!(day(seconds(from, 3_600)).await, of_utc(from));
    drop(client);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_of_an_erased_account_go_and_those_of_all_together_stay() {
    let database = TestDatabase::create().await;
    let (gone, other) = (user(&database, "Asia/Tokyo").await, user(&database, "UTC").await);
    let now = Timestamp::now().to_string();
    for one in [gone, other] {
        let place = room(&database, one, &now).await;
        say(&database, place, one, &now).await;
    }
    roll_up(&database).await;
    // Something still waits.
    call(&database, Some(gone), &now, "reply", 50, Some(30)).await;
    let mut client = database.pool().get().await.unwrap();
    let erasing = client.transaction().await.unwrap();
    erasing.execute("update users set erased_at = now() where id = $1", &[&gone]).await.unwrap();
    greenroom::insights::forget(&erasing, greenroom_actors::domain::UserId::from_uuid(gone)).await.unwrap();
    erasing.commit().await.unwrap();
    // A reply that was under way ends after it.
    call(&database, Some(gone), &now, "reply", 5, None).await;
    roll_up(&database).await;
    let count = async |sql: &str, who: Uuid| -> i64 { client.query_one(sql, &[&who]).await.unwrap().get(0) };
    for table in
        ["insight_days", "insight_characters", "insight_first_tokens", "insight_active", "insight_waiting"]
    {
        let sql = format!("select count(*) from {table} where user_id = $1");
        assert_eq!(count(&sql, gone).await, 0, "{table}");
    }
    let all =
        "select (sum(messages) * 1000 + sum(prompt_tokens))::bigint from insight_days where user_id = $1";
    assert_eq!(count(all, Uuid::nil()).await, 2_055);
    assert_eq!(count(all, other).await, 1_000);
    execute(&database, "delete from users where id = $1", &[&other]).await;
}
