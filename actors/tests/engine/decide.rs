//! `decide` against a model that knows no batches: entry by entry, in plain words. However entries are cut into batches,
//! what becomes of them and what then stands in the tables is the same; and a batch that comes again changes nothing.

mod model;

use greenroom_actors::domain::{
    CharacterId, ClientId, Content, Finish, Into, MessageKind, Meter, MeterKey, Priority, ReplyState,
    Revision, RoomId, Scope, UserId,
};
use greenroom_actors::ports::{CloseTurn, Entry, EntryKind, OpenTurn, ReadMark, Say, TurnEnd};
use jiff::Timestamp;
use jiff::civil::Date;
use model::{Became, Tables};
use proptest::prelude::*;
use uuid::Uuid;

/// Rooms that exist; one more is spoken of.
const ROOMS: u8 = 2;
const DAILY_LIMIT: u32 = 4;

#[derive(Clone, Debug)]
enum Step {
    Say {
        room: u8,
        sender: u8,
        client_id: u8,
        asks: bool,
    },
    Close {
        turn: prop::sample::Index,
        fence: i32,
        said: bool,
    },
    Read {
        room: u8,
        user: u8,
        offset: i64,
    },
    Delete {
        room: u8,
    },
    /// An earlier entry comes again.
    Again(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..=ROOMS, 0..3u8, 0..6u8, any::<bool>())
            .prop_map(|(room, sender, client_id, asks)| Step::Say { room, sender, client_id, asks }),
        5 => (any::<prop::sample::Index>(), 0..2i32, any::<bool>())
            .prop_map(|(turn, fence, said)| Step::Close { turn, fence: fence / 2, said }),
        2 => (0..=ROOMS, 0..3u8, 0..6i64).prop_map(|(room, user, offset)| Step::Read { room, user, offset }),
        1 => (0..=ROOMS).prop_map(|room| Step::Delete { room }),
        3 => any::<prop::sample::Index>().prop_map(Step::Again),
    ];
    prop::collection::vec(step, 1..40)
}

fn id<T: From<Uuid>>(kind: u64, number: u64) -> T {
    T::from(Uuid::from_u64_pair(kind, number))
}

fn rooms() -> impl Iterator<Item = RoomId> {
    (0..ROOMS).map(|room| id(1, room.into()))
}

fn meter(user: UserId, scope: Scope) -> MeterKey {
    MeterKey { user, scope, period: Date::constant(2026, 1, 1) }
}

/// The entries that the steps speak of; the ids that they make are numbered from `first`. A close without any turn to close speaks of one that nobody knows.
fn entries(first: u64, steps: &[Step]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut turns: Vec<OpenTurn> = Vec::new();
    for (number, step) in (first..).zip(steps) {
        let entry = match step {
            Step::Again(index) if entries.is_empty() => {
                let _ = index;
                continue;
            }
            Step::Again(index) => index.get(&entries).clone(),
            Step::Say { room, sender, client_id, asks } => {
                let (room, sender) = (id(1, (*room).into()), id(2, (*sender).into()));
                let character: CharacterId = id(3, 1);
                let meters = vec![
                    Meter { key: meter(sender, Scope::Character(character, MessageKind::Text)), limit: 100 },
                    Meter { key: meter(sender, Scope::Daily), limit: DAILY_LIMIT },
                ];
                let turn = OpenTurn {
                    message: id(5, number),
                    room,
                    character,
                    asked: id(4, number),
                    asked_offset: 0,
                    user: sender,
                    priority: Priority(3),
                    into: Into::New,
                    kind: MessageKind::Text,
                    depth: 0,
                    fence: 0,
                    refund: meters.iter().map(|meter| meter.key).collect(),
                };
                turns.extend(asks.then(|| turn.clone()));
                let say = Say {
                    id: id(4, number),
                    sender,
                    client_id: ClientId::parse(&client_id.to_string()).unwrap(),
                    kind: MessageKind::Text,
                    content: Content::trusted("hello"),
                    attachment: None,
                    reply_to: None,
                    created_at: Timestamp::UNIX_EPOCH,
                    meters,
                    turns: if *asks { vec![turn] } else { Vec::new() },
                };
                Entry { room, kind: EntryKind::Say(say) }
            }
            Step::Close { turn, fence, said } => {
                let unknown = OpenTurn {
                    message: id(9, number),
                    room: id(1, 0),
                    character: id(3, 1),
                    asked: id(9, 0),
                    asked_offset: 0,
                    user: id(2, 0),
                    priority: Priority(3),
                    into: Into::New,
                    kind: MessageKind::Text,
                    depth: 0,
                    fence: 0,
                    refund: Vec::new(),
                };
                let turn = if turns.is_empty() { &unknown } else { turn.get(&turns) };
                let end = if *said {
                    TurnEnd::Said {
                        content: Content::trusted("hi"),
                        finish: Finish::Complete,
                        attachment: None,
                    }
                } else {
                    TurnEnd::Nothing { state: ReplyState::Failed, code: None, refund: turn.refund.clone() }
                };
                let close = CloseTurn {
                    turn: turn.message,
                    fence: *fence,
                    character: turn.character,
                    asked: turn.asked,
                    created_at: Timestamp::UNIX_EPOCH,
                    end,
                    into: turn.into,
                    user: turn.user,
                    calls: Vec::new(),
                    memories: Vec::new(),
                    trouble: None,
                    refund_if_gone: Vec::new(),
                    follow: Vec::new(),
                };
                Entry { room: turn.room, kind: EntryKind::Close(close) }
            }
            Step::Read { room, user, offset } => Entry {
                room: id(1, (*room).into()),
                kind: EntryKind::Read(ReadMark { user: id(2, (*user).into()), read_offset: *offset }),
            },
            Step::Delete { room } => {
                Entry { room: id(1, (*room).into()), kind: EntryKind::Delete { by: id(2, 0) } }
            }
        };
        entries.push(entry);
    }
    entries
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_decide_as_one_entry_after_the_other_would(steps in steps(), sizes in prop::collection::vec(1..9usize, 40)) {
        let entries = entries(0, &steps);
        let mut model = Tables::new(rooms());
        let expected: Vec<Became> = entries.iter().map(|entry| model.apply(entry)).collect();

        let (mut tables, mut outcomes, mut rest) = (Tables::new(rooms()), Vec::new(), &entries[..]);
        for size in sizes {
            let (batch, after) = rest.split_at(size.min(rest.len()));
            outcomes.extend(tables.commit(batch));
            rest = after;
        }
        prop_assert_eq!(outcomes, expected);
        prop_assert_eq!(&tables, &model);
        for (room, (last, _)) in &tables.heads {
            let mut revisions: Vec<Revision> =
                tables.messages.iter().filter(|row| row.room == *room).map(|row| row.offset).collect();
            revisions.dedup();
            prop_assert!(revisions.is_sorted() && revisions.last().is_none_or(|offset| offset <= last));
        }
        prop_assert!(tables.used.iter().all(|(key, used)| key.scope != Scope::Daily || *used <= DAILY_LIMIT));
    }

    #[test]
    fn a_batch_that_comes_again_is_recognised(before in steps(), steps in steps()) {
        let (before, batch) = (entries(0, &before), entries(1_000, &steps));
        let mut tables = Tables::new(rooms());
        tables.commit(&before);
        let first = tables.commit(&batch);
        let stood = tables.clone();
        let second = tables.commit(&batch);
        for ((entry, first), second) in batch.iter().zip(&first).zip(second) {
            match (&entry.kind, first) {
                (EntryKind::Say(_) | EntryKind::Close(_), Became::Stored(_) | Became::Before(..)) => {
                    prop_assert_eq!(&second, first);
                }
                // Neither carries an id of its own: a mark stands and a room is gone, which is all that its asker wanted.
                (EntryKind::Read(_), Became::Stored(_)) => {
                    prop_assert!(matches!(second, Became::Stored(_) | Became::Unchanged));
                }
                (EntryKind::Delete { .. }, Became::Stored(_)) => prop_assert!(matches!(second, Became::Stored(_))),
                // What was refused may fit now: a reply later in the batch gave its meters back.
                _ => {}
            }
        }
        if !first.iter().any(|outcome| matches!(outcome, Became::OverLimit(_) | Became::Refused)) {
            prop_assert_eq!(&tables, &stood);
        }
    }
}
