//! What a comparison did and found.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Lines of each list; beyond, they are only counted.
const LINES_MAX: usize = 200;
/// Characters of what is said of one.
const MESSAGE_MAX_CHARS: usize = 300;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    Events,
    Subscription,
    Payment,
    Person,
    Ledger,
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    pub subject: Subject,
    /// Of the event, subscription, payment intent or user.
    pub id: String,
    pub message: String,
}

/// How many were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    pub events: usize,
    pub subscriptions: usize,
    pub payments: usize,
    pub people: usize,
    /// Of the credit ledger.
    pub transfers: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    pub checked: Checked,
    /// How many were mended, and the first of them.
    pub repaired_count: usize,
    pub repaired: Vec<Finding>,
    /// How many somebody has to look at, and the first of them.
    pub found_count: usize,
    pub found: Vec<Finding>,
    /// Why what lies at Stripe was not compared to its end; null where it was.
    pub incomplete: Option<String>,
    /// Where the next run goes on settling people; null: all have had their turn.
    pub people_after: Option<Uuid>,
}

impl Report {
    pub(super) fn repair(&mut self, subject: Subject, id: &str, message: &str) {
        self.repaired_count += 1;
        add(&mut self.repaired, subject, id, message);
    }

    pub(super) fn find(&mut self, subject: Subject, id: &str, message: &str) {
        self.found_count += 1;
        add(&mut self.found, subject, id, message);
    }

    /// To the log and the metrics.
    pub(super) fn record(&self) {
        metrics::gauge!("greenroom_reconciliation_findings")
            .set(u32::try_from(self.found_count).unwrap_or(u32::MAX));
        metrics::counter!("greenroom_reconciliation_repairs_total")
            .increment(u64::try_from(self.repaired_count).unwrap_or(u64::MAX));
        if self.found_count > 0 {
            tracing::warn!(
                findings = self.found_count,
                repaired = self.repaired_count,
                "the books do not agree"
            );
        } else if self.repaired_count > 0 {
            tracing::info!(repaired = self.repaired_count, "the books were mended");
        }
        if let Some(reason) = &self.incomplete {
            tracing::warn!(reason, "the books were not compared to their end");
        }
    }
}

fn add(lines: &mut Vec<Finding>, subject: Subject, id: &str, message: &str) {
    if lines.len() < LINES_MAX {
        let message = message.chars().take(MESSAGE_MAX_CHARS).collect();
        lines.push(Finding { subject, id: id.to_owned(), message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_what_it_has_no_room_for() {
        let mut report = Report::default();
        for number in 0..LINES_MAX + 5 {
            report.find(Subject::Payment, &number.to_string(), &"é".repeat(MESSAGE_MAX_CHARS + 1));
        }
        assert_eq!((report.found_count, report.found.len()), (LINES_MAX + 5, LINES_MAX));
        assert_eq!(report.found[0].message.chars().count(), MESSAGE_MAX_CHARS);
        assert_eq!(report.repaired_count, 0);
    }

    #[test]
    fn a_report_of_an_older_server_is_still_read() {
        let report: Report = serde_json::from_str(r#"{"foundCount": 2, "more": true}"#).unwrap();
        assert_eq!(report.found_count, 2);
    }
}
