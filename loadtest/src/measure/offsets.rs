//! Checks that the events of a room come to each socket one by one: none missing, none twice, none early.

use std::collections::BTreeSet;

/// So many missing offsets are remembered per socket; more are counted as lost for good.
const MAX_MISSING: usize = 10_000;

/// What all sockets of a run found wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub events: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub out_of_order: u64,
}

impl Tally {
    pub fn is_clean(self) -> bool {
        self.lost == 0 && self.duplicated == 0 && self.out_of_order == 0
    }
}

/// Where one socket stands in one room.
#[derive(Clone, Debug, Default)]
pub struct OffsetTracker {
    at: u64,
    missing: BTreeSet<u64>,
}

impl OffsetTracker {
    /// Takes `offset` as the place that a snapshot gave.
    pub fn start(&mut self, offset: u64) {
        self.at = offset;
        self.missing.clear();
    }

    pub fn at(&self) -> u64 {
        self.at
    }

    /// Takes a live event and counts what is wrong with it: a hole counts as lost until the lost one comes after all,
    /// which makes it out of order instead.
    pub fn event(&mut self, offset: u64, tally: &mut Tally) {
        tally.events += 1;
        if offset == self.at + 1 {
            self.at = offset;
        } else if offset > self.at {
            tally.lost += offset - self.at - 1;
            let missing = &mut self.missing;
            missing.extend((self.at + 1..offset).take(MAX_MISSING.saturating_sub(missing.len())));
            self.at = offset;
        } else if self.missing.remove(&offset) {
            tally.lost -= 1;
            tally.out_of_order += 1;
        } else {
            tally.duplicated += 1;
        }
    }

    /// Takes the revisions of the messages that a resumed join gave, and its own place. In a room where every change
    /// is a new message (`strict`), they must be exactly those between the old place and the new one.
    pub fn resumed(&mut self, revisions: &mut [u64], offset: u64, strict: bool, tally: &mut Tally) {
        revisions.sort_unstable();
        if strict {
            for revision in revisions.iter() {
                self.event(*revision, tally);
            }
            if offset > self.at {
                tally.lost += offset - self.at;
            }
        } else {
            tally.events += revisions.len() as u64;
            tally.duplicated += revisions.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
            tally.out_of_order += revisions.iter().filter(|revision| **revision > offset).count() as u64;
        }
        self.at = self.at.max(offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(start: u64, offsets: &[u64]) -> Tally {
        let (mut tracker, mut tally) = (OffsetTracker::default(), Tally::default());
        tracker.start(start);
        for offset in offsets {
            tracker.event(*offset, &mut tally);
        }
        tally
    }

    #[test]
    fn a_whole_sequence_is_clean() {
        let tally = run(5, &[6, 7, 8, 9]);
        assert!(tally.is_clean());
        assert_eq!(tally.events, 4);
    }

    #[test]
    fn a_hole_is_a_loss_of_each_event_in_it() {
        assert_eq!(run(0, &[1, 4]).lost, 2);
    }

    #[test]
    fn a_late_event_is_out_of_order_and_not_lost() {
        let tally = run(0, &[1, 3, 2, 4]);
        assert_eq!((tally.lost, tally.out_of_order, tally.duplicated), (0, 1, 0));
    }

    #[test]
    fn the_same_event_twice_is_a_duplicate() {
        assert_eq!(run(0, &[1, 2, 2, 1]).duplicated, 2);
    }

    #[test]
    fn a_strict_resume_needs_every_offset_up_to_its_place() {
        let (mut tracker, mut tally) = (OffsetTracker::default(), Tally::default());
        tracker.start(3);
        tracker.resumed(&mut [5, 4, 6], 6, true, &mut tally);
        assert!(tally.is_clean());
        tracker.resumed(&mut [7, 9], 10, true, &mut tally);
        assert_eq!(tally.lost, 2);
        assert_eq!(tracker.at(), 10);
    }

    #[test]
    fn a_resume_with_changed_messages_may_skip_but_not_repeat() {
        let (mut tracker, mut tally) = (OffsetTracker::default(), Tally::default());
        tracker.start(3);
        tracker.resumed(&mut [5, 9], 9, false, &mut tally);
        assert!(tally.is_clean());
        tracker.resumed(&mut [11, 11], 11, false, &mut tally);
        assert_eq!(tally.duplicated, 1);
    }
}
