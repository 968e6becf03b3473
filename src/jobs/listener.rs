//! Wakes the workers when a transaction with a new job commits, on any node. Without it they find it by looking.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::{Shared, store};
use crate::postgres::Connector;

/// Between two tries to connect.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// For connecting: a peer that takes the connection and says nothing must not hold us for ever.
const DEADLINE: Duration = Duration::from_secs(10);

/// Listens until it is dropped.
pub(super) async fn listen(shared: Arc<Shared>, connector: Connector) {
    let connector = connector.with_setup("jobs", "SELECT 1");
    let mut pause = RETRY_MIN;
    loop {
        match tokio::time::timeout(DEADLINE, connector.listen(store::CHANNEL)).await {
            Ok(Ok(mut listening)) => {
                pause = RETRY_MIN;
                shared.listening.store(true, Relaxed);
                // What came while nobody listened is there already.
                shared.wake.notify_one();
                while listening.heard().await.is_some() {
                    shared.wake.notify_one();
                }
                shared.listening.store(false, Relaxed);
                tracing::warn!("new jobs are not told for now: the connection was lost");
            }
            Ok(Err(error)) => tracing::debug!(%error, "new jobs cannot be listened for"),
            Err(_) => tracing::debug!("new jobs cannot be listened for: no answer in time"),
        }
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}
