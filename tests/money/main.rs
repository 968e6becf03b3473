//! Money: plans, credits, the shop and Stripe.

#[path = "../support/mod.rs"]
mod support;

mod books;
mod ledger;
mod plans;
mod shop;
mod stripe;
mod terms;
mod webhooks;
