//! The official `openai` libraries, as they come: nothing but the address and the key is set.

use serde_json::{Value, json};

use super::world::World;
use crate::support::clients::Client;
use crate::support::provider::Act;

#[derive(Clone, Copy, Debug)]
enum Library {
    Python,
    JavaScript,
}

const BOTH: [Library; 2] = [Library::Python, Library::JavaScript];

impl Library {
    fn start(self, scenario: &str, given: &Value) -> Client {
        match self {
            Self::Python => Client::snake("completions.py", scenario, given),
            Self::JavaScript => Client::node("completions.js", scenario, given),
        }
    }
}

fn given(world: &World) -> Value {
    json!({
        "url": world.app.url("/v1"),
        "key": world.key,
        "model": world.model,
    })
}

/// Runs a scenario by each library in turn, with the same acts of the provider.
async fn run(world: &World, scenario: &str, given: &Value, acts: &[Act]) {
    for library in BOTH {
        world.provider.script(acts.iter().cloned());
        library.start(scenario, given).done().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_list_ask_and_stream() {
    let world = World::start().await;
    let acts = [
        Act::say(["Good ", "evening."]),
        Act::say(["Good ", "evening."]),
        Act::say(["one EN", "D two"]),
        Act::say(["one EN", "D two"]),
    ];
    run(&world, "talk", &given(&world), &acts).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_raise_the_errors_that_they_have_classes_for() {
    let world = World::start_with(|config| {
        config.plans.get_mut("free").unwrap().per_character.text = 1;
        config.pool.tries = 1;
    })
    .await;
    for library in BOTH {
        // Each with a quota of one.
        let user = world.app.user().await;
        let mut given = given(&world);
        given["key"] = json!(World::key_of(&world.app, &user, "chat").await);
        world.provider.script([Act::Status(500, None), Act::say(["Hello."])]);
        library.start("errors", &given).done().await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_raise_an_error_where_a_stream_breaks_off() {
    let world = World::start().await;
    let acts = [Act::Cut(vec!["Once upon ".to_owned()]), Act::say(["It was a night."])];
    run(&world, "broken", &given(&world), &acts).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_a_stream_ends_the_work_upstream() {
    let world = World::start().await;
    for library in BOTH {
        world.provider.script([Act::Stall(vec!["Once upon".to_owned()])]);
        let mut client = library.start("leave", &given(&world));
        client.until("left").await;
        world.provider.none_open().await;
        client.tell("go").await;
        client.done().await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_streams_at_once_come_each_whole() {
    let world = World::start().await;
    let acts = [Act::say(["word "; 50]), Act::say(["word "; 50])];
    run(&world, "two", &given(&world), &acts).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_show_pictures_and_are_told_what_is_none() {
    let world = World::start_with(super::pictures::seeing).await;
    let mut given = given(&world);
    given["picture"] = json!(super::pictures::data_url(&super::pictures::png(60, 40)));
    run(&world, "picture", &given, &[Act::say(["A ", "boat."]), Act::say(["A ", "boat."])]).await;
    let asked = world.provider.asked();
    assert_eq!(asked.len(), 4, "two each, and nothing of what was refused");
    for asked in asked {
        assert_eq!(super::pictures::shown(&asked.body).len(), 1, "{:.2000}", asked.body);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_named_in_the_metadata() {
    let world = World::start().await;
    for library in BOTH {
        let body = json!({"characterId": world.character});
        let (_, made) = world.app.post("/api/conversations", Some(&world.user.token), body).await;
        let mut given = given(&world);
        given["conversation"] = made["conversation"]["id"].clone();
        world.provider.script([Act::say(["Good ", "evening."]), Act::say(["Well ", "then."])]);
        library.start("room", &given).done().await;
    }
    assert_eq!(world.used().await, 4, "two messages each; what was repeated counts once");
    world.stop().await;
}
