//! The application of one worker, made anew for each: all that they share is in the [`Site`].

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::{Compress, Condition, from_fn};
use actix_web::{App, Error, FromRequest, HttpMessage, HttpRequest, web};
use greenroom_actors::domain::{Catalogue, UserId};
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_actix_web::{AppExt, scope};

use super::envelope::{REQUEST_ID, envelope};
use super::openapi::KnownPaths;
use super::rate::RateLimits;
use super::throttle::throttle;
use super::{BodyLimit, Health, Metrics, console, openapi, rate};
use crate::accounts::{AccessTokens, ApiKey};
use crate::config::{Config, Network};
use crate::error::{ApiError, FieldError};

/// What a feature hands over: it registers its services, and thereby their documentation.
pub type Routes = fn(&mut ServiceConfig<'_>);

/// What all workers share. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Site(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    plans: Catalogue,
    tokens: AccessTokens,
    limits: RateLimits,
    holders: rate::Holders,
    health: Health,
    metrics: Metrics,
    trusted: Vec<Network>,
    /// Mounted at `/api` and `/api/v1`.
    api: Vec<Routes>,
    /// Mounted at `/`.
    root: Vec<Routes>,
    document: web::Bytes,
    known: KnownPaths,
}

impl Site {
    /// `api` are the features' routes under `/api` and `/api/v1`, `root` those at `/` (`/ws`).
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        plans: Catalogue,
        tokens: AccessTokens,
        health: Health,
        api: &[Routes],
        root: &[Routes],
    ) -> Self {
        let document = openapi::document(root, api);
        let (root, api) = openapi::with_own(root, api);
        Self(Arc::new(Inner {
            limits: RateLimits::new(&config.limits),
            holders: rate::Holders::default(),
            trusted: config.server.trusted_networks(),
            known: KnownPaths::new(&document),
            document: document.to_json().unwrap_or_default().into(),
            metrics: Metrics::install(),
            config,
            plans,
            tokens,
            health,
            api,
            root,
        }))
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    #[must_use]
    pub fn tokens(&self) -> &AccessTokens {
        &self.0.tokens
    }

    #[must_use]
    pub fn limits(&self) -> &RateLimits {
        &self.0.limits
    }

    /// An API key was found good: from now on its user is counted, and not the address that it comes from.
    pub fn note_holder(&self, key: &ApiKey, user: UserId, plan: &str) {
        self.0.holders.note(key, user, plan);
    }

    pub(super) fn holders(&self) -> &rate::Holders {
        &self.0.holders
    }

    #[must_use]
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The API's documentation as JSON.
    #[must_use]
    pub fn document(&self) -> web::Bytes {
        self.0.document.clone()
    }

    pub(super) fn trusted(&self) -> &[Network] {
        &self.0.trusted
    }

    pub(super) fn is_https(&self) -> bool {
        self.config().is_production() && self.config().auth.cookie_secure
    }

    /// Whether a plan's users are served as premium ones.
    pub(crate) fn is_premium(&self, plan: &str) -> bool {
        self.0.plans.get(plan).premium
    }
}

/// The address of the client, a trusted proxy's word included. An extractor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl FromRequest for ClientAddress {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let noted = request.extensions().get::<Self>().copied();
        ready(Ok(noted.unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))))
    }
}

/// The whole application. The composition root adds the features' services to it with `app_data`.
pub fn app(
    site: &Site,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let Inner { config, tokens, limits, health, metrics, api, root, document, known, .. } = &*site.0;
    let mount = |prefix: &str| {
        let api = api.clone();
        scope(web::scope(prefix)).configure(move |config| api.iter().for_each(|routes| routes(config)))
    };
    let mut built = App::new().into_utoipa_app();
    // The longer prefix first: a scope takes all that starts with its own.
    built = built.service(mount("/api/v1")).service(mount("/api"));
    let (app, _) = built.configure(|config| root.iter().for_each(|routes| routes(config))).split_for_parts();
    app.configure(console::routes)
        .configure(|config| openapi::routes(config, document.clone()))
        .default_service(web::to(openapi::fallback))
        .app_data(web::Data::new(site.clone()))
        .app_data(web::Data::new(known.clone()))
        .app_data(web::Data::new(tokens.clone()))
        .app_data(web::Data::new(limits.clone()))
        .app_data(web::Data::new(health.clone()))
        .app_data(web::Data::new(metrics.clone()))
        .app_data(web::Data::from(Arc::clone(config)))
        .app_data(web::Data::new(BodyLimit(config.server.body_max_bytes)))
        .app_data(web::PayloadConfig::new(config.server.body_max_bytes))
        .app_data(web::PathConfig::default().error_handler(|_, _| {
            ApiError::from(FieldError::new("path", "is not what this route takes")).into()
        }))
        .app_data(
            web::QueryConfig::default()
                .error_handler(|error, _| ApiError::from(FieldError::new("query", error.to_string())).into()),
        )
        .wrap(from_fn(throttle))
        .wrap(Condition::new(config.server.compression, Compress::default()))
        .wrap(Condition::new(!config.server.cors_origins.is_empty(), cors(config)))
        // Boxed, since a connection keeps the room of its largest future for as long as it lives, sockets too.
        .wrap(from_fn(|request, next| Box::pin(envelope(request, next))))
}

/// Other origins call with a token in a header, never with credentials: the one cookie is the console's, which lives on
/// our own origin, and no other page shall send it or ask for it (`X-Greenroom-Client`).
fn cors(config: &Config) -> Cors {
    let headers = [header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, REQUEST_ID];
    let exposed = [REQUEST_ID, header::RETRY_AFTER, rate::LIMIT, rate::REMAINING, rate::RESET];
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    config
        .server
        .cors_origins
        .iter()
        .fold(Cors::default(), |cors, origin| cors.allowed_origin(origin))
        .allowed_methods(methods)
        .allowed_headers(headers)
        .expose_headers(exposed)
        .max_age(3_600)
}
