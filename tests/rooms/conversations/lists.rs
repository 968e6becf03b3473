//! First pages of one's conversations come from a cache, and show what was changed by the next look, on any node.

use std::sync::Arc;

use greenroom::conversations::view::ConversationView;
use greenroom::conversations::{Change, Conversations, Invited, NewConversation, NewMessage, Said};
use greenroom::http::PageQuery;
use greenroom_actors::domain::{Content, MessageKind, RoomId, UserId};
use greenroom_actors::protocol::{Amendment, DetailsChange, ReplyWish, Wanted};

use super::stage::{Stage, lone, stage};

async fn list(node: &Conversations, user: UserId) -> Vec<ConversationView> {
    node.list(user, &PageQuery::default()).await.unwrap().items
}

fn hits(node: &Conversations) -> (u64, u64) {
    let numbers = node.cache().numbers();
    (numbers.hits, numbers.misses)
}

/// Whatever is kept anywhere, the list is what a node that never looked before reads.
async fn all_see(stage: &Stage, nodes: &[Conversations], users: &[UserId], what: &str) {
    for user in users {
        let fresh = list(&stage.other_node(), *user).await;
        for node in nodes {
            assert_eq!(list(node, *user).await, fresh, "{what}");
            assert_eq!(list(node, *user).await, fresh, "{what}, and again");
        }
    }
}

fn said(text: &str) -> NewMessage {
    NewMessage {
        said: Said { kind: MessageKind::Text, content: Content::trusted(text), attachment: None },
        client_id: None,
        reply_to: None,
        reply: ReplyWish::None,
        reply_kind: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_did_not_change_is_given_again() {
    let stage = stage().await;
    let user = stage.user("ada").await;
    let character = stage.character("mira").await;
    stage.conversations.create(user, lone(character)).await.unwrap();
    let first = list(&stage.conversations, user).await;
    for _ in 0..3 {
        assert_eq!(list(&stage.conversations, user).await, first);
    }
    assert_eq!(hits(&stage.conversations), (3, 1));
    let other = stage.user("ben").await;
    assert!(list(&stage.conversations, other).await.is_empty(), "another's list is another's");
    stage.conversations.names_changed();
    assert_eq!(list(&stage.conversations, user).await, first);
    assert_eq!(hits(&stage.conversations), (3, 3));
    let numbered = PageQuery { page: Some(1), ..PageQuery::default() };
    assert_eq!(stage.conversations.list(user, &numbered).await.unwrap().page, Some(1));
    let two = PageQuery { page: Some(2), ..PageQuery::default() };
    assert!(stage.conversations.list(user, &two).await.unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_changes_is_seen_by_all_with_the_next_look_on_any_node() {
    let stage = stage().await;
    let (ada, ben) = (stage.user("ada").await, stage.user("ben").await);
    let users = [ada, ben];
    let nodes = [stage.conversations.clone(), stage.other_node()];
    let here = &stage.conversations;
    let character = stage.character("mira").await;
    let see = async |what: &str| all_see(&stage, &nodes, &users, what).await;

    let room = RoomId::from_uuid(here.create(ada, lone(character)).await.unwrap().id);
    see("a new conversation").await;
    here.change(ada, room, Change::AddMember(Invited::Id(ben))).await.unwrap();
    see("a new member").await;
    let message = here.send(ada, room, said("Hello")).await.unwrap().message.id;
    see("a message").await;
    let offset = list(here, ben).await[0].last_offset;
    here.read(ben, room, offset).await.unwrap();
    see("a read mark").await;
    here.amend(ada, room, message, Amendment::Edit(Content::trusted("Good day"))).await.unwrap();
    see("an edit").await;
    assert_eq!(list(here, ben).await[0].last_message.as_ref().unwrap().content.as_str(), "Good day");
    let asked = here.ask(ada, room, Wanted::Reply(None), None).await.unwrap();
    stage.fanout.end_of(room, asked.replies[0].message).await.unwrap();
    see("a reply").await;
    here.amend(ada, room, message, Amendment::Delete).await.unwrap();
    see("a deletion").await;
    let title = DetailsChange { title: Some("Evenings".into()), ..DetailsChange::default() };
    here.change(ada, room, Change::Details(title)).await.unwrap();
    see("a title").await;
    assert_eq!(list(&nodes[1], ben).await[0].title, "Evenings");
    let second = NewConversation { characters: vec![character], ..NewConversation::default() };
    here.create(ben, second).await.unwrap();
    see("a second conversation").await;
    here.change(ben, room, Change::RemoveMember(ben)).await.unwrap();
    see("one who left").await;
    assert_eq!(list(here, ben).await.len(), 1);
    here.delete(ada, room).await.unwrap();
    see("a deleted conversation").await;
    assert!(list(&nodes[1], ada).await.is_empty());
    here.restore(ada, &room.to_string()).await.unwrap();
    see("one that came back").await;
    assert_eq!(list(&nodes[1], ada).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_something_finds_it_in_the_list_however_many_look_meanwhile() {
    let stage = stage().await;
    let user = stage.user("ada").await;
    let character = stage.character("mira").await;
    let room = RoomId::from_uuid(stage.conversations.create(user, lone(character)).await.unwrap().id);
    let here = Arc::new(stage.conversations.clone());
    for round in 0..20 {
        let text = format!("message {round}");
        let looks = (0..4).map(|_| {
            let here = here.clone();
            tokio::spawn(async move { list(&here, user).await })
        });
        let looks: Vec<_> = looks.collect();
        here.send(user, room, said(&text)).await.unwrap();
        assert_eq!(list(&here, user).await[0].last_message.as_ref().unwrap().content.as_str(), text);
        for look in looks {
            look.await.unwrap();
        }
    }
}
