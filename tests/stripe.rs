//! The client of Stripe against its stand-in: each call, each fault, each refusal; the stand-in's own rules; signatures.

mod support;

#[path = "socketio/client.rs"]
#[allow(dead_code)]
mod client;
#[path = "stripe/calls.rs"]
mod calls;
#[path = "stripe/changes.rs"]
mod changes;
#[path = "stripe/faults.rs"]
mod faults;
#[path = "stripe/pages.rs"]
mod pages;
#[path = "stripe/python.rs"]
mod python;
#[path = "stripe/renewals.rs"]
mod renewals;
#[path = "stripe/server.rs"]
mod server;
#[path = "stripe/shapes.rs"]
mod shapes;
#[path = "stripe/signatures.rs"]
mod signatures;
#[path = "stripe/webhooks.rs"]
mod webhooks;
#[path = "stripe/world.rs"]
mod world;
