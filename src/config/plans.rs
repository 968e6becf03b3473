//! Plans: what an account may do and what it costs. Data of the operator's; six are shipped.

use std::collections::BTreeMap;
use std::sync::Arc;

use greenroom_actors::domain::{Feature, Features, PerCharacter, Plan, Plans, Priority, Term, Window};
use serde::{Deserialize, Serialize};

use super::Config;

/// How a plan's users are served: premium ones are not limited in their messages per minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceClass {
    #[default]
    Standard,
    Premium,
}

/// Over what span a per-character limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowSetting {
    #[default]
    Lifetime,
    Day,
    Month,
}

/// Messages of each kind to one character within the window; 0 is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PerCharacterSettings {
    pub text: u32,
    pub audio: u32,
    pub media: u32,
    pub window: WindowSetting,
}

/// How long what is paid lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TermSetting {
    /// For free plans.
    #[default]
    Endless,
    /// Paid once, for `days`.
    Days,
    /// A subscription.
    Month,
    Year,
}

/// What a plan opens; `all` stands for each of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureSetting {
    CheapModels,
    AllModels,
    PremiumGallery,
    AudioReplies,
    All,
}

impl FeatureSetting {
    fn set(self) -> Features {
        Features::from_iter([match self {
            Self::CheapModels => Feature::CheapModels,
            Self::AllModels => Feature::AllModels,
            Self::PremiumGallery => Feature::PremiumGallery,
            Self::AudioReplies => Feature::AudioReplies,
            Self::All => return Features::ALL,
        }])
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanSettings {
    /// Of one term.
    pub price_cents: u32,
    pub term: TermSetting,
    /// Of a term of days.
    pub days: u16,
    /// The price at Stripe; empty: one is made there from this plan when it is first bought.
    pub stripe_price: String,
    /// 0 is no limit.
    pub messages_per_day: u32,
    pub per_character: PerCharacterSettings,
    /// Credits granted with each term; of a yearly one with each month.
    pub credits: u32,
    pub avatars: u32,
    /// Megabytes (1,048,576 bytes) that one's files may take together; 0 is no limit.
    pub media_mb: u32,
    pub class: ServiceClass,
    /// Who is served first when the pool is full: lower is sooner.
    pub priority: u8,
    pub features: Vec<FeatureSetting>,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            price_cents: 0,
            term: TermSetting::Endless,
            days: 0,
            stripe_price: String::new(),
            messages_per_day: 0,
            per_character: PerCharacterSettings::default(),
            credits: 0,
            avatars: 1,
            media_mb: 500,
            class: ServiceClass::Standard,
            priority: 3,
            features: Vec::new(),
        }
    }
}

/// The plans that come with the server.
pub(super) fn shipped() -> BTreeMap<String, PlanSettings> {
    use FeatureSetting::{All, AllModels, AudioReplies, CheapModels, PremiumGallery};
    let monthly =
        |price_cents| PlanSettings { price_cents, term: TermSetting::Month, ..PlanSettings::default() };
    let cheap = || PlanSettings { features: vec![CheapModels], ..PlanSettings::default() };
    let plans = [
        (
            "free",
            PlanSettings {
                per_character: PerCharacterSettings {
                    text: 30,
                    audio: 5,
                    media: 5,
                    window: WindowSetting::Lifetime,
                },
                ..cheap()
            },
        ),
        ("basic", PlanSettings { messages_per_day: 5, ..cheap() }),
        (
            "premium",
            PlanSettings {
                price_cents: 700,
                term: TermSetting::Days,
                days: 15,
                credits: 50,
                avatars: 3,
                media_mb: 5_000,
                class: ServiceClass::Premium,
                priority: 1,
                features: vec![PremiumGallery, AudioReplies, AllModels],
                ..PlanSettings::default()
            },
        ),
        (
            "starter",
            PlanSettings {
                messages_per_day: 200,
                credits: 100,
                avatars: 3,
                media_mb: 2_000,
                priority: 2,
                features: vec![AudioReplies],
                ..monthly(999)
            },
        ),
        (
            "pro",
            PlanSettings {
                messages_per_day: 1_000,
                credits: 500,
                avatars: 10,
                media_mb: 20_000,
                class: ServiceClass::Premium,
                priority: 1,
                features: vec![All],
                ..monthly(2_999)
            },
        ),
        (
            "enterprise",
            PlanSettings {
                credits: 2_000,
                avatars: 50,
                media_mb: 100_000,
                class: ServiceClass::Premium,
                priority: 0,
                features: vec![All],
                ..monthly(9_999)
            },
        ),
    ];
    plans.into_iter().map(|(name, plan)| (name.to_owned(), plan)).collect()
}

fn limit(most: u32) -> Option<u32> {
    Some(most).filter(|most| *most > 0)
}

impl PlanSettings {
    #[must_use]
    pub fn is_premium(&self) -> bool {
        self.class == ServiceClass::Premium
    }

    fn engine(&self, name: &str) -> Plan {
        let PerCharacterSettings { text, audio, media, window } = self.per_character;
        let limited = text > 0 || audio > 0 || media > 0;
        Plan {
            name: name.into(),
            price_cents: self.price_cents,
            term: match self.term {
                TermSetting::Endless => Term::Endless,
                TermSetting::Days => Term::Days(self.days),
                TermSetting::Month => Term::Month,
                TermSetting::Year => Term::Year,
            },
            stripe_price: Some(self.stripe_price.as_str()).filter(|id| !id.is_empty()).map(Arc::from),
            premium: self.is_premium(),
            priority: Priority(self.priority),
            messages_per_day: limit(self.messages_per_day),
            per_character: limited.then(|| PerCharacter {
                text: limit(text),
                audio: limit(audio),
                media: limit(media),
                window: match window {
                    WindowSetting::Lifetime => Window::Lifetime,
                    WindowSetting::Day => Window::Day,
                    WindowSetting::Month => Window::Month,
                },
            }),
            credits: self.credits,
            avatars: self.avatars,
            media_bytes: limit(self.media_mb).map(|mb| u64::from(mb) * 1024 * 1024),
            features: self.features.iter().flat_map(|feature| feature.set().iter()).collect(),
        }
    }
}

impl Config {
    /// The plans as the engine holds users to them and as they are sold.
    #[must_use]
    pub fn engine_plans(&self) -> Plans {
        let by_name: BTreeMap<Arc<str>, Arc<Plan>> = self
            .plans
            .iter()
            .map(|(name, plan)| (Arc::from(name.as_str()), Arc::new(plan.engine(name))))
            .collect();
        // Validation refused a default plan that is not there.
        let default = by_name
            .get(self.default_plan.as_str())
            .cloned()
            .unwrap_or_else(|| Arc::new(PlanSettings::default().engine(&self.default_plan)));
        let stands_in = |plan: &String| by_name.get(plan.as_str()).cloned();
        let replaced = self.plan_replacements.iter();
        let replaced = replaced.filter_map(|(name, plan)| Some((name.as_str().into(), stands_in(plan)?)));
        Plans { replaced: replaced.collect(), by_name, default }
    }
}
