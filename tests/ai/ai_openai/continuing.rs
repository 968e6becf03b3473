//! What a reply that broke off is asked with, and what models want otherwise than most.

use greenroom::config::Continues;
use greenroom_actors::ports::Start;
use serde_json::Value;

use super::*;

const SO_FAR: &str = "The lamp was lit at dusk, and the sea lay";

/// What is heard of a reply that broke off, and where it starts.
async fn continued(
    provider: &Provider,
    continues: Continues,
    request: Arc<GenerateRequest>,
) -> (Start, Result<String, GenerateError>) {
    let providers =
        chain::settled(provider, |settings| settings.providers.get_mut("one").unwrap().continues = continues);
    let attempt = Attempt { number: 1, so_far: Some(SO_FAR.into()), ..Attempt::default() };
    let opened = providers.generate(request, attempt).await.unwrap();
    let (start, mut pieces, mut text) = (opened.start, opened.pieces, String::new());
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(Piece::Text(more)) => text.push_str(&more),
            Ok(Piece::End { .. }) => {}
            Err(error) => return (start, Err(error)),
        }
    }
    (start, Ok(text))
}

/// The messages of the last request behind the three of the prompt.
fn behind(provider: &Provider) -> Vec<Value> {
    provider.asked().last().unwrap().body["messages"].as_array().unwrap()[3..].to_vec()
}

#[tokio::test]
async fn it_goes_on_as_the_settings_say() {
    let provider = Provider::start().await;
    let said = serde_json::json!({"role": "assistant", "content": SO_FAR});
    provider.script((0..3).map(|_| Act::say([" quiet."])));
    let prefill = continued(&provider, Continues::Prefill, request(|_| {})).await;
    assert_eq!(prefill, (Start::Continues, Ok(" quiet.".into())));
    assert_eq!(behind(&provider), std::slice::from_ref(&said));
    let ask = continued(&provider, Continues::Ask, request(|_| {})).await;
    assert_eq!(ask, (Start::Continues, Ok(" quiet.".into())));
    let asked = behind(&provider);
    assert_eq!((asked.len(), &asked[0], &asked[1]["role"]), (2, &said, &"system".into()));
    let never = continued(&provider, Continues::Never, request(|_| {})).await;
    assert_eq!((never.0, behind(&provider).len()), (Start::Anew, 0));
}

#[tokio::test]
async fn a_model_that_takes_no_last_words_of_its_own_begins_anew() {
    let provider = Provider::start().await;
    let refusal = "This model does not support assistant message prefill. The conversation must end with a user message.";
    let refusal = serde_json::json!({"error": {"message": refusal}}).to_string();
    provider.script([Act::Refusal(400, refusal), Act::say(["All of it."])]);
    let anew = continued(&provider, Continues::Prefill, request(|_| {})).await;
    assert_eq!(anew, (Start::Anew, Ok("All of it.".into())));
    assert_eq!((provider.asked().len(), behind(&provider).len()), (2, 0));
}

#[tokio::test]
async fn a_model_that_knows_no_stop_sequences_is_cut_here() {
    let provider = Provider::start().await;
    let with_stop = || {
        let mut request = Arc::unwrap_or_clone(request(|_| {}));
        request.stop = vec!["\nAnna:".into()];
        Arc::new(request)
    };
    let providers = chain::settled(&provider, |_| {});
    let refusal = r#"{"error":{"message":"Argument not supported on this model: stop"}}"#;
    provider.script([Act::Refusal(400, refusal.into()), Act::say(["Good evening.\nAn", "na: Hello", "?"])]);
    let heard = heard_of(&providers, with_stop()).await;
    assert_eq!((heard.text.as_str(), heard.end.unwrap().0), ("Good evening.", Finish::Complete));
    assert!(provider.asked()[0].body.get("stop").is_some() && provider.asked()[1].body.get("stop").is_none());
    provider.none_open().await;
}

#[tokio::test]
async fn a_model_that_wants_the_two_in_turn_gets_them_so() {
    let provider = Provider::start().await;
    let refusal =
        r#"{"error":{"message":"Conversation roles must alternate user/assistant/user/assistant/..."}}"#;
    provider.script([Act::Refusal(400, refusal.into()), Act::say(["Yes."])]);
    assert_eq!(heard_of(&chain::settled(&provider, |_| {}), request(|_| {})).await.text, "Yes.");
    let roles = |at: usize| {
        let messages = provider.asked()[at].body["messages"].clone();
        let roles = messages.as_array().unwrap().iter().map(|it| it["role"].as_str().unwrap().to_owned());
        roles.collect::<Vec<_>>().join(" ")
    };
    assert_eq!((roles(0), roles(1)), ("system assistant user".into(), "system user assistant user".into()));
}
