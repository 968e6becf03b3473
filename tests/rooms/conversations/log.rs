//! Reading a room's log: pages both ways, and catching up after an absence.

use greenroom::conversations::view::ReplyStateView;
use greenroom::conversations::{MessageRange, Snapshot};
use greenroom_actors::domain::{MessageId, Revision, RoomId, UserId};
use uuid::Uuid;

use super::offsets;
use super::stage::{Stage, lone, stage};

async fn room_with(stage: &Stage, messages: usize) -> (UserId, RoomId) {
    let user = stage.user("mira").await;
    let room = stage.empty_room(user).await;
    for number in 1..=messages {
        stage.say(room, user, &format!("message {number}")).await;
    }
    (user, room)
}

async fn snapshot(stage: &Stage, user: UserId, room: RoomId, from: Revision) -> Snapshot {
    stage.conversations.snapshot(user, room, Some((stage.epoch, from))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_paged_both_ways_without_gap_or_overlap() {
    let stage = stage().await;
    let (user, room) = room_with(&stage, 7).await;
    let page = async |range, limit| {
        let (messages, more) = stage.conversations.messages(user, room, range, limit).await.unwrap();
        (offsets(&messages), more)
    };
    assert_eq!(page(MessageRange::Latest, 3).await, (vec![5, 6, 7], true));
    assert_eq!(page(MessageRange::Before(5), 3).await, (vec![2, 3, 4], true));
    assert_eq!(page(MessageRange::Before(2), 3).await, (vec![1], false));
    assert_eq!(page(MessageRange::Before(1), 3).await, (vec![], false));
    assert_eq!(page(MessageRange::After(0), 3).await, (vec![1, 2, 3], true));
    assert_eq!(page(MessageRange::After(4), 3).await, (vec![5, 6, 7], false));
    assert_eq!(page(MessageRange::After(7), 3).await, (vec![], false));
    assert_eq!(page(MessageRange::Latest, 100).await.0.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_a_characters_message_was_asked_for_is_listed_with_it() {
    let stage = stage().await;
    let user = stage.user("mira").await;
    let made = stage.conversations.create(user, lone(stage.character("ada").await)).await.unwrap();
    let greeting = made.last_message.unwrap();
    let room = RoomId::from_uuid(made.id);
    let asked = stage.turn(room, MessageId::from_uuid(greeting.id), 3, None).await;
    let (messages, _) = stage.conversations.messages(user, room, MessageRange::Latest, 10).await.unwrap();
    assert_eq!(messages[0].replies.len(), 1);
    assert_eq!(messages[0].replies[0].message_id, asked.uuid());
    assert_eq!(messages[0].replies[0].state, ReplyStateView::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_messages_make_a_page_shorter_on_the_far_side() {
    let stage = stage().await;
    let (user, room) = room_with(&stage, 0).await;
    for _ in 0..5 {
        stage.say(room, user, &"x".repeat(100_000)).await;
    }
    let page = async |range| {
        let (messages, more) = stage.conversations.messages(user, room, range, 50).await.unwrap();
        (offsets(&messages), more)
    };
    assert_eq!(page(MessageRange::Latest).await, (vec![4, 5], true));
    assert_eq!(page(MessageRange::After(0)).await, (vec![1, 2], true));
    let fresh = stage.conversations.snapshot(user, room, None).await.unwrap();
    assert_eq!((offsets(&fresh.messages), fresh.offset), (vec![4, 5], 5));
    let missed = snapshot(&stage, user, room, 0).await;
    assert_eq!((offsets(&missed.messages), missed.offset, missed.more), (vec![1, 2], 2, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_tells_its_replies_that_have_not_ended_well() {
    let stage = stage().await;
    let (user, room) = room_with(&stage, 0).await;
    let (asked, _) = stage.say(room, user, "Are you there?").await;
    let open = stage.turn(room, asked, 0, None).await;
    stage.turn(room, asked, 1, None).await;
    let failed = stage.turn(room, asked, 2, Some("provider_timeout")).await;
    let (messages, _) = stage.conversations.messages(user, room, MessageRange::Latest, 10).await.unwrap();
    let told: Vec<_> =
        messages[0].replies.iter().map(|reply| (reply.message_id, reply.state, reply.code)).collect();
    assert_eq!(
        told,
        [
            (open.uuid(), ReplyStateView::Queued, None),
            (failed.uuid(), ReplyStateView::Failed, Some("provider_timeout")),
        ]
    );
    let listed = stage.conversations.get(user, &room.to_string()).await.unwrap();
    assert_eq!(listed.last_message.unwrap().replies, messages[0].replies);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_joins_afresh_gets_the_latest_and_stands_at_the_head() {
    let stage = stage().await;
    let (user, room) = room_with(&stage, 60).await;
    let fresh = stage.conversations.snapshot(user, room, None).await.unwrap();
    assert_eq!(offsets(&fresh.messages), (11..=60).collect::<Vec<_>>());
    assert_eq!((fresh.offset, fresh.recovered, fresh.more, fresh.epoch), (60, false, false, stage.epoch));
    assert_eq!(fresh.conversation.last_offset, 60);
    assert_eq!(fresh.reads, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_away_catches_up_page_by_page() {
    let stage = stage().await;
    let (user, room) = room_with(&stage, 230).await;
    let nothing = snapshot(&stage, user, room, 230).await;
    assert_eq!(
        (nothing.messages.len(), nothing.offset, nothing.recovered, nothing.more),
        (0, 230, true, false)
    );
    let (mut at, mut held) = (10, Vec::new());
    loop {
        let page = snapshot(&stage, user, room, at).await;
        assert!(page.recovered && page.messages.len() <= 100);
        held.extend(offsets(&page.messages));
        at = page.offset;
        if !page.more {
            break;
        }
    }
    assert_eq!(held, (11..=230).collect::<Vec<_>>());
    assert_eq!(at, 230);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_comes_again_as_it_now_is_in_the_order_of_the_changes() {
    let stage = stage().await;
    let (user, room) = room_with(&stage, 3).await;
    let (fourth, _) = stage.say(room, user, "fourth").await;
    let (fifth, _) = stage.say(room, user, "fifth").await;
    assert_eq!(stage.change(room, fifth).await, 6);
    assert_eq!(stage.change(room, fourth).await, 7);
    stage.say(room, user, "eighth").await;
    // A durable change without a message: the head moves on alone.
    stage.execute("update heads set last_revision = 9 where room_id = $1", &[&room.uuid()]).await;
    let places = |snapshot: &Snapshot| {
        snapshot.messages.iter().map(|message| (message.offset, message.revision)).collect::<Vec<_>>()
    };
    let before = snapshot(&stage, user, room, 2).await;
    assert_eq!(places(&before), [(3, 3), (5, 6), (4, 7), (8, 8)]);
    assert_eq!((before.offset, before.more), (9, false));
    assert_eq!(places(&snapshot(&stage, user, room, 6).await), [(4, 7), (8, 8)]);
    assert_eq!(places(&snapshot(&stage, user, room, 8).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_another_database_or_of_the_future_starts_afresh() {
    let stage = stage().await;
    let (user, room) = room_with(&stage, 3).await;
    for (epoch, from) in [(Uuid::now_v7(), 2), (stage.epoch, 4), (stage.epoch, -1)] {
        let fresh = stage.conversations.snapshot(user, room, Some((epoch, from))).await.unwrap();
        assert_eq!((fresh.recovered, fresh.messages.len(), fresh.offset), (false, 3, 3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_missed_too_much_starts_afresh() {
    let stage = stage().await;
    let (user, room) = room_with(&stage, 260).await;
    assert!(!snapshot(&stage, user, room, 9).await.recovered, "251 were missed, 250 are the most");
    assert!(snapshot(&stage, user, room, 10).await.recovered);
    // Many changes that are no messages make a wide gap, but little to send.
    stage.execute("update heads set last_revision = 100000 where room_id = $1", &[&room.uuid()]).await;
    let caught = snapshot(&stage, user, room, 255).await;
    assert_eq!((caught.recovered, caught.messages.len(), caught.offset), (true, 5, 100_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn read_marks_are_those_of_the_members() {
    let stage = stage().await;
    let (user, room) = room_with(&stage, 2).await;
    let gone = stage.user("gone").await;
    stage
        .execute(
            "insert into room_members (room_id, user_id, left_at) values ($1, $2, now())",
            &[&room.uuid(), &gone.uuid()],
        )
        .await;
    stage
        .execute(
            "insert into reads (room_id, user_id, read_offset, revision) select $1, user_id, 2, 3
                from room_members where room_id = $1",
            &[&room.uuid()],
        )
        .await;
    let fresh = stage.conversations.snapshot(user, room, None).await.unwrap();
    assert_eq!(
        fresh.reads.iter().map(|read| (read.user_id, read.offset)).collect::<Vec<_>>(),
        [(user.uuid(), 2)]
    );
    assert_eq!(fresh.conversation.read_offset, 2);
}
