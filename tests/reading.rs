//! Reading by request: search, public lists and pages, numbers, exports, and what comes back after it was deleted.

mod support;

#[path = "reading/stage.rs"]
mod stage;
#[path = "reading/export.rs"]
mod export;
#[path = "reading/page.rs"]
mod page;
#[path = "reading/public.rs"]
mod public;
#[path = "reading/restore.rs"]
mod restore;
#[path = "reading/search.rs"]
mod search;
#[path = "reading/statistics.rs"]
mod statistics;
