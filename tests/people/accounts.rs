//! Signing up, in and out, profiles, sessions and history over HTTP, on a real database.

mod hostile;
mod profile;
mod refreshing;
mod registering;
mod seeding;
mod sessions;
mod signing_in;
pub mod world;

use crate::support::database;
