//! What can go wrong with the database, and the one place where that becomes an answer.
//!
//! Inside, errors are typed; outside, a client hears `dependency_down` (try again) or `internal`. The cause goes to the
//! log here and nowhere else.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use deadpool_postgres::{HookError, PoolError};
use greenroom_actors::ports::StoreError;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use tokio_postgres::error::SqlState;

/// When a client may try again what failed because the database was away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why the database could not be opened, migrated or run.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("DATABASE_URL is not valid: {0}")]
    Url(String),
    #[error("TLS to the database cannot be set up: {0}")]
    Tls(String),
    #[error(
        "no PostgreSQL 15 or newer was found{searched}\n\
         Install it:\n    {install}\n\
         or name its folder in PG_BIN, or use a database that runs elsewhere with DATABASE_URL."
    )]
    NotFound { searched: String, install: &'static str },
    #[error(
        "{folder} was made by PostgreSQL {wanted}, and only {found} is installed here. \
         Install PostgreSQL {wanted} or name its folder in PG_BIN."
    )]
    WrongVersion { folder: PathBuf, wanted: u32, found: String },
    #[error(
        "another greenroom server{holder} is running on {folder}. Stop it, or start this one on another data folder."
    )]
    AlreadyRunning { folder: PathBuf, holder: String },
    #[error("PostgreSQL process {pid}, not started by greenroom, is running on {folder}. Stop it first.")]
    ForeignPostgres { folder: PathBuf, pid: i32 },
    #[error("the PostgreSQL of an earlier server still runs on {folder} and does not end")]
    OrphanRemains { folder: PathBuf },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("initdb failed: {0}")]
    Initdb(String),
    #[error("PostgreSQL did not start: {0}")]
    Start(String),
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    #[error("the migrations failed: {0}")]
    Migration(String),
    #[error("the database failed: {0}")]
    Query(#[from] tokio_postgres::Error),
    #[error("no connection: {0}")]
    Pool(#[from] PoolError),
}

impl DatabaseError {
    /// For `map_err`: names what was tried, so that "permission denied" says where.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// A failed use of the pool or of a connection: what [`refusal`] and [`store_error`] take.
#[derive(Clone, Copy, Debug)]
pub enum Failure<'a> {
    Pool(&'a PoolError),
    Query(&'a tokio_postgres::Error),
}

impl<'a> From<&'a PoolError> for Failure<'a> {
    fn from(error: &'a PoolError) -> Self {
        Self::Pool(error)
    }
}

impl<'a> From<&'a tokio_postgres::Error> for Failure<'a> {
    fn from(error: &'a tokio_postgres::Error) -> Self {
        Self::Query(error)
    }
}

impl Failure<'_> {
    /// True when the same may succeed once the database is back or less busy: nothing is wrong with what was asked.
    fn passes(self) -> bool {
        match self {
            Self::Pool(PoolError::Timeout(_) | PoolError::Closed | PoolError::NoRuntimeSpecified) => true,
            Self::Pool(PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error))) => {
                is_connection_lost(error) || is_passing(error)
            }
            Self::Pool(PoolError::PostCreateHook(HookError::Message(_))) => false,
            Self::Query(error) => is_connection_lost(error) || is_passing(error),
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Pool(PoolError::Backend(error)) | Self::Query(error) => describe(error),
            Self::Pool(error) => error.to_string(),
        }
    }
}

/// What a client is told of a failed store call: `dependency_down` with a time to retry, or `internal`.
///
/// Call it as `.map_err(|error| refusal(&error))`, with the pool's errors and with a query's.
pub fn refusal<'a>(failure: impl Into<Failure<'a>>) -> Refusal {
    let failure = failure.into();
    if failure.passes() {
        tracing::warn!(cause = failure.describe(), "the database is away");
        Refusal::temporary(RefusalCode::DependencyDown, "the database is away: try again", RETRY_AFTER)
    } else {
        tracing::error!(cause = failure.describe(), "the database refused a statement");
        Refusal::new(RefusalCode::Internal, "something went wrong on our side")
    }
}

/// The same for the engine's reading side.
pub fn store_error<'a>(failure: impl Into<Failure<'a>>) -> StoreError {
    let failure = failure.into();
    if failure.passes() { StoreError::Unavailable } else { StoreError::Failed(failure.describe()) }
}

/// The error with its inner causes, in one line. Statements and their values are not part of it.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(cause) => format!("{} (SQLSTATE {})", cause.message(), cause.code().code()),
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// Faults of the way to the server, by the text of their kind: `tokio_postgres` keeps the kind itself to itself.
const LOST: [&str; 6] = [
    "error communicating with the server",
    "error connecting to server",
    "timeout waiting for server",
    "error performing TLS handshake",
    "unexpected message from server",
    "error parsing response from server",
];

/// True when the connection is gone or the server is about to close it (SQLSTATE classes 08 and 53, 57P01 to 57P03).
pub(super) fn is_connection_lost(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else {
        let kind = error.to_string();
        return error.is_closed() || LOST.iter().any(|lost| kind.starts_with(lost));
    };
    *code == SqlState::ADMIN_SHUTDOWN
        || *code == SqlState::CRASH_SHUTDOWN
        || *code == SqlState::CANNOT_CONNECT_NOW
        || code.code().starts_with("08")
        || code.code().starts_with("53")
}

/// True when TLS failed because of the server's certificate: that does not pass by itself.
pub(super) fn is_untrusted(error: &tokio_postgres::Error) -> bool {
    let inner =
        error.source().and_then(|source| source.downcast_ref::<io::Error>()).and_then(io::Error::get_ref);
    inner.is_some_and(|inner| matches!(inner.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

/// True for a conflict or a time limit: deadlock, serialisation, lock or statement timeout, failover to a read-only node.
fn is_passing(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        is_conflict(error)
            || *code == SqlState::LOCK_NOT_AVAILABLE
            || *code == SqlState::READ_ONLY_SQL_TRANSACTION
            || code.code().starts_with("57")
    })
}

/// Deadlock (40P01) or serialisation failure (40001): the same transaction may be tried again at once.
pub(super) fn is_conflict(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE
    })
}

/// SQLSTATE class 22 or 23, or a value that cannot be encoded: the data itself is refused.
pub(super) fn is_bad_data(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => code.code().starts_with("22") || code.code().starts_with("23"),
        None => error.to_string().starts_with("error serializing parameter"),
    }
}

#[cfg(test)]
mod tests {
    use deadpool_postgres::TimeoutType;

    use super::*;

    #[test]
    fn a_full_pool_is_told_as_a_dependency_that_is_down() {
        let refusal = refusal(&PoolError::Timeout(TimeoutType::Wait));
        assert_eq!(refusal.code, RefusalCode::DependencyDown);
        assert_eq!(refusal.retry_after, Some(RETRY_AFTER));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_counts_as_a_lost_connection() {
        let nowhere = "host=/nonexistent user=nobody";
        let error = tokio_postgres::connect(nowhere, tokio_postgres::NoTls).await.err().unwrap();
        assert!(is_connection_lost(&error), "{error:?}");
        assert_eq!(refusal(&error).code, RefusalCode::DependencyDown);
    }

    #[test]
    fn the_install_line_stands_in_the_error() {
        let error =
            DatabaseError::NotFound { searched: String::new(), install: "apt-get install postgresql" };
        assert!(error.to_string().contains("\n    apt-get install postgresql\n"));
    }
}
