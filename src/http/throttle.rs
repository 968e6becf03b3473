//! The API's rate limit: by address, or by user for premium plans. Health, metrics and the console's files are exempt.

use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};

use super::caller::bearer;
use super::envelope::{keep_streams_open, refuse};
use super::rate::{Exceeded, RateKey, RateLimit, Standing};
use super::{ClientAddress, Site};
use crate::config::LimitSettings;
use crate::error::ApiError;

/// The limits of REST. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct RateLimits(Arc<Limits>);

struct Limits {
    auth_identity: RateLimit,
    auth_address: RateLimit,
    api: RateLimit,
    api_premium: RateLimit,
}

impl RateLimits {
    #[must_use]
    pub fn new(settings: &LimitSettings) -> Self {
        let settings = settings.effective();
        let limit = |of| RateLimit::new(of, settings.keys_max);
        Self(Arc::new(Limits {
            auth_identity: limit(&settings.auth_identity),
            auth_address: limit(&settings.auth_address),
            api: limit(&settings.api),
            api_premium: limit(&settings.api_premium),
        }))
    }

    /// Counts a try to sign in or up: first by address, so that nobody locks out a stranger from one place for long.
    pub fn check_auth(&self, address: ClientAddress, identity: &str) -> Result<(), Exceeded> {
        self.0.auth_address.check(RateKey::address(address.0))?;
        self.0.auth_identity.check(RateKey::Identity(identity.into()))?;
        Ok(())
    }
}

/// The middleware that counts requests to `/api`.
pub(super) async fn throttle<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let standing = match count(&request) {
        Ok(standing) => standing,
        Err(exceeded) => return Ok(refuse(request, &ApiError::from(exceeded))),
    };
    let mut response = next.call(request).await?.map_into_left_body();
    keep_streams_open(&mut response);
    if let Some(standing) = standing
        && !response.headers().contains_key(super::rate::LIMIT)
    {
        standing.write(response.headers_mut());
    }
    Ok(response)
}

fn count(request: &ServiceRequest) -> Result<Option<Standing>, Exceeded> {
    let path = request.path();
    let limited = path == "/api" || path.starts_with("/api/");
    let Some(site) =
        request.app_data::<web::Data<Site>>().filter(|_| limited && request.method() != Method::OPTIONS)
    else {
        return Ok(None);
    };
    let limits = &site.limits().0;
    let premium = bearer(request.request())
        .and_then(|token| site.tokens().verify(token).ok())
        .filter(|claims| site.is_premium(&claims.plan));
    if let Some(claims) = premium {
        return limits.api_premium.check(RateKey::User(claims.sub));
    }
    let address = request.extensions().get::<ClientAddress>().copied();
    address.map_or(Ok(None), |address| limits.api.check(RateKey::address(address.0)))
}
