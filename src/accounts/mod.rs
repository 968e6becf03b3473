//! Accounts: who a person is, how they sign in, and how long they stay signed in.

mod tokens;

pub use tokens::{AccessTokens, Claims, Role, TokenError};
