//! Stripe's webhooks, from the wire to the rows: against the stand-in of Stripe, over real HTTP, on a real database.

#[path = "webhooks/admin.rs"]
mod admin;
#[path = "webhooks/effects.rs"]
mod effects;
#[path = "webhooks/faults.rs"]
mod faults;
#[path = "webhooks/order.rs"]
mod order;
#[path = "webhooks/refusals.rs"]
mod refusals;
#[path = "webhooks/shop.rs"]
mod shop;
#[path = "webhooks/storm.rs"]
mod storm;
mod support;
