//! Whether an account that has proved who it is may go on, and what it is told if not: one answer for all ways in.

use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::{SignedDuration, Timestamp};

use super::store::Account;

/// When a deactivated account is to be erased, `days` after it was deactivated.
pub(super) fn erases_at(deactivated_at: Timestamp, days: u32) -> Timestamp {
    let wait = SignedDuration::from_hours(24 * i64::from(days));
    deactivated_at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// A word for the history, and what is told: only after the right password, code or token. A stranger hears neither.
pub(super) fn refused(account: &Account, erase_after_days: u32) -> Option<(&'static str, Refusal)> {
    let (why, message) = if account.blocked {
        let message = match &account.blocked_why {
            Some(reason) => format!("this account is blocked: {reason}"),
            None => "this account is blocked".to_owned(),
        };
        ("blocked", message)
    } else {
        let until = erases_at(account.deactivated_at?, erase_after_days);
        let day = until.strftime("%Y-%m-%d %H:%M UTC");
        ("deactivated", format!("this account is deactivated: an admin can bring it back until {day}"))
    };
    Some((why, Refusal::new(RefusalCode::Forbidden, message)))
}
