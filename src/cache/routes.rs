//! `GET /cache/status`: that the caches work; their numbers for admins.

use actix_web::{HttpRequest, get, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{CacheNumbers, Caches};
use crate::conversations::view::wire_time;
use crate::http::is_admin;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(status);
}

#[derive(Serialize, ToSchema)]
struct CacheStatusView {
    /// `OK`: they are a part of the server, and live as long as it does.
    #[schema(value_type = String)]
    status: &'static str,
    timestamp: Timestamp,
    /// For an admin's token only.
    #[serde(skip_serializing_if = "Option::is_none")]
    caches: Option<Vec<CacheView>>,
}

/// One cache of this node.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CacheView {
    #[schema(value_type = String)]
    name: &'static str,
    /// Since the server started.
    hits: u64,
    misses: u64,
    size: u64,
    /// Entries at most; 0 where there are as many as live conversations.
    capacity: u64,
    /// Seconds that an entry is kept at most.
    life_s: u64,
}

impl From<CacheNumbers> for CacheView {
    fn from(numbers: CacheNumbers) -> Self {
        let CacheNumbers { name, hits, misses, size, capacity, life } = numbers;
        Self { name, hits, misses, size, capacity, life_s: life.as_secs() }
    }
}

/// Say how the caches do
///
/// With an admin's token also what each of them holds, and how often it helped.
#[utoipa::path(
    operation_id = "getCacheStatus",
    tag = "health",
    security((), ("bearer" = [])),
    responses((status = 200, description = "They work", body = CacheStatusView)),
)]
#[get("/cache/status")]
async fn status(request: HttpRequest, caches: web::Data<Caches>) -> web::Json<CacheStatusView> {
    let admin = is_admin(&request).await;
    web::Json(CacheStatusView {
        status: "OK",
        timestamp: wire_time(Timestamp::now()),
        caches: admin.then(|| caches.numbers().into_iter().map(CacheView::from).collect()),
    })
}
