//! The rules of codes, without a database: when one may be sent, and what a guess is worth.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::OtpSettings;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// When the next code may go to a number; `None` for at once. `sent` are its last sends, the newest first: those of an
/// hour, of which `sends_per_hour` are enough.
#[must_use]
pub fn next_send(sent: &[Timestamp], now: Timestamp, otp: &OtpSettings) -> Option<Timestamp> {
    let pause = SignedDuration::from_secs(i64::from(otp.send_pause_s));
    let after_last = sent.first().map(|newest| *newest + pause);
    let per_hour = otp.sends_per_hour as usize;
    let after_hour = per_hour.checked_sub(1).and_then(|nth| sent.get(nth)).map(|oldest| *oldest + HOUR);
    after_last.max(after_hour).filter(|next| *next > now)
}

/// From `now` to `then`; nothing if that has passed.
#[must_use]
pub fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

/// A code as it stands after a guess was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// This guess included.
    pub tries: u32,
    pub expires_at: Timestamp,
    pub used: bool,
}

/// What a guess is worth. All but `Right` look the same from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    Right,
    Wrong,
    /// Nobody asked for a code, or its time is over.
    Expired,
    Used,
    /// Guessed too often: it is compared no more.
    Spent,
}

impl Guess {
    /// How the history calls it; `None` for a right one.
    #[must_use]
    pub fn why(self) -> Option<&'static str> {
        match self {
            Self::Right => None,
            Self::Wrong => Some("wrong_code"),
            Self::Expired => Some("expired_code"),
            Self::Used => Some("used_code"),
            Self::Spent => Some("too_many_guesses"),
        }
    }
}

/// Judges a guess. `same` is whether it equals the code; it counts only where the code is to be compared at all.
#[must_use]
pub fn judge(kept: Kept, now: Timestamp, same: bool, tries_max: u32) -> Guess {
    if kept.expires_at <= now {
        Guess::Expired
    } else if kept.used {
        Guess::Used
    } else if kept.tries > tries_max {
        Guess::Spent
    } else if same {
        Guess::Right
    } else {
        Guess::Wrong
    }
}

/// Whether a sign-up's password counts when its code is proved. It does not where, while another code of this number
/// was still good, somebody else asked for this one: its owner would type the newest code and so take a stranger's
/// password for the account.
#[must_use]
pub fn keeps_password(pending_from: Option<&str>, from: &str) -> bool {
    pending_from.is_none_or(|earlier| earlier == from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn next(sent: &[i64], now: i64) -> Option<Timestamp> {
        let sent: Vec<Timestamp> = sent.iter().copied().map(at).collect();
        next_send(&sent, at(now), &OtpSettings::default())
    }

    #[test]
    fn one_goes_out_a_minute_and_five_an_hour() {
        assert_eq!(next(&[], 0), None);
        assert_eq!(next(&[0], 0), Some(at(60)));
        assert_eq!(next(&[0], 59), Some(at(60)));
        assert_eq!(next(&[0], 60), None);
        assert_eq!(next(&[180, 120, 60, 0], 240), None);
        assert_eq!(next(&[240, 180, 120, 60, 0], 300), Some(at(3_600)));
        assert_eq!(next(&[3_599, 180, 120, 60, 0], 3_600), Some(at(3_659)), "the later of the two");
        assert_eq!(until(at(60), at(59)), Duration::from_secs(1));
        assert_eq!(until(at(60), at(61)), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_another_node_was_ahead_of_lets_nothing_through() {
        assert_eq!(next(&[5], 0), Some(at(65)));
    }

    #[test]
    fn a_guess_is_right_once_in_time_and_within_the_tries() {
        let kept = Kept { tries: 5, expires_at: at(300), used: false };
        assert_eq!(judge(kept, at(299), true, 5), Guess::Right);
        assert_eq!(judge(kept, at(299), false, 5), Guess::Wrong);
        assert_eq!(judge(kept, at(300), true, 5), Guess::Expired);
        assert_eq!(judge(Kept { tries: 6, ..kept }, at(0), true, 5), Guess::Spent);
        assert_eq!(judge(Kept { used: true, ..kept }, at(0), true, 5), Guess::Used);
    }

    #[test]
    fn a_strangers_password_does_not_slip_in_beside_a_pending_code() {
        assert!(keeps_password(None, "10.0.0.1"));
        assert!(keeps_password(Some("10.0.0.1"), "10.0.0.1"));
        assert!(!keeps_password(Some("10.0.0.2"), "10.0.0.1"));
    }
}
