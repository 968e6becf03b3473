//! What a stored message counts, and the word to its user's devices when it takes a limit to where they should know.
//!
//! Each commit says what its meters stand at, by the database's count, so a crossing is that of one message: told once, by
//! the node that stored it, however many devices and nodes the user is on.

use std::sync::Arc;

use jiff::Timestamp;

use super::quota::Settled;
use super::{State, User};
use crate::domain::{Alarm, MessageKind, Plan, Scope, UsageLine};
use crate::ports::UserRecord;
use crate::protocol::{Notification, NotificationLevel, UserEvent};

impl User {
    pub(super) async fn settled(&self, state: &mut State, settled: Vec<Settled>) {
        let counts: Vec<_> = settled.into_iter().map(|one| (one.key, state.quota.settle(one))).collect();
        if state.record.is_none() && self.ready(state).await.is_err() {
            // The account is gone, or the database is: there is nobody to tell, or nothing known to tell.
            return;
        }
        let Some(record) = state.record.clone() else { return };
        let now = self.context.ports.clock.now();
        let day = now.to_zoned(record.time_zone.clone()).date();
        let percent = self.context.settings.room.quota_warning_percent;
        for (key, used) in counts {
            let Some((limit, window)) = record.plan.limit(key.scope) else { continue };
            let Some(alarm) = Alarm::crossed(used, limit, percent) else { continue };
            if key.period != window.period(day) {
                // It was sent before midnight and stored after: a new count has begun.
                continue;
            }
            let resets_at = window.resets_at(now, &record.time_zone);
            let line = UsageLine { scope: key.scope, window, used, limit, resets_at };
            let usage = Arc::new(state.quota.usage(&record.plan, state.id, now, &record.time_zone));
            let fanout = &self.context.ports.fanout;
            let told = notification(alarm, &line, &record);
            fanout.to_user(state.id, UserEvent::Quota { usage, alarm, line }, None);
            fanout.to_user(state.id, UserEvent::Notification(Arc::new(told)), None);
        }
    }
}

fn notification(alarm: Alarm, line: &UsageLine, record: &UserRecord) -> Notification {
    let what = what(line.scope, line.limit);
    let from = line.resets_at.map_or_else(String::new, |at| from(at, record));
    let UsageLine { used, limit, .. } = line;
    let Plan { name, .. } = &*record.plan;
    let (title, level, body) = match alarm {
        Alarm::Warning => (
            "Most of your messages are used",
            NotificationLevel::Info,
            format!("{used} of the {limit} {what} of the plan \u{201c}{name}\u{201d} are used.{from}"),
        ),
        Alarm::Reached => (
            "Your messages are used up",
            NotificationLevel::Warning,
            format!("All {limit} {what} of the plan \u{201c}{name}\u{201d} are used.{from}"),
        ),
    };
    Notification { kind: alarm.as_str().to_owned(), title: title.to_owned(), body, level }
}

fn what(scope: Scope, limit: u32) -> &'static str {
    match (scope, limit) {
        (Scope::Daily, 1) => "message a day",
        (Scope::Daily, _) => "messages a day",
        (Scope::Character(_, MessageKind::Text), _) => "text messages to this character",
        (Scope::Character(_, MessageKind::Audio), _) => "audio messages to this character",
        (Scope::Character(_, MessageKind::Media), _) => "messages with media to this character",
    }
}

/// When it counts anew, by the user's clock.
fn from(at: Timestamp, record: &UserRecord) -> String {
    at.to_zoned(record.time_zone.clone()).strftime(" They count anew from %Y-%m-%d %H:%M (%Q).").to_string()
}
