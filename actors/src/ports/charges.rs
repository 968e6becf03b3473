//! Charging for answers that no room holds: the journal counts a room's messages with the message; these count alone.
//!
//! A charge is a row for as long as its answer is under way, so that the same one counts once however often it is asked
//! for, and a node that finds it behind a dead one can give it back.

use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::StoreError;
use crate::domain::{AiCall, CharacterId, Meter, MeterKey, Purpose, UserId};

/// One more on each of the meters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Of the answer. The same one twice counts once.
    pub id: Uuid,
    pub user: UserId,
    /// Never empty: what no meter counts is not charged.
    pub meters: Vec<Meter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charged {
    /// What the meters stand at with it, in their order; empty where it had been counted before.
    Counted(Vec<u32>),
    /// Nothing was counted: this meter stands at `used`.
    OverLimit { meter: Meter, used: u32 },
}

/// An answer has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    pub id: Uuid,
    pub user: UserId,
    pub character: CharacterId,
    pub purpose: Purpose,
    pub end: ChargeEnd,
    /// Every call that was made for it.
    pub calls: Vec<AiCall>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeEnd {
    Kept,
    /// It produced nothing.
    GivenBack,
}

pub trait Charges: Send + Sync + 'static {
    /// Counts, durably and all or nothing. After [`StoreError::Unavailable`] it may have been counted: asking again with the
    /// same id is safe.
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<Charged, StoreError>>;

    /// Ends the charge, if there was one, and adds the calls to the accounts, in one transaction. Answers the meters that
    /// were given back. Asking again is safe.
    fn close(&self, closing: Closing) -> BoxFuture<'_, Result<Vec<MeterKey>, StoreError>>;

    /// Gives back at most `limit` charges whose node is gone; answers their meters.
    fn of_dead_nodes(&self, limit: usize) -> BoxFuture<'_, Result<Vec<MeterKey>, StoreError>>;
}
