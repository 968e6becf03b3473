//! What is kept: Postgres, the journal, the queues, and the figures added up from it.

#[path = "../support/mod.rs"]
mod support;

mod insights;
mod jobs;
mod journal;
mod postgres;
