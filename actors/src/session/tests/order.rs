//! A room as it runs, a lossy way from it to one session, and a client that does what the protocol tells it: whatever
//! is lost, joined or asked again in between, the client ends with what the room has.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// What goes over the wire in this test.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    Message { offset: Revision, reply: Option<MessageId>, text: String },
    Delta { message: MessageId, attempt: u32, position: u32, text: String },
    Other { offset: Revision },
}

/// A reply under way: its id, its attempt, its text so far.
type OpenReply = (MessageId, u32, String);

fn marks(open: &[OpenReply]) -> Vec<ReplyMark> {
    open.iter()
        .map(|(message, attempt, text)| ReplyMark {
            message: *message,
            attempt: *attempt,
            state: ReplyState::Streaming,
            length: crate::domain::utf16_len(text),
        })
        .collect()
}

/// The truth.
#[derive(Default)]
struct Room {
    log: Vec<Body>,
    open: Vec<OpenReply>,
}

impl Room {
    fn head(&self) -> Revision {
        self.log.len() as Revision
    }

    fn commit(&mut self, body: Body, closes: Option<MessageId>) -> Frame<Body> {
        self.log.push(body.clone());
        Frame { mark: Mark::Logged { offset: self.head(), closes }, body }
    }
}

/// The client of the protocol's §3.
#[derive(Default, Clone, Debug)]
struct Client {
    log: Vec<Body>,
    texts: HashMap<MessageId, (u32, Vec<u16>)>,
}

impl Client {
    fn see(&mut self, body: &Body) {
        match body {
            Body::Delta { message, attempt, position, text } => {
                let held = self.texts.entry(*message).or_default();
                if *attempt < held.0 {
                    return;
                }
                if *attempt > held.0 {
                    *held = (*attempt, Vec::new());
                }
                let position = *position as usize;
                assert!(position <= held.1.len(), "a delta may not leave a hole in the text");
                held.1.truncate(position);
                held.1.extend(text.encode_utf16());
            }
            Body::Message { offset, reply, .. } => {
                assert_eq!(*offset, self.log.len() as Revision + 1, "lost, doubled or out of order");
                self.log.push(body.clone());
                if let Some(reply) = reply {
                    self.texts.remove(reply);
                }
            }
            Body::Other { offset } => {
                assert_eq!(*offset, self.log.len() as Revision + 1, "lost, doubled or out of order");
                self.log.push(body.clone());
            }
        }
    }
}

/// One step of the world.
#[derive(Clone, Debug)]
enum Act {
    Say,
    Read,
    Open,
    /// Some open reply says more.
    Stream(usize, String),
    /// Some open reply starts anew.
    Retry(usize),
    End(usize),
    /// The next frame from the room is lost, if it may be (a delta).
    LoseNext,
    /// What the room sent so far arrives at the session.
    Arrive(usize),
    Join,
    /// The feature's snapshot is taken, then (apart) the open replies.
    Snapshot,
    Replies,
    /// The host's answer reaches the session.
    Answer,
    AskAgain,
    AnswerAgain,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Say),
        1 => Just(Act::Read),
        2 => Just(Act::Open),
        6 => (0..3usize, "[a-zé😀]{1,3}").prop_map(|(index, text)| Act::Stream(index, text)),
        1 => (0..3usize).prop_map(Act::Retry),
        2 => (0..3usize).prop_map(Act::End),
        2 => Just(Act::LoseNext),
        8 => (1..6usize).prop_map(Act::Arrive),
        1 => Just(Act::Join),
        2 => Just(Act::Snapshot),
        2 => Just(Act::Replies),
        2 => Just(Act::Answer),
        2 => Just(Act::AskAgain),
        2 => Just(Act::AnswerAgain),
    ]
}

/// A join or a repair on its way.
struct JoinUnderWay {
    ticket: JoinTicket,
    log: Option<Vec<Body>>,
    replies: Option<Vec<OpenReply>>,
}

struct World {
    room: Room,
    id: RoomId,
    session: Session<Body>,
    client: Client,
    /// Sent by the room, not yet arrived; only since the first subscription.
    way: std::collections::VecDeque<Frame<Body>>,
    subscribed: bool,
    lose_next: bool,
    join: Option<JoinUnderWay>,
    wants_replies: bool,
    asked: Option<Vec<OpenReply>>,
}

impl World {
    fn new() -> Self {
        Self {
            room: Room::default(),
            id: RoomId::new(),
            session: Session::new(SessionId::new(), Arc::default(), start()),
            client: Client::default(),
            way: std::collections::VecDeque::new(),
            subscribed: false,
            lose_next: false,
            join: None,
            wants_replies: false,
            asked: None,
        }
    }

    fn publish(&mut self, frame: Frame<Body>) {
        let lost = !frame.mark.is_committed() && std::mem::take(&mut self.lose_next);
        if self.subscribed && !lost {
            self.way.push_back(frame);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Go => {}
            Step::AskReplies => self.wants_replies = true,
            Step::Left | Step::Close(_) => panic!("nothing committed was lost: {step:?}"),
        }
    }

    fn run(&mut self, act: Act) {
        match act {
            Act::Say => {
                let body = Body::Message { offset: self.room.head() + 1, reply: None, text: "hi".to_owned() };
                let frame = self.room.commit(body, None);
                self.publish(frame);
            }
            Act::Read => {
                let body = Body::Other { offset: self.room.head() + 1 };
                let frame = self.room.commit(body, None);
                self.publish(frame);
            }
            Act::Open if self.room.open.len() < 3 => {
                self.room.open.push((MessageId::new(), 1, String::new()));
            }
            Act::Open => {}
            Act::Stream(index, more) => {
                let Some((message, attempt, text)) = self.room.open.get_mut(index) else { return };
                let position = crate::domain::utf16_len(text);
                text.push_str(&more);
                let end = crate::domain::utf16_len(text);
                let (message, attempt) = (*message, *attempt);
                self.publish(Frame {
                    mark: Mark::Delta { message, attempt, position, end },
                    body: Body::Delta { message, attempt, position, text: more },
                });
            }
            Act::Retry(index) => {
                if let Some((_, attempt, text)) = self.room.open.get_mut(index) {
                    *attempt += 1;
                    text.clear();
                }
            }
            Act::End(index) if index < self.room.open.len() => {
                let (message, _, text) = self.room.open.remove(index);
                let body = Body::Message { offset: self.room.head() + 1, reply: Some(message), text };
                let frame = self.room.commit(body, Some(message));
                self.publish(frame);
            }
            Act::End(_) => {}
            Act::LoseNext => self.lose_next = true,
            Act::Arrive(count) => self.arrive(count),
            Act::Join if self.join.is_none() => {
                let ticket = self.session.begin_join(self.id).unwrap();
                self.subscribed = true;
                self.join = Some(JoinUnderWay { ticket, log: None, replies: None });
            }
            Act::Join => {}
            Act::Snapshot => {
                if let Some(join) = &mut self.join
                    && join.log.is_none()
                {
                    join.log = Some(self.room.log.clone());
                }
            }
            Act::Replies => {
                if let Some(join) = &mut self.join
                    && join.log.is_some()
                    && join.replies.is_none()
                {
                    join.replies = Some(self.room.open.clone());
                }
            }
            Act::Answer => self.answer_join(),
            Act::AskAgain if self.wants_replies && self.asked.is_none() => {
                self.wants_replies = false;
                self.asked = Some(self.room.open.clone());
            }
            Act::AskAgain => {}
            Act::AnswerAgain => self.answer_repair(),
        }
    }

    fn arrive(&mut self, count: usize) {
        let count = count.min(self.way.len());
        let batch: Vec<_> = self.way.drain(..count).collect();
        let client = &mut self.client;
        let step = self.session.on_frames(self.id, &batch, |body| client.see(body));
        self.step(step);
    }

    fn answer_join(&mut self) {
        let Some(JoinUnderWay { ticket, log: Some(log), replies: Some(open) }) =
            self.join.take_if(|join| join.replies.is_some())
        else {
            return;
        };
        self.session.check_join(self.id, ticket).unwrap();
        let ended: Vec<MessageId> = log
            .iter()
            .filter_map(|body| match body {
                Body::Message { reply, .. } => *reply,
                _ => None,
            })
            .collect();
        let position = log.len() as Revision;
        let marks = marks(&open);
        // The client takes the snapshot for what it has of this room.
        self.client = Client {
            log,
            texts: open
                .into_iter()
                .map(|(message, attempt, text)| (message, (attempt, text.encode_utf16().collect())))
                .collect(),
        };
        let client = &mut self.client;
        let joined = Joined { position, replies: &marks, ended: &ended };
        let step = self.session.finish_join(self.id, ticket, &joined, |body| client.see(body));
        self.step(step);
    }

    fn answer_repair(&mut self) {
        let Some(open) = self.asked.take() else { return };
        let marks = marks(&open);
        let client = &mut self.client;
        let step = self.session.repair(self.id, &marks, |repair| match repair {
            Repair::Frame(body) => client.see(body),
            Repair::Text { message, from } => {
                let (_, attempt, text) = open.iter().find(|(id, _, _)| *id == message).unwrap();
                let units: Vec<u16> = text.encode_utf16().skip(from as usize).collect();
                let text = String::from_utf16(&units).unwrap();
                client.see(&Body::Delta { message, attempt: *attempt, position: from, text });
            }
        });
        self.step(step);
    }

    /// Lets everything come to rest, with one more piece of each reply, which shows what was lost before it.
    fn settle(&mut self) {
        self.lose_next = false;
        if !self.subscribed {
            self.run(Act::Join);
        }
        for act in [Act::Snapshot, Act::Replies, Act::Answer] {
            self.run(act);
        }
        for index in 0..3 {
            self.run(Act::Stream(index, "!".to_owned()));
        }
        for _ in 0..4 {
            self.arrive(usize::MAX);
            self.run(Act::AnswerAgain);
            self.run(Act::AskAgain);
            self.run(Act::AnswerAgain);
        }
    }

    fn check(&self) {
        assert_eq!(self.client.log, self.room.log);
        for (message, attempt, text) in &self.room.open {
            let (held_attempt, held) = &self.client.texts[message];
            assert_eq!((held_attempt, String::from_utf16(held).unwrap()), (attempt, text.clone()));
        }
        let open: Vec<_> = self.room.open.iter().map(|(message, _, _)| *message).collect();
        assert!(
            self.client.texts.keys().all(|message| open.contains(message)),
            "a reply that has ended shows"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_lost_or_joined_in_between_the_client_ends_with_what_the_room_has(
        acts in proptest::collection::vec(act(), 0..80),
    ) {
        let mut world = World::new();
        for act in acts {
            world.run(act);
        }
        world.settle();
        world.check();
    }
}
