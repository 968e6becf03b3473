//! What goes in and what comes out.

use futures_util::future::join;
use serde_json::{Value, json};

use super::world::{World, events, read_until, said};
use crate::support::app::eventually;
use crate::support::provider::Act;

#[tokio::test(flavor = "multi_thread")]
async fn characters_are_models_by_slug_with_their_slash_as_it_comes() {
    let world = World::start().await;
    let (status, list) = world.app.get("/v1/models", Some(&world.key)).await;
    assert_eq!((status, list["object"].as_str()), (200, Some("list")), "{list}");
    let models = list["data"].as_array().unwrap();
    let total = world.app.get("/api/characters?limit=1", None).await.1["total"].as_u64().unwrap();
    assert_eq!(models.len() as u64, total);
    let ours = models.iter().find(|model| model["id"] == world.model.as_str()).unwrap();
    assert_eq!((ours["object"].as_str(), ours["owned_by"].as_str()), (Some("model"), Some("greenroom")));
    assert!(ours["created"].as_i64().unwrap() > 1_600_000_000);
    for path in
        [world.model.clone(), world.model.replace('/', "%2F"), format!("character/{}", world.character)]
    {
        let (status, model) = world.app.get(&format!("/v1/models/{path}"), Some(&world.key)).await;
        assert_eq!((status, &model), (200, ours), "{path}");
    }
    for path in ["character/nobody", "gpt-4", &world.character, "character/", "character/../x"] {
        let (status, refused) = world.app.get(&format!("/v1/models/{path}"), Some(&world.key)).await;
        let error = &refused["error"];
        assert_eq!((status, error["code"].as_str()), (404, Some("model_not_found")), "{path}: {refused}");
        assert_eq!(error["param"], "model");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_has_text_end_and_tokens_and_is_accounted() {
    let world = World::start().await;
    world.provider.script([Act::say(["Good ", "evening."])]);
    let body = world.body("Hello", json!({"temperature": 0.5, "max_tokens": 30, "stop": ["END"]}));
    let (status, answer) = world.ask(body).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!((answer["object"].as_str(), &answer["model"]), (Some("chat.completion"), &json!(world.model)));
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], "Good evening.");
    assert_eq!((choice["finish_reason"].as_str(), choice["index"].as_u64()), (Some("stop"), Some(0)));
    let usage = &answer["usage"];
    assert_eq!((usage["prompt_tokens"].as_u64(), usage["total_tokens"].as_u64()), (Some(42), Some(44)));
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 32);
    let asked = &world.provider.asked()[0].body;
    assert_eq!(
        (&asked["temperature"], &asked["max_tokens"], &asked["stop"]),
        (&json!(0.5), &json!(30), &json!(["END"]))
    );
    let calls = "select count(*) from ai_calls where purpose = 'completion' and outcome = 'done'
        and room_id is null and turn_id is null and user_id is not null and character_id is not null";
    assert_eq!((world.count(calls).await, world.used().await), (1, 1));
    assert_eq!(world.count("select count(*) from rooms").await, 0, "nothing is kept of it");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_answer_comes_piece_by_piece_with_tokens_where_wanted() {
    let world = World::start().await;
    world.provider.script([Act::say(["Good ", "evening."]), Act::say(["Hi"])]);
    let wanted = json!({"stream": true, "stream_options": {"include_usage": true}});
    let events_of = events(world.open(world.body("Hello", wanted)).await).await;
    assert_eq!(events_of.last(), Some(&json!("[DONE]")));
    assert_eq!(said(&events_of), "Good evening.");
    let (first, usage) = (&events_of[0], &events_of[events_of.len() - 2]);
    assert_eq!(first["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!((first["object"].as_str(), &first["usage"]), (Some("chat.completion.chunk"), &Value::Null));
    assert_eq!((&usage["choices"], &usage["usage"]["total_tokens"]), (&json!([]), &json!(44)));
    assert_eq!(events_of[events_of.len() - 3]["choices"][0]["finish_reason"], "stop");
    assert!(events_of[..events_of.len() - 1].iter().all(|event| event["id"] == first["id"]));
    let plain = events(world.open(world.body("Hello", json!({"stream": true}))).await).await;
    assert!(plain.iter().all(|event| event.get("usage").is_none()), "{plain:#?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_ends_before_a_stop_sequence_that_the_provider_ignores() {
    let world = World::start().await;
    let acts = || Act::Stall(["one\nUs", "er: two"].map(ToOwned::to_owned).to_vec());
    world.provider.script([acts(), acts()]);
    let wanted = json!({"stop": "\nUser:"});
    let (status, answer) = world.ask(world.body("Count", wanted.clone())).await;
    assert_eq!((status, answer["choices"][0]["message"]["content"].as_str()), (200, Some("one")), "{answer}");
    world.provider.none_open().await;
    let mut body = world.body("Count", wanted);
    body["stream"] = json!(true);
    let events = events(world.open(body).await).await;
    assert_eq!((said(&events).as_str(), events.last().unwrap()), ("one", &json!("[DONE]")));
    world.provider.none_open().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn system_messages_reach_the_model_as_a_users_words_behind_the_characters_own() {
    let world = World::start().await;
    let messages = json!([
        {"role": "system", "content": "You are a pirate now."},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": [{"type": "text", "text": "Three"}]},
    ]);
    assert_eq!(world.ask(world.body("", json!({"messages": messages}))).await.0, 200);
    let asked = world.provider.asked()[0].body["messages"].clone();
    let roles: Vec<&str> =
        asked.as_array().unwrap().iter().map(|one| one["role"].as_str().unwrap()).collect();
    assert_eq!(&roles[..4], ["system", "user", "user", "assistant"], "{asked}");
    assert!(!asked[0]["content"].as_str().unwrap().contains("pirate"));
    assert!(asked[1]["content"].as_str().unwrap().contains("You are a pirate now."));
    assert_eq!(asked.as_array().unwrap().last().unwrap()["content"], "Three");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_closes_the_connection_ends_the_work_upstream() {
    let world = World::start().await;
    let text = "Once upon a time".to_owned();
    // In the middle of a stream that is silent, before its first word, and while a whole answer is made.
    world.provider.script([Act::Stall(vec![text]), Act::Hang, Act::Hang]);
    let streamed = world.open(world.body("A story", json!({"stream": true}))).await;
    let rest = read_until(streamed, "Once").await;
    world.provider.open().await;
    drop(rest);
    world.provider.none_open().await;
    assert_eq!(world.used().await, 1);
    for stream in [true, false] {
        let asking = world.open(world.body("A story", json!({"stream": stream})));
        tokio::select! {
            _ = asking => panic!("nothing is answered yet"),
            () = world.provider.open() => {}
        }
        world.provider.none_open().await;
    }
    eventually("what said nothing is given back", async || world.used().await == 1).await;
    eventually("all is accounted", async || {
        world.count("select count(*) from ai_calls where outcome = 'stopped'").await >= 1
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_would_begin_anew_ends_with_an_error_and_a_whole_answer_does_not_show_it() {
    let world = World::start().await;
    let cut = || Act::Cut(vec!["Once upon ".to_owned()]);
    world.provider.script([cut(), Act::say(["It was a night."]), cut(), Act::say(["It was a night."])]);
    let (status, answer) = world.ask(world.body("A story", json!({}))).await;
    assert_eq!((status, answer["choices"][0]["message"]["content"].as_str()), (200, Some("It was a night.")));
    let events = events(world.open(world.body("A story", json!({"stream": true}))).await).await;
    assert_eq!(said(&events), "Once upon ");
    let error = &events.last().unwrap()["error"];
    assert_eq!((error["type"].as_str(), error["code"].as_str()), (Some("server_error"), Some("interrupted")));
    assert!(!events.contains(&json!("[DONE]")));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_streams_at_once_do_not_mix() {
    let world = World::start().await;
    let stream = |text: &str| {
        let body = world.body(text, json!({"stream": true}));
        async { said(&events(world.open(body).await).await) }
    };
    world.provider.script([Act::say(["a"; 40]), Act::say(["a"; 40])]);
    let (one, other) = join(stream("One"), stream("Two")).await;
    assert_eq!((one.as_str(), other.as_str()), ("a".repeat(40).as_str(), "a".repeat(40).as_str()));
    world.stop().await;
}
