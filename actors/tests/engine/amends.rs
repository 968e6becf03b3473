//! Changes of what is stored, as the journal decides them, on tables in memory: edits, tombstones, reactions, variants,
//! and replies that are asked for without a message.

mod house;

use std::collections::BTreeSet;
use std::sync::Arc;

use greenroom_actors::domain::{
    Attachment, AttachmentKind, Changes, ClientId, Emoji, Finish, Into, Message, MessageId, MessageKind,
    Meter, MeterKey, Place, Reaction, ReplyState, RoomId, Scope, Sender, UserId,
};
use greenroom_actors::journal::decide::{EMOJI_MAX, Head, Locked, VARIANTS_MAX, decide};
use greenroom_actors::ports::{
    Amend, Ask, Change, CloseTurn, Entry, EntryKind, JournalStore, OpenTurn, Outcome, Refused,
};
use greenroom_actors::protocol::{Amendment, DetailsChange, RoomChange};
use greenroom_actors::testsuite::member;
use house::*;
use jiff::civil::Date;
use proptest::prelude::*;
use uuid::Uuid;

#[tokio::test]
async fn an_edit_keeps_the_place_and_gets_the_next_revision() {
    let mut house = House::new();
    let (asked, _) = house.exchange().await;
    let owner = house.owner;
    let edited = amended(house.amend(owner, asked, Amendment::Edit(text("Good morning"))).await);
    assert_eq!((edited.offset, edited.revision, edited.content.as_str()), (1, 3, "Good morning"));
    assert_eq!(edited.changes.edited_at, Some(time()));
    assert_eq!(house.message(asked).content, edited.content);
    // The same again changes nothing, and is answered as it stands.
    let same = amended(house.amend(owner, asked, Amendment::Edit(text("Good morning"))).await);
    assert_eq!((same.revision, house.head()), (3, 3));
}

#[tokio::test]
async fn only_the_author_edits_and_the_owner_may_take_away_what_others_said() {
    let mut house = House::new();
    let (asked, reply) = house.exchange().await;
    let (owner, guest) = (house.owner, house.guest);
    let said = house.say(guest, "Me too", Vec::new());
    let theirs = said.id;
    house.put(EntryKind::Say(said)).await;
    let edit = || Amendment::Edit(text("changed"));
    assert_eq!(refused(house.amend(guest, asked, edit()).await), Refused::NotYours);
    assert_eq!(refused(house.amend(owner, theirs, edit()).await), Refused::NotYours);
    assert_eq!(refused(house.amend(owner, reply, edit()).await), Refused::NotYours);
    assert_eq!(refused(house.amend(guest, asked, Amendment::Delete).await), Refused::NotYours);
    assert_eq!(refused(house.amend(guest, MessageId::new(), edit()).await), Refused::NoMessage);
    for message in [theirs, reply, asked] {
        let gone = amended(house.amend(owner, message, Amendment::Delete).await);
        assert_eq!((gone.content.as_str(), gone.changes.deleted_at), ("", Some(time())));
    }
    assert_eq!(refused(house.amend(owner, asked, edit()).await), Refused::Deleted);
    assert_eq!(refused(house.amend(owner, asked, Amendment::React(emoji("👍"))).await), Refused::Deleted);
}

#[tokio::test]
async fn a_tombstone_loses_its_reactions_and_variants() {
    let mut house = House::new();
    let (asked, reply) = house.exchange().await;
    let (owner, guest) = (house.owner, house.guest);
    house.regenerate(asked, reply, "Good evening to you.").await;
    house.amend(guest, reply, Amendment::React(emoji("👍"))).await;
    let gone = amended(house.amend(owner, reply, Amendment::Delete).await);
    assert_eq!((gone.changes.variants, gone.changes.reactions.len()), (1, 0));
    assert_eq!(refused(house.amend(owner, reply, Amendment::Select(0)).await), Refused::Deleted);
}

#[tokio::test]
async fn a_person_reacts_once_with_each_emoji_and_kinds_are_bounded() {
    let mut house = House::new();
    let (asked, _) = house.exchange().await;
    let (owner, guest) = (house.owner, house.guest);
    for user in [owner, guest, owner] {
        house.amend(user, asked, Amendment::React(emoji("👍"))).await;
    }
    let thumbs = |user| Reaction { emoji: emoji("👍"), user };
    assert_eq!(house.message(asked).changes.reactions, [thumbs(owner), thumbs(guest)]);
    assert_eq!(house.head(), 4);
    house.amend(owner, asked, Amendment::Unreact(emoji("👍"))).await;
    house.amend(owner, asked, Amendment::Unreact(emoji("👍"))).await;
    assert_eq!((house.message(asked).changes.reactions, house.head()), (vec![thumbs(guest)], 5));
    for number in 1..EMOJI_MAX {
        let face = char::from_u32(0x1_f600 + number as u32).unwrap().to_string();
        amended(house.amend(owner, asked, Amendment::React(emoji(&face))).await);
    }
    assert_eq!(refused(house.amend(owner, asked, Amendment::React(emoji("🎈"))).await), Refused::Full);
    amended(house.amend(owner, asked, Amendment::React(emoji("👍"))).await);
}

#[tokio::test]
async fn a_reply_made_anew_is_a_variant_that_stands_until_another_is_chosen() {
    let mut house = House::new();
    let (asked, reply) = house.exchange().await;
    let owner = house.owner;
    let second = amended(house.regenerate(asked, reply, "Good evening to you.").await);
    assert_eq!((second.id, second.changes.variant, second.changes.variants), (reply, 1, 2));
    assert_eq!((second.content.as_str(), second.offset), ("Good evening to you.", 2));
    let first = amended(house.amend(owner, reply, Amendment::Select(0)).await);
    assert_eq!((first.content.as_str(), first.changes.variant, first.changes.variants), ("Evening.", 0, 2));
    assert_eq!(refused(house.amend(owner, reply, Amendment::Select(2)).await), Refused::NoVariant);
    assert_eq!(refused(house.amend(owner, asked, Amendment::Select(0)).await), Refused::NoReply);
    assert_eq!(refused(house.regenerate(asked, asked, "no").await), Refused::NoReply);
    for number in 2..VARIANTS_MAX {
        amended(house.regenerate(asked, reply, &format!("Evening {number}.")).await);
    }
    assert_eq!(refused(house.regenerate(asked, reply, "one more").await), Refused::Full);
}

#[tokio::test]
async fn a_reply_that_goes_on_keeps_what_it_said() {
    let mut house = House::new();
    let (asked, reply) = house.exchange().await;
    let owner = house.owner;
    let said = house.say(owner, "Well?", Vec::new());
    house.put(EntryKind::Say(said)).await;
    let turn = house.turn(asked, Into::Continuation(reply));
    let ask = house.ask(turn.clone());
    house.put(EntryKind::Ask(ask)).await;
    let longer = amended(house.put(EntryKind::Close(close(&turn, " Sit down."))).await);
    assert_eq!(
        (longer.content.as_str(), longer.offset, longer.changes.variants),
        ("Evening. Sit down.", 2, 1)
    );
    // Of a reply with variants, the one that stands goes on.
    house.regenerate(asked, reply, "Come in.").await;
    house.amend(owner, reply, Amendment::Select(0)).await;
    let turn = house.turn(asked, Into::Continuation(reply));
    let ask = house.ask(turn.clone());
    house.put(EntryKind::Ask(ask)).await;
    house.put(EntryKind::Close(close(&turn, " Tea?"))).await;
    amended(house.amend(owner, reply, Amendment::Select(1)).await);
    let back = amended(house.amend(owner, reply, Amendment::Select(0)).await);
    assert_eq!(back.content.as_str(), "Evening. Sit down. Tea?");
}

#[tokio::test]
async fn a_variant_of_what_was_deleted_meanwhile_ends_as_stopped() {
    let mut house = House::new();
    let (asked, reply) = house.exchange().await;
    let owner = house.owner;
    let turn = house.turn(asked, Into::Variant(reply));
    let ask = house.ask(turn.clone());
    house.put(EntryKind::Ask(ask)).await;
    house.amend(owner, reply, Amendment::Delete).await;
    let outcome = house.put(EntryKind::Close(close(&turn, "too late"))).await;
    assert!(matches!(outcome, Outcome::Stored { revision: 5 }), "{outcome:?}");
    assert_eq!(house.store.reply_state(turn.message), ReplyState::Stopped);
    assert_eq!(house.message(reply).content.as_str(), "");
}

#[tokio::test]
async fn an_ask_counts_is_refused_when_full_and_edits_what_asked() {
    let mut house = House::new();
    let (asked, reply) = house.exchange().await;
    let key = MeterKey { user: house.owner, scope: Scope::Daily, period: Date::constant(2026, 3, 1) };
    let meters = vec![Meter { key, limit: 1 }];
    let turn = house.turn(asked, Into::Variant(reply));
    let edit = Some((asked, text("Good night")));
    let ask = Ask { edit, meters: meters.clone(), ..house.ask(turn) };
    let edited = amended(house.put(EntryKind::Ask(ask)).await);
    assert_eq!((edited.content.as_str(), edited.revision, edited.replies.len()), ("Good night", 3, 1));
    assert_eq!(house.store.used(house.owner), 1);
    let again = Ask { meters, ..house.ask(house.turn(asked, Into::New)) };
    assert!(matches!(house.put(EntryKind::Ask(again)).await, Outcome::OverLimit { used: 1, .. }));
    assert_eq!((house.store.open_turns(), house.head()), (1, 3));
}

#[tokio::test]
async fn characters_that_follow_a_reply_are_asked_by_it_and_only_once() {
    let mut house = House::new();
    let asked = MessageId::new();
    let turn = house.turn(asked, Into::New);
    let say = house.say(house.owner, "Discuss", vec![turn.clone()]);
    house.put(EntryKind::Say(say)).await;
    let follow = OpenTurn { depth: 1, ..house.turn(turn.message, Into::New) };
    let close = CloseTurn { follow: vec![follow.clone()], ..close(&turn, "What do you say, Bram?") };
    for _ in 0..2 {
        house.put(EntryKind::Close(close.clone())).await;
        assert_eq!((house.store.open_turns(), house.head()), (1, 2));
    }
}

#[tokio::test]
async fn a_taken_address_is_refused_and_details_stand_after_the_commit() {
    let mut house = House::new();
    let other = house.store.add_room(&[house.owner], &[house.character]);
    let details = |slug: &str| DetailsChange { slug: Some(slug.into()), ..DetailsChange::default() };
    let change = |by, what| EntryKind::Change(Change { id: Uuid::now_v7(), by, at: time(), what });
    let owner = house.owner;
    let entry = Entry { room: other, kind: change(owner, RoomChange::Details(details("mine"))) };
    house.lane.commit(&[entry]).await.unwrap();
    let taken = house.put(change(owner, RoomChange::Details(details("mine")))).await;
    assert_eq!(refused(taken), Refused::SlugTaken);
    let added = RoomChange::AddMember(member("Tom"));
    assert!(matches!(house.put(change(owner, added)).await, Outcome::Stored { revision: 1 }));
}

/// One change of one of the first messages.
fn amendments() -> impl Strategy<Value = (bool, usize, Amendment)> {
    let faces = prop::sample::select(vec!["👍", "🎈", "🙂"]);
    let what = prop_oneof![
        (0..5u8).prop_map(|number| Amendment::Edit(text(&format!("text {number}")))),
        Just(Amendment::Delete),
        faces.clone().prop_map(|face| Amendment::React(emoji(face))),
        faces.prop_map(|face| Amendment::Unreact(emoji(face))),
        (0..4u16).prop_map(Amendment::Select),
    ];
    (any::<bool>(), 0..3usize, what)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_changes_what_its_entries_would_and_a_second_time_nothing(
        steps in prop::collection::vec(amendments(), 1..30), size in 1..8usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut house = House::new();
            let (asked, reply) = house.exchange().await;
            let (second, owner, guest) = (house.exchange().await.1, house.owner, house.guest);
            house.regenerate(asked, reply, "Another").await;
            let entries: Vec<Entry> = steps
                .iter()
                .map(|(by_owner, which, what)| {
                    let by = if *by_owner { owner } else { guest };
                    let message = [asked, reply, second][*which];
                    Entry { room: house.room, kind: EntryKind::Amend(house.amendment(by, message, what.clone())) }
                })
                .collect();
            let stood = house.store.messages(house.room);
            let alone = house.store.fork();
            let mut outcomes = Vec::new();
            for batch in entries.chunks(size) {
                outcomes.extend(house.lane.commit(batch).await.unwrap());
            }
            let (batched, head) = (house.store.messages(house.room), house.head());
            // Each revision is one change of one message.
            let made: BTreeSet<i64> = outcomes
                .iter()
                .filter_map(|outcome| match outcome {
                    Outcome::Amended(message) if message.revision > stood.last().unwrap().revision + 2 => {
                        Some(message.revision)
                    }
                    _ => None,
                })
                .collect();
            assert!(made.iter().zip(made.iter().skip(1)).all(|(a, b)| a + 1 == *b));
            // One by one it comes to the same.
            let mut lane = alone.lane(0);
            for entry in &entries {
                lane.commit(std::slice::from_ref(entry)).await.unwrap();
            }
            assert_eq!((alone.messages(house.room), alone.head(house.room)), (batched.clone(), head));
            // The same batches once more, as after a lost answer.
            for batch in entries.chunks(size) {
                house.lane.commit(batch).await.unwrap();
            }
            let contents = |messages: &[Message]| -> Vec<_> {
                messages.iter().map(|one| (one.id, one.content.clone(), one.changes.clone())).collect()
            };
            let again = house.store.messages(house.room);
            let refused_before = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Refused(_)));
            let unchanged_before = outcomes.len() > made.len();
            // What was refused, or changed nothing, left no trace and may fit now; the rest is recognised.
            if !refused_before && !unchanged_before {
                assert_eq!((contents(&again), house.head()), (contents(&batched), head));
            }
        });
    }
}

#[test]
fn an_emoji_is_no_text() {
    for text in ["", "a", "👍a", " ", "👍 ", "\n", &"👍".repeat(20)] {
        assert!(Emoji::parse(text).is_err(), "{text:?}");
    }
    for text in ["👍", "👩‍👩‍👧‍👦", "❤️", "🇳🇱", "1️⃣"] {
        assert!(Emoji::parse(text).is_ok(), "{text:?}");
    }
}

#[test]
fn only_what_carried_an_object_lets_one_go() {
    let (room, owner) = (RoomId::new(), UserId::new());
    let released = |carries: Option<Place>, variants: u16, what: Amendment| {
        let id = MessageId::new();
        let attachment = carries.map(|place| Arc::new(Attachment::new(place, AttachmentKind::Audio)));
        let message = Message {
            id,
            room,
            offset: 1,
            revision: 1,
            sender: Sender::User(owner),
            client_id: ClientId::of_message(id),
            kind: MessageKind::Text,
            content: text("Listen"),
            attachment,
            reply_to: None,
            finish: Finish::Complete,
            replies: Vec::new(),
            changes: Changes { variants, ..Changes::default() },
            created_at: time(),
        };
        let mut locked = Locked::default();
        locked.heads.insert(room, Head { last: 1, closed: false });
        locked.messages.insert(id, message);
        let amend = Amend { id: Uuid::now_v7(), message: id, by: owner, owner: true, at: time(), what };
        let batch = [Entry { room, kind: EntryKind::Amend(amend) }];
        let writes = decide(&batch, locked).writes;
        assert_eq!(writes.amended.len(), 1);
        !writes.released.is_empty()
    };
    let object = || Some(Place::Object("content/a/audio_b.mp3".into()));
    let url = || Some(Place::Url("https://example.com/a.mp3".into()));
    let edit = || Amendment::Edit(text("Hear"));
    for (carries, variants, what, lets_go) in [
        (object(), 0, Amendment::Delete, true),
        (None, 2, Amendment::Delete, true),
        (object(), 0, edit(), false),
        (object(), 0, Amendment::React(emoji("👍")), false),
        (url(), 0, Amendment::Delete, false),
        (None, 0, Amendment::Delete, false),
        (None, 0, edit(), false),
    ] {
        assert_eq!(released(carries.clone(), variants, what.clone()), lets_go, "{carries:?} {what:?}");
    }
}
