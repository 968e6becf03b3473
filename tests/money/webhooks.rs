//! Stripe's webhooks, from the wire to the rows: against the stand-in of Stripe, over real HTTP, on a real database.

mod admin;
mod effects;
mod faults;
mod order;
mod refusals;
pub mod shop;
mod storm;
