//! A move: what follows on something, written with all that goes with it in one transaction.

use deadpool_postgres::{Client, Transaction};
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::decide::{Charge, Happened, Leftovers, Next, decide};
use super::kinds::State;
use super::store;
use super::work::{MAKE, TIDY};
use super::{Content, Contents, Ticket, costs};
use crate::billing::ledger::{self, Note, Order};
use crate::jobs::{NewJob, QueueName, enqueue};
use crate::postgres::refusal;

/// Behind the replies' own jobs: these take minutes.
const PRIORITY: i16 = 20;

/// A transaction in which one content may move, under its user's lock.
pub(super) struct Moving<'a> {
    pub transaction: Transaction<'a>,
    pub content: Content,
}

impl Moving<'_> {
    pub async fn commit(self) -> Result<Content, Refusal> {
        let Self { transaction, content } = self;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(content)
    }
}

/// The job that goes on with a content. Its key names the step that it is for.
pub(super) fn job(user: UserId, id: Uuid, step: i32, run_at: Option<Timestamp>) -> NewJob {
    NewJob {
        priority: PRIORITY,
        run_at,
        key: Some(key(id, step)),
        ..NewJob::new(
            QueueName::AiResponses,
            MAKE,
            json!({ "user": user.uuid(), "content": id, "step": step }),
        )
    }
}

pub(super) fn key(id: Uuid, step: i32) -> String {
    format!("{id}:{step}")
}

/// The job that takes away what nobody wants any more.
pub(super) fn tidy(user: UserId, id: Uuid, file: Option<Uuid>, ticket: Option<&Ticket>) -> Option<NewJob> {
    (file.is_some() || ticket.is_some()).then(|| {
        let payload = json!({ "user": user.uuid(), "content": id, "file": file, "ticket": ticket });
        NewJob { priority: PRIORITY, ..NewJob::new(QueueName::AiResponses, TIDY, payload) }
    })
}

impl Contents {
    /// Begins a move of the user's content; `None`: there is none.
    pub(super) async fn moving<'a>(
        &self,
        client: &'a mut Client,
        user: UserId,
        id: Uuid,
    ) -> Result<Option<Moving<'a>>, Refusal> {
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        store::lock(&transaction, user).await.map_err(|error| refusal(&error))?;
        let content = store::by_id(&transaction, user, id).await.map_err(|error| refusal(&error))?;
        Ok(content.map(|content| Moving { transaction, content }))
    }

    /// Moves a content that stands at `step`, after `fill` has put down what came with it. `None`: it has moved on, or this does
    /// not fit where it stands; then nothing changes.
    pub(super) async fn follow(
        &self,
        (user, id, step): (UserId, Uuid, i32),
        happened: Happened,
        fill: impl FnOnce(&mut Content),
    ) -> Result<Option<Content>, Refusal> {
        let mut client = self.client().await?;
        let Some(mut moving) = self.moving(&mut client, user, id).await? else { return Ok(None) };
        if moving.content.step != step || !self.step(&mut moving, happened, fill).await? {
            return Ok(None);
        }
        let content = moving.commit().await?;
        drop(client);
        self.moved(&content, happened).await;
        Ok(Some(content))
    }

    /// One move in the transaction. False: it does not fit where the content stands, and nothing was done.
    pub(super) async fn step(
        &self,
        moving: &mut Moving<'_>,
        happened: Happened,
        fill: impl FnOnce(&mut Content),
    ) -> Result<bool, Refusal> {
        let Moving { transaction, content } = moving;
        let Some(next) = decide(&content.standing(), happened, &self.patience()) else { return Ok(false) };
        let (user, id) = (content.user, content.id);
        let had_turn = content.turn;
        let left = (content.file, content.ticket.clone());
        fill(content);
        content.state = next.state;
        content.progress = next.progress;
        content.attempt = next.attempt;
        content.looks = next.looks;
        content.error = next.fault.map(|fault| (fault.code().to_owned(), fault.message().to_owned()));
        match (happened, next.next) {
            (Happened::Begun, _) => {
                content.started_at = content.started_at.or_else(|| Some(Timestamp::now()));
            }
            (Happened::Again, _) => {
                content.tries = content.tries.saturating_add(1);
                content.asked_at = Timestamp::now();
                (content.started_at, content.ended_at) = (None, None);
                (content.ticket, content.file, content.provider, content.model) = (None, None, None, None);
                content.credits = costs::price(self.settings(), content.kind, content.quality);
            }
            (_, Next::Never) => content.ended_at = Some(Timestamp::now()),
            _ => {}
        }
        if next.next != Next::Same {
            content.step += 1;
        }
        self.charge(transaction, content, next.charge).await?;
        if next.leftovers == Leftovers::TakeAway {
            let (file, ticket) = (content.file.take().or(left.0), content.ticket.take().or(left.1));
            if let Some(job) = tidy(user, id, file, ticket.as_ref()) {
                enqueue(transaction, &job).await.map_err(|error| refusal(&error))?;
            }
        }
        let run_at = match next.next {
            Next::Now => Some(None),
            Next::After(pause) => {
                let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
                Some(Some(Timestamp::now().checked_add(pause).unwrap_or(Timestamp::MAX)))
            }
            Next::Same | Next::InTurn | Next::Never => None,
        };
        if let Some(run_at) = run_at {
            let job = job(user, id, content.step, run_at);
            enqueue(transaction, &job).await.map_err(|error| refusal(&error))?;
        }
        let works = matches!(content.state, State::Queued | State::Optimizing | State::Generating);
        content.turn = had_turn && works && next.next != Next::InTurn;
        store::save(transaction, content).await.map_err(|error| refusal(&error))?;
        if had_turn != content.turn || next.next == Next::InTurn {
            self.give_turns(transaction, user).await?;
        }
        Ok(true)
    }

    /// Whose turn it is now goes into the queue. Under the user's lock.
    pub(super) async fn give_turns(
        &self,
        transaction: &Transaction<'_>,
        user: UserId,
    ) -> Result<(), Refusal> {
        let most = self.settings().running_per_user;
        let given = store::give_turns(transaction, user, most).await.map_err(|error| refusal(&error))?;
        for (id, step) in given {
            enqueue(transaction, &job(user, id, step, None)).await.map_err(|error| refusal(&error))?;
        }
        Ok(())
    }

    /// What becomes of the credits.
    pub(super) async fn charge(
        &self,
        transaction: &Transaction<'_>,
        content: &mut Content,
        charge: Charge,
    ) -> Result<(), Refusal> {
        match charge {
            Charge::Nothing => Ok(()),
            // What is free is not held.
            Charge::Hold if content.credits == 0 => Ok(()),
            Charge::Hold => {
                let lasting = SignedDuration::try_from(self.hold_for()).unwrap_or(SignedDuration::MAX);
                let expires_at = Timestamp::now().checked_add(lasting).unwrap_or(Timestamp::MAX);
                let (key, reference) =
                    (format!("content:{}:{}", content.id, content.tries), format!("content:{}", content.id));
                let note =
                    Note { key: &key, reference: &reference, reason: content.kind.as_str(), actor: None };
                let order = Order::Hold { amount: content.credits, expires_at };
                let held = ledger::record(transaction, content.user, &order, &note).await?;
                content.hold = Some(held.id);
                Ok(())
            }
            Charge::Settle | Charge::Release => {
                let Some(hold) = content.hold.take() else { return Ok(()) };
                let pay = if charge == Charge::Settle { content.credits } else { 0 };
                match ledger::end(transaction, content.user, hold, pay).await {
                    Ok(_) => Ok(()),
                    // By an admin's hand, or its time was over: it was given back. What was made is theirs all the same.
                    Err(refusal) if matches!(refusal.code, RefusalCode::Conflict | RefusalCode::NotFound) => {
                        tracing::error!(content = %content.id, %hold, %refusal, "a hold had ended before its content");
                        if charge == Charge::Settle {
                            content.credits = 0;
                        }
                        Ok(())
                    }
                    Err(refusal) => Err(refusal),
                }
            }
        }
    }
}
