//! The figures of all users together.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::world::{call, character, execute, reply, roll_up, room, say};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_what_all_did_and_what_came_of_it() {
    let app = TestApp::start().await;
    let (admin, ada, bo) = (app.admin().await, app.user().await, app.user().await);
    let vera = character(&app.database, "Vera").await;
    let (now, database) = (Timestamp::now().to_string(), &app.database);
    let ids: Vec<Uuid> = [&ada, &bo].map(|user| user.id.parse().unwrap()).to_vec();
    for id in &ids {
        let place = room(database, *id, &now).await;
        say(database, place, *id, &now).await;
        reply(database, place, *id, vera, &now).await;
        call(database, Some(*id), &now, "reply", 100, Some(80)).await;
    }
    roll_up(database).await;
    // Once more on the same day: they are still two. One call is nobody's, and one failed.
    let place = room(database, ids[0], &now).await;
    say(database, place, ids[0], &now).await;
    call(database, None, &now, "test", 10, None).await;
    let failed = "insert into ai_calls (id, purpose, outcome, provider, model, user_id, prompt_tokens, completion_tokens,
            cached_tokens, counted_here, cost_micros, took_ms)
        values (gen_random_uuid(), 'reply', 'failed', 'house', 'm', $1, 1, 0, 0, false, 0, 5)";
    execute(database, failed, &[&ids[0]]).await;
    let paid = "insert into payments (id, user_id, kind, plan, intent_id, amount_cents, refunded_cents, currency, status, paid_at,
            created_at)
        values (gen_random_uuid(), $1, 'plan', 'premium', 'pi_1', 700, 200, 'usd', 'succeeded', now(), now())";
    execute(database, paid, &[&ids[1]]).await;

    let (status, view) = app.get("/api/admin/dashboard?timeframe=7d", Some(&admin.token)).await;
    assert_eq!(status, 200, "{view}");
    let today = &view["days"][6];
    assert_eq!(today["date"], view["to"]);
    assert_eq!(
        (&today["activeUsers"], &today["messages"], &today["replies"]),
        (&json!(2), &json!(3), &json!(2))
    );
    assert_eq!(
        (&today["promptTokens"], &today["calls"], &today["costMicros"]),
        (&json!(211), &json!(4), &json!(630))
    );
    assert_eq!((&today["characters"], &today["revenueCents"]), (&json!(1), &json!(500)));
    assert!(today["newUsers"].as_i64().unwrap() >= 2 && view["users"] == today["newUsers"], "{view}");
    assert_eq!(view["totals"]["activeUsersMost"], 2);
    assert_eq!(
        view["revenue"],
        json!({ "currency": "usd", "payments": 1, "grossCents": 700, "refundedCents": 200,
        "netCents": 500, "mrrCents": 0, "activeSubscriptions": 0 })
    );
    assert_eq!(
        view["providers"],
        json!([{ "provider": "house", "calls": 4, "failed": 1, "costMicros": 630 }])
    );
    assert_eq!(
        (&view["characters"][0]["name"], &view["characters"][0]["share"]),
        (&json!("Vera"), &json!(100.0))
    );
    assert_eq!(view["storage"], json!({ "objects": 0, "bytes": 0 }));
    assert!(view["now"]["sockets"].is_u64());
    roll_up(database).await;
    let (_, after) = app.get("/api/admin/dashboard?timeframe=7d", Some(&admin.token)).await;
    assert_eq!((&after["days"], &after["totals"]), (&view["days"], &view["totals"]));
    app.stop().await;
}
