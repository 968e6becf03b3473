//! Several people in one room: who comes, who goes, who is asked.

use greenroom_actors::domain::{Revision, RoomId, RoomMember, Sender, UserId};
use greenroom_actors::ports::{GenerateRequest, PromptMessage, PromptRole};
use greenroom_actors::protocol::{
    Amendment, DetailsChange, RefusalCode, ReplyWish, RoomChange, RoomEvent, Wanted,
};
use greenroom_actors::testsuite::{CommitFault, Script, TestEngine, character, content, room_character};

fn person(id: UserId, name: &str) -> RoomMember {
    RoomMember { id, username: name.to_lowercase().into(), display_name: name.into() }
}

async fn two_people(test: &TestEngine) -> (RoomId, UserId, UserId) {
    let (owner, guest) = (test.store.add_user("premium"), test.store.add_user("premium"));
    let ada = test.store.add_character(character("Ada"));
    (test.store.add_room(&[owner, guest], &[ada]), owner, guest)
}

/// The lines of a prompt's history.
fn said_in(request: &GenerateRequest) -> Vec<&str> {
    let said = |line: &&PromptMessage| matches!(line.role, PromptRole::User | PromptRole::Assistant);
    request.messages.iter().filter(said).map(|line| line.content.as_str()).collect()
}

fn contiguous(offsets: &[Revision]) -> bool {
    offsets.iter().enumerate().all(|(index, offset)| *offset == index as Revision + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_invited_speaks_from_then_on_and_who_is_removed_no_more() {
    let test = TestEngine::start(|_| {}).await;
    let (room, owner, guest) = two_people(&test).await;
    let friend = test.store.add_user("premium");
    let refused = test.say(room, friend, "hello?", ReplyWish::None).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::NotFound);
    let ben = person(friend, "Ben");
    assert_eq!(test.change(room, owner, RoomChange::AddMember(ben.clone())).await, Ok(1));
    test.say(room, friend, "hello!", ReplyWish::None).await.unwrap();
    assert_eq!(test.change(room, owner, RoomChange::RemoveMember(guest)).await, Ok(3));
    let said = test.store.messages(room)[0].id;
    let codes = [
        test.say(room, guest, "wait", ReplyWish::None).await.err(),
        test.amend(room, guest, said, Amendment::Delete).await.err(),
        test.ask(room, guest, Wanted::Reply(None)).await.err(),
        test.change(room, guest, RoomChange::RemoveMember(guest)).await.err(),
        test.stop(room, guest, None).await.err(),
    ];
    for refusal in codes {
        assert_eq!(refusal.unwrap().code, RefusalCode::NotFound);
    }
    // What they hear last is that they were removed.
    let events = test.fanout.room(room);
    assert!(
        matches!(&events[0], RoomEvent::MemberAdded { member, by, offset: 1 } if *member == ben && *by == owner)
    );
    assert!(
        matches!(events.last(), Some(RoomEvent::MemberRemoved { user, by, offset: 3 }) if *user == guest && *by == owner)
    );
    assert!(contiguous(&test.fanout.offsets(room)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_leaves_but_the_owner_hands_over_first() {
    let test = TestEngine::start(|_| {}).await;
    let (room, owner, guest) = two_people(&test).await;
    let refused = test.change(room, owner, RoomChange::RemoveMember(owner)).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::Conflict);
    test.change(room, owner, RoomChange::Owner(guest)).await.unwrap();
    let refused = test.change(room, owner, RoomChange::Owner(owner)).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::Forbidden);
    test.change(room, owner, RoomChange::RemoveMember(owner)).await.unwrap();
    assert!(test.say(room, owner, "still here?", ReplyWish::None).await.is_err());
    test.say(room, guest, "alone now", ReplyWish::None).await.unwrap();
    assert!(contiguous(&test.fanout.offsets(room)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_member_is_stored_behind_their_removal() {
    let test = TestEngine::start(|settings| settings.journal.lanes = 1).await;
    let (room, owner, guest) = two_people(&test).await;
    test.say(room, guest, "before", ReplyWish::None).await.unwrap();
    test.store.set_latency(std::time::Duration::from_millis(20));
    let removed = test.change(room, owner, RoomChange::RemoveMember(guest));
    let said = test.say(room, guest, "at the same time", ReplyWish::None);
    let (removed, said) = tokio::join!(removed, said);
    let removed = removed.unwrap();
    match said {
        Ok(sent) => assert!(sent.message.offset < removed),
        Err(refusal) => assert_eq!(refusal.code, RefusalCode::NotFound),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_once_are_judged_one_after_the_other() {
    let test = TestEngine::start(|settings| settings.room.members_max = 4).await;
    let (room, owner, _) = two_people(&test).await;
    let people: Vec<RoomMember> =
        (0..6).map(|n| person(test.store.add_user("free"), &format!("p{n}"))).collect();
    let invited = people.iter().map(|one| test.change(room, owner, RoomChange::AddMember(one.clone())));
    let answers = futures_util::future::join_all(invited).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.is_ok()).count(),
        2,
        "four members are as many as may be"
    );
    assert!(
        answers.iter().filter_map(|answer| answer.as_ref().err()).all(|no| no.code == RefusalCode::Conflict)
    );
    let twice = [&people[0], &people[0]];
    let removed = twice.map(|one| test.change(room, owner, RoomChange::RemoveMember(one.id)));
    let answers = futures_util::future::join_all(removed).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(contiguous(&test.fanout.offsets(room)));
}

#[tokio::test(flavor = "multi_thread")]
async fn details_are_the_owners_and_an_address_is_taken_once() {
    let test = TestEngine::start(|_| {}).await;
    let (room, owner, guest) = two_people(&test).await;
    let (other, other_owner, _) = two_people(&test).await;
    let details = |slug: &str| {
        RoomChange::Details(DetailsChange {
            title: Some("Evening talk".into()),
            slug: Some(slug.into()),
            ..DetailsChange::default()
        })
    };
    assert_eq!(test.change(room, guest, details("mine")).await.unwrap_err().code, RefusalCode::Forbidden);
    assert_eq!(test.change(room, owner, details("evening")).await, Ok(1));
    assert_eq!(test.change(room, owner, details("evening")).await, Ok(1), "it is so already");
    let taken = test.change(other, other_owner, details("evening")).await.unwrap_err();
    assert_eq!((taken.code, test.store.head(other)), (RefusalCode::Conflict, 0));
    let event = &test.fanout.room(room)[0];
    assert!(matches!(event, RoomEvent::Changed { details, .. } if &*details.title == "Evening talk"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_unknown_outcome_is_made_once() {
    use CommitFault::{LostAfter, LostBefore};
    let test = TestEngine::start(|settings| settings.journal.lanes = 1).await;
    let (room, owner, guest) = two_people(&test).await;
    test.store.fail_commits([LostAfter, LostBefore, LostAfter]);
    assert_eq!(test.change(room, owner, RoomChange::RemoveMember(guest)).await, Ok(1));
    test.say(room, owner, "and then?", ReplyWish::None).await.unwrap();
    test.fanout.wait(room, |event| (event.offset() == Some(2)).then_some(())).await;
    assert_eq!(test.fanout.offsets(room), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_called_by_their_names_and_who_left_by_none() {
    let test = TestEngine::start(|_| {}).await;
    let (owner, gone) = (test.store.add_user("premium"), test.store.add_user("premium"));
    let friend = test.store.add_user("premium");
    let (ada, tom) = (test.store.add_character(character("Ada")), test.store.add_character(character("Tom")));
    let room = test.store.add_room(&[owner, gone], &[ada, tom]);
    test.change(room, owner, RoomChange::AddMember(person(friend, "Ben"))).await.unwrap();
    test.say(room, friend, "I am new here", ReplyWish::None).await.unwrap();
    test.say(room, gone, "I was here", ReplyWish::None).await.unwrap();
    let sent = test.say(room, owner, "Tom?", ReplyWish::Auto).await.unwrap();
    test.fanout.end_of(room, sent.replies[0].message).await.unwrap();
    test.change(room, owner, RoomChange::RemoveMember(gone)).await.unwrap();
    let sent = test.say(room, owner, "Ada?", ReplyWish::Auto).await.unwrap();
    test.fanout.end_of(room, sent.replies[0].message).await.unwrap();
    let requests = test.generator.requests();
    let lines = said_in(&requests[1]);
    let expected = [
        "Ben: I am new here",
        "Another person: I was here",
        "Mira: Tom?",
        "Tom: re: Mira: Tom?",
        "Mira: Ada?",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_character_knows_what_was_said_since_it_came() {
    let test = TestEngine::start(|_| {}).await;
    let (room, owner, _) = two_people(&test).await;
    test.say(room, owner, "a secret", ReplyWish::None).await.unwrap();
    let tom = test.store.add_character(character("Tom"));
    let newcomer = greenroom_actors::domain::RoomCharacter { id: tom, ..room_character("Tom") };
    test.change(room, owner, RoomChange::AddCharacter(newcomer)).await.unwrap();
    // Asked by hand for what was said last it hears that, and no more.
    test.say(room, owner, "hello Tom", ReplyWish::None).await.unwrap();
    let asked = test.ask(room, owner, Wanted::Reply(Some(tom))).await.unwrap();
    test.fanout.end_of(room, asked.replies[0].message).await.unwrap();
    let request = test.generator.requests().pop().unwrap();
    assert_eq!(said_in(&request), ["hello Tom"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_character_go_its_replies() {
    let test = TestEngine::start(|_| {}).await;
    let owner = test.store.add_user("free");
    let (ada, tom) = (test.store.add_character(character("Ada")), test.store.add_character(character("Tom")));
    let room = test.store.add_room(&[owner], &[ada, tom]);
    test.generator.script(Script::Held(vec!["I was about", " to say"]));
    let first = test.say(room, owner, "Tom?", ReplyWish::Auto).await.unwrap();
    let second = test.say(room, owner, "Tom!", ReplyWish::Auto).await.unwrap();
    test.generator.let_go(1);
    test.fanout.wait(room, |event| matches!(event, RoomEvent::Delta { .. }).then_some(())).await;
    test.change(room, owner, RoomChange::RemoveCharacter(tom)).await.unwrap();
    let end = async |sent: &greenroom_actors::protocol::Sent| {
        test.fanout.end_of(room, sent.replies[0].message).await
    };
    assert_eq!(end(&first).await, Ok("I was about".to_owned()), "the part that was said stands");
    assert_eq!(end(&second).await, Err(greenroom_actors::domain::ReplyState::Stopped));
    assert_eq!(test.store.used(owner), 1);
    let sent = test.say(room, owner, "Tom?", ReplyWish::Auto).await.unwrap();
    assert_eq!(sent.replies[0].character, ada);
    let last = test.change(room, owner, RoomChange::RemoveCharacter(ada)).await.unwrap_err();
    assert_eq!(last.code, RefusalCode::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_comes_back_knows_what_had_changed() {
    let test = TestEngine::start(|settings| settings.room.idle = std::time::Duration::from_millis(10)).await;
    let (room, owner, guest) = two_people(&test).await;
    let sent = test.say(room, guest, "one", ReplyWish::None).await.unwrap();
    test.amend(room, guest, sent.message.id, Amendment::Edit(content("two"))).await.unwrap();
    test.change(room, owner, RoomChange::Owner(guest)).await.unwrap();
    test.change(room, guest, RoomChange::RemoveMember(owner)).await.unwrap();
    while test.engine.snapshot().branches[0].live > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(
        test.say(room, owner, "hello?", ReplyWish::None).await.unwrap_err().code,
        RefusalCode::NotFound
    );
    test.change(room, guest, RoomChange::RemoveMember(owner)).await.unwrap_err();
    let stored = &test.store.messages(room)[0];
    assert_eq!((stored.sender, stored.content.as_str()), (Sender::User(guest), "two"));
    assert!(contiguous(&test.fanout.offsets(room)));
}
