//! What an admin can switch while the server runs. Whoever starts the server hands these in.

use std::sync::Arc;

use tokio::sync::watch;

/// Sets the log filter; says what is wrong with one that cannot be.
pub type SetLogLevel = dyn Fn(&str) -> Result<(), String> + Send + Sync;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// Bytes of a log filter.
const FILTER_MAX: usize = 500;

/// Cheap to clone.
#[derive(Clone)]
pub struct Switches {
    drain: watch::Sender<bool>,
    log_level: Arc<SetLogLevel>,
}

impl Switches {
    /// `drain` becomes true when an admin asks for it: the server then drains as it does at SIGTERM.
    #[must_use]
    pub fn new(drain: watch::Sender<bool>, log_level: Arc<SetLogLevel>) -> Self {
        Self { drain, log_level }
    }

    /// Asks for the drain; false when it had been asked for before.
    #[must_use]
    pub fn drain(&self) -> bool {
        !self.drain.send_replace(true)
    }

    #[must_use]
    pub fn drain_asked(&self) -> bool {
        *self.drain.borrow()
    }

    /// Sets what is logged: a level, or directives such as `info,greenroom=debug`.
    pub fn set_log_level(&self, filter: &str) -> Result<(), String> {
        check(filter)?;
        (self.log_level)(filter)
    }
}

// A filter takes any single word for the name of a module: a level that is misspelt would silence the log.
fn check(filter: &str) -> Result<(), String> {
    if filter.trim().is_empty() || filter.len() > FILTER_MAX {
        return Err("takes a level, or directives such as info,greenroom=debug".to_owned());
    }
    let bare = |part: &&str| !part.contains('=') && !part.contains('[');
    let unknown = filter
        .split(',')
        .map(str::trim)
        .filter(bare)
        .find(|part| !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part)));
    unknown.map_or(Ok(()), |part| Err(format!("`{part}` is no level; the levels are {}", LEVELS.join(", "))))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn switches() -> (Switches, Arc<Mutex<Vec<String>>>) {
        let set = Arc::new(Mutex::new(Vec::new()));
        let log = set.clone();
        let set_level = move |filter: &str| {
            log.lock().unwrap().push(filter.to_owned());
            Ok(())
        };
        (Switches::new(watch::Sender::new(false), Arc::new(set_level)), set)
    }

    #[test]
    fn a_drain_is_asked_for_once() {
        let (switches, _) = switches();
        assert!(!switches.drain_asked());
        assert!(switches.drain());
        assert!(switches.drain_asked());
        assert!(!switches.drain());
    }

    #[test]
    fn a_misspelt_level_does_not_silence_the_log() {
        let (switches, set) = switches();
        for wrong in ["", " ", "loud", "info,loud", "greenroom", &"x=info,".repeat(100)] {
            assert!(switches.set_log_level(wrong).is_err(), "{wrong}");
        }
        for right in ["debug", "WARN", "info,greenroom=debug,tokio_postgres=off"] {
            switches.set_log_level(right).unwrap();
        }
        assert_eq!(set.lock().unwrap().len(), 3);
    }
}
