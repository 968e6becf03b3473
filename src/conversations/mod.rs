//! Conversations: who is in them, what was said in them, and how a client that was away catches up.
//!
//! Reads its SQL itself; what changes a room's log goes through the engine, whose journal is the only writer of it.

pub mod view;
