//! Every scenario passes against a server that keeps its promises, and fails against one that breaks them.

mod common;

use common::{Folder, Server, failed, figure, run};
use loadtest::double::PASSWORD;
use serde_json::Value;

fn double(arguments: &[&str]) -> Server {
    Server::start(&[&["double"], arguments].concat())
}

/// `arguments` are words with spaces between.
fn scenario(name: &str, server: &Server, arguments: &str) -> (i32, Value) {
    let (url, pid) = (server.url(), server.pid());
    let mut all = vec![name, "--url", &url, "--server-pid", &pid];
    all.extend(arguments.split(' '));
    run(&format!("{name}-{pid}"), &all)
}

/// A run in which nothing was found wrong; gives its report.
fn passes(name: &str, server: &Server, arguments: &str) -> Value {
    let (code, report) = scenario(name, server, arguments);
    assert_eq!((code, failed(&report)), (0, vec![]), "{name} {arguments}");
    report
}

#[test]
fn fanout_reaches_everybody_on_the_floor() {
    let arguments = "fanout --floor-only --users 40 --rooms 4 --members 10 --seconds 0.3 --rounds 1";
    let (code, report) = run("floor", &arguments.split(' ').collect::<Vec<_>>());
    assert_eq!((code, failed(&report)), (0, vec![]));
    assert!(figure(&report, "floor, 1 outstanding: deliveries") > 0.0);
    assert!(report["latencies"][0]["count"].as_u64().unwrap() > 0);
}

#[test]
fn fanout_compares_the_server_with_the_floor() {
    let server = double(&[]);
    let arguments = "--users 40 --rooms 4 --members 10 --seconds 0.3 --rounds 1";
    let report = passes("fanout", &server, arguments);
    assert!(figure(&report, "server, 4 outstanding: deliveries") > 0.0);
    assert!(figure(&report, "server / floor, 1 outstanding") >= 0.0);
}

#[test]
fn idle_counts_the_memory_of_sockets_that_stay_open() {
    let server = double(&[]);
    let report = passes("idle", &server, "--users 60 --base 10 --settle 0 --seconds 0");
    assert_eq!(report["latencies"][0]["count"], 60);
    assert!(figure(&report, "memory per socket") < 1e6);
}

#[test]
fn rooms_are_woken_and_counted() {
    let server = double(&[]);
    let arguments = "--users 1 --rooms 60 --members 1 --base 10 --settle 0 --stay";
    let report = passes("rooms", &server, arguments);
    assert!(figure(&report, "memory per live room") < 1e6);
}

#[test]
fn a_token_of_another_secret_is_told_and_nothing_is_measured() {
    let server = double(&[]);
    let url = server.url();
    let output = common::command()
        .args(["idle", "--url", &url, "--server-pid", &server.pid(), "--users", "20", "--base", "10"])
        .env("JWT_SECRET", "another secret of the tests, long enough")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("unauthenticated"));
}

const SEND: &str = "--users 20 --rooms 20 --members 1 --seconds 0.5";

#[test]
fn send_accounts_for_every_message() {
    let server = double(&[]);
    let report = passes("send", &server, &format!("{SEND} --window 4 --joined"));
    assert!(figure(&report, "acked") > 0.0);

    let report = passes("send", &server, &format!("{SEND} --rate 400"));
    assert!(report["latencies"][0]["count"].as_u64().unwrap() > 100);
}

#[test]
fn send_notices_a_message_that_was_acked_and_not_stored() {
    let server = double(&["--breach", "forget-message"]);
    let (code, report) = scenario("send", &server, SEND);
    assert_eq!(code, 1);
    assert!(
        failed(&report).contains(&"each acked message is stored once, in order"),
        "{:?}",
        failed(&report)
    );
}

#[test]
fn send_notices_a_message_that_was_not_counted() {
    let server = double(&["--breach", "miscount-usage"]);
    let (code, report) = scenario("send", &server, SEND);
    assert_eq!((code, failed(&report)), (1, vec!["usage is exact"]));
}

const STORM: &str = "--users 50 --rooms 5 --members 10 --rate 300 --seconds 0.4 --away 200";

#[test]
fn storm_brings_everybody_back_with_all_that_was_said() {
    let server = double(&[]);
    let report = passes("storm", &server, STORM);
    assert!(figure(&report, "missed messages caught up") > 0.0);
}

#[test]
fn storm_notices_lost_and_doubled_events() {
    for (breach, check) in [("lose-event", "no event lost"), ("double-event", "no event twice")] {
        let server = double(&["--breach", breach, "--breach-every", "7"]);
        let (code, report) = scenario("storm", &server, STORM);
        assert_eq!(code, 1);
        assert!(failed(&report).contains(&check), "{breach}: {:?}", failed(&report));
    }
}

#[test]
fn slow_sees_stuck_readers_let_go_and_come_back() {
    let server = double(&[]);
    let arguments =
        "--users 8 --rooms 2 --members 4 --stuck 1 --rate 200 --length 4500 --before 0.3 --seconds 4";
    let report = passes("slow", &server, arguments);
    assert_eq!(figure(&report, "stuck readers let go"), 2.0);
}

#[test]
fn slow_notices_a_stuck_reader_that_is_never_let_go() {
    let server = double(&[]);
    // Too little is said for any queue to fill.
    let arguments =
        "--users 8 --rooms 2 --members 4 --stuck 1 --rate 20 --length 10 --before 0.1 --seconds 0.3";
    let (code, report) = scenario("slow", &server, arguments);
    assert_eq!((code, failed(&report)), (1, vec!["each stuck reader is let go"]));
}

#[test]
fn chat_follows_every_reply_from_question_to_end() {
    let sim = Server::start(&["sim"]);
    let server = double(&["--provider", &sim.url()]);
    let pace = "--tokens 10 --tokens-per-second 100 --first-token-delay-ms 20";
    let arguments = format!("--sim-url {} --users 30 --concurrent 10 {pace} --seconds 0.6", sim.url());
    let report = passes("chat", &server, &arguments);
    assert!(report["latencies"][0]["count"].as_u64().unwrap() > 10);
}

#[test]
fn relay_compares_a_room_with_a_plain_client() {
    let sim = Server::start(&["sim"]);
    let server = double(&["--provider", &sim.url()]);
    let pace = "--tokens 12 --tokens-per-second 100 --first-token-delay-ms 20 --seconds 0.5";
    let burst = "--burst-tokens 40 --burst-tokens-per-second 400 --burst-seconds 0.5 --step-seconds 0.3";
    // The provider itself is as plain a proxy as can be.
    let proxy = format!("--proxy-url {} --proxy-name itself --proxy-budget 60", sim.url());
    let crowd = "--users 100 --rooms 50 --members 2 --concurrent 30";
    let report = passes("relay", &server, &format!("--sim-url {} {crowd} {pace} {burst} {proxy}", sim.url()));
    let rows = report["tables"][0]["rows"].as_array().unwrap();
    let who: Vec<_> = rows.iter().map(|row| row[0].as_str().unwrap()).collect();
    let expected = ["Greenroom (first tokens)", "Greenroom (tokens)", "nothing: the provider itself"];
    assert_eq!((&who[..3], &who[3..]), (&expected[..], &["itself"; 2][..]), "steps of 25 and 30 streams");
    assert!(rows.iter().all(|row| row[8] == "0"), "{rows:?}");
    let relayed = figure(&report, "tokens relayed to each watcher");
    assert!((2_000.0..20_000.0).contains(&relayed), "{relayed} of 12,000 offered");
    assert_eq!(figure(&report, "streams that itself bears"), 30.0);
}

const LOGINS: &str = "--users 20 --logins 8 --rate 400 --before 0.2 --seconds 0.5 --password";

#[test]
fn logins_are_counted_while_every_ping_is_answered() {
    let server = double(&[]);
    let report = passes("logins", &server, &format!("{LOGINS} {PASSWORD}"));
    assert!(figure(&report, "logins") > 0.0);
    let pings = |nth: usize| report["latencies"][nth]["count"].as_u64().unwrap();
    assert_eq!((pings(0), pings(1)), (80, 200));
}

#[test]
fn logins_notices_that_they_are_refused() {
    let server = double(&[]);
    let (code, report) = scenario("logins", &server, &format!("{LOGINS} wrong"));
    assert_eq!((code, failed(&report)), (1, vec!["people sign in", "no login is refused"]));
}

/// A picture of two bytes is as good for the stand-in as one of twelve megapixels.
fn uploading(picture: &[u8]) -> (i32, Value) {
    let (server, folder) = (double(&[]), Folder::new(&format!("picture-{}", picture.len())));
    let path = folder.0.join("picture.jpg");
    std::fs::write(&path, picture).unwrap();
    let arguments =
        format!("--users 20 --uploads 4 --rate 400 --before 0.2 --seconds 0.5 --picture {}", path.display());
    scenario("uploads", &server, &arguments)
}

#[test]
fn uploads_are_counted_while_every_ping_is_answered() {
    let (code, report) = uploading(&[0xff, 0xd8, 0xff, 0xd9]);
    assert_eq!((code, failed(&report)), (0, vec![]));
    assert!(figure(&report, "uploads") > 0.0);
    let pings = |nth: usize| report["latencies"][nth]["count"].as_u64().unwrap();
    assert_eq!((pings(0), pings(1)), (80, 200));
}

#[test]
fn uploads_notices_that_they_are_refused() {
    let (code, report) = uploading(b"no picture");
    assert_eq!((code, failed(&report)), (1, vec!["files come in", "no upload is refused"]));
}

const ENUMERATION: &str = "--users 60 --blocked 20 --tries 15 --seed 7";

#[test]
fn enumeration_finds_answers_that_are_alike() {
    let server = double(&[]);
    let report = passes("enumeration", &server, ENUMERATION);
    let counts = report["latencies"].as_array().unwrap().iter().map(|kind| kind["count"].as_u64().unwrap());
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [15, 15, 15],
        "known, blocked and unknown ones at the login alone"
    );
    assert_eq!(
        report["notes"].as_array().unwrap().len(),
        2,
        "what is not there is told: {}",
        report["notes"]
    );
}

#[test]
fn enumeration_notices_one_answer_that_tells_more() {
    let server = double(&["--breach", "tell-unknown", "--breach-every", "15"]);
    let (code, report) = scenario("enumeration", &server, ENUMERATION);
    assert_eq!((code, failed(&report)), (1, vec!["/api/auth/login answers all alike"]));
}

const READING: &str = "--messages 2000 --messages-small 100 --rounds 8 --tries 4";

#[test]
fn reading_compares_pages_and_finds_what_was_seeded() {
    let server = double(&["--messages", "2000,100"]);
    let report = passes("reading", &server, READING);
    let counts = report["latencies"].as_array().unwrap().iter().map(|kind| kind["count"].as_u64().unwrap());
    assert_eq!(counts.collect::<Vec<_>>(), [8, 8, 8, 8, 8, 8, 4, 4, 4, 4, 4], "pages, then searches");
    assert!(figure(&report, "latest page, long / short") > 0.0);
    assert!(figure(&report, "slowest median of a search") > 0.0);
}

#[test]
fn reading_notices_a_hit_that_a_search_left_out() {
    let server = double(&["--messages", "2000,100", "--breach", "hide-hit", "--breach-every", "9"]);
    let (code, report) = scenario("reading", &server, READING);
    assert_eq!((code, failed(&report)), (1, vec!["searches find what was seeded"]));
}

#[test]
fn reading_notices_a_conversation_that_lacks_messages() {
    let server = double(&["--messages", "2000,99"]);
    let (code, report) = scenario("reading", &server, READING);
    assert_eq!((code, failed(&report)), (1, vec!["pages hold what was seeded"]));
}

const FAULTS: &str =
    "--users 40 --rounds 2 --tokens 12 --tokens-per-second 200 --spread-ms 100 --settle 0 --seed 7";

#[test]
fn faults_finds_nothing_wrong_where_what_failed_is_asked_for_again() {
    let sim = Server::start(&["sim"]);
    let server = double(&["--provider", &sim.url()]);
    let plan = "fault=broken,garbage,slow-first;share=30%;times=1";
    let report = passes("faults", &server, &format!("{FAULTS} --sim-url {} --faults {plan}", sim.url()));
    assert_eq!(figure(&report, "messages asked"), 160.0, "two rounds, and one before and behind them");
    assert_eq!(figure(&report, "replies that are whole"), 160.0);
    assert!(figure(&report, "of these struck at the first try") > 10.0);
}

#[test]
fn faults_notices_what_hangs_and_what_is_said_twice() {
    let sim = Server::start(&["sim"]);
    for (arguments, plan, check) in [
        (&[][..], "fault=hang;share=20%", "each message comes to its end in time"),
        (
            &["--breach", "double-reply", "--breach-every", "7"],
            "fault=empty;share=0",
            "what was said is what the provider said, once",
        ),
    ] {
        let url = sim.url();
        let server = double(&[&["--provider", url.as_str()], arguments].concat());
        let options = format!("{FAULTS} --patience 3 --sim-url {url} --faults {plan}");
        let (code, report) = scenario("faults", &server, &options);
        assert_eq!(code, 1, "{plan}");
        assert!(failed(&report).contains(&check), "{plan}: {:?}", failed(&report));
    }
}

fn killed(name: &str, arguments: &[&str]) -> (i32, Value) {
    let folder = Folder::new(&format!("killed-data-{name}"));
    let sim = Server::start(&["sim"]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!(
        "{} double --port {port} --data {} --provider {} {}",
        env!("CARGO_BIN_EXE_loadtest"),
        folder.0.join("log").display(),
        sim.url(),
        arguments.join(" ")
    );
    let (url, sim_url) = (format!("http://127.0.0.1:{port}"), sim.url());
    let options = "--users 6 --rooms 3 --members 2 --replies 6 --tokens 25 --every 10 --tokens-per-second 60";
    let mut all = vec!["killed", "--url", &url, "--server-cmd", &server, "--sim-url", &sim_url];
    all.extend(options.split(' '));
    run(&format!("killed-{name}"), &all)
}

/// The stand-in makes replies anew after a kill, but does not tell who resumes the text so far.
const HOLES: &str = "each watcher sees the known text, once and without a hole";

#[test]
fn killed_notices_text_that_is_missing_behind_a_resume_and_nothing_else() {
    let (code, report) = killed("fine", &[]);
    assert_eq!((code, failed(&report)), (1, vec![HOLES]));
    assert_eq!((figure(&report, "kills"), report["latencies"][0]["count"].as_u64()), (4.0, Some(4)));
    assert!(figure(&report, "positions at which replies were struck") > 0.0);
}

#[test]
fn killed_notices_a_second_reply() {
    let (code, report) = killed("double-reply", &["--breach", "double-reply", "--breach-every", "3"]);
    let check = "each question has one reply, and that is the known text";
    assert_eq!(code, 1);
    assert!(failed(&report).contains(&check), "{:?}", failed(&report));
}

fn chaos(name: &str, arguments: &[&str]) -> (i32, Value) {
    let folder = Folder::new(&format!("chaos-data-{name}"));
    // A free port, which the server takes again after each kill.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!(
        "{} double --port {port} --data {} {}",
        env!("CARGO_BIN_EXE_loadtest"),
        folder.0.join("log").display(),
        arguments.join(" ")
    );
    let url = format!("http://127.0.0.1:{port}");
    let options = "--users 12 --rooms 4 --members 3 --kills 3 --seed 7 --min-life-ms 50 --max-life-ms 400 --pause-ms 30 --replies 0.5 --settle 20";
    let mut all = vec!["chaos", "--url", &url, "--server-cmd", &server];
    all.extend(options.split(' '));
    run(&format!("chaos-{name}"), &all)
}

#[test]
fn chaos_finds_nothing_wrong_with_a_server_that_stores_before_it_acks() {
    let (code, report) = chaos("fine", &[]);
    assert_eq!((code, failed(&report)), (0, vec![]));
    assert_eq!(report["latencies"][0]["count"], 3);
    assert!(figure(&report, "messages acked") > 10.0);
    assert!(figure(&report, "replies stored") > 5.0);
}

#[test]
fn chaos_notices_a_forgotten_message_a_second_reply_and_a_wrong_count() {
    for (breach, check) in [
        ("forget-message", "each acked message is stored once, as acked"),
        ("double-reply", "one reply per asked message, or one final failure"),
        ("miscount-usage", "usage is exact"),
    ] {
        let (code, report) = chaos(breach, &["--breach", breach, "--breach-every", "5"]);
        assert_eq!(code, 1, "{breach}");
        assert!(failed(&report).contains(&check), "{breach}: {:?}", failed(&report));
    }
}
