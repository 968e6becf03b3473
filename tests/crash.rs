//! The real binary, killed with -9 again and again under load, and judged from outside by the load generator: what was acked is
//! there once, events are contiguous and in order, one reply to each asked message, usage exact.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KILLS: &str = "20";
const CROWD: [&str; 6] = ["--users", "40", "--rooms", "10", "--members", "4"];

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port()
}

fn run(command: &mut Command) {
    let done = command.output().expect("it starts");
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(done.status.success(), "{command:?}\n{}\n{}", said[0], said[1]);
    // The seed stands there, for a run that fails later on.
    eprintln!("{}", said[0]);
}

#[test]
fn what_was_acked_survives_kill_9_in_the_middle_of_everything() {
    let greenroom = Path::new(env!("CARGO_BIN_EXE_greenroom"));
    let loadtest = greenroom.with_file_name("loadtest");
    assert!(loadtest.exists(), "the load generator is built by `cargo nextest run --workspace`");
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/loadtest/config.toml");
    let folder = tempfile::tempdir().expect("a folder");
    let (server_port, simulator_port) = (free_port(), free_port());
    let environment = [
        ("JWT_SECRET", "a secret for this test of thirty-two characters".to_owned()),
        ("GREENROOM__SERVER__PORT", server_port.to_string()),
        ("GREENROOM__DATA_DIR", folder.path().join("data").display().to_string()),
        ("GREENROOM__AI__PROVIDERS__SIM__BASE_URL", format!("http://127.0.0.1:{simulator_port}/v1")),
    ];
    let simulator = Command::new(&loadtest)
        .args([
            "sim",
            "--port",
            &simulator_port.to_string(),
            "--first-token-delay-ms",
            "20",
            "--tokens",
            "10",
        ])
        .stdout(Stdio::null())
        .spawn()
        .expect("the simulator starts");
    let _simulator = Killed(simulator);
    let started = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", simulator_port)).is_err() {
        assert!(started.elapsed() < Duration::from_secs(30), "the simulator listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    let crowd = ["--load", "40", "--rooms", "10", "--members", "4"];
    run(Command::new(greenroom).args(["seed", "--config", config]).args(crowd).envs(environment.clone()));
    let serve = format!("{} serve --config {config}", greenroom.display());
    run(Command::new(&loadtest)
        .args(["chaos", "--kills", KILLS, "--url", &format!("http://127.0.0.1:{server_port}")])
        .args(CROWD)
        .args(["--server-cmd", &serve, "--server-log"])
        .arg(folder.path().join("server.log"))
        .envs(environment));
}
