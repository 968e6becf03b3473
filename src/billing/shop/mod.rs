//! (for the books alone, until the shop opens)
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::billing::records::{Dispute, Payment, PaymentKind, PaymentStatus};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    id: Uuid,
    kind: PaymentKind,
    plan: Option<String>,
    credits: Option<u32>,
    amount_cents: i64,
    refunded_cents: i64,
    currency: String,
    status: PaymentStatus,
    dispute: Option<Dispute>,
    failure: Option<String>,
    paid_at: Option<Timestamp>,
    period_start: Option<Timestamp>,
    period_end: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<Payment> for PaymentView {
    fn from(p: Payment) -> Self {
        Self {
            id: p.id,
            kind: p.kind,
            plan: p.plan,
            credits: p.credits,
            amount_cents: p.amount_cents,
            refunded_cents: p.refunded_cents,
            currency: p.currency,
            status: p.status,
            dispute: p.dispute,
            failure: p.failure,
            paid_at: p.paid_at,
            period_start: p.period_start,
            period_end: p.period_end,
            created_at: p.created_at,
        }
    }
}
