//! Plans: what an account may do and what it costs. Data of the operator's; six are shipped.

use std::collections::BTreeMap;
use std::sync::Arc;

use greenroom_actors::domain::{AudioReplies, PerCharacter, Plan, Plans, Priority, Window};
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanSettings {
    pub price_cents: u32,
    /// How long one payment lasts; 0 for a free plan.
    pub period_days: u32,
    /// Whether it is paid again at the end of the period.
    pub renews: bool,
    /// 0 is no limit.
    pub messages_per_day: u32,
    pub per_character: PerCharacterSettings,
    /// Credits granted with each period.
    pub credits: u32,
    pub avatars: u32,
    pub class: ServiceClass,
    /// Who is served first when the pool is full: lower is sooner.
    pub priority: u8,
    /// `cheap_models`, `all_models`, `premium_gallery`, `audio_replies` or `all`.
    pub features: Vec<String>,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            price_cents: 0,
            period_days: 0,
            renews: false,
            messages_per_day: 0,
            per_character: PerCharacterSettings::default(),
            credits: 0,
            avatars: 1,
            class: ServiceClass::Standard,
            priority: 3,
            features: Vec::new(),
        }
    }
}

/// The plans that come with the server.
pub(super) fn shipped() -> BTreeMap<String, PlanSettings> {
    let features = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let monthly =
        |price_cents| PlanSettings { price_cents, period_days: 30, renews: true, ..PlanSettings::default() };
    let cheap = || PlanSettings { features: features(&["cheap_models"]), ..PlanSettings::default() };
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
                period_days: 15,
                credits: 50,
                avatars: 3,
                class: ServiceClass::Premium,
                priority: 1,
                features: features(&["premium_gallery", "audio_replies", "all_models"]),
                ..PlanSettings::default()
            },
        ),
        (
            "starter",
            PlanSettings {
                messages_per_day: 200,
                credits: 100,
                avatars: 3,
                priority: 2,
                features: features(&["audio_replies"]),
                ..monthly(999)
            },
        ),
        (
            "pro",
            PlanSettings {
                messages_per_day: 1_000,
                credits: 500,
                avatars: 10,
                class: ServiceClass::Premium,
                priority: 1,
                features: features(&["all"]),
                ..monthly(2_999)
            },
        ),
        (
            "enterprise",
            PlanSettings {
                credits: 2_000,
                avatars: 50,
                class: ServiceClass::Premium,
                priority: 0,
                features: features(&["all"]),
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

    /// Whether the plan has this feature, by itself or as one of all.
    #[must_use]
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|has| has == feature || has == "all")
    }

    fn engine(&self, name: &str) -> Plan {
        let PerCharacterSettings { text, audio, media, window } = self.per_character;
        let limited = text > 0 || audio > 0 || media > 0;
        Plan {
            name: name.into(),
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
            audio_replies: if self.has("audio_replies") { AudioReplies::With } else { AudioReplies::Without },
        }
    }
}

impl Config {
    /// The plans as the engine holds users to them.
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
        Plans { by_name, default }
    }
}
