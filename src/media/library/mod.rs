//! What one has: files by their ids, who may see them, what becomes of them, and their end.

mod changes;
mod reach;

pub use changes::{OnChanged, forget};
