//! An answer from its beginning to its end: a task of its own, so that its charge is closed whatever becomes of the one
//! who asked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::spoken::{Spoken, Touched};
use super::{
    Completing, Completion, CompletionEnd, CompletionEvent, Counted, EVENTS_MAX, Ready, charge, ready, who,
};
use crate::domain::{AiCall, FailureCode, Finish, MessageId, Priority, TokenUsage};
use crate::engine::Context;
use crate::moderation::{Judged, RefusedReply, Watched, words};
use crate::pool::{Bill, Job, PoolEvent};
use crate::ports::{ChargeEnd, Closing, GenerateRequest, StoreError};
use crate::protocol::Refusal;
use crate::user::UserMsg;

/// How long a database that went away is waited for before the accounts of an answer are given up: the charge stays, and
/// is given back when this node is gone.
const CLOSE_TRIES: u32 = 8;
const CLOSE_PAUSE: Duration = Duration::from_millis(250);
/// The end is told when the accounts have it, or after this: nobody waits for a database that is away.
const CLOSE_FIRST: Duration = Duration::from_secs(1);

type Events = mpsc::Sender<CompletionEvent>;

pub(super) async fn run(
    context: Arc<Context>,
    asked: Completion,
    mut started: oneshot::Sender<Result<Completing, Refusal>>,
) {
    let made = tokio::select! {
        biased;
        () = started.closed() => return,
        made = ready(&context, &asked) => made,
    };
    let Ready { request, priority, grant, _open } = match made {
        Ok(ready) => ready,
        Err(refusal) => return drop(started.send(Err(refusal))),
    };
    // From here on it runs to its end, whoever listens.
    let usage = grant.as_ref().filter(|grant| !grant.meters.is_empty()).map(|grant| grant.usage.clone());
    let counted = match grant {
        Some(grant) => charge(&context, &asked, grant).await,
        None => Ok(Counted::Nothing),
    };
    let counted = match counted {
        Ok(counted) => counted,
        Err(refusal) => return drop(started.send(Err(refusal))),
    };
    let (events, receiver) = mpsc::channel(EVENTS_MAX);
    let completing = Completing { request: request.clone(), usage, events: receiver };
    // Who is gone drops it: that is noticed below.
    drop(started.send(Ok(completing)));
    let bill = Bill::default();
    bill.asks(request.clone());
    let walked = walk(&context, &asked, &request, priority, &bill, &events).await;
    let (calls, _) = bill.close(request.purpose, &*context.ports.tokens);
    let end = CompletionEnd { outcome: walked.outcome, usage: usage_of(&calls), calls: calls.clone() };
    let closed = close(&context, &asked, &counted, walked.produced, calls);
    tokio::pin!(closed);
    let accounted = tokio::time::timeout(CLOSE_FIRST, &mut closed).await.is_ok();
    // A slow reader is waited for, a gone one not.
    let _ = events.send(CompletionEvent::Ended(end)).await;
    if !accounted {
        closed.await;
    }
}

/// How the text ended.
struct Walked {
    outcome: Result<Finish, FailureCode>,
    produced: Produced,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Produced {
    Something,
    Nothing,
}

async fn walk(
    context: &Context,
    asked: &Completion,
    request: &Arc<GenerateRequest>,
    priority: Priority,
    bill: &Bill,
    events: &Events,
) -> Walked {
    let cancel = CancellationToken::new();
    let _upstream_ends_with_this = cancel.clone().drop_guard();
    let job = Job {
        turn: MessageId::from_uuid(asked.id),
        user: asked.user,
        priority,
        request: request.clone(),
        cancel,
        so_far: None,
        bill: bill.clone(),
    };
    let mut spoken = Spoken::new(&asked.stop, context.settings.turn.reply_max_chars);
    let Ok(mut pool) = context.pool.submit(job) else {
        return Walked { outcome: Err(FailureCode::Overloaded), produced: Produced::Nothing };
    };
    // A stop sequence may come first: then nothing is what was asked for.
    let mut cut_here = false;
    let mut watched = Watched::new(&context.moderation, who(asked));
    // How it ends, once all of it is judged.
    let mut ended = None;
    let outcome = loop {
        let text = watched.take().to_owned();
        if !text.is_empty() && events.send(CompletionEvent::Text(text)).await.is_err() {
            break Ok(Finish::Stopped);
        }
        match (watched.judged(), ended) {
            (Judged::Refused, _) => {
                let _ = events.send(CompletionEvent::Refused(instead(asked, request))).await;
                break Ok(Finish::Refused);
            }
            (Judged::Unavailable, _) => break Err(FailureCode::ProviderUnavailable),
            (Judged::Fine, Some(finish)) => break Ok(finish),
            (Judged::Fine | Judged::Open, _) => {}
        }
        let event = tokio::select! {
            biased;
            () = events.closed() => break Ok(Finish::Stopped),
            () = watched.answer() => continue,
            event = pool.recv(), if ended.is_none() => event,
        };
        let said = match event {
            Some(PoolEvent::Thinking) => continue,
            Some(PoolEvent::Text(text)) => {
                let said = spoken.push(&text);
                cut_here = said.end.is_some();
                said
            }
            Some(PoolEvent::Restarted) => {
                watched = Watched::new(&context.moderation, who(asked));
                // Nobody has to be told that what was never passed on is void.
                if spoken.reset() == Touched::Yes && events.send(CompletionEvent::Anew).await.is_err() {
                    break Ok(Finish::Stopped);
                }
                continue;
            }
            Some(PoolEvent::Done { finish }) => {
                let mut said = spoken.end(finish);
                said.end.get_or_insert(finish);
                said
            }
            Some(PoolEvent::Failed { code }) => break Err(code),
            None => break Err(FailureCode::Internal),
        };
        watched.push(&said.text);
        if let Some(finish) = said.end {
            // Nothing more is read.
            pool.close();
            watched.ends();
            ended = Some(finish);
        }
    };
    let produced = if cut_here || spoken.has_said() { Produced::Something } else { Produced::Nothing };
    let refunds = context.settings.moderation.refused_reply == RefusedReply::Refunds;
    let produced = match outcome {
        Ok(Finish::Refused) if refunds => Produced::Nothing,
        _ => produced,
    };
    let outcome = match outcome {
        // A provider that ends without a word has not answered.
        Ok(Finish::Complete | Finish::Length) if produced == Produced::Nothing => {
            Err(FailureCode::ProviderUnavailable)
        }
        outcome => outcome,
    };
    Walked { outcome, produced }
}

/// What the character says in place of an answer that was refused.
fn instead(asked: &Completion, request: &GenerateRequest) -> String {
    let seed = words::seed_of_reply(MessageId::from_uuid(asked.id));
    words::thought_better(&words::Manner::of(&request.character), seed)
}

/// What produced nothing is given back.
async fn close(
    context: &Context,
    asked: &Completion,
    counted: &Counted,
    produced: Produced,
    calls: Vec<AiCall>,
) {
    let end = match produced {
        Produced::Something => ChargeEnd::Kept,
        Produced::Nothing => ChargeEnd::GivenBack,
    };
    if calls.is_empty() && matches!(counted, Counted::Nothing) {
        return;
    }
    close_patiently(context, closing(asked, end, calls)).await;
}

fn closing(asked: &Completion, end: ChargeEnd, calls: Vec<AiCall>) -> Closing {
    let Completion { id, user, character, purpose, .. } = *asked;
    Closing { id, user, character, purpose, end, calls }
}

async fn close_patiently(context: &Context, closing: Closing) {
    let user = closing.user;
    let mut tries = 1;
    loop {
        match context.ports.charges.close(closing.clone()).await {
            Ok(given_back) if given_back.is_empty() => return,
            Ok(given_back) => {
                context.users.send_if_live(user, UserMsg::Refunded(given_back));
                return;
            }
            Err(StoreError::Unavailable) if tries < CLOSE_TRIES => {
                tokio::time::sleep(CLOSE_PAUSE * tries).await;
                tries += 1;
            }
            Err(error) => {
                tracing::error!(%error, id = %closing.id, "the accounts of an answer could not be written");
                return;
            }
        }
    }
}

/// Whether it was counted is not known, and it will not be answered: should it have been, it is given back.
pub(super) fn give_back_unsure(context: &Arc<Context>, asked: &Completion) {
    let closing = closing(asked, ChargeEnd::GivenBack, Vec::new());
    let context = context.clone();
    context.runtime.clone().spawn(async move { close_patiently(&context, closing).await });
}

/// Of several calls each sent the prompt anew: it is told once. What was said is told all.
fn usage_of(calls: &[AiCall]) -> TokenUsage {
    let last = calls.last().map(|call| call.usage).unwrap_or_default();
    let all: TokenUsage = calls.iter().map(|call| call.usage).sum();
    TokenUsage { completion_tokens: all.completion_tokens, ..last }
}
