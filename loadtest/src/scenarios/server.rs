//! A server process that the generator itself starts, kills and asks whether it is ready.

use std::fs::OpenOptions;
use std::net::SocketAddrV4;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;

use crate::clock::Moment;
use crate::net::{http, send_signal};

const ASK_EVERY: Duration = Duration::from_millis(5);

pub struct ServerProcess {
    child: Child,
    started: Moment,
}

impl ServerProcess {
    /// Runs `command` in a shell that it replaces, so that the process is the server itself; its output is appended
    /// to `log`.
    pub fn start(command: &str, log: Option<&Path>) -> anyhow::Result<ServerProcess> {
        let output = || -> anyhow::Result<Stdio> {
            let Some(path) = log else { return Ok(Stdio::null()) };
            let file = OpenOptions::new().create(true).append(true).open(path);
            Ok(file.with_context(|| format!("opening {}", path.display()))?.into())
        };
        let child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .stdin(Stdio::null())
            .stdout(output()?)
            .stderr(output()?)
            .spawn()
            .with_context(|| format!("starting `{command}`"))?;
        Ok(ServerProcess { child, started: Moment::now() })
    }

    /// Waits until `GET /health/ready` says 200, and says how long after the start that was.
    pub fn wait_ready(&mut self, server: SocketAddrV4, deadline: Duration) -> anyhow::Result<Duration> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("the server ended by itself: {status}");
            }
            if http::get(server, "/health/ready", None).is_ok_and(|answer| answer.status == 200) {
                return Ok(self.started.elapsed());
            }
            let waited = self.started.elapsed();
            anyhow::ensure!(waited < deadline, "the server was not ready after {} s", waited.as_secs());
            std::thread::sleep(ASK_EVERY);
        }
    }

    /// kill -9
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().context("killing the server")?;
        self.child.wait().context("waiting for the killed server")?;
        Ok(())
    }

    /// SIGTERM; says how it ended and after how long.
    pub fn stop(mut self, deadline: Duration) -> anyhow::Result<(ExitStatus, Duration)> {
        let asked = Moment::now();
        send_signal(self.child.id(), libc::SIGTERM).context("asking the server to end")?;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, asked.elapsed()));
            }
            anyhow::ensure!(
                asked.elapsed() < deadline,
                "the server had not ended {} s after SIGTERM",
                deadline.as_secs()
            );
            std::thread::sleep(ASK_EVERY);
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Politely, so that it ends its own children too; then for sure.
            let _ = send_signal(self.child.id(), libc::SIGTERM);
            let asked = Moment::now();
            while asked.elapsed() < Duration::from_secs(10) && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(ASK_EVERY);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
