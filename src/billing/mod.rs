//! What people pay with and what for: the credit ledger, plans and payments.

pub mod books;
pub mod events;
pub mod ledger;
pub mod plans;
pub mod records;
mod routes;
pub mod shop;
pub mod stripe;
pub mod sync;
pub mod terms;

pub use events::Webhooks;
pub use ledger::Ledger;
pub use routes::routes;
pub use shop::Shop;
