//! HTTP around the features: who calls, what a body may be, limits, headers, health and documentation.
//!
//! It owns no business rule. Features hand it their `routes`; it mounts them under `/api` and `/api/v1`.

mod caller;
mod json;
mod paging;

pub use caller::{AdminCaller, Caller, OptionalCaller};
pub use json::{BodyLimit, Json};
pub use paging::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, Page, PageParams, PageQuery};
