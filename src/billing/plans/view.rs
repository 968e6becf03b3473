//! Plans as clients see them.

use std::sync::Arc;

use greenroom_actors::domain::{Catalogue, PerCharacter, Plan, Plans, Term, Window};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::Config;

/// How long what is paid for a plan lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TermView {
    /// It costs nothing and has no end.
    Endless,
    /// Paid once, for `days`.
    Days,
    /// Paid again by itself, each month.
    Month,
    /// The same, each year.
    Year,
}

/// Over what span a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WindowView {
    Lifetime,
    Day,
    Month,
}

impl From<Window> for WindowView {
    fn from(window: Window) -> Self {
        match window {
            Window::Lifetime => Self::Lifetime,
            Window::Day => Self::Day,
            Window::Month => Self::Month,
        }
    }
}

/// Messages of each kind to one character within the window; null is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PerCharacterView {
    pub text: Option<u32>,
    pub audio: Option<u32>,
    pub media: Option<u32>,
    pub window: WindowView,
}

impl From<PerCharacter> for PerCharacterView {
    fn from(per: PerCharacter) -> Self {
        Self { text: per.text, audio: per.audio, media: per.media, window: per.window.into() }
    }
}

/// How its users are served: premium ones are not limited in their messages per minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClassView {
    Standard,
    Premium,
}

/// What a plan allows and what it costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanView {
    #[schema(value_type = String, example = "pro")]
    pub name: Arc<str>,
    /// Of one term, in the smallest unit of the currency.
    #[schema(example = 2999)]
    pub price_cents: u32,
    /// ISO 4217, small letters.
    #[schema(value_type = String, example = "usd")]
    pub currency: Arc<str>,
    pub term: TermView,
    /// Of a term of days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
    /// Null is no limit.
    pub messages_per_day: Option<u32>,
    /// Null is no limit per character.
    pub per_character: Option<PerCharacterView>,
    /// Credits that come with each term; of a yearly one with each month.
    pub credits: u32,
    /// Avatars that one may own.
    pub avatars: u32,
    /// Bytes that one's files may take together. Null is no limit.
    pub media_bytes: Option<u64>,
    pub class: ClassView,
    /// Who is served first when the server is full: lower is sooner.
    pub priority: u8,
    /// `cheap_models`, `all_models`, `premium_gallery`, `audio_replies`.
    pub features: Vec<&'static str>,
    /// A new account has it.
    pub is_default: bool,
    /// It costs something, and this server takes payments.
    pub buyable: bool,
}

/// All plans, from the least to the greatest.
#[derive(Serialize, ToSchema)]
pub struct PlanList {
    pub items: Vec<PlanView>,
}

/// Whether this server takes payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sales {
    Open,
    Closed,
}

/// The plans as they are now, in the words of clients. Cheap to clone; follows a change of the settings.
#[derive(Clone, Debug)]
pub struct Offers {
    plans: Catalogue,
    currency: Arc<str>,
    sales: Sales,
}

impl Offers {
    #[must_use]
    pub fn new(plans: Catalogue, config: &Config) -> Self {
        let sales = if config.stripe.is_set() { Sales::Open } else { Sales::Closed };
        Self { plans, currency: config.billing.currency.as_str().into(), sales }
    }

    /// All of them, in order of rank from the least.
    #[must_use]
    pub fn all(&self) -> Vec<PlanView> {
        let plans = self.plans.current();
        let mut ranked: Vec<&Arc<Plan>> = plans.by_name.values().collect();
        ranked.sort_unstable_by_key(|plan| plan.rank());
        ranked.into_iter().map(|plan| self.view_of(plan, &plans)).collect()
    }

    /// The plan of that name, or the default one; see [`Plans::get`].
    #[must_use]
    pub fn named(&self, name: &str) -> PlanView {
        let plans = self.plans.current();
        self.view_of(&plans.get(name), &plans)
    }

    #[must_use]
    pub fn view(&self, plan: &Plan) -> PlanView {
        self.view_of(plan, &self.plans.current())
    }

    fn view_of(&self, plan: &Plan, among: &Plans) -> PlanView {
        let (term, days) = match plan.term {
            Term::Endless => (TermView::Endless, None),
            Term::Days(days) => (TermView::Days, Some(days)),
            Term::Month => (TermView::Month, None),
            Term::Year => (TermView::Year, None),
        };
        PlanView {
            name: plan.name.clone(),
            price_cents: plan.price_cents,
            currency: self.currency.clone(),
            term,
            days,
            messages_per_day: plan.messages_per_day,
            per_character: plan.per_character.map(PerCharacterView::from),
            credits: plan.credits,
            avatars: plan.avatars,
            media_bytes: plan.media_bytes,
            class: if plan.premium { ClassView::Premium } else { ClassView::Standard },
            priority: plan.priority.0,
            features: plan.features.iter().map(|feature| feature.as_str()).collect(),
            is_default: plan.name == among.default.name,
            buyable: plan.is_paid() && self.sales == Sales::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(sales: Sales) -> Offers {
        let plans = Catalogue::new(Config::default().engine_plans());
        Offers { plans, currency: "usd".into(), sales }
    }

    #[test]
    fn plans_are_told_from_the_least_to_the_greatest() {
        let names: Vec<_> = offers(Sales::Open).all().into_iter().map(|plan| plan.name.to_string()).collect();
        assert_eq!(names, ["free", "basic", "starter", "premium", "pro", "enterprise"]);
    }

    #[test]
    fn what_costs_something_can_be_bought_where_payments_are_taken() {
        let buyable = |sales| -> Vec<String> {
            let plans = offers(sales).all().into_iter().filter(|plan| plan.buyable);
            plans.map(|plan| plan.name.to_string()).collect()
        };
        assert_eq!(buyable(Sales::Open), ["starter", "premium", "pro", "enterprise"]);
        assert!(buyable(Sales::Closed).is_empty());
    }

    #[test]
    fn a_limit_that_is_none_is_null() {
        let told = serde_json::to_value(offers(Sales::Open).named("pro")).unwrap();
        assert_eq!(told["perCharacter"], serde_json::Value::Null);
        assert_eq!((&told["messagesPerDay"], &told["term"]), (&1_000.into(), &"month".into()));
        assert!(told.get("days").is_none());
        let told = serde_json::to_value(offers(Sales::Open).named("free")).unwrap();
        assert_eq!(told["perCharacter"]["window"], "lifetime");
        assert_eq!((&told["messagesPerDay"], &told["isDefault"]), (&serde_json::Value::Null, &true.into()));
    }
}
