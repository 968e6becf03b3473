//! The journal on a real PostgreSQL: every outcome, races between lanes, lost connections, and reading back.

mod changes;
mod memories;
mod drafts;
mod faults;
mod fixture;
mod races;
mod reading;

use fixture::{Node, ask, close, daily, entry, put, revision, said, say, text_meter};
use greenroom_actors::domain::{
    CharacterId, ClientId, Content, FailureCode, Finish, MessageId, ReplyState, RoomId, Sender,
};
use greenroom_actors::ports::{Archive, CommitError, Entry, EntryKind, Outcome, ReadMark, TurnEnd};

#[tokio::test]
async fn a_message_its_usage_and_its_reply_to_be_are_one_commit() {
    let (node, room, user) = Node::start_with_room().await;
    let character = CharacterId::new();
    let mut asked = ask(room, user, "a");
    asked.meters = vec![text_meter(user, character, 30), daily(user, 5)];
    let outcome = put(&mut node.lane(), entry(room, &asked)).await;
    assert_eq!(revision(&outcome), 1);

    let archive = node.archive(greenroom::postgres::archive::OtherNodes::Gone);
    let history = archive.history(room, 0, 10, 10).await.unwrap();
    assert_eq!(history.len(), 1);
    let message = &history[0];
    assert_eq!((message.id, message.offset, message.revision), (asked.id, 1, 1));
    assert_eq!((message.sender, &message.client_id), (Sender::User(user), &asked.client_id));
    assert_eq!((&message.content, message.created_at), (&asked.content, asked.created_at));
    let mut used =
        archive.used(user, asked.meters.iter().map(|meter| meter.key.period).collect()).await.unwrap();
    used.sort();
    assert_eq!(used, asked.meters.iter().map(|meter| (meter.key, 1)).collect::<Vec<_>>());
    let turn = "SELECT count(*) FROM turns WHERE id = $1 AND asked_id = $2 AND asked_offset = 1 AND state = 0 AND node = $3";
    let turn_id = asked.turns[0].message.uuid();
    assert_eq!(node.number(turn, &[&turn_id, &asked.id.uuid(), &node.node.uuid()]).await, 1);
}

#[tokio::test]
async fn the_same_client_id_is_one_message_however_it_comes_again() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    let (first, again) = (ask(room, user, "a"), ask(room, user, "a"));
    let batch = [entry(room, &first), entry(room, &again), entry(room, &say(user, "b")), entry(room, &first)];
    for round in 0..2 {
        let outcomes = lane.commit(&batch).await.unwrap();
        assert_eq!(revision(&outcomes[0]), 1, "a replay of the very entry is answered as it was then");
        let Outcome::Before(before) = &outcomes[1] else { panic!("{outcomes:?}") };
        assert_eq!((before.message.id, before.message.offset), (first.id, 1));
        assert_eq!(before.replies.len(), 1);
        assert_eq!(before.replies[0].message, first.turns[0].message);
        assert_eq!(before.message.replies, before.replies);
        assert_eq!(revision(&outcomes[2]), 2, "round {round}");
        assert_eq!(revision(&outcomes[3]), 1);
    }
    // Another sender's is another message.
    let other = node.user().await;
    assert_eq!(revision(&put(&mut lane, entry(room, &say(other, "a"))).await), 3);
    node.assert_whole().await;
}

#[tokio::test]
async fn a_full_meter_refuses_and_counts_nothing() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    let character = CharacterId::new();
    let meters = [text_meter(user, character, 9), daily(user, 2)];
    let batch: Vec<Entry> = (0..4)
        .map(|number| {
            let mut say = say(user, &number.to_string());
            say.meters = meters.to_vec();
            entry(room, &say)
        })
        .collect();
    let outcomes = lane.commit(&batch).await.unwrap();
    assert_eq!((revision(&outcomes[0]), revision(&outcomes[1])), (1, 2));
    for refused in &outcomes[2..] {
        assert!(
            matches!(refused, Outcome::OverLimit { meter, used: 2 } if *meter == meters[1]),
            "{refused:?}"
        );
    }
    assert_eq!(node.number("SELECT sum(used) FROM usage", &[]).await, 4);
    node.assert_whole().await;
}

#[tokio::test]
async fn nothing_goes_into_a_room_that_is_not_there() {
    let (node, _, user) = Node::start_with_room().await;
    let outcome = put(&mut node.lane(), entry(RoomId::new(), &say(user, "a"))).await;
    assert!(matches!(outcome, Outcome::NoRoom), "{outcome:?}");
    assert_eq!(node.number("SELECT count(*) FROM usage WHERE used > 0", &[]).await, 0);
}

#[tokio::test]
async fn a_reply_becomes_a_message_and_ends_its_turn_once() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    let asked = ask(room, user, "a");
    put(&mut lane, entry(room, &asked)).await;
    let turn = &asked.turns[0];
    let end = close(turn, said());
    for _ in 0..2 {
        assert_eq!(revision(&put(&mut lane, end.clone()).await), 2);
    }
    let history =
        node.archive(greenroom::postgres::archive::OtherNodes::Gone).history(room, 0, 9, 9).await.unwrap();
    assert_eq!(history.len(), 2);
    let reply = &history[1];
    assert_eq!((reply.id, reply.sender), (turn.message, Sender::Character(turn.character)));
    assert_eq!((reply.reply_to, reply.finish), (Some(asked.id), Finish::Length));
    assert_eq!(reply.client_id, ClientId::of_message(turn.message));
    let ended = "SELECT count(*) FROM turns WHERE id = $1 AND state = 1 AND ended_revision = 2
        AND (prompt_tokens, completion_tokens, cached_tokens) = (100, 20, 10) AND ended_at IS NOT NULL";
    assert_eq!(node.number(ended, &[&turn.message.uuid()]).await, 1);
    let called = "SELECT count(*) FROM ai_calls WHERE turn_id = $1 AND user_id = $2 AND provider = 'scripted'
        AND (prompt_tokens, completion_tokens, cached_tokens, cost_micros) = (100, 20, 10, 131)
        AND (purpose, outcome, first_token_ms, took_ms, counted_here) = ('reply', 'done', 30, 400, false)";
    assert_eq!(node.number(called, &[&turn.message.uuid(), &user.uuid()]).await, 1);
    let Outcome::Before(before) = put(&mut lane, entry(room, &ask(room, user, "a"))).await else { panic!() };
    assert_eq!(before.replies[0].state, ReplyState::Done);
    assert!(before.message.replies.is_empty(), "a reply that ended well is a message of its own");
    node.assert_whole().await;
}

#[tokio::test]
async fn the_end_of_a_turn_that_another_holds_or_nobody_knows_is_refused() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    let asked = ask(room, user, "a");
    put(&mut lane, entry(room, &asked)).await;
    let mut other_fence = asked.turns[0].clone();
    other_fence.fence = 1;
    let mut unknown = asked.turns[0].clone();
    unknown.message = MessageId::new();
    for turn in [&other_fence, &unknown] {
        let outcome = put(&mut lane, close(turn, said())).await;
        assert!(matches!(outcome, Outcome::FenceLost), "{outcome:?}");
    }
    node.assert_whole().await;
}

#[tokio::test]
async fn a_reply_that_said_nothing_gives_its_meters_back_and_changes_the_message_that_asked() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    let asked = ask(room, user, "a");
    put(&mut lane, entry(room, &asked)).await;
    let end = TurnEnd::Nothing {
        state: ReplyState::Failed,
        code: Some(FailureCode::ProviderTimeout),
        // One of them was never counted: it stays at nothing, not below.
        refund: vec![asked.meters[0].key, text_meter(user, CharacterId::new(), 1).key],
    };
    for _ in 0..2 {
        assert_eq!(revision(&put(&mut lane, close(&asked.turns[0], end.clone())).await), 2);
    }
    assert_eq!(node.number("SELECT sum(used) FROM usage", &[]).await, 0);
    let Outcome::Before(before) = put(&mut lane, entry(room, &ask(room, user, "a"))).await else { panic!() };
    assert_eq!((before.message.offset, before.message.revision), (1, 2));
    assert_eq!(before.replies[0].state, ReplyState::Failed);
    assert_eq!(before.replies[0].code, Some(FailureCode::ProviderTimeout));
}

#[tokio::test]
async fn a_read_mark_moves_forward_only() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    let mark = |read_offset| Entry { room, kind: EntryKind::Read(ReadMark { user, read_offset }) };
    let batch = [mark(3), mark(2), mark(5)];
    let outcomes = lane.commit(&batch).await.unwrap();
    assert_eq!((revision(&outcomes[0]), revision(&outcomes[2])), (1, 2));
    assert!(matches!(outcomes[1], Outcome::Unchanged { .. }));
    assert_eq!(revision(&put(&mut lane, mark(5)).await), 2, "what stands is answered as it was stored");
    assert!(matches!(put(&mut lane, mark(4)).await, Outcome::Unchanged { .. }));
    let stands = "SELECT read_offset * 10 + revision FROM reads WHERE room_id = $1 AND user_id = $2";
    assert_eq!(node.number(stands, &[&room.uuid(), &user.uuid()]).await, 52);
}

#[tokio::test]
async fn a_deleted_room_takes_nothing_more_and_its_open_turns_end() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    let asked = ask(room, user, "a");
    put(&mut lane, entry(room, &asked)).await;
    let delete = Entry { room, kind: EntryKind::Delete { by: user } };
    assert_eq!(revision(&put(&mut lane, delete).await), 2);
    let outcome = put(&mut lane, entry(room, &say(user, "b"))).await;
    assert!(matches!(outcome, Outcome::NoRoom), "{outcome:?}");
    let outcome = put(&mut lane, close(&asked.turns[0], said())).await;
    assert!(matches!(outcome, Outcome::FenceLost), "its end was not this one: {outcome:?}");
    assert_eq!(node.number("SELECT count(*) FROM turns WHERE state = 0", &[]).await, 0);
    assert_eq!(node.number("SELECT count(*) FROM rooms WHERE deleted_at IS NOT NULL", &[]).await, 1);
    let archive = node.archive(greenroom::postgres::archive::OtherNodes::Gone);
    assert!(archive.room(room).await.unwrap().is_none());
}

#[tokio::test]
async fn data_that_the_database_refuses_fails_its_batch_alone() {
    let (node, room, user) = Node::start_with_room().await;
    let mut lane = node.lane();
    let mut bad = say(user, "bad");
    bad.content = Content::trusted("a\0b");
    let good = entry(room, &say(user, "good"));
    let failed = lane.commit(&[good.clone(), entry(room, &bad)]).await.unwrap_err();
    assert!(matches!(failed, CommitError::Data(_)), "{failed}");
    assert_eq!(node.number("SELECT count(*) FROM messages", &[]).await, 0);
    assert_eq!(revision(&put(&mut lane, good).await), 1);
    node.assert_whole().await;
}
