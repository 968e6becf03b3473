//! Buying, over real HTTP on a real database, against the stand-in of Stripe.

mod checkout;
mod credits;
mod faults;
mod leaving;
mod looks;
mod subscriptions;
mod world;
