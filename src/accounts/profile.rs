//! What a person changes about their account: names, words about themself, language, time zone, address.
//!
//! A new time zone counts from the next midnight in the present one: nobody gains a day's allowance by travelling. A new
//! e-mail address is unproved until its link was used, and links to the one before are void.

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::history::{AuthEvent, Happened};
use super::people::OnChanged;
use super::rules::{self, Email, Username};
use super::store::Account;
use super::{Accounts, Origin, Profile, store};
use crate::error::FieldError;
use crate::postgres::refusal;

/// What is to be changed, checked; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    pub(super) display_name: Option<String>,
    pub(super) bio: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) username: Option<Username>,
    pub(super) email: Option<Email>,
    time_zone: Option<String>,
}

/// The same as a client sends it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProfileFields<'a> {
    pub display_name: Option<&'a str>,
    pub bio: Option<&'a str>,
    pub locale: Option<&'a str>,
    pub username: Option<&'a str>,
    pub email: Option<&'a str>,
    pub time_zone: Option<&'a str>,
}

impl ProfileChange {
    /// Checks all fields and answers every one that is wrong.
    pub fn check(fields: &ProfileFields<'_>) -> Result<Self, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let change = Self {
            display_name: checked(fields.display_name, rules::display_name, &mut wrong),
            bio: checked(fields.bio, rules::bio, &mut wrong),
            locale: checked(fields.locale, rules::locale, &mut wrong),
            username: checked(fields.username, rules::username, &mut wrong),
            email: checked(fields.email, rules::email, &mut wrong),
            time_zone: checked(fields.time_zone, rules::time_zone, &mut wrong),
        };
        if wrong.is_empty() { Ok(change) } else { Err(wrong) }
    }

    /// The address that is to be the new one.
    #[must_use]
    pub fn email(&self) -> Option<&Email> {
        self.email.as_ref()
    }
}

fn checked<T>(
    text: Option<&str>,
    rule: impl FnOnce(&str) -> Result<T, FieldError>,
    wrong: &mut Vec<FieldError>,
) -> Option<T> {
    match rule(text?) {
        Ok(value) => Some(value),
        Err(error) => {
            wrong.push(error);
            None
        }
    }
}

/// Time zones as they are to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Zones {
    /// Holds now.
    pub present: String,
    /// Holds from then on.
    pub next: Option<(String, Timestamp)>,
}

impl Zones {
    /// A wish for `wanted` at `now`, where `present` holds.
    fn wish(present: &str, wanted: &str, now: Timestamp) -> Self {
        let next = (wanted != present).then(|| (wanted.to_owned(), next_midnight(present, now)));
        Self { present: present.to_owned(), next }
    }
}

/// When the day after that of `now` begins in this time zone; one that is not known counts as UTC, as it does for meters.
fn next_midnight(time_zone: &str, now: Timestamp) -> Timestamp {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    let day = now.to_zoned(zone.clone()).date();
    // Beyond the calendar's end there is no next day to wait for.
    day.tomorrow().and_then(|day| day.to_zoned(zone)).map_or(now, |zoned| zoned.timestamp())
}

impl Accounts {
    /// Changes the caller's account; `conflict` names what is taken.
    pub async fn change_profile(
        &self,
        user: UserId,
        change: &ProfileChange,
        origin: &Origin,
    ) -> Result<Profile, Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let before = store::lock(&transaction, user).await.map_err(|error| refusal(&error))?;
        let Some(before) = before.filter(Account::is_active) else {
            return Err(Refusal::new(RefusalCode::NotFound, "there is no such account"));
        };
        let now = store::now(&transaction).await.map_err(|error| refusal(&error))?;
        let zones =
            change.time_zone.as_deref().map(|wanted| Zones::wish(&before.profile.time_zone, wanted, now));
        let stored = store::profile::update(&transaction, user, change, zones.as_ref())
            .await
            .map_err(|error| refusal(&error))?;
        stored.map_err(super::register::taken)?;
        let after = store::by_id(&transaction, user).await.map_err(|error| refusal(&error))?;
        let Some(after) = after.map(|account| account.profile) else {
            return Err(Refusal::new(RefusalCode::NotFound, "there is no such account"));
        };
        let key = |profile: &Profile| profile.email.as_ref().map(|email| email.to_lowercase());
        if key(&before.profile) != key(&after) {
            let changed = Happened::new(user, AuthEvent::EmailChanged, origin);
            changed.record(&transaction).await.map_err(|error| refusal(&error))?;
            self.send_verification(&transaction, &after).await?;
        }
        transaction.commit().await.map_err(|error| refusal(&error))?;
        self.changed(user);
        Ok(after)
    }

    /// Sets who is told of changed accounts; once, before requests are answered.
    pub fn on_changed(&self, tell: OnChanged) {
        if self.0.on_changed.set(tell).is_err() {
            tracing::error!("changed accounts are told to somebody already");
        }
    }

    /// What the engine knows of a user has changed and is committed: this node reads it anew at once, the others when they
    /// hear of it. To be called on a runtime.
    pub fn changed(&self, user: UserId) {
        self.tell_changed(user);
        let accounts = self.clone();
        tokio::spawn(async move { accounts.notify_changed(user).await });
    }

    pub(super) fn tell_changed(&self, user: UserId) {
        if let Some(tell) = self.0.on_changed.get() {
            tell(user);
        }
    }

    /// Whether somebody may take this username: it is well-formed, nobody has it, and it is not ours. Where lookups are
    /// switched off, who has what is not looked at.
    pub async fn check_username(&self, text: &str) -> Result<Result<(), FieldError>, Refusal> {
        let username = match rules::username(text) {
            Ok(username) => username,
            Err(error) => return Ok(Err(error)),
        };
        if !self.0.config.auth.lookups {
            return Ok(Ok(()));
        }
        let client = self.client().await?;
        let taken =
            store::by_username(&client, &username.key).await.map_err(|error| refusal(&error))?.is_some();
        Ok(if taken { Err(FieldError::new("username", "is taken")) } else { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_new_time_zone_waits_for_midnight_in_the_present_one() {
        for (present, now, then) in [
            ("UTC", "2026-01-01T12:00:00Z", "2026-01-02T00:00:00Z"),
            ("Asia/Tokyo", "2026-01-01T16:00:00Z", "2026-01-02T15:00:00Z"),
            ("America/New_York", "2026-01-01T04:59:59Z", "2026-01-01T05:00:00Z"),
            // The clocks jump over midnight there on this day.
            ("America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z"),
            ("Atlantis/Nowhere", "2026-01-01T12:00:00Z", "2026-01-02T00:00:00Z"),
        ] {
            let zones = Zones::wish(present, "Europe/Berlin", at(now));
            assert_eq!(zones.next, Some(("Europe/Berlin".to_owned(), at(then))), "{present}");
        }
    }

    #[test]
    fn wishing_for_the_present_time_zone_changes_nothing() {
        let zones = Zones::wish("UTC", "UTC", at("2026-01-01T12:00:00Z"));
        assert_eq!(zones, Zones { present: "UTC".to_owned(), next: None });
        assert_eq!(next_midnight("UTC", Timestamp::MAX), Timestamp::MAX);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let (long, none) = ("x".repeat(501), "\u{0}");
        let fields = ProfileFields {
            display_name: Some(none),
            bio: Some(&long),
            locale: Some("_"),
            username: Some("a b"),
            email: Some("mira"),
            time_zone: Some("Mars/Olympus"),
        };
        let wrong = ProfileChange::check(&fields).unwrap_err();
        let wrong: Vec<&str> = wrong.iter().map(|error| error.field.as_ref()).collect();
        assert_eq!(wrong, ["displayName", "bio", "locale", "username", "email", "timeZone"]);
        assert!(ProfileChange::check(&ProfileFields::default()).is_ok());
    }
}
