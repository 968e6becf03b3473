//! What actors load, and the turns of nodes that died.

use std::time::Duration;

use greenroom::postgres::archive::OtherNodes;
use greenroom::postgres::nodes::NodeLease;
use greenroom_actors::domain::{CharacterId, ExampleLine, MessageId, NodeId, Priority, Scope};
use greenroom_actors::ports::{Archive, OpenTurn, TakeUp};

use super::fixture::{DAY, Node, ask, close, entry, put, revision, said, say, take_up};

const LEASE: OtherNodes = OtherNodes::Leased(Duration::from_secs(10));

async fn add_character(node: &Node, name: &str) -> CharacterId {
    let id = CharacterId::new();
    let sql = "INSERT INTO characters (id, slug, name, tagline, description, category, color, greeting, personality,
            traits, examples, knowledge, temperature, max_tokens)
        VALUES ($1, $2, $2, 'Keeps the lamp lit', 'A lighthouse keeper', 'story', '#102030', 'Come in.', 'calm',
            '{wry,warm}', '[{\"from\": \"user\", \"text\": \"Hello\"}, {\"from\": \"character\", \"text\": \"Evening.\"}]',
            '{Knows the tides}', 0.5, 300)";
    node.execute(sql, &[&id.uuid(), &name]).await;
    id
}

#[tokio::test]
async fn a_room_comes_with_its_members_its_cast_and_its_head() {
    let (node, room, owner) = Node::start_with_room().await;
    let (member, gone) = (node.user().await, node.user().await);
    let (second, first) = (add_character(&node, "Bram").await, add_character(&node, "Mira").await);
    let join = "INSERT INTO room_members (room_id, user_id, joined_at, left_at)
        SELECT $1, u, now() + o * interval '1 second', CASE WHEN o = 3 THEN now() END
        FROM unnest($2::uuid[]) WITH ORDINALITY AS m(u, o)";
    let members = [owner.uuid(), member.uuid(), gone.uuid()];
    node.execute(join, &[&room.uuid(), &members.as_slice()]).await;
    let cast =
        "INSERT INTO room_characters (room_id, character_id, position) VALUES ($1, $2, 1), ($1, $3, 0)";
    node.execute(cast, &[&room.uuid(), &second.uuid(), &first.uuid()]).await;
    put(&mut node.lane(), entry(room, &say(owner, "a"))).await;

    let record = node.archive(LEASE).room(room).await.unwrap().expect("the room");
    assert_eq!((record.owner, record.head), (owner, 1));
    let members: Vec<_> = record.members.iter().map(|one| one.id).collect();
    assert_eq!(members, [owner, member], "who left is no member");
    let names: Vec<&str> = record.characters.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["Mira", "Bram"]);
}

#[tokio::test]
async fn a_user_comes_with_plan_and_time_zone_and_a_blocked_one_not_at_all() {
    let (node, _, user) = Node::start_with_room().await;
    let archive = node.archive(LEASE);
    let record = archive.user(user).await.unwrap().expect("the user");
    assert_eq!((record.display_name.as_str(), &*record.plan.name), ("Mira", "basic"));
    assert_eq!(record.time_zone.iana_name(), Some("Europe/Rome"));
    node.execute("UPDATE users SET blocked_at = now()", &[]).await;
    assert!(archive.user(user).await.unwrap().is_none());
}

#[tokio::test]
async fn a_character_comes_with_all_that_a_prompt_is_made_of() {
    let node = Node::start().await;
    let id = add_character(&node, "Mira").await;
    let record = node.archive(LEASE).character(id).await.unwrap().expect("the character");
    assert_eq!(record.traits, ["wry", "warm"]);
    assert_eq!(record.examples.len(), 2);
    assert_eq!(record.examples[1], ExampleLine { from_user: false, text: "Evening.".into() });
    assert_eq!((record.model.max_tokens, record.model.temperature), (300, 0.5));
    assert!(node.archive(LEASE).character(CharacterId::new()).await.unwrap().is_none());
}

#[tokio::test]
async fn used_meters_and_history_are_those_asked_for() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    let mut last = MessageId::new();
    for number in 0..5 {
        let say = say(user, &number.to_string());
        last = say.id;
        put(&mut lane, entry(room, &say)).await;
    }
    let archive = node.archive(LEASE);
    let used = archive.used(user, vec![DAY]).await.unwrap();
    assert_eq!(used.len(), 1);
    assert_eq!((used[0].0.scope, used[0].1), (Scope::Daily, 5));
    assert!(archive.used(user, vec![DAY.tomorrow().unwrap()]).await.unwrap().is_empty());
    let offsets = async |up_to, limit| {
        let history = archive.history(room, 0, up_to, limit).await.unwrap();
        history.iter().map(|message| message.offset).collect::<Vec<_>>()
    };
    assert_eq!(offsets(4, 2).await, [3, 4]);
    assert_eq!(offsets(100, 100).await, [1, 2, 3, 4, 5]);
    assert_eq!(archive.history(room, 0, 5, 1).await.unwrap()[0].id, last);
}

#[tokio::test]
async fn a_message_comes_with_what_answers_it() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    let mut question = ask(room, user, "a");
    question.turns.push(OpenTurn { message: MessageId::new(), ..question.turns[0].clone() });
    put(&mut lane, entry(room, &question)).await;
    let [first, second] = [0, 1].map(|at: usize| question.turns[at].clone());
    let archive = node.archive(LEASE);
    let before = archive.answered(room, question.id).await.unwrap().expect("the message");
    assert_eq!((before.message.id, before.replies.len()), (question.id, 0));
    for turn in [&second, &first] {
        put(&mut lane, close(turn, said())).await;
    }
    put(&mut lane, entry(room, &say(user, "b"))).await;
    let replies = async || {
        let answered = archive.answered(room, question.id).await.unwrap().unwrap();
        answered.replies.iter().map(|reply| reply.id).collect::<Vec<_>>()
    };
    assert_eq!(replies().await, [second.message, first.message]);
    node.execute("UPDATE messages SET deleted_at = now() WHERE id = $1", &[&second.message.uuid()]).await;
    assert_eq!(replies().await, [first.message], "a tombstone answers nothing");
    let gone = archive.answered(room, second.message).await.unwrap().expect("the tombstone itself");
    assert!(gone.message.changes.deleted_at.is_some());
    let elsewhere = Node::room(&node, user).await;
    assert!(archive.answered(elsewhere, question.id).await.unwrap().is_none(), "not of that room");
}

#[tokio::test]
async fn only_the_turns_of_the_dead_are_taken_up_and_their_old_holders_lose_them() {
    let (node, room, user) = Node::start_with_room().await;
    let connector = node.database.database().connector();
    let (alive, stopped, silent, unknown) = (NodeId::new(), NodeId::new(), NodeId::new(), NodeId::new());
    let every = Duration::from_secs(60);
    let lease = NodeLease::start(&connector, alive, "alive", every).await.unwrap();
    NodeLease::start(&connector, stopped, "stopped", every).await.unwrap().close().await;
    drop(NodeLease::start(&connector, silent, "silent", every).await.unwrap());
    node.execute("UPDATE nodes SET beat_at = now() - interval '11 s' WHERE name = 'silent'", &[]).await;
    let mut asked = Vec::new();
    for holder in [alive, stopped, silent, unknown, node.node] {
        let ask = ask(room, user, &holder.to_string());
        put(&mut node.lane_of(holder), entry(room, &ask)).await;
        asked.push(ask.turns[0].clone());
    }
    let archive = node.archive(LEASE);
    let mut taken = take_up(&archive, TakeUp::DeadNodes, 2).await;
    assert_eq!(taken.len(), 2, "no more than asked for");
    taken.extend(take_up(&archive, TakeUp::DeadNodes, 10).await);
    assert!(take_up(&archive, TakeUp::DeadNodes, 10).await.is_empty());
    for (turn, (was, offset)) in taken.iter().zip(asked[1..4].iter().zip(2..)) {
        let mut expected = was.clone();
        (expected.fence, expected.asked_offset) = (1, offset);
        assert_eq!(*turn, expected);
        assert_eq!(turn.priority, Priority(3));
    }
    // The zombie is refused, the new holder is not.
    let mut lane = node.lane();
    let zombie = put(&mut node.lane_of(silent), close(&asked[2], said())).await;
    assert!(matches!(zombie, greenroom_actors::ports::Outcome::FenceLost), "{zombie:?}");
    assert_eq!(revision(&put(&mut lane, close(&taken[1], said())).await), 6);

    let gone = take_up(&node.archive(OtherNodes::Gone), TakeUp::DeadNodes, 10).await;
    assert_eq!(gone.len(), 1, "with all others gone, the living one's too");
    let own = take_up(&node.archive(LEASE), TakeUp::Room(room), 10).await;
    assert_eq!(own.len(), 4, "all of the room that this node holds by now");
    lease.close().await;
    assert_eq!(node.number("SELECT count(*) FROM nodes WHERE ended_at IS NOT NULL", &[]).await, 2);
}
