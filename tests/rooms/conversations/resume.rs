//! A client that comes back again and again holds what a fresh one would load, whatever happened meanwhile.

use std::collections::{BTreeMap, HashSet};

use greenroom::conversations::view::MessageView;
use greenroom::conversations::{MessageRange, NewMessage};
use greenroom_actors::domain::{MessageId, MessageKind, Revision, RoomId, UserId};
use greenroom_actors::ports::GenerateErrorKind;
use greenroom_actors::protocol::ReplyWish;
use greenroom_actors::testsuite::Script;
use uuid::Uuid;

use super::stage::{Stage, lone, stage};

const STEPS: usize = 60;

/// What a client keeps of a room.
#[derive(Default)]
struct Held {
    at: Revision,
    messages: BTreeMap<Revision, MessageView>,
}

impl Held {
    async fn catch_up(&mut self, stage: &Stage, user: UserId, room: RoomId) {
        loop {
            let from = Some((stage.epoch, self.at));
            let snapshot = stage.conversations.snapshot(user, room, from).await.unwrap();
            assert!(snapshot.recovered && snapshot.offset >= self.at);
            self.messages.extend(snapshot.messages.into_iter().map(|message| (message.offset, message)));
            self.at = snapshot.offset;
            if !snapshot.more {
                break;
            }
        }
        // A reply that has become a message is no longer listed with the one that asked for it.
        let said: HashSet<Uuid> = self.messages.values().map(|message| message.id).collect();
        for message in self.messages.values_mut() {
            message.replies.retain(|reply| !said.contains(&reply.message_id));
        }
    }
}

async fn say(stage: &Stage, user: UserId, room: RoomId, reply: ReplyWish) -> Vec<MessageId> {
    let said = stage.conversations.said(Some(MessageKind::Text), Some("Good evening"), None).unwrap();
    let new = NewMessage { said, client_id: None, reply_to: None, reply, reply_kind: None };
    let sent = stage.conversations.send(user, room, new).await.unwrap();
    sent.replies.into_iter().map(|reply| reply.message).collect()
}

/// Waits until each of these replies is said or has failed, and its end is stored.
async fn settle(stage: &Stage, room: RoomId, replies: &mut Vec<MessageId>) {
    for reply in replies.drain(..) {
        let _ = stage.fanout.end_of(room, reply).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_holds_what_a_fresh_one_would_load() {
    let seed =
        std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let stage = stage().await;
    let user = stage.user("mira").await;
    let made = stage.conversations.create(user, lone(stage.character("ada").await)).await.unwrap();
    let room = RoomId::from_uuid(made.id);
    let mut clients = [Held::default(), Held::default()];
    let mut running = Vec::new();
    for _ in 0..STEPS {
        // A room takes no more than so many waiting replies.
        if running.len() > 4 {
            settle(&stage, room, &mut running).await;
        }
        match random.u8(..6) {
            0 => running.extend(say(&stage, user, room, ReplyWish::None).await),
            1 => running.extend(say(&stage, user, room, ReplyWish::Auto).await),
            2 => {
                stage.generator.script(Script::Fail(GenerateErrorKind::Refused));
                running.extend(say(&stage, user, room, ReplyWish::Auto).await);
            }
            3 => {
                let head = stage.conversations.get(user, &made.slug).await.unwrap().last_offset;
                stage.conversations.read(user, room, random.i64(0..=head)).await.unwrap();
            }
            which => clients[usize::from(which - 4)].catch_up(&stage, user, room).await,
        }
    }
    settle(&stage, room, &mut running).await;
    let mut fresh = BTreeMap::new();
    loop {
        let after = MessageRange::After(fresh.last_key_value().map_or(0, |(offset, _)| *offset));
        let (messages, more) = stage.conversations.messages(user, room, after, 7).await.unwrap();
        fresh.extend(messages.into_iter().map(|message| (message.offset, message)));
        if !more {
            break;
        }
    }
    for client in &mut clients {
        client.catch_up(&stage, user, room).await;
        assert_eq!(client.messages, fresh);
    }
}
