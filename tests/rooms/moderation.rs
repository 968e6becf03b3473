//! Moderation as people meet it: over sockets and requests, against a provider's endpoint in its real wire format.

use greenroom::config::{Config, OnOutage, RefusedReplySetting};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, eventually};
use crate::support::house::{House, Judge};
use crate::support::socket::Socket;

const LONG: &str = "All of this is quite harmless, and it goes on for about a hundred characters, so that it is asked about. ";

/// A server whose characters speak through the house, which judges too.
async fn open(house: &House, change: impl FnOnce(&mut Config)) -> (TestApp, TestUser, String) {
    let provider = house.settings();
    let app = TestApp::start_with(|config| {
        config.ai.providers.insert("house".to_owned(), provider);
        config.ai.default_provider = "house".to_owned();
        config.moderation.timeout_ms = 500;
        change(config);
    })
    .await;
    let user = app.premium().await;
    let conversation = app.conversation(&user).await;
    (app, user, conversation)
}

async fn send(socket: &mut Socket, conversation: &str, text: &str, reply: &str) -> Value {
    let data = json!({ "conversationId": conversation, "content": text, "reply": reply });
    socket.ask("message:send", data).await
}

/// What was said there, oldest first, without the greeting.
async fn said(app: &TestApp, user: &TestUser, conversation: &str) -> Vec<Value> {
    let path = format!("/api/conversations/{conversation}/messages?limit=100");
    let (status, list) = app.get(&path, Some(&user.token)).await;
    assert_eq!(status, 200, "{list}");
    let answers = |message: &&Value| message["sender"]["kind"] == "user" || !message["replyTo"].is_null();
    list["items"].as_array().unwrap().iter().filter(answers).cloned().collect()
}

async fn joined(app: &TestApp, user: &TestUser, conversation: &str) -> Socket {
    let mut socket = app.socket(user).await;
    let ack = socket.ask("conversation:join", json!({ "conversationId": conversation })).await;
    assert_eq!(ack["success"], true, "{ack}");
    socket
}

/// The end of the reply that the ack promised.
async fn reply_to(socket: &mut Socket, ack: &Value) -> Value {
    let id = ack["replies"][0]["messageId"].as_str().unwrap_or_else(|| panic!("{ack}")).to_owned();
    let ends = |frame: &Value| {
        let data = &frame["data"];
        (frame["event"] == "message:receive" && data["message"]["id"] == id)
            || (frame["event"] == "message:status" && data["messageId"] == id && data["offset"].is_number())
    };
    socket.find(ends).await.unwrap()["data"].take()
}

async fn accounts(app: &TestApp, outcome: &str) -> Vec<(String, String, bool, bool)> {
    let client = app.database.pool().get().await.unwrap();
    let rows = client
        .query(
            "SELECT provider, model, user_id IS NOT NULL, turn_id IS NOT NULL FROM ai_calls
            WHERE purpose = 'moderation' AND outcome = $1 ORDER BY id",
            &[&outcome],
        )
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

#[actix_web::test]
async fn a_refused_message_is_declined_by_its_character_and_leaves_nothing_behind() {
    let house = House::open().await;
    let (app, user, conversation) = open(&house, |_| {}).await;
    let mut socket = joined(&app, &user, &conversation).await;
    let ack = send(&mut socket, &conversation, "a hateful thing", "auto").await;
    assert_eq!((&ack["success"], &ack["code"]), (&json!(false), &json!("content_refused")), "{ack}");
    let told = ack["error"].as_str().unwrap();
    assert!(!told.contains("hateful") && !told.contains("hate"), "{told}");
    // By request, in both ways: the same answer.
    let path = format!("/api/conversations/{conversation}/messages");
    let (status, refused) = app.post(&path, Some(&user.token), json!({ "content": "a hateful thing" })).await;
    assert_eq!(
        (status, &refused["error"], &refused["message"]),
        (400, &json!("content_refused"), &ack["error"])
    );
    let path = format!("/api/chatroom/{conversation}/message");
    let (status, refused) = app.post(&path, Some(&user.token), json!({ "content": "hateful again" })).await;
    assert_eq!((status, &refused["error"]), (400, &json!("content_refused")));
    assert!(said(&app, &user, &conversation).await.is_empty());

    let ack = send(&mut socket, &conversation, "a friendly thing", "none").await;
    assert_eq!(ack["success"], true, "{ack}");
    let id = ack["message"]["id"].as_str().unwrap();
    let path = format!("/api/conversations/{conversation}/messages/{id}");
    for body in [json!({ "content": "hateful" }), json!({ "content": "hateful", "resend": true })] {
        let (status, refused) = app.call(Method::PUT, &path, Some(&user.token), Some(body)).await;
        assert_eq!((status, &refused["error"]), (400, &json!("content_refused")), "{refused}");
    }
    assert_eq!(said(&app, &user, &conversation).await[0]["content"], "a friendly thing");
    // The same text is asked about once.
    assert_eq!(house.judged(), ["a hateful thing", "hateful again", "a friendly thing", "hateful"]);
    assert_eq!(house.asked_with()[0], ("house-judge".to_owned(), "sk-of-the-house".to_owned()));
    eventually("the accounts", async || accounts(&app, "done").await.len() == 4).await;
    assert_eq!(accounts(&app, "done").await[0], ("house".to_owned(), "house-judge".to_owned(), true, false));
    app.stop().await;
}

#[actix_web::test]
async fn thresholds_are_the_operators() {
    let house = House::open().await;
    let (app, user, conversation) = open(&house, |config| {
        config.moderation.thresholds.insert("violence".to_owned(), 0.7);
        config.moderation.thresholds.insert("hate".to_owned(), 1.5);
    })
    .await;
    let mut socket = joined(&app, &user, &conversation).await;
    for text in ["a rough thing", "a hateful thing"] {
        let ack = send(&mut socket, &conversation, text, "none").await;
        assert_eq!(ack["success"], true, "{ack}");
    }
    app.stop().await;

    let (app, user, conversation) = open(&house, |_| {}).await;
    let mut socket = joined(&app, &user, &conversation).await;
    let ack = send(&mut socket, &conversation, "a rough thing", "none").await;
    assert_eq!(ack["code"], "content_refused", "0.6 is over the default of 0.5: {ack}");
    app.stop().await;
}

#[actix_web::test]
async fn a_refused_reply_is_replaced_before_the_eyes_of_who_watches() {
    let house = House::open().await;
    let (app, user, conversation) = open(&house, |_| {}).await;
    let mut socket = joined(&app, &user, &conversation).await;
    house.say([LONG, LONG, "and then a hateful thing. ", LONG]);
    let ack = send(&mut socket, &conversation, "Tell me", "auto").await;
    let id = ack["replies"][0]["messageId"].clone();
    let (mut text, mut newest, mut seen) = (String::new(), 0, 0);
    let message = loop {
        let frame = socket.next().await.unwrap();
        let data = &frame["data"];
        if frame["event"] == "message:delta" && data["messageId"] == id {
            let attempt = data["attempt"].as_u64().unwrap();
            if attempt > newest {
                text.clear();
                newest = attempt;
            }
            assert_eq!(data["position"], text.encode_utf16().count());
            text.push_str(data["text"].as_str().unwrap());
            seen = text.len().max(seen);
        }
        if frame["event"] == "message:receive" && data["message"]["id"] == id {
            break data["message"].clone();
        }
    };
    assert_eq!((&message["finish"], message["content"].as_str()), (&json!("refused"), Some(text.as_str())));
    assert!(seen <= 2 * LONG.len() + 200 && !text.contains("harmless"), "{seen}: {text}");
    let stored = said(&app, &user, &conversation).await;
    assert_eq!(stored.last().unwrap()["finish"], "refused");
    eventually("the accounts", async || accounts(&app, "done").await.iter().any(|row| row.3)).await;
    app.stop().await;
}

#[actix_web::test]
async fn a_refused_reply_counts_or_is_given_back() {
    for (setting, used) in [(RefusedReplySetting::Counts, 1), (RefusedReplySetting::Refunds, 0)] {
        let house = House::open().await;
        let (app, _, _) = open(&house, |config| config.moderation.refused_reply = setting).await;
        let user = app.user().await;
        let conversation = app.conversation(&user).await;
        let mut socket = joined(&app, &user, &conversation).await;
        house.say(["a hateful thing"]);
        let ack = send(&mut socket, &conversation, "Tell me", "auto").await;
        assert_eq!(ack["usage"]["limits"][0]["used"], 1, "{ack}");
        let end = reply_to(&mut socket, &ack).await;
        assert_eq!(end["message"]["finish"], "refused", "{end}");
        let client = app.database.pool().get().await.unwrap();
        let counted: i64 =
            client.query_one("SELECT coalesce(sum(used), 0)::bigint FROM usage", &[]).await.unwrap().get(0);
        assert_eq!(counted, used);
        drop(client);
        app.stop().await;
    }
}

#[actix_web::test]
async fn while_the_judge_is_out_all_passes_or_nothing_by_the_setting() {
    for on_outage in [OnOutage::Open, OnOutage::Closed] {
        let house = House::open().await;
        let (app, user, conversation) = open(&house, |config| {
            config.moderation.on_outage = on_outage;
            // Messages would be refused before a reply is asked for.
            config.moderation.messages = false;
        })
        .await;
        let mut socket = joined(&app, &user, &conversation).await;
        for judge in [Judge::Status(503), Judge::Status(401), Judge::Garbage, Judge::Hangs] {
            house.set(judge);
            let ack = send(&mut socket, &conversation, "Tell me", "auto").await;
            let end = reply_to(&mut socket, &ack).await;
            if on_outage == OnOutage::Open {
                assert_eq!(end["message"]["finish"], "complete", "{judge:?}: {end}");
            } else {
                let ended = (&end["state"], &end["code"]);
                assert_eq!(ended, (&json!("failed"), &json!("provider_unavailable")), "{judge:?}");
            }
        }
        eventually("the accounts", async || {
            (accounts(&app, "failed").await.len(), accounts(&app, "stopped").await.len()) == (3, 1)
        })
        .await;
        app.stop().await;
    }
}

#[actix_web::test]
async fn messages_wait_for_a_judge_that_comes_back_where_nothing_else_may_pass() {
    let house = House::open().await;
    let (app, user, conversation) =
        open(&house, |config| config.moderation.on_outage = OnOutage::Closed).await;
    let mut socket = joined(&app, &user, &conversation).await;
    house.set(Judge::Status(500));
    let ack = send(&mut socket, &conversation, "hello", "none").await;
    assert_eq!(ack["code"], "dependency_down", "{ack}");
    assert!(ack["retryAfterMs"].is_number() && said(&app, &user, &conversation).await.is_empty());
    let path = format!("/api/conversations/{conversation}/messages");
    let response =
        app.send(Method::POST, &path, Some(&user.token), Some(json!({ "content": "hello" }))).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    house.set(Judge::Well);
    let ack = send(&mut socket, &conversation, "hello", "none").await;
    assert_eq!(ack["success"], true, "{ack}");
    app.stop().await;
}

#[actix_web::test]
async fn patterns_hold_without_any_provider() {
    let house = House::open().await;
    let (app, user, conversation) = open(&house, |config| {
        config.moderation.provider = "none".to_owned();
        config.moderation.patterns.insert("house".to_owned(), vec!["forbidden fruit".to_owned()]);
    })
    .await;
    let mut socket = joined(&app, &user, &conversation).await;
    let ack = send(&mut socket, &conversation, "F\u{200B}ORBIDDEN\u{a0}fruit", "auto").await;
    assert_eq!(ack["code"], "content_refused", "{ack}");
    house.say(["It was the for", "bidden fr", "uit, they say."]);
    let ack = send(&mut socket, &conversation, "Tell me", "auto").await;
    let end = reply_to(&mut socket, &ack).await;
    assert_eq!(end["message"]["finish"], "refused", "{end}");
    assert!(house.judged().is_empty());
    app.stop().await;
}

/// An answer of the OpenAI-compatible API: its text, and what it ended of.
async fn completed(app: &TestApp, user: &TestUser, body: Value) -> (String, Value) {
    let response =
        app.send(Method::POST, "/v1/chat/completions", Some(&user.token), Some(body.clone())).await;
    assert_eq!(response.status(), 200);
    if body["stream"] != true {
        let answer: Value = response.json().await.unwrap();
        let choice = &answer["choices"][0];
        return (choice["message"]["content"].as_str().unwrap().to_owned(), choice["finish_reason"].clone());
    }
    let events = response.text().await.unwrap();
    let mut events: Vec<&str> =
        events.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!(events.pop(), Some("[DONE]"), "{events:#?}");
    let events: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let text = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    (text, events.last().unwrap()["choices"][0]["finish_reason"].clone())
}

#[actix_web::test]
async fn a_refused_answer_of_the_openai_api_ends_by_the_filter_with_the_characters_own_words() {
    let house = House::open().await;
    let (app, user, conversation) = open(&house, |_| {}).await;
    let (_, room) = app.get(&format!("/api/conversations/{conversation}"), Some(&user.token)).await;
    let slug = room["conversation"]["characters"][0]["id"].as_str().unwrap_or_else(|| panic!("{room}"));
    for metadata in [json!({}), json!({ "conversation_id": conversation })] {
        for stream in [false, true] {
            let body = json!({
                "model": format!("character/{slug}"),
                "messages": [{ "role": "user", "content": "Tell me" }],
                "metadata": metadata,
                "stream": stream,
            });
            house.say(["a hateful thing"]);
            let (text, finish) = completed(&app, &user, body.clone()).await;
            assert_eq!(finish, "content_filter", "{text}");
            assert!(!text.is_empty() && (stream || !text.contains("hateful")), "{text}");
            // It had begun to speak: a whole answer is the character's words alone, of a stream what was sent stands.
            // What was judged before is not asked about again.
            let new = format!("{stream} {metadata}: {LONG}");
            house.say_slowly([&new, LONG, LONG, "and then a hateful thing. ", LONG]);
            let (text, finish) = completed(&app, &user, body).await;
            assert_eq!(finish, "content_filter", "{text}");
            assert_eq!(text.contains("harmless"), stream, "{text}");
            assert!(text.len() <= 3 * LONG.len() + 200, "{text}");
        }
    }
    app.stop().await;
}
