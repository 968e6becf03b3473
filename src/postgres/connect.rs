//! Connections: one way to make them, for the pool and for the journal's lanes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Options;
use super::error::DatabaseError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A peer that vanished without a word is given up after this long.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// Notifications that wait to be taken.
const HEARD_MAX: usize = 4_096;

/// Makes connections to the database. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    config: Arc<Config>,
    tls: MakeRustlsConnect,
    /// Statements that every new connection runs first.
    setup: Arc<str>,
}

impl Connector {
    pub(super) fn new(mut config: Config, tls: MakeRustlsConnect, options: &Options) -> Self {
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        config.keepalives_idle(KEEPALIVE_IDLE);
        if config.get_application_name().is_none() {
            config.application_name(&options.application_name);
        }
        // By SET and not by start-up parameter, which connection poolers in between refuse.
        let setup = format!(
            "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}; SET timezone = 'UTC'",
            options.statement_timeout.as_millis(),
            options.idle_in_transaction_timeout.as_millis(),
        );
        Self { config: Arc::new(config), tls, setup: setup.into() }
    }

    /// The same with more statements to begin with, and another name among the server's sessions.
    #[must_use]
    pub fn with_setup(&self, role: &str, statements: &str) -> Self {
        let mut config = Config::clone(&self.config);
        let name = config.get_application_name().unwrap_or("greenroom");
        let name = format!("{name} {role}");
        config.application_name(name);
        Self {
            config: Arc::new(config),
            tls: self.tls.clone(),
            setup: format!("{}; {statements}", self.setup).into(),
        }
    }

    /// Connects; the second part drives the connection and ends with it.
    pub async fn connect(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(cause = super::error::describe(&error), "a database connection broke");
            }
        });
        client.batch_execute(&self.setup).await?;
        Ok((client, driver))
    }

    /// Connects and hears what is notified on `channel`, a plain name.
    pub async fn listen(&self, channel: &str) -> Result<Listening, Error> {
        let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
        let (hear, heard) = mpsc::channel(HEARD_MAX);
        let driver = tokio::spawn(async move {
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                match message {
                    Ok(AsyncMessage::Notification(it)) => {
                        // Who does not keep up loses the connection, and finds out what it missed when it is back.
                        if hear.try_send(it.payload().into()).is_err() {
                            tracing::warn!("notifications came faster than they were taken");
                            break;
                        }
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::debug!(
                            cause = super::error::describe(&error),
                            "a listening connection broke"
                        );
                        break;
                    }
                }
            }
        });
        // Made first, so that whatever fails from here on ends the connection.
        let listening = Listening { client, heard, driver };
        listening.client.batch_execute(&format!("{}; LISTEN {channel}", self.setup)).await?;
        Ok(listening)
    }

    pub(super) fn pool(&self, options: &Options) -> Result<Pool, DatabaseError> {
        // `Fast`: a connection that is known to be closed is not handed out. One that broke unnoticed fails its query,
        // which the caller answers as `dependency_down`; asking first would cost every query a round trip.
        let manager = Manager::from_connect(
            Config::clone(&self.config),
            self.clone(),
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = Pool::builder(manager)
            .runtime(Runtime::Tokio1)
            .max_size(options.pool_size)
            .wait_timeout(Some(options.wait_timeout))
            .create_timeout(Some(options.create_timeout))
            .recycle_timeout(Some(options.create_timeout))
            .build();
        pool.map_err(|error| DatabaseError::Unreachable(error.to_string()))
    }
}

/// A connection that hears notifications; it ends when this is dropped.
pub struct Listening {
    client: Client,
    heard: mpsc::Receiver<Box<str>>,
    driver: JoinHandle<()>,
}

impl Listening {
    /// Waits for the next notification: its payload. `None`: the connection has ended.
    pub async fn heard(&mut self) -> Option<Box<str>> {
        self.heard.recv().await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

type Connected = Result<(Client, JoinHandle<()>), Error>;

impl Connect for Connector {
    fn connect(&self, _config: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        Box::pin(Connector::connect(self))
    }
}
