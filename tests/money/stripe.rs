//! The client of Stripe against its stand-in: each call, each fault, each refusal; the stand-in's own rules; signatures.

mod calls;
mod changes;
mod faults;
mod pages;
mod python;
mod renewals;
mod server;
mod shapes;
mod signatures;
mod webhooks;
mod world;
