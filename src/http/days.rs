//! `from` and `to` of what is told by days.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::error::FieldError;

/// Days that one question may span.
const DAYS_MAX: i32 = 400;
/// Days without `from`, the last one included.
const DAYS_DEFAULT: i32 = 30;

/// Days of UTC, the first and the last included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    pub from: Date,
    pub to: Date,
}

impl Days {
    /// Each end is a day, or a moment in it. Without `to`: up to today; without `from`: thirty days.
    pub fn parse(from: Option<&str>, to: Option<&str>, now: Timestamp) -> Result<Self, FieldError> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let to = to.map_or(Ok(today), |text| day("to", text))?;
        let first = || to.checked_sub((DAYS_DEFAULT - 1).days()).unwrap_or(to);
        let from = from.map_or_else(|| Ok(first()), |text| day("from", text))?;
        if from > to {
            return Err(FieldError::new("from", "is after to"));
        }
        if (to - from).get_days() >= DAYS_MAX {
            return Err(FieldError::new("from", "is too far from to: 400 days at most"));
        }
        Ok(Self { from, to })
    }
}

/// A day, or the day of UTC that a moment is in.
fn day(field: &'static str, text: &str) -> Result<Date, FieldError> {
    let text = text.trim();
    let moment = || text.parse::<Timestamp>().ok().map(|at| at.to_zoned(TimeZone::UTC).date());
    let plain = || text.parse::<Date>().ok().filter(|_| text.len() == 10);
    moment()
        .or_else(plain)
        .filter(|day| (1970..=9_000).contains(&day.year()))
        .ok_or_else(|| FieldError::new(field, "takes a day such as 2026-01-31, or a time with its zone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(from: &str, to: &str) -> Result<(String, String), String> {
        let text = |text| Some(text).filter(|text: &&str| !text.is_empty());
        Days::parse(text(from), text(to), "2026-03-10T23:59:59Z".parse().unwrap())
            .map(|days| (days.from.to_string(), days.to.to_string()))
            .map_err(|error| format!("{} {}", error.field, error.message))
    }

    #[test]
    fn without_a_range_it_is_the_thirty_days_up_to_today() {
        assert_eq!(of("", "").unwrap(), ("2026-02-09".to_owned(), "2026-03-10".to_owned()));
        assert_eq!(of("", "2026-01-31").unwrap().0, "2026-01-02");
        assert_eq!(of("2026-03-10", "").unwrap().0, "2026-03-10", "one day is a range");
        // A moment is a day of UTC.
        assert_eq!(of("2026-03-01T23:30:00-05:00", "").unwrap().0, "2026-03-02");
    }

    #[test]
    fn a_range_that_cannot_be_is_refused_by_its_field() {
        for (from, to, field) in [
            ("2026-03-11", "2026-03-10", "from"),
            ("2025-02-03", "2026-03-10", "from"),
            ("yesterday", "", "from"),
            ("", "2026-02-30", "to"),
            ("", "2026-3-1", "to"),
            ("0001-01-01", "0001-01-02", "to"),
            ("2026-03-01T10:00:00", "", "from"),
        ] {
            assert!(of(from, to).unwrap_err().starts_with(field), "{from} {to}");
        }
        assert!(of("2025-02-04", "2026-03-10").is_ok(), "400 days");
    }
}
