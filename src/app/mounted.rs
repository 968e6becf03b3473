//! Which features answer requests, and where.

use crate::http::{self, Routes};
use crate::studio::{avatars, content};
use crate::{
    accounts, ai, audit, billing, cache, characters, completions, control, conversations, insights, jobs,
    media, memory, outbound, realtime,
};

/// What is mounted at `/api` and `/api/v1`.
pub(super) const API: &[Routes] = &[
    accounts::routes,
    ai::routes,
    ai::dead_routes,
    audit::routes,
    billing::routes,
    billing::events::routes,
    billing::shop::routes,
    characters::routes,
    conversations::routes,
    control::routes,
    insights::routes,
    jobs::routes,
    media::routes,
    memory::routes,
    outbound::routes,
    content::routes,
    avatars::routes,
];
/// What is mounted at `/`.
pub(super) const ROOT: &[Routes] = &[
    ai::pages,
    cache::routes,
    completions::routes,
    conversations::pages,
    jobs::pages,
    media::pages,
    realtime::routes,
];

/// The OpenAPI description of all routes, as JSON.
pub fn openapi() -> anyhow::Result<String> {
    Ok(http::document(ROOT, API).to_pretty_json()?)
}
