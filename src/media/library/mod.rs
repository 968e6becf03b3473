//! What one has: files by their ids, who may see them, what becomes of them, and their end.

mod changes;
mod own;
mod reach;
mod records;
pub mod routes;
mod view;

pub use changes::{OnChanged, forget};
pub use records::{FileRecord, records};
