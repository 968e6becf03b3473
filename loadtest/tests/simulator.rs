//! The simulator as a provider client sees it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use loadtest::clock::Moment;
use loadtest::net::http;
use loadtest::sim::{Background, Fault, Outcome, Settings, beginning, stamp_of};
use serde_json::{Value, json};

fn simulator(script: &[Outcome]) -> Background {
    let settings = Settings {
        first_token_delay_ms: 5.0,
        tokens_per_second: 1_000.0,
        length_tokens: 8,
        script: script.iter().copied().collect(),
        ..Settings::default()
    };
    Background::start(0, settings).unwrap()
}

fn ask(sim: &Background, body: &Value) -> TcpStream {
    let mut stream = TcpStream::connect(sim.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let body = body.to_string();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream
}

fn answer(sim: &Background, body: &Value) -> String {
    let mut text = String::new();
    ask(sim, body).read_to_string(&mut text).unwrap();
    text
}

fn question(text: &str) -> Value {
    json!({ "model": "m", "stream": true, "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": text }] })
}

fn events(answer: &str) -> Vec<Value> {
    let lines = answer.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

fn text(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

fn stats(sim: &Background) -> Value {
    http::get(sim.address(), "/sim/stats", None).unwrap().json().unwrap()
}

/// Asks until the stats are as wanted, because the simulator learns of a closed socket a little later.
fn stats_when(sim: &Background, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Moment::now();
    loop {
        let found = stats(sim);
        if wanted(&found) || begun.elapsed() > Duration::from_secs(10) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_stream_tells_its_question_its_times_and_its_usage() {
    let sim = simulator(&[]);
    let before = Moment::now();
    let answer = answer(&sim, &question("How far is the river?"));
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.trim_end().ends_with("data: [DONE]\n\n\r\n0") || answer.contains("data: [DONE]"));
    let events = events(&answer);
    let text = text(&events);
    assert!(text.starts_with(&beginning("How far is the river?")), "{text}");
    let stamp = stamp_of(text.as_bytes()).unwrap();
    assert!(
        stamp.asked >= Moment::from_unix_micros(before.unix_micros()) && stamp.first_token >= stamp.asked
    );
    assert!(stamp.first_token.since(stamp.asked) >= Duration::from_micros(4_000), "{stamp:?}");
    assert_eq!(events.last().unwrap()["usage"]["completion_tokens"], 8);
    assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], "stop");
}

#[test]
fn the_same_question_gets_the_same_words_whole_or_streamed() {
    let sim = simulator(&[]);
    let words = |text: &str| text.split(']').nth(1).unwrap().to_owned();
    let streamed = text(&events(&answer(&sim, &question("a"))));
    let mut whole = question("a");
    whole["stream"] = json!(false);
    let answer = answer(&sim, &whole);
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(words(&streamed), words(body["choices"][0]["message"]["content"].as_str().unwrap()));
    assert_eq!(body["usage"]["completion_tokens"], 8);
    let counted = stats(&sim);
    assert_eq!((&counted["requests"], &counted["completed"]), (&json!(2), &json!(2)));
    assert_eq!(counted["prompts"]["repeated"][0], json!({ "prompt": "a", "times": 2 }));
}

#[test]
fn a_limit_of_the_request_cuts_the_reply() {
    let sim = simulator(&[]);
    let mut short = question("a");
    short["max_tokens"] = json!(3);
    let events = events(&answer(&sim, &short));
    assert_eq!(events.last().unwrap()["usage"]["completion_tokens"], 3);
    assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], "length");
}

#[test]
fn faults_come_in_the_order_of_the_script() {
    let script = [Fault::RateLimited, Fault::ServerError, Fault::Broken, Fault::Garbage].map(Outcome::Fails);
    let sim = simulator(&script);
    let limited = answer(&sim, &question("a"));
    assert!(limited.starts_with("HTTP/1.1 429") && limited.contains("Retry-After: 1\r\n"), "{limited}");
    assert!(answer(&sim, &question("a")).starts_with("HTTP/1.1 500"));
    let broken = answer(&sim, &question("a"));
    assert!(broken.contains("re:a") && !broken.contains("[DONE]"), "{broken}");
    let garbage = answer(&sim, &question("a"));
    assert!(garbage.contains("<!oops>") && garbage.contains("[DONE]"), "{garbage}");
    assert!(answer(&sim, &question("a")).contains("[DONE]"));
    let counted = stats(&sim);
    let once = json!({ "rateLimited": 1, "serverError": 1, "broken": 1, "garbage": 1 });
    assert_eq!((&counted["faults"], &counted["streamsOpen"]), (&once, &json!(0)));
}

#[test]
fn a_client_that_goes_away_is_counted_as_an_abort() {
    let sim = simulator(&[Outcome::Fails(Fault::Hang)]);
    let hanging = ask(&sim, &question("a"));
    assert_eq!(stats_when(&sim, |stats| stats["streamsOpen"] == 1)["streamsOpen"], 1);
    drop(hanging);
    assert_eq!(stats_when(&sim, |stats| stats["abortedByClient"] == 1)["abortedByClient"], 1);
}

#[test]
fn settings_change_at_run_time_and_bad_ones_are_refused() {
    let sim = simulator(&[]);
    let put = |body: &str| http::put(sim.address(), "/sim/config", body.as_bytes()).unwrap();
    assert_eq!(put(r#"{"lengthTokens":2,"script":["serverError"]}"#).status, 200);
    assert_eq!(put(r#"{"lengthTokens":0}"#).status, 400);
    assert!(answer(&sim, &question("a")).starts_with("HTTP/1.1 500"));
    assert_eq!(events(&answer(&sim, &question("a"))).last().unwrap()["usage"]["completion_tokens"], 2);
    let models = http::get(sim.address(), "/v1/models", None).unwrap().json().unwrap();
    assert_eq!(models["data"][0]["id"], "sim-1");
    assert_eq!(models["data"].as_array().unwrap().len(), 1 + Fault::ALL.len());
}

#[test]
fn requests_on_one_connection_are_answered_one_after_the_other() {
    let sim = simulator(&[]);
    let mut stream = TcpStream::connect(sim.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut requests = String::new();
    for (text, connection) in [("first", "keep-alive"), ("second", "close")] {
        let body = question(text).to_string();
        requests.push_str(&format!(
            "POST /v1/chat/completions HTTP/1.1\r\nConnection: {connection}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    }
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    let (first, second) = (answers.find("re:first").unwrap(), answers.find("re:second").unwrap());
    assert!(first < second);
    assert_eq!(answers.matches("[DONE]").count(), 2);
}
