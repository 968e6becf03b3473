//! When a back end is left alone: a circuit breaker, as a plain state machine.
//!
//! Closed, it lets all through and counts. After too many failures it opens and lets none through. When its time is over it
//! is half-open: one call tries, and its end decides. It asks no clock and no network; whoever owns it says what happened
//! and when. A call counts for the state in which it began: what was asked before it opened decides nothing afterwards.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::BreakerSettings;

/// The longest growth: 2^16 times any span is beyond its bound.
const GROWTH_MAX: u32 = 16;

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    Closed,
    Open { until: Instant },
    HalfOpen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { probing: bool },
}

/// Whether a call may go through now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admits {
    Now,
    /// Not before then.
    At(Instant),
    /// When the call that tries it has ended.
    Probing,
}

/// Lets one call through; it is to be given back with how the call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    age: u64,
}

#[derive(Clone, Debug)]
pub struct Breaker {
    failures: u32,
    window: usize,
    share_percent: u32,
    open: Duration,
    open_max: Duration,
    state: State,
    /// Raised at each change of the state.
    age: u64,
    /// Failures in a row.
    row: u32,
    /// The latest calls, whether they went well.
    latest: VecDeque<bool>,
    /// Openings without a good call in between.
    openings: u32,
}

impl Breaker {
    pub fn new(settings: &BreakerSettings) -> Self {
        Self {
            failures: settings.failures.max(1),
            window: settings.window.max(1),
            share_percent: settings.share_percent,
            open: Duration::from_millis(settings.open_ms),
            open_max: Duration::from_millis(settings.open_max_ms),
            state: State::Closed,
            age: 0,
            row: 0,
            latest: VecDeque::new(),
            openings: 0,
        }
    }

    pub fn stand(&self, now: Instant) -> Stand {
        match self.state {
            State::Closed => Stand::Closed,
            State::Open { until } if now < until => Stand::Open { until },
            State::Open { .. } | State::HalfOpen { .. } => Stand::HalfOpen,
        }
    }

    /// In a row, until a call went well.
    pub fn in_a_row(&self) -> u32 {
        self.row
    }

    pub fn admits(&self, now: Instant) -> Admits {
        match self.state {
            State::Open { until } if now < until => Admits::At(until),
            State::HalfOpen { probing: true } => Admits::Probing,
            State::Closed | State::Open { .. } | State::HalfOpen { .. } => Admits::Now,
        }
    }

    /// Lets a call through, if it may. Half-open, it is the one that tries.
    pub fn admit(&mut self, now: Instant) -> Option<Pass> {
        if self.admits(now) != Admits::Now {
            return None;
        }
        match self.state {
            State::Closed => {}
            State::Open { .. } => self.change(State::HalfOpen { probing: true }),
            State::HalfOpen { .. } => self.state = State::HalfOpen { probing: true },
        }
        Some(Pass { age: self.age })
    }

    /// The first of an answer is there. That is enough to close it: a whole reply may take a minute. How the call ends
    /// counts all the same.
    pub fn answered(&mut self, pass: &mut Pass) {
        if pass.age == self.age && matches!(self.state, State::HalfOpen { .. }) {
            self.row = 0;
            self.latest.clear();
            self.change(State::Closed);
            pass.age = self.age;
        }
    }

    /// The call ended well.
    pub fn succeeded(&mut self, mut pass: Pass) {
        self.answered(&mut pass);
        if pass.age == self.age && self.state == State::Closed {
            self.openings = 0;
            self.row = 0;
            self.count(true);
        }
    }

    pub fn failed(&mut self, pass: Pass, now: Instant) {
        if pass.age != self.age {
            return;
        }
        // A bound far above any setting keeps it from wrapping.
        self.row = self.row.saturating_add(1);
        self.count(false);
        let opens = match self.state {
            State::Closed => self.row >= self.failures || self.share_is_reached(),
            State::HalfOpen { .. } => true,
            State::Open { .. } => false,
        };
        if opens {
            let growth = 1_u32 << self.openings.min(GROWTH_MAX);
            self.openings = self.openings.saturating_add(1);
            let span = self.open.saturating_mul(growth).min(self.open_max);
            self.latest.clear();
            self.change(State::Open { until: now + span });
        }
    }

    /// The call was broken off here: it says nothing.
    pub fn dropped(&mut self, pass: Pass) {
        if pass.age == self.age && matches!(self.state, State::HalfOpen { .. }) {
            self.state = State::HalfOpen { probing: false };
        }
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.age += 1;
    }

    fn count(&mut self, well: bool) {
        if self.latest.len() >= self.window {
            self.latest.pop_front();
        }
        self.latest.push_back(well);
    }

    fn share_is_reached(&self) -> bool {
        let failed = self.latest.iter().filter(|well| !**well).count();
        self.latest.len() >= self.window && failed * 100 >= self.window * self.share_percent as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: BreakerSettings =
        BreakerSettings { failures: 3, window: 10, share_percent: 50, open_ms: 1_000, open_max_ms: 5_000 };

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    fn fail(breaker: &mut Breaker, now: Instant) {
        let pass = breaker.admit(now).unwrap();
        breaker.failed(pass, now);
    }

    fn opened(start: Instant) -> Breaker {
        let mut breaker = Breaker::new(&SETTINGS);
        (0..3).for_each(|_| fail(&mut breaker, start));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_call_in_between_does_not() {
        let start = Instant::now();
        let mut breaker = Breaker::new(&SETTINGS);
        fail(&mut breaker, start);
        fail(&mut breaker, start);
        let pass = breaker.admit(start).unwrap();
        breaker.succeeded(pass);
        fail(&mut breaker, start);
        fail(&mut breaker, start);
        assert_eq!(breaker.stand(start), Stand::Closed);
        fail(&mut breaker, start);
        assert_eq!(breaker.stand(start), Stand::Open { until: at(start, 1_000) });
        assert_eq!(breaker.admit(at(start, 999)), None);
    }

    #[test]
    fn a_share_of_the_latest_calls_opens_it_too() {
        let start = Instant::now();
        let mut breaker = Breaker::new(&SETTINGS);
        let succeed = |breaker: &mut Breaker| {
            let pass = breaker.admit(start).unwrap();
            breaker.succeeded(pass);
        };
        (0..6).for_each(|_| succeed(&mut breaker));
        for _ in 0..4 {
            fail(&mut breaker, start);
            assert_eq!(breaker.stand(start), Stand::Closed);
            succeed(&mut breaker);
        }
        fail(&mut breaker, start);
        assert!(matches!(breaker.stand(start), Stand::Open { .. }), "5 of 10");
    }

    #[test]
    fn one_call_tries_and_its_first_answer_closes_it() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let later = at(start, 1_000);
        assert_eq!(breaker.stand(later), Stand::HalfOpen);
        let mut pass = breaker.admit(later).unwrap();
        assert_eq!((breaker.admit(later), breaker.admits(later)), (None, Admits::Probing));
        breaker.answered(&mut pass);
        assert_eq!(breaker.stand(later), Stand::Closed);
        // What becomes of it counts on.
        breaker.failed(pass, later);
        assert_eq!(breaker.in_a_row(), 1);
    }

    #[test]
    fn a_try_that_fails_leaves_it_alone_for_longer_up_to_a_bound() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut spans = Vec::new();
        for _ in 0..5 {
            let Stand::Open { until } = breaker.stand(now) else { panic!("open") };
            spans.push((until - now).as_millis());
            now = until;
            fail(&mut breaker, now);
        }
        assert_eq!(spans, [1_000, 2_000, 4_000, 5_000, 5_000]);
        let Stand::Open { until } = breaker.stand(now) else { panic!("open") };
        let pass = breaker.admit(until).unwrap();
        breaker.succeeded(pass);
        (0..3).for_each(|_| fail(&mut breaker, until));
        assert_eq!(breaker.stand(until), Stand::Open { until: at(until, 1_000) }, "it begins anew");
    }

    #[test]
    fn a_try_that_is_stopped_leaves_its_place_to_another() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let later = at(start, 1_000);
        let pass = breaker.admit(later).unwrap();
        breaker.dropped(pass);
        assert_eq!(breaker.stand(later), Stand::HalfOpen);
        assert!(breaker.admit(later).is_some());
    }

    #[test]
    fn calls_from_before_decide_nothing_afterwards() {
        let start = Instant::now();
        let mut breaker = Breaker::new(&SETTINGS);
        let old: Vec<Pass> = (0..4).filter_map(|_| breaker.admit(start)).collect();
        (0..3).for_each(|_| fail(&mut breaker, start));
        let later = at(start, 1_000);
        breaker.succeeded(old[0]);
        assert!(matches!(breaker.stand(start), Stand::Open { .. }));
        let probe = breaker.admit(later).unwrap();
        breaker.failed(old[1], later);
        breaker.succeeded(old[2]);
        breaker.dropped(old[3]);
        assert_eq!((breaker.stand(later), breaker.admit(later)), (Stand::HalfOpen, None));
        breaker.succeeded(probe);
        assert_eq!(breaker.stand(later), Stand::Closed);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Admit,
        Answered(usize),
        Succeeded(usize),
        Failed(usize),
        Dropped(usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Admit),
            1 => (0..8_usize).prop_map(Step::Answered),
            2 => (0..8_usize).prop_map(Step::Succeeded),
            4 => (0..8_usize).prop_map(Step::Failed),
            1 => (0..8_usize).prop_map(Step::Dropped),
            2 => (0..3_000_u64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_it_lets_none_through_while_open_and_one_while_half_open(
            steps in prop::collection::vec(step(), 0..200),
        ) {
            let start = Instant::now();
            let mut breaker = Breaker::new(&SETTINGS);
            let (mut now, mut under_way) = (start, Vec::<Pass>::new());
            // The call that tries, while it does.
            let mut probe: Option<Pass> = None;
            for step in steps {
                let before = breaker.stand(now);
                match step {
                    Step::Admit => {
                        let admitted = breaker.admit(now);
                        match before {
                            Stand::Closed => prop_assert!(admitted.is_some()),
                            Stand::Open { .. } => prop_assert!(admitted.is_none()),
                            Stand::HalfOpen => {
                                prop_assert_eq!(admitted.is_some(), probe.is_none());
                                probe = probe.or(admitted);
                            }
                        }
                        under_way.extend(admitted);
                    }
                    Step::Wait(ms) => now += Duration::from_millis(ms),
                    Step::Answered(at) | Step::Succeeded(at) | Step::Failed(at) | Step::Dropped(at) => {
                        if under_way.is_empty() {
                            continue;
                        }
                        let at = at % under_way.len();
                        let is_probe = probe == Some(under_way[at]);
                        if let Step::Answered(_) = step {
                            breaker.answered(&mut under_way[at]);
                        } else {
                            let pass = under_way.swap_remove(at);
                            match step {
                                Step::Succeeded(_) => breaker.succeeded(pass),
                                Step::Failed(_) => breaker.failed(pass, now),
                                _ => breaker.dropped(pass),
                            }
                        }
                        if is_probe {
                            probe = None;
                        } else if before == Stand::HalfOpen {
                            prop_assert_eq!(breaker.stand(now), Stand::HalfOpen, "only the one that tries decides");
                        }
                    }
                }
                if let Stand::Open { until } = breaker.stand(now) {
                    prop_assert!(until - now <= Duration::from_millis(SETTINGS.open_max_ms));
                }
            }
            // It never locks up: when all calls have ended and time has passed, a good one closes it.
            under_way.into_iter().for_each(|pass| breaker.dropped(pass));
            now += Duration::from_millis(SETTINGS.open_max_ms);
            let pass = breaker.admit(now);
            prop_assert!(pass.is_some());
            breaker.succeeded(pass.unwrap());
            prop_assert_eq!(breaker.stand(now), Stand::Closed);
        }
    }
}
