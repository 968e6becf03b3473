//! Which plan a price is of.

use std::sync::PoisonError;

use greenroom_actors::domain::Plans;

use super::look::boxed;
use super::{Sync, SyncError};

/// Prices that are kept in memory: more than anybody makes.
const KEPT_MAX: usize = 1_000;
const PREFIX: &str = "greenroom_";

impl Sync {
    /// By the settings, or by the price's lookup key, which we gave it when we made it; `None`: it is of none of our plans.
    /// A plan that the settings no longer have is still the one that was paid for.
    pub(super) async fn plan_of(
        &self,
        price: &str,
        lookup_key: Option<&str>,
    ) -> Result<Option<String>, SyncError> {
        if let Some(plan) = by_settings(&self.terms.plans.current(), price) {
            return Ok(Some(plan));
        }
        let known = self.prices.lock().unwrap_or_else(PoisonError::into_inner).get(price).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let plan = match lookup_key {
            Some(key) => by_lookup_key(key),
            None => boxed(self.stripe.lookup_key_of(price)).await?.as_deref().and_then(by_lookup_key),
        };
        if let Some(plan) = &plan {
            let mut prices = self.prices.lock().unwrap_or_else(PoisonError::into_inner);
            if prices.len() < KEPT_MAX {
                prices.insert(price.to_owned(), plan.clone());
            }
        }
        Ok(plan)
    }
}

fn by_settings(plans: &Plans, price: &str) -> Option<String> {
    let of = |price_of: &str| price_of == price;
    let found = plans.by_name.values().find(|plan| plan.stripe_price.as_deref().is_some_and(of))?;
    Some(found.name.to_string())
}

/// `greenroom_<plan>_<cents>_<currency>_<term>`. A plan's name may have `_` in it.
fn by_lookup_key(key: &str) -> Option<String> {
    let mut parts = key.strip_prefix(PREFIX)?.rsplitn(4, '_');
    let (_term, _currency, cents) = (parts.next()?, parts.next()?, parts.next()?);
    let plan = parts.next().filter(|plan| !plan.is_empty())?;
    cents.bytes().all(|digit| digit.is_ascii_digit()).then(|| plan.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_key_of_ours_names_its_plan_and_others_name_none() {
        assert_eq!(by_lookup_key("greenroom_pro_2999_usd_month").as_deref(), Some("pro"));
        assert_eq!(by_lookup_key("greenroom_pro_plus-2_2999_usd_month").as_deref(), Some("pro_plus-2"));
        for other in [
            "pro",
            "greenroom_pro",
            "greenroom__2999_usd_month",
            "greenroom_pro_x_usd_month",
            "other_pro_1_usd_month",
        ] {
            assert_eq!(by_lookup_key(other), None, "{other}");
        }
    }
}
