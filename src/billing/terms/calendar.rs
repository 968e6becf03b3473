//! Spans of time: days of 24 hours, and calendar months that begin where they were begun.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// So many days of 24 hours later: no clock change makes one longer or shorter.
#[must_use]
pub fn days_after(start: Timestamp, days: u16) -> Timestamp {
    start.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX)
}

/// So many calendar months after `start`, in UTC: on its day, or on the last one of a shorter month. Always counted from the
/// start, so that a 31st comes back after February.
#[must_use]
pub fn months_after(start: Timestamp, months: u16) -> Timestamp {
    let start = start.to_zoned(TimeZone::UTC);
    start.checked_add(i64::from(months).months()).map_or(Timestamp::MAX, |end| end.timestamp())
}

/// The month since `start` that holds `now`, and where the next one begins. Before `start` it is the first one.
#[must_use]
pub fn month_of(start: Timestamp, now: Timestamp) -> (Timestamp, Timestamp) {
    let (first, day) = (start.to_zoned(TimeZone::UTC).date(), now.to_zoned(TimeZone::UTC).date());
    let between = (i32::from(day.year()) - i32::from(first.year())) * 12 + i32::from(day.month())
        - i32::from(first.month());
    let mut months = u16::try_from(between).unwrap_or(0);
    if months > 0 && months_after(start, months) > now {
        months -= 1;
    }
    (months_after(start, months), months_after(start, months.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_that_began_on_the_31st_comes_back_to_it() {
        let start = at("2024-01-31T10:00:00Z");
        let begins: Vec<_> = (0..4).map(|months| months_after(start, months).to_string()).collect();
        assert_eq!(
            begins,
            ["2024-01-31T10:00:00Z", "2024-02-29T10:00:00Z", "2024-03-31T10:00:00Z", "2024-04-30T10:00:00Z"]
        );
        assert_eq!(months_after(at("2023-01-31T10:00:00Z"), 1), at("2023-02-28T10:00:00Z"));
        assert_eq!(
            month_of(start, at("2024-02-29T09:59:59Z")),
            (start, at("2024-02-29T10:00:00Z")),
            "to the second"
        );
        assert_eq!(
            month_of(start, at("2024-02-29T10:00:00Z")),
            (at("2024-02-29T10:00:00Z"), at("2024-03-31T10:00:00Z"))
        );
    }

    #[test]
    fn a_year_that_began_on_a_leap_day_has_twelve_months() {
        let start = at("2024-02-29T00:00:00Z");
        assert_eq!(months_after(start, 12), at("2025-02-28T00:00:00Z"));
        assert_eq!(months_after(start, 48), at("2028-02-29T00:00:00Z"));
    }

    #[test]
    fn days_are_of_24_hours_across_leap_days_and_clock_changes() {
        assert_eq!(days_after(at("2024-02-28T12:00:00Z"), 2), at("2024-03-01T12:00:00Z"));
        assert_eq!(days_after(at("2026-03-28T23:30:00Z"), 1), at("2026-03-29T23:30:00Z"));
    }

    proptest! {
        #[test]
        fn each_moment_is_in_one_month_and_they_follow_one_another(
            start in 0_i64..4_000_000_000, later in 0_i64..1_000_000_000
        ) {
            let start = Timestamp::from_second(start).unwrap();
            let now = start + SignedDuration::from_secs(later);
            let (begin, end) = month_of(start, now);
            prop_assert!(begin <= now && now < end);
            prop_assert_eq!(month_of(start, begin), (begin, end));
            prop_assert_eq!(month_of(start, end).0, end);
        }
    }
}
