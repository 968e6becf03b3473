//! What characters remember: kept once, with the end of the reply; bounded; known where it may be.

use greenroom::postgres::archive::OtherNodes;
use greenroom::postgres::journal::PostgresJournal;
use greenroom_actors::domain::{CharacterId, Fact, MemoryId, RoomId, UserId};
use greenroom_actors::ports::{
    Amend, Archive, Entry, EntryKind, JournalLane, JournalStore, Outcome, TurnEnd,
};
use greenroom_actors::protocol::Amendment;

use super::fixture::{Node, ask, close, entry, persist, put, said};

/// A reply of `character` in which `user` told these facts, asked for and ended.
async fn told(
    lane: &mut Box<dyn JournalLane>,
    room: RoomId,
    user: UserId,
    character: CharacterId,
    facts: &[&str],
) -> Entry {
    let mut asked = ask(room, user, &CharacterId::new().to_string());
    asked.turns[0].character = character;
    put(lane, entry(room, &asked)).await;
    let mut end = close(&asked.turns[0], said());
    let EntryKind::Close(turn) = &mut end.kind else { panic!("an end") };
    turn.memories = facts.iter().map(|fact| (MemoryId::new(), Fact::parse(fact).unwrap())).collect();
    assert!(matches!(put(lane, end.clone()).await, Outcome::Stored { .. }));
    end
}

async fn known(node: &Node, room: RoomId, character: CharacterId) -> Vec<(UserId, String)> {
    let memories = node.archive(OtherNodes::Gone).memories(room, character, 100).await.unwrap();
    memories.into_iter().map(|memory| (memory.about, memory.fact.as_str().to_owned())).collect()
}

async fn facts(node: &Node, room: RoomId, character: CharacterId) -> Vec<String> {
    known(node, room, character).await.into_iter().map(|(_, fact)| fact).collect()
}

async fn joins(node: &Node, room: RoomId, user: UserId) {
    node.execute(
        "INSERT INTO room_members (room_id, user_id) VALUES ($1, $2)",
        &[&room.uuid(), &user.uuid()],
    )
    .await;
}

#[tokio::test]
async fn a_fact_is_kept_once_with_the_end_of_its_reply() {
    let (node, room, user) = Node::start_with_room().await;
    joins(&node, room, user).await;
    let (character, mut lane) = (CharacterId::new(), node.lane());
    let end =
        told(&mut lane, room, user, character, &["I have a dog", "I live in Oslo", "i have a DOG!"]).await;
    // A batch that is committed again, and the same fact in another reply.
    persist(&mut lane, &[end]).await;
    told(&mut lane, room, user, character, &["I have a dog.", "I like tea"]).await;
    let all = ["I have a dog", "I live in Oslo", "I like tea"].map(str::to_owned);
    let mut found = facts(&node, room, character).await;
    found.sort();
    let mut expected = all.to_vec();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(facts(&node, room, CharacterId::new()).await, [""; 0], "another character was told nothing");
    let of_message =
        "SELECT count(*) FROM memories m JOIN messages s ON s.id = m.message_id WHERE s.sender_id = $1";
    assert_eq!(node.number(of_message, &[&user.uuid()]).await, 3);
}

#[tokio::test]
async fn a_reply_that_is_not_stored_leaves_no_memory() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    let asked = ask(room, user, "a");
    put(&mut lane, entry(room, &asked)).await;
    let mut end = close(&asked.turns[0], said());
    let EntryKind::Close(turn) = &mut end.kind else { panic!("an end") };
    turn.memories = vec![(MemoryId::new(), Fact::parse("I like tea").unwrap())];
    turn.fence = 7;
    assert!(matches!(put(&mut lane, end.clone()).await, Outcome::FenceLost));
    let EntryKind::Close(turn) = &mut end.kind else { panic!("an end") };
    (turn.fence, turn.end) = (
        0,
        TurnEnd::Nothing {
            state: greenroom_actors::domain::ReplyState::Failed,
            code: None,
            refund: Vec::new(),
        },
    );
    assert!(matches!(put(&mut lane, end).await, Outcome::Stored { .. }));
    assert_eq!(node.number("SELECT count(*) FROM memories", &[]).await, 0);
}

#[tokio::test]
async fn a_message_that_is_deleted_takes_along_what_was_only_told_in_it() {
    let (node, room, user) = Node::start_with_room().await;
    joins(&node, room, user).await;
    let (character, mut lane) = (CharacterId::new(), node.lane());
    let end = told(&mut lane, room, user, character, &["I have a secret", "I wrote this"]).await;
    told(&mut lane, room, user, character, &["I like tea"]).await;
    node.execute("UPDATE memories SET source = 1 WHERE fact = 'I wrote this'", &[]).await;
    let EntryKind::Close(turn) = end.kind else { panic!("an end") };
    let amend = Amend {
        id: uuid::Uuid::now_v7(),
        message: turn.asked,
        by: user,
        owner: true,
        at: jiff::Timestamp::now(),
        what: Amendment::Delete,
    };
    assert!(matches!(
        put(&mut lane, Entry { room, kind: EntryKind::Amend(amend) }).await,
        Outcome::Amended(_)
    ));
    let mut left = facts(&node, room, character).await;
    left.sort();
    assert_eq!(left, ["I like tea", "I wrote this"]);
}

#[tokio::test]
async fn a_character_keeps_so_many_facts_of_one_person_and_those_that_were_written_longest() {
    let (node, room, user) = Node::start_with_room().await;
    joins(&node, room, user).await;
    let (character, other) = (CharacterId::new(), CharacterId::new());
    let mut lane = PostgresJournal::new(node.database.database().connector(), node.node).keeping(4).lane(0);
    told(&mut lane, room, user, character, &["one", "two", "three"]).await;
    told(&mut lane, room, user, other, &["elsewhere"]).await;
    node.execute("UPDATE memories SET source = 1 WHERE fact = 'one'", &[]).await;
    told(&mut lane, room, user, character, &["four", "five"]).await;
    told(&mut lane, room, user, character, &["six"]).await;
    let mut left = facts(&node, room, character).await;
    left.sort();
    assert_eq!(left.len(), 4);
    assert!(left.contains(&"one".to_owned()) && left.contains(&"six".to_owned()), "{left:?}");
    assert_eq!(facts(&node, room, other).await, ["elsewhere"]);
}

#[tokio::test]
async fn alone_all_is_known_and_among_several_what_was_told_there() {
    let (node, alone, anna) = Node::start_with_room().await;
    let ben = node.user().await;
    let shared = node.room(anna).await;
    joins(&node, alone, anna).await;
    joins(&node, shared, anna).await;
    joins(&node, shared, ben).await;
    let (character, mut lane) = (CharacterId::new(), node.lane());
    told(&mut lane, alone, anna, character, &["I have a secret"]).await;
    told(&mut lane, shared, anna, character, &["I like tea"]).await;
    told(&mut lane, shared, ben, character, &["I like mud"]).await;
    assert_eq!(facts(&node, alone, character).await, ["I have a secret", "I like tea"], "alone with Anna");
    let both = [(anna, "I like tea".to_owned()), (ben, "I like mud".to_owned())];
    assert_eq!(known(&node, shared, character).await, both);
    node.execute("UPDATE room_members SET left_at = now() WHERE user_id = $1", &[&ben.uuid()]).await;
    assert_eq!(facts(&node, shared, character).await, ["I have a secret", "I like tea"], "Ben has left");
}

#[tokio::test]
async fn history_is_what_was_said_since_and_not_taken_back() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    for number in 0..5 {
        put(&mut lane, entry(room, &super::fixture::say(user, &number.to_string()))).await;
    }
    node.execute("UPDATE messages SET deleted_at = now(), content = '' WHERE \"offset\" = 4", &[]).await;
    let archive = node.archive(OtherNodes::Gone);
    for (since, expected) in [(0, &[1, 2, 3, 5][..]), (2, &[3, 5])] {
        let history = archive.history(room, since, 5, 10).await.unwrap();
        assert_eq!(history.iter().map(|message| message.offset).collect::<Vec<_>>(), expected);
    }
}
