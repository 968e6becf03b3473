//! Changes of messages and rooms on a real PostgreSQL: what they leave in the tables, and that a batch which comes
//! twice changes once.

use greenroom::postgres::rows::{self, MESSAGE_COLUMNS};
use greenroom_actors::domain::{
    AttachedFile, Attachment, AttachmentKind, CharacterId, Content, Emoji, FileState, GalleryItem, Into,
    ItemRank, Message, MessageId, Picture, PictureSize, Place, Reaction, RoomId, RoomMember, Sender, UserId,
    Visibility,
};
use greenroom_actors::ports::{
    Amend, Archive, Ask, Change, Entry, EntryKind, OpenTurn, Outcome, TakeUp, TurnEnd,
};
use greenroom_actors::protocol::{Amendment, DetailsChange, Featured, RoomChange};
use greenroom_actors::testsuite::room_character;
use jiff::Timestamp;
use uuid::Uuid;

use super::fixture::{Node, ask, close, entry, put, revision, said, say, take_up};

fn amend(room: RoomId, by: UserId, message: MessageId, what: Amendment) -> Entry {
    let amend = Amend { id: Uuid::now_v7(), message, by, owner: true, at: Timestamp::now(), what };
    Entry { room, kind: EntryKind::Amend(amend) }
}

fn change(room: RoomId, by: UserId, what: RoomChange) -> Entry {
    Entry { room, kind: EntryKind::Change(Change { id: Uuid::now_v7(), by, at: Timestamp::now(), what }) }
}

fn text(text: &str) -> Content {
    Content::trusted(text)
}

fn amended(outcome: Outcome) -> Message {
    match outcome {
        Outcome::Amended(message) => *message,
        other => panic!("{other:?}"),
    }
}

async fn read(node: &Node, room: RoomId, message: MessageId) -> Message {
    let sql = format!("SELECT {MESSAGE_COLUMNS} FROM messages m WHERE m.room_id = $1 AND m.id = $2");
    let client = node.database.pool().get().await.unwrap();
    rows::message(&client.query_one(&sql, &[&room.uuid(), &message.uuid()]).await.unwrap())
}

/// Somebody said something and a character answered: the question's turn, open no more.
async fn exchange(node: &Node, room: RoomId, user: UserId) -> OpenTurn {
    let mut lane = node.lane();
    let question = ask(room, user, "a");
    put(&mut lane, entry(room, &question)).await;
    let turn = question.turns[0].clone();
    put(&mut lane, close(&turn, said())).await;
    turn
}

#[tokio::test]
async fn what_a_message_carries_comes_back() {
    let (node, room, user) = Node::start_with_room().await;
    let attachment = Attachment {
        place: Place::Url("https://example.com/a.webp".into()),
        kind: AttachmentKind::Image,
        mime: Some("image/webp".into()),
        duration_ms: None,
        width: Some(640),
        height: Some(480),
        item: None,
        file: None,
    };
    let mut picture = say(user, "a");
    picture.attachment = Some(attachment.clone().into());
    put(&mut node.lane(), entry(room, &picture)).await;
    assert_eq!(read(&node, room, picture.id).await.attachment.as_deref(), Some(&attachment));
}

#[tokio::test]
async fn a_message_and_all_variants_of_it_follow_their_file_once() {
    let (node, room, user) = Node::start_with_room().await;
    let of = |state, pictures: &[&str]| {
        let picture = |key: &&str| Picture {
            size: PictureSize::Medium,
            key: (*key).into(),
            width: 800,
            height: 600,
            bytes: 7,
        };
        let file = AttachedFile {
            id: Uuid::from_u128(7),
            state,
            name: Some("holiday.png".into()),
            bytes: 9_000,
            blurhash: None,
            peaks: None,
            pictures: pictures.iter().map(picture).collect(),
        };
        let place = match state {
            FileState::Deleted => Place::Gone,
            _ => Place::Object("a/b.png".into()),
        };
        let item = Some(GalleryItem { id: Uuid::from_u128(9), rank: ItemRank::Premium });
        Attachment { item, file: Some(file.into()), ..Attachment::new(place, AttachmentKind::Image) }
    };
    let mut lane = node.lane();
    let question = ask(room, user, "a");
    put(&mut lane, entry(room, &question)).await;
    let turn = question.turns[0].clone();
    let shown = |text_: &str| TurnEnd::Said {
        content: text(text_),
        finish: first_finish(),
        attachment: Some(of(FileState::Processing, &[]).into()),
    };
    put(&mut lane, close(&turn, shown("Look."))).await;
    let again = OpenTurn { message: MessageId::new(), into: Into::Variant(turn.message), ..turn.clone() };
    let asked = Ask {
        id: Uuid::now_v7(),
        by: user,
        at: Timestamp::now(),
        edit: None,
        meters: Vec::new(),
        turns: vec![again.clone()],
    };
    put(&mut lane, Entry { room, kind: EntryKind::Ask(asked) }).await;
    put(&mut lane, close(&again, shown("Look here."))).await;

    // Whoever it is told by: nobody's change, who need not be in the room.
    let now = Attachment { item: None, ..of(FileState::Ready, &["a/m.webp"]) };
    let follow = amend(room, UserId::new(), turn.message, Amendment::File(now.into()));
    let mut stood = 0;
    for _ in 0..2 {
        let message = amended(put(&mut lane, follow.clone()).await);
        // What it is of a gallery it stays.
        assert_eq!(message.attachment.as_deref(), Some(&of(FileState::Ready, &["a/m.webp"])));
        stood = message.revision;
    }
    assert_eq!(read(&node, room, turn.message).await.revision, stood);
    let back = amended(put(&mut lane, amend(room, user, turn.message, Amendment::Select(0))).await);
    assert_eq!(back.attachment.as_deref(), Some(&of(FileState::Ready, &["a/m.webp"])));
    // The same again is no change; a tombstone is one for good.
    let same = amend(room, user, turn.message, Amendment::File(of(FileState::Ready, &["a/m.webp"]).into()));
    assert_eq!(amended(put(&mut lane, same).await).revision, back.revision);
    let gone = amend(room, user, turn.message, Amendment::File(of(FileState::Deleted, &[]).into()));
    let gone = amended(put(&mut lane, gone).await);
    assert_eq!(gone.revision, back.revision + 1);
    let late = amend(room, user, turn.message, Amendment::File(of(FileState::Ready, &["a/m.webp"]).into()));
    assert_eq!(amended(put(&mut lane, late).await), gone);
    // Of another file nothing changes.
    let mut other = of(FileState::Ready, &[]);
    other.file =
        other.file.map(|file| AttachedFile { id: Uuid::from_u128(8), ..AttachedFile::clone(&file) }.into());
    let other = amend(room, user, turn.message, Amendment::File(other.into()));
    assert_eq!(amended(put(&mut lane, other).await).revision, gone.revision);
}

#[tokio::test]
async fn edits_reactions_and_tombstones_are_stored_once_however_often_the_batch_comes() {
    let (node, room, user) = Node::start_with_room().await;
    let turn = exchange(&node, room, user).await;
    let mut lane = node.lane();
    let thumbs = Emoji::parse("👍").unwrap();
    let batch = [
        amend(room, user, turn.asked, Amendment::Edit(text("Good morning"))),
        amend(room, user, turn.asked, Amendment::React(thumbs.clone())),
        amend(room, user, turn.message, Amendment::Delete),
    ];
    for _ in 0..2 {
        let outcomes = lane.commit(&batch).await.unwrap();
        let messages: Vec<Message> = outcomes.into_iter().map(amended).collect();
        assert_eq!(messages[2].revision, 5);
        assert_eq!(node.number("SELECT last_revision FROM heads", &[]).await, 5);
    }
    let question = read(&node, room, turn.asked).await;
    assert_eq!((question.content.as_str(), question.revision), ("Good morning", 4));
    assert_eq!(question.changes.reactions, [Reaction { emoji: thumbs.clone(), user }]);
    let gone = read(&node, room, turn.message).await;
    assert_eq!((gone.content.as_str(), gone.sender), ("", Sender::Character(turn.character)));
    assert!(gone.changes.deleted_at.is_some());
    assert_eq!(node.number("SELECT count(*) FROM room_changes", &[]).await, 3);

    let unreact = amended(put(&mut lane, amend(room, user, turn.asked, Amendment::Unreact(thumbs))).await);
    assert!(unreact.changes.reactions.is_empty());
    assert_eq!(node.number("SELECT count(*) FROM reactions", &[]).await, 0);
}

#[tokio::test]
async fn variants_are_kept_and_one_of_them_stands() {
    let (node, room, user) = Node::start_with_room().await;
    let turn = exchange(&node, room, user).await;
    let first = read(&node, room, turn.message).await.content;
    let mut lane = node.lane();
    let again = OpenTurn { message: MessageId::new(), into: Into::Variant(turn.message), ..turn.clone() };
    let asked = Ask {
        id: Uuid::now_v7(),
        by: user,
        at: Timestamp::now(),
        edit: None,
        meters: Vec::new(),
        turns: vec![again.clone()],
    };
    let asked = Entry { room, kind: EntryKind::Ask(asked) };
    for _ in 0..2 {
        assert_eq!(revision(&put(&mut lane, asked.clone()).await), 3);
    }
    // A node that dies now leaves a turn that knows what it is to become.
    let archive = node.archive(greenroom::postgres::archive::OtherNodes::Gone);
    let taken = take_up(&archive, TakeUp::Room(room), 10).await;
    assert_eq!((taken[0].into, taken[0].asked_offset), (again.into, 1));
    let mut end =
        close(&taken[0], TurnEnd::Said { content: text("Anew."), finish: first_finish(), attachment: None });
    for _ in 0..2 {
        let message = amended(put(&mut lane, end.clone()).await);
        assert_eq!((message.id, message.content.as_str()), (turn.message, "Anew."));
        assert_eq!((message.changes.variant, message.changes.variants, message.revision), (1, 2, 4));
    }
    let back = amended(put(&mut lane, amend(room, user, turn.message, Amendment::Select(0))).await);
    assert_eq!((back.content, back.changes.variant), (first, 0));

    let on = OpenTurn { message: MessageId::new(), into: Into::Continuation(turn.message), ..turn.clone() };
    let asked = Ask {
        id: Uuid::now_v7(),
        by: user,
        at: Timestamp::now(),
        edit: Some((turn.asked, text("Good night"))),
        meters: Vec::new(),
        turns: vec![on.clone()],
    };
    let edited = amended(put(&mut lane, Entry { room, kind: EntryKind::Ask(asked) }).await);
    assert_eq!((edited.content.as_str(), edited.replies.len()), ("Good night", 1));
    end = close(&on, TurnEnd::Said { content: text(" And on."), finish: first_finish(), attachment: None });
    amended(put(&mut lane, end).await);
    let texts = "SELECT count(*) FROM variants WHERE (\"index\", content) IN ((1, 'Anew.'), (0, $1))";
    let whole = format!(
        "{} And on.",
        read(&node, room, turn.message).await.content.as_str().trim_end_matches(" And on.")
    );
    assert_eq!(node.number(texts, &[&whole]).await, 2);
}

fn first_finish() -> greenroom_actors::domain::Finish {
    greenroom_actors::domain::Finish::Complete
}

#[tokio::test]
async fn members_characters_and_details_change_with_the_log() {
    let (node, room, owner) = Node::start_with_room().await;
    let join = "INSERT INTO room_members (room_id, user_id) VALUES ($1, $2)";
    node.execute(join, &[&room.uuid(), &owner.uuid()]).await;
    let guest = node.user().await;
    let bram = CharacterId::new();
    let sql = "INSERT INTO characters (id, slug, name, tagline, description, category, color, greeting, personality)
        VALUES ($1, 'bram', 'Bram', '', '', 'sea', '#336699', '', '')";
    node.execute(sql, &[&bram.uuid()]).await;
    let mut lane = node.lane();
    let details = DetailsChange {
        title: Some("Tea".into()),
        slug: Some("tea".into()),
        visibility: Some(Visibility::Public),
        category: Some(Some("sea".into())),
        tags: Some(vec!["calm".into()]),
        reply_mode: Some(greenroom_actors::domain::ReplyMode::TurnOrder),
    };
    let member = RoomMember { id: guest, username: "guest".into(), display_name: "Guest".into() };
    let character = greenroom_actors::domain::RoomCharacter { id: bram, ..room_character("Bram") };
    let batch = [
        change(room, owner, RoomChange::AddMember(member)),
        change(room, owner, RoomChange::AddCharacter(character)),
        change(room, owner, RoomChange::Details(details)),
        change(room, owner, RoomChange::Feature(Featured::Yes)),
        change(room, owner, RoomChange::Owner(guest)),
        change(room, owner, RoomChange::RemoveMember(owner)),
    ];
    for _ in 0..2 {
        let outcomes = lane.commit(&batch).await.unwrap();
        assert_eq!(outcomes.iter().map(revision).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    }
    let archive = node.archive(greenroom::postgres::archive::OtherNodes::Gone);
    let record = archive.room(room).await.unwrap().unwrap();
    assert_eq!((record.owner, record.head), (guest, 6));
    assert_eq!(record.members.iter().map(|one| one.id).collect::<Vec<_>>(), [guest]);
    assert_eq!((record.characters[0].id, record.characters[0].since), (bram, 2));
    assert_eq!((&*record.details.title, &*record.details.slug), ("Tea", "tea"));
    assert_eq!((record.details.visibility, record.details.featured), (Visibility::Public, true));

    let cleared = DetailsChange { category: Some(None), ..DetailsChange::default() };
    put(&mut lane, change(room, guest, RoomChange::Details(cleared))).await;
    put(&mut lane, change(room, guest, RoomChange::RemoveCharacter(bram))).await;
    let record = archive.room(room).await.unwrap().unwrap();
    assert_eq!((record.details.category, &*record.details.title), (None, "Tea"));
    assert!(record.characters.is_empty());

    // An address is nobody's twice.
    let other = node.room(guest).await;
    let taken = DetailsChange { slug: Some("tea".into()), ..DetailsChange::default() };
    let outcome = put(&mut lane, change(other, guest, RoomChange::Details(taken))).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
}
