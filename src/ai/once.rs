//! One answer of a model, read to its end, and what it took: for what is asked beside conversations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use greenroom_actors::domain::{AiCall, BackEnd, CallOutcome, Counted, TokenUsage};
use greenroom_actors::ports::{
    Attempt, GenerateError, GenerateErrorKind, GenerateRequest, Generator, NextTry, Piece, Start,
    TokenCounter,
};
use uuid::Uuid;

/// Back ends that are asked for one answer.
const TRIES: u32 = 3;
/// For one of them, to the last word.
const DEADLINE: Duration = Duration::from_secs(60);
/// Of an answer; what comes beyond it is not waited for.
const ANSWER_MAX_BYTES: usize = 32_768;

/// The text, and who wrote it.
pub type Answer = (String, Arc<BackEnd>);

/// The answer, of another back end where the first one fails and another stands ready; and every call that was made.
pub async fn ask(
    generator: &dyn Generator,
    request: Arc<GenerateRequest>,
    tokens: &dyn TokenCounter,
) -> (Result<Answer, GenerateError>, Vec<AiCall>) {
    let mut calls = Vec::new();
    let mut attempt = Attempt::default();
    loop {
        let error = match once(generator, &request, attempt.clone(), tokens, &mut calls).await {
            Ok(answer) => return (Ok(answer), calls),
            Err(error) => error,
        };
        attempt.number += 1;
        attempt.failed.extend(error.by.clone());
        if error.next != NextTry::Elsewhere || attempt.number >= TRIES {
            return (Err(error), calls);
        }
    }
}

async fn once(
    generator: &dyn Generator,
    request: &Arc<GenerateRequest>,
    attempt: Attempt,
    tokens: &dyn TokenCounter,
    calls: &mut Vec<AiCall>,
) -> Result<Answer, GenerateError> {
    let asked = Instant::now();
    let late = || GenerateError::new(GenerateErrorKind::Timeout, "no answer in time");
    let until = tokio::time::Instant::now() + DEADLINE;
    let opened = tokio::time::timeout_at(until, generator.generate(request.clone(), attempt));
    let mut opened = opened.await.unwrap_or_else(|_| Err(late()))?;
    let (mut text, mut first_token, mut told) = (String::new(), None, None);
    let read = async {
        while let Some(piece) = opened.pieces.next().await {
            match piece? {
                Piece::Text(more) => {
                    first_token.get_or_insert_with(|| asked.elapsed());
                    text.push_str(&more);
                }
                Piece::End { usage, counted, .. } => {
                    told = Some((usage, counted));
                    break;
                }
            }
            if text.len() > ANSWER_MAX_BYTES {
                break;
            }
        }
        Ok(())
    };
    let read = tokio::time::timeout_at(until, read).await.unwrap_or_else(|_| Err(late()));
    let outcome = match (&read, opened.start, told) {
        (Err(_), ..) => CallOutcome::Failed,
        (Ok(()), Start::Cached, _) => CallOutcome::Cached,
        (Ok(()), _, Some(_)) => CallOutcome::Done,
        (Ok(()), _, None) => CallOutcome::Stopped,
    };
    let (usage, counted) = told.unwrap_or_else(|| {
        let count = |text: &str| u32::try_from(tokens.count(text)).unwrap_or(u32::MAX);
        let prompt_tokens = request.messages.iter().map(|message| count(&message.content)).sum();
        let completion_tokens = count(&text);
        (TokenUsage { prompt_tokens, completion_tokens, cached_tokens: 0 }, Counted::Here)
    });
    calls.push(AiCall {
        id: Uuid::now_v7(),
        back_end: opened.back_end.clone(),
        purpose: request.purpose,
        outcome,
        usage,
        counted,
        first_token,
        took: asked.elapsed(),
    });
    read.map_err(|error: GenerateError| GenerateError {
        by: error.by.or(Some(opened.back_end.clone())),
        ..error
    })?;
    Ok((text, opened.back_end))
}
