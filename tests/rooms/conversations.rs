//! Characters and conversations on a real PostgreSQL: founding, listing, reading, catching up.

pub mod stage;
mod lists;
mod log;
mod resume;
mod http;

use std::collections::BTreeSet;

use greenroom::characters::{CharacterFilter, SeedReport, Sort, Viewer, seed_characters};
use greenroom::conversations::view::{MessageView, SenderKind};
use greenroom::conversations::{MessageRange, NewConversation};
use greenroom::http::PageQuery;
use greenroom_actors::domain::{CharacterId, Revision, RoomId, UserId};
use greenroom_actors::protocol::RefusalCode;
use stage::{lone, seed_character, stage};
use uuid::Uuid;

fn by_cursor(limit: u32, cursor: Option<String>) -> PageQuery {
    PageQuery { limit, page: None, cursor }
}

fn offsets(messages: &[MessageView]) -> Vec<Revision> {
    messages.iter().map(|message| message.offset).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn seeding_again_changes_nothing_and_a_changed_file_raises_the_version() {
    let stage = stage().await;
    let mut cast = [seed_character("ada"), seed_character("bo")];
    let seed = async |cast: &[_]| stage.characters.seed(cast).await.unwrap();
    assert_eq!(seed(&cast).await, SeedReport { made: 2, ..SeedReport::default() });
    assert_eq!(seed(&cast).await, SeedReport { unchanged: 2, ..SeedReport::default() });
    cast[1].examples.clear();
    cast[1].personality = "another".into();
    assert_eq!(seed(&cast).await, SeedReport { changed: 1, unchanged: 1, ..SeedReport::default() });
    assert_eq!(stage.count("select version from characters where slug = 'bo'").await, 2);
    assert_eq!(stage.count("select version from characters where slug = 'ada'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_character_that_an_admin_took_over_or_deleted_is_left_alone_by_seeding() {
    let stage = stage().await;
    let mut cast = [seed_character("ada"), seed_character("bo")];
    stage.characters.seed(&cast).await.unwrap();
    stage.execute("update characters set seeded = false, tagline = 'mine' where slug = 'ada'", &[]).await;
    stage.execute("update characters set deleted_at = now() where slug = 'bo'", &[]).await;
    cast[0].tagline = "of the file".into();
    cast[1].tagline = "of the file".into();
    let report = stage.characters.seed(&cast).await.unwrap();
    assert_eq!(report, SeedReport { unchanged: 2, ..SeedReport::default() });
    assert_eq!(stage.characters.get(Viewer::Nobody, "ada").await.unwrap().tagline, "mine");
    assert_eq!(stage.characters.get(Viewer::Nobody, "bo").await.unwrap_err().code, RefusalCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn unseeding_takes_away_the_seeded_characters_that_nobody_met() {
    let stage = stage().await;
    let shipped = seed_characters().unwrap();
    let report = stage.characters.seed(&shipped).await.unwrap();
    assert_eq!(report, SeedReport { made: shipped.len(), ..SeedReport::default() });
    let (met, own) = (shipped[0].slug.clone(), shipped[1].slug.clone());
    let user = stage.user("mira").await;
    let met_id = CharacterId::from_uuid(stage.characters.get(Viewer::Nobody, &met).await.unwrap().id);
    stage.conversations.default_room(user, met_id).await.unwrap();
    stage.execute("update characters set seeded = false where slug = $1", &[&own]).await;
    assert_eq!(stage.characters.unseed().await.unwrap(), shipped.len() as u64 - 2);
    let left =
        stage.characters.list(&CharacterFilter::default(), Sort::Name, &PageQuery::default()).await.unwrap();
    let left: BTreeSet<String> = left.items.into_iter().map(|character| character.slug).collect();
    assert_eq!(left, BTreeSet::from([met, own]));
}

#[tokio::test(flavor = "multi_thread")]
async fn characters_are_listed_by_name_the_same_by_page_and_by_cursor() {
    let stage = stage().await;
    let slugs = ["eve", "ada", "dan", "bo", "cy"];
    stage.characters.seed(&slugs.map(seed_character)).await.unwrap();
    // Two of one name: the id decides between them.
    stage.execute("update characters set name = 'Same' where slug in ('bo', 'eve')", &[]).await;
    let all = CharacterFilter::default();
    let (mut walked, mut cursor) = (Vec::new(), None);
    loop {
        let page = stage.characters.list(&all, Sort::Name, &by_cursor(2, cursor)).await.unwrap();
        assert_eq!(page.total, Some(5));
        walked.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let mut paged = Vec::new();
    for number in 1..=4 {
        let query = PageQuery { limit: 2, page: Some(number), cursor: None };
        let page = stage.characters.list(&all, Sort::Name, &query).await.unwrap();
        assert_eq!((page.total, page.next_cursor.is_some()), (Some(5), number < 3));
        paged.extend(page.items);
    }
    assert_eq!(walked, paged);
    assert!(walked.is_sorted_by_key(|character| (character.name.clone(), character.id)));
    assert_eq!(walked.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn characters_are_filtered_by_category_tag_and_text() {
    let stage = stage().await;
    let mut cast = ["ada", "bo", "cy"].map(seed_character);
    cast[2].category = "Guides".into();
    stage.characters.seed(&cast).await.unwrap();
    let found = async |category: Option<&str>, tag: Option<&str>, q: Option<&str>| {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let filter = CharacterFilter {
            category: text(category),
            tag: text(tag),
            q: text(q),
            ..CharacterFilter::default()
        };
        let page = stage.characters.list(&filter, Sort::Name, &PageQuery::default()).await.unwrap();
        assert_eq!(page.total, Some(page.items.len() as u64));
        page.items.into_iter().map(|character| character.slug).collect::<Vec<_>>()
    };
    assert_eq!(found(Some("guides"), None, None).await, ["cy"]);
    assert_eq!(found(None, Some("SEA"), None).await, ["ada", "bo", "cy"]);
    assert_eq!(found(None, None, Some("AS ADA")).await, ["ada"]);
    assert_eq!(found(None, None, Some("100%")).await.len(), 3);
    assert_eq!(found(None, None, Some("100_")).await.len(), 0, "a wildcard is a plain sign");
    assert_eq!(found(None, None, Some("secret")).await.len(), 0, "the prompt is not searched");
    assert_eq!(found(Some("guides"), Some("bo"), None).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_greeting_of_a_lone_character_is_the_first_message() {
    let stage = stage().await;
    let (user, ada) = (stage.user("mira").await, stage.character("ada").await);
    let made = stage.conversations.create(user, lone(ada)).await.unwrap();
    assert_eq!((made.title.as_str(), made.last_offset, made.read_offset), ("Name of ada", 1, 0));
    let greeting = made.last_message.as_ref().unwrap();
    assert_eq!((greeting.content.as_str(), greeting.sender.kind), ("Hello from ada.", SenderKind::Character));
    assert_eq!((greeting.sender.id, greeting.client_id.as_ref()), (ada.uuid(), None));
    assert_eq!(stage.conversations.get(user, &made.slug).await.unwrap(), made);
    let several = stage.empty_room(user).await;
    let several = stage.conversations.get(user, &several.to_string()).await.unwrap();
    assert_eq!((several.title.as_str(), several.last_offset), ("Name of ada, Name of bo", 0));
    assert_eq!(several.last_message, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_told_to_all_its_members_once() {
    let stage = stage().await;
    let (owner, guest) = (stage.user("owner").await, stage.user("guest").await);
    let ada = stage.character("ada").await;
    let new =
        NewConversation { members: vec![guest, owner, guest], title: Some("  Tea  ".into()), ..lone(ada) };
    let made = stage.conversations.create(owner, new).await.unwrap();
    assert_eq!((made.title.as_str(), made.owner_id), ("Tea", owner.uuid()));
    assert_eq!(made.member_ids, [owner.uuid(), guest.uuid()]);
    assert_eq!(*stage.created.lock().unwrap(), [(vec![owner, guest], made.clone())]);
    assert!(stage.conversations.get(guest, &made.slug).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_with_someone_unknown_is_not_made() {
    let stage = stage().await;
    let (user, gone) = (stage.user("mira").await, stage.user("gone").await);
    let ada = stage.character("ada").await;
    stage.execute("update users set deactivated_at = now() where id = $1", &[&gone.uuid()]).await;
    let with = |members| NewConversation { members, ..lone(ada) };
    for (new, code) in [
        (NewConversation::default(), RefusalCode::BadRequest),
        (lone(CharacterId::new()), RefusalCode::NotFound),
        (with(vec![UserId::new()]), RefusalCode::NotFound),
        (with(vec![gone]), RefusalCode::NotFound),
        (with((0..100).map(|_| UserId::new()).collect()), RefusalCode::BadRequest),
        (NewConversation { title: Some(" ".into()), ..lone(ada) }, RefusalCode::BadRequest),
    ] {
        assert_eq!(stage.conversations.create(user, new).await.unwrap_err().code, code);
    }
    for table in ["rooms", "room_members", "room_characters", "heads", "messages"] {
        assert_eq!(stage.count(&format!("select count(*) from {table}")).await, 0, "{table}");
    }
    assert!(stage.created.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_make_one_default_room() {
    let stage = stage().await;
    let (user, ada) = (stage.user("mira").await, stage.character("ada").await);
    let asked = (0..12).map(|_| stage.conversations.default_room(user, ada));
    let rooms: BTreeSet<RoomId> =
        futures_util::future::join_all(asked).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(rooms.len(), 1);
    assert_eq!(stage.count("select count(*) from rooms").await, 1);
    assert_eq!(stage.count("select count(*) from messages").await, 1, "it greets once");
    assert_eq!(stage.created.lock().unwrap().len(), 1);
    let room = *rooms.first().unwrap();
    stage.execute("update rooms set deleted_at = now() where id = $1", &[&room.uuid()]).await;
    assert_ne!(stage.conversations.default_room(user, ada).await.unwrap(), room);
    assert_eq!(
        stage.conversations.default_room(user, CharacterId::new()).await.unwrap_err().code,
        RefusalCode::NotFound
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn to_a_stranger_a_conversation_does_not_exist() {
    let stage = stage().await;
    let (owner, stranger) = (stage.user("owner").await, stage.user("stranger").await);
    let guest = stage.user("guest").await;
    let new = NewConversation { members: vec![guest], ..lone(stage.character("ada").await) };
    let made = stage.conversations.create(owner, new).await.unwrap();
    let room = RoomId::from_uuid(made.id);
    stage.execute("update room_members set left_at = now() where user_id = $1", &[&guest.uuid()]).await;
    for outsider in [stranger, guest] {
        for name in [made.slug.as_str(), &made.id.to_string(), &Uuid::now_v7().to_string(), "No such", "a\0b"]
        {
            let refusal = stage.conversations.get(outsider, name).await.unwrap_err();
            assert_eq!(refusal.code, RefusalCode::NotFound, "{name}");
        }
        let messages = stage.conversations.messages(outsider, room, MessageRange::Latest, 10).await;
        assert_eq!(messages.unwrap_err().code, RefusalCode::NotFound);
        let snapshot = stage.conversations.snapshot(outsider, room, Some((stage.epoch, 0))).await;
        assert_eq!(snapshot.unwrap_err().code, RefusalCode::NotFound);
        assert!(!stage.conversations.member_of(outsider, room).await.unwrap());
        assert_eq!(stage.conversations.list(outsider, &PageQuery::default()).await.unwrap().items, []);
    }
    assert!(stage.conversations.member_of(owner, room).await.unwrap());
    assert_eq!(stage.conversations.get(owner, &made.slug).await.unwrap().member_ids, [owner.uuid()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_shows_what_was_spoken_in_last_first_and_pages_without_gaps() {
    let stage = stage().await;
    let user = stage.user("mira").await;
    let mut rooms = Vec::new();
    for _ in 0..5 {
        rooms.push(stage.empty_room(user).await);
    }
    let (_, said) = stage.say(rooms[1], user, "the latest").await;
    stage
        .execute(
            "insert into reads (room_id, user_id, read_offset, revision) values ($1, $2, $3, 2)",
            &[&rooms[1].uuid(), &user.uuid(), &said],
        )
        .await;
    let first = stage.conversations.list(user, &by_cursor(2, None)).await.unwrap();
    assert_eq!((first.total, first.items[0].id), (Some(5), rooms[1].uuid()));
    assert_eq!(first.items[0].last_message.as_ref().unwrap().content.as_str(), "the latest");
    assert_eq!((first.items[0].last_offset, first.items[0].read_offset), (1, 1));
    assert_eq!(first.items[0].characters.iter().map(|c| c.slug.as_str()).collect::<Vec<_>>(), ["ada", "bo"]);
    // One that was shown already is spoken in again: it moves up, and those still to come stay in their order.
    stage.say(rooms[1], user, "meanwhile").await;
    let mut seen: Vec<Uuid> = first.items.iter().map(|conversation| conversation.id).collect();
    let mut cursor = first.next_cursor;
    while let Some(at) = cursor {
        let page = stage.conversations.list(user, &by_cursor(2, Some(at))).await.unwrap();
        seen.extend(page.items.iter().map(|conversation| conversation.id));
        cursor = page.next_cursor;
    }
    let expected = [1, 4, 3, 2, 0].map(|index: usize| rooms[index].uuid());
    assert_eq!(seen, expected);
    let second = PageQuery { limit: 2, page: Some(2), cursor: None };
    let second = stage.conversations.list(user, &second).await.unwrap();
    assert_eq!(second.items.iter().map(|conversation| conversation.id).collect::<Vec<_>>(), expected[2..4]);
    let beyond = PageQuery { limit: 2, page: Some(9), cursor: None };
    let beyond = stage.conversations.list(user, &beyond).await.unwrap();
    assert_eq!((beyond.items.len(), beyond.total, beyond.next_cursor), (0, Some(5), None));
    let refusal = stage.conversations.list(user, &by_cursor(2, Some("nonsense".into()))).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::BadRequest);
}
