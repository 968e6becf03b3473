//! A user's plan and what is used of it, as clients see it.

use greenroom_actors::domain::{Alarm, Scope, Usage, UsageLine, Window};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::MessageType;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UsageScope {
    Character,
    Daily,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UsageWindow {
    Lifetime,
    Day,
    Month,
}

/// One limit of the plan and how much of it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageLimitView {
    pub scope: UsageScope,
    /// With `scope` `character`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<Uuid>,
    /// With `scope` `character`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<MessageType>,
    pub window: UsageWindow,
    pub used: u32,
    pub limit: u32,
    /// Of the limit, rounded down; above 100 where the limit was lowered since.
    pub percent: u32,
    /// Null for a lifetime.
    pub resets_at: Option<Timestamp>,
}

impl From<&UsageLine> for UsageLimitView {
    fn from(line: &UsageLine) -> Self {
        let (scope, character_id, kind) = match line.scope {
            Scope::Character(character, kind) => {
                (UsageScope::Character, Some(character.uuid()), Some(MessageType::from(kind)))
            }
            Scope::Daily => (UsageScope::Daily, None, None),
        };
        let window = match line.window {
            Window::Lifetime => UsageWindow::Lifetime,
            Window::Day => UsageWindow::Day,
            Window::Month => UsageWindow::Month,
        };
        Self {
            scope,
            character_id,
            kind,
            window,
            used: line.used,
            limit: line.limit,
            percent: line.percent(),
            resets_at: line.resets_at,
        }
    }
}

/// A user's plan and what is used of its limits; an unlimited plan has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UsageView {
    pub plan: String,
    pub limits: Vec<UsageLimitView>,
}

impl From<&Usage> for UsageView {
    fn from(usage: &Usage) -> Self {
        Self { plan: usage.plan.to_string(), limits: usage.lines.iter().map(UsageLimitView::from).collect() }
    }
}

/// What a message took a limit to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageWarningView {
    /// `quota.warning` or `quota.reached`.
    code: &'static str,
    /// As it stands with that message.
    #[serde(flatten)]
    limit: UsageLimitView,
}

/// Usage, and the limit that its user is to be told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WarnedUsageView {
    #[serde(flatten)]
    usage: UsageView,
    warning: UsageWarningView,
}

impl WarnedUsageView {
    #[must_use]
    pub fn new(usage: &Usage, alarm: Alarm, line: &UsageLine) -> Self {
        let warning = UsageWarningView { code: alarm.as_str(), limit: line.into() };
        Self { usage: usage.into(), warning }
    }
}

#[cfg(test)]
mod tests {
    use greenroom_actors::domain::{CharacterId, MessageKind};
    use serde_json::json;

    use super::*;

    #[test]
    fn usage_looks_as_the_protocol_says() {
        let character = CharacterId::new();
        let usage = Usage {
            plan: "free".into(),
            lines: vec![UsageLine {
                scope: Scope::Character(character, MessageKind::Text),
                window: Window::Lifetime,
                used: 3,
                limit: 30,
                resets_at: None,
            }],
        };
        assert_eq!(
            serde_json::to_value(UsageView::from(&usage)).unwrap(),
            json!({"plan": "free", "limits": [{"scope": "character", "characterId": character.uuid(), "type": "text",
                "window": "lifetime", "used": 3, "limit": 30, "percent": 10, "resetsAt": null}]})
        );
    }
}
