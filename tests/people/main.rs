//! People: accounts, signing in, links and one-time codes, keys, what is sent to them and what they take with them.

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod accounts_live;
mod api_keys;
mod identity;
mod otp;
mod outbound;
mod people;
mod privacy;
