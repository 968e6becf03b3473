//! What a job cost so far: every call that was made for it, also those that failed and the one that is under way; and
//! what it failed of last.
//!
//! The worker writes it; the turn reads it when it ends, the room where the turn crashed, and drafts tell it to whoever
//! takes the reply up after this node has died. A call without an end was stopped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::{AiCall, BackEnd, CallOutcome, Counted, Purpose, TokenUsage, Trouble};
use crate::ports::{DraftCall, GenerateRequest, MESSAGE_TOKENS, Start, TokenCounter};

/// Of the rule of thumb that drafts are counted by.
const BYTES_PER_TOKEN: usize = 4;

/// Cheap to clone; all clones are one bill.
#[derive(Clone, Debug, Default)]
pub struct Bill(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    /// What is asked, once it is known.
    request: Option<Arc<GenerateRequest>>,
    /// Calls of holders that died.
    before: Vec<DraftCall>,
    entries: Vec<Entry>,
    tries: u32,
    failed_of: Option<(String, Option<Arc<BackEnd>>)>,
}

#[derive(Debug)]
struct Entry {
    id: Uuid,
    /// Of which try it is.
    number: u32,
    back_end: Arc<BackEnd>,
    start: Start,
    asked: Instant,
    first_token: Option<Instant>,
    ended: Option<Instant>,
    /// What was said in this call.
    text: String,
    told: Option<(CallOutcome, Option<(TokenUsage, Counted)>)>,
}

impl Entry {
    fn new(number: u32, back_end: Arc<BackEnd>, start: Start, asked: Instant) -> Self {
        Self {
            id: Uuid::now_v7(),
            number,
            back_end,
            start,
            asked,
            first_token: None,
            ended: None,
            text: String::new(),
            told: None,
        }
    }

    fn first_token(&self) -> Option<Duration> {
        self.first_token.map(|first| first - self.asked)
    }

    fn took(&self) -> Duration {
        self.ended.unwrap_or_else(Instant::now) - self.asked
    }
}

impl Bill {
    /// The calls of holders that died come first.
    pub(crate) fn inherit(&self, calls: &[DraftCall]) {
        self.lock().before.extend_from_slice(calls);
    }

    /// What is asked: [`close`](Self::close) counts the prompt's tokens by it.
    pub(crate) fn asks(&self, request: Arc<GenerateRequest>) {
        self.lock().request = Some(request);
    }

    pub(super) fn tried(&self) {
        self.lock().tries += 1;
    }

    /// A back end answers; it was asked at `asked`.
    pub(super) fn opened(&self, back_end: Arc<BackEnd>, start: Start, asked: Instant) {
        let mut pages = self.lock();
        let entry = Entry::new(pages.tries, back_end, start, asked);
        pages.entries.push(entry);
    }

    pub(super) fn said(&self, text: &str) {
        if let Some(entry) = self.lock().entries.last_mut() {
            entry.first_token.get_or_insert_with(Instant::now);
            entry.text.push_str(text);
        }
    }

    pub(super) fn done(&self, usage: TokenUsage, counted: Counted) {
        self.lock().end(CallOutcome::Done, Some((usage, counted)));
    }

    /// A try failed, asked at `asked`. Who never answered is noted too, without tokens.
    pub(super) fn failed(&self, reason: &str, by: Option<Arc<BackEnd>>, asked: Instant) {
        let mut pages = self.lock();
        pages.failed_of = Some((reason.to_owned(), by.clone()));
        let answered = pages.entries.last().is_some_and(|entry| entry.number == pages.tries);
        match by {
            _ if answered => pages.end(CallOutcome::Failed, None),
            Some(back_end) => {
                let told = Some((CallOutcome::Failed, Some((TokenUsage::default(), Counted::Here))));
                let entry = Entry::new(pages.tries, back_end, Start::Anew, asked);
                pages.entries.push(Entry { ended: Some(Instant::now()), told, ..entry });
            }
            None => {}
        }
    }

    /// The calls as far as they are known, for a draft. Cheap: what no provider told is reckoned by length.
    pub(crate) fn so_far(&self) -> Vec<DraftCall> {
        let pages = self.lock();
        let prompt = || -> usize {
            let messages = pages.request.iter().flat_map(|request| &request.messages);
            messages.map(|message| message.content.len().div_ceil(BYTES_PER_TOKEN) + MESSAGE_TOKENS).sum()
        };
        let call = |entry: &Entry| {
            let told = entry.told.as_ref().and_then(|(_, usage)| *usage);
            let reckoned = || {
                let said = entry.text.len().div_ceil(BYTES_PER_TOKEN);
                (usage(prompt(), said), Counted::Here)
            };
            let (usage, counted) = told.unwrap_or_else(reckoned);
            DraftCall {
                id: entry.id,
                back_end: entry.back_end.clone(),
                ended: entry.told.as_ref().map(|(outcome, _)| *outcome).or(cached(entry.start)),
                usage,
                counted,
                first_token: entry.first_token(),
                took: entry.took(),
            }
        };
        pages.before.iter().cloned().chain(pages.entries.iter().map(call)).collect()
    }

    /// All calls, once, and what was failed of, where a try failed. What no provider told is counted.
    pub(crate) fn close(
        &self,
        purpose: Purpose,
        counter: &dyn TokenCounter,
    ) -> (Vec<AiCall>, Option<Trouble>) {
        let (request, trouble) = {
            let mut pages = self.lock();
            let tries = pages.tries;
            let trouble = pages.failed_of.take().map(|(reason, by)| Trouble::new(&reason, by, tries));
            (pages.request.clone(), trouble)
        };
        (self.settled(request.as_deref(), purpose, counter), trouble)
    }

    fn settled(
        &self,
        request: Option<&GenerateRequest>,
        purpose: Purpose,
        counter: &dyn TokenCounter,
    ) -> Vec<AiCall> {
        let (before, entries) = {
            let mut pages = self.lock();
            (std::mem::take(&mut pages.before), std::mem::take(&mut pages.entries))
        };
        let prompt = || -> usize {
            let messages = request.iter().flat_map(|request| &request.messages);
            messages.map(|message| message.tokens(counter)).sum()
        };
        let call = |entry: Entry| {
            let stopped = cached(entry.start).unwrap_or(CallOutcome::Stopped);
            let (first_token, took) = (entry.first_token(), entry.took());
            let (outcome, told) = entry.told.unwrap_or((stopped, None));
            let counted = || (usage(prompt(), counter.count(&entry.text)), Counted::Here);
            let (usage, counted) = told.unwrap_or_else(counted);
            AiCall {
                id: entry.id,
                purpose,
                outcome,
                usage,
                counted,
                first_token,
                took,
                back_end: entry.back_end,
            }
        };
        before
            .into_iter()
            .map(|call| of_the_dead(call, purpose))
            .chain(entries.into_iter().map(call))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn end(&mut self, outcome: CallOutcome, usage: Option<(TokenUsage, Counted)>) {
        if let Some(entry) = self.entries.last_mut().filter(|entry| entry.told.is_none()) {
            entry.told = Some((cached(entry.start).unwrap_or(outcome), usage));
            entry.ended = Some(Instant::now());
        }
    }
}

fn cached(start: Start) -> Option<CallOutcome> {
    (start == Start::Cached).then_some(CallOutcome::Cached)
}

fn usage(prompt: usize, said: usize) -> TokenUsage {
    let tokens = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    TokenUsage { prompt_tokens: tokens(prompt), completion_tokens: tokens(said), cached_tokens: 0 }
}

fn of_the_dead(call: DraftCall, purpose: Purpose) -> AiCall {
    AiCall {
        id: call.id,
        back_end: call.back_end,
        purpose,
        outcome: call.ended.unwrap_or(CallOutcome::Stopped),
        usage: call.usage,
        counted: call.counted,
        first_token: call.first_token,
        took: call.took,
    }
}
