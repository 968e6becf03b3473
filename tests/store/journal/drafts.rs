//! Drafts of running replies on a real PostgreSQL: who may write them, what erases them, and that they wait for nobody.

use std::sync::Arc;
use std::time::Duration;

use greenroom::postgres::archive::OtherNodes;
use greenroom::postgres::drafts::PostgresDrafts;
use greenroom_actors::domain::{
    BackEnd, CallOutcome, Content, Counted, FailureCode, Finish, Into, NodeId, Price, ReplyState, RoomId,
    TokenUsage, Trouble, UserId,
};
use greenroom_actors::ports::{
    Archive, CloseTurn, CommitError, Draft, DraftCall, DraftStore, Entry, EntryKind, NewDraft, OpenTurn,
    TakeUp, TakenUp, TurnEnd,
};
use uuid::Uuid;

use super::fixture::{Node, ask, close, entry, put, said};

fn drafts(node: &Node) -> PostgresDrafts {
    PostgresDrafts::new(&node.database.database().connector())
}

async fn opened(node: &Node, room: RoomId, user: UserId, name: &str) -> OpenTurn {
    let ask = ask(room, user, name);
    put(&mut node.lane(), entry(room, &ask)).await;
    ask.turns[0].clone()
}

fn draft(turn: &OpenTurn, text: &str) -> NewDraft {
    let draft = Draft { text: text.to_owned(), shown: text.len(), calls: Vec::new() };
    NewDraft { turn: turn.message, fence: turn.fence, draft }
}

async fn text(node: &Node, turn: &OpenTurn) -> Option<String> {
    let client = node.database.pool().get().await.unwrap();
    client.query_one("SELECT draft FROM turns WHERE id = $1", &[&turn.message.uuid()]).await.unwrap().get(0)
}

async fn taken_up(node: &Node) -> TakenUp {
    node.archive(OtherNodes::Gone).take_up(TakeUp::DeadNodes, 10).await.unwrap().remove(0)
}

#[tokio::test]
async fn what_a_dead_node_had_let_be_said_comes_with_its_turn() {
    let (node, room, user) = Node::start_with_room().await;
    let question = ask(room, user, "a");
    let dead = NodeId::new();
    put(&mut node.lane_of(dead), entry(room, &question)).await;
    let turn = &question.turns[0];
    let price = Price { input: 2_500_000, cached_input: 250_000, output: 10_000_000 };
    let back_end = Arc::new(BackEnd { provider: "openai".into(), model: "gpt".into(), price });
    let usage = TokenUsage { prompt_tokens: 100, completion_tokens: 7, cached_tokens: 3 };
    let call = DraftCall {
        id: Uuid::now_v7(),
        back_end,
        ended: None,
        usage,
        counted: Counted::Here,
        first_token: Some(Duration::from_millis(30)),
        took: Duration::from_millis(950),
    };
    let ended = DraftCall {
        id: Uuid::now_v7(),
        ended: Some(CallOutcome::Failed),
        counted: Counted::ByProvider,
        first_token: None,
        ..call.clone()
    };
    let new = Draft { text: "Schön,\n[[remember: I".into(), shown: 7, calls: vec![ended, call] };
    let store = drafts(&node);
    let write = |draft: Draft| NewDraft { turn: turn.message, fence: 0, draft };
    store.write(vec![write(Draft { text: "Sch\0ön".into(), ..Draft::default() })]).await.unwrap();
    assert_eq!(text(&node, turn).await.as_deref(), Some("Schön"));
    store.write(vec![write(new.clone())]).await.unwrap();
    let taken = taken_up(&node).await;
    assert_eq!((taken.turn.message, taken.turn.fence), (turn.message, 1));
    assert_eq!(taken.draft, Some(new));
}

#[tokio::test]
async fn only_the_holder_of_an_open_turn_writes_its_draft_and_its_end_erases_it() {
    let (node, room, user) = Node::start_with_room().await;
    let turn = opened(&node, room, user, "a").await;
    let store = drafts(&node);
    store.write(vec![draft(&turn, "Once upon")]).await.unwrap();
    let newer = OpenTurn { fence: 1, ..turn.clone() };
    store.write(vec![draft(&newer, "Of a holder to come")]).await.unwrap();
    assert_eq!(text(&node, &turn).await.as_deref(), Some("Once upon"));
    node.execute("UPDATE turns SET fence = 1", &[]).await;
    store.write(vec![draft(&turn, "Of a holder that was")]).await.unwrap();
    assert_eq!(text(&node, &turn).await.as_deref(), Some("Once upon"));
    store.write(vec![draft(&newer, "Once upon a time")]).await.unwrap();
    assert_eq!(text(&node, &turn).await.as_deref(), Some("Once upon a time"));

    put(&mut node.lane(), close(&newer, said())).await;
    assert_eq!(text(&node, &turn).await, None);
    store.write(vec![draft(&newer, "Too late")]).await.unwrap();
    assert_eq!(text(&node, &turn).await, None, "what has ended has no draft");

    let other = opened(&node, room, user, "b").await;
    store.write(vec![draft(&other, "Never ended")]).await.unwrap();
    put(&mut node.lane(), Entry { room, kind: EntryKind::Delete { by: user } }).await;
    assert_eq!(text(&node, &other).await, None, "nor has one whose room is gone");
}

#[tokio::test]
async fn many_drafts_are_one_statement_and_a_turn_that_is_held_is_passed_over() {
    let (node, room, user) = Node::start_with_room().await;
    let mut turns = Vec::new();
    for n in 0..40 {
        turns.push(opened(&node, room, user, &n.to_string()).await);
    }
    let mut client = node.database.pool().get().await.unwrap();
    let busy = client.transaction().await.unwrap();
    let held = turns[7].message.uuid();
    busy.execute("SELECT 1 FROM turns WHERE id = $1 FOR NO KEY UPDATE", &[&held]).await.unwrap();
    let batch = turns.iter().rev().map(|turn| draft(turn, "Well")).collect();
    let store = drafts(&node);
    let written = store.write(batch);
    tokio::time::timeout(Duration::from_secs(10), written).await.expect("it waits for nobody").unwrap();
    busy.commit().await.unwrap();
    assert_eq!(node.number("SELECT count(*) FROM turns WHERE draft = 'Well'", &[]).await, 39);
    assert_eq!(text(&node, &turns[7]).await, None);
    assert!(drafts(&node).write(Vec::new()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_and_ends_at_the_same_time_meet_no_deadlock_and_leave_no_draft_behind() {
    let (node, room, user) = Node::start_with_room().await;
    let mut turns = Vec::new();
    for n in 0..120 {
        turns.push(opened(&node, room, user, &n.to_string()).await);
    }
    let writing = {
        let (store, turns) = (drafts(&node), turns.clone());
        tokio::spawn(async move {
            for round in 0..60 {
                let batch = turns.iter().map(|turn| draft(turn, &"more ".repeat(round))).collect();
                store.write(batch).await.unwrap();
            }
        })
    };
    let mut lane = node.lane();
    for part in turns.rchunks(7) {
        let ends: Vec<Entry> = part.iter().map(|turn| close(turn, said())).collect();
        match lane.commit(&ends).await {
            Ok(_) => {}
            Err(CommitError::Conflict(detail)) => panic!("a deadlock: {detail}"),
            Err(error) => panic!("{error}"),
        }
    }
    writing.await.unwrap();
    assert_eq!(node.number("SELECT count(*) FROM turns WHERE state = 0 OR draft IS NOT NULL", &[]).await, 0);
    node.assert_whole().await;
}

#[tokio::test]
async fn why_a_reply_failed_is_kept_and_of_one_that_ended_well_nothing() {
    let (node, room, user) = Node::start_with_room().await;
    let (failed, well) = (opened(&node, room, user, "a").await, opened(&node, room, user, "b").await);
    let back_end = BackEnd { provider: "openai".into(), model: "gpt".into(), price: Price::default() };
    let trouble = Trouble::new("Unavailable: 503", Some(back_end.into()), 3);
    let code = Some(FailureCode::ProviderUnavailable);
    let nothing = TurnEnd::Nothing { state: ReplyState::Failed, code, refund: Vec::new() };
    for (turn, end) in [(&failed, nothing), (&well, said())] {
        let Entry { room, kind: EntryKind::Close(end) } = close(turn, end) else { unreachable!() };
        let end = CloseTurn { trouble: Some(trouble.clone()), ..end };
        put(&mut node.lane(), Entry { room, kind: EntryKind::Close(end) }).await;
    }
    let of =
        "SELECT count(*) FROM turns WHERE id = $1 AND reason = 'Unavailable: 503' AND provider = 'openai'
        AND model = 'gpt' AND tries = 3";
    assert_eq!(node.number(of, &[&failed.message.uuid()]).await, 1);
    assert_eq!(node.number(of, &[&well.message.uuid()]).await, 0);
}

#[tokio::test]
async fn a_variant_of_a_message_that_is_gone_is_given_back() {
    let (node, room, user) = Node::start_with_room().await;
    let turn = opened(&node, room, user, "a").await;
    put(&mut node.lane(), close(&turn, said())).await;
    let question = ask(room, user, "b");
    let into = Into::Variant(turn.message);
    let mut again = question.clone();
    again.turns[0].into = into;
    put(&mut node.lane(), entry(room, &again)).await;
    assert_eq!(node.number("SELECT used::bigint FROM usage WHERE kind = -1", &[]).await, 2);
    node.execute("UPDATE messages SET deleted_at = now() WHERE id = $1", &[&turn.message.uuid()]).await;
    let end = TurnEnd::Said { content: Content::trusted("Anew"), finish: Finish::Complete, attachment: None };
    let Entry { kind: EntryKind::Close(end), .. } = close(&again.turns[0], end) else { unreachable!() };
    let end = CloseTurn { into, refund_if_gone: again.turns[0].refund.clone(), ..end };
    let end = Entry { room, kind: EntryKind::Close(end) };
    for _ in 0..2 {
        put(&mut node.lane(), end.clone()).await;
        assert_eq!(node.number("SELECT used::bigint FROM usage WHERE kind = -1", &[]).await, 1);
    }
    assert_eq!(node.number("SELECT count(*) FROM variants", &[]).await, 0);
}
