//! Random, mutated and hostile frames on both sockets of a whole server: it answers on, nothing in it panics, and its
//! memory stays where it was.
//!
//! `GREENROOM_FUZZ_SEED` repeats a run (the seed is printed), `GREENROOM_FUZZ_FRAMES` says how long it is.

mod frames;
mod lanes;
mod wire;

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use frames::World;
use lanes::{Lane, Shared};
use serde_json::json;

use crate::support::app::{TestApp, eventually};
use crate::support::socket::Socket;

const FRAMES_DEFAULT: u64 = 20_000;
/// By how much the memory may grow after a quarter of the run: what allocators keep, the database's growing caches, and
/// conversations that were made on the way.
const GROWTH_MAX_MIB: u64 = 96;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Resident memory of this process, the server's and the generator's together.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1_024
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_the_server_answers_on_in_the_same_memory() {
    static PANICS: AtomicU64 = AtomicU64::new(0);
    let seed = from_environment("GREENROOM_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    let frames = from_environment("GREENROOM_FUZZ_FRAMES").unwrap_or(FRAMES_DEFAULT);
    eprintln!("GREENROOM_FUZZ_SEED={seed} GREENROOM_FUZZ_FRAMES={frames}");
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Relaxed);
        before(info);
    }));

    let app = TestApp::start_with(|config| {
        // Closed less often, so that more of what is sent is looked at.
        config.realtime.max_frames_per_minute = 0;
        config.realtime.bad_frames_max = 200;
        config.realtime.max_sockets_per_user = 200;
        // Sessions that are left to themselves are gone soon.
        config.realtime.auth_timeout_ms = 3_000;
        config.realtime.heartbeat_interval_ms = 5_000;
        config.ai.offline_word_delay_ms = 0;
        config.log.level = "off".to_owned();
    })
    .await;
    let (user, owner) = (app.user().await, app.user().await);
    let character = app.character().await;
    // One of which the fuzzing user is a member and not the owner, and one that is not theirs at all.
    let body = json!({ "characterId": character, "memberIds": [user.id] });
    let (_, shared) = app.post("/api/conversations", Some(&owner.token), body).await;
    let shared = shared["conversation"]["id"].as_str().expect("an id").to_owned();
    let world = World {
        token: user.token.clone(),
        ids: vec![shared, app.conversation(&owner).await, character, user.id.clone()],
    };

    let run = Arc::new(Shared { address: app.address, world, sent: AtomicU64::new(0), frames });
    let begun = Instant::now();
    let lanes: Vec<_> =
        Lane::ALL.iter().enumerate().map(|(number, lane)| lane.start(run.clone(), seed, number)).collect();
    let mut warm = None;
    while run.sent.load(Relaxed) < frames {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        if warm.is_none() && run.sent.load(Relaxed) >= frames / 4 {
            warm = Some(resident_mib());
        }
        if lanes.iter().any(tokio::task::JoinHandle::is_finished) {
            break;
        }
    }
    let mut opened = Vec::new();
    for lane in lanes {
        opened.push(lane.await.expect("a lane ends well"));
    }
    let (sent, took) = (run.sent.load(Relaxed), begun.elapsed());
    eventually("all sockets are gone", async || app.app().hub().counts().sockets == 0).await;
    let (warm, end) = (warm.unwrap_or_else(resident_mib), resident_mib());
    eprintln!(
        "{sent} frames in {took:.1?}, {opened:?} connections by lane, {warm} MiB after a quarter, {end} MiB at the end"
    );
    assert_eq!(PANICS.load(Relaxed), 0, "something panicked; the seed is {seed}");
    assert!(end <= warm + GROWTH_MAX_MIB, "memory grew from {warm} to {end} MiB; the seed is {seed}");

    // It is as well as before.
    assert_eq!(app.get("/health/ready", None).await.0, 200);
    let mut socket = Socket::signed_in(app.address, &owner.token).await;
    let message = json!({ "conversationId": run.world.ids[0], "content": "Still there?", "reply": "none" });
    assert_eq!(socket.ask("message:send", message).await["success"], true);
    let (status, _) = app.get("/socket.io/?EIO=4&transport=polling", None).await;
    assert_eq!(status, 200);
    drop(socket);
    app.stop().await;
}
