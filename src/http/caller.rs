//! Who calls: extractors that read the Bearer token.
//!
//! Of our own access tokens they trust the token alone, and ask no database. An ID token of a configured identity provider
//! is as good where it is linked to an account; it takes the provider's keys and, once a minute, a look-up.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, LocalBoxFuture};
use greenroom_actors::domain::{SessionId, UserId};
use greenroom_actors::protocol::Refusal;

use crate::accounts::{AccessTokens, Accounts, ApiKey, ForeignCaller, Role, TokenError};
use crate::error::ApiError;

/// A signed-in user. Needs `web::Data<AccessTokens>` in the app, and `web::Data<Accounts>` for ID tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    pub user: UserId,
    pub role: Role,
    pub session: SessionId,
}

/// A signed-in admin; others get 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminCaller(pub Caller);

/// A signed-in user or nobody. A token that is there but does not hold is still refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionalCaller(pub Option<Caller>);

/// The token of `Authorization: Bearer <token>`.
pub(crate) fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Who calls, as far as it is known without asking anybody.
enum Found {
    Now(Result<Option<Caller>, ApiError>),
    /// An ID token: its provider's keys and the database are asked, where they were not lately.
    Asked(BoxFuture<'static, Result<ForeignCaller, Refusal>>),
}

fn find(request: &HttpRequest) -> Found {
    let Some(token) = bearer(request) else {
        return Found::Now(if request.headers().contains_key(header::AUTHORIZATION) {
            Err(ApiError::unauthenticated("Authorization takes: Bearer <access token>"))
        } else {
            Ok(None)
        });
    };
    let Some(tokens) = request.app_data::<web::Data<AccessTokens>>() else {
        tracing::error!("the app was built without AccessTokens");
        return Found::Now(Err(ApiError::internal()));
    };
    if ApiKey::looks_like(token) {
        return Found::Now(Err(ApiError::unauthenticated(
            "an API key is not accepted here: sign in for an access token",
        )));
    }
    match tokens.verify(token) {
        Ok(claims) => {
            Found::Now(Ok(Some(Caller { user: claims.sub, role: claims.role, session: claims.sid })))
        }
        Err(error) => {
            let accounts = request.app_data::<web::Data<Accounts>>();
            let foreign = accounts.filter(|_| error == TokenError::Invalid);
            match foreign.and_then(|accounts| accounts.foreign(token)) {
                Some(asked) => Found::Asked(asked),
                None => Found::Now(Err(ApiError::unauthenticated(error.to_string()))),
            }
        }
    }
}

impl From<ForeignCaller> for Caller {
    fn from(caller: ForeignCaller) -> Self {
        Self { user: caller.user, role: caller.role, session: caller.session }
    }
}

/// Ready at once for our own tokens.
type Extracted<T> = Either<Ready<Result<T, ApiError>>, LocalBoxFuture<'static, Result<T, ApiError>>>;

fn extract<T: 'static>(
    request: &HttpRequest,
    admit: fn(Option<Caller>) -> Result<T, ApiError>,
) -> Extracted<T> {
    match find(request) {
        Found::Now(caller) => Either::Left(ready(caller.and_then(admit))),
        Found::Asked(asked) => Either::Right(async move { admit(Some(asked.await?.into())) }.boxed_local()),
    }
}

/// Whether an admin asks. A token that does not hold counts as none: monitors may have an old one.
pub(crate) async fn is_admin(request: &HttpRequest) -> bool {
    extract(request, admin).await.is_ok()
}

fn anybody(caller: Option<Caller>) -> Result<Caller, ApiError> {
    caller.ok_or_else(|| ApiError::unauthenticated("sign in first: this needs an access token"))
}

fn admin(caller: Option<Caller>) -> Result<AdminCaller, ApiError> {
    let caller = anybody(caller)?;
    match caller.role {
        Role::Admin => Ok(AdminCaller(caller)),
        Role::User => Err(ApiError::forbidden("this is for admins")),
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(request, anybody)
    }
}

impl FromRequest for AdminCaller {
    type Error = ApiError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(request, admin)
    }
}

impl FromRequest for OptionalCaller {
    type Error = ApiError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(request, |caller| Ok(Self(caller)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::test::TestRequest;

    use super::*;

    fn tokens() -> AccessTokens {
        AccessTokens::new(b"a secret of at least thirty-two characters", Duration::from_secs(900))
    }

    fn request(role: Option<Role>) -> HttpRequest {
        let tokens = tokens();
        let mut request = TestRequest::default();
        if let Some(role) = role {
            let claims = tokens.claims(UserId::new(), role, SessionId::new(), "free");
            let token = tokens.sign(&claims);
            request = request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
        }
        request.app_data(web::Data::new(tokens)).to_http_request()
    }

    async fn extract<T: FromRequest<Error = ApiError>>(request: &HttpRequest) -> Result<T, u16> {
        T::extract(request).await.map_err(|error| error.status.as_u16())
    }

    #[actix_web::test]
    async fn nobody_a_user_and_an_admin_are_told_apart() {
        let (nobody, user, admin) = (request(None), request(Some(Role::User)), request(Some(Role::Admin)));
        assert_eq!(extract::<Caller>(&nobody).await, Err(401));
        assert_eq!(extract::<AdminCaller>(&nobody).await, Err(401));
        assert_eq!(extract::<OptionalCaller>(&nobody).await, Ok(OptionalCaller(None)));
        assert!(extract::<Caller>(&user).await.is_ok());
        assert_eq!(extract::<AdminCaller>(&user).await, Err(403));
        assert!(extract::<AdminCaller>(&admin).await.is_ok());
    }

    #[actix_web::test]
    async fn a_bad_token_is_refused_even_where_none_is_needed() {
        for value in ["Bearer nonsense", "Basic dTpw", "Bearer"] {
            let request = TestRequest::default()
                .insert_header((header::AUTHORIZATION, value))
                .app_data(web::Data::new(tokens()))
                .to_http_request();
            assert_eq!(extract::<OptionalCaller>(&request).await, Err(401), "{value}");
        }
    }
}
