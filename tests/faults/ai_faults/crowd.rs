//! Many streams at once while 5% of the requests fail, judged from outside by the load generator; `loadtest/run.sh faults`
//! is the same with a thousand.

use crate::crash::stage::{Crowd, Stage};

#[test]
fn many_streams_come_to_their_end_while_the_provider_fails() {
    let crowd = Crowd { users: 120, rooms: 120, members: 1 };
    let environment = [
        ("GREENROOM__POOL__FIRST_TOKEN_TIMEOUT_MS", "2000"),
        ("GREENROOM__POOL__BACKOFF_MS", "50"),
        ("GREENROOM__AI__PROVIDERS__SPARE__ENABLED", "true"),
    ];
    let stage = Stage::set(crowd, &[], &environment);
    let server = stage.serve();
    let simulator = stage.simulator_url();
    let arguments =
        ["--users", "120", "--sim-url", &simulator, "--rounds", "3", "--tokens", "40", "--spread-ms", "1000"];
    stage.play_on(&server, "faults", &arguments);
}
