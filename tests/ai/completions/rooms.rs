//! An answer that is a reply of a conversation.

use serde_json::{Value, json};

use super::world::{World, events, read_until, said};
use crate::support::app::eventually;
use crate::support::provider::Act;

async fn room(world: &World) -> String {
    let body = json!({"characterId": world.character});
    let (status, made) = world.app.post("/api/conversations", Some(&world.user.token), body).await;
    assert_eq!(status, 201, "{made}");
    made["conversation"]["id"].as_str().unwrap().to_owned()
}

async fn messages(world: &World, room: &str) -> Vec<Value> {
    let path = format!("/api/conversations/{room}/messages");
    let (_, list) = world.app.get(&path, Some(&world.user.token)).await;
    list["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_message_is_said_there_and_everybody_sees_the_same() {
    let world = World::start().await;
    let room = room(&world).await;
    let before = messages(&world, &room).await.len();
    let mut socket = world.app.socket(&world.user).await;
    socket.ask("conversation:join", json!({"conversationId": room})).await;
    world.provider.script([Act::say(["Good ", "evening."]), Act::say(["Well."])]);
    let mut body = world.body("Hello there", json!({"metadata": {"conversation_id": room}}));
    body["messages"] = json!([
        {"role": "user", "content": "What nobody said here"},
        {"role": "assistant", "content": "Nor this"},
        {"role": "user", "content": "Hello there"},
    ]);
    let (status, answer) = world.ask(body.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["choices"][0]["message"]["content"], "Good evening.");
    assert_eq!(
        (&answer["choices"][0]["finish_reason"], &answer["usage"]["prompt_tokens"]),
        (&json!("stop"), &json!(42))
    );
    let ids = &answer["metadata"];
    let stored = messages(&world, &room).await[before..].to_vec();
    assert_eq!(
        (stored[0]["content"].as_str(), stored[1]["content"].as_str()),
        (Some("Hello there"), Some("Good evening."))
    );
    assert_eq!((&stored[0]["id"], &stored[1]["id"]), (&ids["message_id"], &ids["reply_id"]));
    assert_eq!(ids["conversation_id"], room.as_str());
    let prompt = world.provider.asked()[0].body["messages"].to_string();
    assert!(!prompt.contains("What nobody said here"), "{prompt}");
    for message in &stored {
        let seen = socket
            .find(|frame| {
                frame["event"] == "message:receive" && frame["data"]["message"]["id"] == message["id"]
            })
            .await
            .unwrap();
        assert_eq!(seen["data"]["message"]["offset"], message["offset"]);
    }
    body["stream"] = json!(true);
    let events = events(world.open(body).await).await;
    assert_eq!((said(&events).as_str(), events.last().unwrap()), ("Well.", &json!("[DONE]")));
    assert_eq!(events[0]["metadata"]["conversation_id"], room.as_str());
    assert_eq!(world.used().await, 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_twice_is_one_message_and_the_same_answer() {
    let world = World::start().await;
    let room = room(&world).await;
    let before = messages(&world, &room).await.len();
    let ask = async |text: &str, key: &str| {
        let request = world.app.http.post(world.app.url("/v1/chat/completions")).bearer_auth(&world.key);
        let body = world.body(text, json!({"metadata": {"conversation_id": room}}));
        let response = request.header("Idempotency-Key", key).json(&body).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let long = "k".repeat(200);
    for key in ["key-1", &long] {
        let (first, again) = (ask("Hello", key).await, ask("Hello", key).await);
        assert_eq!((first.0, again.0), (200, 200), "{again:?}");
        for name in ["id", "choices", "metadata", "usage"] {
            assert_eq!(first.1[name], again.1[name], "{name}");
        }
    }
    assert_eq!((messages(&world, &room).await.len() - before, world.used().await), (4, 2));
    let (status, refused) = ask("Something else", "key-1").await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("conflict")));
    let body = json!({"metadata": {"conversation_id": room, "client_id": "key-1"}});
    assert_eq!(world.ask(world.body("Hello", body)).await.0, 200, "by the body as well");
    assert_eq!(world.used().await, 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_ends_nothing_and_comes_back_to_the_rest() {
    let world = World::start().await;
    let room = room(&world).await;
    world.provider.script([Act::Stall(vec!["Once upon".to_owned()])]);
    let wanted = json!({"stream": true, "metadata": {"conversation_id": room, "client_id": "a-1"}});
    let rest = read_until(world.open(world.body("A story", wanted.clone())).await, "Once").await;
    drop(rest);
    world.provider.open().await;
    let again = world.open(world.body("A story", wanted)).await;
    let rest = read_until(again, "Once upon").await;
    world.provider.open().await;
    let path = format!("/api/conversations/{room}/stop");
    assert_eq!(world.app.post(&path, Some(&world.user.token), json!({})).await.0, 200);
    use futures_util::StreamExt;
    let mut rest = Box::pin(rest);
    while rest.next().await.is_some() {}
    eventually("the part is kept", async || {
        messages(&world, &room).await.last().is_some_and(|last| last["content"] == "Once upon")
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_members_and_only_characters_that_are_there_and_nothing_without_a_reply() {
    let world = World::start_with(|config| config.pool.tries = 1).await;
    let room = room(&world).await;
    let other = world.app.user().await;
    let key = World::key_of(&world.app, &other, "chat").await;
    let body = world.body("Hello", json!({"metadata": {"conversation_id": room}}));
    let (status, refused) = world.app.post("/v1/chat/completions", Some(&key), body.clone()).await;
    assert_eq!((status, &refused["error"]["code"]), (404, &json!("conversation_not_found")));
    let (_, list) = world.app.get("/api/characters?limit=5", None).await;
    let slug =
        list["items"].as_array().unwrap().iter().find(|one| one["id"] != world.character.as_str()).unwrap();
    let mut elsewhere = body.clone();
    elsewhere["model"] = json!(format!("character/{}", slug["slug"].as_str().unwrap()));
    let (status, refused) = world.ask(elsewhere).await;
    assert_eq!((status, &refused["error"]["param"]), (404, &json!("model")), "{refused}");
    let long = world.body(&"x".repeat(5_001), json!({"metadata": {"conversation_id": room}}));
    let (status, refused) = world.ask(long).await;
    assert_eq!((status, &refused["error"]["param"]), (400, &json!("messages")), "{refused}");
    assert_eq!(world.used().await, 0);
    world.provider.script([Act::Status(401, None)]);
    let (status, refused) = world.ask(body).await;
    assert_eq!((status, &refused["error"]["code"]), (502, &json!("provider_refused")), "{refused}");
    eventually("it is given back", async || world.used().await == 0).await;
    world.stop().await;
}
