//! The real binary, killed with -9 again and again under load, and judged from outside by the load generator: what was acked is
//! there once, events are contiguous and in order, one reply to each asked message, usage exact.

mod avatars;
mod house;
mod left;
pub mod stage;
mod studio;
mod uploads;

use stage::{Crowd, Stage};

#[test]
fn what_was_acked_survives_kill_9_in_the_middle_of_everything() {
    let crowd = Crowd { users: 40, rooms: 10, members: 4 };
    let stage = Stage::set(crowd, &["--first-token-delay-ms", "20", "--tokens", "10"], &[]);
    stage.play("chaos", &["--kills", "20"]);
}

/// Kills the server at every 10th token of so many replies, and looks at what is stored.
async fn killed_at_every_tenth_token(rooms: usize, replies: usize, tokens: u32) {
    let crowd = Crowd { users: rooms * 2, rooms, members: 2 };
    // A draft after each piece of text or two, so that there is something to go on from.
    let stage = Stage::set(crowd, &[], &[("GREENROOM__ENGINE__DRAFT_EVERY_TOKENS", "2")]);
    let (replies_text, tokens) = (replies.to_string(), tokens.to_string());
    let simulator = stage.simulator_url();
    let arguments =
        ["--sim-url", &simulator, "--replies", &replies_text, "--tokens", &tokens, "--every", "10"];
    stage.play("killed", &arguments);

    let database = stage.tables().await;
    let client = database.pool().get().await.expect("a connection");
    let count = async |sql: &str| -> i64 { client.query_one(sql, &[]).await.expect(sql).get(0) };
    let all = replies as i64;
    assert_eq!(count("SELECT count(*) FROM turns WHERE state = 0").await, 0, "no reply is open");
    assert_eq!(count("SELECT count(*) FROM turns").await, all, "one turn for each reply");
    assert_eq!(count("SELECT sum(used) FROM usage").await, all, "each is counted once");
    let charged =
        "SELECT count(*) FROM (SELECT turn_id FROM ai_calls WHERE outcome = 'done' AND purpose = 'reply'
        GROUP BY turn_id HAVING count(*) = 1) AS once";
    assert_eq!(count(charged).await, all, "of the calls for each reply one came to its end");
    drop(client);
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_survive_kill_9_at_every_tenth_token() {
    killed_at_every_tenth_token(10, 20, 40).await;
}

/// `cargo nextest run --workspace --test crash --run-ignored only`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: the full measure of what the one above tries"]
async fn two_hundred_replies_survive_kill_9_at_every_tenth_token() {
    killed_at_every_tenth_token(40, 200, 120).await;
}
