use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use greenroom_actors::domain::{
    CharacterId, CharacterRecord, Dials, ExampleLine, Finish, Lorebook, ModelChoice, Purpose, ResponseCache,
    UserId,
};
use greenroom_actors::ports::{Freshness, GenerateRequest, Piece, PromptMessage, PromptRole};

use greenroom_actors::prompt::{LAST_HEAD, LORE_HEAD};

use super::{Offline, reply};
use crate::characters::seed::{self, SeedCharacter};
use crate::characters::{ExampleLine as SeedLine, Speaker};

/// The characters that come with Greenroom.
fn cast() -> Vec<Arc<CharacterRecord>> {
    let seeds = seed::parse(include_str!("../../characters/seed.toml")).unwrap();
    seeds.into_iter().map(|seed| Arc::new(record(seed))).collect()
}

fn record(seed: SeedCharacter) -> CharacterRecord {
    let example = |line: SeedLine| ExampleLine { from_user: line.from == Speaker::User, text: line.text };
    CharacterRecord {
        id: CharacterId::new(),
        slug: seed.slug,
        name: seed.name,
        tagline: seed.tagline,
        description: seed.description,
        personality: seed.personality,
        scenario: seed.scenario,
        greeting: seed.greeting,
        alternate_greetings: Vec::new(),
        tone: String::new(),
        dials: Dials::default(),
        traits: seed.traits,
        examples: seed.examples.into_iter().map(example).collect(),
        knowledge: seed.knowledge,
        restricted_topics: Vec::new(),
        lorebook: Lorebook::default(),
        post_history: None,
        system_prompt: None,
        talkativeness: seed.talkativeness,
        model: ModelChoice {
            provider: None,
            model: None,
            fallbacks: Vec::new(),
            temperature: seed.temperature,
            max_tokens: 600,
            context_tokens: 8_000,
            response_cache: ResponseCache::Off,
        },
        voice: None,
        version: 1,
    }
}

/// A character of whom next to nothing is known.
fn stranger(name: &str) -> Arc<CharacterRecord> {
    let mut record = Arc::unwrap_or_clone(cast().remove(0));
    record.name = name.into();
    record.tagline = String::new();
    record.description = format!("{name} is here for tests.");
    record.personality = "patient".into();
    record.scenario = String::new();
    record.greeting = "Hello.".into();
    record.traits = vec!["calm".into()];
    record.examples = Vec::new();
    record.knowledge = Vec::new();
    Arc::new(record)
}

/// A talk that goes on.
struct Chat {
    character: Arc<CharacterRecord>,
    messages: Vec<PromptMessage>,
}

impl Chat {
    fn with(character: &Arc<CharacterRecord>) -> Self {
        let said = |role, content: &str| PromptMessage::new(role, content);
        let system = greenroom_actors::prompt::system_prompt(character);
        let messages =
            vec![said(PromptRole::System, &system), said(PromptRole::Assistant, &character.greeting)];
        Self { character: character.clone(), messages }
    }

    fn request(&self) -> GenerateRequest {
        GenerateRequest {
            character: self.character.clone(),
            user: UserId::from_uuid(uuid::Uuid::nil()),
            user_name: "tester1".into(),
            messages: self.messages.clone(),
            max_tokens: 600,
            temperature: 0.8,
            stop: Vec::new(),
            purpose: Purpose::Reply,
            freshness: Freshness::Any,
        }
    }

    fn say(&mut self, text: &str) -> String {
        self.messages.push(PromptMessage::new(PromptRole::User, text));
        let answer = reply(&self.request());
        self.messages.push(PromptMessage::new(PromptRole::Assistant, answer.clone()));
        answer
    }
}

const PROMPTS: [&str; 20] = [
    "Hello!",
    "How are you today?",
    "Who are you?",
    "Where did you grow up?",
    "Do you have any family?",
    "What are you afraid of?",
    "What's your favourite food?",
    "I had a really bad day.",
    "Tell me a story.",
    "Do you like music?",
    "What do you think about love?",
    "Have you ever been in love?",
    "I went to the market today and bought a fish.",
    "Why?",
    "Do you have any pets?",
    "What do you dream about?",
    "Can you write me a Python script?",
    "Thank you, that was lovely.",
    "What's the meaning of life?",
    "Good night!",
];

#[test]
fn over_twenty_prompts_no_two_characters_share_an_answer_and_none_repeats_itself() {
    let mut characters = cast();
    characters.extend([stranger("Mara"), stranger("Tobin")]);
    let mut given: HashSet<String> = HashSet::new();
    for character in &characters {
        let mut chat = Chat::with(character);
        for prompt in PROMPTS {
            let answer = chat.say(prompt);
            assert!(!answer.trim().is_empty());
            assert!(given.insert(answer.clone()), "{}: {prompt}: {answer}", character.name);
        }
    }
}

#[test]
fn the_same_prompt_twenty_times_gets_twenty_answers() {
    for character in cast().iter().chain(&[stranger("Mara")]) {
        for prompt in ["Hello", "What do you think?", "ok", "What's my name?", "asdf qwer"] {
            let mut chat = Chat::with(character);
            let answers: HashSet<String> = (0..20).map(|_| chat.say(prompt)).collect();
            assert_eq!(answers.len(), 20, "{}: {prompt}", character.name);
        }
    }
}

#[test]
fn the_same_request_gets_the_same_answer() {
    let mut chat = Chat::with(&cast()[0]);
    chat.say("Hello there!");
    assert_eq!(reply(&chat.request()), reply(&chat.request()));
}

#[test]
fn what_was_told_ten_turns_ago_is_recalled() {
    let told = [
        ("My name is Anna.", "What's my name?", "Anna"),
        ("hi, i'm Bartholomew, nice to meet you", "do you remember who I am?", "Bartholomew"),
        ("Call me Jo", "Tell me my name", "Jo"),
        ("I really love old maps and rainy trains.", "What do I like?", "old maps and rainy trains"),
        (
            "I'm a big fan of Portuguese custard tarts",
            "Do you remember what I like?",
            "Portuguese custard tarts",
        ),
        ("I can't stand celery.", "What do I hate?", "celery"),
        ("I live in Lisbon with my sister.", "Where do I live?", "Lisbon"),
        ("I'm from a small town near Graz", "Where am I from?", "a small town near Graz"),
        ("I have a dog called Rex", "What's my dog's name?", "Rex"),
        ("My cat's name is Miso.", "What is my cat called?", "Miso"),
        ("I work as a nurse", "What do I do for a living?", "nurse"),
        ("I'm an architect.", "What's my job?", "architect"),
        ("My favourite colour is dark green", "What's my favorite colour?", "dark green"),
        ("my birthday is the fourth of May", "When is my birthday?", "fourth of May"),
        ("I am 34 years old", "How old am I?", "34"),
        ("My sister is called Ines", "What is my sister's name?", "Ines"),
        ("I play the cello", "Do you remember what instrument I play?", "cello"),
    ];
    for (number, (fact, question, expected)) in told.into_iter().enumerate() {
        for character in [&cast()[number % 12], &stranger("Mara")] {
            let mut chat = Chat::with(character);
            let noted = chat.say(fact);
            for prompt in &PROMPTS[..10] {
                chat.say(prompt);
            }
            let answer = chat.say(question);
            assert!(answer.contains(expected), "{fact} / {noted}\n{question} / {answer}");
        }
    }
}

#[test]
fn what_is_learned_is_read_again_in_another_talk() {
    for (fact, question, expected) in [
        ("My name is Anna.", "What's my name?", "Anna"),
        ("I can't stand celery, really.", "What do I hate?", "celery"),
        ("I live in Lisbon with my sister.", "Where do I live?", "Lisbon"),
        ("I'm from a small town near Graz", "Where am I from?", "a small town near Graz"),
        ("I have a dog called Rex", "What's my dog's name?", "Rex"),
        ("I've got a cat", "Do I have a cat?", "a cat"),
        ("I work as a nurse", "What do I do for a living?", "nurse"),
        ("I'm an architect.", "What's my job?", "architect"),
        ("My favourite colour is dark green", "What's my favorite colour?", "dark green"),
        ("my birthday is the fourth of May", "When is my birthday?", "fourth of May"),
        ("I am 34 years old", "How old am I?", "34"),
        ("I play my father's cello", "Do you remember what instrument I play?", "cello"),
        ("I am learning Welsh", "What am I learning?", "Welsh"),
        ("I love my garden", "What do I like?", "garden"),
    ] {
        let mut chat = Chat::with(&cast()[0]);
        chat.messages.push(PromptMessage::new(PromptRole::User, fact));
        let learned = super::learned(&chat.request());
        let read = super::facts::all(learned.iter().map(String::as_str));
        assert_eq!(read, super::facts::all([fact]), "{fact}: {learned:?}");
        let mut chat = Chat::with(&cast()[0]);
        let lines: String = learned.iter().map(|line| format!("- “{line}”\n")).collect();
        let notes = format!("[Notes:\n- Ben: “I like mud”\n{lines}]");
        chat.messages.push(PromptMessage::new(PromptRole::Note, notes));
        let answer = chat.say(question);
        assert!(answer.contains(expected) && !answer.contains("mud"), "{question}: {answer}");
        chat.messages.push(PromptMessage::new(PromptRole::User, fact));
        assert_eq!(super::learned(&chat.request()), [""; 0], "it is known");
    }
}

#[test]
fn lore_that_was_brought_up_is_spoken_of() {
    let mut chat = Chat::with(&stranger("Mara"));
    let lore =
        format!("{LORE_HEAD}\nThe Order of the Lamp has twelve keepers.\n\n{LAST_HEAD}\nNever say zebra.");
    chat.messages.push(PromptMessage::new(PromptRole::System, lore));
    let answer = chat.say("What do you know about the Order of the Lamp?");
    assert!(answer.contains("twelve keepers") && !answer.contains("zebra"), "{answer}");
}

#[test]
fn a_later_fact_corrects_an_earlier_one() {
    let mut chat = Chat::with(&cast()[1]);
    chat.say("My name is Anna and I love celery.");
    chat.say("Actually, call me Ann. And I don't like celery.");
    let answer = chat.say("What do you know about me?");
    assert!(answer.contains("Your name is Ann.") && answer.contains("can't stand celery"), "{answer}");
    assert!(!answer.contains("You like celery"));
}

#[test]
fn what_was_not_told_is_not_made_up() {
    let mut chat = Chat::with(&cast()[2]);
    let answer = chat.say("What's my dog called?");
    assert!(answer.contains("dog of yours"), "{answer}");
    let answer = chat.say("What's my name?");
    assert!(answer.contains("tester1"), "only the account's name is known: {answer}");
    assert!(super::facts::told("Do you like my dog? What is my name? Where do I live?").is_empty());
    assert!(
        super::facts::told("I'm tired. I'm German. I'm so happy. I like you. I'd like a tea.").is_empty()
    );
}

#[test]
fn in_a_room_of_several_only_the_askers_own_words_are_about_the_asker() {
    let mut chat = Chat::with(&cast()[3]);
    chat.say("Anna: My name is Anna.");
    chat.say("Ben: I live in Oslo. My name is Ben.");
    let answer = chat.say("Anna: What do you know about me?");
    assert!(answer.contains("Your name is Anna") && !answer.contains("Oslo"), "{answer}");
}

#[test]
fn asked_what_it_is_it_says_so_and_promises_nothing_it_cannot_do() {
    for character in cast() {
        let mut chat = Chat::with(&character);
        for prompt in ["Are you a real person?", "Can you translate this into French?"] {
            let answer = chat.say(prompt).to_lowercase();
            let honest = ["offline", "unplugged", "connect"].iter().any(|word| answer.contains(word));
            assert!(honest, "{}: {answer}", character.name);
        }
    }
}

#[test]
fn a_question_about_the_character_is_answered_from_what_it_knows() {
    let cast = cast();
    let questions = [
        (0, "What happened to your husband?", "Aksel"),
        (1, "Do you have a cat?", "Contessa"),
        (2, "What are you scared of?", "phone ringing"),
        (5, "Tell me about your familiar", "Lord Pemberton"),
        (6, "Do you play an instrument?", "clarinet"),
        (7, "What do you eat down there?", "mustard oil"),
        (11, "How many teaspoons are in your hoard?", "four thousand and eleven"),
    ];
    for (number, question, expected) in questions {
        let answer = Chat::with(&cast[number]).say(question);
        assert!(answer.contains(expected), "{question}: {answer}");
    }
}

#[test]
fn an_answer_is_safe_from_any_text() {
    let character = &cast()[4];
    for text in [
        "",
        " ",
        "?",
        "...",
        "my name is",
        "I like",
        "{user} {{char}} {",
        "my favourite is",
        "é".repeat(5_000).as_str(),
        "i i i my my",
    ] {
        assert!(!Chat::with(character).say(text).trim().is_empty(), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_streams_word_by_word_and_ends_with_its_usage() {
    let chat = Chat::with(&cast()[0]);
    let mut request = chat.request();
    request.messages.push(PromptMessage::new(PromptRole::User, "Hello!"));
    let whole = reply(&request);
    let begun = tokio::time::Instant::now();
    let stream = Offline::new(Duration::from_millis(40)).answer(Arc::new(request.clone())).await.unwrap();
    let pieces: Vec<Piece> = stream.pieces.map(Result::unwrap).collect().await;
    assert!(begun.elapsed() > Duration::from_millis(40) * (pieces.len() as u32 - 1));
    let mut said = String::new();
    for piece in &pieces[..pieces.len() - 1] {
        let Piece::Text(text) = piece else { panic!("{piece:?}") };
        said.push_str(text);
    }
    assert_eq!(said, whole);
    let Piece::End { finish: Finish::Complete, usage, .. } = pieces.last().unwrap() else {
        panic!("{pieces:?}")
    };
    assert!(usage.prompt_tokens > 100 && usage.completion_tokens > 5);

    request.max_tokens = 5;
    let stream = Offline::new(Duration::ZERO).answer(Arc::new(request)).await.unwrap();
    let pieces: Vec<Piece> = stream.pieces.map(Result::unwrap).collect().await;
    assert!(matches!(pieces.last(), Some(Piece::End { finish: Finish::Length, .. })) && pieces.len() < 7);
}
