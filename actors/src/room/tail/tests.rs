use proptest::prelude::*;

use super::*;
use crate::domain::{Changes, ClientId, Content, Finish, MessageKind, RoomId};
use std::time::Duration;

fn message(offset: Revision, text: &str) -> Message {
    let id = MessageId::new();
    Message {
        id,
        room: RoomId::from_uuid(uuid::Uuid::nil()),
        offset,
        revision: offset,
        sender: Sender::User(UserId::new()),
        client_id: ClientId::of_message(id),
        kind: MessageKind::Text,
        content: Content::trusted(text),
        attachment: None,
        reply_to: None,
        finish: Finish::Complete,
        replies: Vec::new(),
        changes: Changes::default(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn settings(tail_max_messages: usize, tail_max_bytes: usize) -> TurnSettings {
    TurnSettings { tail_max_messages, tail_max_bytes, history_max_messages: 12, ..TurnSettings::default() }
}

/// A room's log, and the tail that follows it.
struct Log {
    head: Revision,
    messages: Vec<Message>,
    tail: Tail,
    settings: TurnSettings,
    copies: Arc<Copies>,
    reading: Option<TailRead>,
}

impl Log {
    fn new(settings: TurnSettings) -> Self {
        let copies = Arc::new(Copies::new(Duration::ZERO));
        let tail = Tail::new(copies.clone());
        Self { head: 0, messages: Vec::new(), tail, settings, copies, reading: None }
    }

    fn history(&self, since: Revision, up_to: Revision, most: usize) -> Vec<Message> {
        let known = |one: &&Message| one.offset > since && one.offset <= up_to && stands(one);
        let mut latest: Vec<Message> = self.messages.iter().rev().filter(known).take(most).cloned().collect();
        latest.reverse();
        latest
    }

    fn committed(&mut self, events: &[RoomEvent]) {
        let stood = self.head;
        self.head += 1;
        self.tail.follow((stood, self.head), events, &self.settings);
    }

    fn say(&mut self, text: &str) {
        let message = message(self.head + 1, text);
        self.messages.push(message.clone());
        self.committed(&[RoomEvent::Received(Arc::new(message))]);
    }

    /// One of the latest is edited, or deleted.
    fn change(&mut self, back: usize, text: Option<&str>) {
        let Some(at) = self.messages.len().checked_sub(back + 1) else { return };
        let message = &mut self.messages[at];
        message.revision = self.head + 1;
        match text {
            Some(text) if stands(message) => message.content = Content::trusted(text),
            Some(_) => return,
            None => message.changes.deleted_at = Some(jiff::Timestamp::UNIX_EPOCH),
        }
        let changed = RoomEvent::Updated { message: Arc::new(message.clone()), reply: None };
        self.committed(&[changed]);
    }

    /// As a turn of a character that came after `since` sees it; it reads what is not held, and hands it in at once or
    /// later.
    fn compose(&mut self, since: Revision, later: bool) -> Result<(), TestCaseError> {
        let most = self.settings.history_max_messages;
        let Some(last) = self.history(since, self.head, 1).pop() else { return Ok(()) };
        let up_to = (last.offset, last.id);
        match self.tail.known(CharacterId::new(), since, up_to, &self.settings) {
            Known::Held(history) => {
                let expected = self.history(since, last.offset, most);
                let held: Vec<Message> = history.messages.iter().map(|one| Message::clone(one)).collect();
                prop_assert!(expected.ends_with(&held));
                // A part may be all of it, by chance.
                prop_assert!(history.reach == Reach::Part || held.len() == expected.len(), "{history:?}");
                let all: Vec<Message> = self.history(history.from, last.offset, usize::MAX);
                prop_assert_eq!(held, all);
            }
            Known::Unread(ticket) => {
                let messages = self.history(0, Revision::MAX, most);
                let from = if messages.len() < most { 0 } else { messages[0].offset - 1 };
                let messages = messages.into_iter().map(Arc::new).collect();
                let read = TailRead { ticket, messages, from };
                if later { self.reading = Some(read) } else { self.tail.fill(read, &self.settings) }
            }
            Known::Elsewhere => {}
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Say(usize),
    Edit(usize, usize),
    Delete(usize),
    /// A read mark, a title: nothing of it is kept here.
    Other,
    /// Another node writes.
    Elsewhere(u8),
    Compose {
        since: Revision,
        later: bool,
    },
    HandIn,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..300_usize).prop_map(Step::Say),
        2 => (0..14_usize, 0..300_usize).prop_map(|(back, length)| Step::Edit(back, length)),
        2 => (0..14_usize).prop_map(Step::Delete),
        1 => Just(Step::Other),
        1 => (1..4_u8).prop_map(Step::Elsewhere),
        4 => (0..20_i64, any::<bool>()).prop_map(|(since, later)| Step::Compose { since, later }),
        2 => Just(Step::HandIn),
    ]
}

proptest! {
    #[test]
    fn a_tail_is_what_the_log_says(
        steps in prop::collection::vec(step(), 1..120),
        most in 1..20_usize,
        most_bytes in 500..20_000_usize,
    ) {
        let mut log = Log::new(settings(most, most_bytes));
        for step in steps {
            match step {
                Step::Say(length) => log.say(&"x".repeat(length)),
                Step::Edit(back, length) => log.change(back, Some(&"y".repeat(length))),
                Step::Delete(back) => log.change(back, None),
                Step::Other => log.committed(&[]),
                Step::Elsewhere(said) => {
                    for _ in 0..said {
                        log.head += 1;
                        log.messages.push(message(log.head, "from elsewhere"));
                    }
                    // Seen with the next own commit.
                    let stood = log.head - Revision::from(said);
                    log.head += 1;
                    log.tail.follow((stood, log.head), &[], &log.settings);
                }
                Step::Compose { since, later } => log.compose(since, later)?,
                Step::HandIn => {
                    if let Some(read) = log.reading.take() {
                        log.tail.fill(read, &log.settings);
                    }
                }
            }
            if let Some((held, _)) = log.tail.shown() {
                prop_assert!(held.len() <= most);
                prop_assert!(held.iter().map(|one| bytes(one)).sum::<usize>() <= most_bytes);
            }
        }
        let held = u64::from(log.tail.shown().is_some());
        prop_assert_eq!(log.copies.tails.numbers().held, held);
        drop(log.tail);
        prop_assert_eq!(log.copies.tails.numbers().held, 0);
    }
}

#[test]
fn a_message_of_the_tail_costs_less_than_half_a_kilobyte_and_its_text() {
    const { assert!(MESSAGE_BYTES < 512) };
    assert!(size_of::<Tail>() <= 72, "a room that makes no prompt holds {} bytes", size_of::<Tail>());
}

#[test]
fn a_summary_is_forgotten_with_the_words_that_it_tells() {
    let mut log = Log::new(settings(10, 20_000));
    for n in 0..6 {
        log.say(&format!("message {n}"));
    }
    log.compose(0, false).unwrap();
    let (ada, tom) = (CharacterId::new(), CharacterId::new());
    let summary = |up_to| SummaryCopy::Is(Arc::new(Summary { text: "They met.".into(), since: 0, up_to }));
    let copy = |log: &mut Log, of| {
        let last = log.history(0, log.head, 1).pop().unwrap();
        match log.tail.known(of, 0, (last.offset, last.id), &log.settings.clone()) {
            Known::Held(history) => history.summary,
            other => panic!("{other:?}"),
        }
    };
    log.tail.summary_read(ada, summary(3));
    log.tail.summary_read(tom, SummaryCopy::None);
    log.change(1, Some("edited"));
    assert_eq!(copy(&mut log, ada), summary(3), "the fifth message is not in it");
    log.change(3, Some("edited"));
    assert_eq!((copy(&mut log, ada), copy(&mut log, tom)), (SummaryCopy::Unread, SummaryCopy::None));
}
