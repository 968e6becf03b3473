//! The judgement of a run: what must never happen, and whether it did.

use serde::Serialize;

use super::offsets::Tally;

/// So many examples of a failure are kept.
const MAX_EXAMPLES: usize = 10;

/// One thing that must hold.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub name: String,
    pub passed: bool,
    pub detail: String,
    pub examples: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    pub checks: Vec<Check>,
}

impl Verdict {
    pub fn check(&mut self, name: &str, passed: bool, detail: impl Into<String>) {
        self.checks.push(Check {
            name: name.to_owned(),
            passed,
            detail: detail.into(),
            examples: Vec::new(),
        });
    }

    /// Holds if no violation was found.
    pub fn none(&mut self, name: &str, violations: &[String], looked_at: &str) {
        self.checks.push(Check {
            name: name.to_owned(),
            passed: violations.is_empty(),
            detail: format!("{} in {looked_at}", violations.len()),
            examples: violations.iter().take(MAX_EXAMPLES).cloned().collect(),
        });
    }

    /// Loss, order and duplicates of the live events.
    pub fn events(&mut self, tally: Tally) {
        let of = |count: u64| format!("{count} of {} events", tally.events);
        self.check("no event lost", tally.lost == 0, of(tally.lost));
        self.check("no event twice", tally.duplicated == 0, of(tally.duplicated));
        self.check("no event out of order", tally.out_of_order == 0, of(tally.out_of_order));
    }

    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_check_fails_the_verdict_and_keeps_examples() {
        let mut verdict = Verdict::default();
        verdict.events(Tally { events: 5, ..Tally::default() });
        assert!(verdict.passed());
        let found: Vec<String> = (0..30).map(|n| format!("message {n}")).collect();
        verdict.none("each acked message is stored", &found, "5 rooms");
        assert!(!verdict.passed());
        assert_eq!(verdict.checks.last().unwrap().examples.len(), MAX_EXAMPLES);
    }
}
