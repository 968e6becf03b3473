//! Rooms: who is in them, who sees what, their messages, and the characters that live there.

#![recursion_limit = "256"]

#[path = "../support/mod.rs"]
mod support;

mod attached;
mod cards;
mod characters;
mod conversations;
mod memory;
mod moderation;
mod presence;
mod reading;
mod room_life;
mod summaries;
mod visibility;
