//! The books that admins see, and the comparison with Stripe: against its stand-in, on a real database.

#[path = "books/compared.rs"]
mod compared;
#[path = "books/money.rs"]
mod money;
#[allow(dead_code)]
#[path = "webhooks/shop.rs"]
mod shop;
mod support;
