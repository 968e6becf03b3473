//! Figures as clients see them.

use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::histogram::Histogram;
use super::store::{DayRow, Days, ShareRow};
use crate::error::FieldError;

/// What is summed by day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all(serialize = "camelCase"))]
pub struct Sums {
    /// What one said, whatever became of it: deleted ones too.
    pub messages: i64,
    /// Messages that characters said as one asked.
    pub replies: i64,
    /// Calls to models, for whatever: replies, summaries, moderation, speech.
    pub calls: i64,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    /// Millionths of a US dollar.
    pub cost_micros: i64,
    pub credits_spent: i64,
    pub credits_bought: i64,
    /// With the plan, or as a present.
    pub credits_received: i64,
    /// That one began.
    pub conversations: i64,
    /// Of all together: accounts that were made.
    #[serde(skip_serializing)]
    pub accounts: i64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.replies += other.replies;
        self.calls += other.calls;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.cost_micros += other.cost_micros;
        self.credits_spent += other.credits_spent;
        self.credits_bought += other.credits_bought;
        self.credits_received += other.credits_received;
        self.conversations += other.conversations;
        self.accounts += other.accounts;
    }
}

/// Up to today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub enum Timeframe {
    #[default]
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
    #[serde(rename = "90d")]
    Quarter,
}

impl Timeframe {
    /// Today included.
    #[must_use]
    pub fn days(self) -> i32 {
        match self {
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
        }
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimeframeParams {
    /// `7d` (without it), `30d` or `90d`: so many days up to today.
    timeframe: Option<String>,
}

impl TimeframeParams {
    pub(super) fn checked(&self) -> Result<Timeframe, FieldError> {
        match self.timeframe.as_deref() {
            None | Some("") => Ok(Timeframe::default()),
            Some("7d") => Ok(Timeframe::Week),
            Some("30d") => Ok(Timeframe::Month),
            Some("90d") => Ok(Timeframe::Quarter),
            Some(_) => Err(FieldError::new("timeframe", "takes 7d, 30d or 90d")),
        }
    }
}

/// How long the first token of a reply took, in milliseconds, within 9 %; null where none came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FirstTokenView {
    pub p50: Option<u32>,
    pub p95: Option<u32>,
}

impl From<&Histogram> for FirstTokenView {
    fn from(histogram: &Histogram) -> Self {
        Self { p50: histogram.quantile(50), p95: histogram.quantile(95) }
    }
}

/// One day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DayView {
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    #[serde(flatten)]
    pub sums: Sums,
    /// Characters that replied.
    pub characters: i64,
    pub first_token_ms: FirstTokenView,
    #[serde(skip)]
    pub active: i64,
}

/// All days together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TotalsView {
    #[serde(flatten)]
    pub sums: Sums,
    pub first_token_ms: FirstTokenView,
    /// Days on which anything was said.
    pub active_days: i64,
}

/// What a character said, of all that characters said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShareView {
    pub character_id: Uuid,
    /// Null where it is gone.
    pub name: Option<String>,
    /// Where it is found; null where it is gone.
    pub slug: Option<String>,
    /// What it said.
    pub messages: i64,
    /// Of all replies, in percent with one decimal.
    #[schema(value_type = f64, example = 42.5)]
    pub share: Percent,
}

/// Thousandths, told as percent: so that what is equal is equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(i64);

impl Percent {
    #[must_use]
    pub fn of(part: i64, whole: i64) -> Self {
        Self(if whole > 0 { (part * 1_000 + whole / 2) / whole } else { 0 })
    }
}

impl Serialize for Percent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[allow(clippy::cast_precision_loss)] // At most a thousand.
        serializer.serialize_f64(self.0 as f64 / 10.0)
    }
}

/// Figures of a span of days: each of them, also those on which nothing was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AnalyticsView {
    pub timeframe: Timeframe,
    #[schema(value_type = String, format = Date)]
    pub from: Date,
    /// Today, which is included.
    #[schema(value_type = String, format = Date)]
    pub to: Date,
    pub days: Vec<DayView>,
    pub totals: TotalsView,
    /// Those that said most, at most ten.
    pub characters: Vec<ShareView>,
}

pub(super) fn share(row: ShareRow, of: i64) -> ShareView {
    let ShareRow { character_id, name, slug, replies } = row;
    ShareView { character_id, name, slug, messages: replies, share: Percent::of(replies, of) }
}

impl AnalyticsView {
    pub(super) fn new(timeframe: Timeframe, found: Days) -> Self {
        let Days { from, to, rows, first_tokens, characters, replies } = found;
        let (mut rows, mut first_tokens) = (rows.into_iter().peekable(), first_tokens.into_iter().peekable());
        let (mut all, mut totals) = (Histogram::default(), TotalsView::default());
        let mut days = Vec::new();
        for date in from.series(1.day()).take_while(|date| *date <= to) {
            let row = rows.next_if(|row| row.day == date);
            let histogram = first_tokens.next_if(|(day, _)| *day == date).map(|(_, histogram)| histogram);
            let histogram = histogram.unwrap_or_default();
            all.merge(&histogram);
            let (sums, active, characters) = match row {
                Some(DayRow { sums, active, characters, .. }) => (sums, active, characters),
                None => (Sums::default(), 0, 0),
            };
            totals.sums.add(&sums);
            totals.active_days += i64::from(sums.messages > 0);
            days.push(DayView { date, sums, characters, first_token_ms: (&histogram).into(), active });
        }
        totals.first_token_ms = (&all).into();
        let characters = characters.into_iter().map(|row| share(row, replies)).collect();
        Self { timeframe, from, to, days, totals, characters }
    }
}

/// What came of a day or a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpanView {
    pub messages: i64,
    pub replies: i64,
    /// Of prompts and answers.
    pub tokens: i64,
    /// That were spent.
    pub credits: i64,
}

impl From<&Sums> for SpanView {
    fn from(sums: &Sums) -> Self {
        Self {
            messages: sums.messages,
            replies: sums.replies,
            tokens: sums.prompt_tokens + sums.completion_tokens,
            credits: sums.credits_spent,
        }
    }
}

/// At a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuickStatsView {
    pub messages_today: i64,
    /// Ever said, and to each of which a row of the log belonged.
    pub messages_total: i64,
    pub replies_total: i64,
    /// That one is in.
    pub conversations: i64,
    /// That ever replied.
    pub characters: i64,
    /// Credits that can be spent now.
    pub credits: i64,
    /// Days in a row on which one said something, up to today or yesterday.
    pub streak_days: i64,
    /// As of when.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeframe_is_one_of_three() {
        let of = |text: Option<&str>| TimeframeParams { timeframe: text.map(str::to_owned) }.checked();
        assert_eq!(of(None), Ok(Timeframe::Week));
        assert_eq!(of(Some("90d")).map(Timeframe::days), Ok(90));
        for text in ["8d", "7", "d7", "7D", "-7d", "1y", "7d "] {
            assert_eq!(of(Some(text)).unwrap_err().field, "timeframe", "{text}");
        }
    }

    #[test]
    fn every_day_is_told_also_those_on_which_nothing_was() {
        let day = |day: i8| Date::new(2026, 3, day).unwrap();
        let row = |at: i8, messages: i64| DayRow {
            day: day(at),
            sums: Sums { messages, replies: 1, ..Sums::default() },
            active: 0,
            characters: 1,
        };
        let mut histogram = Histogram::default();
        histogram.add(20, 3);
        let found = Days {
            from: day(25),
            to: day(31),
            rows: vec![row(26, 2), row(29, 0), row(31, 5)],
            first_tokens: vec![(day(29), histogram.clone())],
            characters: vec![ShareRow { character_id: Uuid::nil(), name: None, slug: None, replies: 2 }],
            replies: 3,
        };
        let view = AnalyticsView::new(Timeframe::Week, found);
        let messages: Vec<i64> = view.days.iter().map(|day| day.sums.messages).collect();
        assert_eq!(messages, [0, 2, 0, 0, 0, 0, 5]);
        assert_eq!((view.totals.sums.messages, view.totals.sums.replies, view.totals.active_days), (7, 3, 2));
        assert_eq!(view.totals.first_token_ms, (&histogram).into());
        assert_eq!(view.days[4].first_token_ms, view.totals.first_token_ms);
        assert_eq!(serde_json::to_value(&view.characters[0]).unwrap()["share"], 66.7);
        let told = serde_json::to_value(&view).unwrap();
        assert_eq!((&told["timeframe"], &told["days"][1]["date"]), (&"7d".into(), &"2026-03-26".into()));
        assert!(told["totals"].get("accounts").is_none(), "that is for admins");
    }
}
