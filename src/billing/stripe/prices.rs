//! Prices of plans: those that the settings name, or such as are made here, once.

use greenroom_actors::domain::{Plan, Term};
use stripe_product::price::{
    CreatePrice, CreatePriceRecurring, CreatePriceRecurringInterval, ListPrice, RetrievePrice,
};
use stripe_product::product::{CreateProduct, RetrieveProduct};
use stripe_shared::{Price, RecurringInterval};

use super::{Stripe, StripeError, title};

impl Stripe {
    /// The price of a plan: the one in the settings, or one that is found or made under a lookup key of plan, price,
    /// currency and term. Kept once found.
    ///
    /// One of the settings that is not of the plan's amount and term is refused: people pay what they were shown.
    pub async fn price_of(&self, plan: &Plan) -> Result<String, StripeError> {
        let lookup = match &plan.stripe_price {
            // With what it was compared with: a plan may change while the server runs.
            Some(price) => format!("{price} {}", self.lookup_key(plan)),
            None => self.lookup_key(plan),
        };
        let known =
            self.0.prices.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(&lookup).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let price = match &plan.stripe_price {
            Some(price) => self.0.transport.read(&RetrievePrice::new(&**price)).await.map_err(|error| {
                let missing =
                    || StripeError::Strange(format!("it has no price {price} (plan {})", plan.name));
                if error == StripeError::NotFound { missing() } else { error }
            })?,
            None => self.found_or_made(plan, &lookup).await?,
        };
        self.compare(plan, &price)?;
        let id = price.id.to_string();
        self.0.prices.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(lookup, id.clone());
        Ok(id)
    }

    fn lookup_key(&self, plan: &Plan) -> String {
        let term = match plan.term {
            Term::Endless => "endless".to_owned(),
            Term::Days(days) => format!("{days}days"),
            Term::Month => "month".to_owned(),
            Term::Year => "year".to_owned(),
        };
        format!("greenroom_{}_{}_{}_{term}", plan.name, plan.price_cents, self.0.currency)
    }

    /// Two nodes at once make one: the key of the request is the price's own, and a lookup key is of one price.
    async fn found_or_made(&self, plan: &Plan, lookup: &str) -> Result<Price, StripeError> {
        if let Some(price) = self.find(lookup).await? {
            return Ok(price);
        }
        let product = self.product_of(plan).await?;
        let mut request = CreatePrice::new(self.0.currency.clone())
            .product(product)
            .unit_amount(i64::from(plan.price_cents))
            .lookup_key(lookup);
        if let Some(interval) = interval(plan) {
            request = request.recurring(CreatePriceRecurring::new(interval));
        }
        match self.0.transport.change(&request, "price", lookup).await {
            Ok(price) if price.active => Ok(price),
            // Made by another one, or made once and put away since.
            Ok(_) | Err(StripeError::Refused { .. }) => self
                .find(lookup)
                .await?
                .ok_or_else(|| StripeError::Strange(format!("the price {lookup} is neither found nor made"))),
            Err(error) => Err(error),
        }
    }

    async fn find(&self, lookup: &str) -> Result<Option<Price>, StripeError> {
        let request = ListPrice::new().lookup_keys([lookup.to_owned()]).active(true).limit(1);
        Ok(self.0.transport.read(&request).await?.data.into_iter().next())
    }

    async fn product_of(&self, plan: &Plan) -> Result<String, StripeError> {
        let id = format!("greenroom_{}", plan.name);
        match self.0.transport.read(&RetrieveProduct::new(id.as_str())).await {
            Ok(_) => return Ok(id),
            Err(StripeError::NotFound) => {}
            Err(error) => return Err(error),
        }
        match self.0.transport.change(&CreateProduct::new(title(plan)).id(&id), "product", &id).await {
            // Another node was sooner.
            Ok(_) | Err(StripeError::Refused { status: 400, .. }) => Ok(id),
            Err(error) => Err(error),
        }
    }

    fn compare(&self, plan: &Plan, price: &Price) -> Result<(), StripeError> {
        let wanted = interval(plan).map(|interval| interval.to_string());
        let told = price.recurring.as_ref().map(|recurring| match recurring.interval_count {
            1 => recurring.interval.to_string(),
            count => format!("{count} {}", RecurringInterval::as_str(&recurring.interval)),
        });
        let same = price.unit_amount == Some(i64::from(plan.price_cents))
            && price.currency == self.0.currency
            && wanted == told;
        if same {
            return Ok(());
        }
        Err(StripeError::Strange(format!(
            "the price {} is of {} {} ({}); plan {} is of {} {} ({})",
            price.id,
            price.unit_amount.unwrap_or_default(),
            price.currency,
            told.as_deref().unwrap_or("once"),
            plan.name,
            plan.price_cents,
            self.0.currency,
            wanted.as_deref().unwrap_or("once"),
        )))
    }
}

fn interval(plan: &Plan) -> Option<CreatePriceRecurringInterval> {
    match plan.term {
        Term::Month => Some(CreatePriceRecurringInterval::Month),
        Term::Year => Some(CreatePriceRecurringInterval::Year),
        Term::Endless | Term::Days(_) => None,
    }
}
