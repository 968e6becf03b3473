//! What there is to look at, also where nothing can be bought: what is sold, and what was paid.

use greenroom_actors::domain::UserId;

use super::view::{CreditPriceView, KeyView, PaymentView, ShopView};
use super::{Shop, ShopError};
use crate::billing::records;
use crate::error::ApiError;
use crate::http::{Page, PageQuery, moment_cursor};

impl Shop {
    /// What this server sells.
    #[must_use]
    pub fn overview(&self) -> ShopView {
        let settings = &self.0.terms.settings;
        ShopView {
            enabled: self.0.desk.is_some(),
            publishable_key: self.0.publishable_key.clone(),
            test_mode: self.0.test_mode,
            currency: settings.currency.clone(),
            plans: self.0.offers.all(),
            credits: CreditPriceView {
                price_cents: settings.credit_price_cents,
                min: settings.credits_min,
                max: settings.credits_max,
            },
        }
    }

    pub fn publishable_key(&self) -> Result<KeyView, ApiError> {
        self.desk()?;
        let key = self.0.publishable_key.clone();
        let publishable_key = key.ok_or_else(|| ApiError::feature_unavailable("stripe.publishable_key"))?;
        Ok(KeyView { publishable_key })
    }

    /// What somebody paid, the latest first.
    pub async fn payments(&self, user: UserId, page: &PageQuery) -> Result<Page<PaymentView>, ApiError> {
        let after = page.after_moment()?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let read = async {
            tokio::try_join!(
                records::payments_of(&client, user, after, limit + 1, skip),
                records::count_payments(&client, user)
            )
        };
        let (found, total) = read.await.map_err(ShopError::from)?;
        let page =
            Page::cut(page, found, u64::try_from(total).ok(), |last| moment_cursor(last.created_at, last.id));
        Ok(page.map(PaymentView::from))
    }
}
