//! What goes wrong: providers, databases and processes that fail or die in the middle.

#[path = "../support/mod.rs"]
mod support;

mod ai_faults;
mod crash;
mod dead_replies;
mod faults;
