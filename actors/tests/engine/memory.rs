//! What a character remembers: heard in a hidden line of its reply, seen by nobody, known where it may be.

use greenroom_actors::domain::{CharacterId, MessageId, RoomId, UserId};
use greenroom_actors::ports::{GenerateRequest, PromptRole};
use greenroom_actors::protocol::{ReplyWish, Sent};
use greenroom_actors::testsuite::{Script, TestEngine, character};

fn reply(sent: &Sent) -> MessageId {
    sent.replies[0].message
}

/// Says something and waits for the reply, which is told in these pieces.
async fn told(test: &TestEngine, room: RoomId, user: UserId, pieces: Vec<&'static str>) -> String {
    test.generator.script(Script::Say(pieces));
    let sent = test.say(room, user, "Listen", ReplyWish::Auto).await.unwrap();
    let text = test.fanout.end_of(room, reply(&sent)).await.unwrap();
    assert_eq!(test.fanout.streamed(room, reply(&sent)), text, "what streamed is what is stored");
    text
}

/// The notes in the prompt of the next reply.
async fn notes(test: &TestEngine, room: RoomId, user: UserId) -> String {
    told(test, room, user, vec!["Well."]).await;
    let requests = test.generator.requests();
    let request: &GenerateRequest = requests.last().unwrap();
    let notes = request.messages.iter().filter(|message| message.role == PromptRole::Note);
    notes.map(|notes| notes.content.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_line_is_remembered_and_seen_by_nobody() {
    let test = TestEngine::start(|_| {}).await;
    let user = test.store.add_user("premium");
    let ada = test.store.add_character(character("Ada"));
    let room = test.store.add_room(&[user], &[ada]);
    let pieces =
        vec!["What a dog 😀!\n", "[[rem", "ember: I have a ", "dog called Rex]", "]", "\n[[but not this]]"];
    assert_eq!(told(&test, room, user, pieces).await, "What a dog 😀!\n[[but not this]]");
    let memories = test.store.memories();
    assert_eq!(memories.len(), 1);
    let memory = &memories[0];
    assert_eq!((memory.user, memory.character, memory.room), (user, ada, room));
    assert_eq!(memory.fact.as_str(), "I have a dog called Rex");
    assert_eq!(memory.message, test.store.messages(room)[0].id, "the message in which it was told");
    assert!(test.store.messages(room).iter().all(|message| !message.content.as_str().contains("Rex")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_in_one_chat_stands_in_the_prompt_of_the_next() {
    let test = TestEngine::start(|_| {}).await;
    let (user, other) = (test.store.add_user("premium"), test.store.add_user("premium"));
    let ada = test.store.add_character(character("Ada"));
    let bo = test.store.add_character(character("Bo"));
    let room = |user: UserId, character: CharacterId| test.store.add_room(&[user], &[character]);
    let first = room(user, ada);
    told(&test, first, user, vec!["Ah.\n[[remember: I live in Oslo]]"]).await;
    let known = notes(&test, room(user, ada), user).await;
    assert!(known.contains("- “I live in Oslo”"), "{known}");
    for (who, of) in [(other, ada), (user, bo)] {
        let known = notes(&test, room(who, of), who).await;
        assert!(!known.contains("Oslo"), "{known}");
    }
    // Among several only what was told there.
    let shared = test.store.add_room(&[user, other], &[ada]);
    told(&test, shared, other, vec!["Oh.\n[[remember: I like mud]]"]).await;
    let known = notes(&test, shared, user).await;
    assert!(known.contains(": “I like mud”") && !known.contains("Oslo"), "{known}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_of_nothing_but_a_hidden_line_says_nothing() {
    let test = TestEngine::start(|_| {}).await;
    let user = test.store.add_user("premium");
    let ada = test.store.add_character(character("Ada"));
    let room = test.store.add_room(&[user], &[ada]);
    test.generator.script(Script::Say(vec!["[[remember: ", "I like tea]]"]));
    let sent = test.say(room, user, "I like tea", ReplyWish::Auto).await.unwrap();
    assert!(test.fanout.end_of(room, reply(&sent)).await.is_err());
    assert!(test.store.memories().is_empty());
}
