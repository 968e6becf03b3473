//! What a job cost so far: every call that was made for it, also those that failed and the one that is under way.
//!
//! The worker writes it, the turn reads it when it ends, whatever became of the worker: a call without an end was stopped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::{AiCall, BackEnd, CallOutcome, Counted, Purpose, TokenUsage};
use crate::ports::{GenerateRequest, Start, TokenCounter};

/// Cheap to clone; all clones are one bill.
#[derive(Clone, Debug, Default)]
pub struct Bill(Arc<Mutex<Vec<Entry>>>);

#[derive(Debug)]
struct Entry {
    id: Uuid,
    back_end: Arc<BackEnd>,
    start: Start,
    asked: Instant,
    first_token: Option<Instant>,
    ended: Option<Instant>,
    /// What was said in this call.
    text: String,
    told: Option<(CallOutcome, Option<(TokenUsage, Counted)>)>,
}

impl Bill {
    /// A back end answers; it was asked at `asked`.
    pub(super) fn opened(&self, back_end: Arc<BackEnd>, start: Start, asked: Instant) {
        self.lock().push(Entry {
            id: Uuid::now_v7(),
            back_end,
            start,
            asked,
            first_token: None,
            ended: None,
            text: String::new(),
            told: None,
        });
    }

    pub(super) fn said(&self, text: &str) {
        if let Some(entry) = self.lock().last_mut() {
            entry.first_token.get_or_insert_with(Instant::now);
            entry.text.push_str(text);
        }
    }

    pub(super) fn done(&self, usage: TokenUsage, counted: Counted) {
        self.end(CallOutcome::Done, Some((usage, counted)));
    }

    pub(super) fn failed(&self) {
        self.end(CallOutcome::Failed, None);
    }

    fn end(&self, outcome: CallOutcome, usage: Option<(TokenUsage, Counted)>) {
        if let Some(entry) = self.lock().last_mut().filter(|entry| entry.told.is_none()) {
            let outcome = if entry.start == Start::Cached { CallOutcome::Cached } else { outcome };
            entry.told = Some((outcome, usage));
            entry.ended = Some(Instant::now());
        }
    }

    /// All calls, once: what no provider told is counted. A call under way has been stopped.
    pub(crate) fn settle(
        &self,
        request: &GenerateRequest,
        purpose: Purpose,
        counter: &dyn TokenCounter,
    ) -> Vec<AiCall> {
        let entries = std::mem::take(&mut *self.lock());
        let prompt = || -> usize {
            request.messages.iter().map(|message| counter.count(&message.content) + MESSAGE_TOKENS).sum()
        };
        let counted = |entry: &Entry| {
            let tokens = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let usage = TokenUsage {
                prompt_tokens: tokens(prompt()),
                completion_tokens: tokens(counter.count(&entry.text)),
                cached_tokens: 0,
            };
            (usage, Counted::Here)
        };
        let call = |entry: Entry| {
            let stopped =
                if entry.start == Start::Cached { CallOutcome::Cached } else { CallOutcome::Stopped };
            let (outcome, told) = entry.told.unwrap_or((stopped, None));
            let (usage, counted) = told.unwrap_or_else(|| counted(&entry));
            AiCall {
                id: entry.id,
                purpose,
                outcome,
                usage,
                counted,
                first_token: entry.first_token.map(|first| first - entry.asked),
                took: entry.ended.unwrap_or_else(Instant::now) - entry.asked,
                back_end: entry.back_end,
            }
        };
        entries.into_iter().map(call).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a message takes beside its text, as OpenAI counts.
const MESSAGE_TOKENS: usize = 4;
