//! The hosted pages: checkout, portal, an invoice. Plain HTML that a browser clicks through, without script and with nothing
//! from outside.

use std::sync::{Arc, LazyLock};

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY};
use actix_web::web::{self, Data, Form, Path, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use jiff::{Timestamp, tz::TimeZone};
use minijinja::{Environment, context};
use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::ApiError;
use super::state::{State, random};
use super::{DECLINED_CARD, GOOD_CARD, Shared, checkout, invoices, portal, subscriptions};

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    for (name, source) in [
        ("base.html", include_str!("pages/base.html")),
        ("checkout.html", include_str!("pages/checkout.html")),
        ("portal.html", include_str!("pages/portal.html")),
        ("invoice.html", include_str!("pages/invoice.html")),
        ("over.html", include_str!("pages/over.html")),
    ] {
        // A template that does not hold is found by the tests, which open each of them.
        if let Err(error) = pages.add_template(name, source) {
            tracing::error!(%error, name, "a page of the stand-in is broken");
        }
    }
    pages
});
const STYLE: &str = include_str!("pages/style.css");

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/c/pay/{id}", web::get().to(show_checkout))
        .route("/c/pay/{id}", web::post().to(pay_checkout))
        .route("/p/session/{token}", web::get().to(show_portal))
        .route("/p/session/{token}", web::post().to(use_portal))
        .route("/i/{id}", web::get().to(show_invoice))
        .route("/i/{id}", web::post().to(pay_invoice));
}

#[derive(Deserialize)]
struct Choice {
    choice: String,
    #[serde(default)]
    subscription: String,
}

impl Choice {
    fn card(&self) -> &'static str {
        if self.choice == "good" { GOOD_CARD } else { DECLINED_CARD }
    }
}

type World = Data<Arc<Shared>>;

async fn show_checkout(id: Path<String>, world: World) -> impl Responder {
    let state = world.state();
    checkout_page(&state, &id, None)
}

fn checkout_page(state: &State, id: &str, error: Option<String>) -> HttpResponse {
    let session = state.shown(id);
    if session["object"] != "checkout.session" {
        return over("There is no such checkout.", StatusCode::NOT_FOUND);
    }
    if session["status"] != "open" {
        return over("This checkout is over.", StatusCode::GONE);
    }
    let lines = checkout::line_items(state, id);
    let lines: Vec<Value> = lines["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|line| {
            json!({
                "name": line["description"],
                "amount": money(&line["amount_total"], &line["currency"]),
                "every": line["price"]["recurring"]["interval"],
            })
        })
        .collect();
    let status = if error.is_some() { StatusCode::PAYMENT_REQUIRED } else { StatusCode::OK };
    let back = [&session["success_url"], &session["cancel_url"]];
    let customer = state.shown(session["customer"].as_str().unwrap_or_default());
    let values = context! {
        title => "Checkout",
        lines => minijinja::value::Serde(&lines),
        total => money(&session["amount_total"], &session["currency"]),
        email => customer["email"].as_str().or(session["customer_email"].as_str()),
        cancel => session["cancel_url"].as_str(),
        transfers => session["mode"] == "payment",
        error,
    };
    page("checkout.html", values, status, &back)
}

async fn pay_checkout(id: Path<String>, choice: Form<Choice>, world: World) -> impl Responder {
    let answer = {
        let mut state = world.state();
        let paid = match choice.choice.as_str() {
            "transfer" => checkout::pay_slowly(&mut state, &id),
            _ => checkout::pay(&mut state, &id, choice.card()),
        };
        match paid {
            Ok(()) => {
                let url = state.text(&id, "success_url").unwrap_or_default();
                see(&url.replace("{CHECKOUT_SESSION_ID}", &id))
            }
            Err(error) => checkout_page(&state, &id, Some(words(&error))),
        }
    };
    world.wake.notify_one();
    answer
}

async fn show_portal(token: Path<String>, world: World) -> impl Responder {
    let state = world.state();
    portal_page(&state, &token, None)
}

fn portal_page(state: &State, token: &str, error: Option<String>) -> HttpResponse {
    let Some(visit) = portal::visit(state, token) else {
        return over("This visit is over. Open the portal anew.", StatusCode::GONE);
    };
    let owner = visit["customer"].as_str().unwrap_or_default();
    let own: Vec<Value> = state
        .all("subscription")
        .rev()
        .filter(|it| it["customer"] == owner && it["status"] != "incomplete_expired")
        .take(20)
        .map(|it| {
            let item = &it["items"]["data"][0];
            let product = state.shown(item["price"]["product"].as_str().unwrap_or_default());
            let card = subscriptions::card_of(state, it["id"].as_str().unwrap_or_default());
            json!({
                "id": it["id"],
                "name": product["name"],
                "status": it["status"],
                "ends": it["cancel_at_period_end"],
                "live": subscriptions::is_live(it) && it["status"] != "incomplete",
                "until": day(&item["current_period_end"]),
                "amount": money(&item["price"]["unit_amount"], &item["price"]["currency"]),
                "every": item["price"]["recurring"]["interval"],
                "card": card.and_then(|card| state.get(&card)).map(|card| card["card"]["last4"].clone()),
            })
        })
        .collect();
    let bills: Vec<Value> = state
        .all("invoice")
        .rev()
        .filter(|it| it["customer"] == owner && it["status"] != "draft")
        .take(20)
        .map(|it| {
            json!({
                "url": it["hosted_invoice_url"],
                "day": day(&it["created"]),
                "amount": money(&it["amount_due"], &it["currency"]),
                "status": it["status"],
            })
        })
        .collect();
    let status = if error.is_some() { StatusCode::PAYMENT_REQUIRED } else { StatusCode::OK };
    let values = context! {
        title => "Your subscriptions",
        subscriptions => minijinja::value::Serde(&own),
        bills => minijinja::value::Serde(&bills),
        back => visit["return_url"].as_str(),
        error,
    };
    page("portal.html", values, status, &[&visit["return_url"]])
}

async fn use_portal(token: Path<String>, choice: Form<Choice>, world: World) -> impl Responder {
    let answer = {
        let mut state = world.state();
        let done = match portal::visit(&state, &token) {
            None => Ok(()),
            Some(visit) => match choice.choice.as_str() {
                "cancel" => portal::set_cancel(&mut state, &visit, &choice.subscription, true),
                "reactivate" => portal::set_cancel(&mut state, &visit, &choice.subscription, false),
                _ => portal::set_card(&mut state, &visit, choice.card()),
            },
        };
        match done {
            Ok(()) => see(&format!("/p/session/{token}")),
            Err(error) => portal_page(&state, &token, Some(words(&error))),
        }
    };
    world.wake.notify_one();
    answer
}

async fn show_invoice(id: Path<String>, world: World) -> impl Responder {
    let state = world.state();
    invoice_page(&state, &id, None)
}

fn invoice_page(state: &State, id: &str, error: Option<String>) -> HttpResponse {
    let invoice = state.shown(id);
    if invoice["object"] != "invoice" || invoice["status"] == "draft" {
        return over("There is no such invoice.", StatusCode::NOT_FOUND);
    }
    let lines: Vec<Value> = invoice["lines"]["data"].as_array().into_iter().flatten().map(|line| {
        json!({ "name": line["description"], "amount": money(&line["amount"], &line["currency"]) })
    }).collect();
    let status = if error.is_some() { StatusCode::PAYMENT_REQUIRED } else { StatusCode::OK };
    let values = context! {
        title => format!("Invoice {}", invoice["number"].as_str().unwrap_or_default()),
        lines => minijinja::value::Serde(&lines),
        total => money(&invoice["amount_due"], &invoice["currency"]),
        open => invoice["status"] == "open",
        status => invoice["status"].as_str(),
        error,
    };
    page("invoice.html", values, status, &[])
}

async fn pay_invoice(id: Path<String>, choice: Form<Choice>, world: World) -> impl Responder {
    let answer = {
        let mut state = world.state();
        let owner = state.text(&id, "customer");
        let paid = super::catalog::card_of(&mut state, choice.card(), owner.as_deref())
            .and_then(|card| invoices::collect(&mut state, &id, Some(&card)));
        match paid {
            Ok(()) => see(&format!("/i/{id}")),
            Err(error) => invoice_page(&state, &id, Some(words(&error))),
        }
    };
    world.wake.notify_one();
    answer
}

fn words(error: &ApiError) -> String {
    error.body()["error"]["message"].as_str().unwrap_or_default().to_owned()
}

fn see(url: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, url)).finish()
}

fn over(what: &str, status: StatusCode) -> HttpResponse {
    page("over.html", context! { title => what }, status, &[])
}

/// `back`: where forms may lead to in the end.
fn page(name: &str, values: minijinja::Value, status: StatusCode, back: &[&Value]) -> HttpResponse {
    let nonce = random(20);
    let origins: Vec<String> = back
        .iter()
        .filter_map(|url| Some(url::Url::parse(url.as_str()?).ok()?.origin().ascii_serialization()))
        .collect();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
        origins.join(" ")
    );
    let frame = context! { nonce, style => minijinja::Value::from_safe_string(STYLE.to_owned()), ..values };
    match PAGES.get_template(name).and_then(|template| template.render(frame)) {
        Ok(html) => HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .insert_header((CONTENT_SECURITY_POLICY, policy))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(html),
        Err(error) => {
            tracing::error!(%error, name, "a page of the stand-in is broken");
            HttpResponse::InternalServerError().finish()
        }
    }
}

fn money(amount: &Value, currency: &Value) -> String {
    let cents = amount.as_i64().unwrap_or_default();
    let (sign, whole, part) = (if cents < 0 { "−" } else { "" }, cents.abs() / 100, cents.abs() % 100);
    match currency.as_str() {
        Some("usd") | None => format!("{sign}${whole}.{part:02}"),
        Some(other) => format!("{sign}{whole}.{part:02} {}", other.to_uppercase()),
    }
}

fn day(seconds: &Value) -> String {
    let at = Timestamp::from_second(seconds.as_i64().unwrap_or_default()).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).date().to_string()
}
