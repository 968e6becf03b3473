//! Running the real binary, and reading what it says.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

pub const SECRET: &str = "a secret of the tests, long enough for HS256";

/// A server of this crate as a process; ended when dropped.
pub struct Server {
    child: Child,
    pub address: String,
}

impl Server {
    pub fn start(arguments: &[&str]) -> Server {
        let mut child = command().args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server { child, address: line.trim().rsplit(' ').next().unwrap().to_owned() }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.env("JWT_SECRET", SECRET);
    command
}

/// A folder of its own, removed when dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("loadtest-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Runs a scenario; gives its exit code and its report.
pub fn run(name: &str, arguments: &[&str]) -> (i32, Value) {
    let folder = Folder::new(name);
    let (json, html) = (folder.0.join("report.json"), folder.0.join("report.html"));
    let output =
        command().args(arguments).arg("--json").arg(&json).arg("--html").arg(&html).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report = fs::read(&json).unwrap_or_else(|_| panic!("{name} wrote no report:\n{said}"));
    assert!(fs::read_to_string(&html).unwrap().contains("</html>"));
    (output.status.code().unwrap(), serde_json::from_slice(&report).unwrap())
}

/// The checks that failed.
#[allow(dead_code, reason = "each test binary uses its part of this module")]
pub fn failed(report: &Value) -> Vec<&str> {
    let checks = report["verdict"]["checks"].as_array().unwrap();
    checks
        .iter()
        .filter(|check| check["passed"] == false)
        .map(|check| check["name"].as_str().unwrap())
        .collect()
}

#[allow(dead_code, reason = "each test binary uses its part of this module")]
pub fn figure(report: &Value, name: &str) -> f64 {
    let figures = report["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["name"] == name);
    found.unwrap_or_else(|| panic!("no figure `{name}` in {figures:?}"))["value"].as_f64().unwrap()
}
