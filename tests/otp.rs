//! Signing in and up by mobile number and one-time password, over HTTP, on a real database.

#[path = "otp/guessing.rs"]
mod guessing;
#[path = "otp/linking.rs"]
mod linking;
#[path = "otp/recovery.rs"]
mod recovery;
#[path = "otp/secrets.rs"]
mod secrets;
#[path = "otp/sending.rs"]
mod sending;
#[path = "otp/signing_up.rs"]
mod signing_up;
#[path = "otp/stage.rs"]
mod stage;
mod support;
#[path = "accounts/world.rs"]
#[allow(dead_code)]
mod world;

// Where the parts look for it.
use support::database;
