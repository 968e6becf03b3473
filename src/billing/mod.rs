//! What people pay with: the credit ledger.

pub mod ledger;
mod routes;

pub use ledger::Ledger;
pub use routes::routes;
