//! Sign-in and sign-up by mobile number and one-time password.

mod mobile;

pub use mobile::{Mobile, is_region};
