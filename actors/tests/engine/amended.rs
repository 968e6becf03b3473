//! Stored messages change: as all who watch see it, and by whom it may be done.

use std::sync::Arc;

use greenroom_actors::domain::{Message, MessageId, ReplyState, Revision, RoomId, UserId};
use greenroom_actors::moderation::Rules;
use greenroom_actors::protocol::{Amendment, RefusalCode, ReplyWish, RoomEvent};
use greenroom_actors::testsuite::{CommitFault, Script, TestEngine, character, content, emoji};

struct Scene {
    test: TestEngine,
    room: RoomId,
    owner: UserId,
    guest: UserId,
    stranger: UserId,
    /// Of the guest.
    said: MessageId,
    /// Ada's answer to it.
    reply: MessageId,
}

impl Scene {
    async fn start() -> Self {
        let test = TestEngine::start(|settings| {
            settings.journal.lanes = 1;
            settings.moderation.rules = Arc::new(Rules::new([("house", "forbidden")]).unwrap());
        })
        .await;
        let [owner, guest, stranger] = ["premium"; 3].map(|plan| test.store.add_user(plan));
        let ada = test.store.add_character(character("Ada"));
        let room = test.store.add_room(&[owner, guest], &[ada]);
        let sent = test.say(room, guest, "Good evening", ReplyWish::Auto).await.unwrap();
        let reply = sent.replies[0].message;
        test.fanout.end_of(room, reply).await.unwrap();
        Self { test, room, owner, guest, stranger, said: sent.message.id, reply }
    }

    async fn amend(
        &self,
        user: UserId,
        message: MessageId,
        what: Amendment,
    ) -> Result<Arc<Message>, RefusalCode> {
        self.test.amend(self.room, user, message, what).await.map_err(|refusal| refusal.code)
    }

    fn stored(&self, message: MessageId) -> Message {
        self.test.store.messages(self.room).into_iter().find(|one| one.id == message).unwrap()
    }

    /// Waits for the last event and looks at all of them.
    async fn contiguous(&self) {
        let head = self.test.store.head(self.room);
        self.test.fanout.wait(self.room, |event| (event.offset() == Some(head)).then_some(())).await;
        let seen = self.test.fanout.offsets(self.room);
        assert_eq!(seen, (1..=head).collect::<Vec<Revision>>());
    }
}

fn edit(text: &str) -> Amendment {
    Amendment::Edit(content(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_stored_answered_and_seen_in_its_place() {
    let scene = Scene::start().await;
    let message = scene.amend(scene.guest, scene.said, edit("Good morning")).await.unwrap();
    assert_eq!((message.content.as_str(), message.offset, message.revision), ("Good morning", 1, 3));
    assert!(message.changes.edited_at.is_some());
    let seen = scene
        .test
        .fanout
        .wait(scene.room, |event| match event {
            RoomEvent::Updated { message, reply } => Some((message.clone(), *reply)),
            _ => None,
        })
        .await;
    assert_eq!(seen, (message, None));
    assert_eq!(scene.stored(scene.said).content.as_str(), "Good morning");
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_change_which_message() {
    use RefusalCode::{Forbidden, NotFound};
    let scene = Scene::start().await;
    let (owner, guest, stranger) = (scene.owner, scene.guest, scene.stranger);
    let heart = || Amendment::React(emoji("❤️"));
    let table = [
        (stranger, scene.said, heart(), Some(NotFound)),
        (owner, scene.said, edit("put into the guest's mouth"), Some(Forbidden)),
        (guest, scene.reply, edit("put into Ada's mouth"), Some(Forbidden)),
        (owner, scene.reply, edit("put into Ada's mouth"), Some(Forbidden)),
        (guest, scene.reply, Amendment::Delete, Some(Forbidden)),
        (owner, scene.said, heart(), None),
        (guest, scene.reply, heart(), None),
        (guest, scene.reply, Amendment::Unreact(emoji("❤️")), None),
        (guest, scene.reply, Amendment::Select(0), None),
        (guest, scene.reply, Amendment::Select(1), Some(NotFound)),
        (guest, scene.said, Amendment::Select(0), Some(RefusalCode::Conflict)),
        (guest, MessageId::new(), heart(), Some(NotFound)),
        (guest, scene.said, edit("Forbidden fruit"), Some(RefusalCode::ContentRefused)),
        (owner, scene.reply, Amendment::Delete, None),
        (owner, scene.said, Amendment::Delete, None),
        (guest, scene.said, edit("too late"), Some(RefusalCode::Conflict)),
        (guest, scene.said, heart(), Some(RefusalCode::Conflict)),
        // Gone is what was wanted.
        (guest, scene.said, Amendment::Delete, None),
    ];
    for (user, message, what, refused) in table {
        let answer = scene.amend(user, message, what.clone()).await;
        assert_eq!(answer.err(), refused, "{what:?}");
    }
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_leaves_its_place_and_nothing_else() {
    let scene = Scene::start().await;
    scene.amend(scene.owner, scene.said, Amendment::React(emoji("👍"))).await.unwrap();
    let gone = scene.amend(scene.guest, scene.said, Amendment::Delete).await.unwrap();
    assert_eq!((gone.content.as_str(), gone.offset), ("", 1));
    assert!(gone.changes.deleted_at.is_some() && gone.changes.reactions.is_empty());
    // The next prompt does not know of it.
    let sent = scene.test.say(scene.room, scene.guest, "What did I say?", ReplyWish::Auto).await.unwrap();
    scene.test.fanout.end_of(scene.room, sent.replies[0].message).await.unwrap();
    let requests = scene.test.generator.requests();
    let known = &requests.last().unwrap().messages;
    assert!(known.iter().all(|message| message.content != "Good evening"), "{known:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_nothing_is_answered_and_not_told() {
    let scene = Scene::start().await;
    let heart = || Amendment::React(emoji("❤️"));
    let first = scene.amend(scene.owner, scene.said, heart()).await.unwrap();
    let again = scene.amend(scene.owner, scene.said, heart()).await.unwrap();
    assert_eq!(first, again);
    scene.amend(scene.guest, scene.said, edit("Good evening")).await.unwrap();
    scene.amend(scene.guest, scene.said, Amendment::Unreact(emoji("👍"))).await.unwrap();
    assert_eq!(scene.test.store.head(scene.room), 3);
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_unknown_outcome_is_made_once_and_answered() {
    use CommitFault::{Conflict, LostAfter, LostBefore};
    let scene = Scene::start().await;
    scene.test.store.fail_commits([LostAfter, LostBefore, Conflict, LostAfter]);
    let message = scene.amend(scene.guest, scene.said, edit("Good night")).await.unwrap();
    assert_eq!((message.revision, scene.test.store.head(scene.room)), (3, 3));
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_changes_are_refused() {
    let test = TestEngine::start(|settings| {
        settings.journal.lanes = 1;
        settings.room.commit_deadline = std::time::Duration::from_millis(50);
    })
    .await;
    let user = test.store.add_user("premium");
    let ada = test.store.add_character(character("Ada"));
    let room = test.store.add_room(&[user], &[ada]);
    let sent = test.say(room, user, "before", ReplyWish::None).await.unwrap();
    test.store.set_down(true);
    let unknown = test.amend(room, user, sent.message.id, edit("during")).await.unwrap_err();
    assert_eq!(unknown.code, RefusalCode::OutcomeUnknown);
    let refused = test.amend(room, user, sent.message.id, edit("later")).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::DependencyDown);
    test.store.set_down(false);
    test.fanout.wait(room, |event| (event.offset() == Some(2)).then_some(())).await;
    assert_eq!(test.store.messages(room)[0].content.as_str(), "during");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_although_it_was_deleted_meanwhile() {
    let scene = Scene::start().await;
    scene.test.generator.script(Script::Held(vec!["I heard you"]));
    let sent = scene.test.say(scene.room, scene.guest, "Never mind", ReplyWish::Auto).await.unwrap();
    while scene.test.generator.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    scene.amend(scene.guest, sent.message.id, Amendment::Delete).await.unwrap();
    scene.test.generator.let_go(2);
    let reply = sent.replies[0].message;
    assert_eq!(scene.test.fanout.end_of(scene.room, reply).await, Ok("I heard you".to_owned()));
    assert_eq!(scene.test.store.reply_state(reply), ReplyState::Done);
    scene.contiguous().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_before_its_reply_begins_is_not_answered() {
    let scene = Scene::start().await;
    let (test, room, guest) = (&scene.test, scene.room, scene.guest);
    test.generator.script(Script::Held(vec!["first"]));
    test.say(room, guest, "one", ReplyWish::Auto).await.unwrap();
    let second = test.say(room, guest, "two", ReplyWish::Auto).await.unwrap();
    scene.amend(guest, second.message.id, Amendment::Delete).await.unwrap();
    test.generator.let_go(2);
    assert_eq!(test.fanout.end_of(room, second.replies[0].message).await, Err(ReplyState::Stopped));
    assert_eq!(test.generator.requests().len(), 2);
    scene.contiguous().await;
}
