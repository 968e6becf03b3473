//! What a user may use, how much of it is used, and where it gets close.

use std::collections::HashMap;

use greenroom_actors::domain::{MessageKind, Plan, Scope, Usage, Window};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::billing::ledger::BalanceView;
use crate::conversations::view::wire_time;

/// Of those that count per character: the most used first.
const LINES_MAX: usize = 50;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum LimitName {
    /// All messages of a day.
    MessagesPerDay,
    /// Messages of one kind to one character.
    MessagesPerCharacter,
    /// Credits of the plan's period, and those that were bought or given.
    Credits,
    /// Bytes of one's files, as uploads are judged: with what was made of them, without what is in galleries.
    Storage,
    /// Avatars that one has; those whose writing failed are none.
    Avatars,
    /// Pictures and videos that are being made.
    ContentUnderWay,
}

/// How close it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// Most of it is used.
    Warning,
    /// All of it is.
    Reached,
}

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitView {
    pub name: LimitName,
    /// For a person to read.
    #[schema(example = "Text messages to Vera")]
    pub title: String,
    pub used: i64,
    /// Null is no limit.
    pub limit: Option<i64>,
    /// Of the limit, rounded down; above 100 where it was lowered since. Null without one.
    pub percent: Option<i64>,
    /// When it counts anew; null where it never does.
    pub resets_at: Option<Timestamp>,
    pub level: Level,
    /// Of messages per character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<Uuid>,
}

/// All of them: those that are reached or nearly so first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LimitsView {
    #[schema(example = "free")]
    pub plan: String,
    pub items: Vec<LimitView>,
}

impl LimitView {
    fn new(name: LimitName, title: String, used: i64, limit: Option<i64>, warning_percent: u8) -> Self {
        let percent = limit.map(|limit| if limit > 0 { used.saturating_mul(100) / limit } else { 100 });
        let level = match (percent, limit) {
            (Some(_), Some(limit)) if used >= limit => Level::Reached,
            (Some(percent), _) if percent >= i64::from(warning_percent) => Level::Warning,
            _ => Level::Ok,
        };
        Self { name, title, used, limit, percent, resets_at: None, level, character_id: None }
    }
}

/// What the limits are made of.
pub(super) struct Parts<'a> {
    pub plan: &'a Plan,
    pub usage: &'a Usage,
    pub names: &'a HashMap<Uuid, String>,
    pub balance: BalanceView,
    pub own: Own,
    /// Pictures and videos that one may have under way.
    pub content_open_max: u32,
    pub warning_percent: u8,
}

/// What one has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// Of files.
    pub bytes: u64,
    pub avatars: u64,
    pub content_open: u64,
}

impl LimitsView {
    pub(super) fn new(parts: &Parts<'_>) -> Self {
        let Parts { plan, usage, balance, own, content_open_max, warning_percent, .. } = *parts;
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut items: Vec<LimitView> = messages(parts);
        items.sort_by_key(|item| std::cmp::Reverse(item.percent));
        items.truncate(LINES_MAX);
        // What was left of the period's credits and is spent, of all that there was to spend.
        let credits = i64::from(plan.credits).max(balance.plan) + balance.own;
        if credits > 0 {
            let used = (credits - balance.available).max(0);
            let title = "Credits".to_owned();
            let mut item = LimitView::new(LimitName::Credits, title, used, Some(credits), warning_percent);
            item.resets_at = balance.plan_ends_at.map(wire_time);
            items.push(item);
        }
        let mut add = |name, title: &str, used, most: Option<i64>| {
            items.push(LimitView::new(name, title.to_owned(), whole(used), most, warning_percent));
        };
        add(LimitName::Storage, "Files", own.bytes, plan.media_bytes.map(whole));
        // A plan that has none has no limit of them, unless they are left of another one.
        if plan.avatars > 0 || own.avatars > 0 {
            add(LimitName::Avatars, "Avatars", own.avatars, Some(plan.avatars.into()));
        }
        let most = Some(content_open_max.into());
        add(LimitName::ContentUnderWay, "Pictures and videos under way", own.content_open, most);
        items.sort_by_key(|item| std::cmp::Reverse(item.level));
        Self { plan: usage.plan.to_string(), items }
    }
}

fn messages(parts: &Parts<'_>) -> Vec<LimitView> {
    let line = |line: &greenroom_actors::domain::UsageLine| {
        let (name, title, character) = match line.scope {
            Scope::Daily => (LimitName::MessagesPerDay, "Messages today".to_owned(), None),
            Scope::Character(character, kind) => {
                let kind = match kind {
                    MessageKind::Text => "Text messages",
                    MessageKind::Audio => "Audio messages",
                    MessageKind::Media => "Messages with media",
                };
                let when = match line.window {
                    Window::Lifetime => "",
                    Window::Day => " today",
                    Window::Month => " this month",
                };
                let id = character.uuid();
                let to = parts.names.get(&id).map_or("a character", String::as_str);
                (LimitName::MessagesPerCharacter, format!("{kind} to {to}{when}"), Some(id))
            }
        };
        let (used, limit) = (i64::from(line.used), i64::from(line.limit));
        let mut item = LimitView::new(name, title, used, Some(limit), parts.warning_percent);
        item.resets_at = line.resets_at.map(wire_time);
        item.character_id = character;
        item
    };
    parts.usage.lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_says_how_close_it_is() {
        let level = |used, limit| LimitView::new(LimitName::Credits, String::new(), used, limit, 80).level;
        assert_eq!(level(0, Some(10)), Level::Ok);
        assert_eq!(level(79, Some(100)), Level::Ok);
        assert_eq!(level(8, Some(10)), Level::Warning);
        assert_eq!(level(10, Some(10)), Level::Reached);
        assert_eq!(level(12, Some(10)), Level::Reached);
        assert_eq!(level(0, Some(0)), Level::Reached);
        assert_eq!(level(i64::MAX, None), Level::Ok);
    }
}
