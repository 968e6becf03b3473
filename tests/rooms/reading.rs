//! Reading by request: search, public lists and pages, numbers, exports, and what comes back after it was deleted.

mod stage;
mod export;
mod page;
mod public;
mod restore;
mod search;
mod statistics;
