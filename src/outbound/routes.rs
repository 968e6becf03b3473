//! `GET /api/admin/outbox`: what development wrote to people and sent to nobody.

use actix_web::{get, web};
use deadpool_postgres::Pool;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::store::{self, Kept};
use super::{Channel, Outbound};
use crate::error::{ApiResult, ErrorBody, FieldError};
use crate::http::{AdminCaller, Page, PageParams, PageQuery};
use crate::postgres::{Stored, refusal};

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// The outbox, for its route. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    outbound: Outbound,
    pool: Pool,
}

impl Outbox {
    #[must_use]
    pub fn new(outbound: Outbound, pool: Pool) -> Self {
        Self { outbound, pool }
    }

    async fn page(&self, query: &PageQuery) -> Result<Page<LetterView>, Refusal> {
        if ![self.outbound.mail(), self.outbound.sms()].contains(&Channel::Outbox) {
            let message =
                "there is no outbox here: development has one while mail.host or sms.webhook_url is not set";
            return Err(Refusal::new(RefusalCode::FeatureUnavailable, message));
        }
        let before = match &query.cursor {
            Some(cursor) => cursor.parse().map_err(|_| FieldError::new("cursor", "is none of this list"))?,
            None => i64::MAX,
        };
        let (skip, limit) = query.window();
        let found = async {
            let client = self.pool.get().await?;
            // One more than wanted tells whether there is a next page.
            Stored::Ok((store::page(&client, before, skip, limit + 1).await?, store::count(&client).await?))
        };
        let (letters, total) = found.await.map_err(|error| refusal(&error))?;
        let page = Page::cut(query, letters, u64::try_from(total).ok(), |letter| letter.number().to_string());
        Ok(page.map(LetterView::from))
    }
}

/// A letter in the outbox.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LetterView {
    /// Of the job that wrote it.
    id: Uuid,
    /// `mail` or `sms`.
    #[schema(example = "mail")]
    channel: String,
    /// The address or number that it is for.
    to: String,
    /// Null for an SMS.
    subject: Option<String>,
    text: String,
    /// The same text as a web page; null for an SMS. Show it in a frame without scripts.
    html: Option<String>,
    created_at: Timestamp,
}

impl From<Kept> for LetterView {
    fn from(kept: Kept) -> Self {
        let Kept { id, channel, to, subject, text, html, created_at, .. } = kept;
        Self { id, channel, to, subject, text, html, created_at }
    }
}

/// Read the outbox
///
/// Mails and SMS that were written but sent to nobody, the newest first: in development, where mail or SMS is not set up.
/// The newest 1000 are kept. They hold codes and links that work.
#[utoipa::path(
    operation_id = "listOutbox",
    tag = "admin",
    security(("bearer" = [])),
    params(PageParams),
    responses(
        (status = 200, description = "One page of the letters", body = Page<LetterView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 503, description = "There is no outbox here, or the database is away", body = ErrorBody),
    ),
)]
#[get("/admin/outbox")]
async fn list(
    _: AdminCaller,
    page: PageQuery,
    outbox: web::Data<Outbox>,
) -> ApiResult<web::Json<Page<LetterView>>> {
    Ok(web::Json(outbox.page(&page).await?))
}
