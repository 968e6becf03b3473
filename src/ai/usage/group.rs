//! What is asked of the accounts: which days, whose, by what they are grouped, and where a page of them goes on.

use greenroom_actors::domain::Purpose;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Group;
use crate::error::FieldError;
use crate::http::{Days, PageQuery};

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
        let Days { from, to } = Days::parse(from.as_deref(), to.as_deref(), now)?;
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
