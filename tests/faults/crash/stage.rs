//! The real binary on a private database of its own, the simulator as its provider, and the load generator that kills and
//! judges it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use greenroom::postgres::{Database, Options};

use crate::support::process::{free_port, greenroom};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/loadtest/config.toml");

/// Who is seeded.
pub struct Crowd {
    pub users: usize,
    pub rooms: usize,
    pub members: usize,
}

pub struct Stage {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
    crowd: Crowd,
    server_port: u16,
    simulator_port: u16,
    _simulator: Killed,
}

/// A process that ends by a kill -9 when this is dropped.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn load_generator() -> PathBuf {
    let loadtest = greenroom().with_file_name("loadtest");
    assert!(loadtest.exists(), "the load generator is built by `cargo nextest run --workspace`");
    loadtest
}

fn run(command: &mut Command) {
    let done = command.output().expect("it starts");
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(done.status.success(), "{command:?}\n{}\n{}", said[0], said[1]);
    // The seed stands there, for a run that fails later on.
    eprintln!("{}", said[0]);
}

impl Stage {
    /// A seeded database, and a simulator with these arguments.
    pub fn set(crowd: Crowd, simulator: &[&str], more: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (server_port, simulator_port) = (free_port(), free_port());
        let mut environment = vec![
            ("JWT_SECRET", "a secret for this test of thirty-two characters".to_owned()),
            ("GREENROOM__SERVER__PORT", server_port.to_string()),
            ("GREENROOM__DATA_DIR", folder.path().join("data").display().to_string()),
            ("GREENROOM__AI__PROVIDERS__SIM__BASE_URL", format!("http://127.0.0.1:{simulator_port}/v1")),
            ("GREENROOM__AI__PROVIDERS__SPARE__BASE_URL", format!("http://127.0.0.1:{simulator_port}/v1")),
        ];
        environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let simulator = Command::new(load_generator())
            .args(["sim", "--port", &simulator_port.to_string()])
            .args(simulator)
            .stdout(Stdio::null())
            .spawn()
            .expect("the simulator starts");
        let stage =
            Self { folder, environment, crowd, server_port, simulator_port, _simulator: Killed(simulator) };
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", simulator_port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(30), "the simulator listens");
            std::thread::sleep(Duration::from_millis(20));
        }
        let Crowd { users, rooms, members } = &stage.crowd;
        run(Command::new(greenroom())
            .args(["seed", "--config", CONFIG, "--load", &users.to_string()])
            .args(["--rooms", &rooms.to_string(), "--members", &members.to_string()])
            .envs(stage.environment.clone()));
        stage
    }

    /// Runs a scenario of the load generator that starts the server itself; its verdict is the test's.
    pub fn play(&self, scenario: &str, arguments: &[&str]) {
        let Crowd { users, rooms, members } = &self.crowd;
        let serve = format!("{} serve --config {CONFIG}", greenroom().display());
        run(Command::new(load_generator())
            .args([scenario, "--url", &format!("http://127.0.0.1:{}", self.server_port)])
            .args(["--users", &users.to_string(), "--rooms", &rooms.to_string()])
            .args(["--members", &members.to_string()])
            .args(arguments)
            .args(["--server-cmd", &serve, "--server-log"])
            .arg(self.folder.path().join("server.log"))
            .envs(self.environment.clone()));
    }

    /// Starts the server, for scenarios that find one.
    pub fn serve(&self) -> Killed {
        let server = Command::new(greenroom())
            .args(["serve", "--config", CONFIG])
            .envs(self.environment.clone())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = Killed(server);
        let started = Instant::now();
        let address = std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, self.server_port);
        while !loadtest::net::http::get(address, "/health/ready", None)
            .is_ok_and(|answer| answer.status == 200)
        {
            assert!(started.elapsed() < Duration::from_secs(60), "the server is ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Runs a scenario against a server that is there; its verdict is the test's.
    pub fn play_on(&self, server: &Killed, scenario: &str, arguments: &[&str]) {
        run(Command::new(load_generator())
            .args([scenario, "--url", &format!("http://127.0.0.1:{}", self.server_port)])
            .args(["--server-pid", &server.0.id().to_string()])
            .args(arguments)
            .envs(self.environment.clone()));
    }

    pub fn simulator_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.simulator_port)
    }

    /// The tables that the killed servers left.
    pub async fn tables(&self) -> Database {
        Database::open(&Options::default(), &self.folder.path().join("data")).await.expect("the database")
    }
}
