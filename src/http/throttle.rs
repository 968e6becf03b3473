//! Counts each request to the API, and tells the caller where it stands.
//!
//! Who shows a good access token is counted as that user, others by their address: people behind one address do not
//! take each other's allowance. So is who shows an API key, from the second request on: the first one finds it good.
//! Premium plans and admins, whose console asks every few seconds, have the larger one.
//! Health, metrics, webhooks and the console's files are exempt; the table of paths is in [`super::rate`].

use std::net::{IpAddr, Ipv4Addr};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};

use super::caller::bearer;
use super::envelope::{keep_streams_open, refuse};
use super::rate::{self, Class, Counts, Exceeded, RateKey};
use super::{ClientAddress, Site};
use crate::accounts::Role;
use crate::error::{ApiError, NO_RETRY};

/// The middleware.
pub(super) async fn throttle<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    rate::watched(async move {
        let counts = counts(&request);
        let site = request.app_data::<web::Data<Site>>().cloned();
        if let (Some(counts), Some(site)) = (counts, &site)
            && let Err(exceeded) = count(&request, site, counts).await
        {
            return Ok(refuse(request, &ApiError::from(exceeded)));
        }
        let mut response = next.call(request).await?.map_into_left_body();
        keep_streams_open(&mut response);
        let refused = response.status() == StatusCode::TOO_MANY_REQUESTS;
        let headers = response.headers_mut();
        // A plan that is used up is no limit that time lifts.
        if refused && !headers.contains_key(rate::LIMIT) && !headers.contains_key(&NO_RETRY.0) {
            // Held by somebody else than these limits, whose standing says nothing then.
            let messages = site.filter(|_| counts == Some(Counts::Messages));
            tell_refusal(headers, messages.map(|site| site.config().limits.messages.max));
        } else if !refused {
            rate::write_standing(headers);
        }
        Ok(response)
    })
    .await
}

/// How the request is counted; `None`: it is not. The path is the one that routes are found by: decoded.
fn counts(request: &ServiceRequest) -> Option<Counts> {
    if request.method() == Method::OPTIONS {
        return None;
    }
    let counts = rate::counts(request.method(), request.match_info().as_str(), request.query_string())?;
    (counts != Counts::Exempt).then_some(counts)
}

async fn count(request: &ServiceRequest, site: &Site, counts: Counts) -> Result<(), Exceeded> {
    let address = request.extensions().get::<ClientAddress>().map(|address| address.0);
    let address = RateKey::address(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    let token = bearer(request.request());
    let claims = token.and_then(|token| site.tokens().verify(token).ok());
    let holder = token.filter(|_| claims.is_none()).and_then(|token| site.holders().find(token));
    let (user, premium) = match (claims, holder) {
        (Some(claims), _) => (Some(claims.sub), claims.role == Role::Admin || site.is_premium(&claims.plan)),
        (None, Some(holder)) => (Some(holder.user), site.is_premium(&holder.plan)),
        (None, None) => (None, false),
    };
    let caller = user.map_or_else(|| address.clone(), RateKey::User);
    let (general, uploads) =
        if premium { (Class::ApiPremium, Class::UploadsPremium) } else { (Class::Api, Class::Uploads) };
    site.limits().check(general, caller.clone()).await?;
    match counts {
        Counts::Also(Class::Lookup) => site.limits().check(Class::Lookup, address).await?,
        Counts::Also(Class::Uploads) => site.limits().check(uploads, caller).await?,
        Counts::Also(class) => site.limits().check(class, caller).await?,
        Counts::Api | Counts::Messages | Counts::Exempt => None,
    };
    Ok(())
}

/// Nothing is left until the time to come back.
fn tell_refusal(headers: &mut HeaderMap, limit: Option<u32>) {
    headers.insert(rate::REMAINING, HeaderValue::from(0));
    if let Some(limit) = limit {
        headers.insert(rate::LIMIT, HeaderValue::from(limit));
    }
    if let Some(after) = headers.get(header::RETRY_AFTER).cloned() {
        headers.insert(rate::RESET, after);
    }
}
