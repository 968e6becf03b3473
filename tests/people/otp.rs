//! Signing in and up by mobile number and one-time password, over HTTP, on a real database.

mod guessing;
mod linking;
mod recovery;
mod secrets;
mod sending;
mod signing_up;
mod stage;

use crate::accounts::world;

// Where the parts look for it.
