//! Customers, their cards, products and prices.

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::form::Params;
use super::state::State;

/// Stripe's test cards, by the names that they have as payment methods. Those without a word from the bank are good.
const CARDS: [(&str, &str, &str); 7] = [
    ("pm_card_visa", "4242", ""),
    ("pm_card_mastercard", "4444", ""),
    ("pm_card_chargeDeclined", "0002", "generic_decline"),
    ("pm_card_visa_chargeDeclined", "0002", "generic_decline"),
    ("pm_card_chargeDeclinedInsufficientFunds", "9995", "insufficient_funds"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "9995", "insufficient_funds"),
    ("pm_card_chargeDeclinedExpiredCard", "0069", "expired_card"),
];
/// The smallest payment that Stripe takes, and the greatest.
pub(super) const AMOUNTS: std::ops::RangeInclusive<i64> = 50..=99_999_999;

pub(super) fn create_customer(state: &mut State, params: &Params) -> Answer {
    params.known(&[
        "email",
        "name",
        "description",
        "phone",
        "metadata",
        "payment_method",
        "invoice_settings",
    ])?;
    let mut customer = state.make("customer", "cus");
    customer["invoice_prefix"] = json!(super::state::random(8).to_uppercase());
    write_customer(&mut customer, params);
    let id = state.put(customer)?;
    if let Some(card) = params.text("payment_method") {
        card_of(state, card, Some(&id))?;
    }
    state.emit("customer.created", &id);
    Ok(state.shown(&id))
}

pub(super) fn update_customer(state: &mut State, id: &str, params: &Params) -> Answer {
    params.known(&["email", "name", "description", "phone", "metadata", "invoice_settings"])?;
    customer(state, id, "id")?;
    let before = state.shown(id);
    let card = params.inner("invoice_settings");
    let card = card.text("default_payment_method").map(|card| card_of(state, card, Some(id))).transpose()?;
    let customer = state.edit(id);
    write_customer(customer, params);
    if let Some(card) = card {
        customer["invoice_settings"]["default_payment_method"] = json!(card);
    }
    state.emit_updated("customer.updated", id, &before);
    Ok(state.shown(id))
}

fn write_customer(customer: &mut Value, params: &Params) {
    for name in ["email", "name", "description", "phone"] {
        if params.has(name) {
            customer[name] = json!(params.text(name));
        }
    }
    customer["metadata"] = params.metadata(&customer["metadata"]);
}

/// One that is there and not deleted.
pub(super) fn customer(state: &State, id: &str, param: &str) -> Result<(), ApiError> {
    match state.of("customer", id, param)? {
        gone if gone["_deleted"] == true => Err(ApiError::no_such("customer", id, param)),
        _ => Ok(()),
    }
}

/// A payment method by its id, or a new one by a test card's name.
pub(super) fn card_of(state: &mut State, name: &str, customer: Option<&str>) -> Result<String, ApiError> {
    if let Some(card) = state.get(name).filter(|it| it["object"] == "payment_method") {
        let owner = card["customer"].as_str();
        if owner.is_some() && owner != customer {
            return Err(ApiError::invalid("The payment method belongs to another customer."));
        }
        let id = name.to_owned();
        if let Some(customer) = customer {
            state.edit(&id)["customer"] = json!(customer);
        }
        return Ok(id);
    }
    let Some((_, last4, decline)) = CARDS.iter().find(|(known, ..)| *known == name) else {
        return Err(ApiError::no_such("PaymentMethod", name, "payment_method"));
    };
    let mut card = state.make("payment_method", "pm");
    card["card"]["last4"] = json!(last4);
    card["card"]["fingerprint"] = json!(super::state::random(16));
    card["customer"] = json!(customer);
    card["_decline"] = json!(decline);
    state.put(card)
}

/// What the bank says to it; `None`: it pays.
pub(super) fn decline_of(state: &State, card: &str) -> Option<String> {
    state.text(card, "_decline").filter(|decline| !decline.is_empty())
}

pub(super) fn attach(state: &mut State, id: &str, params: &Params) -> Answer {
    params.known(&["customer"])?;
    let owner = params.needed("customer")?;
    customer(state, owner, "customer")?;
    let card = card_of(state, id, Some(owner))?;
    state.emit("payment_method.attached", &card);
    Ok(state.shown(&card))
}

pub(super) fn create_product(state: &mut State, params: &Params) -> Answer {
    params.known(&["id", "name", "description", "active", "metadata"])?;
    let mut product = state.make("product", "prod");
    if let Some(id) = params.text("id") {
        if state.get(id).is_some() {
            return Err(ApiError::coded(
                "resource_already_exists",
                format!("Product already exists: '{id}'."),
            ));
        }
        product["id"] = json!(id);
    }
    product["name"] = json!(params.needed("name")?);
    product["description"] = json!(params.text("description"));
    product["active"] = json!(params.flag("active")?.unwrap_or(true));
    product["updated"] = product["created"].clone();
    product["metadata"] = params.metadata(&Value::Null);
    let id = state.put(product)?;
    state.emit("product.created", &id);
    Ok(state.shown(&id))
}

pub(super) fn create_price(state: &mut State, params: &Params) -> Answer {
    params.known(&[
        "currency",
        "product",
        "product_data",
        "unit_amount",
        "recurring",
        "lookup_key",
        "nickname",
        "metadata",
        "active",
        "transfer_lookup_key",
    ])?;
    let id = price(state, params, true)?;
    state.emit("price.created", &id);
    Ok(state.shown(&id))
}

pub(super) fn update_price(state: &mut State, id: &str, params: &Params) -> Answer {
    params.known(&["active", "lookup_key", "nickname", "metadata"])?;
    state.of("price", id, "id")?;
    let before = state.shown(id);
    let active = params.flag("active")?;
    let price = state.edit(id);
    if let Some(active) = active {
        price["active"] = json!(active);
    }
    for name in ["lookup_key", "nickname"].into_iter().filter(|name| params.has(name)) {
        price[name] = json!(params.text(name));
    }
    price["metadata"] = params.metadata(&price["metadata"]);
    state.emit_updated("price.updated", id, &before);
    Ok(state.shown(id))
}

/// A price of these parameters; of an inline one (`price_data`) nobody is told and nobody finds it.
pub(super) fn price(state: &mut State, params: &Params, listed: bool) -> Result<String, ApiError> {
    let product = match params.text("product") {
        Some(product) => {
            state.of("product", product, "product")?;
            product.to_owned()
        }
        None => {
            let data = params.inner("product_data");
            let mut product = state.make("product", "prod");
            product["name"] =
                json!(data.text("name").ok_or_else(|| ApiError::missing_param("product_data[name]"))?);
            product["description"] = json!(data.text("description"));
            product["updated"] = product["created"].clone();
            product["active"] = json!(listed);
            state.put(product)?
        }
    };
    let amount = params.int("unit_amount")?.ok_or_else(|| ApiError::missing_param("unit_amount"))?;
    if amount < 0 || amount > *AMOUNTS.end() {
        return Err(ApiError::wrong_param("unit_amount", "Invalid non-negative integer"));
    }
    let mut price = state.make("price", "price");
    price["currency"] = json!(currency(params)?);
    price["product"] = json!(product);
    price["unit_amount"] = json!(amount);
    price["unit_amount_decimal"] = json!(amount.to_string());
    price["nickname"] = json!(params.text("nickname"));
    price["active"] = json!(listed && params.flag("active")?.unwrap_or(true));
    price["metadata"] = params.metadata(&Value::Null);
    let recurring = params.inner("recurring");
    if params.has("recurring") {
        let interval = recurring.word("interval", &["day", "week", "month", "year"])?;
        let interval = interval.ok_or_else(|| ApiError::missing_param("recurring[interval]"))?;
        price["type"] = json!("recurring");
        price["recurring"] = json!({
            "interval": interval,
            "interval_count": recurring.int("interval_count")?.unwrap_or(1),
            "meter": null,
            "trial_period_days": null,
            "usage_type": "licensed",
        });
    }
    if let Some(key) = params.text("lookup_key") {
        if let Some(other) = state.find("price", |it| it["lookup_key"] == key) {
            if params.flag("transfer_lookup_key")? != Some(true) {
                let message = format!("A price (`{other}`) already uses that lookup key.");
                return Err(ApiError::wrong_param("lookup_key", message));
            }
            state.edit(&other)["lookup_key"] = Value::Null;
        }
        price["lookup_key"] = json!(key);
    }
    state.put(price)
}

/// Three letters, small.
pub(super) fn currency(params: &Params) -> Result<String, ApiError> {
    let currency = params.needed("currency")?.to_ascii_lowercase();
    match currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_lowercase()) {
        true => Ok(currency),
        false => Err(ApiError::wrong_param("currency", format!("Invalid currency: {currency}"))),
    }
}

/// The price of a line: an id, or one that comes with it. Its amount times how many.
pub(super) fn line(state: &mut State, line: &Value, param: &str) -> Result<(String, i64), ApiError> {
    let line = Params::of(line);
    line.known(&["price", "price_data", "quantity", "metadata"])?;
    let quantity = line.int("quantity")?.unwrap_or(1);
    let id = match line.text("price") {
        Some(id) => match state.of("price", id, &format!("{param}[price]"))? {
            price if price["active"] == true => id.to_owned(),
            _ => return Err(ApiError::wrong_param(param, "The price specified is inactive.")),
        },
        None if line.has("price_data") => {
            let data = line.inner("price_data");
            data.known(&["currency", "product", "product_data", "unit_amount", "recurring"])?;
            price(state, &data, false)?
        }
        None => return Err(ApiError::missing_param(&format!("{param}[price]"))),
    };
    Ok((id, quantity))
}
