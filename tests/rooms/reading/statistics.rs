use super::stage::{execute, id, number, room, say, show, tombstone};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_tells_its_numbers() {
    let app = TestApp::start().await;
    let (owner, stranger) = (app.user().await, app.user().await);
    let room = room(&app, &owner, "Counted").await;
    let greeted = number(&app, "select count(*) from messages where room_id = $1", &[&id(&room)]).await;
    say(&app, &owner, &room, "one two  three").await;
    let (gone, _) = say(&app, &owner, &room, "four five").await;
    tombstone(&app, &gone).await;
    execute(
        &app,
        r#"insert into messages (id, room_id, "offset", revision, sender_kind, sender_id, client_id, kind, content, created_at)
        select gen_random_uuid(), $1, 50, 50, 1, character_id, 'r', 0, 'a reply', (select max(created_at) from messages
            where room_id = $1) + interval '2 seconds' from room_characters where room_id = $1 limit 1"#,
        &[&id(&room)],
    )
    .await;
    let path = format!("/api/conversations/{room}/stats");
    let (status, numbers) = app.get(&path, Some(&owner.token)).await;
    assert_eq!(status, 200, "{numbers}");
    assert_eq!(numbers["messages"], greeted + 3);
    assert_eq!(numbers["counted"], greeted + 2);
    assert_eq!(numbers["complete"], true);
    assert_eq!(numbers["deleted"], 1);
    assert_eq!(numbers["fromPeople"], 1);
    assert_eq!(numbers["fromCharacters"], greeted + 1);
    let person = numbers["speakers"].as_array().unwrap().iter().find(|one| one["kind"] == "user").unwrap();
    assert_eq!((person["words"].as_u64(), person["id"].as_str()), (Some(3), Some(owner.id.as_str())));
    assert_eq!(numbers["averageReplyMs"], 2000);
    assert_eq!(
        numbers["days"].as_array().unwrap().iter().map(|day| day["messages"].as_i64().unwrap()).sum::<i64>(),
        greeted + 2
    );
    assert_eq!(app.get(&path, Some(&stranger.token)).await.0, 404);
    assert_eq!(app.get(&path, None).await.0, 401);
    show(&app, &room, "unlisted", None, &[]).await;
    let (status, numbers) = app.get(&path, Some(&stranger.token)).await;
    assert_eq!(status, 200);
    assert!(!numbers.to_string().contains(&owner.id), "{numbers}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn public_numbers_count_each_message_once_and_ones_own_need_a_token() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let (shown, _private) = (room(&app, &owner, "Shown").await, room(&app, &owner, "Private").await);
    show(&app, &shown, "public", Some("Tales"), &[]).await;
    for n in 0..5 {
        say(&app, &owner, &shown, &format!("{n}")).await;
        let conversations = app.app().conversations();
        let both =
            futures_util::future::join(conversations.count_public(), conversations.count_public()).await;
        assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    }
    let stored = number(&app, "select count(*) from messages where room_id = $1", &[&id(&shown)]).await;
    let (_, numbers) = app.get("/api/conversations/stats", None).await;
    assert_eq!(numbers["public"]["conversations"], 1);
    assert_eq!(numbers["public"]["messages"], stored);
    assert!(numbers["own"].is_null());
    let (_, numbers) = app.get("/api/conversations/stats", Some(&owner.token)).await;
    assert_eq!(
        (numbers["own"]["conversations"].as_i64(), numbers["own"]["public"].as_i64()),
        (Some(2), Some(1))
    );
    app.stop().await;
}
