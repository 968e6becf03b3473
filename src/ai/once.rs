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
    let answer = ask_noting(generator, request, tokens, &mut calls).await;
    (answer, calls)
}

/// The same for whoever may let go of it: the call that is under way then is in `calls` too.
pub(super) async fn ask_noting(
    generator: &dyn Generator,
    request: Arc<GenerateRequest>,
    tokens: &dyn TokenCounter,
    calls: &mut Vec<AiCall>,
) -> Result<Answer, GenerateError> {
    let mut attempt = Attempt::default();
    loop {
        let error = match once(generator, &request, attempt.clone(), tokens, calls).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        attempt.number += 1;
        attempt.failed.extend(error.by.clone());
        if error.next != NextTry::Elsewhere || attempt.number >= TRIES {
            return Err(error);
        }
    }
}

/// A call whose answer is read, noted when it ends or is let go.
struct Reading<'a> {
    calls: &'a mut Vec<AiCall>,
    request: &'a GenerateRequest,
    tokens: &'a dyn TokenCounter,
    back_end: Arc<BackEnd>,
    asked: Instant,
    first_token: Option<Duration>,
    text: String,
    told: Option<(TokenUsage, Counted)>,
    outcome: CallOutcome,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let (usage, counted) = self.told.unwrap_or_else(|| {
            let count = |text: &str| u32::try_from(self.tokens.count(text)).unwrap_or(u32::MAX);
            let prompt_tokens = self.request.messages.iter().map(|message| count(&message.content)).sum();
            let completion_tokens = count(&self.text);
            (TokenUsage { prompt_tokens, completion_tokens, cached_tokens: 0 }, Counted::Here)
        });
        self.calls.push(AiCall {
            id: Uuid::now_v7(),
            back_end: self.back_end.clone(),
            purpose: self.request.purpose,
            outcome: self.outcome,
            usage,
            counted,
            first_token: self.first_token,
            took: self.asked.elapsed(),
        });
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
    let mut reading = Reading {
        calls,
        request,
        tokens,
        back_end: opened.back_end.clone(),
        asked,
        first_token: None,
        text: String::new(),
        told: None,
        outcome: CallOutcome::Stopped,
    };
    let read = async {
        while let Some(piece) = opened.pieces.next().await {
            match piece? {
                Piece::Text(more) => {
                    reading.first_token.get_or_insert_with(|| asked.elapsed());
                    reading.text.push_str(&more);
                }
                Piece::End { usage, counted, .. } => {
                    reading.told = Some((usage, counted));
                    break;
                }
            }
            if reading.text.len() > ANSWER_MAX_BYTES {
                break;
            }
        }
        Ok(())
    };
    let read = tokio::time::timeout_at(until, read).await.unwrap_or_else(|_| Err(late()));
    reading.outcome = match (&read, opened.start, reading.told) {
        (Err(_), ..) => CallOutcome::Failed,
        (Ok(()), Start::Cached, _) => CallOutcome::Cached,
        (Ok(()), _, Some(_)) => CallOutcome::Done,
        (Ok(()), _, None) => CallOutcome::Stopped,
    };
    read.map_err(|error: GenerateError| GenerateError {
        by: error.by.or(Some(opened.back_end.clone())),
        ..error
    })?;
    Ok((reading.text.clone(), opened.back_end))
}
