//! Logs: what is written, in which form, and the handle that changes the level of a running server.

use std::io::IsTerminal;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// JSON in production, text in development.
    #[default]
    Auto,
    Text,
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,greenroom=debug`.
    pub level: String,
    pub format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

const QUIET_INFO: &str = "info,actix_server=warn,refinery_core=warn";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("takes error, warn, info, debug, trace, or directives such as info,greenroom=debug")]
pub struct LevelError;

/// Reads a level. A bare word that is no level would silence everything, so it is refused.
pub(super) fn parse_level(text: &str) -> Result<EnvFilter, LevelError> {
    let known = |part: &str| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level).trim();
        level.eq_ignore_ascii_case("off") || level.parse::<tracing::Level>().is_ok()
    };
    if text.trim().is_empty() || !text.split(',').all(known) {
        return Err(LevelError);
    }
    // Who asks for `info` wants to hear of this server; the framework's own starting and stopping comes with `debug`.
    let directives = if text.trim().eq_ignore_ascii_case("info") { QUIET_INFO } else { text };
    // That crate logs what it cannot read of a stream, and so what characters say: never, unless asked for by name.
    let private = if text.contains("async_openai") { "" } else { ",async_openai=off" };
    EnvFilter::try_new(format!("{directives}{private}")).map_err(|_| LevelError)
}

/// The running log of this process.
#[derive(Clone)]
pub struct Logging {
    filter: reload::Handle<EnvFilter, Registry>,
}

static RUNNING: OnceLock<Logging> = OnceLock::new();

impl Logging {
    /// Starts the log, to standard error. Only the first call of a process has an effect.
    pub fn start(settings: &LogSettings, json: bool) {
        let level = parse_level(&settings.level).unwrap_or_else(|_| EnvFilter::new(QUIET_INFO));
        let (filter, handle) = reload::Layer::new(level);
        let registry = tracing_subscriber::registry().with(filter);
        let started = if json {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
        } else {
            registry
                .with(fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr))
                .try_init()
        };
        if started.is_ok() {
            // Whoever was first stays: nobody else can have started a log.
            drop(RUNNING.set(Self { filter: handle }));
        }
    }

    /// The log that [`start`](Self::start) started; `None` in a process without one, such as a test.
    #[must_use]
    pub fn running() -> Option<Self> {
        RUNNING.get().cloned()
    }

    /// Changes what is written from now on.
    pub fn set_level(&self, level: &str) -> Result<(), LevelError> {
        self.filter.reload(parse_level(level)?).map_err(|_| LevelError)
    }

    /// What is written now, as directives.
    #[must_use]
    pub fn level(&self) -> String {
        self.filter.with_current(ToString::to_string).unwrap_or_default()
    }
}

impl super::Config {
    /// Starts this process's log as the settings say.
    pub fn start_logging(&self) {
        let json = match self.log.format {
            LogFormat::Auto => self.is_production(),
            LogFormat::Text => false,
            LogFormat::Json => true,
        };
        Logging::start(&self.log, json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        assert!(parse_level("info").is_ok());
        assert!(parse_level("warn,greenroom=debug").is_ok());
        assert!(
            parse_level("verbose").is_err()
                && parse_level("").is_err()
                && parse_level("info,greenroom=loud").is_err()
        );
    }
}
