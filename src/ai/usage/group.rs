//! What is asked of the accounts: which days, whose, by what they are grouped, and where a page of them goes on.

use greenroom_actors::domain::Purpose;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Group;
use crate::error::FieldError;
use crate::http::PageQuery;

/// Days that one question may span.
const DAYS_MAX: i32 = 400;
/// Days without `from`, today included.
const DAYS_DEFAULT: i32 = 30;
/// Characters of a provider's or a model's name.
const NAME_MAX_CHARS: usize = 200;

/// What calls have in common that are summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// Of UTC.
    #[default]
    Day,
    User,
    Character,
    Model,
    Provider,
    Purpose,
}

/// As it is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct UsageParams {
    /// The first day, as `2026-01-31`, or a moment in it; 29 days before `to` without it.
    from: Option<String>,
    /// The last day, which is included; today (UTC) without it. At most 400 days in all.
    to: Option<String>,
    /// `day` (without it), `user`, `character`, `model`, `provider` or `purpose`.
    #[param(inline)]
    group_by: Option<GroupBy>,
    /// A user's id: only that one's calls.
    user: Option<Uuid>,
    /// A character's id.
    character: Option<Uuid>,
    provider: Option<String>,
    model: Option<String>,
    /// What the calls were for: `reply`, `completion`, `summary`, `moderation`, `speech`, `transcription` or `test`.
    purpose: Option<String>,
}

/// The same, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageFilter {
    pub from: Date,
    /// Included.
    pub to: Date,
    pub by: GroupBy,
    pub user: Option<Uuid>,
    pub character: Option<Uuid>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub purpose: Option<String>,
}

impl UsageParams {
    pub(super) fn checked(self, now: Timestamp) -> Result<UsageFilter, FieldError> {
        let Self { from, to, group_by, user, character, provider, model, purpose } = self;
        let today = now.to_zoned(TimeZone::UTC).date();
        let to = to.map_or(Ok(today), |text| day("to", &text))?;
        let first = || to.checked_sub((DAYS_DEFAULT - 1).days()).unwrap_or(to);
        let from = from.map_or_else(|| Ok(first()), |text| day("from", &text))?;
        if from > to {
            return Err(FieldError::new("from", "is after to"));
        }
        if (to - from).get_days() >= DAYS_MAX {
            return Err(FieldError::new("from", "is too far from to: 400 days at most"));
        }
        let purpose = name("purpose", purpose)?;
        let known = |purpose: &String| Purpose::ALL.iter().any(|(_, known)| known == purpose);
        if purpose.as_ref().is_some_and(|purpose| !known(purpose)) {
            let all: Vec<&str> = Purpose::ALL.iter().map(|(_, name)| *name).collect();
            return Err(FieldError::new("purpose", format!("takes {}", all.join(", "))));
        }
        Ok(UsageFilter {
            from,
            to,
            by: group_by.unwrap_or_default(),
            user,
            character,
            provider: name("provider", provider)?,
            model: name("model", model)?,
            purpose,
        })
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

fn name(field: &'static str, text: Option<String>) -> Result<Option<String>, FieldError> {
    let text = text.filter(|text| !text.is_empty());
    let fits = |text: &String| text.chars().count() <= NAME_MAX_CHARS && !text.chars().any(char::is_control);
    if text.as_ref().is_some_and(|text| !fits(text)) {
        return Err(FieldError::new(field, "takes at most 200 characters, none of them a control character"));
    }
    Ok(text)
}

/// Where a page ended: what it is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Micro-dollars, then tokens; nothing where days are listed, which go by themselves.
    pub cost: i64,
    pub tokens: i64,
    pub key: String,
}

impl Position {
    pub fn of(by: GroupBy, group: &Group) -> Self {
        let key = group.key.clone().unwrap_or_else(|| Uuid::nil().to_string());
        if by == GroupBy::Day {
            return Self { cost: 0, tokens: 0, key };
        }
        let sums = &group.sums;
        Self { cost: sums.cost_micros, tokens: sums.prompt_tokens + sums.completion_tokens, key }
    }

    pub fn write(&self) -> String {
        format!("{}.{}.{}", self.cost, self.tokens, self.key)
    }

    pub fn read(page: &PageQuery) -> Result<Option<Self>, FieldError> {
        let read = |text: &String| {
            let mut parts = text.splitn(3, '.');
            let mut number = || parts.next()?.parse().ok();
            let (cost, tokens) = (number()?, number()?);
            let key = parts.next().filter(|key| !key.contains('\0'))?.to_owned();
            Some(Self { cost, tokens, key })
        };
        let none_of_ours = || FieldError::new("cursor", "is none of this list");
        page.cursor.as_ref().map(|text| read(text).ok_or_else(none_of_ours)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(from: &str, to: &str) -> Result<(String, String), String> {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let params = UsageParams { from: text(from), to: text(to), ..UsageParams::default() };
        let filter = params.checked("2026-03-10T23:59:59Z".parse().unwrap());
        filter
            .map(|filter| (filter.from.to_string(), filter.to.to_string()))
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

    #[test]
    fn a_filter_that_cannot_be_is_refused() {
        let now = Timestamp::now();
        let purpose = |text: &str| UsageParams { purpose: Some(text.to_owned()), ..UsageParams::default() };
        assert!(purpose("reply").checked(now).is_ok());
        assert_eq!(purpose("fun").checked(now).unwrap_err().field, "purpose");
        let model = UsageParams { model: Some("a\0b".to_owned()), ..UsageParams::default() };
        assert_eq!(model.checked(now).unwrap_err().field, "model");
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_whatever_a_model_is_called() {
        let at =
            |text: &str| Position::read(&PageQuery { cursor: Some(text.to_owned()), ..PageQuery::default() });
        let position = Position { cost: 12, tokens: 7, key: "gpt-5.4-mini".to_owned() };
        assert_eq!(at(&position.write()).unwrap(), Some(position));
        for text in ["x", "1.2", "1.x.key", "1.2.a\0"] {
            assert!(at(text).is_err(), "{text:?}");
        }
    }
}
