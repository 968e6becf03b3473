//! HTTP around the features: who calls, what a body may be, limits, headers, health and documentation.
//!
//! It owns no business rule. Features hand it their `routes`; [`app`] mounts them under `/api` and `/api/v1`.
//! Around each request, from the outside in: [envelope] (id, log, metrics, headers, errors, panics), CORS, compression,
//! [throttle] (rate limits), the route.

mod address;
mod caller;
mod console;
mod days;
mod deprecation;
mod envelope;
mod headers;
mod health;
mod info;
mod json;
mod metrics;
mod openapi;
mod paging;
mod process;
mod rate;
mod site;
mod throttle;

pub use address::{client_address, limited_part};
pub use caller::{AdminCaller, Caller, OptionalCaller};
pub(crate) use caller::{bearer, is_admin};
pub use console::console_page;
pub use days::Days;
pub use deprecation::older_face;
pub use envelope::asks_for_head;
pub use health::{DependencyState, Finding, Health, Probe};
pub use json::{BodyLimit, Json, MaybeJson};
pub use metrics::Metrics;
pub use openapi::document;
pub use paging::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, Page, PageParams, PageQuery, moment_cursor};
pub use process::ProcessUsage;
pub use rate::{AuthTry, Class, Exceeded, RateKey, RateLimits, Standing};
pub use site::{ClientAddress, Routes, Site, app};

#[cfg(test)]
mod tests;
