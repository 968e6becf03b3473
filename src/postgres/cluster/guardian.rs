//! The thread that starts PostgreSQL, waits for its end, and starts it again.
//!
//! A thread of its own, because the death signal of a child follows the thread that made it: this one lives exactly as
//! long as the server wants its database. Restarts back off; a stop asked for is never followed by a restart.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::super::error::DatabaseError;
use super::Launch;
use super::folder::Folder;
use super::process::{self, Stop};

/// Before the first restart; doubles up to `BACKOFF_MAX`, and starts anew once a run lasted `STEADY`.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
const STEADY: Duration = Duration::from_secs(10);
/// Lines of PostgreSQL's log kept to tell why it did not start, and characters of a line that are passed on.
const LAST_WORDS: usize = 12;
const LINE_MAX_CHARS: usize = 1_000;

/// What the cluster is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Starting,
    /// Its postmaster runs under this process id; whether it takes connections yet is for the caller to see.
    Running(i32),
    /// It ended or could not start, for this reason, and will be started again.
    Down(String),
    /// The guardian has ended, and PostgreSQL with it.
    Stopped,
}

#[derive(Default)]
struct Control {
    /// Process id while the child is not reaped: a signal sent under the lock cannot hit another process.
    child: Option<i32>,
    stopping: bool,
}

struct Shared {
    control: Mutex<Control>,
    wake: Condvar,
    last_words: Mutex<VecDeque<String>>,
}

impl Shared {
    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_words(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handle of the thread. Dropping it lets PostgreSQL end; it does not wait.
pub(super) struct Guardian {
    shared: Arc<Shared>,
    state: watch::Receiver<State>,
}

impl Guardian {
    pub(super) fn start(folder: Arc<Folder>, launch: Launch) -> Result<Self, DatabaseError> {
        let shared = Arc::new(Shared {
            control: Mutex::default(),
            wake: Condvar::new(),
            last_words: Mutex::default(),
        });
        let (sender, state) = watch::channel(State::Starting);
        let watched = shared.clone();
        std::thread::Builder::new()
            .name("postgres-guardian".into())
            .spawn(move || {
                guard(&folder, &launch, &watched, &sender);
                // The locks go first: who sees `Stopped` may open the folder again.
                drop(folder);
                sender.send_replace(State::Stopped);
            })
            .map_err(DatabaseError::io("starting the thread that guards PostgreSQL"))?;
        Ok(Self { shared, state })
    }

    pub(super) fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Asks for the end, in the given manner, and forbids restarts. Answers at once.
    pub(super) fn stop(&self, how: Stop) {
        let mut control = self.shared.control();
        control.stopping = true;
        if let Some(pid) = control.child {
            process::stop(pid, how);
        }
        self.shared.wake.notify_all();
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.stop(Stop::Fast);
    }
}

fn guard(folder: &Folder, launch: &Launch, shared: &Arc<Shared>, state: &watch::Sender<State>) {
    let mut backoff = BACKOFF_MIN;
    loop {
        let started = Instant::now();
        let reason = match run_once(folder, launch, shared, state) {
            Ok(reason) => reason,
            Err(error) => error.to_string(),
        };
        if started.elapsed() > STEADY {
            backoff = BACKOFF_MIN;
        }
        let control = shared.control();
        if control.stopping {
            return;
        }
        tracing::error!(reason, backoff_ms = backoff.as_millis(), "PostgreSQL ended; it is started again");
        state.send_replace(State::Down(reason));
        let waited = shared.wake.wait_timeout_while(control, backoff, |control| !control.stopping);
        if waited.unwrap_or_else(PoisonError::into_inner).0.stopping {
            return;
        }
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

/// Starts PostgreSQL and waits for its end; answers why it ended.
fn run_once(
    folder: &Folder,
    launch: &Launch,
    shared: &Arc<Shared>,
    state: &watch::Sender<State>,
) -> Result<String, DatabaseError> {
    let lock = folder.lock_postgres()?;
    let mut command = Command::new(&launch.program);
    command.args(&launch.arguments).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::piped());
    process::prepare(&mut command, launch.account, Some(&lock));
    let (mut child, pid) = {
        let mut control = shared.control();
        if control.stopping {
            return Ok(String::new());
        }
        let child = command.spawn().map_err(DatabaseError::io("starting PostgreSQL"))?;
        let pid = child.id().cast_signed();
        control.child = Some(pid);
        (child, pid)
    };
    // From here on the lock is PostgreSQL's own.
    drop(lock);
    shared.last_words().clear();
    let reader = child.stderr.take().map(|log| read_log(log, shared.clone()));
    state.send_replace(State::Running(pid));
    let ended = process::await_end(child.id());
    let status = reap(&mut child, shared);
    ended.map_err(DatabaseError::io("waiting for PostgreSQL"))?;
    if let Some(Ok(reader)) = reader
        && !shared.control().stopping
    {
        // Its last words are in the pipe still, unless some process of it lives on and holds the pipe open.
        let patience = Instant::now() + Duration::from_millis(200);
        while !reader.is_finished() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let words = shared.last_words().iter().cloned().collect::<Vec<_>>().join("; ");
    Ok(if words.is_empty() { status } else { format!("{status}: {words}") })
}

fn reap(child: &mut Child, shared: &Shared) -> String {
    let mut control = shared.control();
    control.child = None;
    match child.wait() {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Passes PostgreSQL's log on to ours, line by line.
fn read_log(log: ChildStderr, shared: Arc<Shared>) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("postgres-log".into()).spawn(move || {
        let mut log = BufReader::new(log);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut log).take(64 * 1024).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text: String = String::from_utf8_lossy(&line).trim().chars().take(LINE_MAX_CHARS).collect();
            if text.is_empty() {
                continue;
            }
            pass_on(&text);
            let mut last_words = shared.last_words();
            if last_words.len() == LAST_WORDS {
                last_words.pop_front();
            }
            last_words.push_back(text);
        }
    })
}

fn pass_on(line: &str) {
    match line.split_once(':').map_or("", |(level, _)| level) {
        "PANIC" => tracing::error!(target: "postgres", "{line}"),
        "FATAL" | "ERROR" | "WARNING" => tracing::warn!(target: "postgres", "{line}"),
        "LOG" => tracing::info!(target: "postgres", "{line}"),
        _ => tracing::debug!(target: "postgres", "{line}"),
    }
}
