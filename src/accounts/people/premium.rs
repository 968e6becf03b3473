//! Giving and taking the plan named `premium`: for a time, or until it is taken.

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::{SignedDuration, Timestamp};

use super::change::Acting;
use super::{People, Person, conflict};
use crate::accounts::Origin;
use crate::billing::terms::{self, Notice};
use crate::error::FieldError;
use crate::http::Caller;
use crate::postgres::refusal;

/// The plan that is meant.
const PREMIUM: &str = "premium";
/// Days that premium is given for at most: ten years.
const DAYS_MAX: i64 = 3_650;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Premium {
    Until(Timestamp),
    /// Counted from now, by the database's clock.
    Days(u32),
    /// Until it is taken.
    Lasting,
    Off,
}

impl Premium {
    /// From the fields of a request.
    pub fn check(on: bool, expires_at: Option<Timestamp>, days: Option<u32>) -> Result<Self, FieldError> {
        match (on, expires_at, days) {
            (true, Some(end), None) => Ok(Self::Until(end)),
            (true, None, Some(days)) if (1..=DAYS_MAX).contains(&i64::from(days)) => Ok(Self::Days(days)),
            (true, None, Some(_)) => Err(FieldError::new("days", "takes 1 to 3650")),
            (true, None, None) => Ok(Self::Lasting),
            (true, Some(_), Some(_)) => Err(FieldError::new("days", "does not go together with expiresAt")),
            (false, None, None) => Ok(Self::Off),
            (false, ..) => Err(FieldError::new("isPremium", "is false: then it takes no end")),
        }
    }

    /// When it ends; `None`: never by itself.
    fn end(self, now: Timestamp) -> Result<Option<Timestamp>, FieldError> {
        let longest = SignedDuration::from_hours(24 * DAYS_MAX);
        match self {
            Self::Until(end) if end <= now => Err(FieldError::new("expiresAt", "is over already")),
            Self::Until(end) if now.checked_add(longest).is_ok_and(|last| end > last) => {
                Err(FieldError::new("expiresAt", "is more than ten years away"))
            }
            Self::Until(end) => Ok(Some(end)),
            Self::Days(days) => Ok(now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()),
            Self::Lasting | Self::Off => Ok(None),
        }
    }
}

impl People {
    /// Gives or takes premium. After its end comes the plan that there was before, or the default one. What is bought of it
    /// while it runs goes on from its end; taking it takes what was bought too.
    pub async fn set_premium(
        &self,
        actor: &Caller,
        user: UserId,
        premium: Premium,
        origin: &Origin,
    ) -> Result<Person, Refusal> {
        if premium != Premium::Off && !self.has_plan(PREMIUM) {
            return Err(Refusal::new(
                RefusalCode::FeatureUnavailable,
                "this server does not offer it: there is no plan [plans.premium] in its settings",
            ));
        }
        let mut client = self.accounts.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let acting = self.begin(transaction, actor, user, origin).await?;
        let notices = match premium {
            Premium::Off => self.take_premium(&acting).await?,
            _ => self.give_premium(&acting, premium).await?,
        };
        self.end(acting, &notices).await
    }

    async fn give_premium(&self, acting: &Acting<'_>, premium: Premium) -> Result<Vec<Notice>, Refusal> {
        let before = &acting.before;
        let (transaction, user) = (&acting.transaction, acting.user());
        let end = premium.end(before.read_at)?;
        if before.profile.plan != PREMIUM && before.profile.plan_until.is_some() {
            // Nobody loses what was paid for.
            return Err(conflict(
                "this account has another plan until a date: change its plan first, or wait for that end",
            ));
        }
        let base = terms::base_plan(transaction, user).await?;
        let lasts = base.as_deref() == Some(PREMIUM);
        match end {
            Some(end) => {
                terms::give(transaction, user, PREMIUM, (before.read_at, end), acting.by()).await?;
                if lasts {
                    self.back_to_default(acting).await?;
                }
            }
            None => {
                terms::take_grants(transaction, user, Some(PREMIUM)).await?;
                if !lasts {
                    terms::set_base_plan(transaction, user, PREMIUM).await?;
                }
            }
        }
        self.settle(acting, "user.premium", None).await
    }

    async fn take_premium(&self, acting: &Acting<'_>) -> Result<Vec<Notice>, Refusal> {
        let (transaction, user) = (&acting.transaction, acting.user());
        if terms::is_subscribed(transaction, user, PREMIUM).await? {
            return Err(conflict(
                "this account has a subscription to it, which would be charged on: cancel that first",
            ));
        }
        let taken = terms::take(transaction, user, PREMIUM, &self.terms).await?;
        let lasts = terms::base_plan(transaction, user).await?.as_deref() == Some(PREMIUM);
        if lasts {
            self.back_to_default(acting).await?;
        }
        if taken == 0 && !lasts && acting.before.profile.plan != PREMIUM {
            return Ok(Vec::new());
        }
        self.settle(acting, "user.premium", None).await
    }

    async fn back_to_default(&self, acting: &Acting<'_>) -> Result<(), Refusal> {
        let default = self.accounts.default_plan();
        terms::set_base_plan(&acting.transaction, acting.user(), &default).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_date_or_days_and_not_both() {
        let end = Timestamp::from_second(2_000_000_000).unwrap();
        assert_eq!(Premium::check(true, Some(end), None).unwrap(), Premium::Until(end));
        assert_eq!(Premium::check(true, None, Some(15)).unwrap(), Premium::Days(15));
        assert_eq!(Premium::check(true, None, None).unwrap(), Premium::Lasting);
        assert_eq!(Premium::check(false, None, None).unwrap(), Premium::Off);
        for (on, end, days) in [
            (true, Some(end), Some(1)),
            (true, None, Some(0)),
            (true, None, Some(3_651)),
            (false, None, Some(1)),
        ] {
            assert!(Premium::check(on, end, days).is_err());
        }
    }

    #[test]
    fn an_end_lies_ahead_and_within_ten_years() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let at = |seconds: i64| Premium::Until(Timestamp::from_second(1_800_000_000 + seconds).unwrap());
        assert_eq!(at(0).end(now).unwrap_err().field, "expiresAt");
        assert!(at(1).end(now).is_ok());
        assert!(at(3_650 * 86_400).end(now).is_ok());
        assert!(at(3_650 * 86_400 + 1).end(now).is_err());
        assert_eq!(Premium::Days(1).end(now).unwrap(), Some(now + SignedDuration::from_hours(24)));
    }
}
