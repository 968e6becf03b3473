//! What a person changes about their account.

use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web;
use greenroom::http::app;
use serde_json::{Value, json};

use super::world::{Answer, World, world, world_with};

const ME: &str = "/api/auth/me";

async fn mira() -> (World, Answer) {
    let world = world().await;
    let mira = world.register("mira").await;
    (world, mira)
}

#[actix_web::test]
async fn what_is_given_changes_and_the_rest_stays() {
    let (world, mira) = mira().await;
    let token = mira.text("accessToken");
    let body = json!({"displayName": " Mira K ", "bio": "Reads.\nWrites.", "locale": "de-ch", "unknown": 1, "username": null});
    let answer = world.put_as(token, ME, body).await;
    let user = &answer.body["user"];
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!((&user["displayName"], &user["bio"]), (&json!("Mira K"), &json!("Reads.\nWrites.")));
    assert_eq!((&user["locale"], &user["username"]), (&json!("de-CH"), &json!("mira")));
    let same = world.put_as(token, ME, json!({})).await;
    assert_eq!(same.body["user"], answer.body["user"]);
    let other = world.put_as(token, ME, json!({"username": "Mira2"})).await;
    assert_eq!(
        (&other.body["user"]["username"], &other.body["user"]["bio"]),
        (&json!("Mira2"), &user["bio"])
    );
    assert_eq!(world.login("mira2", super::world::PASSWORD).await.status, 200);
    assert_eq!(world.login("mira", super::world::PASSWORD).await.status, 401);
}

#[actix_web::test]
async fn every_wrong_field_of_a_profile_is_named_and_none_is_changed() {
    let (world, mira) = mira().await;
    let body = json!({"displayName": "", "bio": "x".repeat(501), "locale": "en_US", "username": "admin",
        "email": "mira", "timeZone": "Mars/Olympus"});
    let answer = world.put_as(mira.text("accessToken"), ME, body).await;
    let fields: Vec<&str> =
        answer.body["details"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
    assert_eq!(answer.status, 400);
    assert_eq!(fields, ["displayName", "bio", "locale", "username", "email", "timeZone"]);
    let half = json!({"bio": "new", "timeZone": "Mars/Olympus"});
    assert_eq!(world.put_as(mira.text("accessToken"), ME, half).await.status, 400);
    assert_eq!(world.count("select count(*) from users where bio = ''").await, 1);
    let request = TestRequest::put().uri(ME).set_json(json!({"bio": "x"}));
    assert_eq!(world.send(request).await.status, 401);
}

#[actix_web::test]
async fn a_name_or_an_address_of_somebody_else_is_refused() {
    let (world, mira) = mira().await;
    world.register("noah").await;
    for body in [json!({"username": "NOAH", "bio": "x"}), json!({"email": "Noah@Example.com", "bio": "x"})] {
        let answer = world.put_as(mira.text("accessToken"), ME, body).await;
        assert_eq!((answer.status, answer.text("error")), (409, "conflict"));
    }
    assert_eq!(world.count("select count(*) from users where bio = 'x'").await, 0);
    let own = json!({"username": "MIRA", "email": "MIRA@example.com"});
    assert_eq!(
        world.put_as(mira.text("accessToken"), ME, own).await.status,
        200,
        "one's own in other letters"
    );
}

#[actix_web::test]
async fn a_new_address_is_unproved_and_voids_links_to_the_one_before() {
    let (world, mira) = mira().await;
    let token = mira.text("accessToken");
    world.execute("update users set email_verified_at = now()").await;
    let same = world.put_as(token, ME, json!({"email": "Mira@Example.com"})).await;
    assert_eq!(same.body["user"]["emailVerified"], true, "it is the same address");
    let other = world.put_as(token, ME, json!({"email": "mira@other.example"})).await;
    assert_eq!(
        (&other.body["user"]["email"], &other.body["user"]["emailVerified"]),
        (&json!("mira@other.example"), &json!(false))
    );
    let links = "select count(*) from mail_links where used_at is null and email_key = ";
    assert_eq!(world.count(&format!("{links} 'mira@other.example'")).await, 1);
    assert_eq!(world.count(&format!("{links} 'mira@example.com'")).await, 0);
    assert_eq!(world.history(token, 3).await[0]["event"], "email_changed");
}

#[actix_web::test]
async fn a_new_time_zone_waits_for_the_next_midnight_and_can_be_taken_back() {
    let (world, mira) = mira().await;
    let token = mira.text("accessToken");
    let wish =
        async |zone: &str| world.put_as(token, ME, json!({"timeZone": zone})).await.body["user"].clone();
    let user = wish("Asia/Tokyo").await;
    assert_eq!((&user["timeZone"], &user["nextTimeZone"]), (&json!("UTC"), &json!("Asia/Tokyo")));
    let midnight = "select count(*) from users where next_time_zone_at = date_trunc('day', now(), 'UTC') + interval '1 day'";
    assert_eq!(world.count(midnight).await, 1);
    let user = wish("UTC").await;
    assert_eq!((&user["timeZone"], &user["nextTimeZone"]), (&json!("UTC"), &Value::Null));
    wish("asia/tokyo").await;
    world.execute("update users set next_time_zone_at = now() - interval '1 hour'").await;
    let user = wish("Europe/Berlin").await;
    assert_eq!((&user["timeZone"], &user["nextTimeZone"]), (&json!("Asia/Tokyo"), &json!("Europe/Berlin")));
    let midnight = "select count(*) from users where time_zone = 'Asia/Tokyo'
        and next_time_zone_at = date_trunc('day', now(), 'Asia/Tokyo') + interval '1 day'";
    assert_eq!(world.count(midnight).await, 1);
}

#[actix_web::test]
async fn older_faces_do_the_same_and_say_that_they_are_old() {
    let (world, mira) = mira().await;
    let service = init_service(app(&world.site).app_data(web::Data::new(world.accounts.clone()))).await;
    for (path, bio) in
        [("/api/auth/profile", "one"), ("/api/user/profile", "two"), ("/api/v1/user/profile", "three")]
    {
        let request = TestRequest::put()
            .uri(path)
            .insert_header(("authorization", format!("Bearer {}", mira.text("accessToken"))))
            .set_json(json!({ "bio": bio }));
        let response = call_service(&service, request.to_request()).await;
        assert_eq!(response.status(), 200, "{path}");
        assert!(
            response.headers().get("deprecation").is_some_and(|it| it.to_str().unwrap().starts_with('@'))
        );
        assert!(response.headers().get("link").unwrap().to_str().unwrap().contains("/api/auth/me"));
        assert_eq!(world.count(&format!("select count(*) from users where bio = '{bio}'")).await, 1);
    }
    let request = TestRequest::put()
        .uri(ME)
        .insert_header(("authorization", format!("Bearer {}", mira.text("accessToken"))))
        .set_json(json!({}));
    assert!(call_service(&service, request.to_request()).await.headers().get("deprecation").is_none());
}

async fn is_free(world: &World, name: &str) -> (bool, bool) {
    let answer = world.send(TestRequest::get().uri(&format!("/api/auth/check-username/{name}"))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    (answer.body["available"].as_bool().unwrap(), answer.body.get("reason").is_some())
}

#[actix_web::test]
async fn a_username_can_be_asked_for_before_it_is_taken() {
    let (world, _) = mira().await;
    assert_eq!(is_free(&world, "noah").await, (true, false));
    for taken in ["mira", "MIRA", "admin", "ab", "no%20body", "%F0%9F%98%80%F0%9F%98%80"] {
        assert_eq!(is_free(&world, taken).await, (false, true), "{taken}");
    }
    let mute = world_with(|config| config.auth.lookups = false).await;
    mute.register("mira").await;
    assert_eq!((is_free(&mute, "mira").await, is_free(&mute, "admin").await), ((true, false), (false, true)));
}
