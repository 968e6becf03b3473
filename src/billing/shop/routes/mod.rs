//! The routes of buying, in the three shapes that clients know: `/api/payments`, `/api/subscriptions`, and the older
//! `/api/subscription`. All are thin.

mod payments;
mod subscription;
mod subscriptions;

use utoipa_actix_web::service_config::ServiceConfig;

pub fn routes(config: &mut ServiceConfig<'_>) {
    payments::routes(config);
    subscription::routes(config);
    subscriptions::routes(config);
}
