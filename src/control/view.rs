//! What an admin sees of the running server.

use std::time::Duration;

use greenroom_actors::engine::{Branch, EngineSnapshot, JournalSnapshot, Leaf};
use greenroom_actors::pool::PoolSnapshot;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::RoomFacts;

/// Actors of one kind, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct KindView {
    /// `rooms`, `users` or `personas`.
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// Alive now.
    pub live: usize,
    pub started: u64,
    /// Left memory when idle.
    pub passivated: u64,
    pub crashed: u64,
}

impl From<&Branch> for KindView {
    fn from(branch: &Branch) -> Self {
        Self {
            kind: branch.kind,
            live: branch.live,
            started: branch.started,
            passivated: branch.passivated,
            crashed: branch.crashed,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorView {
    /// The id of the room, user or character that it stands for.
    pub id: Uuid,
    /// Messages waiting in its mailbox.
    pub mailbox: usize,
    /// Times it was started anew after a crash.
    pub restarts: usize,
    pub age_ms: u64,
}

impl From<&Leaf> for ActorView {
    fn from(leaf: &Leaf) -> Self {
        Self { id: leaf.id, mailbox: leaf.mailbox, restarts: leaf.restarts, age_ms: milliseconds(leaf.age) }
    }
}

/// Actors of one kind, the busiest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BranchView {
    #[serde(flatten)]
    pub counts: KindView,
    /// At most 100.
    pub actors: Vec<ActorView>,
}

/// The actor tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TreeView {
    pub branches: Vec<BranchView>,
}

impl From<&EngineSnapshot> for TreeView {
    fn from(engine: &EngineSnapshot) -> Self {
        let branch = |branch: &Branch| BranchView {
            counts: branch.into(),
            actors: branch.actors.iter().map(ActorView::from).collect(),
        };
        Self { branches: engine.branches.iter().map(branch).collect() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct QueueView {
    /// Lower is sooner.
    pub priority: u8,
    pub waiting: usize,
}

/// The pool of workers that write replies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolView {
    pub workers: usize,
    pub running: usize,
    /// Of all priorities.
    pub waiting: usize,
    pub queued: Vec<QueueView>,
    pub longest_wait_ms: u64,
    pub completed: u64,
    pub failed: u64,
    pub refused: u64,
    pub retried: u64,
    pub cancelled: u64,
}

impl From<&PoolSnapshot> for PoolView {
    fn from(pool: &PoolSnapshot) -> Self {
        let queue = |(priority, waiting): &(greenroom_actors::domain::Priority, usize)| QueueView {
            priority: priority.0,
            waiting: *waiting,
        };
        Self {
            workers: pool.workers,
            running: pool.running,
            waiting: pool.queued.iter().map(|(_, waiting)| waiting).sum(),
            queued: pool.queued.iter().map(queue).collect(),
            longest_wait_ms: pool.longest_wait_ms,
            completed: pool.completed,
            failed: pool.failed,
            refused: pool.refused,
            retried: pool.retried,
            cancelled: pool.cancelled,
        }
    }
}

/// The journal that writes the rooms' logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct JournalView {
    pub lanes: usize,
    pub queued: usize,
    pub committed: u64,
    pub batches: u64,
    /// True while no lane can reach the database.
    pub down: bool,
}

impl From<&JournalSnapshot> for JournalView {
    fn from(journal: &JournalSnapshot) -> Self {
        Self {
            lanes: journal.lanes,
            queued: journal.queued,
            committed: journal.committed,
            batches: journal.batches,
            down: journal.down,
        }
    }
}

/// Connections of the features' pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectionsView {
    pub most: usize,
    pub open: usize,
    pub idle: usize,
    /// Requests that wait for one.
    pub waiting: usize,
}

/// A conversation that is in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveRoomView {
    #[serde(flatten)]
    pub actor: ActorView,
    /// Null for one that was deleted meanwhile.
    pub title: Option<String>,
    pub slug: Option<String>,
    pub owner_id: Option<Uuid>,
    pub members: i64,
    pub characters: i64,
    /// Replies running or waiting.
    pub turns: i64,
    pub last_offset: i64,
    pub last_message_at: Option<Timestamp>,
}

impl LiveRoomView {
    pub fn new(actor: ActorView, facts: Option<RoomFacts>) -> Self {
        let Some(facts) = facts else {
            return Self {
                actor,
                title: None,
                slug: None,
                owner_id: None,
                members: 0,
                characters: 0,
                turns: 0,
                last_offset: 0,
                last_message_at: None,
            };
        };
        Self {
            actor,
            title: Some(facts.title),
            slug: Some(facts.slug),
            owner_id: Some(facts.owner),
            members: facts.members,
            characters: facts.characters,
            turns: facts.turns,
            last_offset: facts.last_revision,
            last_message_at: facts.last_message_at,
        }
    }
}

pub fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use greenroom_actors::domain::Priority;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_pool_tells_what_waits_by_priority_and_in_all() {
        let pool =
            PoolSnapshot { queued: vec![(Priority(1), 2), (Priority(3), 5)], ..PoolSnapshot::default() };
        let view = serde_json::to_value(PoolView::from(&pool)).unwrap();
        assert_eq!(view["waiting"], 7);
        assert_eq!(view["queued"], json!([{"priority": 1, "waiting": 2}, {"priority": 3, "waiting": 5}]));
    }

    #[test]
    fn a_branch_is_its_counts_and_its_busiest_actors() {
        let leaf = Leaf { id: Uuid::nil(), mailbox: 4, restarts: 1, age: Duration::from_millis(1_500) };
        let branch = Branch { kind: "rooms", live: 1, started: 2, actors: vec![leaf], ..Branch::default() };
        let engine = EngineSnapshot { branches: vec![branch], ..EngineSnapshot::default() };
        assert_eq!(
            serde_json::to_value(TreeView::from(&engine)).unwrap(),
            json!({"branches": [{"kind": "rooms", "live": 1, "started": 2, "passivated": 0, "crashed": 0,
                "actors": [{"id": Uuid::nil(), "mailbox": 4, "restarts": 1, "ageMs": 1500}]}]})
        );
    }
}
