//! Plans: what a user may do and what it costs.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{MessageKind, Scope};

/// Who is served first when the pool is full: lower is sooner. Waiting makes every job older and so sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(pub u8);

/// Over what span a per-character limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    Lifetime,
    Day,
    Month,
}

impl Window {
    /// The first day of the span that holds `day`: the part of a meter's key that a reset changes.
    #[must_use]
    pub fn period(self, day: Date) -> Date {
        match self {
            Self::Lifetime => Date::constant(1970, 1, 1),
            Self::Day => day,
            Self::Month => day.first_of_month(),
        }
    }

    /// When the span that holds `now` ends in `zone`; `None` for a lifetime.
    #[must_use]
    pub fn resets_at(self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let day = now.to_zoned(zone.clone()).date();
        let next = match self {
            Self::Lifetime => return None,
            Self::Day => day.tomorrow().ok()?,
            Self::Month => day.last_of_month().tomorrow().ok()?,
        };
        Some(next.to_zoned(zone.clone()).ok()?.timestamp())
    }
}

/// Messages of each kind that one character may get from one user within the window. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerCharacter {
    pub text: Option<u32>,
    pub audio: Option<u32>,
    pub media: Option<u32>,
    pub window: Window,
}

impl PerCharacter {
    #[must_use]
    pub fn limit(&self, kind: MessageKind) -> Option<u32> {
        match kind {
            MessageKind::Text => self.text,
            MessageKind::Audio => self.audio,
            MessageKind::Media => self.media,
        }
    }
}

/// How long what is paid for a plan lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Term {
    /// It costs nothing and has no end.
    #[default]
    Endless,
    /// Paid once, for so many days.
    Days(u16),
    /// Paid again by itself, each calendar month.
    Month,
    /// The same, each year.
    Year,
}

impl Term {
    /// Whether it is a subscription.
    #[must_use]
    pub fn renews(self) -> bool {
        matches!(self, Self::Month | Self::Year)
    }
}

/// What a plan opens beside its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    CheapModels,
    AllModels,
    PremiumGallery,
    AudioReplies,
}

impl Feature {
    /// With the names that settings and clients know them by.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::CheapModels, "cheap_models"),
        (Self::AllModels, "all_models"),
        (Self::PremiumGallery, "premium_gallery"),
        (Self::AudioReplies, "audio_replies"),
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// A set of features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(u8);

impl Features {
    pub const ALL: Self = Self(0b1111);

    #[must_use]
    pub fn has(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u8) != 0
    }

    /// Those of the set, in their order.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.into_iter().map(|(feature, _)| feature).filter(move |feature| self.has(*feature))
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        Self(features.into_iter().fold(0, |set, feature| set | 1 << feature as u8))
    }
}

/// What a user may do and what it costs. Plans are data of the operator's, in `config.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub name: Arc<str>,
    /// Of one term, in the smallest unit of the server's currency.
    pub price_cents: u32,
    pub term: Term,
    /// The price's id at Stripe, where the operator made one; else it is made from this plan.
    pub stripe_price: Option<Arc<str>>,
    /// Premium users are not rate-limited in their messages and are served first.
    pub premium: bool,
    pub priority: Priority,
    /// `None` is no daily limit.
    pub messages_per_day: Option<u32>,
    /// `None` is no limit per character.
    pub per_character: Option<PerCharacter>,
    /// Credits that come with each term; of a yearly one with each month.
    pub credits: u32,
    /// Avatars that one may own.
    pub avatars: u32,
    /// Bytes that one's files may take together; `None` is no limit.
    pub media_bytes: Option<u64>,
    pub features: Features,
}

impl Plan {
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        self.features.has(feature)
    }

    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.price_cents > 0
    }

    /// Where somebody has several plans at once, the greatest of them holds: who is served sooner, then the dearer one.
    /// The name decides between equals, so that it is always the same one.
    #[must_use]
    pub fn rank(&self) -> impl Ord + use<> {
        (std::cmp::Reverse(self.priority), self.price_cents, std::cmp::Reverse(self.name.clone()))
    }

    /// What it allows of this, and over what span; `None` is no limit.
    #[must_use]
    pub fn limit(&self, scope: Scope) -> Option<(u32, Window)> {
        match scope {
            Scope::Daily => self.messages_per_day.map(|limit| (limit, Window::Day)),
            Scope::Character(_, kind) => {
                let per = self.per_character?;
                per.limit(kind).map(|limit| (limit, per.window))
            }
        }
    }

    #[must_use]
    pub fn audio_replies(&self) -> AudioReplies {
        if self.has(Feature::AudioReplies) { AudioReplies::With } else { AudioReplies::Without }
    }
}

/// Whether a plan has spoken replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AudioReplies {
    #[default]
    Without,
    With,
}

/// All plans by name, and the one that a user without one has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plans {
    pub by_name: BTreeMap<Arc<str>, Arc<Plan>>,
    pub default: Arc<Plan>,
    /// What stands in the place of plans that are no more, by their names.
    pub replaced: BTreeMap<Arc<str>, Arc<Plan>>,
}

impl Plans {
    /// The plan of that name, or what stands in its place: for those who have it. A name that is not known at all is the
    /// default plan.
    #[must_use]
    pub fn get(&self, name: &str) -> Arc<Plan> {
        self.find(name).or_else(|| self.replaced.get(name)).unwrap_or(&self.default).clone()
    }

    /// Whether somebody may have that plan: it is there, or another stands in its place.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.by_name.contains_key(name) || self.replaced.contains_key(name)
    }

    /// The plan of that name, if there is one: for those who want it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<Plan>> {
        self.by_name.get(name)
    }
}

/// The plans as they are now: the operator may put others in their place while the server runs. Cheap to clone; all clones
/// see the same.
#[derive(Clone, Debug)]
pub struct Catalogue(Arc<RwLock<Arc<Plans>>>);

impl Catalogue {
    #[must_use]
    pub fn new(plans: Plans) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(plans))))
    }

    #[must_use]
    pub fn current(&self) -> Arc<Plans> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The plan of that name, or the default one; see [`Plans::get`].
    #[must_use]
    pub fn get(&self, name: &str) -> Arc<Plan> {
        self.current().get(name)
    }

    /// Answers what there was before.
    pub fn replace(&self, plans: Plans) -> Arc<Plans> {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, Arc::new(plans))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_the_users_midnight_also_across_daylight_saving() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let now: Timestamp = "2026-03-28T23:30:00Z".parse().unwrap(); // 00:30 on the 29th, the day of 23 hours
        assert_eq!(Window::Day.resets_at(now, &rome), Some("2026-03-29T22:00:00Z".parse().unwrap()));
        assert_eq!(Window::Lifetime.resets_at(now, &rome), None);
        assert_eq!(Window::Month.resets_at(now, &rome), Some("2026-03-31T22:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_plan_that_is_no_more_is_what_stands_in_its_place() {
        let plan = |name: &str| {
            Arc::new(Plan {
                name: name.into(),
                price_cents: 0,
                term: Term::Endless,
                stripe_price: None,
                premium: false,
                priority: Priority(3),
                messages_per_day: None,
                per_character: None,
                credits: 0,
                avatars: 1,
                media_bytes: None,
                features: Features::default(),
            })
        };
        let (free, pro) = (plan("free"), plan("pro"));
        let plans = Plans {
            by_name: [&free, &pro].map(|plan| (plan.name.clone(), plan.clone())).into(),
            default: free,
            replaced: [("gold".into(), pro)].into(),
        };
        assert_eq!((&*plans.get("gold").name, &*plans.get("lead").name), ("pro", "free"));
        assert!(plans.knows("gold") && !plans.knows("lead"));
        assert!(plans.find("gold").is_none(), "nobody is given it any more");
    }

    #[test]
    fn a_month_counts_from_its_first_day() {
        let day = Date::constant(2026, 11, 20);
        assert_eq!(Window::Month.period(day), Date::constant(2026, 11, 1));
        assert_eq!(Window::Day.period(day), day);
    }
}
