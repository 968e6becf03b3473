//! Accounts: who a person is, how they sign in, and how long they stay signed in.

mod random;
mod tokens;

pub use random::random_hex;
pub use tokens::{AccessTokens, Claims, Role, TokenError};
