//! Runs an official client's program against a server. One that is not installed fails the test: `bin/test` installs
//! them.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::support::app::{TestApp, TestUser};
use crate::support::socket::PATIENCE;

/// A server whose own limits do not stand in the way of tests.
pub async fn server() -> TestApp {
    TestApp::start_with(|config| {
        config.ai.offline_word_delay_ms = 5;
        // Tests make many accounts.
        config.auth.argon2_memory_kib = 64;
        config.auth.argon2_iterations = 1;
    })
    .await
}

pub struct Client {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

impl Client {
    pub fn javascript(scenario: &str, given: &Value) -> Self {
        Self::node("socketio.js", scenario, given)
    }

    pub fn python(scenario: &str, given: &Value) -> Self {
        Self::snake("socketio.py", scenario, given)
    }

    /// One of the programs in `tests/clients`.
    pub fn node(program: &str, scenario: &str, given: &Value) -> Self {
        assert!(folder().join("node_modules").is_dir(), "no JavaScript client: run bin/test");
        Self::start(Command::new("node").arg(program), scenario, given)
    }

    /// The same in Python.
    pub fn snake(program: &str, scenario: &str, given: &Value) -> Self {
        let python = folder().join(".venv/bin/python");
        assert!(python.exists(), "no Python client: run bin/test");
        Self::start(Command::new(python).arg(program), scenario, given)
    }

    fn start(command: &mut Command, scenario: &str, given: &Value) -> Self {
        let mut child = command
            .args([scenario, &given.to_string()])
            .current_dir(folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the client's program starts");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, input, output }
    }

    /// Waits until it says so.
    pub async fn until(&mut self, word: &str) {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await.expect("a line in time");
        if line.ok().flatten().as_deref() != Some(word) {
            let mut errors = String::new();
            let mut stderr = self.child.stderr.take().expect("piped");
            let _ = tokio::time::timeout(PATIENCE, stderr.read_to_string(&mut errors)).await;
            panic!("the client did not say `{word}`:\n{errors}");
        }
    }

    /// What it says next.
    pub async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await.expect("a line in time");
        line.ok().flatten().expect("a line")
    }

    pub async fn tell(&mut self, word: &str) {
        self.input.write_all(format!("{word}\n").as_bytes()).await.expect("it listens");
    }

    /// Waits for its end, which is a good one.
    pub async fn done(mut self) {
        self.until("done").await;
        assert!(self.child.wait().await.expect("an end").success());
    }
}

/// What every scenario is given.
pub async fn given(app: &TestApp, user: &TestUser) -> Value {
    serde_json::json!({ "url": app.url(""), "token": user.token, "characterId": app.character().await })
}
