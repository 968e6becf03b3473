//! What goes on beside the requests: readers are stored, the index of words is kept, what was said in public is counted.
//! Every node does it; doing it twice at once changes nothing.

use std::time::Duration;

use greenroom_actors::protocol::Refusal;
use tokio::time::MissedTickBehavior;

use super::{Conversations, store};
use crate::postgres::refusal;

/// Between two storings of readers, and two looks at the index's pending list.
const OFTEN: Duration = Duration::from_secs(5);
/// So many of them between two countings of messages.
const SELDOM: u32 = 6;

impl Conversations {
    /// Runs until it is dropped.
    pub async fn upkeep(self) {
        let words = self.words.clone();
        let pool = self.pool.clone();
        let ensured = async move { words.ensure(&pool).await };
        let kept = async {
            let mut often = tokio::time::interval(OFTEN);
            often.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for turn in 0_u32.. {
                often.tick().await;
                let done = self.keep(turn).await;
                // The health tells of a database that is away; all of it is tried again.
                if let Err(error) = done {
                    tracing::debug!(%error, "the upkeep of conversations was put off");
                }
            }
        };
        tokio::join!(ensured, kept);
    }

    async fn keep(&self, turn: u32) -> Result<(), Refusal> {
        self.store_readers().await?;
        let client = self.client().await?;
        store::words::tidy(&client, &self.words.language()).await.map_err(|error| refusal(&error))?;
        if turn.is_multiple_of(SELDOM) {
            drop(client);
            self.count_public().await?;
        }
        Ok(())
    }

    /// Counts what was said in shown conversations since it was last counted.
    pub async fn count_public(&self) -> Result<(), Refusal> {
        let client = self.client().await?;
        while store::count_messages(&client, None).await.map_err(|error| refusal(&error))? > 0 {}
        Ok(())
    }
}
