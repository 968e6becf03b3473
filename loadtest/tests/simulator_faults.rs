//! Each fault of the simulator as a provider client sees it, and that a reply goes on where it was cut.

#[path = "simulator_faults/client.rs"]
mod client;

use std::io::Read;
use std::time::{Duration, Instant};

use client::{Client, events, text};
use loadtest::sim::{Insert, Settings, Words, known_text};
use serde_json::json;

const TOKENS: u32 = 12;

fn settings() -> Settings {
    Settings {
        first_token_delay_ms: 5.0,
        tokens_per_second: 2_000.0,
        length_tokens: TOKENS,
        stamped: false,
        slow_first_ms: 300.0,
        ..Settings::default()
    }
}

fn client() -> Client {
    Client::of(settings())
}

fn whole(question: &str) -> String {
    known_text(question, TOKENS, Words::Latin)
}

#[test]
fn a_reply_follows_from_its_question_alone() {
    let client = client();
    for question in ["How far?", "How \"near\"?"] {
        assert_eq!(text(&client.asks(question)), whole(question));
        assert_eq!(text(&client.asks(question)), whole(question));
    }
}

#[test]
fn errors_come_with_their_status_and_what_is_said_of_waiting() {
    let client = Client::of(Settings { retry_after_seconds: 1.5, ..settings() });
    for (model, status, header) in [
        ("unauthorized", 401, ""),
        ("rate-limited", 429, "Retry-After: 2\r\n"),
        ("rate-limited-ms", 429, "retry-after-ms: 1500\r\n"),
        ("server-error", 500, ""),
        ("unavailable", 503, ""),
    ] {
        let answer = client.asks_model(&format!("sim/{model}"), "Hello");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains(header) && answer.contains("\"error\""), "{answer}");
    }
    let dated = client.asks_model("sim/rate-limited-date", "Hello");
    let date = dated.split("Retry-After: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let at = jiff::fmt::rfc2822::parse(date).unwrap().timestamp();
    let wait = at.duration_since(jiff::Timestamp::now());
    assert!((0..=3).contains(&wait.as_secs()), "{date}");
}

#[test]
fn a_key_that_does_not_fit_is_refused() {
    let client = Client::of(Settings { api_key: Some("sk-right".to_owned()), ..settings() });
    assert!(client.asks("Hello").starts_with("HTTP/1.1 401"));
    assert!(client.with_key("sk-right").asks("Hello").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_stream_that_is_cut_is_a_part_of_the_known_text() {
    let client = client();
    let whole = whole("How far?");
    for model in ["broken", "cut-character", "end-early", "stream-error"] {
        let answer = client.asks_model(&format!("sim/{model};at=0.25"), "How far?");
        let said = text(&answer);
        assert!(whole.starts_with(&said) && said.split(' ').count() == 4, "{model}: {said}");
        assert!(!answer.contains("[DONE]"), "{model}: {answer}");
        let ends_properly = answer.ends_with("0\r\n\r\n");
        assert_eq!(ends_properly, matches!(model, "end-early" | "stream-error"), "{model}: {answer}");
    }
    let told = client.asks_model("sim/stream-error", "How far?");
    assert!(told.contains("data: {\"error\""), "{told}");
}

#[test]
fn a_character_is_cut_where_it_stands() {
    let client = Client::of(Settings { words: Words::Wide, ..settings() });
    let bytes = client.bytes(&client.question("sim/cut-character", "How far?"));
    let error = std::str::from_utf8(&bytes).unwrap_err();
    assert!(error.error_len().is_none(), "the last character is not whole: {error}");
    assert_eq!(error.valid_up_to() + 1, bytes.len(), "its first byte is there");
}

#[test]
fn characters_that_are_split_over_writes_are_whole_in_the_end() {
    let client = Client::of(Settings { words: Words::Wide, splits_characters: true, ..settings() });
    let answer = client.bytes(&client.question("m", "How far?"));
    let halves = answer.windows(2).filter(|two| two[0] >= 0x80 && two[1] == b'\r').count();
    assert!(halves as u32 >= TOKENS - 1, "{halves} chunks end within a character");
    let body = client::unchunked(&answer);
    assert_eq!(text(&body), known_text("How far?", TOKENS, Words::Wide));
    assert!(body.contains("[DONE]"));
}

#[test]
fn what_hangs_leaves_the_connection_open_and_says_no_more() {
    let client = client();
    for (model, shown) in [("hang", 0), ("hang-open", 1), ("stall", 2)] {
        let mut stream = client.open(&client.question(&format!("sim/{model}"), "How far?"));
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut said = Vec::new();
        let error = stream.read_to_end(&mut said).unwrap_err();
        assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut));
        let said = String::from_utf8(said).unwrap();
        let found = usize::from(said.contains("200 OK")) + usize::from(said.contains("re:How"));
        assert_eq!(found, shown, "{model}: {said}");
    }
    client.stats_when("abortedByClient", 3);
}

#[test]
fn slow_ones_are_slow_and_whole() {
    let client = Client::of(Settings { slow_tokens_per_second: 50.0, ..settings() });
    for (model, least) in [("slow-first", 300), ("slow-tokens", 11 * 20)] {
        let begun = Instant::now();
        let answer = client.asks_model(&format!("sim/{model}"), "How far?");
        assert_eq!(text(&answer), whole("How far?"), "{model}");
        assert!(begun.elapsed() >= Duration::from_millis(least), "{model}: {:?}", begun.elapsed());
    }
}

#[test]
fn garbage_and_the_lack_of_an_end_leave_the_text_whole() {
    let client = client();
    for model in ["garbage", "no-done"] {
        let answer = client.asks_model(&format!("sim/{model}"), "How far?");
        assert_eq!(text(&answer), whole("How far?"), "{model}");
        assert_eq!(answer.contains("<!oops>"), model == "garbage");
        assert_eq!(answer.contains("[DONE]"), model == "garbage");
    }
}

#[test]
fn usage_comes_never_once_or_always() {
    let client = client();
    for (model, expected) in [("no-usage", 0), ("plain", 1), ("usage-each", TOKENS as usize + 1)] {
        let events = events(&client.asks_model(&format!("sim/{model}"), "How far?"));
        let told: Vec<_> =
            events.iter().filter_map(|event| event["usage"]["completion_tokens"].as_u64()).collect();
        assert_eq!(told.len(), expected, "{model}");
        assert!(told.is_sorted() && told.last().is_none_or(|last| *last == u64::from(TOKENS)), "{told:?}");
    }
}

#[test]
fn an_empty_reply_ends_well_and_a_huge_one_passes_what_was_allowed() {
    let client = Client::of(Settings { huge_tokens: 30_000, ..settings() });
    let empty = client.asks_model("sim/empty", "How far?");
    assert!(text(&empty).is_empty() && empty.contains("[DONE]") && empty.contains("\"stop\""), "{empty}");
    let mut question = client.question("sim/huge", "How far?");
    question["max_tokens"] = json!(5);
    let huge = String::from_utf8(client.bytes(&question)).unwrap();
    assert_eq!(text(&huge), known_text("How far?", 30_000, Words::Latin));
}

#[test]
fn a_line_without_an_end_is_sent_for_as_long_as_it_is_read() {
    let client = client();
    let mut stream = client.open(&client.question("sim/endless-line", "How far?"));
    let mut taken = vec![0; 8 * 1024 * 1024];
    stream.read_exact(&mut taken).unwrap();
    let line = taken.rsplit(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap();
    assert!(line > 30_000, "only chunks end lines: {line}");
    drop(stream);
    client.stats_when("abortedByClient", 1);
}

#[test]
fn a_reply_goes_on_from_the_part_that_is_sent_along() {
    let client = Client::of(Settings { words: Words::Wide, ..settings() });
    let whole = known_text("How far?", TOKENS, Words::Wide);
    let cuts: Vec<usize> = (1..=whole.len()).filter(|cut| whole.is_char_boundary(*cut)).collect();
    for cut in &cuts {
        let rest = text(&client.continues("How far?", &whole[..*cut]));
        assert_eq!(rest, whole[*cut..], "cut at {cut}");
    }
    let stats = client.stats();
    assert_eq!((&stats["continued"], &stats["continuedForeign"]), (&json!(cuts.len()), &json!(0)));
    let foreign = text(&client.continues("How far?", "As I said"));
    assert_eq!((foreign, client.stats()["continuedForeign"].as_u64()), (whole, Some(1)));
}

#[test]
fn a_stamped_reply_goes_on_with_the_stamp_that_it_has() {
    let client = Client::of(Settings { stamped: true, ..settings() });
    let part = text(&client.asks_model("sim/broken", "How far?"));
    let rest = text(&client.continues("How far?", &part));
    assert_eq!(part.split(' ').count() + rest.split(' ').count() - 1, TOKENS as usize + 3, "{part}|{rest}");
    assert_eq!(client.stats()["continued"], 1);
}

#[test]
fn a_plan_strikes_each_question_so_often_and_its_share() {
    let plan = "fault=server-error;times=1;share=50%".parse().unwrap();
    let client = Client::of(Settings { plans: vec![plan], seed: 7, ..settings() });
    let failed = |number: usize| client.asks(&format!("question {number}")).starts_with("HTTP/1.1 500");
    let first: Vec<bool> = (0..60).map(failed).collect();
    let count = first.iter().filter(|failed| **failed).count();
    assert!((15..=45).contains(&count), "{count} of 60");
    let model = |number: usize| client.asks_model("sim/empty;times=1", &format!("once {number}"));
    assert!(text(&model(1)).is_empty() && !text(&model(1)).is_empty());
    let again = (0..60).filter(|number| failed(*number)).count();
    assert_eq!(again, 0, "a second time nothing strikes");
    let other = Client::of(Settings { plans: client.settings.plans.clone(), seed: 7, ..settings() });
    let repeated: Vec<bool> =
        (0..60).rev().map(|n| other.asks(&format!("question {n}")).starts_with("HTTP/1.1 500")).collect();
    assert_eq!(repeated.into_iter().rev().collect::<Vec<_>>(), first, "whatever the order");
}

#[test]
fn several_tokens_are_written_together_in_an_event_each() {
    let client = Client::of(Settings { tokens_per_write: 5, ..settings() });
    let answer = client.asks("How far?");
    assert_eq!(text(&answer), whole("How far?"));
    assert_eq!(events(&answer).len(), TOKENS as usize + 3);
    assert!(text(&client.asks_model("sim/broken;at=0.5", "How far?")).split(' ').count() == 7);
}

#[test]
fn a_word_of_ones_choice_stands_in_the_reply() {
    let insert = Some(Insert { position: 3, text: "bloodbath".to_owned() });
    let client = Client::of(Settings { insert, ..settings() });
    assert_eq!(text(&client.asks("Hi")).split(' ').nth(3), Some("bloodbath"));
}

#[test]
fn what_was_asked_of_whom_is_told() {
    let client = client();
    client.asks("How far?");
    client.post("/v1/moderations", &json!({ "model": "m", "input": "a brawl" }));
    let stats = client.stats();
    assert_eq!(stats["calls"], json!({ "chat": 1, "moderations": 1 }));
    assert_eq!((&stats["tokensSent"], &stats["connections"]), (&json!(TOKENS), &json!(3)));
    assert_eq!(stats["connectionsOpen"], 1, "the one that asks");
    let asked = client.get("/sim/asked");
    assert_eq!(asked["items"][0]["body"]["messages"][1]["content"], "How far?");
    assert_eq!(asked["items"][1]["path"], "/v1/moderations");
}

#[test]
fn moderation_judges_by_words_and_can_be_down() {
    let client = client();
    let ask = || client.post("/v1/moderations", &json!({ "model": "m", "input": ["a bloodbath", "tea"] }));
    let flagged: Vec<bool> =
        ask().1["results"].as_array().unwrap().iter().map(|result| result["flagged"] == true).collect();
    assert_eq!(flagged, [true, false]);
    client.change(&json!({ "endpoints": { "moderations": "unavailable" } }));
    assert_eq!(ask().0, 503);
    assert!(client.asks("Hello").starts_with("HTTP/1.1 200"), "the rest is up");
    client.change(&json!({ "endpoints": {} }));
    assert_eq!(ask().0, 200);
}

#[test]
fn what_is_spoken_is_heard_again() {
    let client = client();
    for format in ["wav", "mp3"] {
        let body =
            json!({ "model": "tts", "voice": "v", "input": "Good evening", "response_format": format });
        let spoken = client.bytes_of("/v1/audio/speech", "application/json", body.to_string().as_bytes());
        let head = spoken.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let mut form =
            b"--xy\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n".to_vec();
        form.extend_from_slice(&spoken[head..]);
        form.extend_from_slice(b"\r\n--xy--\r\n");
        let heard = client.bytes_of("/v1/audio/transcriptions", "multipart/form-data; boundary=xy", &form);
        let heard = String::from_utf8(heard).unwrap();
        assert!(heard.ends_with(r#"{"text":"Good evening"}"#), "{format}: {heard}");
    }
    let (status, refused) =
        client.post("/v1/audio/speech", &json!({ "input": "x", "response_format": "opus" }));
    assert_eq!((status, refused["error"]["code"].as_str()), (400, Some("invalid_request_error")));
}
