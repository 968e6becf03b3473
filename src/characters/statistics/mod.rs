//! Statistics of characters: conversations, messages, ratings, views, when it last spoke, and how popular it is of late.
//!
//! **Popularity.** Each message that a character says counts 1 at that moment and half as much after each half-life *H*:
//! `popularity(now) = Σ 2^(-(now - said) / H)`. What is stored is the logarithm of the same sum as seen from a fixed
//! moment, `heat = log2 Σ 2^((said - EPOCH) / H)`: it needs no update as time passes, it orders characters as the
//! popularity does at any moment, and it never overflows. `popularity(now) = 2^(heat - (now - EPOCH) / H)`.
//!
//! **Counting.** The journal writes no row that rooms share, so nothing is counted where a message is stored. A recurring
//! job rolls up what came since. It keeps a mark for each room, not one for all: a room's log grows under its head's lock,
//! so that in any snapshot a room has exactly the messages up to its head's revision, and none comes below it later. (A
//! mark of time or of ids for all rooms would lose what commits late.) One statement, hence one snapshot, reads the heads
//! that passed their marks, counts what lies between, moves the marks and adds to the sums; so each message counts once,
//! whoever runs it how often. Conversations come by a table that founding them inserts into; what is deleted from it is
//! added in the same transaction. Ratings are summed by a trigger with each rating.
//!
//! What an erased account's rooms held stays counted: they are numbers by then.

mod roll_up;
mod views;

use jiff::Timestamp;

pub use roll_up::{handler, recurring};
pub(super) use views::PendingViews;

/// Seconds since 1970 of the moment that heats are seen from: 2026-01-01.
pub(super) const EPOCH_S: f64 = 1_767_225_600.0;
/// Halvings after which nothing is left.
const GONE: f64 = 200.0;

/// The popularity at a moment.
pub(super) fn popularity(heat: f64, at: Timestamp, half_life_s: f64) -> f64 {
    let exponent = heat - (at.as_microsecond() as f64 / 1e6 - EPOCH_S) / half_life_s;
    if exponent < -GONE { 0.0 } else { exponent.exp2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_counts_half_after_each_half_life() {
        let said = Timestamp::from_second(1_800_000_000).unwrap();
        let week = 604_800.0;
        let heat = (1_800_000_000.0 - EPOCH_S) / week;
        let after = |weeks: i64| {
            popularity(heat, Timestamp::from_second(1_800_000_000 + weeks * 604_800).unwrap(), week)
        };
        assert!((popularity(heat, said, week) - 1.0).abs() < 1e-9);
        assert!((after(1) - 0.5).abs() < 1e-9 && (after(3) - 0.125).abs() < 1e-9);
        assert_eq!((after(1_000), popularity(f64::NEG_INFINITY, said, week)), (0.0, 0.0));
    }
}
