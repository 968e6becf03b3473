//! Signing up, in and out, profiles, sessions and history over HTTP, on a real database.

#[path = "support/database.rs"]
mod database;
#[path = "accounts/hostile.rs"]
mod hostile;
#[path = "accounts/profile.rs"]
mod profile;
#[path = "accounts/refreshing.rs"]
mod refreshing;
#[path = "accounts/registering.rs"]
mod registering;
#[path = "accounts/seeding.rs"]
mod seeding;
#[path = "accounts/sessions.rs"]
mod sessions;
#[path = "accounts/signing_in.rs"]
mod signing_in;
#[path = "accounts/world.rs"]
mod world;
