//! Who calls: extractors that read the Bearer access token. They trust the token alone and ask no database.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use greenroom_actors::domain::{SessionId, UserId};

use crate::accounts::{AccessTokens, ApiKey, Role};
use crate::error::ApiError;

/// A signed-in user. Needs `web::Data<AccessTokens>` in the app.
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

fn find(request: &HttpRequest) -> Result<Option<Caller>, ApiError> {
    let Some(token) = bearer(request) else {
        return if request.headers().contains_key(header::AUTHORIZATION) {
            Err(ApiError::unauthenticated("Authorization takes: Bearer <access token>"))
        } else {
            Ok(None)
        };
    };
    let Some(tokens) = request.app_data::<web::Data<AccessTokens>>() else {
        tracing::error!("the app was built without AccessTokens");
        return Err(ApiError::internal());
    };
    if ApiKey::looks_like(token) {
        return Err(ApiError::unauthenticated(
            "an API key is not accepted here: sign in for an access token",
        ));
    }
    match tokens.verify(token) {
        Ok(claims) => Ok(Some(Caller { user: claims.sub, role: claims.role, session: claims.sid })),
        Err(error) => Err(ApiError::unauthenticated(error.to_string())),
    }
}

/// Whether an admin asks. A token that does not hold counts as none: monitors may have an old one.
pub(super) fn is_admin(request: &HttpRequest) -> bool {
    find(request).is_ok_and(|caller| caller.is_some_and(|caller| caller.role == Role::Admin))
}

fn require(request: &HttpRequest) -> Result<Caller, ApiError> {
    find(request)?.ok_or_else(|| ApiError::unauthenticated("sign in first: this needs an access token"))
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(require(request))
    }
}

impl FromRequest for AdminCaller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(require(request).and_then(|caller| match caller.role {
            Role::Admin => Ok(Self(caller)),
            Role::User => Err(ApiError::forbidden("this is for admins")),
        }))
    }
}

impl FromRequest for OptionalCaller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(find(request).map(Self))
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
