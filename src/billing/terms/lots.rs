//! Brings the ledger to the credits that are wanted, step by step, each under its own key. What was done is noted beside it
//! (`credit_lots`), so what stands already moves nothing, and what could not be taken back is not asked for again.

use deadpool_postgres::Transaction;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;

use super::credits::{Fewer, Gone, Wanted};
use super::store;
use crate::billing::ledger::{self, Note, Order, Purse};
use crate::postgres::refusal;

/// A row of `credit_lots`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    pub key: String,
    pub source: String,
    pub purse: Purse,
    pub plan: Option<String>,
    /// How many there are to be.
    pub amount: i64,
    pub given: i64,
    pub taken: i64,
    pub steps: i32,
    pub ends_at: Option<Timestamp>,
}

impl Lot {
    fn new(wanted: &Wanted) -> Self {
        Self {
            key: wanted.key.clone(),
            source: wanted.source.clone(),
            purse: wanted.purse,
            plan: wanted.plan.clone(),
            amount: 0,
            given: 0,
            taken: 0,
            steps: 0,
            ends_at: wanted.ends_at,
        }
    }

    /// What was given and not taken back, spent or not.
    fn net(&self) -> i64 {
        self.given - self.taken
    }

    /// Whether its credits may be in the plan's purse.
    fn runs(&self, now: Timestamp) -> bool {
        self.amount > 0 && self.ends_at.is_some_and(|end| end > now)
    }

    fn step(&mut self) -> String {
        self.steps += 1;
        match (self.steps, &self.plan) {
            (1, Some(plan)) if self.source.starts_with("sub:") => format!("{}:{plan}", self.key),
            (1, _) => self.key.clone(),
            (step, _) => format!("{}#{step}", self.key),
        }
    }
}

/// Credits that were bought and came, the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    pub credits: i64,
}

/// A person's lots while they are brought to what is wanted.
pub struct Lots<'a> {
    transaction: &'a Transaction<'a>,
    user: UserId,
    now: Timestamp,
    lots: Vec<Lot>,
    /// By their place in `lots`.
    changed: Vec<usize>,
}

impl<'a> Lots<'a> {
    pub fn new(transaction: &'a Transaction<'a>, user: UserId, now: Timestamp, lots: Vec<Lot>) -> Self {
        Self { transaction, user, now, lots, changed: Vec::new() }
    }

    /// Answers what was bought and came.
    pub async fn bring(mut self, wanted: &[Wanted], gone: &Gone) -> Result<Vec<Came>, Refusal> {
        let before = self.end();
        for at in 0..self.lots.len() {
            let lot = &self.lots[at];
            let (to, plan) = match wanted.iter().find(|wanted| wanted.key == lot.key) {
                Some(wanted) if wanted.fewer == Fewer::Taken => (wanted.amount, wanted.plan.as_deref()),
                // It ends sooner than it would have, with what was bought after it. That may come back.
                Some(wanted) if wanted.ends_at.is_some_and(|end| end <= self.now) => {
                    (0, wanted.plan.as_deref())
                }
                None if gone.is(&lot.source) => (0, None),
                // What took its place was given back, also where that is all that we ever heard of it.
                None if wanted.iter().any(|wanted| wanted.source == lot.source && wanted.is_given_back()) => {
                    (0, None)
                }
                Some(_) | None => continue,
            };
            if to < lot.amount && (lot.purse == Purse::Own || lot.runs(self.now)) {
                self.take(at, to).await?;
                self.lots[at].plan = plan.map(ToOwned::to_owned);
            }
        }
        for wanted in wanted {
            self.set_end(wanted);
        }
        let (mut came, mut moved) = (Vec::new(), false);
        for wanted in wanted {
            if wanted.ends_at.is_none_or(|end| end > self.now)
                && let Some((given, first)) = self.raise(wanted).await?
            {
                moved |= wanted.purse == Purse::Plan;
                if first && wanted.purse == Purse::Own {
                    came.push(Came { credits: given });
                }
            }
        }
        let after = self.end();
        if after != before && !moved {
            // Nothing is left of it where there is none.
            let end = after.unwrap_or(self.now);
            ledger::move_end(self.transaction, self.user, end).await?;
        }
        self.changed.sort_unstable();
        self.changed.dedup();
        let changed: Vec<&Lot> = self.changed.iter().map(|at| &self.lots[*at]).collect();
        if !changed.is_empty() {
            store::keep_lots(self.transaction, self.user, &changed).await.map_err(|error| refusal(&error))?;
        }
        Ok(came)
    }

    /// When the last of a plan's credits end.
    fn end(&self) -> Option<Timestamp> {
        self.lots.iter().filter(|lot| lot.runs(self.now)).filter_map(|lot| lot.ends_at).max()
    }

    async fn take(&mut self, at: usize, to: i64) -> Result<(), Refusal> {
        let lot = &mut self.lots[at];
        let much = lot.net() - to;
        if much > 0 {
            let key = lot.step();
            let note = Note { key: &key, reference: &lot.key, reason: "taken back", actor: None };
            lot.taken += ledger::take(self.transaction, self.user, much, lot.purse, &note).await?;
        }
        lot.amount = to;
        self.changed.push(at);
        Ok(())
    }

    fn set_end(&mut self, wanted: &Wanted) {
        let Some(at) = self.lots.iter().position(|lot| lot.key == wanted.key) else { return };
        let lot = &mut self.lots[at];
        if lot.amount > 0 && lot.ends_at != wanted.ends_at {
            lot.ends_at = wanted.ends_at;
            self.changed.push(at);
        }
    }

    /// Gives what is missing: how many, and whether they are the first of their lot.
    async fn raise(&mut self, wanted: &Wanted) -> Result<Option<(i64, bool)>, Refusal> {
        let known = self.lots.iter().position(|lot| lot.key == wanted.key);
        let there = known.map_or(0, |at| self.lots[at].amount);
        let same_plan = known.is_some_and(|at| there > 0 && self.lots[at].plan == wanted.plan);
        // What was granted follows no change of the settings.
        if wanted.amount <= there || (same_plan && wanted.fewer == Fewer::Kept) {
            return Ok(None);
        }
        let at = known.unwrap_or_else(|| self.add(wanted));
        let lot = &mut self.lots[at];
        let missing = wanted.amount - lot.net();
        (lot.amount, lot.plan, lot.ends_at) = (wanted.amount, wanted.plan.clone(), wanted.ends_at);
        self.changed.push(at);
        if missing <= 0 {
            return Ok(None);
        }
        let order = match self.end().filter(|_| wanted.purse == Purse::Plan) {
            Some(ends_at) => {
                // All that still runs is carried on; what is left of others has ended.
                let carry = self.lots.iter().filter(|lot| lot.runs(self.now)).map(Lot::net).sum();
                Order::Plan { amount: missing, ends_at, carry }
            }
            None => Order::Purchase { amount: missing },
        };
        let lot = &mut self.lots[at];
        let key = lot.step();
        let reason = lot.plan.clone().unwrap_or_default();
        let note = Note { key: &key, reference: &lot.key, reason: &reason, actor: None };
        ledger::record(self.transaction, self.user, &order, &note).await?;
        let first = lot.given == 0;
        lot.given += missing;
        Ok(Some((missing, first)))
    }

    /// A new lot takes the place of the one before from its source.
    fn add(&mut self, wanted: &Wanted) -> usize {
        for at in 0..self.lots.len() {
            if self.lots[at].source == wanted.source && self.lots[at].runs(self.now) {
                self.lots[at].ends_at = Some(self.now);
                self.changed.push(at);
            }
        }
        self.lots.push(Lot::new(wanted));
        self.lots.len() - 1
    }
}
