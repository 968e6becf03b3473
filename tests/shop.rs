//! Buying, over real HTTP on a real database, against the stand-in of Stripe.

#[path = "shop/checkout.rs"]
mod checkout;
#[path = "shop/credits.rs"]
mod credits;
#[path = "shop/faults.rs"]
mod faults;
#[path = "shop/leaving.rs"]
mod leaving;
#[path = "shop/looks.rs"]
mod looks;
#[path = "shop/subscriptions.rs"]
mod subscriptions;
mod support;
#[path = "shop/world.rs"]
mod world;
