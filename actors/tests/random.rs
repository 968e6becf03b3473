//! Randomised operations from a printed seed: say, retry, stop, crash, break commits, die and start anew. The invariants of
//! ARCHITECTURE.md §3 hold after each life and at the end. Replay one with `SEED=… cargo nextest run random`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::future::join_all;
use greenroom_actors::domain::{MessageId, Revision, RoomId, Sender, UserId};
use greenroom_actors::ports::GenerateErrorKind;
use greenroom_actors::protocol::{RefusalCode, ReplyWish, Responder, Sent};
use greenroom_actors::testsuite::{CommitFault, Script, TestEngine, character};

const LIVES: usize = 4;
const STEPS: usize = 60;
const QUOTA: u32 = 3;

struct World {
    test: TestEngine,
    rooms: Vec<(RoomId, UserId)>,
    acked: HashMap<MessageId, (RoomId, String)>,
    asked: HashSet<MessageId>,
    said: usize,
    random: fastrand::Rng,
}

impl World {
    async fn start(seed: u64) -> Self {
        let test = TestEngine::start(|_| {}).await;
        let ada = test.store.add_character(character("Ada"));
        let rooms = (0..6)
            .map(|n| {
                let user = test.store.add_user(if n % 2 == 0 { "premium" } else { "free" });
                (test.store.add_room(&[user], &[ada]), user)
            })
            .collect();
        let random = fastrand::Rng::with_seed(seed);
        Self { test, rooms, acked: HashMap::new(), asked: HashSet::new(), said: 0, random }
    }

    fn script(&mut self) {
        let script = match self.random.u8(0..6) {
            0 => Script::Fail(GenerateErrorKind::Unavailable),
            1 => Script::Fail(GenerateErrorKind::Refused),
            2 => Script::Break(vec!["a part"]),
            3 => Script::Hang,
            4 => Script::Panic,
            _ => Script::Say(vec!["all ", "of ", "it"]),
        };
        self.test.generator.script(script);
    }

    fn heard(&mut self, room: RoomId, text: String, sent: &Sent) {
        let before = self.acked.insert(sent.message.id, (room, text.clone()));
        assert!(before.is_none_or(|before| before == (room, text)), "one ack, one message");
        self.asked.extend(sent.replies.iter().map(|reply| reply.message));
    }

    /// Several sends at once, some of them twice under the same client id.
    async fn say(&mut self) {
        let (room, user) = self.rooms[self.random.usize(..self.rooms.len())];
        let sends: Vec<(String, ReplyWish)> = (0..self.random.usize(1..6))
            .map(|_| {
                self.said += 1;
                let n = if self.random.u8(0..4) == 0 { self.random.usize(1..=self.said) } else { self.said };
                let wish = if self.random.bool() { ReplyWish::Auto } else { ReplyWish::None };
                (format!("message {n} of {user}"), wish)
            })
            .collect();
        let test = &self.test;
        let answers =
            join_all(sends.iter().map(|(text, wish)| test.say_as(room, user, text, Some(text), *wish))).await;
        for ((text, _), answer) in sends.into_iter().zip(answers) {
            match answer {
                Ok(sent) => self.heard(room, text, &sent),
                Err(refusal) => assert!(
                    matches!(
                        refusal.code,
                        RefusalCode::QuotaExceeded
                            | RefusalCode::RoomBusy
                            | RefusalCode::OutcomeUnknown
                            | RefusalCode::DependencyDown
                            | RefusalCode::Internal
                    ),
                    "{refusal:?}"
                ),
            }
        }
    }

    async fn step(&mut self) {
        let (room, user) = self.rooms[self.random.usize(..self.rooms.len())];
        match self.random.u8(0..12) {
            0 | 1 => self.script(),
            2 => {
                let (responder, answer) = Responder::channel();
                self.test.engine.stop_reply(room, user, None, responder);
                let _ = answer.await;
            }
            3 => self.test.engine.crash_room(room),
            4 => {
                let fault = [CommitFault::LostBefore, CommitFault::LostAfter, CommitFault::Conflict];
                self.test.store.fail_commits([fault[self.random.usize(..3)]]);
            }
            5 => {
                let (responder, answer) = Responder::channel();
                self.test.engine.read(room, user, self.random.i64(0..50), responder);
                let _ = answer.await;
            }
            6 => tokio::time::sleep(Duration::from_millis(self.random.u64(0..4))).await,
            _ => self.say().await,
        }
        self.check();
    }

    fn check(&self) {
        for (room, user) in &self.rooms {
            let messages = self.test.store.messages(*room);
            assert!(messages.iter().all(|message| message.revision <= self.test.store.head(*room)));
            let mut keys = HashSet::new();
            assert!(messages.iter().all(|message| keys.insert((message.sender, message.client_id.clone()))));
            if self.test.store.used(*user) > 0 {
                assert!(self.test.store.used(*user) <= QUOTA);
            }
            // Within one life of the node the sockets saw the log's order.
            let seen = self.test.fanout.offsets(*room);
            assert!(seen.is_sorted_by(|one, next| one < next), "out of order: {seen:?}");
        }
        for (id, (room, text)) in &self.acked {
            let stored: Vec<_> =
                self.test.store.messages(*room).into_iter().filter(|message| message.id == *id).collect();
            assert_eq!(stored.len(), 1);
            assert_eq!(stored[0].content.as_str(), text);
        }
    }

    /// The node dies; another life starts on what it left.
    async fn die(&mut self) {
        let next = TestEngine::start_on(self.test.store.clone(), |_| {}).await;
        self.test = next;
        self.test.engine.recover().await.unwrap();
    }

    /// Everything that was asked for comes to an end, and the books are right.
    async fn settle(&mut self) {
        let wait = async {
            while self.test.store.open_turns() > 0 {
                for (room, user) in &self.rooms {
                    let (responder, answer) = Responder::channel();
                    self.test.engine.stop_reply(*room, *user, None, responder);
                    let _ = answer.await;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("every turn ends");
        self.check();
        for (room, user) in &self.rooms {
            let messages = self.test.store.messages(*room);
            let replies: Vec<MessageId> = messages
                .iter()
                .filter(|message| matches!(message.sender, Sender::Character(_)))
                .map(|message| message.id)
                .collect();
            let answered: HashSet<Option<MessageId>> = messages
                .iter()
                .filter(|message| message.reply_to.is_some())
                .map(|message| message.reply_to)
                .collect();
            assert_eq!(answered.len(), replies.len(), "one reply to each message that has one");
            let changed: Revision =
                messages.iter().map(|message| message.revision.max(message.offset)).max().unwrap_or(0);
            assert!(changed <= self.test.store.head(*room));
            let said = messages.len() - replies.len();
            assert!(self.test.store.used(*user) as usize <= said, "nothing is counted that was not said");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_invariants_hold_under_random_operations() {
    let seed =
        std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("SEED={seed}");
    let mut world = World::start(seed).await;
    for _ in 0..LIVES {
        for _ in 0..STEPS {
            world.step().await;
        }
        world.die().await;
    }
    world.settle().await;
}
