use std::time::Duration;

use greenroom_actors::domain::{CharacterRecord, UserId};
use greenroom_actors::ports::{GenerateErrorKind, PromptMessage, PromptRole};
use greenroom_actors::testsuite::{Script, ScriptedGenerator, back_end, character};

use super::*;

struct Stage {
    model: Arc<ScriptedGenerator>,
    answers: Answers,
    character: CharacterRecord,
}

impl Stage {
    fn new() -> Self {
        let model = Arc::new(ScriptedGenerator::default());
        let answers = Answers::around(model.clone(), "scripted", &AiSettings::default());
        let mut character = character("Mira");
        character.model.provider = None;
        character.model.response_cache = ResponseCache::On;
        Self { model, answers, character }
    }

    fn request(&self, text: &str) -> GenerateRequest {
        let message = |role, content: &str| PromptMessage::new(role, content);
        GenerateRequest {
            character: Arc::new(self.character.clone()),
            user: UserId::new(),
            user_name: "Ada".to_owned(),
            messages: vec![message(PromptRole::System, "You are Mira."), message(PromptRole::User, text)],
            max_tokens: 100,
            temperature: 0.8,
            stop: Vec::new(),
            purpose: Purpose::Reply,
            freshness: Freshness::Any,
        }
    }

    async fn ask(&self, request: GenerateRequest) -> (Start, String) {
        self.try_ask(request, Attempt::default()).await.unwrap()
    }

    async fn try_ask(
        &self,
        request: GenerateRequest,
        attempt: Attempt,
    ) -> Result<(Start, String), GenerateError> {
        let mut opened = self.answers.generate(Arc::new(request), attempt).await?;
        let mut text = String::new();
        while let Some(piece) = opened.pieces.next().await {
            match piece? {
                Piece::Text(more) => text.push_str(&more),
                Piece::End { .. } => return Ok((opened.start, text)),
            }
        }
        panic!("a stream ends with an end")
    }

    fn asked(&self) -> usize {
        self.model.requests().len()
    }
}

#[tokio::test]
async fn the_same_prompt_gets_the_same_answer_and_the_model_is_asked_once() {
    let stage = Stage::new();
    stage.model.script(Script::Say(vec!["Good ", "evening, Ada."]));
    assert_eq!(stage.ask(stage.request("Hi")).await, (Start::Anew, "Good evening, Ada.".to_owned()));
    // Another user with the very same prompt.
    assert_eq!(stage.ask(stage.request("Hi")).await, (Start::Cached, "Good evening, Ada.".to_owned()));
    assert_eq!(stage.asked(), 1);
    let numbers = stage.answers.cache().numbers();
    assert_eq!((numbers.name, numbers.hits, numbers.misses, numbers.size), ("ai-answers", 1, 1, 1));
}

#[tokio::test]
async fn whatever_differs_in_a_request_is_another_prompt() {
    let stage = Stage::new();
    let base = || stage.request("Hi");
    stage.ask(base()).await;
    let of = |change: &dyn Fn(&mut GenerateRequest)| {
        let mut request = base();
        change(&mut request);
        request
    };
    let with = |change: &dyn Fn(&mut CharacterRecord)| {
        let mut character = stage.character.clone();
        change(&mut character);
        GenerateRequest { character: Arc::new(character), ..base() }
    };
    let others = [
        of(&|r| r.messages[1].content.push('!')),
        of(&|r| r.messages[1].role = PromptRole::Note),
        of(&|r| {
            // The same signs, parted otherwise.
            r.messages[0].content = "You are Mira.H".to_owned();
            r.messages[1].content = "i".to_owned();
        }),
        of(&|r| {
            r.messages.remove(0);
        }),
        of(&|r| r.user_name = "Bo".to_owned()),
        of(&|r| r.max_tokens = 99),
        of(&|r| r.temperature = 0.81),
        of(&|r| r.stop = vec!["END".to_owned()]),
        of(&|r| r.stop = vec!["E".to_owned(), "ND".to_owned()]),
        with(&|c| c.version += 1),
        with(&|c| c.model.model = Some("another".to_owned())),
        with(&|c| c.model.model = Some(String::new())),
        with(&|c| c.id = greenroom_actors::domain::CharacterId::new()),
    ];
    let count = others.len();
    for (number, request) in others.into_iter().enumerate() {
        assert_eq!(stage.ask(request).await.0, Start::Anew, "{number}");
    }
    assert_eq!(stage.asked(), count + 1);
}

#[tokio::test]
async fn a_character_that_does_not_allow_it_is_asked_each_time() {
    let mut stage = Stage::new();
    stage.character.model.response_cache = ResponseCache::Off;
    for _ in 0..2 {
        assert_eq!(stage.ask(stage.request("Hi")).await.0, Start::Anew);
    }
    stage.character.model.response_cache = ResponseCache::On;
    for _ in 0..2 {
        let test = GenerateRequest { purpose: Purpose::Test, ..stage.request("Hi") };
        assert_eq!(stage.ask(test).await.0, Start::Anew, "a test is a test of the model");
    }
    assert_eq!(stage.asked(), 4);
}

#[tokio::test]
async fn who_wants_another_answer_gets_one_and_it_is_the_one_that_is_kept() {
    let stage = Stage::new();
    stage.model.script(Script::Say(vec!["one"]));
    stage.model.script(Script::Say(vec!["two"]));
    stage.ask(stage.request("Hi")).await;
    let fresh = GenerateRequest { freshness: Freshness::Fresh, ..stage.request("Hi") };
    assert_eq!(stage.ask(fresh).await, (Start::Anew, "two".to_owned()));
    assert_eq!(stage.ask(stage.request("Hi")).await, (Start::Cached, "two".to_owned()));
}

#[tokio::test]
async fn no_part_of_an_answer_is_kept() {
    let stage = Stage::new();
    stage.model.script(Script::Break(vec!["half an"]));
    assert!(stage.try_ask(stage.request("Hi"), Attempt::default()).await.is_err());
    stage.model.script(Script::Fail(GenerateErrorKind::Unavailable));
    assert!(stage.try_ask(stage.request("Hi"), Attempt::default()).await.is_err());
    // Dropped in the middle: somebody pressed stop.
    stage.model.script(Script::Held(vec!["half", "an answer"]));
    stage.model.let_go(1);
    let mut opened = stage.answers.generate(Arc::new(stage.request("Hi")), Attempt::default()).await.unwrap();
    assert!(matches!(opened.pieces.next().await, Some(Ok(Piece::Text(_)))));
    drop(opened);
    // One that goes on from a part neither reads nor writes.
    let going_on = Attempt { so_far: Some("half".into()), ..Attempt::default() };
    stage.model.script(Script::Say(vec!["an answer"]));
    assert_eq!(stage.try_ask(stage.request("Hi"), going_on).await.unwrap().0, Start::Anew);
    stage.model.script(Script::Say(vec!["  "]));
    stage.ask(stage.request("Hi")).await;
    assert_eq!(stage.answers.cache().numbers().size, 0);
    stage.model.script(Script::Say(vec!["all of it"]));
    assert_eq!(stage.ask(stage.request("Hi")).await, (Start::Anew, "all of it".to_owned()));
}

#[tokio::test]
async fn what_a_stand_in_said_is_not_kept() {
    let mut stage = Stage::new();
    stage.character.model.provider = Some("another".to_owned());
    for _ in 0..2 {
        assert_eq!(stage.ask(stage.request("Hi")).await.0, Start::Anew);
    }
    // Another model of the same provider is a stand-in too.
    stage.character.model.provider = None;
    stage.character.model.model = Some("another".to_owned());
    for _ in 0..2 {
        assert_eq!(stage.ask(stage.request("Hi")).await.0, Start::Anew);
    }
    stage.character.model.model = Some("script".to_owned());
    let failed = Attempt { number: 1, failed: vec![Arc::new(back_end())], ..Attempt::default() };
    for _ in 0..2 {
        assert_eq!(stage.try_ask(stage.request("Hi"), failed.clone()).await.unwrap().0, Start::Anew);
    }
    stage.ask(stage.request("Hi")).await;
    assert_eq!(stage.ask(stage.request("Hi")).await.0, Start::Cached);
}

#[tokio::test]
async fn a_kept_answer_comes_in_pieces_that_are_whole_characters() {
    let stage = Stage::new();
    let long: &'static str = "Ærlig talt, 私は海を見ています 🌊. ".repeat(40).leak();
    stage.model.script(Script::Say(vec![long]));
    stage.ask(stage.request("Hi")).await;
    let mut opened = stage.answers.generate(Arc::new(stage.request("Hi")), Attempt::default()).await.unwrap();
    let (mut text, mut pieces) = (String::new(), 0);
    while let Some(Ok(Piece::Text(more))) = opened.pieces.next().await {
        text.push_str(&more);
        pieces += 1;
    }
    assert_eq!(text, long);
    assert!(pieces > 10, "{pieces}");
}

#[tokio::test]
async fn an_answer_is_given_again_for_so_long_and_no_longer() {
    let model = Arc::new(ScriptedGenerator::default());
    let settings = AiSettings { response_cache_s: 1, ..AiSettings::default() };
    let stage =
        Stage { answers: Answers::around(model.clone(), "scripted", &settings), model, ..Stage::new() };
    stage.ask(stage.request("Hi")).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(stage.ask(stage.request("Hi")).await.0, Start::Anew);
}
