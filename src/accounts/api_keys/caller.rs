//! Who calls where programs are welcome: the holder of an API key, or whoever has an access token.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::{FutureExt, LocalBoxFuture};
use greenroom_actors::domain::{SessionId, UserId};
use uuid::Uuid;

use super::{ApiKey, Scope};
use crate::accounts::{Accounts, Role};
use crate::error::ApiError;
use crate::http::{Caller, Site, bearer};

/// A user, signed in or by an API key. Needs `web::Data<Accounts>` in the app. Ask [`require`](Self::require) before
/// doing anything for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCaller {
    pub user: UserId,
    /// A key has a user's rights, also that of an admin.
    pub role: Role,
    pub way: Way,
}

/// How the caller came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Token(SessionId),
    Key { id: Uuid, scopes: Vec<Scope> },
}

impl KeyCaller {
    /// Refuses a key that was not made for this; a signed-in user may do all that is theirs.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        match &self.way {
            Way::Key { scopes, .. } if !scopes.contains(&scope) => {
                Err(ApiError::forbidden(format!("this API key has no scope {}", scope.as_str())))
            }
            Way::Key { .. } | Way::Token(_) => Ok(()),
        }
    }

    async fn by_key(accounts: &Accounts, site: Option<&Site>, text: &str) -> Result<Self, ApiError> {
        let key = ApiKey::parse(text).ok_or_else(|| ApiError::unauthenticated("the API key is not valid"))?;
        let holder = accounts.key_holder(&key).await?;
        if let Some(site) = site {
            site.note_holder(&key, holder.user, &holder.plan);
        }
        let way = Way::Key { id: holder.key, scopes: holder.scopes };
        Ok(Self { user: holder.user, role: Role::User, way })
    }
}

impl From<Caller> for KeyCaller {
    fn from(caller: Caller) -> Self {
        Self { user: caller.user, role: caller.role, way: Way::Token(caller.session) }
    }
}

impl FromRequest for KeyCaller {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Some(text) = bearer(request).filter(|text| ApiKey::looks_like(text)).map(str::to_owned) else {
            let caller = Caller::from_request(request, payload);
            return async move { Ok(caller.await?.into()) }.boxed_local();
        };
        let accounts = request.app_data::<web::Data<Accounts>>().cloned();
        let site = request.app_data::<web::Data<Site>>().cloned();
        async move {
            let Some(accounts) = accounts else {
                tracing::error!("the app was built without Accounts");
                return Err(ApiError::internal());
            };
            Self::by_key(&accounts, site.as_ref().map(|site| &***site), &text).await
        }
        .boxed_local()
    }
}
