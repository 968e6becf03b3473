//! How often one may ask: the one face of all limits of HTTP. Sockets' limits are held by the engine and the sessions.
//!
//! A [`Class`] names a limit of the settings, a [`RateKey`] whom it counts. The limits live in this process; another
//! side (a store that nodes share) goes behind [`RateLimits`], whose callers wait for an answer already.
//! What a request was counted by is noted for its answer's `X-RateLimit-*`: see [`watched`].

mod holders;
mod memory;
mod paths;

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use greenroom_actors::domain::UserId;

use self::memory::RateLimit;
use super::ClientAddress;
use super::address::limited_part;
use crate::config::LimitSettings;
use crate::error::ApiError;

pub(super) use holders::Holders;
pub(super) use paths::{Counts, counts};

pub(super) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
pub(super) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
pub(super) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What is limited. Each has its section in `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Requests to the API: by user with a token, by address without.
    Api,
    /// The same of users with a premium plan, and of admins.
    ApiPremium,
    /// Tries to get in, by address.
    AuthAddress,
    /// Tries to get in, by what somebody says to be: an e-mail address, a username, a mobile number.
    AuthIdentity,
    /// What models are asked for: pictures, videos, avatars that are written or changed.
    Generation,
    /// Questions that tell who has an account, by address.
    Lookup,
    /// Purchases that are begun or changed, by user.
    Payments,
    Search,
    /// Portraits of avatars that cost their user nothing: those that are made anew, and those of cards without a picture.
    Thumbnails,
    Uploads,
    UploadsPremium,
}

impl Class {
    const ALL: [Self; 11] = [
        Self::Api,
        Self::ApiPremium,
        Self::AuthAddress,
        Self::AuthIdentity,
        Self::Generation,
        Self::Lookup,
        Self::Payments,
        Self::Search,
        Self::Thumbnails,
        Self::Uploads,
        Self::UploadsPremium,
    ];

    fn settings(self, of: &LimitSettings) -> &crate::config::RateSettings {
        match self {
            Self::Api => &of.api,
            Self::ApiPremium => &of.api_premium,
            Self::AuthAddress => &of.auth_address,
            Self::AuthIdentity => &of.auth_identity,
            Self::Generation => &of.generation,
            Self::Lookup => &of.lookup,
            Self::Payments => &of.payments,
            Self::Search => &of.search,
            Self::Thumbnails => &of.thumbnails,
            Self::Uploads => &of.uploads,
            Self::UploadsPremium => &of.uploads_premium,
        }
    }
}

/// Whom a limit counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RateKey {
    Address(IpAddr),
    User(UserId),
    /// An e-mail address, a username or a mobile number, in the form in which it is unique.
    Identity(Box<str>),
    Shared(u64),
}

impl RateKey {
    /// An address, cut to what one customer has.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(limited_part(address))
    }
}

/// Where a key stands after a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub limit: u32,
    pub remaining: u32,
    /// Until all of the limit is free again.
    pub reset_after: Duration,
}

impl Standing {
    /// Writes `X-RateLimit-*`; the reset in seconds, rounded up.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(self.reset_after.as_secs_f64().ceil() as u64));
    }
}

/// Too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct Exceeded {
    pub limit: u32,
    pub retry_after: Duration,
    pub reset_after: Duration,
}

impl From<Exceeded> for ApiError {
    fn from(exceeded: Exceeded) -> Self {
        let standing = Standing { limit: exceeded.limit, remaining: 0, reset_after: exceeded.reset_after };
        let mut error = Self::rate_limited(exceeded.retry_after);
        standing.write(error.headers.get_or_insert_default());
        error
    }
}

/// The limits of HTTP. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct RateLimits(Arc<[RwLock<Arc<RateLimit>>; Class::ALL.len()]>);

impl RateLimits {
    #[must_use]
    pub fn new(settings: &LimitSettings) -> Self {
        let settings = settings.effective();
        let limit = |class: Class| RateLimit::new(class.settings(&settings), settings.keys_max);
        Self(Arc::new(Class::ALL.map(|class| RwLock::new(Arc::new(limit(class))))))
    }

    /// Holds by other settings from now on. A limit that changed starts to count anew.
    pub fn change(&self, old: &LimitSettings, new: &LimitSettings) {
        let (old, new) = (old.effective(), new.effective());
        for class in Class::ALL {
            if class.settings(&old) != class.settings(&new) {
                let limit = Arc::new(RateLimit::new(class.settings(&new), new.keys_max));
                *self.0[class as usize].write().unwrap_or_else(PoisonError::into_inner) = limit;
            }
        }
    }

    fn limit(&self, class: Class) -> Arc<RateLimit> {
        self.0[class as usize].read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts one request of `key`. `None`: there is no such limit.
    pub async fn check(&self, class: Class, key: RateKey) -> Result<Option<Standing>, Exceeded> {
        Ok(self.count(class, key)?.map(|(standing, _)| standing))
    }

    /// Counts one of `key` if one is left. For what is done in a plainer way without it, instead of being refused: the answer's
    /// headers do not tell of it.
    pub async fn has_left(&self, class: Class, key: RateKey) -> bool {
        self.limit(class).check(key).is_ok()
    }

    /// Where `key` stands, without counting anything. `None`: there is no such limit.
    pub async fn look(&self, class: Class, key: &RateKey) -> Option<Standing> {
        self.limit(class).look(key)
    }

    fn count(&self, class: Class, key: RateKey) -> Result<Option<(Standing, RateKey)>, Exceeded> {
        let counted = self.limit(class).check(key)?;
        if let Some((standing, _)) = &counted {
            note(class, *standing);
        }
        Ok(counted)
    }

    /// Counts a try to get in: first by address, so that nobody locks out a stranger from one place for long, then by
    /// `identity`, in the form in which it is unique. Counted before a secret is compared, so that guesses at the same
    /// moment are not more than guesses one by one.
    ///
    /// A try that proved to be right should be given back ([`AuthTry::was_right`]).
    pub async fn check_auth(&self, address: ClientAddress, identity: &str) -> Result<AuthTry, Exceeded> {
        self.count(Class::AuthAddress, RateKey::address(address.0))?;
        let counted = self.count(Class::AuthIdentity, RateKey::Identity(identity.into()))?;
        Ok(AuthTry { limits: self.clone(), key: counted.map(|(_, key)| key) })
    }
}

/// A try to get in that was let through; dropping it leaves it counted.
///
/// A right password takes its try back from the identity, so that a person who signs in and out often, or on many
/// devices, is not locked out. An attacker gains nothing: only a right secret gives back, only its own try and only
/// that identity's, so wrong ones are as few as ever. The address's try stays counted: each sign-in costs a password
/// hash and a row, and whoever has one account could otherwise order as many as he likes from one place.
pub struct AuthTry {
    limits: RateLimits,
    key: Option<RateKey>,
}

impl AuthTry {
    /// The secret was right, and the person is in.
    pub async fn was_right(self) {
        if let Some(key) = self.key {
            self.limits.limit(Class::AuthIdentity).give_back(&key);
            forget(Class::AuthIdentity);
        }
    }
}

tokio::task_local! {
    /// By what the request of this task was counted.
    static NOTED: RefCell<Vec<(Class, Standing)>>;
}

/// Runs a request so that [`write_standing`] within it knows all that counted it.
pub(super) async fn watched<F: Future>(request: F) -> F::Output {
    NOTED.scope(RefCell::default(), request).await
}

fn note(class: Class, standing: Standing) {
    // Outside of a request nobody asks for it.
    let _ = NOTED.try_with(|noted| noted.borrow_mut().push((class, standing)));
}

fn forget(class: Class) {
    let _ = NOTED.try_with(|noted| noted.borrow_mut().retain(|(other, _)| *other != class));
}

/// Writes the tightest of the limits that counted this request: the one with the fewest left.
pub(super) fn write_standing(headers: &mut HeaderMap) {
    let tightest = NOTED.try_with(|noted| {
        let key = |standing: &Standing| (standing.remaining, std::cmp::Reverse(standing.reset_after));
        noted.borrow().iter().map(|(_, standing)| *standing).min_by_key(key)
    });
    if let Ok(Some(standing)) = tightest {
        standing.write(headers);
    }
}
