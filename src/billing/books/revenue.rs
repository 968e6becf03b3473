//! Money by day, month, plan or kind: what is asked, and what it comes to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::FieldError;
use crate::http::Days;

/// What payments have in common that are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// Of UTC, by when it was paid.
    #[default]
    Day,
    Month,
    Plan,
    Kind,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct RevenueParams {
    /// The first day, as `2026-01-31`, or a moment in it; 29 days before `to` without it.
    pub from: Option<String>,
    /// The last day, which is included; today (UTC) without it. At most 400 days in all.
    pub to: Option<String>,
    /// `day` (without it), `month`, `plan` or `kind`.
    #[param(inline)]
    pub group_by: Option<GroupBy>,
}

impl RevenueParams {
    pub(super) fn checked(&self, now: Timestamp) -> Result<(Days, GroupBy), FieldError> {
        let days = Days::parse(self.from.as_deref(), self.to.as_deref(), now)?;
        Ok((days, self.group_by.unwrap_or_default()))
    }
}

/// Payments added up, in the smallest unit of the currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Earned {
    /// A day as `2026-01-31`, a month as `2026-01`, a plan's name (`credits` for credits), or a kind; null in `totals`.
    pub key: Option<String>,
    pub payments: i64,
    pub gross_cents: i64,
    /// Of these payments, whenever it went back; what is disputed and not won counts as gone.
    pub refunded_cents: i64,
    pub net_cents: i64,
}

impl Earned {
    pub(super) fn total(items: &[Self]) -> Self {
        items.iter().fold(Self::default(), |sum, item| Self {
            key: None,
            payments: sum.payments + item.payments,
            gross_cents: sum.gross_cents + item.gross_cents,
            refunded_cents: sum.refunded_cents + item.refunded_cents,
            net_cents: sum.net_cents + item.net_cents,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revenue {
    pub items: Vec<Earned>,
    pub totals: Earned,
    pub days: Days,
    pub by: GroupBy,
    pub currency: String,
    pub active_subscriptions: i64,
    pub mrr_cents: i64,
    /// Payments of these days in other currencies, which are not added up.
    pub other_currencies: i64,
}
