//! `GET /api/conversations…`: lists of one's own and of the public ones, their categories and their numbers.

use actix_web::{HttpRequest, get, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::conversations::publishing::{CategoryView, PublicFilter, PublicOrder};
use crate::conversations::restore::DeletedConversationView;
use crate::conversations::search::{ConversationHit, SearchText};
use crate::conversations::statistics::ConversationStatisticsView;
use crate::conversations::view::{ConversationView, PublicConversationView};
use crate::conversations::{Conversations, cursor};
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{Caller, OptionalCaller, Page, PageParams, PageQuery};

/// Characters (Unicode) of a filter.
const FILTER_MAX_CHARS: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Scope {
    /// Those that one is in: what a token lists by itself.
    Own,
    /// Those that everybody may find: the only ones without a token.
    Public,
    /// Those that one deleted and can still bring back.
    Deleted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// The one last spoken in first.
    #[default]
    Recent,
    /// The one that most have read first.
    Popular,
}

impl From<Sort> for PublicOrder {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Recent => Self::Recent,
            Sort::Popular => Self::Popular,
        }
    }
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `own` with a token, `public` without one.
    #[param(inline)]
    scope: Option<Scope>,
    /// Of public ones: equal but for case.
    category: Option<String>,
    /// Of public ones: one of their tags, equal but for case.
    tag: Option<String>,
    /// Of public ones: featured by an admin, or not.
    featured: Option<bool>,
    /// Of public ones: words of the title, the category and the tags.
    q: Option<String>,
    /// Of public ones.
    #[param(inline)]
    sort: Option<Sort>,
}

impl ListQuery {
    fn read(request: &HttpRequest) -> ApiResult<Self> {
        let query = web::Query::<Self>::from_query(request.query_string()).map_err(|_| {
            ApiError::malformed(
                "scope takes own, public or deleted; sort takes recent or popular; featured takes true or false",
            )
        })?;
        Ok(query.into_inner())
    }

    fn filter(&self) -> Result<PublicFilter, FieldError> {
        let check = |field: &'static str, value: &Option<String>| match value.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) if text.chars().count() > FILTER_MAX_CHARS || text.contains('\0') => {
                Err(FieldError::new(field, "takes at most 200 characters"))
            }
            Some(text) => Ok(Some(text.to_owned())),
        };
        Ok(PublicFilter {
            category: check("category", &self.category)?,
            tag: check("tag", &self.tag)?,
            featured: self.featured,
            q: check("q", &self.q)?,
        })
    }

    /// Filters of public lists are refused elsewhere: left out in silence, they would be taken for kept.
    fn only_scope(&self) -> Result<(), FieldError> {
        let given = [
            ("category", self.category.is_some()),
            ("tag", self.tag.is_some()),
            ("featured", self.featured.is_some()),
            ("q", self.q.is_some()),
            ("sort", self.sort.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(FieldError::new(field, "goes with scope=public")),
            None => Ok(()),
        }
    }
}

/// A page of conversations, as its scope has them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum ListBody {
    Own(Page<ConversationView>),
    Public(Page<PublicConversationView>),
    Deleted(Page<DeletedConversationView>),
}

/// List conversations
///
/// With a token one's own, the one last spoken in first, each with its last message and how far one has read. Without
/// one, or with `scope=public`, those that everybody may find. With `scope=deleted` those that one can bring back.
#[utoipa::path(
    operation_id = "listConversations",
    tag = "conversations",
    security((), ("bearer" = [])),
    params(PageParams, ListQuery),
    responses(
        (status = 200, description = "One page of them", body = ListBody),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "A token that does not hold, or none where one is needed", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/conversations")]
pub(super) async fn list(
    caller: OptionalCaller,
    request: HttpRequest,
    page: PageQuery,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<ListBody>> {
    let query = ListQuery::read(&request)?;
    let scope = query.scope.unwrap_or(if caller.0.is_some() { Scope::Own } else { Scope::Public });
    let signed_in =
        || caller.0.ok_or_else(|| ApiError::unauthenticated("sign in first: scope=public needs no token"));
    let body = match scope {
        Scope::Own => {
            query.only_scope()?;
            let Caller { user, .. } = signed_in()?;
            cursor::position(&page)?;
            ListBody::Own(conversations.list(user, &page).await?)
        }
        Scope::Public => {
            let order = query.sort.unwrap_or_default().into();
            ListBody::Public(conversations.listed(&query.filter()?, order, &page).await?)
        }
        Scope::Deleted => {
            query.only_scope()?;
            let Caller { user, .. } = signed_in()?;
            ListBody::Deleted(conversations.deleted(user, &page).await?)
        }
    };
    Ok(web::Json(body))
}

/// List featured conversations
///
/// Public ones that an admin chose, the one last spoken in first.
#[utoipa::path(
    operation_id = "listFeaturedConversations",
    tag = "conversations",
    security(()),
    params(PageParams),
    responses(
        (status = 200, description = "One page of them", body = Page<PublicConversationView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/conversations/featured")]
pub(super) async fn featured(
    page: PageQuery,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<Page<PublicConversationView>>> {
    let filter = PublicFilter { featured: Some(true), ..PublicFilter::default() };
    Ok(web::Json(conversations.listed(&filter, PublicOrder::Recent, &page).await?))
}

#[derive(Debug, Serialize, ToSchema)]
struct CategoriesBody {
    /// The fullest first; at most 200, and those that the server's settings name.
    items: Vec<CategoryView>,
}

/// List the categories of public conversations
#[utoipa::path(
    operation_id = "listConversationCategories",
    tag = "conversations",
    security(()),
    responses(
        (status = 200, description = "Each with the number of its public conversations", body = CategoriesBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/conversations/categories")]
pub(super) async fn categories(
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<CategoriesBody>> {
    Ok(web::Json(CategoriesBody { items: conversations.categories().await? }))
}

/// Get the numbers of conversations
///
/// Of all public ones; with a token also of one's own.
#[utoipa::path(
    operation_id = "getConversationStatistics",
    tag = "conversations",
    security((), ("bearer" = [])),
    responses(
        (status = 200, description = "The numbers", body = ConversationStatisticsView),
        (status = 401, description = "A token that does not hold", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/conversations/stats")]
pub(super) async fn statistics(
    caller: OptionalCaller,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<ConversationStatisticsView>> {
    let user = caller.0.map(|caller| caller.user);
    Ok(web::Json(conversations.statistics(user).await?))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct FindQuery {
    /// Words, as one writes them in a web search: `"a phrase"`, `or`, `-without`. At most 200 characters.
    q: Option<String>,
}

/// Find conversations
///
/// Public ones, and with a token one's own too: first those whose title, category or tags fit, then those in which
/// something was said that fits.
#[utoipa::path(
    operation_id = "searchConversations",
    tag = "conversations",
    security((), ("bearer" = [])),
    params(PageParams, FindQuery),
    responses(
        (status = 200, description = "One page of them", body = Page<ConversationHit>),
        (status = 400, description = "A parameter is not valid, or q has no words", body = ErrorBody),
        (status = 401, description = "A token that does not hold", body = ErrorBody),
        (status = 429, description = "Too many searches", body = ErrorBody),
        (status = 503, description = "The database is away, or the words are too common", body = ErrorBody),
    ),
)]
#[get("/conversations/search")]
pub(super) async fn find(
    caller: OptionalCaller,
    query: web::Query<FindQuery>,
    page: PageQuery,
    conversations: web::Data<Conversations>,
) -> ApiResult<web::Json<Page<ConversationHit>>> {
    let q = SearchText::parse(query.q.as_deref())?;
    let user = caller.0.map(|caller| caller.user);
    Ok(web::Json(conversations.search_conversations(user, &q, &page).await?))
}
