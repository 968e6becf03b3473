//! Sign-ins on several devices, their end, and the history of both.

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::world::{Answer, PASSWORD, World, world};

#[actix_web::test]
async fn after_signing_out_the_tokens_are_of_no_use() {
    let world = world().await;
    let mira = world.register("mira").await;
    let phone = world.post("/api/auth/login", json!({"username": "mira", "password": PASSWORD})).await;
    let bearer = |answer: &Answer| ("authorization", format!("Bearer {}", answer.text("accessToken")));
    let out = world.send(TestRequest::post().uri("/api/auth/logout").insert_header(bearer(&mira))).await;
    assert_eq!(out.status, 204);
    assert_eq!(world.refresh(mira.text("refreshToken")).await.status, 401);
    assert_eq!(world.refresh(phone.text("refreshToken")).await.status, 200, "other devices stay");
    assert_eq!(world.send(TestRequest::post().uri("/api/auth/logout")).await.status, 401);
}

#[actix_web::test]
async fn nobody_signs_another_out() {
    let world = world().await;
    let (mira, noah) = (world.register("mira").await, world.register("noah").await);
    let request = TestRequest::post()
        .uri("/api/auth/logout")
        .insert_header(("authorization", format!("Bearer {}", mira.text("accessToken"))))
        .set_json(json!({"refreshToken": noah.text("refreshToken")}));
    assert_eq!(world.send(request).await.status, 204);
    assert_eq!(world.refresh(noah.text("refreshToken")).await.status, 200);
}

fn session_of(world: &World, answer: &Answer) -> String {
    world.accounts.tokens().verify(answer.text("accessToken")).unwrap().sid.to_string()
}

async fn end(world: &World, token: &str, session: &str) -> u16 {
    let request = TestRequest::delete().uri(&format!("/api/auth/sessions/{session}"));
    world.call_as(token, request, Value::Null).await.status
}

#[actix_web::test]
async fn one_sees_ones_own_devices_the_newest_first() {
    let world = world().await;
    let laptop = world.register("mira").await;
    world.register("noah").await;
    let request = TestRequest::post()
        .uri("/api/auth/login")
        .peer_addr("9.9.9.9:9".parse().unwrap())
        .insert_header(("user-agent", "Phone/2"))
        .set_json(json!({"username": "mira", "password": PASSWORD}));
    let phone = world.send(request).await;
    let page = world.get_as(phone.text("accessToken"), "/api/auth/sessions").await;
    assert_eq!((page.status, &page.body["total"], &page.body["nextCursor"]), (200, &json!(2), &Value::Null));
    let items = page.body["items"].as_array().unwrap();
    let ids: Vec<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [session_of(&world, &phone), session_of(&world, &laptop)]);
    assert_eq!((&items[0]["current"], &items[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!((&items[0]["userAgent"], &items[0]["address"]), (&json!("Phone/2"), &json!("9.9.9.9")));
    assert!(items[0]["lastUsedAt"].as_str().unwrap().ends_with('Z'));

    let first = world.get_as(phone.text("accessToken"), "/api/auth/sessions?limit=1").await;
    let cursor = first.text("nextCursor");
    let path = format!("/api/auth/sessions?limit=1&cursor={cursor}");
    let second = world.get_as(phone.text("accessToken"), &path).await;
    assert_eq!(second.body["items"][0]["id"], session_of(&world, &laptop));
    assert_eq!(second.body["nextCursor"], Value::Null);
    let paged = world.get_as(phone.text("accessToken"), "/api/auth/sessions?limit=1&page=2").await;
    assert_eq!(paged.body["items"], second.body["items"]);
    for path in ["/api/auth/sessions?cursor=x", "/api/auth/history?cursor=1.2"] {
        assert_eq!(world.get_as(phone.text("accessToken"), path).await.status, 400);
    }
}

#[actix_web::test]
async fn a_device_that_was_ended_from_another_is_out_at_once() {
    let world = world().await;
    let laptop = world.register("mira").await;
    let phone = world.login("mira", PASSWORD).await;
    let lost = session_of(&world, &phone);
    assert_eq!(end(&world, laptop.text("accessToken"), &lost).await, 204);
    assert_eq!(world.get_as(phone.text("accessToken"), "/api/auth/sessions").await.status, 401);
    assert_eq!(world.refresh(phone.text("refreshToken")).await.status, 401);
    assert_eq!(end(&world, laptop.text("accessToken"), &lost).await, 404, "it has ended");
    let lines = world.history(laptop.text("accessToken"), 4).await;
    assert_eq!((&lines[0]["event"], &lines[0]["sessionId"]), (&json!("session_ended"), &json!(lost)));
    assert_eq!(world.refresh(laptop.text("refreshToken")).await.status, 200);
}

#[actix_web::test]
async fn nobody_ends_anothers_sign_in() {
    let world = world().await;
    let (mira, noah) = (world.register("mira").await, world.register("noah").await);
    for id in [session_of(&world, &noah).as_str(), "0", "01980000-0000-7000-8000-000000000000", "%00"] {
        assert_eq!(end(&world, mira.text("accessToken"), id).await, 404, "{id}");
    }
    assert_eq!(world.refresh(noah.text("refreshToken")).await.status, 200);
    let anonymous = TestRequest::delete().uri("/api/auth/sessions/x");
    assert_eq!(world.send(anonymous).await.status, 401);
}

#[actix_web::test]
async fn signing_out_everywhere_can_leave_this_device_in() {
    let world = world().await;
    let laptop = world.register("mira").await;
    let noah = world.register("noah").await;
    let (phone, tablet) = (world.login("mira", PASSWORD).await, world.login("mira", PASSWORD).await);
    let out = || TestRequest::post().uri("/api/auth/logout-all");
    let kept = world.call_as(laptop.text("accessToken"), out(), json!({"keepThis": true})).await;
    assert_eq!((kept.status, kept.body), (200, json!({"ended": 2})));
    for gone in [&phone, &tablet] {
        assert_eq!(world.refresh(gone.text("refreshToken")).await.status, 401);
        assert_eq!(world.get_as(gone.text("accessToken"), "/api/auth/sessions").await.status, 401);
    }
    let laptop = world.refresh(laptop.text("refreshToken")).await;
    assert_eq!(laptop.status, 200);
    let all = world.call_as(laptop.text("accessToken"), out(), Value::Null).await;
    assert_eq!((all.status, all.body), (200, json!({"ended": 1})));
    assert_eq!(world.refresh(laptop.text("refreshToken")).await.status, 401);
    assert_eq!(world.refresh(noah.text("refreshToken")).await.status, 200, "others stay");
    let back = world.login("mira", PASSWORD).await;
    assert_eq!(world.get_as(back.text("accessToken"), "/api/auth/sessions").await.status, 200);
}

#[actix_web::test]
async fn history_goes_by_pages_belongs_to_its_owner_and_ends_after_ninety_days() {
    let world = world().await;
    let (mira, noah) = (world.register("mira").await, world.register("noah").await);
    for _ in 0..5 {
        world.login("mira", PASSWORD).await;
    }
    let token = mira.text("accessToken");
    let whole = world.history(token, 7).await;
    assert_eq!((whole.len(), world.history(noah.text("accessToken"), 2).await.len()), (7, 2));
    let (mut seen, mut path) = (Vec::new(), "/api/auth/history?limit=3".to_owned());
    loop {
        let page = world.get_as(token, &path).await;
        seen.extend(page.body["items"].as_array().unwrap().clone());
        let Some(cursor) = page.body["nextCursor"].as_str() else { break };
        path = format!("/api/auth/history?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, whole);
    world
        .execute("update auth_history set created_at = now() - interval '91 days' where event = 'signed_in'")
        .await;
    world.accounts.sweep().await.unwrap();
    let left = world.history(token, 1).await;
    assert_eq!((left.len(), &left[0]["event"]), (1, &json!("registered")));
}
