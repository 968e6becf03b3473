//! This node's sign of life: one row, beaten on a connection of its own.
//!
//! Whoever finds a node's row ended or its beat too old takes its open turns up. A node that was only slow loses nothing
//! but the work: its fences are lower by then, and what it writes is refused.

use std::time::Duration;

use greenroom_actors::domain::NodeId;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Error};

use super::connect::Connector;
use super::error::{DatabaseError, describe};

/// Rows of nodes that have been dead for so long are removed at a start.
const KEEP_DAYS: i32 = 7;
/// For one beat, connecting included; also how long `close` waits.
const DEADLINE: Duration = Duration::from_secs(5);

/// The insert also heals a row that someone removed.
const BEAT: &str = "INSERT INTO nodes (id, name) VALUES ($1, $2)
    ON CONFLICT (id) DO UPDATE SET beat_at = now(), ended_at = NULL";
const END: &str = "UPDATE nodes SET ended_at = now() WHERE id = $1";
const FORGET: &str = "DELETE FROM nodes WHERE beat_at < now() - make_interval(days => $1)
    AND NOT EXISTS (SELECT FROM turns WHERE turns.node = nodes.id AND state = 0)";

/// Beats until it is closed; dropped without that, it just stops beating, as if the node had died.
pub struct NodeLease {
    close: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl NodeLease {
    /// Enters this node and beats every `every`. `name` is for people: host and port, say.
    pub async fn start(
        connector: &Connector,
        node: NodeId,
        name: &str,
        every: Duration,
    ) -> Result<Self, DatabaseError> {
        let mut beat = Beat {
            connector: connector.with_setup("lease", "SELECT 1"),
            node,
            name: name.into(),
            client: None,
        };
        beat.once().await.map_err(|why| DatabaseError::Unreachable(why.0))?;
        if let Some(client) = &beat.client {
            client.execute(FORGET, &[&KEEP_DAYS]).await?;
        }
        let (close, closed) = oneshot::channel();
        Ok(Self { close: Some(close), task: tokio::spawn(beat.run(every, closed)) })
    }

    /// Says that the node has ended: its turns can be taken up at once. Gives up after some seconds without a database.
    pub async fn close(mut self) {
        if let Some(close) = self.close.take() {
            let _ = close.send(());
        }
        let _ = tokio::time::timeout(2 * DEADLINE, &mut self.task).await;
    }
}

impl Drop for NodeLease {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Beat {
    connector: Connector,
    node: NodeId,
    name: String,
    client: Option<Client>,
}

/// Why a beat was missed.
struct Missed(String);

impl Beat {
    async fn run(mut self, every: Duration, mut closed: oneshot::Receiver<()>) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                // An error is the handle dropped: then the task is about to be aborted anyway.
                _ = &mut closed => break,
                _ = ticks.tick() => {}
            }
            if let Err(Missed(cause)) = self.once().await {
                tracing::warn!(cause, "this node's heartbeat was missed");
            }
        }
        if let Some(client) = self.client.take()
            && let Ok(Err(error)) =
                tokio::time::timeout(DEADLINE, client.execute(END, &[&self.node.uuid()])).await
        {
            tracing::warn!(cause = describe(&error), "the end of this node could not be noted");
        }
    }

    async fn once(&mut self) -> Result<(), Missed> {
        let beaten = tokio::time::timeout(DEADLINE, async {
            // Taken out, so that a beat that failed or hung costs the connection.
            let client = match self.client.take() {
                Some(client) if !client.is_closed() => client,
                _ => self.connector.connect().await?.0,
            };
            client.execute(BEAT, &[&self.node.uuid(), &self.name]).await?;
            self.client = Some(client);
            Ok::<_, Error>(())
        });
        match beaten.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Missed(describe(&error))),
            Err(_) => Err(Missed("no answer in time".into())),
        }
    }
}
