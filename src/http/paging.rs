//! Lists: `?limit=` with either `?page=` or `?cursor=`, and the page that answers them.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::{ApiError, FieldError};

pub const PAGE_LIMIT_DEFAULT: u32 = 20;
pub const PAGE_LIMIT_MAX: u32 = 100;
/// Pages beyond this are refused: an offset that deep makes the database count millions of rows. Use a cursor.
const PAGE_MAX: u32 = 10_000;
const CURSOR_MAX_BYTES: usize = 512;

/// Which part of a list is wanted. An extractor; made by hand with [`PageQuery::parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// Items of one page, 1 to 100.
    pub limit: u32,
    /// Page number from 1; `None` when going by cursor, or for the first page.
    pub page: Option<u32>,
    /// Opaque: what the page before gave as `nextCursor`.
    pub cursor: Option<String>,
}

impl Default for PageQuery {
    fn default() -> Self {
        Self { limit: PAGE_LIMIT_DEFAULT, page: None, cursor: None }
    }
}

/// The query parameters of every list, for the API's documentation and for reading.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Items of one page, 1 to 100; 20 without it.
    limit: Option<u32>,
    /// Page number from 1. Not together with `cursor`.
    page: Option<u32>,
    /// `nextCursor` of the page before. Not together with `page`.
    cursor: Option<String>,
}

impl PageQuery {
    pub fn parse(limit: Option<u32>, page: Option<u32>, cursor: Option<String>) -> Result<Self, FieldError> {
        let limit = limit.unwrap_or(PAGE_LIMIT_DEFAULT);
        if !(1..=PAGE_LIMIT_MAX).contains(&limit) {
            return Err(FieldError::new("limit", "takes 1 to 100"));
        }
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        if page.is_some() && cursor.is_some() {
            return Err(FieldError::new("page", "does not go together with cursor"));
        }
        if page.is_some_and(|page| !(1..=PAGE_MAX).contains(&page)) {
            return Err(FieldError::new("page", "takes 1 to 10000; go on by cursor after that"));
        }
        if cursor.as_ref().is_some_and(|cursor| cursor.len() > CURSOR_MAX_BYTES) {
            return Err(FieldError::new("cursor", "is none of ours"));
        }
        Ok(Self { limit, page, cursor })
    }

    /// Items to leave out before this page, when going by page number.
    #[must_use]
    pub fn skip(&self) -> u64 {
        u64::from(self.page.unwrap_or(1).saturating_sub(1)) * u64::from(self.limit)
    }
}

impl FromRequest for PageQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let page = web::Query::<PageParams>::from_query(request.query_string())
            .map_err(|_| ApiError::malformed("limit and page take whole numbers"))
            .and_then(|params| {
                let PageParams { limit, page, cursor } = params.into_inner();
                Ok(Self::parse(limit, page, cursor)?)
            });
        ready(page)
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The page's number from 1; null when going by cursor.
    pub page: Option<u32>,
    pub limit: u32,
    /// Items in the whole list; null where counting them would cost more than they are worth.
    pub total: Option<u64>,
    /// Give this as `cursor` to go on; null at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    #[must_use]
    pub fn new(query: &PageQuery, items: Vec<T>, total: Option<u64>, next_cursor: Option<String>) -> Self {
        let page = if query.cursor.is_some() { None } else { Some(query.page.unwrap_or(1)) };
        Self { items, page, limit: query.limit, total, next_cursor }
    }

    /// The same page of other items.
    #[must_use]
    pub fn map<U>(self, of: impl FnMut(T) -> U) -> Page<U> {
        let Self { items, page, limit, total, next_cursor } = self;
        Page { items: items.into_iter().map(of).collect(), page, limit, total, next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn of(uri: &str) -> Result<PageQuery, ApiError> {
        let (request, mut payload) = TestRequest::with_uri(uri).to_http_parts();
        PageQuery::from_request(&request, &mut payload).into_inner()
    }

    #[test]
    fn a_list_without_parameters_is_its_first_twenty() {
        assert_eq!(of("/x").unwrap(), PageQuery::default());
        assert_eq!(of("/x?limit=100&page=3").unwrap().skip(), 200);
        assert_eq!(of("/x?cursor=abc&other=1").unwrap().cursor.as_deref(), Some("abc"));
    }

    #[test]
    fn a_page_that_cannot_be_is_refused_by_name() {
        for (uri, field) in [
            ("/x?limit=0", "limit"),
            ("/x?limit=101", "limit"),
            ("/x?page=0", "page"),
            ("/x?page=2&cursor=a", "page"),
            ("/x?page=10001", "page"),
        ] {
            assert_eq!(of(uri).unwrap_err().details[0].field, field, "{uri}");
        }
        assert!(of("/x?limit=many").is_err());
        assert!(of(&format!("/x?cursor={}", "a".repeat(513))).is_err());
    }
}
