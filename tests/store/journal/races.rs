//! Lanes and nodes that overlap: more than the engine itself lets happen, for the database to sort out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use greenroom::postgres::archive::{OtherNodes, PostgresArchive};
use greenroom_actors::domain::{MessageId, NodeId, RoomId, UserId};
use greenroom_actors::ports::{CommitError, Entry, EntryKind, OpenTurn, Outcome, TakeUp};
use greenroom_actors::testsuite::plans;

use super::fixture::{Node, ask, close, daily, entry, revision, said, take_up};

async fn rooms_and_users(node: &Node, count: usize) -> (Vec<RoomId>, Vec<UserId>) {
    let mut users = Vec::new();
    let mut rooms = Vec::new();
    for _ in 0..count {
        let user = node.user().await;
        rooms.push(node.room(user).await);
        users.push(user);
    }
    (rooms, users)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_writers_with_retries_and_limits_are_exact_and_never_deadlock() {
    const LIMIT: u32 = 60;
    let node = Arc::new(Node::start().await);
    let (rooms, users) = rooms_and_users(&node, 8).await;
    let (rooms, users) = (Arc::new(rooms), Arc::new(users));
    let mut writers = Vec::new();
    for writer in 0..4 {
        let (node, rooms, users) = (node.clone(), rooms.clone(), users.clone());
        writers.push(tokio::spawn(async move {
            let mut lane = node.lane();
            let mut random = fastrand::Rng::with_seed(writer);
            let mut stored: HashMap<MessageId, (RoomId, i64)> = HashMap::new();
            let mut old: Vec<Entry> = Vec::new();
            let mut refused = 0;
            for round in 0..40 {
                // In no order of rooms and users, with entries of before and with client ids that the others use too.
                let batch: Vec<Entry> = (0..random.usize(1..24))
                    .map(|number| {
                        if !old.is_empty() && random.f64() < 0.1 {
                            return old[random.usize(..old.len())].clone();
                        }
                        let (room, user) =
                            (rooms[random.usize(..rooms.len())], users[random.usize(..users.len())]);
                        let shared = random.f64() < 0.1;
                        let client_id = if shared {
                            format!("{round}-{number}")
                        } else {
                            format!("{writer}-{round}-{number}")
                        };
                        let mut say = ask(room, user, &client_id);
                        say.meters = vec![daily(user, LIMIT)];
                        entry(room, &say)
                    })
                    .collect();
                let outcomes = lane.commit(&batch).await.expect("no deadlock, no conflict");
                for (entry, outcome) in batch.iter().zip(outcomes) {
                    let EntryKind::Say(say) = &entry.kind else { unreachable!() };
                    match outcome {
                        Outcome::Stored { revision } => {
                            let first = *stored.entry(say.id).or_insert((entry.room, revision));
                            assert_eq!(first, (entry.room, revision), "a replay is answered as it was");
                            old.push(entry.clone());
                        }
                        Outcome::Before(before) => assert_eq!(before.message.client_id, say.client_id),
                        Outcome::OverLimit { used, .. } => {
                            assert_eq!(used, LIMIT);
                            refused += 1;
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            (stored, refused)
        }));
    }
    let mut stored = HashMap::new();
    let mut refused = 0;
    for writer in writers {
        let (of_writer, refused_to_writer) = writer.await.unwrap();
        stored.extend(of_writer);
        refused += refused_to_writer;
    }
    assert!(refused > 0, "the limits were reached");
    let offsets: HashSet<(RoomId, i64)> = stored.values().copied().collect();
    assert_eq!(offsets.len(), stored.len(), "no two messages share a revision");
    assert_eq!(node.number("SELECT count(*) FROM messages", &[]).await, stored.len() as i64);
    assert_eq!(node.number("SELECT count(*) FROM turns", &[]).await, stored.len() as i64);
    let over = node.number("SELECT count(*) FROM usage WHERE used > $1", &[&LIMIT.cast_signed()]).await;
    assert_eq!(over, 0);
    node.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_is_stored_once_however_many_nodes_hold_its_turn() {
    const TURNS: usize = 300;
    let node = Arc::new(Node::start().await);
    let (rooms, users) = rooms_and_users(&node, 6).await;
    let asks: Vec<_> =
        (0..TURNS).map(|turn| ask(rooms[turn % 6], users[turn % 6], &turn.to_string())).collect();
    let batch: Vec<Entry> = asks.iter().zip(0..).map(|(ask, turn)| entry(rooms[turn % 6], ask)).collect();
    node.lane().commit(&batch).await.unwrap().iter().for_each(|outcome| {
        revision(outcome);
    });
    let opened: Arc<Vec<OpenTurn>> = Arc::new(asks.into_iter().flat_map(|ask| ask.turns).collect());
    let mut nodes = Vec::new();
    for seed in 0..3 {
        let (node, opened) = (node.clone(), opened.clone());
        nodes.push(tokio::spawn(async move {
            let own = NodeId::new();
            let mut lane = node.lane_of(own);
            let archive = PostgresArchive::new(node.database.pool(), plans(), own, OtherNodes::Gone);
            let mut random = fastrand::Rng::with_seed(seed);
            let mut stored = 0;
            for round in 0..60 {
                // Now as a node that holds what it just took up, now as a zombie that guesses at fences.
                let held: Vec<OpenTurn> = if round % 2 == 0 {
                    take_up(&archive, TakeUp::DeadNodes, 20).await
                } else {
                    let guess = |_| {
                        let mut turn = opened[random.usize(..opened.len())].clone();
                        turn.fence = random.i32(0..4);
                        turn
                    };
                    (0..20).map(guess).collect()
                };
                let ends: Vec<Entry> = held.iter().map(|turn| close(turn, said())).collect();
                match lane.commit(&ends).await {
                    Ok(outcomes) => {
                        stored += outcomes.iter().filter(|one| matches!(one, Outcome::Stored { .. })).count();
                    }
                    Err(CommitError::Conflict(detail)) => panic!("a deadlock: {detail}"),
                    Err(error) => panic!("{error}"),
                }
            }
            stored
        }));
    }
    let mut stored = 0;
    for node in nodes {
        stored += node.await.unwrap();
    }
    let replies = node.number("SELECT count(*) FROM messages WHERE sender_kind = 1", &[]).await;
    assert!(replies > 0 && stored as i64 >= replies, "{stored} answers, {replies} replies");
    node.assert_whole().await;
}
